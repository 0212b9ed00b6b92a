//! A limit lowered to what the credit affords, money that is not there, and money that running
//! requests hold.

use serde_json::{Value, json};
use tollgate_tests::checker::check;
use tollgate_tests::client::chat_request;
use tollgate_tests::config::Config;
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;

fn question(max_tokens: u64, is_stream: bool) -> Value {
    json!({
        "model": "up/chat",
        "messages": [{ "role": "user", "content": "hello" }],
        "max_tokens": max_tokens,
        "stream": is_stream,
    })
}

#[test]
fn a_limit_is_lowered_to_what_the_credit_affords_and_says_so() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(Config::simple(&upstream.base_url()));
    let customer = gateway.admin.customer("modest", "0.01");
    let answer = gateway.chat(&customer.key, &question(4000, false));
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let lowered: u64 = answer.head.header("x-output-cap").expect("it says so").parse().unwrap();
    assert!((256..1000).contains(&lowered), "{lowered}");
    assert_eq!(upstream.last_body()["max_completion_tokens"], lowered);
    gateway.settled(&customer.account, |account| !account.spent.is_zero());
    let told = gateway.admin.generations(&customer.account).remove(0);
    assert_eq!((&told["output_cap"], &told["flags"]), (&json!(lowered), &json!(["cap_lowered"])));
    // What fits is not touched, and says nothing.
    let answer = gateway.chat(&customer.key, &question(100, false));
    assert_eq!((answer.status(), answer.head.header("x-output-cap")), (200, None));
    assert_eq!(upstream.last_body()["max_completion_tokens"], 100);
    // Nor can a model say more than it can.
    let rich = gateway.admin.customer("rich", "100");
    let answer = gateway.chat(&rich.key, &question(1_000_000, false));
    assert_eq!(answer.head.header("x-output-cap"), Some("16384"), "{}", answer.text());
    check(&gateway, &[&upstream], &[&customer.account, &rich.account]);
}

#[test]
fn money_that_a_running_request_holds_is_worth_waiting_for_and_money_that_is_gone_is_not() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(Config::simple(&upstream.base_url()));
    // Enough for one such request and a half.
    let customer = gateway.admin.customer("busy", "0.0062");
    upstream.fault("rate:100+tokens:60");
    let mut running = gateway.connect();
    running.send(&chat_request(&customer.key, &question(390, true)));
    assert_eq!(running.read_head().unwrap().status, 200);
    let reserved = gateway.chat(&customer.key, &question(390, false));
    assert_eq!(reserved.status(), 429, "{}", reserved.text());
    assert_eq!(reserved.json()["error"]["code"], "credits_reserved");
    assert!(reserved.head.header("retry-after").is_some());
    let gone = gateway.chat(&customer.key, &question(9000, false)).json();
    assert_eq!(gone["error"]["code"], "credits_reserved", "a lower limit would fit later: {gone}");
    while running.read_event().unwrap().is_some() {}
    gateway.settled(&customer.account, |account| !account.spent.is_zero());
    upstream.fault("");
    assert_eq!(gateway.chat(&customer.key, &question(390, false)).status(), 200);

    let broke = gateway.admin.customer("broke", "0.0005");
    let answer = gateway.chat(&broke.key, &question(390, false));
    assert_eq!(answer.status(), 402, "{}", answer.text());
    let error = answer.json()["error"].clone();
    assert_eq!(error["code"], "insufficient_credits", "{error}");
    let affordable = error["affordable_max_tokens"].as_u64().unwrap();
    assert!((1..50).contains(&affordable), "{error}");
    assert_eq!(gateway.chat(&broke.key, &question(affordable + 1, false)).status(), 402);
    assert_eq!(gateway.chat(&broke.key, &question(affordable, false)).status(), 200);
    check(&gateway, &[&upstream], &[&customer.account, &broke.account]);
}
