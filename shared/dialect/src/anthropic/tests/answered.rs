//! What clients of this dialect are answered: whole, streamed, cut, refused.

use serde_json::json;
use units::{TokenClass, Tokens};

use super::*;
use crate::refusal::{ErrorForm, Origin, Refusal};
use crate::{
    Block, End, Event, Finish, Frames, Framing, Label, Message, StreamError, Usage, UsageFault,
};

const LABEL: Label<'_> =
    Label { generation: "gen-12ab", model_json: b"\"a/b\"", own_id: false, created: 1 };

fn tokens(counts: &[(TokenClass, u64)]) -> Tokens {
    let mut tokens = Tokens::ZERO;
    counts.iter().for_each(|(class, count)| tokens[*class] = *count);
    tokens
}

/// The bytes that `write` adds to a stream.
fn framed(write: impl FnOnce(&mut Frames<'_>)) -> Vec<u8> {
    let (mut out, mut framing) = (Vec::new(), Framing::Events);
    write(&mut Frames { out: &mut out, framing: &mut framing });
    out
}

/// A stream of these events, as a client gets it.
pub(super) fn encoded(events: &[Event<'_>], finish: Finish, tokens: &Tokens) -> Vec<u8> {
    let mut encoder = Encoder::default();
    framed(|frames| {
        encoder.begin(&LABEL, tokens[TokenClass::Input], frames);
        events.iter().for_each(|event| encoder.event(event, frames));
        let native = "x".into();
        encoder.event(&Event::Finish { finish, native, stop: None }, frames);
        let note = &mut |out: &mut Vec<u8>| assert!(out.ends_with(b"}"));
        encoder.end(End { tokens, tells_usage: false, note }, frames);
    })
}

pub(super) fn whole_of(message: &Message, tokens: &Tokens) -> Vec<u8> {
    let mut out = Vec::new();
    write_whole(&LABEL, message, tokens, &mut out);
    out
}

pub(super) fn events_of(whole: &[u8]) -> (Message, Option<Result<Usage, UsageFault>>) {
    let (mut message, mut usage) = (Message::default(), None);
    let read = Decoder::default().whole(whole, &mut |event| {
        message.add(&event);
        if let Event::Usage(told) = event {
            usage = Some(told);
        }
    });
    read.unwrap();
    (message, usage)
}

/// The events of a stream, each checked as the strictest client does.
pub(super) fn read_strictly(stream: &[u8]) -> Vec<Value> {
    let stream = std::str::from_utf8(stream).unwrap();
    let mut events: Vec<Value> = Vec::new();
    let (mut open, mut blocks) = (None, 0);
    for frame in stream.split_terminator("\n\n") {
        let (name, data) = frame.split_once('\n').unwrap();
        let event: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        let kind = event["type"].as_str().unwrap();
        assert_eq!(name, format!("event: {kind}"));
        assert_eq!(kind == "message_start", events.is_empty(), "{stream}");
        match kind {
            "content_block_start" => {
                assert_eq!((open.take(), &event["index"]), (None, &json!(blocks)), "{stream}");
                open = Some(event["content_block"]["type"].as_str().unwrap().to_owned());
                blocks += 1;
            }
            "content_block_delta" => {
                let fits = match event["delta"]["type"].as_str().unwrap() {
                    "text_delta" => "text",
                    "thinking_delta" | "signature_delta" => "thinking",
                    "input_json_delta" => "tool_use",
                    other => panic!("{other}"),
                };
                assert_eq!((open.as_deref(), &event["index"]), (Some(fits), &json!(blocks - 1)));
            }
            "content_block_stop" => {
                assert_eq!(event["index"], json!(blocks - 1));
                assert!(open.take().is_some(), "{stream}");
            }
            "message_start" => {}
            "message_delta" => assert_eq!(open, None),
            "message_stop" => assert_eq!(events.last().unwrap()["type"], "message_delta"),
            other => panic!("{other}"),
        }
        events.push(event);
    }
    assert_eq!(events.last().unwrap()["type"], "message_stop");
    events
}

#[test]
fn the_start_tells_four_counts_and_the_lives_of_what_is_cached() {
    let events = read_strictly(&encoded(&[], Finish::Stop, &tokens(&[(TokenClass::Input, 7)])));
    let expected = json!({"type":"message_start","message":{"id":"msg_12ab","type":"message",
        "role":"assistant","model":"a/b","content":[],"stop_reason":null,"stop_sequence":null,
        "usage":{"input_tokens":7,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,
        "cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":0},
        "output_tokens":0}}});
    assert_eq!(events[0], expected);
    assert_eq!(events.len(), 3);
}

#[test]
fn the_delta_that_switches_blocks_is_kept_and_a_block_is_never_opened_twice() {
    let events = [
        Event::Thought("a".into()),
        Event::Text("b".into()),
        Event::Thought("c".into()),
        Event::Signature("tg-g.p".into()),
        Event::Thought("d".into()),
        Event::Call { id: "1".into(), name: "f".into(), signature: Some("tg-g.q".into()) },
        Event::Arguments("{}".into()),
        Event::Redacted("tg-o.r".into()),
        Event::Arguments("stray".into()),
        Event::Text("e".into()),
    ];
    let read = read_strictly(&encoded(&events, Finish::ToolCalls, &Tokens::ZERO));
    let said: Vec<String> = read
        .iter()
        .filter(|event| event["type"] == "content_block_delta")
        .map(|event| {
            let delta = event["delta"].as_object().unwrap();
            let text = delta.iter().find(|(name, _)| *name != "type").unwrap().1;
            format!("{}{}", event["index"], text.as_str().unwrap())
        })
        .collect();
    assert_eq!(said, ["0a", "0tg-o.", "1b", "2c", "2tg-g.p", "3d", "3tg-o.", "4{}", "6e"]);
    let call = read.iter().find(|event| event["content_block"]["type"] == "tool_use").unwrap();
    assert_eq!(call["content_block"]["id"], crate::signature::into_id("1", Some("tg-g.q")));
    assert_eq!(call["content_block"]["input"], json!({}));
}

#[test]
fn the_end_says_why_in_this_dialects_words() {
    let end = |events: &[Event<'_>], finish, stop: Option<&'static str>| {
        let mut encoder = Encoder::default();
        let stream = framed(|frames| {
            events.iter().for_each(|event| encoder.event(event, frames));
            let stop = stop.map(Into::into);
            encoder.event(&Event::Finish { finish, native: "x".into(), stop }, frames);
            let (tokens, note) = (&Tokens::ZERO, &mut |_: &mut Vec<u8>| {});
            encoder.end(End { tokens, tells_usage: true, note }, frames);
        });
        let stream = String::from_utf8(stream).unwrap();
        let delta =
            stream.lines().find_map(|line| line.strip_prefix("data: {\"type\":\"message_d"));
        let event: Value =
            serde_json::from_str(&format!("{{\"type\":\"message_d{}", delta.unwrap())).unwrap();
        event["delta"].clone()
    };
    let call = [Event::Call { id: "1".into(), name: "f".into(), signature: None }];
    // A provider that ends with `stop` though it called a tool.
    assert_eq!(end(&call, Finish::Stop, None)["stop_reason"], "tool_use");
    assert_eq!(end(&call, Finish::Length, None)["stop_reason"], "max_tokens");
    assert_eq!(end(&[], Finish::Stop, None)["stop_reason"], "end_turn");
    let stopped = json!({"stop_reason":"stop_sequence","stop_sequence":"END"});
    assert_eq!(end(&[], Finish::Stop, Some("END")), stopped);
    assert_eq!(end(&[], Finish::ContentFilter, None)["stop_reason"], "refusal");
    let refused = end(&[Event::Refusal("no".into())], Finish::Stop, None);
    assert_eq!(refused["stop_details"]["explanation"], "no");
    assert_eq!(
        (&refused["stop_reason"], &refused["stop_sequence"]),
        (&json!("refusal"), &json!(null))
    );
}

#[test]
fn a_whole_message_says_all_of_it() {
    let call = |arguments: &str| Block::Call {
        id: "1".to_owned(),
        name: "f".to_owned(),
        arguments: arguments.to_owned(),
        signature: None,
    };
    let message = Message {
        blocks: vec![
            Block::Text("t".to_owned()),
            call(r#"{"a": 1.50}"#),
            call(r#"{"cut"#),
            call(""),
        ],
        finish: Finish::ToolCalls,
        tier: Some("default".to_owned()),
        ..Message::default()
    };
    let used = tokens(&[
        (TokenClass::Input, 3),
        (TokenClass::ImageInput, 4),
        (TokenClass::CacheRead, 5),
        (TokenClass::CacheWrite, 6),
        (TokenClass::CacheWrite1h, 7),
        (TokenClass::Output, 8),
        (TokenClass::Reasoning, 9),
        (TokenClass::Search, 1),
    ]);
    let written = String::from_utf8(whole_of(&message, &used)).unwrap();
    assert!(written.contains(r#""input":{"a": 1.50}"#), "{written}");
    let read: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(read["content"][2]["input"], json!({}));
    assert_eq!(read["content"][3]["input"], json!({}));
    let usage = json!({"input_tokens":7,"cache_creation_input_tokens":13,
        "cache_read_input_tokens":5,"cache_creation":{"ephemeral_5m_input_tokens":6,
        "ephemeral_1h_input_tokens":7},"output_tokens":17,
        "output_tokens_details":{"thinking_tokens":9},
        "server_tool_use":{"web_search_requests":1},"service_tier":"standard"});
    assert_eq!((&read["usage"], &read["stop_reason"]), (&usage, &json!("tool_use")));
    let own = Label { own_id: true, ..LABEL };
    let mut out = Vec::new();
    write_whole(&own, &message, &used, &mut out);
    assert!(out.starts_with(br#"{"id":"gen-12ab","type":"message""#));
}

#[test]
fn a_stream_that_is_cut_closes_what_is_open() {
    let mut decoder = Decoder::default();
    let start = br#"{"type":"content_block_start","index":4,"content_block":{"type":"text"}}"#;
    decoder.event(start, &mut |_| {}).unwrap();
    let used = tokens(&[(TokenClass::Output, 5)]);
    let cut = framed(|frames| decoder.write_cut(&used, frames));
    let cut = String::from_utf8(cut).unwrap();
    let head = "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":4}\n\n";
    let rest = cut.strip_prefix(head).unwrap();
    assert!(rest.contains(r#""delta":{"stop_reason":"max_tokens","stop_sequence":null}"#));
    assert!(rest.contains(r#""output_tokens":5"#));
    assert!(rest.ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
    let stop = br#"{"type":"content_block_stop","index":4}"#;
    decoder.event(stop, &mut |_| {}).unwrap();
    let cut = framed(|frames| decoder.write_cut(&used, frames));
    assert!(cut.starts_with(b"event: message_delta\n"));
}

#[test]
fn errors_are_told_in_this_dialect_before_and_within_a_stream() {
    let mut refusal = Refusal::new(402, "insufficient_credits", "top \"up\"");
    refusal.affordable_max_tokens = Some(9);
    refusal.origin = Some(Origin::Gateway);
    let body: Value = serde_json::from_slice(&error_body(&refusal, "req_1")).unwrap();
    let error = json!({"type":"billing_error","message":"top \"up\"","origin":"gateway",
        "code":"insufficient_credits","affordable_max_tokens":9});
    assert_eq!(body, json!({"type":"error","error":error,"request_id":"req_1"}));
    for (status, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
    ] {
        let refusal = Refusal::new(status, "c", "m");
        let body: Value = serde_json::from_slice(&error_body(&refusal, "r")).unwrap();
        assert_eq!(body["error"]["type"], kind);
    }
    let error = StreamError { refusal: &refusal, form: ErrorForm::default() };
    let stream = framed(|frames| write_error(&error, frames));
    let stream = String::from_utf8(stream).unwrap();
    assert!(stream.starts_with("event: error\ndata: {\"type\":\"error\",\"error\":{"));
    assert!(stream.ends_with("}}\n\n"));
}
