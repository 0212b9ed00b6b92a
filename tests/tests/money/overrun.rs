//! Providers that ignore their limit: a stream is cut, a whole answer is paid from free credit as
//! far as there is any, and what is left is written off, counted and shown.

use serde_json::{Map, Value, json};
use tollgate_tests::checker::{Generation, check};
use tollgate_tests::client::Answer;
use tollgate_tests::config::Config;
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;
use tollgate_tests::wait_for;
use units::{TokenClass, Usd};

use crate::SOON;

fn start() -> (Upstream, Gateway) {
    let upstream = Upstream::start();
    upstream.fault("ignore-cap:1500");
    let gateway = Gateway::start(Config::simple(&upstream.base_url()));
    (upstream, gateway)
}

fn ask(gateway: &Gateway, key: &str, is_stream: bool) -> Answer {
    let question = json!([{ "role": "user", "content": "how long?" }]);
    let body = json!({
        "model": "up/chat", "messages": question, "max_tokens": 20, "stream": is_stream,
    });
    let answer = gateway.chat(key, &body);
    assert_eq!((answer.status(), answer.cut), (200, None), "{}", answer.text());
    answer
}

/// The one generation of an account, once the books agree with the provider.
fn only(gateway: &Gateway, upstream: &Upstream, account: &str) -> Generation {
    gateway.settled(account, |account| !account.spent.is_zero());
    let mut generations = check(gateway, &[upstream], &[account]);
    assert_eq!(generations.len(), 1, "{generations:?}");
    generations.remove(0)
}

fn sum(amounts: [Usd; 2]) -> Usd {
    amounts.into_iter().sum()
}

#[test]
fn a_whole_answer_beyond_its_limit_is_paid_from_free_credit() {
    let (upstream, gateway) = start();
    let customer = gateway.admin.customer("rich", "1");
    ask(&gateway, &customer.key, false);
    let generation = only(&gateway, &upstream, &customer.account);
    assert_eq!(generation.usage[TokenClass::Output], 1500);
    assert!(generation.held.is_some_and(|held| generation.charged > held), "{generation:?}");
    assert!(generation.written_off.is_zero() && generation.reported, "{generation:?}");
    assert_eq!(generation.flags, ["overrun"]);
}

#[test]
fn what_neither_hold_nor_free_credit_covers_is_written_off_and_shown() {
    let (upstream, gateway) = start();
    let customer = gateway.admin.customer("poor", "0.001");
    ask(&gateway, &customer.key, false);
    let generation = only(&gateway, &upstream, &customer.account);
    let all: Usd = "0.001".parse().unwrap();
    assert_eq!(generation.charged, all, "the hold, and all that was free");
    assert!(!generation.written_off.is_zero(), "{generation:?}");
    assert_eq!(generation.flags, ["overrun"]);
    let cost = sum([generation.charged, generation.written_off]);
    assert_eq!(generation.list_cost, Some(cost), "the provider wants all of it");

    let told = gateway.admin.get(&format!("/admin/v1/accounts/{}", customer.account));
    assert_eq!(
        (&told["balance"], &told["written_off"]),
        (&json!("0"), &json!(generation.written_off))
    );
    let status = gateway.admin.get("/admin/v1/status");
    assert_eq!(status["written_off"], json!(generation.written_off));
    wait_for("the metrics tell it", SOON, || {
        let counts = ["tollgate_write_offs_total", "tollgate_overruns_total"]
            .map(|name| gateway.admin.metric(name));
        (counts == [1.0, 1.0]).then_some(())
    });
    let page = gateway.admin.call("GET", "/metrics", &Value::Null);
    let line = format!("\nledger_written_off_usd {}\n", generation.written_off);
    assert!(page.text().contains(&line), "{line}");
    for name in ["panics", "dropped_holds", "estimated", "charged", "voided"] {
        assert!(page.text().contains(&format!("\ntollgate_{name}_total{{")), "{name}");
    }
    for name in ["tollgate_panics_total", "tollgate_dropped_holds_total"] {
        assert!(gateway.admin.metric(name) == 0.0, "{name}");
    }
}

#[test]
fn a_key_with_a_limit_never_pays_beyond_its_hold() {
    let (upstream, gateway) = start();
    let customer = gateway.admin.customer("careful", "1");
    let key = gateway.admin.make_key(&customer.account, &json!({ "limit": "0.01" }));
    ask(&gateway, &key, false);
    let generation = only(&gateway, &upstream, &customer.account);
    assert_eq!(Some(generation.charged), generation.held);
    assert!(!generation.written_off.is_zero(), "{generation:?}");
}

/// A call's arguments come in chunks of much JSON and little text.
#[test]
fn a_call_of_a_tool_that_keeps_to_its_limit_is_not_cut() {
    let upstream = Upstream::start();
    upstream.fault("chunk:1");
    let gateway = Gateway::start(Config::simple(&upstream.base_url()));
    let customer = gateway.admin.customer("calling", "1");
    let text = json!({ "type": "string", "minLength": 9 });
    let names: Vec<_> = (0..40).map(|number| format!("field_{number}")).collect();
    let properties: Map<_, _> = names.iter().map(|name| (name.clone(), text.clone())).collect();
    let schema = json!({ "type": "object", "properties": properties, "required": names });
    let tool = json!({ "type": "function", "function": { "name": "fill", "parameters": schema } });
    let body = json!({
        "model": "up/chat", "messages": [{ "role": "user", "content": "fill it in" }],
        "max_tokens": 150, "stream": true, "tools": [tool],
    });
    let answer = gateway.chat(&customer.key, &body);
    assert!(answer.text().contains("tool_calls") && answer.events().len() > 100);
    let generation = only(&gateway, &upstream, &customer.account);
    assert_eq!((generation.outcome.as_str(), generation.reported), ("complete", true));
    assert_eq!(generation.usage[TokenClass::Output], 150, "{generation:?}");
    assert!(generation.flags.is_empty(), "{generation:?}");
}

#[test]
fn a_stream_beyond_its_limit_is_cut_cleanly_and_charged_its_hold() {
    let (upstream, gateway) = start();
    let customer = gateway.admin.customer("streaming", "1");
    let events = ask(&gateway, &customer.key, true).events();
    let [rest @ .., last, done] = events.as_slice() else { panic!("{events:?}") };
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!((done.as_str(), &last["choices"][0]["finish_reason"]), ("[DONE]", &json!("length")));
    assert!(rest.len() < 200 && !rest.iter().any(|event| event.contains("\"error\"")));
    let generation = only(&gateway, &upstream, &customer.account);
    assert_eq!(generation.outcome, "cut_at_hold");
    assert_eq!(Some(generation.charged), generation.held);
    assert!(generation.flags.contains(&"overrun".to_owned()), "{generation:?}");
    assert!(generation.written_off.is_zero(), "{generation:?}");
}
