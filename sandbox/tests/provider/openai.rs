//! OpenAI's dialect beside plain chat: strictness, completions of before it, vectors, pictures.

use sandbox::{Handle, Outcome};
use serde_json::{Value, json};

use crate::raw::{Got, ask, ask_at, ask_with, chat, end_is_whole, start, streamed, with};

fn post(to: &Handle, path: &str, body: &Value) -> Got {
    ask_at(to, path, "", body)
}

#[test]
fn calls_and_results_belong_together() {
    let sandbox = start();
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "a", "arguments": "{}"}});
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": id});
    let status = |calls: &[Value], rest: &[Value]| {
        let calls = json!({"role": "assistant", "content": null, "tool_calls": calls});
        let messages = [&[json!({"role": "user", "content": "x"}), calls], rest].concat();
        let body = json!({"model": "chat", "messages": messages});
        let got = post(&sandbox, "/v1/chat/completions", &body);
        (got.status, got.text().contains("r1; r2"))
    };
    let [r1, r2] = ["r1", "r2"].map(result);
    let two = [call("r1"), call("r2")];
    assert_eq!(status(&two, &[r1.clone(), r2.clone()]), (200, true));
    assert_eq!(status(&two, std::slice::from_ref(&r1)), (400, false));
    assert_eq!(status(&two, &[r1.clone(), json!({"role": "user", "content": "y"})]).0, 400);
    assert_eq!(status(&two[..1], &[r1, r2]).0, 400);
    assert_eq!(status(&two[..1], &[result("other")]).0, 400);
    let image = json!([{"type": "image_url", "image_url": {"url": "https://x"}}]);
    let pictured = json!({"role": "tool", "tool_call_id": "r1", "content": image});
    assert_eq!(status(&two[..1], &[pictured]).0, 400);
    let named = chat(r#","tools":[{"type":"function","function":{"name":"a.b"}}]"#);
    assert_eq!(ask(&sandbox, "", &named).status, 400);
}

#[test]
fn openai_refuses_more_than_others_when_wished() {
    let sandbox = start();
    let schema = json!({"type": "object", "properties": {"a": {}}, "additionalProperties": false});
    let format = |named: Value| json!({"type": "json_schema", "json_schema": named});
    for rest in [
        json!({"top_k": 5}),
        json!({"temperature": 2.5}),
        json!({"model": "gpt-5", "max_tokens": 5}),
        json!({"model": "o3-mini", "temperature": 0.5}),
        json!({"response_format": {"type": "json_object"}}),
        json!({"response_format": format(json!({"schema": {}}))}),
        json!({"response_format": format(json!({"name": "a", "strict": true, "schema": schema}))}),
        json!({"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]}),
    ] {
        let body = with(serde_json::from_str(&chat("")).unwrap(), rest).to_string();
        assert_eq!(ask(&sandbox, "", &body).status, 200, "{body}");
        assert_eq!(ask_with(&sandbox, "strict", &body).status, 400, "{body}");
    }
    assert_eq!(ask_with(&sandbox, "strict", &streamed("")).status, 200);
    let refused = ask_with(&sandbox, "refuses:stream_options", &streamed(""));
    assert!(refused.status == 400 && refused.text().contains("stream_options"));
}

#[test]
fn compatible_providers_differ() {
    let sandbox = start();
    let tools = r#","tools":[{"type":"function","function":{"name":"a"}},
        {"type":"function","function":{"name":"b"}}],"tool_choice":"required""#;
    let got = ask_with(&sandbox, "whole-calls+no-role", &streamed(tools));
    let (events, _) = got.events();
    let calls = [0, 1].map(|at| &events[at]["choices"][0]["delta"]["tool_calls"][0]);
    assert!(calls[1]["index"] == 1 && calls[1]["function"]["arguments"] == "{}");
    assert!(!got.text().contains("\"role\""));
    let usage = ask_with(&sandbox, "hits-and-misses+cached:4", &chat("")).json()["usage"].take();
    let prompt = usage["prompt_tokens"].as_u64().unwrap();
    assert_eq!(usage["prompt_cache_hit_tokens"], 4);
    assert_eq!(usage["prompt_cache_miss_tokens"], prompt - 4);
    let on_finish = ask_with(&sandbox, "usage-on-finish", &streamed(""));
    let last = on_finish.events().0.pop().unwrap();
    assert!(last["choices"][0]["finish_reason"] == "stop" && last["usage"].is_object());
    assert_eq!(on_finish.usages().len(), 1);
    let everywhere = ask_with(&sandbox, "usage-everywhere", &streamed(""));
    assert_eq!(everywhere.usages().len(), everywhere.events().0.len());
    for (body, text) in [("page", "<html>"), ("line", r#"{"error":"sorry"}"#), ("nothing", "")] {
        let got = ask_with(&sandbox, &format!("status:502+error-body:{body}"), &chat(""));
        assert!(got.status == 502 && got.text().starts_with(text));
        assert!(body != "nothing" || got.body.is_empty());
    }
    let refusal = ask_with(&sandbox, "refusal", &chat("")).json();
    let message = &refusal["choices"][0]["message"];
    assert!(message["content"].is_null() && message["refusal"].is_string());
    let (events, _) = ask_with(&sandbox, "refusal", &streamed("")).events();
    assert!(events.iter().any(|event| event["choices"][0]["delta"]["refusal"].is_string()));
    assert!(ask_with(&sandbox, "unknown-events", &streamed("")).text().contains("chat.notice"));
    assert!(ask_with(&sandbox, "split-lines", &streamed("")).text().contains("data: {\ndata: \""));
}

#[test]
fn streams_fail_in_the_middle_in_order() {
    let sandbox = start();
    let got = ask_with(&sandbox, "error-mid", &streamed(""));
    let (events, done) = got.events();
    assert!(end_is_whole(&got) && !done && events.len() > 10);
    assert!(events.last().unwrap()["error"]["message"].is_string());
    assert_eq!(sandbox.truth().pop().unwrap().outcome, Outcome::Broken);
    let filtered = ask_with(&sandbox, "finish:content_filter", &streamed(""));
    assert!(filtered.text().contains(r#""finish_reason":"content_filter""#));
}

#[test]
fn completions_of_before_chat_are_answered() {
    let sandbox = start();
    let body = json!({"model": "old", "prompt": "why is it so?", "max_tokens": 20, "seed": 3});
    let whole = post(&sandbox, "/v1/completions", &body).json();
    assert_eq!(whole["object"], "text_completion");
    let options = json!({"stream": true, "stream_options": {"include_usage": true}});
    let (events, done) = post(&sandbox, "/v1/completions", &with(body, options)).events();
    let text = |event: &Value| event["choices"][0]["text"].as_str().map(str::to_owned);
    let said: String = events.iter().filter_map(text).collect();
    assert!(done && said == whole["choices"][0]["text"]);
    assert_eq!(events.last().unwrap()["usage"], whole["usage"]);
    assert_eq!(sandbox.truth().pop().unwrap().billed.completion, 20);
    let two = json!({"model": "old", "prompt": ["a", "b"]});
    assert_eq!(post(&sandbox, "/completions", &two).json()["choices"][1]["index"], 1);
}

#[test]
fn inputs_of_every_form_become_vectors() {
    let sandbox = start();
    let embed = |rest: Value| {
        post(&sandbox, "/v1/embeddings", &with(json!({"model": "e", "dimensions": 8}), rest))
    };
    let one = embed(json!({"input": "12345678"})).json();
    let vector = one["data"][0]["embedding"].as_array().unwrap();
    let length: f64 = vector.iter().map(|number| number.as_f64().unwrap().powi(2)).sum();
    assert!(vector.len() == 8 && (length - 1.0).abs() < 1e-3);
    assert_eq!(
        (&one["usage"]["prompt_tokens"], &one["usage"]["total_tokens"]),
        (&2.into(), &2.into())
    );
    assert_eq!(sandbox.truth().pop().unwrap().billed.prompt, 2);
    let several = embed(json!({"input": ["a", "12345678"]})).json();
    assert_eq!((several["data"][1]["embedding"]).as_array(), Some(vector));
    for (input, vectors) in [(json!([1, 2, 3]), 1), (json!([[1, 2], [3]]), 2)] {
        let got = embed(json!({ "input": input })).json();
        assert_eq!(got["data"].as_array().unwrap().len(), vectors);
        assert_eq!(got["usage"]["prompt_tokens"], 3);
    }
    let packed = embed(json!({"input": "x", "encoding_format": "base64"})).json();
    assert_eq!(packed["data"][0]["embedding"].as_str().map(str::len), Some(44));
    for odd in [json!({"input": []}), json!({"input": [""]}), json!({"input": [[]]}), json!({})] {
        assert_eq!(embed(odd.clone()).status, 400, "{odd}");
    }
}

#[test]
fn pictures_and_sounds_are_made() {
    let sandbox = start();
    let body = json!({"model": "p", "prompt": "a cat on a mat", "n": 2});
    let painted = post(&sandbox, "/v1/images/generations", &body).json();
    assert!(painted["data"][1]["b64_json"].is_string());
    let billed = sandbox.truth().pop().unwrap().billed;
    assert_eq!(painted["usage"]["output_tokens"], billed.image_out);
    let spoken = post(&sandbox, "/v1/audio/speech", &json!({"model": "s", "input": "hello"}));
    assert!(spoken.head.contains("audio/mpeg") && spoken.body.len() == 64);
    let written = post(&sandbox, "/v1/audio/transcriptions", &json!("any bytes")).json();
    assert!(written["text"].is_string() && written["usage"]["prompt_tokens"] == 128);
}
