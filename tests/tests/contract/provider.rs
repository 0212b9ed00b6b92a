//! What a provider's failure becomes: status, code, origin, and nothing charged.

use std::time::{Duration, Instant};

use serde_json::Value;
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::{CHAT, ROUTED_CHAT, Stand, hello, hello_stream};
use units::Usd;

/// Asks on both surfaces, whole and streamed, under a fault; answers the error objects.
#[track_caller]
fn failed(stand: &Stand, fault: &str, status: u16, code: &str) -> Vec<Value> {
    stand.upstream.fault(fault);
    let mut errors = Vec::new();
    for path in [CHAT, ROUTED_CHAT] {
        for body in [hello(), hello_stream()] {
            let answer = stand.post(path, body.to_string().as_bytes());
            let error = check_refusal(&answer, Form::of(path), status, code);
            assert_eq!(error["origin"], "upstream", "{fault}: {error}");
            let generation = answer.head.header("x-generation-id");
            assert!(generation.is_some_and(|id| id.starts_with("gen-")), "{fault}");
            assert!(answer.head.header("x-ratelimit-limit").is_some(), "{fault}");
            errors.push(error);
        }
    }
    errors
}

#[track_caller]
fn nothing_was_charged(stand: &Stand) {
    let account = stand.gateway.settled(&stand.customer.account, |_| true);
    assert_eq!((account.spent, account.balance), (Usd::ZERO, Usd::from_dollars(100)));
}

#[test]
fn what_the_request_did_wrong_there_is_passed_on() {
    let stand = Stand::start();
    for status in [400, 413, 422] {
        for error in failed(&stand, &format!("status:{status}"), status, "invalid_request") {
            assert_eq!(error["message"], "the sandbox was asked for this error");
        }
    }
    nothing_was_charged(&stand);
}

#[test]
fn what_the_provider_did_wrong_is_a_502() {
    let stand = Stand::start();
    for status in [401, 402, 403, 404, 405, 500, 501, 502, 503] {
        for error in failed(&stand, &format!("status:{status}"), 502, "provider_error") {
            let message = error["message"].as_str().unwrap();
            assert!(message.contains(&status.to_string()), "{message}");
            let tells = message.contains("the sandbox was asked");
            assert_eq!(tells, !matches!(status, 401 | 403), "{message}");
        }
    }
    nothing_was_charged(&stand);
}

#[test]
fn a_broken_answer_is_a_502() {
    let stand = Stand::start();
    for fault in ["no-head", "reset-head", "endless-head", "gzip-label", "error-in-200", "1xx:100"]
    {
        failed(&stand, fault, 502, "provider_error");
    }
    stand.upstream.refuse(true);
    // Connections that were kept are closed by the next fault.
    failed(&stand, "no-head", 502, "provider_error");
    failed(&stand, "", 502, "provider_error");
    nothing_was_charged(&stand);
}

#[test]
fn a_whole_answer_that_breaks_off_is_a_502() {
    let stand = Stand::start();
    for fault in [
        "cut",
        "reset-mid",
        "bad-chunk",
        "wrong-length:short",
        "wrong-length:long",
        "empty-choices",
    ] {
        stand.upstream.fault(fault);
        let answer = stand.chat(&hello());
        let error = check_refusal(&answer, Form::OpenAi, 502, "provider_error");
        assert_eq!(error["origin"], "upstream", "{fault}: {error}");
    }
    stand.upstream.fault("");
    assert_eq!(stand.chat(&hello()).status(), 200, "nothing of it lingers");
}

#[test]
fn a_provider_without_room_is_a_503_with_its_own_pause() {
    let stand = Stand::start();
    for status in [429, 529] {
        failed(&stand, &format!("status:{status}"), 503, "provider_overloaded");
        stand.upstream.fault(&format!("status:{status}:retry-after=7"));
        let answer = stand.chat(&hello());
        check_refusal(&answer, Form::OpenAi, 503, "provider_overloaded");
        assert_eq!(answer.head.header("retry-after"), Some("7"));
    }
    nothing_was_charged(&stand);
}

#[test]
fn a_provider_that_takes_too_long_is_a_504() {
    let stand = Stand::limited("first_byte_ms = 400\nbetween_events_ms = 400\n");
    let begun = Instant::now();
    failed(&stand, "stall:5000", 504, "provider_timeout");
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(1300) && took < Duration::from_secs(6), "{took:?}");
    failed(&stand, "status:504", 504, "provider_timeout");
    stand.upstream.fault("stall-mid:5000");
    check_refusal(&stand.chat(&hello()), Form::OpenAi, 504, "provider_timeout");
    nothing_was_charged(&stand);
}
