//! The client against the simulator: it sees every way an answer can end.

use serde_json::json;

use super::*;
use crate::upstream::Upstream;

fn chat(fault: &str, stream: bool) -> Vec<u8> {
    let body = json!({
        "model": format!("fault/{fault}"),
        "messages": [{"role": "user", "content": "hello"}],
        "stream": stream,
        "max_tokens": 20,
    });
    chat_request("any", &body)
}

#[test]
fn answers_are_read_whole_one_after_the_other() {
    let upstream = Upstream::start();
    let mut client = Client::connect(upstream.addr());
    client.send(&[chat("1xx:3", false), chat("", true)].concat());
    let whole = client.read_answer().unwrap();
    assert_eq!((whole.status(), whole.head.informational, whole.cut), (200, 3, None));
    assert_eq!(whole.head.header("Content-Type"), Some("application/json"));
    assert_eq!(whole.json()["usage"]["completion_tokens"], 20);
    let stream = client.read_answer().unwrap();
    assert_eq!(stream.events().last().map(String::as_str), Some("[DONE]"));
    assert_eq!(upstream.truths().len(), 2);
}

#[test]
fn a_stream_is_read_event_by_event() {
    let upstream = Upstream::paced(0, 200);
    let mut client = Client::connect(upstream.addr());
    client.send(&chat("crlf+comments", true));
    assert_eq!(client.read_head().unwrap().status, 200);
    let first = client.read_event().unwrap().unwrap();
    assert!(first.contains("assistant"));
    let mut events = 1;
    while client.read_event().unwrap().is_some() {
        events += 1;
    }
    assert_eq!(events, 1 + 20 + 1 + 1);
}

#[test]
fn every_bad_end_has_its_name() {
    let upstream = Upstream::start();
    for (fault, cut) in [
        ("cut", Cut::Closed),
        ("reset-head", Cut::Reset),
        ("bad-chunk", Cut::Broken),
        ("stall-mid:2000", Cut::Silent),
    ] {
        let mut client = Client::connect(upstream.addr());
        client.set_patience(Duration::from_millis(200));
        client.send(&chat(fault, true));
        let ended = match client.read_answer() {
            Ok(answer) => answer.cut,
            Err(cut) => Some(cut),
        };
        assert_eq!(ended, Some(cut), "{fault}");
    }
}

#[test]
fn a_reset_reaches_the_other_side() {
    let upstream = Upstream::start();
    let mut client = Client::connect(upstream.addr());
    client.send(&chat("stall:5000", true));
    std::thread::sleep(Duration::from_millis(50));
    client.reset();
    assert_eq!(upstream.truths()[0].outcome, sandbox::Outcome::Aborted);
}
