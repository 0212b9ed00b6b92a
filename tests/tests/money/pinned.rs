//! A price is that of the moment when credit was held: what is published later touches no request
//! that runs, nor what a crash leaves of one.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_tests::admin::Customer;
use tollgate_tests::checker::check;
use tollgate_tests::client::{Client, chat_request};
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;
use tollgate_tests::wait_for;

use crate::SOON;
use crate::load::{Job, Shape};

const OLD: [&str; 2] = ["1", "10"];
const NEW: [&str; 2] = ["3", "50"];

fn gateway(upstream: &Upstream) -> Gateway {
    let endpoints = [("up", "fault/status:500"), ("up", "fault/rate:40+tokens:80")];
    let config = Config::new().provider("up", &upstream.base_url(), "").model(
        "up/chat",
        &endpoints,
        &Prices::new(OLD[0], OLD[1]),
        "",
    );
    Gateway::start(config)
}

/// Publishes the model at other prices.
fn reprice(gateway: &Gateway, [input, output]: [&str; 2]) {
    let price = json!({ "input": input, "output": output });
    let endpoint = json!([{
        "provider": "up", "model": "fault/rate:0+tokens:80", "list": price, "price": price,
    }]);
    let model = json!({
        "name": "Chat", "kind": "chat", "context": 128_000, "max_output": 16_384,
        "input_modalities": ["text"], "output_modalities": ["text"], "parameters": [],
        "endpoint": endpoint,
    });
    gateway.admin.put("/admin/v1/models/up/chat", &model);
}

fn begin(gateway: &Gateway, customer: &Customer) -> Client {
    let mut client = gateway.connect();
    let body = Job::of("up/chat", Shape::StreamUsage).body(3);
    client.send(&chat_request(&customer.key, &body));
    assert_eq!(client.read_head().unwrap().status, 200);
    for _ in 0..4 {
        assert!(client.read_event().unwrap().is_some());
    }
    client
}

fn newest(gateway: &Gateway, customer: &Customer) -> Value {
    gateway.admin.generations(&customer.account).remove(0)
}

#[test]
fn a_price_that_changes_while_a_stream_runs_does_not_touch_it() {
    let upstream = Upstream::start();
    let mut gateway = gateway(&upstream);
    let customer = gateway.admin.customer("steady", "1");
    let mut client = begin(&gateway, &customer);
    reprice(&gateway, NEW);
    let mut events = Vec::new();
    while let Some(event) = client.read_event().unwrap() {
        events.push(event);
    }
    assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
    check(&gateway, &[&upstream], &[&customer.account]);
    let told = newest(&gateway, &customer);
    assert_eq!((&told["price"]["output"], &told["usage"]["output"]), (&json!("10"), &json!(80)));

    let answer = gateway.chat(&customer.key, &Job::of("up/chat", Shape::Whole).body(4));
    assert_eq!(answer.status(), 200, "{}", answer.text());
    gateway.settled(&customer.account, |_| gateway.admin.generations(&customer.account).len() == 2);
    let told = newest(&gateway, &customer);
    let prices = Prices::new(NEW[0], NEW[1]);
    let usage = tollgate_tests::checker::Generation::read(&told).usage;
    assert_eq!(told["charged"], json!(prices.cost(&usage)), "the next one costs the new price");
    // Both are right by the prices that each was held at; the log keeps them apart.
    gateway.kill();
    gateway.restart();
    assert_eq!(newest(&gateway, &customer)["price"]["output"], "50");
}

#[test]
fn a_crash_before_any_delivered_work_was_written_down_costs_nothing() {
    let upstream = Upstream::start();
    upstream.fault("stall:9000");
    let mut gateway = Gateway::start(Config::simple(&upstream.base_url()));
    let customer = gateway.admin.customer("struck", "1");
    let mut client = gateway.connect();
    client.send(&chat_request(&customer.key, &Job::of("up/chat", Shape::Stream).body(3)));
    wait_for("the hold is in the books", SOON, || {
        let account = gateway.admin.account(&customer.account);
        (!account.held.is_zero() && !upstream.truth().is_empty()).then_some(())
    });
    gateway.kill();
    gateway.restart();
    drop(client);
    let generations = check(&gateway, &[&upstream], &[&customer.account]);
    let [generation] = generations.as_slice() else { panic!("{generations:?}") };
    assert_eq!((generation.outcome.as_str(), generation.charged.is_zero()), ("crash", true));
    let account = gateway.admin.account(&customer.account);
    assert_eq!((account.held.is_zero(), account.available), (true, account.balance));
}

#[test]
fn what_a_crash_leaves_of_a_stream_costs_the_price_it_was_held_at_and_says_who_served_it() {
    let upstream = Upstream::start();
    let mut gateway = gateway(&upstream);
    let customer = gateway.admin.customer("struck", "1");
    let client = begin(&gateway, &customer);
    reprice(&gateway, NEW);
    // Delivered work is written down each second.
    thread::sleep(Duration::from_millis(1500));
    gateway.kill();
    gateway.restart();
    drop(client);
    let generations = check(&gateway, &[&upstream], &[&customer.account]);
    let [generation] = generations.as_slice() else { panic!("{generations:?}") };
    assert_eq!((generation.outcome.as_str(), generation.reported), ("recovered", false));
    assert!(!generation.charged.is_zero());
    assert_eq!(generation.list_cost, Some(generation.charged), "it was sold at the list price");
    let told = newest(&gateway, &customer);
    assert_eq!(told["endpoint"]["model"], "fault/rate:40+tokens:80", "the second one served");
    assert_eq!(told["price"]["output"], "10");
    assert!(told["stream"] == true && told["flags"] == json!(["usage_missing"]), "{told}");
}
