//! Good answers: OpenAI's shapes, streamed and whole, and exact counts.

use std::time::{Duration, Instant};

use sandbox::{Pace, Settings, tokens};

use crate::raw::{ask, ask_with, chat, connect, end_is_whole, get, request, start};
use crate::raw::{start_with, streamed};

#[test]
fn a_whole_answer_has_openais_shape() {
    let sandbox = start();
    let got = ask(&sandbox, "", &chat(""));
    let answer = got.json();
    assert_eq!((got.status, answer["object"].as_str()), (200, Some("chat.completion")));
    assert_eq!(answer["model"], "chat");
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert!(got.head.contains("x-request-id: req_"));
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(text.contains("why is it so?"));
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    let usage = &answer["usage"];
    assert_eq!(usage["completion_tokens"], tokens::count(text));
    let total = usage["prompt_tokens"].as_u64().unwrap() + tokens::count(text);
    assert_eq!(usage["total_tokens"], total);
}

#[test]
fn the_same_request_gets_the_same_text() {
    let sandbox = start();
    let text = |body: &str| ask(&sandbox, "", body).json()["choices"][0]["message"].take();
    assert_eq!(text(&chat("")), text(&chat("")));
    assert_ne!(text(&chat(r#","seed":1"#)), text(&chat(r#","seed":2"#)));
    assert_eq!(text(&chat(r#","seed":1"#)), text(&chat(r#","seed":1,"user":"x""#)));
}

#[test]
fn a_stream_says_what_the_whole_answer_says() {
    let sandbox = start();
    let whole = ask(&sandbox, "", &chat(r#","seed":5,"n":2"#)).json();
    let got = ask(&sandbox, "", &streamed(r#","seed":5,"n":2"#));
    let (events, done) = got.events();
    assert!(done && end_is_whole(&got));
    for index in 0..2 {
        let said = whole["choices"][index]["message"]["content"].as_str().unwrap();
        assert_eq!(got.said(index as u64), said);
    }
    let (last, others) = events.split_last().unwrap();
    assert_eq!(last["usage"], whole["usage"]);
    assert_eq!(last["choices"].as_array().unwrap().len(), 0);
    assert!(others.iter().all(|event| event["usage"].is_null()));
    assert!(
        others.iter().all(|event| event.get("usage").is_some() && event.get("error").is_none())
    );
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    let finishes = others.iter().filter(|e| e["choices"][0]["finish_reason"] == "stop");
    assert_eq!(finishes.count(), 2);
}

#[test]
fn usage_is_streamed_only_when_asked() {
    let sandbox = start();
    let got = ask(&sandbox, "", &chat(r#","stream":true"#));
    assert!(got.events().0.iter().all(|event| event.get("usage").is_none()));
}

#[test]
fn the_cap_holds_in_a_stream() {
    let sandbox = start();
    for field in ["max_tokens", "max_completion_tokens"] {
        let got = ask(&sandbox, "", &streamed(&format!(r#","{field}":7"#)));
        assert_eq!(tokens::count(&got.said(0)), 7);
        assert_eq!(got.usages()[0]["completion_tokens"], 7);
        assert!(got.text().contains(r#""finish_reason":"length""#));
    }
}

#[test]
fn tool_calls_are_streamed_in_fragments() {
    let sandbox = start();
    let tools = r#","tool_choice":"required","tools":[
        {"type":"function","function":{"name":"weather","parameters":{"type":"object",
         "properties":{"city":{"type":"string"},"days":{"type":"integer"}},
         "required":["city","days"]}}},
        {"type":"function","function":{"name":"now","parameters":{"type":"object"}}}]"#;
    let (events, _) = ask(&sandbox, "", &streamed(tools)).events();
    let mut calls = vec![(String::new(), String::new(), String::new()); 2];
    for event in &events {
        let Some(call) = event["choices"][0]["delta"]["tool_calls"].get(0) else { continue };
        let place = &mut calls[call["index"].as_u64().unwrap() as usize];
        place.0.push_str(call["id"].as_str().unwrap_or_default());
        place.1.push_str(call["function"]["name"].as_str().unwrap_or_default());
        place.2.push_str(call["function"]["arguments"].as_str().unwrap());
    }
    assert_eq!((calls[0].1.as_str(), calls[1].1.as_str()), ("weather", "now"));
    assert!(calls[0].0.starts_with("call_") && calls[0].0 != calls[1].0);
    let arguments: serde_json::Value = serde_json::from_str(&calls[0].2).unwrap();
    assert!(arguments["city"].is_string() && arguments["days"].is_i64());
    assert_eq!(calls[1].2, "{}");
    let whole = ask(&sandbox, "", &chat(tools)).json();
    assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(whole["choices"][0]["message"]["tool_calls"][0]["function"]["name"], "weather");
}

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let sandbox = start();
    let mut line = connect(&sandbox);
    let both = [request("", &chat("")), request("", &streamed(""))].concat();
    line.send(&both[..50]);
    std::thread::sleep(Duration::from_millis(5));
    line.send(&both[50..]);
    assert_eq!(line.read().json()["object"], "chat.completion");
    assert!(line.read().events().1);
    assert!(sandbox.connections() == (1, 1));
}

#[test]
fn chunked_bodies_and_expectations_are_understood() {
    let sandbox = start();
    let mut line = connect(&sandbox);
    let body = chat("");
    let (first, second) = body.split_at(10);
    let head = "POST /anything/chat/completions HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\
                transfer-encoding: chunked\r\n\r\n";
    line.send(head.as_bytes());
    for part in [first, second] {
        line.send(format!("{:x}\r\n{part}\r\n", part.len()).as_bytes());
    }
    line.send(b"0\r\n\r\n");
    let got = line.read();
    assert_eq!((got.status, got.informational), (200, 1));
    assert_eq!(sandbox.requests()[0].body, body.as_bytes());
}

#[test]
fn a_key_is_asked_for_when_there_is_one() {
    let key = Settings { api_key: Some("sk-right".into()), ..Settings::burst() };
    let sandbox = start_with(key);
    let wrong = ask(&sandbox, "authorization: Bearer sk-wrong\r\n", &chat(""));
    assert_eq!((wrong.status, &wrong.json()["error"]["code"]), (401, &"invalid_api_key".into()));
    assert_eq!(ask(&sandbox, "authorization: Bearer sk-right\r\n", &chat("")).status, 200);
}

#[test]
fn the_pace_is_kept() {
    let pace = Pace { first_byte_ms: 300, tokens_per_second: 50, chunk_tokens: 1 };
    let sandbox = start_with(Settings { pace, ..Settings::burst() });
    for body in [chat(r#","max_tokens":10"#), streamed(r#","max_tokens":10"#)] {
        let begun = Instant::now();
        let got = ask(&sandbox, "", &body);
        assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
        assert!(got.reads >= if got.head.contains("event-stream") { 5 } else { 1 });
    }
    let begun = Instant::now();
    let faster = "x-sandbox-first-byte-ms: 0\r\nx-sandbox-tokens-per-second: 0\r\n\
                  x-sandbox-chunk-tokens: 5\r\n";
    let got = ask(&sandbox, faster, &streamed(r#","max_tokens":10"#));
    assert!(begun.elapsed() < Duration::from_millis(300), "no pace is kept");
    assert_eq!(got.events().0.len(), 1 + 2 + 1 + 1);
}

#[test]
fn the_sandbox_tells_about_itself() {
    let sandbox = start();
    assert_eq!(get(&sandbox, "/v1/models").json()["data"][0]["id"], "chat");
    assert_eq!(get(&sandbox, "/health").json()["status"], "ok");
    assert!(get(&sandbox, "/faults").text().contains("usage-late"));
    assert_eq!(get(&sandbox, "/nowhere").status, 404);
    assert_eq!(get(&sandbox, "/v1/chat/completions").status, 405);
    ask_with(&sandbox, "cached:3", &chat(""));
    let truth: sandbox::Truth =
        serde_json::from_str(get(&sandbox, "/truth").text().trim_end()).unwrap();
    assert_eq!((truth.billed.cached, truth), (3, sandbox.truth().remove(0)));
}

#[test]
fn what_is_not_a_request_is_refused_in_openais_form() {
    let sandbox = start();
    for (headers, body, about) in [
        ("", "{}".to_owned(), "messages"),
        ("", chat(r#","n":0"#), "n must"),
        ("x-sandbox-fault: nonsense\r\n", chat(""), "nonsense"),
        ("", chat("").replace("\"chat\"", "\"fault/status:x\""), "status"),
    ] {
        let got = ask(&sandbox, headers, &body);
        assert_eq!(got.status, 400);
        assert!(got.json()["error"]["message"].as_str().unwrap().contains(about));
    }
    let mut line = connect(&sandbox);
    line.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost : x\r\n\r\n");
    assert_eq!(line.read().status, 400);
    assert!(sandbox.truth().is_empty());
}
