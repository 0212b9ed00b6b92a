//! Gemini's dialect: shapes, streams, calls, thoughts, usage, and what is refused.

use sandbox::{Dialect, Handle, Outcome, Settings, tokens};
use serde_json::{Value, json};

use crate::raw::{Got, ask_at, end_is_whole, start, start_with, with};

const OLD: &str = "gemini-2.5-flash";
const NEW: &str = "gemini-3-pro";

fn body(rest: Value) -> Value {
    let question = json!({"role": "user", "parts": [{"text": "why is it so?"}]});
    with(json!({ "contents": [question] }), rest)
}

fn whole(to: &Handle, model: &str, fault: &str, rest: Value) -> Got {
    let path = format!("/v1beta/models/{model}:generateContent");
    ask_at(to, &path, &format!("x-sandbox-fault: {fault}\r\n"), &body(rest))
}

fn stream(to: &Handle, model: &str, fault: &str, rest: Value) -> Got {
    let path = format!("/v1beta/models/{model}:streamGenerateContent?alt=sse");
    ask_at(to, &path, &format!("x-sandbox-fault: {fault}\r\n"), &body(rest))
}

fn tools() -> Value {
    let weather = json!({"type": "OBJECT", "properties": {"city": {"type": "STRING"}},
        "required": ["city"]});
    json!([{"functionDeclarations": [{"name": "weather", "parameters": weather},
        {"name": "now", "parametersJsonSchema": {"type": "object", "$defs": {}}}]}])
}

fn any() -> Value {
    json!({"tools": tools(), "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}})
}

/// All parts of the first candidate, of one answer or of a stream's chunks.
fn parts(answers: &[Value]) -> Vec<Value> {
    let of = |answer: &Value| answer["candidates"][0]["content"]["parts"].as_array().cloned();
    answers.iter().filter_map(of).flatten().collect()
}

fn text(answers: &[Value], thought: bool) -> String {
    let parts = parts(answers);
    let ours = parts.iter().filter(|part| part["thought"].as_bool().unwrap_or(false) == thought);
    ours.filter_map(|part| part["text"].as_str()).collect()
}

#[test]
fn a_whole_answer_has_geminis_shape() {
    let sandbox = start();
    let got =
        whole(&sandbox, OLD, "", json!({"systemInstruction": {"parts": [{"text": "brief"}]}}));
    let answer = got.json();
    assert_eq!((got.status, &answer["modelVersion"]), (200, &OLD.into()));
    let said = text(std::slice::from_ref(&answer), false);
    assert!(said.contains("why is it so?"));
    let candidate = &answer["candidates"][0];
    assert_eq!(
        (&candidate["finishReason"], &candidate["content"]["role"]),
        (&"STOP".into(), &"model".into())
    );
    let usage = &answer["usageMetadata"];
    assert_eq!(usage["candidatesTokenCount"], tokens::count(&said));
    let truth = sandbox.truth().pop().unwrap();
    assert_eq!((truth.dialect, truth.outcome), (Dialect::Gemini, Outcome::Finished));
    assert_eq!((truth.model.as_str(), &answer["responseId"]), (OLD, &truth.id.clone().into()));
    assert_eq!(usage["promptTokenCount"], truth.billed.prompt);
}

#[test]
fn a_stream_repeats_the_usage_and_may_be_an_array() {
    let sandbox = start();
    let rest = json!({"generationConfig": {"seed": 4, "maxOutputTokens": 30}});
    let one = whole(&sandbox, OLD, "", rest.clone()).json();
    let got = stream(&sandbox, OLD, "", rest.clone());
    let (events, done) = got.events();
    assert!(end_is_whole(&got) && !done && events.len() > 20);
    assert_eq!(text(&events, false), text(std::slice::from_ref(&one), false));
    let last = events.last().unwrap();
    assert_eq!(last["usageMetadata"], one["usageMetadata"]);
    assert_eq!(last["candidates"][0]["finishReason"], "MAX_TOKENS");
    let counts = events.iter().map(|event| event["usageMetadata"]["candidatesTokenCount"].as_u64());
    assert!(counts.clone().is_sorted() && counts.flatten().count() == events.len());
    let path = format!("/v1beta/models/{OLD}:streamGenerateContent");
    let array = ask_at(&sandbox, &path, "", &body(rest));
    assert!(end_is_whole(&array) && array.head.contains("application/json"));
    let chunks = array.json();
    assert_eq!(text(chunks.as_array().unwrap(), false), text(&events, false));
}

#[test]
fn thoughts_are_counted_apart_and_told_when_asked() {
    let sandbox = start();
    let think = |told: bool| {
        json!({"generationConfig": {"seed": 4, "thinkingConfig":
            {"includeThoughts": told, "thinkingBudget": 512}}})
    };
    for told in [true, false] {
        let one = [whole(&sandbox, OLD, "", think(told)).json()];
        let (events, _) = stream(&sandbox, OLD, "", think(told)).events();
        for answers in [one.as_slice(), &events] {
            assert_eq!(tokens::count(&text(answers, true)), if told { 16 } else { 0 });
            let usage = &answers.last().unwrap()["usageMetadata"];
            let billed = sandbox.truth().pop().unwrap().billed;
            assert_eq!((&usage["thoughtsTokenCount"], billed.reasoning), (&16.into(), 16));
            assert_eq!(usage["candidatesTokenCount"], billed.completion - 16);
            assert_eq!(usage["totalTokenCount"], billed.prompt + billed.completion);
        }
    }
    let level = json!({"generationConfig": {"thinkingConfig": {"thinkingLevel": "HIGH"}}});
    assert_eq!(whole(&sandbox, OLD, "", level.clone()).status, 400);
    let usage = whole(&sandbox, NEW, "", level).json()["usageMetadata"].take();
    assert_eq!(usage["thoughtsTokenCount"], 160);
}

#[test]
fn calls_are_answered_and_their_results_quoted() {
    let sandbox = start();
    let first = [whole(&sandbox, NEW, "", any()).json()];
    let (together, _) = stream(&sandbox, NEW, "", any()).events();
    let (apart, _) = stream(&sandbox, NEW, "calls-apart", any()).events();
    let chunks = |events: &[Value]| {
        events.iter().filter(|event| event.to_string().contains("functionCall")).count()
    };
    assert_eq!((chunks(&together), chunks(&apart)), (1, 2));
    assert_eq!(apart.last().unwrap()["candidates"][0]["finishReason"], "STOP");
    for answers in [first.as_slice(), &together, &apart] {
        let mut calls = parts(answers);
        calls.retain(|part| part.get("functionCall").is_some());
        assert_eq!((calls.len(), &calls[1]["functionCall"]["name"]), (2, &"now".into()));
        assert!(
            calls[0]["thoughtSignature"].is_string() && calls[1].get("thoughtSignature").is_none()
        );
        let result =
            |name: &str| json!({"functionResponse": {"name": name, "response": {"r": "18 C"}}});
        let ask = |calls: &[Value], results: &[Value]| {
            let question = json!({"role": "user", "parts": [{"text": "x"}]});
            let contents = json!([question, {"role": "model", "parts": calls},
                {"role": "user", "parts": results}]);
            whole(&sandbox, NEW, "", with(any(), json!({ "contents": contents })))
        };
        let results = [result("now"), result("weather")];
        let said = text(&[ask(&calls, &results).json()], false);
        assert!(said.contains("18 C; 18 C"), "{said}");
        assert!(ask(&calls, &results[..1]).text().contains("number of function response parts"));
        assert_eq!(ask(&calls, &[result("now"), result("now")]).status, 400);
        let place = calls[0].as_object_mut().unwrap();
        place.insert("thoughtSignature".into(), "skip_thought_signature_validator".into());
        assert_eq!(ask(&calls, &results).status, 200);
        calls[0]["thoughtSignature"] = "c29tZXRoaW5n".into();
        assert!(ask(&calls, &results).text().contains("Corrupted"));
        calls[0].as_object_mut().unwrap().remove("thoughtSignature");
        assert!(ask(&calls, &results).text().contains("thought_signature"));
    }
}

#[test]
fn usage_has_every_class() {
    let sandbox = start();
    let fault = "cached:5+audio-in:2+tool-prompt:3+image-out:4+cache-write:9";
    for got in [whole(&sandbox, OLD, fault, json!({})), stream(&sandbox, OLD, fault, json!({}))] {
        let usage = match got.head.contains("event-stream") {
            true => got.events().0.pop().unwrap()["usageMetadata"].take(),
            false => got.json()["usageMetadata"].take(),
        };
        let billed = sandbox.truth().pop().unwrap().billed;
        assert_eq!((billed.cached, billed.cache_write, billed.audio), (5, 0, 2));
        assert_eq!(usage["cachedContentTokenCount"], 5);
        assert_eq!(usage["toolUsePromptTokenCount"], 3);
        assert_eq!(usage["promptTokenCount"], billed.prompt - 3);
        assert_eq!(usage["promptTokensDetails"][1], json!({"modality": "AUDIO", "tokenCount": 2}));
        assert_eq!(usage["candidatesTokensDetails"][1]["tokenCount"], 4);
    }
    let tier = whole(&sandbox, OLD, "", json!({"serviceTier": "SERVICE_TIER_FLEX"}));
    assert!(tier.head.contains("x-gemini-service-tier: flex"));
    assert_eq!(sandbox.truth().pop().unwrap().tier.as_deref(), Some("flex"));
}

#[test]
fn prompts_are_blocked_and_answers_filtered() {
    let sandbox = start();
    for got in [
        whole(&sandbox, OLD, "blocked", json!({})),
        stream(&sandbox, OLD, "blocked:SAFETY", json!({})),
    ] {
        let answer = match got.head.contains("event-stream") {
            true => got.events().0.pop().unwrap(),
            false => got.json(),
        };
        assert_eq!(answer["promptFeedback"]["blockReason"], "SAFETY");
        assert!(answer.get("candidates").is_none());
        assert_eq!(sandbox.truth().pop().unwrap().billed.completion, 0);
    }
    for reason in ["SAFETY", "RECITATION", "MALFORMED_FUNCTION_CALL"] {
        let answer = whole(&sandbox, OLD, &format!("finish:{reason}"), any()).json();
        assert_eq!(answer["candidates"][0]["finishReason"], reason);
        let malformed = reason.starts_with("MAL");
        assert_eq!(answer["candidates"][0]["content"].get("parts").is_none(), malformed);
    }
}

#[test]
fn failures_have_googles_form() {
    let sandbox = start();
    let limited = whole(&sandbox, OLD, "status:429:retry-after=7+error-array", json!({})).json();
    assert_eq!(limited[0]["error"]["status"], "RESOURCE_EXHAUSTED");
    assert_eq!(limited[0]["error"]["details"][0]["retryDelay"], "7s");
    let failed = stream(&sandbox, OLD, "error-mid:503", json!({}));
    let (events, _) = failed.events();
    assert_eq!(events.last().unwrap()["error"]["status"], "UNAVAILABLE");
    assert_eq!(sandbox.truth().pop().unwrap().outcome, Outcome::Broken);
    assert!(!stream(&sandbox, OLD, "no-usage", json!({})).text().contains("usageMetadata"));
    let settings = Settings { api_key: Some("right".into()), ..Settings::burst() };
    let guarded = start_with(settings);
    let status = |query: &str, key: &str| {
        let path = format!("/v1beta/models/{OLD}:generateContent{query}");
        ask_at(&guarded, &path, key, &body(json!({}))).status
    };
    assert_eq!((status("", "x-goog-api-key: right\r\n"), status("?key=right", "")), (200, 200));
    assert_eq!(
        (status("?key=wrong", ""), status("", "authorization: Bearer right\r\n")),
        (400, 403)
    );
}

#[test]
fn tokens_can_be_counted_first() {
    let sandbox = start();
    let path = format!("/v1beta/models/{OLD}:countTokens");
    let counted = ask_at(&sandbox, &path, "", &body(json!({}))).json();
    let wrapped = json!({"generateContentRequest": body(json!({"model": "models/x"}))});
    assert_eq!(ask_at(&sandbox, &path, "", &wrapped).json(), counted);
    assert!(sandbox.truth().is_empty());
    let usage = whole(&sandbox, OLD, "", json!({})).json()["usageMetadata"].take();
    assert_eq!(usage["promptTokenCount"], counted["totalTokens"]);
}
