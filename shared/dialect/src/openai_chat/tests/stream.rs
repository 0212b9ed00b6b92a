//! Chat answers as events, as providers stream them, and events as chat answers.

use serde_json::{Value, json};
use units::{TokenClass, Tokens};
use wire::sse::{FrameKind, FrameScanner, joined_data};

use crate::openai_chat::{Decoder, Encoder, write_error, write_whole};
use crate::signature::{into_id, marked};
use crate::*;

const PARALLEL: &str = include_str!("../../../tests/golden/chat/parallel_calls.sse");
const CONTENT: &str = include_str!("../../../tests/golden/chat/reasoning_content.sse");
const DETAILS: &str = include_str!("../../../tests/golden/chat/reasoning_details.sse");
const MIXED: &str = include_str!("../../../tests/golden/chat/mixed_calls.sse");
const WITHOUT_INDEX: &str = include_str!("../../../tests/golden/chat/calls_without_index.sse");
const LISTED: &str = include_str!("../../../tests/golden/chat/listed_content.sse");
pub(super) const ALL: [&str; 6] = [PARALLEL, CONTENT, DETAILS, MIXED, WITHOUT_INDEX, LISTED];

/// A stream as it was decoded: what it says, the last usage, and every event in words.
pub(super) type Decoded = (Message, Option<Usage>, Vec<String>);

/// Decodes a stream that arrives in two pieces.
fn decode_split(stream: &str, at: usize) -> Decoded {
    let mut scanner = FrameScanner::new(1 << 20);
    let mut decoder = Decoder::new(true);
    let (mut buffer, mut is_over) = (Vec::new(), false);
    let mut decoded = (Message::default(), None, Vec::new());
    for piece in [&stream.as_bytes()[..at], &stream.as_bytes()[at..]] {
        buffer.extend_from_slice(piece);
        while let Some(frame) = scanner.next(&buffer).unwrap() {
            if matches!(frame.kind, FrameKind::Data | FrameKind::MultiData) {
                let data = joined_data(&buffer, &frame).into_owned();
                let mut sink = |event: Event<'_>| {
                    if let Event::Usage(usage) = &event {
                        decoded.1 = Some(usage.unwrap());
                    }
                    decoded.0.add(&event);
                    decoded.2.push(format!("{event:?}"));
                };
                is_over = decoder.event(&data, &mut sink).unwrap() == Progress::Over;
            }
            buffer.drain(..frame.len);
        }
    }
    assert!(is_over);
    decoded
}

pub(super) fn decode(stream: &str) -> Decoded {
    decode_split(stream, 0)
}

fn call(id: &str, name: &str, arguments: &str) -> Block {
    let (id, name, arguments) = (id.to_owned(), name.to_owned(), arguments.to_owned());
    Block::Call { id, name, arguments, signature: None }
}

fn thought(text: &str, proof: &str) -> Block {
    let signature = Some(marked(catalog::Dialect::OpenAi, proof));
    Block::Thought { text: text.to_owned(), signature }
}

const LABEL: Label<'_> = Label {
    generation: "gen-00000000000000000000000000000001",
    model_json: b"\"a/b\"",
    own_id: false,
    created: 7,
};

/// A stream of these blocks, as a client gets it.
pub(super) fn encode(blocks: &[Event<'_>], tokens: &Tokens, tells_usage: bool) -> String {
    let (mut out, mut framing) = (Vec::new(), Framing::Events);
    let mut frames = Frames { out: &mut out, framing: &mut framing };
    let mut encoder = Encoder::default();
    encoder.begin(&LABEL, &mut frames);
    blocks.iter().for_each(|event| encoder.event(&LABEL, event, &mut frames));
    let mut notes = 0;
    let mut note = |out: &mut Vec<u8>| {
        assert_eq!(out.last(), Some(&b'}'));
        notes += 1;
    };
    encoder.end(&LABEL, End { tokens, tells_usage, note: &mut note }, &mut frames);
    assert_eq!(notes, 1);
    String::from_utf8(out).unwrap()
}

fn chunks(stream: &str) -> Vec<Value> {
    let lines = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.filter_map(|json| serde_json::from_str(json).ok()).collect()
}

#[test]
fn every_split_of_every_stream_gives_the_same_events() {
    for stream in ALL {
        let expected = decode(stream);
        for at in 1..stream.len() {
            assert_eq!(decode_split(stream, at), expected, "{at}");
        }
    }
}

#[test]
fn parallel_calls_and_their_usage_are_read() {
    let (message, usage, _) = decode(PARALLEL);
    assert_eq!((&*message.id, message.finish), ("chatcmpl-1", Finish::ToolCalls));
    let text = Block::Text("Caf\u{e9} \u{1f600} – let me look.".to_owned());
    let weather = call("call_a", "weather", r#"{"city":"Z}rich"}"#);
    assert_eq!(message.blocks, [text, weather, call("call_b", "clock", "{}")]);
    let tokens = usage.unwrap().tokens;
    assert_eq!((tokens[TokenClass::Input], tokens[TokenClass::CacheRead]), (40, 60));
    assert_eq!((tokens[TokenClass::Output], tokens[TokenClass::Reasoning]), (30, 10));
    assert_eq!(message.tier.as_deref(), Some("default"));
}

#[test]
fn bare_thoughts_are_marked_as_nobodys_proof() {
    let (message, usage, events) = decode(CONTENT);
    let text = Block::Text("42".to_owned());
    assert_eq!(message.blocks, [thought("Let me think.", ""), text]);
    assert_eq!(usage.unwrap().tokens[TokenClass::CacheRead], 8);
    assert_eq!(events.len(), 7);
    let (listed, usage, _) = decode(LISTED);
    let image = Block::Image { media_type: "image/png".into(), data: "QUJD".into() };
    let text = Block::Text("Hi!".to_owned());
    assert_eq!(listed.blocks, [thought("Well", ""), text, image]);
    assert_eq!((listed.finish, &*listed.native), (Finish::Length, "model_length"));
    assert!(usage.is_some());
}

#[test]
fn details_keep_what_their_maker_wants_back() {
    let (message, _, _) = decode(DETAILS);
    let proof = r#"{"type":"reasoning.text","signature":"S+/=","format":"anthropic-claude-v1"}"#;
    let hidden = concat!(
        r#"{"type":"reasoning.encrypted","data":"R==","id":"r1","#,
        r#""format":"anthropic-claude-v1"}"#
    );
    let hidden = Block::Redacted(marked(catalog::Dialect::OpenAi, hidden));
    let text = Block::Text("Yes.".to_owned());
    assert_eq!(message.blocks, [thought("Hm, yes.", proof), hidden, text]);
    assert_eq!((message.finish, &*message.native), (Finish::Stop, "end_turn"));
}

#[test]
fn mixed_fragments_are_told_one_call_after_the_other() {
    let (message, usage, _) = decode(MIXED);
    assert_eq!(message.blocks, [call("a", "f", r#"{"n":1}"#), call("b", "g", r#"{"m":2}"#)]);
    assert_eq!((message.finish, usage), (Finish::ToolCalls, None));
}

#[test]
fn calls_without_ids_get_ids_of_their_own() {
    let (message, _, _) = decode(WITHOUT_INDEX);
    let [Block::Call { id: one, signature, .. }, Block::Call { id: two, arguments, .. }] =
        &message.blocks[..]
    else {
        panic!("{message:?}");
    };
    assert!(one.starts_with("call_0_") && two.starts_with("call_1_"), "{one} {two}");
    assert_eq!(signature.as_deref(), Some(&*marked(catalog::Dialect::OpenAi, "Sg==")));
    assert_eq!((arguments.as_str(), message.finish), (r#"{"a":2}"#, Finish::ToolCalls));
}

#[test]
fn errors_and_rubbish_are_no_answer() {
    let event = |json: &str| Decoder::new(true).event(json.as_bytes(), &mut |_| {});
    for json in [
        r#"{"error":{"message":"x"},"choices":[{"index":0,"delta":{"content":""}}]}"#,
        r#"{"error":"x"}"#,
        r#"{"object":"error","message":"x"}"#,
        r#"{"choices":[{"error":{"message":"x"},"finish_reason":"error"}]}"#,
    ] {
        assert_eq!(event(json), Err(DecodeFault::IsError), "{json}");
    }
    for json in ["", "<html>", "[1]", r#"{"choices":7}"#] {
        assert!(matches!(event(json), Err(DecodeFault::Unreadable(_))), "{json}");
    }
    for json in ["{}", r#"{"choices":null,"id":7}"#, r#"{"choices":[{"index":0,"delta":null}]}"#] {
        assert_eq!(event(json), Ok(Progress::GoesOn), "{json}");
    }
    let whole = Decoder::new(true).whole(br#"{"id":"x","choices":[]}"#, &mut |_| {});
    assert!(matches!(whole, Err(DecodeFault::Unreadable(_))));
}

#[test]
fn chunks_satisfy_strict_readers() {
    let tokens = Tokens::ZERO;
    let proof = marked(catalog::Dialect::Gemini, "Sg==");
    let stream = encode(
        &[
            Event::Text("a".into()),
            Event::Call { id: "c1".into(), name: "f".into(), signature: Some((&*proof).into()) },
            Event::Call { id: "c2".into(), name: "g".into(), signature: None },
            Event::Arguments("{\"x\":".into()),
            Event::Arguments("1}".into()),
            Event::Finish { finish: Finish::Stop, native: "STOP".into(), stop: None },
            Event::Tier("standard".into()),
        ],
        &tokens,
        false,
    );
    assert!(stream.ends_with("data: [DONE]\n\n") && !stream.contains("error"));
    let chunks = chunks(&stream);
    assert_eq!(chunks[0]["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    let id = "chatcmpl-00000000000000000000000000000001";
    assert!(chunks.iter().all(|it| it["id"] == id && it["model"] == "a/b" && it["created"] == 7));
    let calls: Vec<&Value> =
        chunks.iter().filter_map(|it| it.pointer("/choices/0/delta/tool_calls/0")).collect();
    let places: Vec<u64> = calls.iter().map(|call| call["index"].as_u64().unwrap()).collect();
    assert_eq!(places, [0, 0, 1, 1, 1]);
    assert!(calls.iter().all(|call| call["function"]["arguments"].is_string()));
    assert_eq!(calls[0]["id"], into_id("c1", Some(&proof)));
    assert_eq!(calls[0]["extra_content"]["google"]["thought_signature"], *proof);
    assert_eq!(calls[1]["function"], json!({"arguments": "{}"}));
    assert_eq!(calls[2]["function"], json!({"name": "g", "arguments": ""}));
    let last = chunks.last().unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(last["choices"][0]["native_finish_reason"], "STOP");
    assert_eq!(last["service_tier"], "default");
    let finishes = chunks.iter().filter(|it| !it["choices"][0]["finish_reason"].is_null());
    assert_eq!(finishes.count(), 1);
}

#[test]
fn what_is_encoded_decodes_to_the_same() {
    let mut tokens = Tokens::ZERO;
    tokens[TokenClass::Input] = 9;
    tokens[TokenClass::CacheWrite1h] = 2;
    tokens[TokenClass::Reasoning] = 3;
    for stream in ALL {
        let (message, _, _) = decode(stream);
        let mut events = Vec::new();
        message.blocks.iter().for_each(|block| push(block, &mut events));
        let (finish, native) = (message.finish, message.native.as_str().into());
        events.push(Event::Finish { finish, native, stop: None });
        let (again, usage, _) = decode(&encode(&events, &tokens, true));
        assert_eq!(said(&again), said(&message));
        assert_eq!((again.finish, &again.native), (message.finish, &message.native));
        let usage = usage.unwrap().tokens;
        assert_eq!((usage.input_total(), usage.output_total()), (11, 3));
        let mut whole = Vec::new();
        write_whole(&LABEL, &message, &tokens, &mut whole);
        let mut read = Message::default();
        Decoder::new(true).whole(&whole, &mut |event| read.add(&event)).unwrap();
        assert_eq!((said(&read), read.finish), (said(&message), message.finish));
    }
}

/// Everything but proofs, which a client of this dialect brings back in a form of its own.
pub(super) fn said(message: &Message) -> (String, String, Vec<(String, String)>, usize) {
    let mut all = (String::new(), String::new(), Vec::new(), 0);
    for block in &message.blocks {
        match block {
            Block::Text(text) | Block::Refusal(text) => all.0 += text,
            Block::Thought { text, .. } => all.1 += text,
            Block::Call { name, arguments, .. } => all.2.push((name.clone(), arguments.clone())),
            Block::Image { .. } | Block::Redacted(_) => all.3 += 1,
        }
    }
    all
}

fn push<'a>(block: &'a Block, events: &mut Vec<Event<'a>>) {
    match block {
        Block::Text(text) => events.push(Event::Text(text.into())),
        Block::Refusal(text) => events.push(Event::Refusal(text.into())),
        Block::Thought { text, signature } => {
            events.push(Event::Thought(text.into()));
            events.extend(signature.as_deref().map(|proof| Event::Signature(proof.into())));
        }
        Block::Redacted(hidden) => events.push(Event::Redacted(hidden.into())),
        Block::Call { id, name, arguments, signature } => {
            let signature = signature.as_deref().map(Into::into);
            events.push(Event::Call { id: id.into(), name: name.into(), signature });
            events.push(Event::Arguments(arguments.into()));
        }
        Block::Image { media_type, data } => {
            events.push(Event::Image { media_type: media_type.into(), data: data.into() });
        }
    }
}

#[test]
fn an_error_in_a_stream_has_the_form_of_its_surface() {
    let refusal = Refusal::new(502, "provider_error", "it broke");
    let write = |integer_code| {
        let (mut out, mut framing) = (Vec::new(), Framing::Events);
        let error =
            StreamError { refusal: &refusal, form: ErrorForm { integer_code, detail: false } };
        let mut frames = Frames { out: &mut out, framing: &mut framing };
        write_error(&LABEL, &error, &mut frames);
        chunks(&String::from_utf8(out).unwrap()).remove(0)
    };
    assert_eq!(write(false)["error"]["code"], "provider_error");
    assert!(write(false).get("choices").is_none());
    let routed = write(true);
    assert_eq!((&routed["error"]["code"], &routed["id"]), (&json!(502), &json!(LABEL.generation)));
    assert_eq!(routed["choices"][0]["finish_reason"], "error");
}
