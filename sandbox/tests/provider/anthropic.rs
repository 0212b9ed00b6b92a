//! Anthropic's dialect: shapes, streams, tools, thoughts, caches, and what is refused.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests only: what fails here fails the test"
)]

use sandbox::{Dialect, Handle, Outcome, Settings};
use serde_json::{Value, json};

use crate::raw::{Got, ask_at, end_is_whole, start, start_with, with};

const VERSION: &str = "anthropic-version: 2023-06-01\r\n";

fn body(rest: Value) -> Value {
    let question = json!({"role": "user", "content": "why is it so?"});
    with(json!({"model": "claude", "max_tokens": 4000, "messages": [question]}), rest)
}

fn ask(to: &Handle, fault: &str, rest: Value) -> Got {
    let headers = format!("{VERSION}x-sandbox-fault: {fault}\r\n");
    ask_at(to, "/v1/messages", &headers, &body(rest))
}

fn tools() -> Value {
    let weather = json!({"type": "object", "properties": {"city": {"type": "string"}},
        "required": ["city"]});
    json!([{"name": "weather", "description": "tells it", "input_schema": weather},
        {"name": "now", "input_schema": {"type": "object"}}])
}

/// A stream put together again, as the official clients do, with their checks.
fn joined(got: &Got) -> Value {
    let (events, _) = got.events();
    let (mut message, mut open) = (Value::Null, None);
    for event in events {
        let index = event["index"].as_u64().map(|index| index as usize);
        match event["type"].as_str().unwrap() {
            "message_start" => {
                assert!(message.is_null());
                message = event["message"].clone();
            }
            "content_block_start" => {
                assert_eq!((open, index), (None, message["content"].as_array().map(Vec::len)));
                open = index;
                let mut block = event["content_block"].clone();
                block["partial"] = "".into();
                message["content"].as_array_mut().unwrap().push(block);
            }
            "content_block_delta" => {
                assert!(open.is_some() && open == index);
                add(&mut message["content"][index.unwrap()], &event["delta"]);
            }
            "content_block_stop" => {
                assert!(open.take() == index);
                let block = message["content"][index.unwrap()].as_object_mut().unwrap();
                let partial = block.remove("partial").unwrap();
                if block.contains_key("input") {
                    let input = serde_json::from_str(partial.as_str().unwrap()).unwrap();
                    block.insert("input".into(), input);
                }
            }
            "message_delta" => {
                message = with(message, event["delta"].clone());
                message["usage"] = with(message["usage"].take(), event["usage"].clone());
            }
            "message_stop" => assert!(open.is_none()),
            "ping" | "notice" => {}
            other => panic!("{other}"),
        }
    }
    message
}

fn add(block: &mut Value, delta: &Value) {
    let (name, place) = match (block["type"].as_str().unwrap(), delta["type"].as_str().unwrap()) {
        ("text", "text_delta") => ("text", "text"),
        ("thinking", "thinking_delta") => ("thinking", "thinking"),
        ("thinking", "signature_delta") => ("signature", "signature"),
        ("tool_use" | "server_tool_use", "input_json_delta") => ("partial_json", "partial"),
        odd => panic!("{odd:?}"),
    };
    let longer = format!("{}{}", block[place].as_str().unwrap(), delta[name].as_str().unwrap());
    block[place] = longer.into();
}

/// A message without what differs from request to request.
fn plain(mut message: Value) -> Value {
    message.as_object_mut().unwrap().remove("id");
    message
}

#[test]
fn a_whole_message_has_anthropics_shape() {
    let sandbox = start();
    let got = ask(&sandbox, "", json!({"system": "be brief"}));
    let message = got.json();
    assert!(got.head.contains("request-id: req_") && got.status == 200);
    assert!(message["id"].as_str().unwrap().starts_with("msg_"));
    assert_eq!((&message["type"], &message["role"]), (&json!("message"), &json!("assistant")));
    let text = message["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("why is it so?"));
    assert_eq!(message["stop_reason"], "end_turn");
    assert_eq!(message["usage"]["output_tokens"], sandbox::tokens::count(text));
    let truth = sandbox.truth().pop().unwrap();
    assert_eq!((truth.dialect, truth.path.as_str()), (Dialect::Anthropic, "/v1/messages"));
    assert_eq!(truth.outcome, Outcome::Finished);
    assert_eq!(message["usage"]["input_tokens"], truth.billed.prompt);
}

#[test]
fn a_stream_says_what_the_whole_message_says() {
    let sandbox = start();
    let thinking = json!({"thinking": {"type": "enabled", "budget_tokens": 1024}});
    let omitted = json!({"thinking": {"type": "adaptive", "display": "omitted"}});
    let called = json!({"tools": tools(), "tool_choice": {"type": "any"}});
    let stopped = json!({"stop_sequences": ["so"], "max_tokens": 40});
    let cut = json!({"max_tokens": 3});
    for rest in [json!({}), thinking, omitted, called, stopped, cut, json!({"max_tokens": 0})] {
        let fault = "searches:2+unknown-events";
        let whole = ask(&sandbox, fault, with(rest.clone(), json!({"stream": false}))).json();
        let got = ask(&sandbox, fault, with(rest, json!({"stream": true})));
        assert!(end_is_whole(&got) && got.text().ends_with("\"message_stop\"}\n\n"));
        let stream = joined(&got);
        assert_eq!(shape_of(&stream), shape_of(&whole));
        assert_eq!(plain(stream)["stop_reason"], plain(whole)["stop_reason"]);
        let truth = sandbox.truth().pop().unwrap();
        assert!(truth.stream && truth.outcome == Outcome::Finished);
    }
}

/// The kinds of blocks, and the members that each has.
fn shape_of(message: &Value) -> Vec<Vec<String>> {
    let blocks = message["content"].as_array().unwrap();
    let members = |block: &Value| block.as_object().unwrap().keys().cloned().collect();
    blocks.iter().map(members).collect()
}

#[test]
fn calls_are_answered_and_their_results_quoted() {
    let sandbox = start();
    let first = json!({"tools": tools(), "tool_choice": {"type": "any"}});
    let calls = ask(&sandbox, "", first.clone()).json();
    assert_eq!(calls["stop_reason"], "tool_use");
    let content = calls["content"].as_array().unwrap();
    assert_eq!((&content[0]["name"], &content[1]["name"]), (&json!("weather"), &json!("now")));
    assert!(content[0]["input"]["city"].is_string());
    let results: Vec<_> = content
        .iter()
        .map(|call| json!({"type": "tool_result", "tool_use_id": call["id"], "content": "18 C"}))
        .collect();
    let said = |results: &[Value]| {
        let question = json!({"role": "user", "content": "why is it so?"});
        let messages = json!([question, {"role": "assistant", "content": content},
            {"role": "user", "content": results}]);
        ask(&sandbox, "", with(first.clone(), json!({"messages": messages})))
    };
    let answer = said(&results).json();
    assert!(answer["content"][0]["text"].as_str().unwrap().contains("18 C; 18 C"));
    assert!(said(&results[..1]).text().contains("without `tool_result` blocks"));
    let stranger = json!({"type": "tool_result", "tool_use_id": "toolu_x"});
    assert!(said(&[results.as_slice(), &[stranger]].concat()).text().contains("unexpected"));
    let one = json!({"tools": tools(), "tool_choice":
        {"type": "any", "disable_parallel_tool_use": true}});
    assert_eq!(ask(&sandbox, "", one).json()["content"].as_array().unwrap().len(), 1);
}

#[test]
fn thoughts_come_back_signed_or_not_at_all() {
    let sandbox = start();
    let thinking = json!({"type": "enabled", "budget_tokens": 2048});
    let first = json!({"tools": tools(), "thinking": thinking});
    for fault in ["", "redacted"] {
        let streamed = ask(&sandbox, fault, with(first.clone(), json!({"stream": true})));
        for message in [ask(&sandbox, fault, first.clone()).json(), joined(&streamed)] {
            let kind = if fault.is_empty() { "thinking" } else { "redacted_thinking" };
            assert_eq!(message["content"][0]["type"], kind);
            assert_eq!(message["usage"]["output_tokens_details"]["thinking_tokens"], 64);
            let again = |content: Value| {
                let id = message["content"][1]["id"].clone();
                let messages = json!([{"role": "user", "content": "x"},
                    {"role": "assistant", "content": content}, {"role": "user", "content":
                        [{"type": "tool_result", "tool_use_id": id, "content": "y"}]}]);
                ask(&sandbox, "", with(first.clone(), json!({"messages": messages})))
            };
            assert_eq!(again(message["content"].clone()).status, 200);
            assert_eq!(again(json!([message["content"][1]])).status, 400);
            let mut forged = message["content"].clone();
            let place = if fault.is_empty() { "thinking" } else { "data" };
            forged[0][place] = "something else".into();
            assert!(again(forged).text().contains("Invalid `"));
        }
    }
}

#[test]
fn caches_are_written_where_they_are_marked() {
    let sandbox = start();
    let hint = |ttl| json!({"type": "ephemeral", "ttl": ttl});
    let text = |text: &str, ttl| json!({"type": "text", "text": text, "cache_control": hint(ttl)});
    let marked = json!({"system": [text(&"x".repeat(400), "1h")],
        "messages": [{"role": "user", "content": [text(&"y".repeat(80), "5m")]}]});
    let usage = ask(&sandbox, "", marked.clone()).json()["usage"].take();
    assert_eq!(usage["cache_creation"]["ephemeral_1h_input_tokens"], 100);
    assert_eq!(usage["cache_creation"]["ephemeral_5m_input_tokens"], 24);
    assert_eq!(
        (&usage["cache_creation_input_tokens"], &usage["input_tokens"]),
        (&124.into(), &3.into())
    );
    let fault = "cached:110+split-short:5+served-tier:priority+searches:2";
    let usage = ask(&sandbox, fault, marked).json()["usage"].take();
    assert_eq!(
        (&usage["cache_read_input_tokens"], &usage["input_tokens"]),
        (&110.into(), &3.into())
    );
    assert_eq!(usage["cache_creation"]["ephemeral_5m_input_tokens"], 9);
    assert_eq!(usage["cache_creation_input_tokens"], 14);
    assert_eq!(usage["service_tier"], "priority");
    assert_eq!(usage["server_tool_use"]["web_search_requests"], 2);
    let billed = sandbox.truth().pop().unwrap().billed;
    assert_eq!((billed.cached, billed.cache_write, billed.cache_write_1h), (110, 14, 0));
    let wished = ask(&sandbox, "cache-write-1h:5", json!({})).json()["usage"].take();
    assert_eq!(wished["cache_creation"]["ephemeral_1h_input_tokens"], 5);
}

#[test]
fn tokens_can_be_counted_first() {
    let sandbox = start();
    let rest = json!({"tools": tools(), "system": "be brief"});
    let mut counted = body(rest.clone());
    counted.as_object_mut().unwrap().remove("max_tokens");
    let count = |body: &Value| ask_at(&sandbox, "/v1/messages/count_tokens", VERSION, body);
    let usage = ask(&sandbox, "", rest.clone()).json()["usage"].take();
    assert_eq!(count(&counted).json()["input_tokens"], usage["input_tokens"]);
    assert_eq!((count(&body(rest)).status, sandbox.truth().len()), (400, 1));
}

#[test]
fn streams_fail_in_anthropics_way() {
    let sandbox = start();
    let stream = |fault: &str| ask(&sandbox, fault, json!({"stream": true}));
    let failed = stream("error-mid:529");
    assert!(failed.text().contains("event: error\n") && failed.text().contains("overloaded_error"));
    assert!(!failed.text().contains("message_stop"));
    assert_eq!(sandbox.truth().pop().unwrap().outcome, Outcome::Broken);
    assert!(stream("error-in-200").text().starts_with("event: error\n"));
    assert!(stream("finish-error").text().contains("event: error\n"));
    assert_eq!(stream("pings:7").text().matches("event: ping\n").count(), 8);
    let (events, _) = stream("usage-repeats").events();
    let last = events.iter().find(|event| event["type"] == "message_delta").unwrap();
    assert_eq!(last["usage"]["input_tokens"], events[0]["message"]["usage"]["input_tokens"]);
    assert!(joined(&stream(""))["usage"]["input_tokens"].is_u64());
    assert!(!stream("no-usage").text().contains("usage"));
    assert_eq!(joined(&stream("finish:refusal"))["stop_details"]["type"], "refusal");
    assert_eq!(joined(&stream("finish:pause_turn"))["stop_reason"], "pause_turn");
    assert!(!stream("fin-no-done").text().contains("message_stop"));
    let status = stream("status:529:retry-after=3");
    assert_eq!((status.status, &status.json()["error"]["type"]), (529, &"overloaded_error".into()));
    assert!(status.json()["request_id"].is_string() && status.head.contains("retry-after: 3"));
}

#[test]
fn strangers_are_turned_away() {
    let settings = Settings { api_key: Some("right".into()), ..Settings::burst() };
    let sandbox = start_with(settings);
    let status = |key: &str| {
        ask_at(&sandbox, "/v1/messages", &format!("{VERSION}{key}\r\n"), &body(json!({}))).status
    };
    assert_eq!((status("x-api-key: right"), status("authorization: Bearer right")), (200, 200));
    assert_eq!((status("x-api-key: wrong"), status("x-goog-api-key: right")), (401, 401));
    let unversioned = ask_at(&start(), "/v1/messages", "", &body(json!({})));
    assert_eq!((unversioned.status, &unversioned.json()["type"]), (400, &"error".into()));
}
