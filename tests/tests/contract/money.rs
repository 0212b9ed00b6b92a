//! What is not paid for, and what we have no room for.

use serde_json::json;
use tollgate_tests::client::chat_request;
use tollgate_tests::config::Config;
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::{CHAT, ROUTED_CHAT, Stand, hello, hello_stream};
use tollgate_tests::upstream::Upstream;

#[test]
fn no_money_is_a_402_that_no_sdk_repeats() {
    let stand = Stand::start();
    let admin = &stand.gateway.admin;
    let poor = admin.open_account("poor");
    let poor_key = admin.make_key(&poor, &json!({}));
    let limited = admin.make_key(&stand.customer.account, &json!({ "limit": "0.000001" }));
    for path in [CHAT, ROUTED_CHAT] {
        for (key, code) in [(&poor_key, "insufficient_credits"), (&limited, "key_limit_exceeded")] {
            let bearer = format!("Bearer {key}");
            let headers = [("authorization", bearer.as_str())];
            let body = hello().to_string();
            let request = tollgate_tests::client::request("POST", path, &headers, body.as_bytes());
            let answer = stand.send(&request);
            let error = check_refusal(&answer, Form::of(path), 402, code);
            assert_eq!(error["affordable_max_tokens"], 0, "{error}");
            assert!(answer.head.header("x-ratelimit-limit").is_some());
        }
    }
    // $0.0002 buys the input of one request and a few tokens more.
    admin.credit(&poor, "0.0002", "little");
    let mut greedy = hello();
    greedy["max_tokens"] = 1000.into();
    let answer = stand.gateway.chat(&poor_key, &greedy);
    let error = check_refusal(&answer, Form::OpenAi, 402, "insufficient_credits");
    let affordable = error["affordable_max_tokens"].as_u64().unwrap();
    assert!(affordable > 0 && affordable < 20, "{error}");
    greedy["max_tokens"] = affordable.into();
    assert_eq!(stand.gateway.chat(&poor_key, &greedy).status(), 200, "it was told the truth");
}

#[test]
fn beyond_what_a_core_runs_at_once_requests_are_refused() {
    let stand = Stand::on(Upstream::paced(50, 30), |config| Config {
        limits: "streams_per_core = 1\n".to_owned(),
        ..config
    });
    let mut busy = stand.gateway.connect();
    busy.send(&chat_request(&stand.customer.key, &hello_stream()));
    assert_eq!(busy.read_head().unwrap().status, 200);
    let error = check_refusal(&stand.chat(&hello()), Form::OpenAi, 503, "overloaded");
    assert_eq!(error["origin"], "gateway");
    while busy.read_event().unwrap().is_some() {}
    assert_eq!(stand.chat(&hello()).status(), 200);
}
