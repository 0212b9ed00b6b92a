//! Ways for a provider to answer that are odd and right: the client cannot tell.

use serde_json::Value;
use tollgate_tests::stand::{Stand, hello, hello_stream};

use crate::look::{choices_of, member, text_of};

/// What a provider may do that changes nothing for the client.
const ODD: [&str; 12] = [
    "one-byte",
    "crlf",
    "cr",
    "bom",
    "comments",
    "bom+crlf+comments+one-byte",
    "cr+one-byte",
    "1xx:3",
    "old-date",
    "same-id",
    "fin-no-done",
    "usage-twice",
];

#[test]
fn an_odd_stream_reads_as_a_plain_one() {
    let stand = Stand::start();
    let mut question = hello_stream();
    question["max_tokens"] = 40.into();
    let expected = choices_of(&stand.chat(&question));
    assert!(expected.len() > 40);
    for fault in ODD.into_iter().chain(["empty-choices", "slow-head+one-byte"]) {
        stand.upstream.fault(fault);
        assert_eq!(choices_of(&stand.chat(&question)), expected, "{fault}");
    }
    for size in [100, 70_000, 1 << 20, 3 << 20] {
        stand.upstream.fault(&format!("big-event:{size}"));
        let choices = choices_of(&stand.chat(&question));
        assert_eq!(text_of(&choices), text_of(&expected), "{size}");
        assert_eq!(choices.len(), expected.len() + 1, "{size}: the large event came, too");
    }
}

#[test]
fn an_odd_whole_answer_reads_as_a_plain_one() {
    let stand = Stand::start();
    let plain = stand.chat(&hello());
    let expected = member(plain.text(), "choices");
    for fault in ODD.into_iter().chain(["slow-head", "big-event:3000000"]) {
        stand.upstream.fault(fault);
        let answer = stand.chat(&hello());
        assert_eq!((answer.status(), answer.cut), (200, None), "{fault}");
        assert_eq!(member(answer.text(), "choices"), expected, "{fault}");
    }
}

#[test]
fn an_event_beyond_all_bounds_ends_the_stream_and_not_the_gateway() {
    let stand = Stand::limited("event_bytes = 100000\nanswer_bytes = 100000\n");
    stand.upstream.fault("big-event:200000");
    for question in [hello(), hello_stream()] {
        let answer = stand.chat(&question);
        assert_eq!(answer.status(), 502, "{}", answer.text());
    }
    stand.upstream.fault("");
    assert_eq!(stand.chat(&hello()).status(), 200);
}

#[test]
fn a_connection_that_was_kept_is_used_again_and_its_end_is_no_failure() {
    let stand = Stand::start();
    let mut client = stand.gateway.connect();
    let key = &stand.customer.key;
    let mut ask = |question: &Value| {
        client.send(&tollgate_tests::client::chat_request(key, question));
        let answer = client.read_answer().unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text());
    };
    for _ in 0..10 {
        ask(&hello());
        ask(&hello_stream());
    }
    assert_eq!(stand.upstream.connections().0, 1, "one connection served them all");
    stand.upstream.fault("close-on-keepalive");
    for _ in 0..10 {
        ask(&hello());
        ask(&hello_stream());
    }
    let finished = stand.upstream.truths().len();
    assert_eq!(finished, 40, "none was asked twice, none was lost");
}
