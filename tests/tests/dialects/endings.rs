//! How answers end in every pair: at a limit, by a failure, by a client that leaves.

use serde_json::Value;
use tollgate_tests::checker::check;
use tollgate_tests::client::request;
use tollgate_tests::wait_for;

use std::time::Duration;

use crate::shop::{open, pairs, send};
use crate::speech::{Ask, Client};

const STREAM: Ask = Ask { stream: true, cap: 400, thinks: false };

#[test]
fn a_provider_that_dies_in_the_middle_ends_in_an_error_of_the_clients_dialect() {
    let stand = open();
    for fault in ["tokens:60+cut", "tokens:60+reset-mid", "tokens:60+error-mid:529"] {
        stand.upstream.fault(fault);
        for (client, model) in pairs() {
            let body = client.body(model, "Will this end well?", STREAM);
            let answer = send(&stand, &client.path(model, true), &body);
            let case = format!("{fault} {client:?} {model}: {}", answer.text());
            assert_eq!(answer.status(), 200, "{case}");
            let heard = client.hear(&answer, true);
            assert!(heard.finish.is_empty(), "{case}");
            let error = heard.error.unwrap_or_else(|| panic!("{case}"));
            check_error(client, &error);
        }
    }
    // What did not come to its end is not charged.
    let account = stand.gateway.settled(&stand.customer.account, |account| account.held.is_zero());
    assert!(account.spent.is_zero(), "{account:?}");
}

fn check_error(client: Client, error: &Value) {
    let message = match client {
        Client::Chat => &error["error"]["message"],
        Client::Responses => error.pointer("/response/error/message").unwrap_or(&error["message"]),
        Client::Messages => &error["error"]["message"],
        Client::Gemini => &error["error"]["message"],
    };
    assert!(message.as_str().is_some_and(|message| message.contains("provider")), "{error}");
    if client == Client::Messages {
        assert_eq!(error["type"], "error");
        assert!(error["error"]["type"].is_string(), "{error}");
    }
    if client == Client::Gemini {
        assert!(error["error"]["code"].is_u64() && error["error"]["status"].is_string(), "{error}");
    }
}

#[test]
fn a_provider_that_ignores_its_cap_is_cut_and_the_answer_ends_as_one_that_reached_it() {
    let stand = open();
    stand.upstream.fault("ignore-cap:3000");
    for (client, model) in pairs() {
        let ask = Ask { cap: 64, ..STREAM };
        let body = client.body(model, "How long will this be?", ask);
        let answer = send(&stand, &client.path(model, true), &body);
        let case = format!("{client:?} {model}: {}", answer.text());
        let heard = client.hear(&answer, true);
        assert_eq!(heard.finish, client.cut(), "{case}");
        assert_eq!(heard.error, None, "{case}");
    }
}

#[test]
fn an_answer_without_its_end_is_none() {
    let stand = open();
    for (client, model) in pairs() {
        stand.upstream.fault("no-head");
        let body = client.body(model, "Is anybody there?", STREAM);
        let answer = send(&stand, &client.path(model, true), &body);
        assert_eq!(answer.status(), 502, "{client:?} {model}: {}", answer.text());
    }
    let account = stand.gateway.settled(&stand.customer.account, |account| account.held.is_zero());
    assert!(account.spent.is_zero(), "{account:?}");
}

#[test]
fn a_client_that_leaves_is_charged_for_what_was_made_until_then() {
    let stand = open();
    stand.upstream.fault("rate:200+tokens:400");
    for (client, model) in pairs() {
        let mut connection = stand.gateway.connect();
        let body = client.body(model, "Are you still there?", STREAM).to_string();
        let path = client.path(model, true);
        let headers =
            [("x-api-key", stand.customer.key.as_str()), ("content-type", "application/json")];
        connection.send(&request("POST", &path, &headers, body.as_bytes()));
        assert_eq!(connection.read_head().unwrap().status, 200, "{client:?} {model}");
        for _ in 0..12 {
            connection.read_event().unwrap();
        }
        connection.reset();
    }
    let admin = &stand.gateway.admin;
    let generations = wait_for("all are settled", Duration::from_secs(20), || {
        let all = admin.generations(&stand.customer.account);
        (all.len() == 12).then_some(all)
    });
    for generation in &generations {
        assert_eq!(generation["outcome"], "client_gone", "{generation}");
        assert_ne!(generation["charged"], "0", "{generation}");
    }
}

#[test]
fn a_provider_without_an_end_mark_is_believed_once_the_answer_is_whole() {
    let stand = open();
    stand.upstream.fault("fin-no-done");
    for (client, model) in pairs() {
        let body = client.body(model, "Is that all?", Ask { cap: 20, ..STREAM });
        let answer = send(&stand, &client.path(model, true), &body);
        let heard = client.hear(&answer, true);
        assert_eq!(heard.finish, client.cut(), "{client:?} {model}: {}", answer.text());
        assert_eq!(heard.error, None);
    }
    check(&stand.gateway, &[&stand.upstream], &[&stand.customer.account]);
}
