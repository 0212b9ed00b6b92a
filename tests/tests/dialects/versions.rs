//! The version of its dialect that a client speaks goes on with its body, and nowhere else.

use tollgate_tests::client::{ask, request};

use crate::shop::open;
use crate::speech::{Ask, Client};

const WHOLE: Ask = Ask { stream: false, cap: 20, thinks: false };

#[test]
fn a_relayed_message_keeps_its_version_and_a_translated_one_has_ours() {
    let stand = open();
    for (client, version, expected) in [
        (Client::Messages, "2026-10-21", "2026-10-21"),
        (Client::Messages, "2023-06-01", "2023-06-01"),
        (Client::Messages, "next, please", "2023-06-01"),
        (Client::Chat, "2026-10-21", "2023-06-01"),
    ] {
        let body = client.body("a/chat", "hello", WHOLE).to_string();
        let headers = [
            ("x-api-key", stand.customer.key.as_str()),
            ("content-type", "application/json"),
            ("anthropic-version", version),
        ];
        let path = client.path("a/chat", false);
        let sent = request("POST", &path, &headers, body.as_bytes());
        let answer = ask(stand.gateway.config.data_addr, &sent);
        assert_eq!(answer.status(), 200, "{client:?} {version}: {}", answer.text());
        let head = stand.upstream.last_head();
        assert!(head.contains(&format!("anthropic-version: {expected}\r\n")), "{head}");
    }
}
