//! A provider that is silent: signs of life for the client, deadlines for the provider.

use std::thread::sleep;
use std::time::{Duration, Instant};

use tollgate_tests::client::{Answer, chat_request};
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::{Stand, hello, hello_stream};

use crate::look::{DONE, choices_of, error_at_the_end};
use crate::scripted::{EVENTS, FINISH, limited};

const COMMENT: &str = ": keep-alive\n";

/// A streamed answer, and when its head came.
fn timed(stand: &Stand) -> (Answer, Duration) {
    let mut client = stand.gateway.connect();
    let begun = Instant::now();
    client.send(&chat_request(&stand.customer.key, &hello_stream()));
    let head = client.read_head().unwrap();
    let head_after = begun.elapsed();
    let mut body = Vec::new();
    let cut = loop {
        match client.read_piece() {
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Ok(None) => break None,
            Err(cut) => break Some(cut),
        }
    };
    (Answer { head, body, cut }, head_after)
}

#[test]
fn a_silent_stream_shows_signs_of_life_and_is_otherwise_the_same() {
    let stand = Stand::limited("heartbeat_ms = 300\n");
    let expected = choices_of(&stand.chat(&hello_stream()));
    stand.upstream.fault("stall:2800");
    let (answer, head_after) = timed(&stand);
    assert!(head_after < Duration::from_millis(2500), "{head_after:?}");
    assert!(answer.text().starts_with(COMMENT), "{}", answer.text());
    assert_eq!(choices_of(&answer), expected);
    stand.upstream.fault("stall-mid:2800");
    let (answer, _) = timed(&stand);
    let comments = answer.text().matches(COMMENT).count();
    assert!((1..=4).contains(&comments), "{}", answer.text());
    assert!(!answer.text().contains(&format!("{COMMENT}\n")), "an empty event for some readers");
    assert_eq!(choices_of(&answer), expected);
    // Nothing can be said in an answer that is not a stream.
    stand.upstream.fault("stall:1500");
    let whole = stand.chat(&hello());
    assert_eq!(whole.status(), 200);
    assert!(whole.text().starts_with('{'));
}

#[test]
fn before_a_sign_of_life_a_failure_is_a_status_and_after_it_an_event() {
    let quiet = Stand::limited("first_byte_ms = 500\n");
    quiet.upstream.fault("stall:4000");
    for question in [hello(), hello_stream()] {
        let begun = Instant::now();
        let answer = quiet.chat(&question);
        check_refusal(&answer, Form::OpenAi, 504, "provider_timeout");
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
    let signing = Stand::limited("heartbeat_ms = 300\nfirst_byte_ms = 2500\n");
    signing.upstream.fault("stall:9000");
    let answer = signing.chat(&hello_stream());
    assert!(answer.text().starts_with(COMMENT), "{}", answer.text());
    assert!(error_at_the_end(&answer, "provider_timeout").is_empty());
    check_refusal(&signing.chat(&hello()), Form::OpenAi, 504, "provider_timeout");
    signing.upstream.fault("stall:1800+status:500");
    error_at_the_end(&signing.chat(&hello_stream()), "provider_error");
}

#[test]
fn a_stall_in_the_middle_has_its_own_deadline() {
    let stand = Stand::limited("between_events_ms = 600\n");
    stand.upstream.fault("stall-mid:9000");
    let begun = Instant::now();
    let events = error_at_the_end(&stand.chat(&hello_stream()), "provider_timeout");
    assert!(!events.is_empty(), "what came before was passed on");
    let took = begun.elapsed();
    assert!(took > Duration::from_millis(500) && took < Duration::from_secs(3), "{took:?}");
    // Slow is not silent: each event moves the deadline.
    stand.upstream.fault("rate:5+chunk:1");
    choices_of(&stand.chat(&hello_stream()));
}

#[test]
fn a_client_that_reads_slowly_gets_everything_and_one_that_does_not_read_is_left() {
    let stand = Stand::limited("write_stall_ms = 1500\n");
    stand.upstream.fault("big-event:400000");
    let request = chat_request(&stand.customer.key, &hello_stream());
    let mut slow = stand.gateway.connect();
    slow.set_receive_buffer(65_536);
    slow.send(&request);
    assert_eq!(slow.read_head().unwrap().status, 200);
    let mut read = 0;
    while let Some(piece) = slow.read_piece().expect("the stream goes on") {
        read += piece.len();
        sleep(Duration::from_millis(2));
    }
    assert!(read > 400_000, "{read}");
    stand.upstream.fault("big-event:3000000");
    let mut stuck = stand.gateway.connect();
    stuck.set_receive_buffer(4096);
    stuck.send(&request);
    sleep(Duration::from_millis(3500));
    let account = stand.gateway.settled(&stand.customer.account, |_| true);
    assert!(account.held.is_zero(), "nothing is held for a client that takes nothing");
}

#[test]
fn the_time_that_a_client_takes_is_not_the_providers() {
    // More than all buffers on the way hold, so that much is still to come when the client pauses.
    let events = 200;
    let padding = "x".repeat(100_000);
    let event =
        format!(r#"data: {{"model":"m","x":"{padding}","choices":[{{"index":0,"delta":{{}}}}]}}"#);
    let all = format!("{event}\n\n").repeat(events);
    let answer = format!("{EVENTS}{all}{FINISH}\n\ndata: [DONE]\n\n");
    let stand = limited(vec![answer], "between_events_ms = 400\nwrite_stall_ms = 10000\n");
    let mut client = stand.gateway.connect();
    client.set_receive_buffer(65_536);
    client.send(&chat_request(&stand.customer.key, &hello_stream()));
    sleep(Duration::from_millis(1500));
    let answer = client.read_answer().unwrap();
    assert_eq!((answer.status(), &answer.cut), (200, &None));
    let passed = answer.events().iter().filter(|event| event.contains(&padding)).count();
    assert_eq!(passed, events);
    assert_eq!(answer.events().last().map(String::as_str), Some(DONE));
}
