//! Responses as their SDKs read them: streamed and whole.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use units::{TokenClass, Tokens};

use super::schema::Document;
use crate::dice::Dice;
use crate::openai_responses::{Encoder, SEALED, read_prompt, write_whole};
use crate::prompt::{PartKind, Source};
use crate::signature::marked;
use crate::*;

const LABEL: Label<'_> = Label {
    generation: "gen-00000000000000000000000000000001",
    model_json: b"\"a/b\"",
    own_id: false,
    created: 7,
};
const REQUEST: &str = r#"{"model":"a/b","input":"hi","instructions":"Be brief.","temperature":0.5,
    "tools":[{"type":"function","name":"f"},
    {"type":"function","name":"g","parameters":{"type":"object"},"strict":true}],
    "tool_choice":"auto","metadata":{"k":"v"},"user":null,"reasoning":{"effort":"low"}}"#;

fn tokens() -> Tokens {
    let mut tokens = Tokens::ZERO;
    tokens[TokenClass::Input] = 7;
    tokens[TokenClass::CacheRead] = 5;
    tokens[TokenClass::CacheWrite] = 1;
    tokens[TokenClass::CacheWrite1h] = 2;
    tokens[TokenClass::Output] = 11;
    tokens[TokenClass::Reasoning] = 3;
    tokens
}

/// Everything that an answer can hold.
fn everything() -> Vec<Event<'static>> {
    let call =
        |id: &'static str, signature| Event::Call { id: id.into(), name: "f".into(), signature };
    let proof = marked(catalog::Dialect::Anthropic, "Ab+/=");
    vec![
        Event::Begin { id: "x".into() },
        Event::Tier("standard".into()),
        Event::Thought("h\u{e9}".into()),
        Event::Thought("m\n".into()),
        Event::Signature(proof.clone().into()),
        Event::Redacted(proof.clone().into()),
        Event::Text("a \"b\" ".into()),
        Event::Text("c".into()),
        Event::Refusal("no".into()),
        Event::Text("d".into()),
        call("c1", Some(proof.into())),
        Event::Arguments("{\"x\":".into()),
        Event::Arguments("1}".into()),
        call("c2", None),
        Event::Image { media_type: "image/png".into(), data: "QUJD".into() },
        Event::Thought("bare".into()),
        Event::Finish { finish: Finish::ToolCalls, native: "tool_use".into(), stop: None },
        Event::Usage(Err(UsageFault::Missing)),
    ]
}

fn stream(events: &[Event<'_>]) -> Vec<Value> {
    let (mut out, mut framing) = (Vec::new(), Framing::Events);
    let mut frames = Frames { out: &mut out, framing: &mut framing };
    let mut encoder = Encoder::new(REQUEST.as_bytes());
    encoder.begin(&LABEL, &mut frames);
    events.iter().for_each(|event| encoder.event(&LABEL, event, &mut frames));
    let mut note = |out: &mut Vec<u8>| openai_chat::add_member("noted", &true, out);
    let end = End { tokens: &tokens(), tells_usage: false, note: &mut note };
    encoder.end(&LABEL, end, &mut frames);
    read(&out)
}

fn read(out: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(out).unwrap();
    let events = text.split_terminator("\n\n").map(|event| {
        let (name, json) = event.split_once('\n').unwrap();
        let value: Value = serde_json::from_str(json.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name, format!("event: {}", value["type"].as_str().unwrap()));
        value
    });
    events.collect()
}

fn whole(events: &[Event<'_>]) -> Value {
    let (mut message, mut out) = (Message::default(), Vec::new());
    events.iter().for_each(|event| message.add(event));
    write_whole(REQUEST.as_bytes(), &LABEL, &message, &tokens(), &mut out);
    serde_json::from_slice(&out).unwrap()
}

/// The schema of an event, by the discriminator that the document's schemas carry.
fn schema_of(name: &str) -> String {
    let special = BTreeMap::from([
        ("response.output_text.delta", "ResponseTextDeltaEvent"),
        ("response.output_text.done", "ResponseTextDoneEvent"),
    ]);
    if let Some(special) = special.get(name) {
        return (*special).to_owned();
    }
    let words = name.split(['.', '_']).map(|word| word[..1].to_uppercase() + &word[1..]);
    words.collect::<String>() + "Event"
}

#[test]
fn every_event_and_the_whole_fit_the_document() {
    let Some(document) = Document::open() else { return };
    for event in stream(&everything()) {
        let name = event["type"].as_str().unwrap();
        document.check(&schema_of(name), &event).unwrap();
    }
    document.check("Response", &whole(&everything())).unwrap();
    let wrong = json!({"type": "response.created", "sequence_number": 0, "response": {}});
    assert!(document.check("ResponseCreatedEvent", &wrong).unwrap_err().contains("lacks"));
}

#[test]
fn numbers_and_places_are_in_order() {
    let events = stream(&everything());
    for (place, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], place as u64);
        assert!(event.get("error").is_none());
    }
    let names: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        names[..3],
        ["response.created", "response.in_progress", "response.output_item.added"]
    );
    let added = events.iter().filter(|it| it["type"] == "response.output_item.added");
    let places: Vec<u64> = added.map(|it| it["output_index"].as_u64().unwrap()).collect();
    assert_eq!(places, [0, 1, 2, 3, 4, 5, 6]);
    let mut open = None;
    for event in &events {
        match event["type"].as_str().unwrap() {
            "response.output_item.added" => open = Some(event["item"]["id"].clone()),
            "response.output_item.done" => {
                assert_eq!(open.take(), Some(event["item"]["id"].clone()));
            }
            _ if event.get("item_id").is_some() => {
                assert_eq!(open.as_ref(), Some(&event["item_id"]));
            }
            _ => assert_eq!(open, None),
        }
    }
}

#[test]
fn what_is_done_repeats_its_deltas_and_the_end_repeats_all() {
    let events = stream(&everything());
    let mut said: BTreeMap<String, String> = BTreeMap::new();
    let mut items = Vec::new();
    for event in &events {
        let name = event["type"].as_str().unwrap();
        let key = format!("{}{}", event["item_id"], event["content_index"]);
        if let Some(delta) = event["delta"].as_str() {
            *said.entry(key).or_default() += delta;
        } else if name.ends_with("text.done") || name.ends_with("arguments.done") {
            let done = event.get("text").or(event.get("arguments")).unwrap();
            assert_eq!(said[&key], done.as_str().unwrap());
        } else if name == "response.output_item.done" {
            items.push(event["item"].clone());
        }
    }
    let last = &events.last().unwrap()["response"];
    assert_eq!(last["output"], json!(items));
    assert_eq!(last["noted"], true);
    let mut whole = whole(&everything());
    assert_eq!(whole["output"], last["output"]);
    assert_eq!(whole["usage"], last["usage"]);
    assert_eq!(whole["service_tier"], "default");
    whole["noted"] = true.into();
    assert_eq!(&whole, last);
    let usage = json!({"input_tokens": 15, "output_tokens": 14, "total_tokens": 29,
        "input_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3},
        "output_tokens_details": {"reasoning_tokens": 3}});
    assert_eq!(last["usage"], usage);
    assert_eq!(
        (&last["id"], &last["temperature"]),
        (&json!("resp_00000000000000000000000000000001"), &json!(0.5))
    );
    assert_eq!(last["tools"][0]["strict"], Value::Null);
    assert_eq!(last["tools"][1]["strict"], true);
}

#[test]
fn an_answer_is_the_next_requests_input() {
    let last = whole(&everything());
    let mut input = last["output"].as_array().unwrap().clone();
    input.push(
        json!({"type": "function_call_output", "call_id": input[3]["call_id"], "output": "1"}),
    );
    let body = json!({"model": "a/b", "input": input}).to_string();
    assert_eq!(super::intent(&body).unwrap().input.images, 1);
    let prompt = read_prompt(body.as_bytes()).unwrap();
    let proof = marked(catalog::Dialect::Anthropic, "Ab+/=");
    let said: Vec<&PartKind<'_>> = prompt.turns[0].parts.iter().map(|part| &part.kind).collect();
    let PartKind::Thought { text, signature } = said[0] else { panic!("{said:?}") };
    assert_eq!((&**text, signature.as_deref()), ("h\u{e9}m\n", Some(&*proof)));
    assert!(matches!(said[1], PartKind::Redacted(it) if *it == proof));
    let texts = [&said[2], &said[3], &said[4]].map(|part| match part {
        PartKind::Text(text) => &**text,
        other => panic!("{other:?}"),
    });
    assert_eq!(texts, ["a \"b\" c", "no", "d"]);
    let PartKind::Call(call) = said[5] else { panic!("{said:?}") };
    assert_eq!((&*call.id, call.signature.as_deref()), ("c1", Some(&*proof)));
    assert!(matches!(said[6], PartKind::Call(call) if call.arguments == "{}"));
    let PartKind::Image { source, .. } = said[7] else { panic!("{said:?}") };
    assert!(matches!(source, Source::Data { media_type, .. } if media_type == "image/png"));
    assert!(matches!(&prompt.turns[1].parts[0].kind, PartKind::Answer(it) if it.id == "c1"));
    assert!(SEALED.ends_with(':'));
}

#[test]
fn every_end_has_its_own_event() {
    let ended = |finish: Option<Finish>| {
        let mut events = vec![Event::Text("a".into())];
        events.extend(finish.map(|finish| Event::Finish {
            finish,
            native: "x".into(),
            stop: None,
        }));
        let last = stream(&events).pop().unwrap();
        let status = last["response"]["output"][0]["status"].clone();
        (last["type"].clone(), last["response"]["incomplete_details"]["reason"].clone(), status)
    };
    let cut = ended(Some(Finish::Length));
    assert_eq!(
        cut,
        (json!("response.incomplete"), json!("max_output_tokens"), json!("incomplete"))
    );
    assert_eq!(ended(Some(Finish::ContentFilter)).1, "content_filter");
    assert_eq!(ended(Some(Finish::Stop)).0, "response.completed");
    assert_eq!(ended(None).0, "response.failed");
}

#[test]
fn an_error_fails_the_response() {
    let fail = |status| {
        let (mut out, mut framing) = (Vec::new(), Framing::Events);
        let mut frames = Frames { out: &mut out, framing: &mut framing };
        let refusal = Refusal::new(status, "provider_error", "it \"broke\"");
        let error = StreamError { refusal: &refusal, form: ErrorForm::default() };
        Encoder::new(REQUEST.as_bytes()).fail(&LABEL, &error, &mut frames);
        read(&out)
    };
    let events = fail(502);
    assert_eq!(events.len(), 3);
    let last = &events[2];
    assert_eq!((&last["type"], &last["sequence_number"]), (&json!("response.failed"), &json!(2)));
    let error = json!({"code": "server_error", "message": "it \"broke\""});
    assert_eq!(
        (&last["response"]["error"], &last["response"]["status"]),
        (&error, &json!("failed"))
    );
    assert_eq!(fail(503)[2]["response"]["error"]["code"], "server_error");
    assert_eq!(fail(429)[2]["response"]["error"]["code"], "rate_limit_exceeded");
    assert!(last.get("error").is_none());
    if let Some(document) = Document::open() {
        document.check("ResponseFailedEvent", last).unwrap();
    }
}

#[test]
fn every_stream_tells_what_the_whole_answer_does() {
    let mut dice = Dice(3);
    for round in 0..400 {
        let events = dice.answer(&[catalog::Dialect::Anthropic, catalog::Dialect::Gemini]);
        let told = stream(&events);
        let done = told.iter().filter(|event| event["type"] == "response.output_item.done");
        let done: Vec<&Value> = done.map(|event| &event["item"]).collect();
        let last = &told.last().unwrap()["response"];
        assert_eq!(last["output"], json!(done), "{round}");
        assert_eq!(last["output"], whole(&events)["output"], "{round}");
        let deltas = told.iter().filter(|event| event["type"] == "response.output_text.delta");
        let streamed: String = deltas.map(|event| event["delta"].as_str().unwrap()).collect();
        let texts = events.iter().filter_map(|event| match event {
            Event::Text(text) => Some(&**text),
            _ => None,
        });
        assert_eq!(streamed, texts.collect::<String>(), "{round}");
    }
}
