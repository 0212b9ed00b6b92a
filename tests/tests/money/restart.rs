//! What a restart keeps, and how a process ends that is asked to.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_tests::checker::check;
use tollgate_tests::client::{chat_request, request};
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;
use tollgate_tests::wait_for;

use crate::load::{Ending, Job, Shape, perform};

fn config(upstream: &Upstream) -> Config {
    let prices = Prices::new("1", "10");
    Config::new()
        .provider("up", &upstream.base_url(), "")
        .model("up/chat", &[("up", "chat")], &prices, "")
        .model("up/slow", &[("up", "fault/rate:40+tokens:60")], &prices, "")
}

/// All that an operator sees of the accounts, keys and models.
fn seen(gateway: &Gateway, account: &str) -> Vec<Value> {
    let models = request("GET", "/v1/models", &[("connection", "close")], b"");
    let models = tollgate_tests::client::ask(gateway.config.data_addr, &models);
    let paths = [
        format!("/admin/v1/accounts/{account}"),
        format!("/admin/v1/accounts/{account}/keys"),
        format!("/admin/v1/accounts/{account}/transactions"),
        format!("/admin/v1/accounts/{account}/generations"),
    ];
    let told = paths.iter().map(|path| gateway.admin.get(path));
    told.chain([models.json()]).collect()
}

#[test]
fn a_restart_keeps_keys_balances_and_catalog() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(config(&upstream));
    let customer = gateway.admin.customer("lasting", "3.000000000001");
    let limited = gateway.admin.make_key(&customer.account, &json!({ "limit": "1", "rpm": 500 }));
    let more = Prices::new("3", "4");
    let added = json!({
        "id": "up/added", "name": "Added", "kind": "chat", "context": 1000, "max_output": 100,
        "input_modalities": ["text"], "output_modalities": ["text"], "parameters": [],
        "endpoint": [{ "provider": "up", "model": "chat",
            "list": { "input": "3", "output": "4" }, "price": { "input": "3", "output": "4" } }],
    });
    gateway.admin.put("/admin/v1/models/up/added", &added);
    gateway.config.prices.push(("up/added".to_owned(), more));
    let serve = |gateway: &Gateway| {
        for (key, model) in [(&customer.key, "up/chat"), (&limited, "up/added")] {
            let seen = perform(gateway, key, Job::of(model, Shape::Stream), 1);
            assert_eq!(seen.ending, Ending::Complete, "{seen:?}");
        }
        check(gateway, &[&upstream], &[&customer.account]);
    };
    for is_asked in [true, false] {
        serve(&gateway);
        let before = seen(&gateway, &customer.account);
        if is_asked {
            assert!(gateway.stop().success());
        } else {
            gateway.kill();
        }
        gateway.restart();
        assert_eq!(seen(&gateway, &customer.account), before);
    }
    serve(&gateway);
}

#[test]
fn a_process_that_is_asked_to_end_finishes_its_streams_first() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(config(&upstream));
    let customer = gateway.admin.customer("patient", "1");
    let body = Job::of("up/slow", Shape::StreamUsage).body(7);
    let mut client = gateway.connect();
    client.send(&chat_request(&customer.key, &body));
    assert_eq!(client.read_head().unwrap().status, 200);
    for _ in 0..3 {
        assert!(client.read_event().unwrap().is_some());
    }
    gateway.term();
    wait_for("new connections are refused", Duration::from_secs(2), || {
        TcpStream::connect(gateway.config.data_addr).is_err().then_some(())
    });
    let mut last = Vec::new();
    while let Some(event) = client.read_event().expect("the stream goes on") {
        last.push(event);
    }
    assert_eq!(last.last().map(String::as_str), Some("[DONE]"));
    assert!(last.len() > 20, "the stream was over before the drain began");
    assert_eq!(gateway.stop().code(), Some(0));
    gateway.restart();
    let generations = check(&gateway, &[&upstream], &[&customer.account]);
    assert_eq!(generations.len(), 1);
    assert_eq!(generations[0].outcome, "complete");
}
