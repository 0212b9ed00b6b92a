//! The request rate of a key: exactly so many pass, and the headers say how it stands.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tollgate_tests::client::{Answer, chat_request, request};
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::{Stand, hello};
use tollgate_tests::wait_for;

/// Slow enough that none comes back while a test runs.
const RPM: u64 = 4;

fn number(answer: &Answer, name: &str) -> u64 {
    let value = answer.head.header(name).unwrap_or_else(|| panic!("{name}: {}", answer.head.text));
    value.parse().unwrap()
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn exactly_the_limit_passes_and_every_answer_tells_how_it_stands() {
    let stand = Stand::start();
    let rpm = json!({ "rpm": RPM });
    let key = stand.gateway.admin.make_key(&stand.customer.account, &rpm);
    for left in (0..RPM).rev() {
        // What is refused later counts as well.
        let mut body = hello();
        if left == 2 {
            body["model"] = "up/nothing".into();
        }
        let answer = stand.gateway.chat(&key, &body);
        assert_eq!(answer.status(), if left == 2 { 400 } else { 200 });
        assert_eq!(number(&answer, "x-ratelimit-limit"), RPM);
        assert_eq!(number(&answer, "x-ratelimit-remaining"), left);
        let reset = number(&answer, "x-ratelimit-reset");
        assert!((now_s()..=now_s() + 61).contains(&reset), "{reset}");
    }
    let list = [("x-api-key", key.as_str())];
    let listed = stand.send(&request("GET", "/v1/models", &list, b""));
    assert_eq!(listed.status(), 200, "what runs no model is not counted, but told");
    assert_eq!(number(&listed, "x-ratelimit-remaining"), 0);
    for _ in 0..2 {
        let refused = stand.gateway.chat(&key, &hello());
        let error = check_refusal(&refused, Form::OpenAi, 429, "rate_limit_exceeded");
        assert_eq!(error["origin"], "gateway");
        assert_eq!(number(&refused, "x-ratelimit-remaining"), 0);
        let pause = number(&refused, "retry-after");
        assert!((1..=60_u64.div_ceil(RPM)).contains(&pause), "{pause}");
    }
    assert_eq!(stand.gateway.chat(&stand.customer.key, &hello()).status(), 200, "other keys");
    assert_eq!(stand.upstream.requests().len() as u64, RPM);
}

#[test]
fn after_the_pause_that_was_told_one_more_passes() {
    let stand = Stand::start();
    let key = stand.gateway.admin.make_key(&stand.customer.account, &json!({ "rpm": 60 }));
    let limited = loop {
        let answer = stand.gateway.chat(&key, &hello());
        if answer.status() == 429 {
            break answer;
        }
    };
    thread::sleep(Duration::from_secs(number(&limited, "retry-after")));
    assert_eq!(stand.gateway.chat(&key, &hello()).status(), 200);
}

#[test]
fn many_at_once_on_two_cores_get_exactly_the_limit() {
    let stand = Stand::with(|config| Config { cores: 2, ..config });
    let key = stand.gateway.admin.make_key(&stand.customer.account, &json!({ "rpm": 5 }));
    let request = chat_request(&key, &hello());
    let mut clients: Vec<_> = (0..20).map(|_| stand.gateway.connect()).collect();
    clients.iter_mut().for_each(|client| client.send(&request));
    let statuses = clients.iter_mut().map(|client| client.read_answer().unwrap().status());
    let statuses: Vec<_> = statuses.collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 5, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 15, "{statuses:?}");
}

/// A tier of `up/chat` with a rate of its own.
fn with_tier(mut config: Config) -> Config {
    config.catalog.push_str("[[tier]]\nid = \"house/low\"\nrpm = 3\nmodels = [\"up/chat\"]\n");
    Config { cores: 2, ..config }
}

#[test]
fn a_ceiling_of_a_request_or_its_tier_holds_on_two_cores_and_only_lowers() {
    let stand = Stand::with(with_tier);
    let key = |more| stand.gateway.admin.make_key(&stand.customer.account, &more);
    let statuses = |key: &str, changes: &serde_json::Value| {
        let mut body = hello();
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let request = chat_request(key, &body);
        let mut clients: Vec<_> = (0..12).map(|_| stand.gateway.connect()).collect();
        clients.iter_mut().for_each(|client| client.send(&request));
        let answers = clients.iter_mut().map(|client| client.read_answer().unwrap());
        let statuses: Vec<_> = answers.map(|answer| answer.status()).collect();
        statuses.iter().filter(|status| **status == 200).count()
    };
    let (free, slow) = (key(json!({})), key(json!({ "rpm": 2 })));
    let capped = |rpm: u32| json!({ "routing": { "rpm_cap": rpm } });
    assert_eq!(statuses(&free, &capped(5)), 5);
    assert_eq!(statuses(&free, &json!({})), 12, "those without one are not under it");
    assert_eq!(statuses(&slow, &capped(500)), 2, "it never raises");
    assert_eq!(statuses(&free, &json!({ "model": "house/low" })), 3);
    let fast = key(json!({ "rpm": 600 }));
    assert_eq!(statuses(&fast, &json!({ "model": "house/low" })), 12, "a key's own limit counts");

    let mut body = hello();
    body["routing"] = capped(5)["routing"].clone();
    let refused = stand.gateway.chat(&free, &body);
    let error = check_refusal(&refused, Form::OpenAi, 429, "rate_limit_exceeded");
    assert_eq!(
        (&error["param"], number(&refused, "x-ratelimit-limit")),
        (&"routing.rpm_cap".into(), 5)
    );
    assert_eq!(number(&refused, "x-ratelimit-remaining"), 0);
    assert_eq!(refused.json()["detail"], error["message"]);
}

/// A key's day that ends while a test runs would give it another: such a moment is waited out.
fn wait_for_room_in_the_day() {
    let left = 86_400 - now_s() % 86_400;
    if left < 20 {
        thread::sleep(Duration::from_secs(left));
    }
}

#[test]
fn a_day_has_its_requests() {
    wait_for_room_in_the_day();
    let stand = Stand::start();
    let key = stand.gateway.admin.make_key(&stand.customer.account, &json!({ "rpd": 3 }));
    for _ in 0..3 {
        assert_eq!(stand.gateway.chat(&key, &hello()).status(), 200);
    }
    let refused = stand.gateway.chat(&key, &hello());
    let error = check_refusal(&refused, Form::OpenAi, 429, "rate_limit_exceeded");
    assert!(error["message"].as_str().unwrap().contains("midnight UTC"), "{error}");
    let until_midnight = 86_400 - now_s() % 86_400;
    assert!((until_midnight..=until_midnight + 2).contains(&number(&refused, "retry-after")));
    assert_eq!(stand.upstream.requests().len(), 3);
}

/// A second model, whose answers take three seconds.
fn with_slow(config: Config) -> Config {
    let slow = [("up", "fault/rate:20+tokens:60")];
    config.model("up/slow", &slow, &Prices::new("1", "10"), "")
}

#[test]
fn tokens_a_minute_are_reserved_while_a_request_runs_and_counted_as_used() {
    let stand = Stand::with(with_slow);
    let key = stand.gateway.admin.make_key(&stand.customer.account, &json!({ "tpm": 20_000 }));
    let mut body = hello();
    body["max_tokens"] = 15_000.into();
    for _ in 0..3 {
        let answer = stand.gateway.chat(&key, &body);
        assert_eq!(answer.status(), 200, "what was reserved and not used is free again");
        assert_eq!(number(&answer, "x-ratelimit-limit-tokens"), 20_000);
        assert!(number(&answer, "x-ratelimit-remaining-tokens") <= 5_000, "while it runs");
    }
    let list = [("x-api-key", key.as_str())];
    let listed = stand.send(&request("GET", "/v1/models", &list, b""));
    let used = 20_000 - number(&listed, "x-ratelimit-remaining-tokens");
    let usage = |answer: Answer| answer.json()["usage"]["total_tokens"].as_u64().unwrap();
    assert!((1..2_000).contains(&used), "{used} of three small answers");

    body["max_tokens"] = 10_000.into();
    body["stream"] = true.into();
    body["model"] = "up/slow".into();
    let mut running = stand.gateway.connect();
    running.send(&chat_request(&key, &body));
    assert_eq!(running.read_head().unwrap().status, 200);
    body["model"] = "up/chat".into();
    body["stream"] = false.into();
    let refused = stand.gateway.chat(&key, &body);
    let error = check_refusal(&refused, Form::OpenAi, 429, "rate_limit_exceeded");
    assert!(error["message"].as_str().unwrap().contains("tokens a minute"), "{error}");
    body["max_tokens"] = 50.into();
    assert!(usage(stand.gateway.chat(&key, &body)) > 0, "a smaller one fits beside it");
}

#[test]
fn so_many_run_at_once_and_one_that_leaves_makes_room() {
    let stand = Stand::with(|config| with_slow(Config { cores: 2, ..config }));
    let limit = json!({ "concurrency": 2 });
    let key = stand.gateway.admin.make_key(&stand.customer.account, &limit);
    let mut body = hello();
    body["stream"] = true.into();
    body["model"] = "up/slow".into();
    let request = chat_request(&key, &body);
    let mut clients: Vec<_> = (0..8).map(|_| stand.gateway.connect()).collect();
    clients.iter_mut().for_each(|client| client.send(&request));
    let heads = clients.iter_mut().map(|client| client.read_head().unwrap());
    let heads: Vec<_> = heads.map(|head| head.status).collect();
    assert_eq!(heads.iter().filter(|status| **status == 200).count(), 2, "{heads:?}");
    assert_eq!(heads.iter().filter(|status| **status == 429).count(), 6, "{heads:?}");
    drop(clients);
    wait_for("those that left make room", Duration::from_secs(5), || {
        (stand.gateway.chat(&key, &hello()).status() == 200).then_some(())
    });
}
