//! Streams as Anthropic sends them, whole and at every byte split.

use catalog::Dialect;
use units::{TokenClass, Tokens};
use wire::sse::{FrameKind, FrameScanner, joined_data};

use super::*;
use crate::signature::marked;
use crate::{Block, DecodeFault, Event, Finish, Message, Progress, Usage, UsageFault};

/// What is left of a stream: its answer, its usage, and how it ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Read {
    pub(super) message: Message,
    pub(super) usage: Option<Result<Usage, UsageFault>>,
    pub(super) end: Result<Progress, DecodeFault>,
}

impl Read {
    pub(super) fn tokens(&self) -> Tokens {
        self.usage.unwrap().unwrap().tokens
    }
}

const GOLDEN: [(&str, &str); 8] = [
    ("text", include_str!("../../../tests/golden/anthropic/text.sse")),
    ("thoughts", include_str!("../../../tests/golden/anthropic/thoughts_and_calls.sse")),
    ("refusal", include_str!("../../../tests/golden/anthropic/refusal.sse")),
    ("stop", include_str!("../../../tests/golden/anthropic/stop_sequence.sse")),
    ("error", include_str!("../../../tests/golden/anthropic/error.sse")),
    ("search", include_str!("../../../tests/golden/anthropic/search.sse")),
    ("answer", include_str!("../../../tests/golden/anthropic/answer_as_a_call.sse")),
    ("at once", include_str!("../../../tests/golden/anthropic/input_at_once.sse")),
];

fn golden(name: &str) -> &'static str {
    GOLDEN.iter().find(|(known, _)| *known == name).unwrap().1
}

/// Reads a stream that comes in these pieces.
pub(super) fn read<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Read {
    let (mut scanner, mut decoder) = (FrameScanner::new(1 << 20), Decoder::default());
    let (mut buffer, mut message) = (Vec::new(), Message::default());
    let (mut usage, mut end) = (None, Ok(Progress::GoesOn));
    let mut sink = |event: Event<'_>| {
        message.add(&event);
        if let Event::Usage(told) = event {
            usage = Some(told);
        }
    };
    for piece in pieces {
        buffer.extend_from_slice(piece);
        while let Some(frame) = scanner.next(&buffer).unwrap() {
            let is_data = matches!(frame.kind, FrameKind::Data | FrameKind::MultiData);
            if end == Ok(Progress::GoesOn) && is_data {
                end = decoder.event(&joined_data(&buffer, &frame), &mut sink);
            }
            buffer.drain(..frame.len);
        }
    }
    Read { message, usage, end }
}

fn whole(stream: &str) -> Read {
    read([stream.as_bytes()])
}

#[test]
fn every_split_of_a_stream_reads_alike() {
    for (name, stream) in GOLDEN {
        let expected = whole(stream);
        for at in 0..stream.len() {
            let (front, back) = stream.as_bytes().split_at(at);
            assert_eq!(read([front, back]), expected, "{name} at {at}");
        }
        assert_eq!(read(stream.as_bytes().chunks(1)), expected, "{name}");
        assert_eq!(whole(&stream.replace('\n', "\r\n")), expected, "{name}");
    }
}

#[test]
fn texts_and_cache_counts_are_read() {
    let read = whole(golden("text"));
    let text = "Grüße, \"Welt\"\n\u{1f30d}".to_owned();
    assert_eq!(read.message.blocks, [Block::Text(text)]);
    assert_eq!((&*read.message.id, read.message.finish), ("msg_01Text", Finish::Stop));
    assert_eq!(read.message.tier.as_deref(), Some("default"));
    assert_eq!(read.end, Ok(Progress::Over));
    let tokens = read.tokens();
    let classes = [TokenClass::Input, TokenClass::CacheRead, TokenClass::CacheWrite];
    assert_eq!(classes.map(|class| tokens[class]), [12, 4096, 1024]);
    assert_eq!((tokens[TokenClass::CacheWrite1h], tokens[TokenClass::Output]), (1027, 9));
}

#[test]
fn thoughts_come_with_their_proofs_in_order_before_the_calls() {
    let read = whole(golden("thoughts"));
    let proof = |proof: &str| Some(marked(Dialect::Anthropic, proof));
    let call = |id: &str, name: &str, arguments: &str| Block::Call {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        signature: None,
    };
    let thought = |text: &str, signature| Block::Thought { text: text.to_owned(), signature };
    assert_eq!(
        read.message.blocks,
        [
            thought("Two cities: ask both.", proof("EqQBCkYIAR+/ab==")),
            Block::Redacted(marked(Dialect::Anthropic, "EmwKAhgB/x+y==")),
            thought("", proof("ErUBCkYIBRgC==")),
            Block::Text("I look.".to_owned()),
            call("toolu_01A", "weather", r#"{"city": "Lyon", "days": 2}"#),
            call("toolu_01B", "weather", r#"{"city":"Ni\u00eemes"}"#),
            call("toolu_01C", "now", ""),
        ]
    );
    assert_eq!((read.message.finish, &*read.message.native), (Finish::ToolCalls, "tool_use"));
    assert_eq!(read.message.tier.as_deref(), Some("priority"));
    let tokens = read.tokens();
    assert_eq!((tokens[TokenClass::Reasoning], tokens[TokenClass::Output]), (80, 40));
    assert_eq!(tokens[TokenClass::Input], 300);
}

#[test]
fn ends_keep_what_they_say() {
    let refused = whole(golden("refusal")).message;
    assert_eq!((refused.finish, &*refused.native), (Finish::ContentFilter, "refusal"));
    assert_eq!(refused.blocks[1], Block::Refusal("It could harm.".to_owned()));
    let stopped = whole(golden("stop")).message;
    assert_eq!((stopped.finish, stopped.stop.as_deref()), (Finish::Stop, Some("END")));
    assert_eq!(stopped.blocks, [Block::Text("One two ".to_owned())]);
    let failed = whole(golden("error"));
    assert_eq!((failed.end, failed.message.finish), (Err(DecodeFault::IsError), Finish::None));
}

#[test]
fn the_providers_own_tools_and_unknown_events_say_nothing() {
    let read = whole(golden("search"));
    assert_eq!(read.message.blocks, [Block::Text("Found.".to_owned())]);
    let tokens = read.tokens();
    assert_eq!((tokens[TokenClass::Search], tokens[TokenClass::Input]), (1, 2400));
    assert_eq!(tokens[TokenClass::CacheWrite] + tokens[TokenClass::CacheWrite1h], 700);
}

#[test]
fn a_call_that_stands_for_an_answer_is_a_text() {
    let read = whole(golden("answer"));
    assert_eq!(read.message.blocks, [Block::Text(r#"{"ok":true}"#.to_owned())]);
    assert_eq!(read.message.finish, Finish::Stop);
    let nothing = br#"{"type":"message","content":[{"type":"tool_use","id":"t","input":{},
        "name":"answer_in_json"}],"stop_reason":"tool_use"}"#;
    let (mut said, mut message) = (Decoder::default(), Message::default());
    said.whole(nothing, &mut |event| message.add(&event)).unwrap();
    assert_eq!(message.blocks, [Block::Text("{}".to_owned())]);
    let at_once = whole(golden("at once")).message;
    let Block::Call { arguments, .. } = &at_once.blocks[0] else { panic!("{at_once:?}") };
    assert_eq!(arguments, r#"{"a":[1.5]}"#);
}

#[test]
fn what_is_no_event_is_unreadable() {
    for data in ["", "[]", "{", "{}", r#"{"type":7}"#, r#"{"type":"message_start"}"#] {
        let fault = Decoder::default().event(data.as_bytes(), &mut |_| {}).unwrap_err();
        assert!(matches!(fault, DecodeFault::Unreadable(_)), "{data}");
    }
    let mut decoder = Decoder::default();
    assert_eq!(decoder.event(br#"{"type":"ping"}"#, &mut |_| {}), Ok(Progress::GoesOn));
    let error = br#"{"type":"error","error":{"type":"api_error","message":"x"}}"#;
    assert_eq!(decoder.whole(error, &mut |_| {}), Err(DecodeFault::IsError));
    assert!(decoder.whole(b"{}", &mut |_| {}).is_err());
}

#[test]
fn only_the_first_event_names_the_model() {
    let mut renamed = 0;
    for line in golden("text").lines().filter_map(|line| line.strip_prefix("data: ")) {
        let mut out = Vec::new();
        rename(line.as_bytes(), b"\"ours\"", &mut out);
        let expected = line.replace("claude-sonnet-4-5-20250929", "ours");
        renamed += usize::from(expected != line);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
    assert_eq!(renamed, 1);
    let whole = br#"{"id":"m","type":"message","content":[{"model":"x"}],"model":"theirs","u":{}}"#;
    let mut out = Vec::new();
    rename(whole, b"\"ours\"", &mut out);
    let expected = r#"{"id":"m","type":"message","content":[{"model":"x"}],"model":"ours","u":{}}"#;
    assert_eq!(String::from_utf8(out.clone()).unwrap(), expected);
    for other in [&b"{\"type\":\"error\",\"model\":\"x\"}"[..], b"not JSON", b"[]"] {
        out.clear();
        rename(other, b"\"ours\"", &mut out);
        assert_eq!(out, other);
    }
}
