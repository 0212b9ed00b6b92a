//! Answers as Google tells them, and as a client of this dialect reads others'.

use super::splits::{STREAMS, decoded, owned};
use super::*;

fn finish_of(events: &[Event<'_>]) -> Vec<(Finish, String)> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Finish { finish, native, .. } => Some((*finish, native.to_string())),
            _ => None,
        })
        .collect()
}

/// The last usage that was told.
fn tokens_of(events: &[Event<'_>]) -> Tokens {
    let usage = events.iter().rev().find_map(|event| match event {
        Event::Usage(usage) => Some(*usage),
        _ => None,
    });
    usage.unwrap().unwrap().tokens
}

fn whole(json: &str) -> Result<Vec<Event<'static>>, DecodeFault> {
    let mut events = Vec::new();
    let mut decoder = Decoder::default();
    decoder.whole(json.as_bytes(), &mut |event| events.push(owned(event)))?;
    Ok(events)
}

/// The bytes of an answer as a client reads it.
pub(super) fn encoded(events: &[Event<'_>], tokens: &Tokens, mut framing: Framing) -> String {
    let mut out = Vec::new();
    let mut frames = Frames { out: &mut out, framing: &mut framing };
    let mut encoder = Encoder::default();
    for event in events {
        encoder.event(&LABEL, event, &mut frames);
    }
    encoder.end(&LABEL, End { tokens, tells_usage: true, note: &mut |_| {} }, &mut frames);
    frames.close();
    String::from_utf8(out).unwrap()
}

fn gathered(events: &[Event<'_>]) -> Message {
    let mut message = Message::default();
    events.iter().for_each(|event| message.add(event));
    message
}

fn text(text: &'static str) -> Event<'static> {
    Event::Text(text.into())
}

fn call(id: &'static str, signature: Option<&'static str>) -> Event<'static> {
    Event::Call { id: id.into(), name: "f".into(), signature: signature.map(Into::into) }
}

fn end(finish: Finish) -> Event<'static> {
    Event::Finish { finish, native: "native".into(), stop: None }
}

#[test]
fn parallel_calls_in_chunks_of_their_own_are_calls_of_their_own() {
    let events = decoded([STREAMS[0].as_bytes()]);
    let calls: Vec<_> = events.iter().filter(|event| matches!(event, Event::Call { .. })).collect();
    let [Event::Call { id: first, signature, .. }, Event::Call { id: second, .. }] = calls[..]
    else {
        panic!("{calls:?}")
    };
    assert_ne!(first, second);
    assert_eq!(signature.as_deref(), Some("tg-g.Eq0BCqoB+x/y="));
    let arguments = |event: &&Event<'_>| matches!(event, Event::Arguments(_));
    assert_eq!(events.iter().filter(arguments).count(), 2);
    // STOP with calls is the wish that they be made, and it is told once.
    assert_eq!(finish_of(&events), [(Finish::ToolCalls, "STOP".to_owned())]);
    let tokens = tokens_of(&events);
    assert_eq!((tokens.input_total(), tokens[TokenClass::Output]), (90, 24));
    assert_eq!(tokens[TokenClass::Reasoning], 60);
}

#[test]
fn ends_that_are_no_stop_are_told_as_what_they_are() {
    assert_eq!(finish_of(&decoded([STREAMS[1].as_bytes()]))[0].0, Finish::Length);
    let blocked = decoded([STREAMS[2].as_bytes()]);
    assert_eq!(finish_of(&blocked), [(Finish::ContentFilter, "PROHIBITED_CONTENT".to_owned())]);
    assert_eq!(tokens_of(&blocked).input_total(), 12);
    let malformed = decoded([STREAMS[3].as_bytes()]);
    assert_eq!(finish_of(&malformed)[0], (Finish::Error, "MALFORMED_FUNCTION_CALL".to_owned()));
}

#[test]
fn a_proof_of_text_stands_with_the_thought_that_led_to_it() {
    let events = decoded([STREAMS[1].as_bytes()]);
    let last =
        events.iter().rfind(|event| !matches!(event, Event::Usage(_) | Event::Finish { .. }));
    assert_eq!(last, Some(&Event::Signature("tg-g.Cs4B".into())));
    let both = r#"{"candidates":[{"content":{"parts":[{"text":"hm","thought":true},
        {"text":"yes","thoughtSignature":"AA=="}]}}]}"#;
    let expected = [Event::Thought("hm".into()), Event::Signature("tg-g.AA==".into()), text("yes")];
    assert_eq!(whole(both).unwrap(), expected);
}

#[test]
fn a_usage_that_is_told_again_replaces_the_one_before() {
    let tokens = tokens_of(&decoded([STREAMS[1].as_bytes()]));
    let classes: Vec<_> = tokens.used().collect();
    let expected = [
        (TokenClass::Input, 188),
        (TokenClass::CacheRead, 512),
        (TokenClass::Output, 6),
        (TokenClass::Reasoning, 9),
    ];
    assert_eq!(classes, expected);
}

#[test]
fn a_whole_answer_has_texts_pictures_calls_and_its_tier() {
    let golden = include_str!("../../../tests/golden/gemini/whole.json");
    for json in [golden.to_owned(), format!("[{golden}]")] {
        let events = whole(&json).unwrap();
        // Its text is proven, but shows no thought that the proof could stand with.
        assert_eq!(events[1], text("A red square."));
        assert!(matches!(&events[2], Event::Image { data, .. } if data == "iVBORw0="));
        assert!(matches!(&events[3], Event::Call { id, .. } if id == "k1"));
        assert!(events.contains(&Event::Tier("flex".into())));
        assert_eq!(tokens_of(&events)[TokenClass::ImageInput], 258);
    }
    assert_eq!(whole(r#"{"error":{"code":429}}"#), Err(DecodeFault::IsError));
    assert_eq!(whole(r#"[{"error":{"code":429}}]"#), Err(DecodeFault::IsError));
    assert!(matches!(whole("{}"), Err(DecodeFault::Unreadable(_))));
    assert!(matches!(whole("<html>"), Err(DecodeFault::Unreadable(_))));
}

#[test]
fn a_call_is_told_whole_and_half_a_call_not_at_all() {
    let half = |arguments: [&'static str; 2], finish| {
        let [a, b] = arguments.map(|more| Event::Arguments(more.into()));
        let events = [text("so"), call("c1", None), a, b, end(finish)];
        let told = encoded(&events, &Tokens::ZERO, Framing::Events);
        gathered(&decoded([told.as_bytes()]))
    };
    let told = half([r#"{"a":"#, "1}"], Finish::ToolCalls);
    assert!(told.calls_tools() && told.finish == Finish::ToolCalls);
    let told = half([r#"{"a":"#, "\"rm -rf /"], Finish::Length);
    assert!(!told.calls_tools() && told.finish == Finish::Length);
}

#[test]
fn every_chunk_has_a_part_and_the_last_alone_the_end_and_the_usage() {
    let mut tokens = Tokens::ZERO;
    tokens[TokenClass::Input] = 10;
    tokens[TokenClass::CacheRead] = 90;
    tokens[TokenClass::AudioInput] = 5;
    tokens[TokenClass::Output] = 7;
    tokens[TokenClass::Reasoning] = 3;
    let events = [Event::Thought("hm".into()), text("a"), text("b"), end(Finish::Stop)];
    let told = encoded(&events, &tokens, Framing::Array { begun: false });
    let chunks: Vec<Value> = serde_json::from_str(&told).unwrap();
    assert_eq!(chunks.len(), 4);
    for (at, chunk) in chunks.iter().enumerate() {
        let candidate = &chunk["candidates"][0];
        assert_eq!(candidate["content"]["role"], "model");
        assert_eq!(candidate["content"]["parts"].as_array().unwrap().len(), 1);
        assert_eq!(candidate.get("finishReason").is_some(), at == 3);
        assert_eq!(chunk.get("usageMetadata").is_some(), at == 3);
        assert_eq!(
            (&chunk["modelVersion"], &chunk["responseId"]),
            (&json!("shop/model"), &json!("gen-01"))
        );
    }
    let usage = json!({ "promptTokenCount": 105, "cachedContentTokenCount": 90,
        "candidatesTokenCount": 7, "thoughtsTokenCount": 3, "totalTokenCount": 115,
        "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": 100 },
            { "modality": "AUDIO", "tokenCount": 5 }] });
    assert_eq!(chunks[3]["usageMetadata"], usage);
    let told = encoded(&[], &tokens, Framing::Array { begun: false });
    assert_eq!(serde_json::from_str::<Vec<Value>>(&told).unwrap().len(), 1);
}

#[test]
fn ends_are_told_in_googles_words() {
    for (finish, reason, message) in [
        (Finish::Stop, "STOP", Value::Null),
        (Finish::ToolCalls, "STOP", Value::Null),
        (Finish::Length, "MAX_TOKENS", Value::Null),
        (Finish::ContentFilter, "SAFETY", json!("native")),
        (Finish::Error, "OTHER", json!("native")),
    ] {
        let mut out = Vec::new();
        let message_of = gathered(&[text("x"), end(finish)]);
        write_whole(&LABEL, &message_of, &Tokens::ZERO, &mut out);
        let value: Value = serde_json::from_slice(&out).unwrap();
        let candidate = &value["candidates"][0];
        assert_eq!(
            (&candidate["finishReason"], &candidate["finishMessage"]),
            (&json!(reason), &message)
        );
    }
}

#[test]
fn a_cut_answer_ends_at_its_limit_with_its_usage() {
    let mut tokens = Tokens::ZERO;
    tokens[TokenClass::Input] = 4;
    let (mut out, mut framing) = (Vec::new(), Framing::Events);
    write_cut(&LABEL, &tokens, &mut Frames { out: &mut out, framing: &mut framing });
    let events = decoded([&out[..]]);
    assert_eq!(finish_of(&events)[0].0, Finish::Length);
    assert_eq!(tokens_of(&events).input_total(), 4);
}
