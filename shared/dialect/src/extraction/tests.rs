//! What an extraction may ask for, what an answer to it is worth, and how much is said of it.

use serde_json::{Value, json};
use wire::gate::{Gate, GateLimits};

use super::*;
use crate::event::Event;
use crate::frames::Label;
use crate::intent::{Intent, RequestFault};

fn read(body: &Value) -> Result<Box<Intent>, RequestFault> {
    let body = body.to_string();
    let top = Gate::new().check(body.as_bytes(), &GateLimits::default()).unwrap();
    read_intent(&top, body.as_bytes())
}

fn asked(schema: Value) -> Value {
    json!({ "model": "m", "input": "Alice paid 12.50.", "schema": schema })
}

fn receipt() -> Value {
    json!({
        "type": "object",
        "properties": {
            "buyer": { "type": "string" },
            "amount": { "type": "number", "minimum": 0 },
        },
        "required": ["buyer"],
        "additionalProperties": false,
    })
}

fn wanted(schema: Value) -> Box<Extraction> {
    read(&asked(schema)).unwrap().extraction.unwrap()
}

fn message(said: &str, finish: Finish) -> Message {
    let mut message = Message { finish, ..Message::default() };
    if !said.is_empty() {
        message.add(&Event::Text(said.into()));
    }
    message
}

fn errors(verdict: Verdict) -> Vec<String> {
    match verdict {
        Verdict::Fits => Vec::new(),
        Verdict::Wrong(wrong) => wrong.errors,
    }
}

#[test]
fn a_request_is_read_and_its_bound_covers_all_that_is_said() {
    let mut body = asked(receipt());
    body["instructions"] = "Be exact.".into();
    body["max_tokens"] = 100.into();
    body["routing"] = json!({ "max_total_per_1m": "0.30" });
    let intent = read(&body).unwrap();
    assert_eq!((&*intent.model, intent.output_limit), ("m", Some(100)));
    assert!(!intent.stream && intent.wishes.is_some());
    let extraction = intent.extraction.unwrap();
    let wrong =
        Wrong { said: "x".repeat(10_000), errors: vec!["e".repeat(256); 9], is_final: false };
    extraction.correct(&wrong);
    assert!(extraction.correction_bytes() <= intent.input.later_bytes);
    let text = body.to_string();
    let prompt = read_prompt(text.as_bytes()).unwrap();
    let said = prompt.system.iter().chain(&prompt.turns[0].parts).map(|part| match &part.kind {
        crate::prompt::PartKind::Text(text) => text.len(),
        _ => 0,
    });
    let said = said.sum::<usize>() + receipt().to_string().len();
    assert!(said as u64 <= intent.input.text_bytes);
}

#[test]
fn what_is_not_understood_is_refused_by_its_name() {
    for (name, value, told) in [
        ("sream", json!(true), "`sream`"),
        ("messages", json!([]), "`messages`"),
        ("stream", json!(true), "`stream`"),
        ("max_tokens", json!(0), "`max_tokens`"),
        ("input", json!(""), "`input`"),
        ("input", json!(["a"]), "`input`"),
        ("temperature", json!("hot"), "`temperature`"),
        ("schema", json!([]), "`schema`"),
        ("schema", Value::Null, "`schema`"),
        ("model", json!(7), "`model`"),
    ] {
        let mut body = asked(receipt());
        body[name] = value;
        let fault = read(&body).unwrap_err();
        assert!(fault.message.contains(told), "{name}: {fault}");
    }
}

#[test]
fn a_schema_is_bounded_and_leans_on_nothing_else() {
    let mut deep = json!({});
    for _ in 0..70 {
        deep = json!({ "items": deep });
    }
    let mut laughs = json!({ "$defs": { "d0": { "type": "string" } }, "$ref": "#/$defs/d20" });
    for level in 1..=20 {
        let reference = json!({ "$ref": format!("#/$defs/d{}", level - 1) });
        laughs["$defs"][format!("d{level}")] = json!({ "anyOf": [reference, reference] });
    }
    for (schema, told) in [
        (json!({ "type": "strin" }), "JSON Schema"),
        (json!({ "$ref": "https://example.com/s.json" }), "own places"),
        (json!({ "properties": { "a": { "$ref": "other.json#/x" } } }), "own places"),
        (json!({ "$ref": "#/$defs/none" }), "does not have"),
        (json!({ "properties": { "next": { "$ref": "#" } } }), "back to itself"),
        (json!({ "anyOf": [{ "$ref": "#/anyOf/0" }] }), "back to itself"),
        (json!({ "$id": "https://example.com/" }), "`$id`"),
        (json!({ "pattern": "(" }), "JSON Schema"),
        (json!({ "pattern": "(?=a)b" }), "JSON Schema"),
        (json!({ "pattern": "x".repeat(600) }), "pattern"),
        (json!({ "description": "x".repeat(70_000) }), "bytes"),
        (deep, "nested"),
        (laughs, "weighs"),
    ] {
        let body = asked(schema).to_string();
        let limits = GateLimits { depth: 200, ..GateLimits::default() };
        let top = Gate::new().check(body.as_bytes(), &limits).unwrap();
        let fault = read_intent(&top, body.as_bytes()).unwrap_err();
        assert!(fault.message.contains(told), "{told}: {fault}");
        assert_eq!(fault.param, Some("schema"));
    }
    let named = json!({
        "properties": {
            "$id": { "type": "string" },
            "$ref": { "type": "string" },
            "kind": { "const": { "$ref": "https://example.com/" } },
            "item": { "$ref": "#/$defs/item" },
            "other": { "$ref": "#/$defs/item" },
        },
        "$defs": { "item": { "enum": ["a", "b"] } },
    });
    let wanted = wanted(named);
    assert_eq!(wanted.judge(&message(r#"{"item":"a","$id":"x"}"#, Finish::Stop)), Verdict::Fits);
}

#[test]
fn json_is_found_in_fences_and_nowhere_else() {
    let wanted = wanted(receipt());
    for said in [
        r#"{"buyer":"Alice"}"#,
        "  {\"buyer\": \"Alice\", \"amount\": 12.50}\n",
        "```json\n{\"buyer\":\"Alice\"}\n```",
        "Here it is:\n```\n{\"buyer\":\"Alice\"}\n```\nAnything else?",
        "```{\"buyer\":\"Alice\"}",
        r#"{"buyer":"```"}"#,
    ] {
        assert_eq!(wanted.judge(&message(said, Finish::Stop)), Verdict::Fits, "{said}");
    }
    for said in ["", "Alice", r#"Sure: {"buyer":"Alice"}"#, r#"{"buyer":"Al"#, "``````"] {
        let told = errors(wanted.judge(&message(said, Finish::Stop)));
        assert!(told.len() == 1 && told[0].starts_with("it is not JSON"), "{said}: {told:?}");
    }
}

#[test]
fn what_is_wrong_is_told_where_it_is_and_bounded() {
    let narrow = wanted(receipt());
    let said = r#"{"amount":"lots","tip":1}"#;
    let told = errors(narrow.judge(&message(said, Finish::Stop))).join("\n");
    assert!(told.contains("at /amount: it is not of type \"number\""), "{told}");
    assert!(told.contains("\"buyer\" is a required property") && told.contains("'tip'"), "{told}");
    let cut = errors(narrow.judge(&message(r#"{"buyer":"#, Finish::Length)));
    assert!(cut.len() == 2 && cut[0].contains("cut off"), "{cut:?}");
    let list = wanted(json!({ "type": "array", "items": { "const": "y".repeat(2_000) } }));
    let many = errors(list.judge(&message(&json!(vec!["x"; 100]).to_string(), Finish::Stop)));
    assert!(many.len() == 8 && many.iter().all(|error| error.len() <= 256), "{many:?}");
    let heavy = wanted(json!({ "items": { "enum": vec!["x"; 5_000] } }));
    let long = format!("[{}1]", "1,".repeat(10_000));
    let told = errors(heavy.judge(&message(&long, Finish::Stop)));
    assert!(told[0].contains("too long to be checked"), "{told:?}");
}

#[test]
fn who_refuses_is_not_asked_again() {
    let wanted = wanted(receipt());
    let mut refused = message("", Finish::Stop);
    refused.add(&Event::Refusal("I will not.".into()));
    for message in [refused, message("{}", Finish::ContentFilter)] {
        let Verdict::Wrong(wrong) = wanted.judge(&message) else { panic!("it fits") };
        assert!(wrong.is_final);
    }
}

#[test]
fn an_answer_keeps_its_numbers_and_tells_its_usage() {
    let label = Label { generation: "gen-1", model_json: b"\"a/m\"", own_id: false, created: 7 };
    let mut message = message("```json\n{\"n\":12345678901234567890.10}\n```", Finish::Stop);
    message.id = "up-1".to_owned();
    let mut out = Vec::new();
    write_whole(&label, &message, &units::Tokens::ZERO, &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains(r#""output":{"n":12345678901234567890.10}"#), "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&answer["id"], &answer["model"]), (&json!("up-1"), &json!("a/m")));
    assert_eq!(answer["usage"]["total_tokens"], 0);
}

#[test]
fn a_correction_replaces_the_one_before() {
    let wanted = wanted(receipt());
    let text = asked(receipt()).to_string();
    for said in ["first", "second"] {
        let Verdict::Wrong(wrong) = wanted.judge(&message(said, Finish::Stop)) else { panic!() };
        wanted.correct(&wrong);
        let mut prompt = read_prompt(text.as_bytes()).unwrap();
        wanted.add_correction(&mut prompt);
        assert_eq!(prompt.turns.len(), 3);
        let told = format!("{:?}", prompt.turns);
        assert!(told.contains(said) && told.contains("it is not JSON"), "{told}");
    }
}
