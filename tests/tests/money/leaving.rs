//! Clients that leave: what is charged follows from how far the request had come, and from whether
//! the provider stops billing when it is told.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use sandbox::Outcome;
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use tollgate_tests::admin::Customer;
use tollgate_tests::checker::{Generation, check};
use tollgate_tests::client::{Client, chat_request};
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;
use tollgate_tests::wait_for;

use crate::SOON;
use crate::load::{Job, Shape};

/// A gateway before one provider, which is read to its end for clients that left.
fn draining(upstream: &Upstream, endpoints: &[(&str, &str)], limits: &str) -> Gateway {
    let mut config = Config::new()
        .provider("up", &upstream.base_url(), "on_client_abort = \"drain\"")
        .model("up/chat", endpoints, &Prices::new("1", "10"), "");
    config.limits = limits.to_owned();
    Gateway::start(config)
}

/// Asks, and does not wait.
fn asked(gateway: &Gateway, customer: &Customer, shape: Shape) -> Client {
    let mut client = gateway.connect();
    client.send(&chat_request(&customer.key, &Job::of("up/chat", shape).body(1)));
    client
}

/// The generations of an account, oldest first, once there are so many and the books are right.
fn ended(
    gateway: &Gateway,
    upstreams: &[&Upstream],
    customer: &Customer,
    count: usize,
) -> Vec<Generation> {
    wait_for("the requests end", SOON, || {
        let told = gateway.admin.generations(&customer.account);
        (told.len() == count).then_some(())
    });
    let mut generations = check(gateway, upstreams, &[&customer.account]);
    generations.reverse();
    generations
}

fn is_flagged(generation: &Generation, flag: &str) -> bool {
    generation.flags.iter().any(|known| known == flag)
}

/// An address whose queue of connections is full: another one is never made. What fills it must
/// be kept.
fn full_queue() -> (SocketAddr, Socket, Vec<TcpStream>) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let addr = listener.local_addr().unwrap().as_socket().unwrap();
    let first = TcpStream::connect(addr).unwrap();
    (addr, listener, vec![first])
}

#[test]
fn a_client_that_leaves_while_its_provider_is_being_reached_pays_nothing() {
    let (full, _queue, _filling) = full_queue();
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let shaking = format!("https://{}/v1", mute.local_addr().unwrap());
    for url in [format!("http://{full}/v1"), shaking] {
        let config = Config::new().provider("up", &url, "").model(
            "up/chat",
            &[("up", "chat")],
            &Prices::new("1", "10"),
            "",
        );
        let gateway = Gateway::start(config);
        let customer = gateway.admin.customer("hasty", "1");
        let client = asked(&gateway, &customer, Shape::Stream);
        wait_for("credit is held", SOON, || {
            let account = gateway.admin.account(&customer.account);
            (!account.held.is_zero()).then_some(())
        });
        drop(client);
        let generation = ended(&gateway, &[], &customer, 1).remove(0);
        assert_eq!(generation.outcome, "client_gone_before_dispatch", "{url}: {generation:?}");
        assert!(generation.charged.is_zero(), "{url}: {generation:?}");
        let account = gateway.admin.account(&customer.account);
        assert_eq!(account.available, account.balance, "{url}");
    }
}

#[test]
fn so_many_are_read_to_their_end_and_the_others_are_given_up_at_once() {
    let upstream = Upstream::paced(10, 40);
    let gateway = draining(&upstream, &[("up", "chat")], "drains_per_core = 1\n");
    let customer = gateway.admin.customer("leaving", "1");
    for _ in 0..2 {
        let mut client = asked(&gateway, &customer, Shape::Stream);
        assert_eq!(client.read_head().unwrap().status, 200);
        assert!(client.read_event().unwrap().is_some());
    }
    let generations = ended(&gateway, &[&upstream], &customer, 2);
    let (drained, given_up): (Vec<_>, Vec<_>) =
        generations.iter().partition(|generation| is_flagged(generation, "drained"));
    assert_eq!((drained.len(), given_up.len()), (1, 1), "{generations:?}");
    assert!(drained[0].reported && !given_up[0].reported, "{generations:?}");
    for generation in &generations {
        assert_eq!(generation.outcome, "client_gone");
        assert!(!generation.charged.is_zero());
    }
    assert!(drained[0].charged > given_up[0].charged, "{generations:?}");
    let outcomes: Vec<_> = upstream.truths().iter().map(|truth| truth.outcome).collect();
    assert!(outcomes.contains(&Outcome::Finished) && outcomes.contains(&Outcome::Aborted));
}

#[test]
fn a_silent_provider_is_drained_for_so_long_and_no_longer() {
    let upstream = Upstream::start();
    upstream.fault("stall:9000");
    let gateway = draining(&upstream, &[("up", "chat")], "abandoned_drain_ms = 500\n");
    let customer = gateway.admin.customer("gone", "1");
    for (number, shape) in [Shape::Whole, Shape::Stream].into_iter().enumerate() {
        let client = asked(&gateway, &customer, shape);
        wait_for("the provider is asked", SOON, || (upstream.truth().len() > number).then_some(()));
        drop(client);
        let generation = ended(&gateway, &[&upstream], &customer, number + 1).remove(number);
        assert_eq!((generation.outcome.as_str(), generation.reported), ("client_gone", false));
        assert!(!is_flagged(&generation, "drained"), "{generation:?}");
        assert!(!generation.charged.is_zero() && generation.usage.output_total() == 0);
    }
    assert!(upstream.truths().iter().all(|truth| truth.outcome == Outcome::Aborted));
}

#[test]
fn a_provider_that_dies_while_it_is_drained_is_paid_for_and_no_other_is_asked() {
    let both = [("up", "fault/stall:1500+reset-head"), ("up", "chat")];
    let upstream = Upstream::start();
    let gateway = draining(&upstream, &both, "");
    let customer = gateway.admin.customer("gone", "1");
    for (number, shape) in [Shape::Whole, Shape::Stream].into_iter().enumerate() {
        let client = asked(&gateway, &customer, shape);
        wait_for("the provider is asked", SOON, || (upstream.truth().len() > number).then_some(()));
        drop(client);
        let generation = ended(&gateway, &[&upstream], &customer, number + 1).remove(number);
        assert_eq!(generation.outcome, "client_gone", "{generation:?}");
        assert!(!generation.charged.is_zero() && !generation.reported, "{generation:?}");
        assert_eq!(upstream.truths().len(), number + 1, "it was asked again for nobody");
    }
}

#[test]
fn a_provider_that_refuses_while_it_is_drained_is_not_paid_for() {
    let both = [("up", "fault/stall:1500+status:500"), ("up", "chat")];
    let upstream = Upstream::start();
    let gateway = draining(&upstream, &both, "");
    let customer = gateway.admin.customer("gone", "1");
    let client = asked(&gateway, &customer, Shape::Whole);
    wait_for("the provider is asked", SOON, || (!upstream.truth().is_empty()).then_some(()));
    drop(client);
    let generation = ended(&gateway, &[&upstream], &customer, 1).remove(0);
    assert_eq!(generation.outcome, "upstream_failed", "{generation:?}");
    assert!(generation.charged.is_zero() && upstream.truths().len() == 1, "{generation:?}");
}

/// What a request for a whole answer comes to whose client leaves once `waits` is over: nobody
/// told its usage.
fn left_whole(fault: &str, waits: impl FnOnce(&Upstream)) -> (Upstream, Gateway, Generation) {
    let upstream = Upstream::start();
    let gateway = Gateway::start(Config::simple(&upstream.base_url()));
    let customer = gateway.admin.customer("impatient", "1");
    upstream.fault(fault);
    let client = asked(&gateway, &customer, Shape::Whole);
    waits(&upstream);
    drop(client);
    let generation = ended(&gateway, &[&upstream], &customer, 1).remove(0);
    assert_eq!((generation.outcome.as_str(), generation.reported), ("client_gone", false));
    (upstream, gateway, generation)
}

#[test]
fn a_client_that_leaves_a_whole_answer_pays_for_what_had_come_of_it() {
    let (upstream, _gateway, generation) = left_whole("rate:80+endless", |_| {
        std::thread::sleep(Duration::from_millis(900));
    });
    let (said, made) = (generation.usage.output_total(), upstream.truths()[0].billed.completion);
    assert!(said > 30 && said <= made + 8, "{said} of {made}");
    assert!(generation.held.is_some_and(|held| generation.charged <= held), "{generation:?}");
}

#[test]
fn a_client_that_leaves_before_the_first_byte_pays_for_what_it_asked() {
    let (_upstream, gateway, generation) = left_whole("stall:8000", |upstream| {
        wait_for("the provider is asked", SOON, || (!upstream.truth().is_empty()).then_some(()));
    });
    assert!(generation.usage.input_total() > 0 && generation.usage.output_total() == 0);
    assert!(!generation.charged.is_zero(), "{generation:?}");
    let told: Value = gateway.admin.get(&format!("/admin/v1/generations/{}", generation.id));
    assert_eq!(told["attempts"][0]["status"], 499, "{told}");
}
