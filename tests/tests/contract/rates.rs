//! The request rate of a key: exactly so many pass, and the headers say how it stands.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tollgate_tests::client::{Answer, chat_request, request};
use tollgate_tests::config::Config;
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::{Stand, hello};

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
