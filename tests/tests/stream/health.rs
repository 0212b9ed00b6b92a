//! Providers that fail for a while: others are asked first, nobody is asked too often, and nobody
//! is refused because of it.

use std::time::Instant;

use sandbox::{Pace, Settings};
use serde_json::{Value, json};
use tollgate_tests::client::Answer;
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::gateway::Gateway;
use tollgate_tests::stand::{Stand, hello, hello_stream};
use tollgate_tests::upstream::Upstream;

use crate::trio::Trio;

#[test]
fn a_dead_provider_costs_no_answer_and_is_left_alone() {
    const CONNECTIONS: usize = 8;
    let trio = Trio::start(2);
    trio.upstreams[0].fault("status:500");
    let mut statuses = trio.send(1, 8);
    let [before, ..] = trio.asked();
    assert!((4..=5).contains(&before), "{before} of eight are enough to ask others first");
    statuses.extend(trio.send(CONNECTIONS, 1249));
    assert_eq!(statuses.len(), 10_000);
    assert!(statuses.iter().all(|status| *status == 200), "nobody sees that it is dead");
    let [dead, second, third] = trio.asked();
    let (after, attempts) = (dead - before, dead + second + third);
    assert!(after * 1000 < attempts, "{after} of {attempts} were sent to it after its ejection");
}

#[test]
fn a_provider_that_takes_no_connection_is_left_alone() {
    let trio = Trio::start(1);
    trio.upstreams[0].refuse(true);
    assert!(trio.send(2, 50).iter().all(|status| *status == 200));
    let shown = trio.shown(0, |shown| shown["healthy"] == false);
    let failed = shown["failures_by_phase"]["connect"].as_u64().unwrap();
    assert!((4..=6).contains(&failed), "{shown}");
}

#[test]
fn one_that_begins_every_stream_and_ends_none_is_left_alone() {
    let trio = Trio::start(1);
    trio.upstreams[0].fault("cut");
    // In this order it is asked however it does, until it rests.
    let mut body = hello_stream();
    body["provider"] = json!({ "order": ["a"] });
    let ends: Vec<bool> = (0..12).map(|_| is_whole(&trio.ask(&body))).collect();
    assert_eq!(ends, [vec![false; 5], vec![true; 7]].concat());
    let shown = trio.shown(0, |shown| shown["state"] == "resting");
    let phases = json!({ "connect": 0, "first_byte": 0, "mid_stream": 5 });
    assert_eq!((&shown["failures_by_phase"], &shown["requests"]), (&phases, &json!(5)));
}

fn is_whole(answer: &Answer) -> bool {
    answer.events().last().is_some_and(|event| event == "[DONE]")
}

#[test]
fn a_provider_that_has_too_much_gets_no_more_while_others_can_take_it() {
    let pace = Pace { first_byte_ms: 300, tokens_per_second: 10_000, chunk_tokens: 1 };
    let trio = Trio::paced(1, Settings { pace, ..Settings::burst() });
    trio.upstreams[0].fault_next(&["status:503"]);
    // Sixteen at once: the one that is refused makes it known how many were too many.
    assert!(trio.send(16, 1).iter().all(|status| *status == 200));
    let shown = trio.shown(0, |shown| shown["in_flight"] == 0);
    let limit = shown["concurrency_limit"].as_u64().unwrap() as usize;
    assert!((4..=13).contains(&limit), "{shown}");
    assert_eq!(shown["state"], "well");
    let [before, second, _] = trio.asked();
    assert!(trio.send(16, 1).iter().all(|status| *status == 200));
    let [after, other, _] = trio.asked();
    assert!(after - before <= limit + 1, "{} at once beyond {limit}", after - before);
    assert_eq!(after - before + other - second, 16, "nobody was refused for it");
}

#[test]
fn whoever_asks_for_a_pause_gets_it() {
    let trio = Trio::start(1);
    trio.upstreams[0].fault_next(&["status:503:retry-after=600"]);
    assert!(trio.send(1, 20).iter().all(|status| *status == 200));
    let [paused, second, _] = trio.asked();
    assert_eq!((paused, second), (1, 20));
}

#[test]
fn every_attempt_is_in_the_record_of_its_generation() {
    let trio = Trio::start(1);
    trio.upstreams[0].fault_next(&["status:503"]);
    trio.upstreams[1].fault_next(&["status:429"]);
    assert_eq!(trio.ask(&hello()).status(), 200);
    let account = &trio.customer.account;
    trio.gateway.settled(account, |account| !account.spent.is_zero());
    let generation = &trio.gateway.admin.generations(account)[0];
    let attempts = generation["attempts"].as_array().unwrap();
    let mut told = Vec::new();
    attempts.iter().for_each(|one| told.push((&one["endpoint"]["provider"], &one["status"])));
    let names = ["a", "b", "c"].map(Value::from);
    let statuses = [503, 429, 200].map(Value::from);
    assert_eq!(told, names.iter().zip(&statuses).collect::<Vec<_>>(), "{generation}");
}

#[test]
fn operators_and_monitors_see_how_endpoints_do() {
    let trio = Trio::start(1);
    trio.upstreams[0].fault("status:500");
    let mut body = hello_stream();
    body["provider"] = json!({ "order": ["a", "b"] });
    (0..10).for_each(|_| assert!(is_whole(&trio.ask(&body))));
    let resting = trio.shown(0, |shown| shown["requests"] == 5);
    assert_eq!((&resting["state"], &resting["failures"]), (&"resting".into(), &json!(5)));
    let well = trio.shown(1, |shown| shown["requests"] == 10);
    assert_eq!((&well["state"], &well["healthy"]), (&"well".into(), &true.into()));
    assert_eq!((&well["in_flight"], &well["concurrency_limit"]), (&json!(0), &Value::Null));
    assert!(well["latency_ms"]["p50"].is_u64() && well["latency_ms"]["p99"].is_u64(), "{well}");
    assert!(resting["latency_ms"]["p50"].is_null(), "{resting}");
    let metrics = trio.gateway.admin.call("GET", "/metrics", &Value::Null);
    let line = |name: &str, provider: &str, more: &str| {
        let start = format!("{name}{{dataplane=\"1\",provider=\"{provider}\",");
        let mut lines = metrics.text().lines();
        let line = lines.find(|line| line.starts_with(&start) && line.contains(more));
        line.and_then(|line| line.rsplit(' ').next()).map(str::to_owned)
    };
    assert_eq!(line("tollgate_endpoint_healthy", "a", "").as_deref(), Some("0"));
    assert_eq!(line("tollgate_endpoint_healthy", "b", "").as_deref(), Some("1"));
    let failures = "tollgate_endpoint_failures_total";
    assert_eq!(line(failures, "a", "phase=\"first_byte\"").as_deref(), Some("5"));
    assert_eq!(line(failures, "a", "phase=\"connect\"").as_deref(), Some("0"));
}

#[test]
fn where_everybody_fails_nobody_is_asked_again_and_again() {
    let trio = Trio::start(1);
    trio.upstreams.iter().for_each(|upstream| upstream.fault("status:500"));
    let started = Instant::now();
    let statuses = trio.send(4, 250);
    assert!(statuses.iter().all(|status| *status == 502));
    let attempts: usize = trio.asked().into_iter().sum();
    let retries = 100 + 1000 / 5 + 10 * (1 + started.elapsed().as_secs() as usize);
    assert!(attempts > 1100, "{attempts}: at first each is tried elsewhere");
    assert!(attempts <= 1000 + retries, "{attempts} for 1,000 requests");
}

#[test]
fn the_last_candidate_is_asked_however_it_did() {
    let stand = Stand::start();
    stand.upstream.fault("status:500");
    (0..20).for_each(|_| assert_eq!(stand.chat(&hello()).status(), 502));
    stand.upstream.fault("");
    assert_eq!(stand.chat(&hello()).status(), 200);
    assert_eq!(stand.upstream.requests().len(), 21);
}

#[test]
fn a_key_that_is_refused_makes_way_for_another_and_rests() {
    let settings = Settings { api_key: Some("good".to_owned()), ..Settings::burst() };
    let upstream = Upstream::with(settings);
    let config = Config::new()
        .provider("up", &upstream.base_url(), "api_keys = [\"bad\", \"good\"]")
        .model("up/chat", &[("up", "chat")], &Prices::new("1", "10"), "");
    let gateway = Gateway::start(config);
    let customer = gateway.admin.customer("customer", "100");
    for _ in 0..20 {
        assert_eq!(gateway.chat(&customer.key, &hello()).status(), 200);
    }
    let heads = upstream.requests();
    let is_bad = |head: &[u8]| String::from_utf8_lossy(head).contains("Bearer bad");
    let bad = heads.iter().filter(|request| is_bad(&request.head)).count();
    assert!((1..=4).contains(&bad), "{bad} of {} with the refused key", heads.len());
}

#[test]
fn a_provider_that_asks_for_a_pause_gets_it_while_another_answers() {
    let trio = Trio::start(1);
    trio.upstreams[0].fault_next(&["status:429:retry-after=600"]);
    assert!(trio.send(1, 20).iter().all(|status| *status == 200));
    let [paused, second, _] = trio.asked();
    assert_eq!((paused, second), (1, 20));
}
