//! Two providers of one model: the second is asked until the client has seen content, and not
//! after. What happens then is told in the stream.

use std::time::Duration;

use serde_json::Value;
use tollgate_tests::client::Answer;
use tollgate_tests::config::Prices;
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::{CHAT, ROUTED_CHAT, Stand, hello, hello_stream};
use tollgate_tests::upstream::Upstream;
use tollgate_tests::wait_for;

use crate::look::{DONE, choices_of, error_at_the_end, text_of};

/// `both/chat` is served by `up` and, where that fails, by `second`.
struct Pair {
    stand: Stand,
    second: Upstream,
}

impl Pair {
    fn with(limits: &str) -> Self {
        let second = Upstream::start();
        let stand = Stand::with(|mut config| {
            config.limits = limits.to_owned();
            config.provider("second", &second.base_url(), "").model(
                "both/chat",
                &[("up", "chat"), ("second", "chat-b")],
                &Prices::new("1", "10"),
                "",
            )
        });
        Self { stand, second }
    }

    fn ask(&self, mut question: Value) -> Answer {
        question["model"] = "both/chat".into();
        // Each is a session of its own: one goes on where it was answered last.
        question["session_id"] = format!("{:?}", self.asked()).into();
        self.stand.chat(&question)
    }

    /// How many requests each of them got.
    fn asked(&self) -> (usize, usize) {
        (self.stand.upstream.requests().len(), self.second.requests().len())
    }
}

#[test]
fn the_second_provider_answers_where_the_first_fails() {
    // Nobody rests here, so that the first is asked each time.
    let limits = "first_byte_ms = 500\nbetween_events_ms = 500\nconnect_ms = 500\n";
    let pair = Pair::with(&format!("{limits}eject_after = 0\n"));
    let faults = [
        "status:500",
        "status:503",
        "status:429",
        "status:401",
        "status:404",
        "no-head",
        "reset-head",
        "endless-head",
        "gzip-label",
        "error-in-200",
        "stall:3000",
        "1xx:100",
    ];
    for fault in faults {
        for question in [hello(), hello_stream()] {
            let before = pair.asked();
            pair.stand.upstream.fault(fault);
            let answer = pair.ask(question);
            assert_eq!((answer.status(), answer.cut), (200, None), "{fault}: {}", answer.text());
            let (first, second) = pair.asked();
            assert_eq!(second, before.1 + 1, "{fault}");
            assert!(first > before.0, "{fault}");
            assert!(answer.text().contains("\"both/chat\""), "{fault}");
        }
    }
    for fault in ["cut", "reset-mid", "bad-chunk", "wrong-length:long", "empty-choices"] {
        pair.stand.upstream.fault(fault);
        assert_eq!(pair.ask(hello()).status(), 200, "{fault}: a whole answer can be asked again");
    }
    pair.stand.upstream.refuse(true);
    assert_eq!(pair.ask(hello()).status(), 200);
    assert_eq!(pair.ask(hello()).status(), 200);
}

#[test]
fn what_the_request_did_wrong_is_not_tried_elsewhere() {
    let pair = Pair::with("");
    for status in [400, 413, 422] {
        pair.stand.upstream.fault(&format!("status:{status}"));
        check_refusal(&pair.ask(hello()), Form::OpenAi, status, "invalid_request");
    }
    assert_eq!(pair.asked(), (3, 0));
}

#[test]
fn where_both_fail_the_last_one_is_told() {
    let pair = Pair::with("");
    pair.stand.upstream.fault("status:500");
    pair.second.fault("status:429:retry-after=9");
    let answer = pair.ask(hello_stream());
    check_refusal(&answer, Form::OpenAi, 503, "provider_overloaded");
    assert_eq!(answer.head.header("retry-after"), Some("9"));
    let id = answer.head.header("x-generation-id").unwrap();
    let account = pair.stand.gateway.settled(&pair.stand.customer.account, |_| true);
    assert!(account.spent.is_zero());
    let path = format!("/admin/v1/generations/{id}");
    let told = wait_for("the generation shows", Duration::from_secs(2), || {
        let told = pair.stand.gateway.admin.call("GET", &path, &Value::Null);
        (told.status() == 200).then(|| told.json())
    });
    assert_eq!(told["attempts"].as_array().map(Vec::len), Some(2), "{told}");
}

#[test]
fn after_content_there_is_no_second_try() {
    let pair = Pair::with("between_events_ms = 600\n");
    let mut question = hello_stream();
    question["max_tokens"] = 40.into();
    let whole = text_of(&choices_of(&pair.ask(question.clone())));
    for (fault, code) in [
        ("cut", "provider_error"),
        ("reset-mid", "provider_error"),
        ("bad-chunk", "provider_error"),
        ("stall-mid:5000", "provider_timeout"),
    ] {
        pair.stand.upstream.fault(fault);
        let events = error_at_the_end(&pair.ask(question.clone()), code);
        let said: String = events.iter().map(|event| text_in(event)).collect();
        assert!(!said.is_empty() && whole.starts_with(&said) && said != whole, "{fault}: {said}");
    }
    assert_eq!(pair.second.requests().len(), 0, "nobody else was asked");
}

/// The text in one event.
fn text_in(event: &str) -> String {
    let event: Value = serde_json::from_str(event).unwrap();
    event["choices"][0]["delta"]["content"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn an_error_in_a_stream_has_the_callers_form() {
    let stand = Stand::start();
    stand.upstream.fault("cut");
    for path in [CHAT, ROUTED_CHAT] {
        let answer = stand.post(path, hello_stream().to_string().as_bytes());
        let events = answer.events();
        assert!(!events.iter().any(|event| event == DONE), "{events:?}");
        let last: Value = serde_json::from_str(events.last().unwrap()).unwrap();
        let error = Form::of(path).check_error(&last, 502, "provider_error");
        assert_eq!(error["origin"], "upstream");
        if Form::of(path) == Form::OpenRouter {
            assert_eq!(last["choices"][0]["finish_reason"], "error", "{last}");
            assert_eq!(last["id"], answer.head.header("x-generation-id").unwrap());
        }
    }
}

#[test]
fn the_connection_outlives_a_stream_that_failed() {
    let stand = Stand::start();
    let mut client = stand.gateway.connect();
    let request = tollgate_tests::client::chat_request(&stand.customer.key, &hello_stream());
    stand.upstream.fault_next(&["cut", "", "reset-mid", ""]);
    for is_good in [false, true, false, true] {
        client.send(&request);
        let answer = client.read_answer().unwrap();
        assert_eq!(answer.cut, None, "the answer is framed to its end");
        assert_eq!(answer.events().last().unwrap() == DONE, is_good);
    }
}
