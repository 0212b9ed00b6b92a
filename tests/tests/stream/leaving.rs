//! Clients that go away: what becomes of the provider's work is the operator's policy.

use std::time::{Duration, Instant};

use sandbox::{Outcome, Truth};
use serde_json::Value;
use tollgate_tests::client::{Client, chat_request};
use tollgate_tests::config::Config;
use tollgate_tests::stand::{Stand, hello, hello_stream};
use tollgate_tests::upstream::Upstream;
use tollgate_tests::wait_for;

/// By when a provider must know that nobody listens any more.
const SOON: Duration = Duration::from_secs(2);

/// A stream of about four seconds.
fn stand(policy: &str) -> Stand {
    let policy = format!("on_client_abort = \"{policy}\"");
    Stand::on(Upstream::paced(10, 10), |config| {
        let catalog = config.catalog.replace("on_client_abort = \"abort\"", &policy);
        assert!(catalog.contains(&policy));
        Config { catalog, ..config }
    })
}

fn forty(mut question: Value) -> Value {
    question["max_tokens"] = 40.into();
    question
}

/// Begins a stream and reads some events of it.
fn begun(stand: &Stand) -> Client {
    let mut client = stand.gateway.connect();
    client.send(&chat_request(&stand.customer.key, &forty(hello_stream())));
    assert_eq!(client.read_head().unwrap().status, 200);
    for _ in 0..4 {
        assert!(client.read_event().unwrap().is_some());
    }
    client
}

/// How the last request ended, once it has.
fn ended(stand: &Stand, most: Duration) -> Truth {
    wait_for("the provider's last request ends", most, || {
        let last = stand.upstream.truth().pop()?;
        (last.outcome != Outcome::Running).then_some(last)
    })
}

#[test]
fn a_provider_that_stops_billing_is_told_at_once() {
    let stand = stand("abort");
    let leaves: [fn(Client); 2] = [drop, Client::reset];
    for leave in leaves {
        let client = begun(&stand);
        let left = Instant::now();
        leave(client);
        let truth = ended(&stand, SOON);
        assert_eq!(truth.outcome, Outcome::Aborted);
        println!("the provider knew after {:?}", left.elapsed());
        assert!(truth.billed.completion < 30, "{truth:?}");
        let account =
            stand.gateway.settled(&stand.customer.account, |account| !account.spent.is_zero());
        let generation = stand.gateway.admin.generations(&account.id).remove(0);
        assert_eq!(generation["outcome"], "client_gone", "{generation}");
    }
}

#[test]
fn a_client_that_leaves_before_the_first_byte_is_noticed_too() {
    let stand = stand("abort");
    stand.upstream.fault("stall:8000");
    for question in [hello(), hello_stream()] {
        let asked = stand.upstream.truth().len();
        let mut client = stand.gateway.connect();
        client.send(&chat_request(&stand.customer.key, &forty(question)));
        wait_for("the provider is asked", SOON, || {
            (stand.upstream.truth().len() > asked).then_some(())
        });
        drop(client);
        assert_eq!(ended(&stand, SOON).outcome, Outcome::Aborted);
    }
    stand.gateway.settled(&stand.customer.account, |account| account.held.is_zero());
}

#[test]
fn a_provider_that_bills_to_the_end_is_read_to_the_end() {
    let stand = stand("drain");
    drop(begun(&stand));
    let truth = ended(&stand, Duration::from_secs(8));
    assert_eq!((truth.outcome, truth.billed.completion), (Outcome::Finished, 40));
    let account =
        stand.gateway.settled(&stand.customer.account, |account| !account.spent.is_zero());
    let generation = stand.gateway.admin.generations(&account.id).remove(0);
    assert_eq!(generation["usage"]["output"], 40, "{generation}");
    assert_eq!(generation["usage_source"], "reported", "{generation}");
}

#[test]
fn draining_for_those_who_left_has_an_end() {
    let stand = Stand::on(Upstream::paced(10, 10), |config| {
        let catalog = config.catalog.replace("\"abort\"", "\"drain\"");
        Config { catalog, limits: "abandoned_drain_ms = 500\n".to_owned(), ..config }
    });
    drop(begun(&stand));
    let truth = ended(&stand, SOON + SOON / 2);
    assert_eq!(truth.outcome, Outcome::Aborted);
}
