//! What the client gets: the provider's choices byte for byte, under the name that it asked for.

use serde_json::{Value, json};
use tollgate_tests::client::{Answer, ask, request};
use tollgate_tests::refusal::Form;
use tollgate_tests::stand::{CHAT, ROUTED_CHAT, Stand};

use crate::look::{DONE, choices_of, member};

/// Requests whose answers are as different as they come.
fn questions() -> Vec<Value> {
    let user = |text: &str| json!([{ "role": "user", "content": text }]);
    let tool = json!({
        "type": "function",
        "function": {
            "name": "look_up",
            "parameters": {
                "type": "object",
                "properties": { "city": { "type": "string" }, "days": { "type": "integer" } },
                "required": ["city", "days"],
            },
        },
    });
    let schema = json!({
        "type": "json_schema",
        "json_schema": {
            "name": "answer",
            "schema": { "type": "object", "properties": { "ok": { "type": "boolean" } } },
        },
    });
    let picture = json!([{
        "role": "user",
        "content": [
            { "type": "text", "text": "what is this?" },
            { "type": "image_url", "image_url": { "url": "data:image/png;base64,AAAA" } },
        ],
    }]);
    vec![
        json!({ "messages": user("hello") }),
        json!({ "messages": user("😀 “ünïcödé” \u{7f}\\ \"quoted\" \t\n 你好") }),
        json!({ "messages": user("three"), "n": 3 }),
        json!({ "messages": user("weather?"), "tools": [tool], "tool_choice": "required" }),
        json!({ "messages": user("json"), "response_format": { "type": "json_object" } }),
        json!({ "messages": user("json"), "response_format": schema }),
        json!({ "messages": user("think"), "reasoning_effort": "low" }),
        json!({ "messages": picture }),
    ]
}

/// The same question to the provider itself and through the gateway.
fn both(stand: &Stand, path: &str, question: &Value, is_stream: bool) -> [Answer; 2] {
    let mut body = question.clone();
    body["seed"] = 7.into();
    body["max_completion_tokens"] = 60.into();
    if is_stream {
        body["stream"] = true.into();
        body["stream_options"] = json!({ "include_usage": true });
    }
    body["model"] = "up/chat".into();
    let through = stand.post(path, body.to_string().as_bytes());
    body["model"] = "chat".into();
    let plain = request("POST", CHAT, &[], body.to_string().as_bytes());
    [ask(stand.upstream.addr(), &plain), through]
}

#[test]
fn the_choices_of_a_whole_answer_go_through_byte_for_byte() {
    let stand = Stand::start();
    stand.upstream.fault("reasoning-text");
    for path in [CHAT, ROUTED_CHAT] {
        for question in questions() {
            let [direct, through] = both(&stand, path, &question, false);
            assert_eq!(through.status(), 200, "{}", through.text());
            let [theirs, ours] = [direct.text(), through.text()];
            for name in ["choices", "object", "system_fingerprint"] {
                let expected = member(theirs, name).map(|json| shown(path, json));
                assert_eq!(expected.as_deref(), member(ours, name), "{name}");
            }
            check_usage(path, theirs, ours);
            assert_eq!(member(through.text(), "model"), Some("\"up/chat\""));
            check_id(&through, path, through.text());
        }
    }
}

#[test]
fn the_choices_of_every_chunk_go_through_byte_for_byte() {
    let stand = Stand::start();
    for faults in ["reasoning-text", "chunk:5", "usage-early"] {
        stand.upstream.fault(faults);
        for path in [CHAT, ROUTED_CHAT] {
            for question in questions() {
                let [direct, through] = both(&stand, path, &question, true);
                let expected: Vec<_> =
                    choices_of(&direct).iter().map(|json| shown(path, json)).collect();
                assert_eq!(expected, choices_of(&through), "{question}");
                let (direct, events) = (direct.events(), through.events());
                assert_eq!(direct.len(), events.len(), "no chunk is dropped, none is added");
                for (theirs, ours) in direct.iter().zip(&events).filter(|(_, ours)| *ours != DONE) {
                    if path == CHAT {
                        check_usage(path, theirs, ours);
                    }
                    assert_eq!(member(ours, "model"), Some("\"up/chat\""), "{ours}");
                    assert_eq!(member(ours, "error"), None, "{ours}");
                    check_id(&through, path, ours);
                }
            }
        }
    }
}

/// What the provider says, as it is shown: under `/api/v1` thoughts have another name.
fn shown(path: &str, json: &str) -> String {
    let name = if path == CHAT { "\"reasoning_content\":" } else { "\"reasoning\":" };
    json.replace("\"reasoning_content\":", name)
}

/// Under `/v1` the usage is the provider's, under `/api/v1` it counts the same and tells a cost.
fn check_usage(path: &str, theirs: &str, ours: &str) {
    if path == CHAT {
        assert_eq!(member(theirs, "usage"), member(ours, "usage"));
        return;
    }
    let [theirs, ours]: [Value; 2] =
        [theirs, ours].map(|json| serde_json::from_str(member(json, "usage").unwrap()).unwrap());
    for name in ["prompt_tokens", "completion_tokens", "total_tokens"] {
        assert_eq!(theirs[name], ours[name], "{name}");
    }
    assert!(ours["cost"].is_number() && ours["is_byok"] == false, "{ours}");
}

/// Under `/v1` the id is the provider's, under `/api/v1` it is the generation's.
#[track_caller]
fn check_id(answer: &Answer, path: &str, json: &str) {
    let id = member(json, "id").unwrap().trim_matches('"').to_owned();
    match Form::of(path) {
        Form::OpenAi => assert!(id.starts_with("chatcmpl-"), "{id}"),
        Form::OpenRouter => assert_eq!(answer.head.header("x-generation-id"), Some(&*id)),
    }
}

#[test]
fn a_stream_says_what_it_is() {
    let stand = Stand::start();
    let [_, answer] = both(&stand, CHAT, &questions()[0], true);
    let kind = answer.head.header("content-type").unwrap();
    assert!(kind.starts_with("text/event-stream"), "{kind}");
    assert_eq!(answer.head.header("transfer-encoding"), Some("chunked"));
    assert_eq!(answer.head.header("content-length"), None);
    assert!(answer.head.header("cache-control").unwrap().contains("no-cache"));
    let [_, whole] = both(&stand, CHAT, &questions()[0], false);
    assert_eq!(whole.head.header("content-type"), Some("application/json"));
    assert_eq!(whole.head.header("transfer-encoding"), None);
}
