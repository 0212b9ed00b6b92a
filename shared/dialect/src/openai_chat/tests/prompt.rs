//! Chat requests as prompts, and prompts as chat requests.

use catalog::Dialect;
use serde_json::{Value, json};

use super::{TERMS, intent};
use crate::openai_chat::{read_prompt, write_prompt};
use crate::prompt::*;
use crate::signature::{into_id, marked};
use crate::{Dropped, RequestFault};

pub(super) fn read(body: &str) -> Prompt<'_> {
    read_prompt(body.as_bytes()).unwrap()
}

fn fault(body: &str) -> RequestFault {
    read_prompt(body.as_bytes()).unwrap_err()
}

/// What the upstream gets of a prompt, and what is dropped.
pub(super) fn write(prompt: &Prompt<'_>) -> (Value, Option<String>) {
    let asked = intent(r#"{"model":"m","stream":true,"messages":[{}]}"#).unwrap();
    let (mut out, mut dropped) = (Vec::new(), Dropped::default());
    write_prompt(prompt, &asked, &TERMS, &mut dropped, &mut out).unwrap();
    (serde_json::from_slice(&out).unwrap(), dropped.header())
}

fn kinds<'p>(turn: &'p Turn<'_>) -> Vec<&'p PartKind<'p>> {
    turn.parts.iter().map(|part| &part.kind).collect()
}

#[test]
fn a_whole_conversation_keeps_its_meaning_both_ways() {
    let body = json!({
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "what is this?"},
                {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}},
                {"type": "file", "file": {"filename": "a.pdf",
                    "file_data": "data:application/pdf;base64,QUJD"}},
            ]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "function",
                    "function": {"name": "look", "arguments": "{\"at\": \"caf\u{e9}\"}"}},
                {"id": "c2", "type": "function", "function": {"name": "look", "arguments": "{}"}},
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": "a"},
            {"role": "tool", "tool_call_id": "c2", "content": "b"},
            {"role": "system", "content": "Now in French."},
            {"role": "assistant", "content": "Un chat."},
        ],
        "tools": [{"type": "function", "function": {"name": "look", "description": "looks",
            "parameters": {"type": "object"}, "strict": true}}],
        "tool_choice": {"type": "function", "function": {"name": "look"}},
        "parallel_tool_calls": false, "temperature": 0.5, "top_p": 0.9, "seed": 7,
        "presence_penalty": 0.25, "frequency_penalty": -1.5, "stop": ["x"],
        "response_format": {"type": "json_schema",
            "json_schema": {"name": "out", "schema": {"type": "object"}, "strict": true}},
        "reasoning_effort": "high", "user": "u", "service_tier": "flex", "verbosity": "low",
    });
    let text = body.to_string();
    let prompt = read(&text);
    assert_eq!(prompt.turns.len(), 5);
    let (mut sent, dropped) = write(&prompt);
    assert_eq!(dropped, None);
    let told = sent.as_object_mut().unwrap();
    assert_eq!(told.remove("max_completion_tokens"), Some(json!(9)));
    assert_eq!(told.remove("stream"), Some(json!(true)));
    assert_eq!(told.remove("stream_options"), Some(json!({"include_usage": true})));
    assert_eq!(told.insert("model".into(), "m".into()), Some(json!("up")));
    let user = told.insert("user".into(), "u".into()).unwrap();
    assert!(user != "u" && user.as_str().unwrap().len() == 16, "who it is stays here: {user}");
    assert_eq!(sent, body);
}

#[test]
fn parallel_calls_are_answered_in_one_turn() {
    let prompt = read(
        r#"{"messages":[{"role":"developer","content":"d"},{"role":"user","content":""},
        {"role":"assistant","content":"","tool_calls":[
        {"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},
        {"id":"b","type":"function","function":{"name":"g","arguments":" "}}]},
        {"role":"tool","tool_call_id":"b","content":[{"type":"text","text":"2"}]},
        {"role":"tool","tool_call_id":"a","content":"1"},
        {"role":"user","content":"go on"}]}"#,
    );
    assert_eq!((prompt.system.len(), prompt.turns.len()), (1, 2));
    let [PartKind::Answer(b), PartKind::Answer(a), PartKind::Text(_)] = kinds(&prompt.turns[1])[..]
    else {
        panic!("{:?}", prompt.turns[1]);
    };
    assert_eq!((&*b.id, &*b.name, &*a.id, &*a.name), ("b", "g", "a", "f"));
    let older = read(
        r#"{"messages":[{"role":"assistant","function_call":{"name":"f","arguments":"{}"}},
        {"role":"function","name":"f","content":"1"}],"functions":[{"name":"f"}],
        "function_call":{"name":"f"}}"#,
    );
    assert!(matches!(kinds(&older.turns[1])[..], [PartKind::Answer(it)] if it.id == "call_0"));
    assert_eq!(older.tool_choice, Some(ToolChoice::Named("f".into())));
}

#[test]
fn what_cannot_be_said_elsewhere_is_refused() {
    let of = |message: &str| fault(&format!(r#"{{"messages":[{message}]}}"#));
    for message in [
        r#"{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}"#,
        r#"{"role":"user","content":[{"type":"video_url","video_url":{"url":"https://a"}}]}"#,
        r#"{"role":"assistant","content":null,"audio":{"id":"audio_1"}}"#,
        r#"{"role":"assistant","tool_calls":[{"id":"a","type":"custom","custom":{}}]}"#,
    ] {
        assert!(of(message).unsupported, "{message}");
    }
    for message in [
        r#"{"role":"tool","tool_call_id":"x","content":"1"}"#,
        r#"{"role":"narrator","content":"1"}"#,
        r#"{"role":"user"}"#,
        r#"{"role":"assistant","tool_calls":[{"id":"a","function":{"name":"f","arguments":"["}}]}"#,
    ] {
        assert_eq!((of(message).param, of(message).unsupported), (Some("messages"), false));
    }
    for (member, param) in [
        (r#""tools":[{"type":"custom","custom":{"name":"x"}}]"#, "tools"),
        (r#""logprobs":true"#, "logprobs"),
        (r#""modalities":["text","audio"]"#, "modalities"),
        (r#""web_search_options":{}"#, "web_search_options"),
        (r#""tool_choice":{"type":"custom","custom":{"name":"x"}}"#, "tool_choice"),
    ] {
        let body = format!(r#"{{"messages":[{{"role":"user","content":"x"}}],{member}}}"#);
        assert_eq!((fault(&body).param, fault(&body).unsupported), (Some(param), true), "{member}");
    }
    let body = r#"{"messages":[{"role":"user","content":"x"}],"logit_bias":{"1":2},"min_p":0.1,
        "logprobs":false,"metadata":{},"prompt_cache_key":"k","provider":{},"seed":null}"#;
    assert_eq!(read(body).unsaid, ["logit_bias", "min_p", "metadata"]);
}

#[test]
fn cache_marks_stay_on_their_parts() {
    let prompt = read(
        r#"{"messages":[{"role":"system","content":[{"type":"text","text":"s",
        "cache_control":{"type":"ephemeral","ttl":"1h"}}]},{"role":"user","content":[
        {"type":"text","text":"a","prompt_cache_breakpoint":{"mode":"explicit"}},
        {"type":"text","text":"b"}]}],"cache_control":{"type":"ephemeral"}}"#,
    );
    assert_eq!(prompt.system[0].cache, Some(Cache::Hour));
    let marks: Vec<_> = prompt.turns[0].parts.iter().map(|part| part.cache).collect();
    assert_eq!(marks, [Some(Cache::Short); 2]);
}

#[test]
fn a_proof_returns_in_a_call_or_in_its_id() {
    let proof = marked(Dialect::Gemini, "Ab+/=");
    let id = into_id("c1", Some(&proof));
    let calls = |call: &str| {
        let body = format!(
            r#"{{"messages":[{{"role":"assistant","tool_calls":[{{"id":{call},"type":"function",
            "function":{{"name":"f","arguments":"{{}}"}}}}]}},
            {{"role":"tool","tool_call_id":"{id}","content":"x"}}]}}"#
        );
        let prompt = read(&body);
        let call = prompt.calls().next().unwrap();
        (call.id.to_string(), call.signature.as_deref().map(str::to_owned))
    };
    let expected = ("c1".to_owned(), Some(proof.clone()));
    assert_eq!(calls(&format!("\"{id}\"")), expected);
    let bare = r#""c1","extra_content":{"google":{"thought_signature":"Ab+/="}}"#;
    assert_eq!(calls(bare), expected);
}

#[test]
fn thoughts_return_by_their_details() {
    let prompt = read(
        r#"{"messages":[{"role":"assistant","content":"x","reasoning":"ab","reasoning_details":[
        {"type":"reasoning.text","text":"a","index":0},{"type":"reasoning.text","text":"b"},
        {"type":"reasoning.text","signature":"S","format":"anthropic-claude-v1"},
        {"type":"reasoning.encrypted","data":"tg-a.R","id":null}]},
        {"role":"user","content":"y"},
        {"role":"assistant","content":"z","reasoning_content":"bare"}]}"#,
    );
    let [PartKind::Thought { text, signature }, PartKind::Redacted(hidden), _] =
        kinds(&prompt.turns[0])[..]
    else {
        panic!("{:?}", prompt.turns[0]);
    };
    assert_eq!((&**text, signature.as_deref(), &**hidden), ("ab", Some("tg-a.S"), "tg-a.R"));
    assert!(matches!(kinds(&prompt.turns[2])[0], PartKind::Thought { signature: None, .. }));
}

#[test]
fn images_that_the_model_made_return_with_its_turn() {
    let prompt = read(
        r#"{"messages":[{"role":"assistant","content":"x","images":[{"type":"image_url",
        "image_url":{"url":"data:image/png;base64,QUJD"}}]}]}"#,
    );
    assert!(matches!(kinds(&prompt.turns[0])[1], PartKind::Image { .. }));
    let asked = intent(r#"{"model":"m","messages":[{}]}"#).unwrap();
    let (mut out, mut dropped) = (Vec::new(), Dropped::default());
    let fault = write_prompt(&prompt, &asked, &TERMS, &mut dropped, &mut out).unwrap_err();
    assert!(fault.unsupported, "a chat upstream takes no image as the model's");
}

#[test]
fn thoughts_of_other_makers_are_left_out() {
    let thought = |signature: Option<String>| {
        let signature = signature.map(Into::into);
        let mut prompt = Prompt::default();
        let kind = PartKind::Thought { text: "hm".into(), signature };
        prompt.say(Role::Assistant, Part::new(kind));
        prompt.say(Role::Assistant, Part::text("x"));
        write(&prompt).0["messages"][0].clone()
    };
    let plain = json!({"role": "assistant", "content": "x"});
    assert_eq!(thought(None), plain);
    assert_eq!(thought(Some(marked(Dialect::Anthropic, "S"))), plain);
    assert_eq!(thought(Some(marked(Dialect::OpenAi, "")))["reasoning_content"], "hm");
    let detail = r#"{"type":"reasoning.text","signature":"S","format":"f"}"#;
    let returned = thought(Some(marked(Dialect::OpenAi, detail)));
    let expected = json!([{"type":"reasoning.text","text":"hm","signature":"S","format":"f"}]);
    assert_eq!(returned["reasoning_details"], expected);
}

#[test]
fn an_image_that_a_tool_gave_becomes_a_message_of_the_user() {
    let mut prompt = Prompt::default();
    let arguments = "{}".into();
    let call = Call { id: "c".into(), name: "shot".into(), arguments, signature: None };
    prompt.say(Role::Assistant, Part::new(PartKind::Call(call)));
    let source = Source::Data { media_type: "image/png".into(), data: "QUJD".into() };
    let parts = vec![Part::text("denied"), Part::new(PartKind::Image { source, detail: None })];
    let answer = ToolAnswer { id: "c".into(), name: "shot".into(), parts, is_error: true };
    prompt.say(Role::User, Part::new(PartKind::Answer(answer)));
    prompt.say(Role::User, Part::text("so?"));
    prompt.sampling.top_k = Some(3);
    prompt.user = Some("u".repeat(65).into());
    let (sent, dropped) = write(&prompt);
    let messages = &sent["messages"];
    assert_eq!(messages[1]["content"], "Error:\ndenied");
    assert_eq!(messages[2]["role"], "user");
    assert_eq!(messages[2]["content"][1]["image_url"]["url"], "data:image/png;base64,QUJD");
    assert_eq!(messages[2]["content"][2]["text"], "so?");
    assert_eq!(dropped.as_deref(), Some("top_k"));
}

#[test]
fn reasoning_is_read_in_every_spelling() {
    let of = |member: &str| {
        let body = format!(r#"{{"messages":[{{"role":"user","content":"x"}}],{member}}}"#);
        read(&body).reasoning.map(|it| (it.effort, it.budget, it.shown))
    };
    assert_eq!(of(r#""reasoning_effort":"none""#), Some((Effort::Off, None, None)));
    assert_eq!(of(r#""reasoning":{"enabled":true}"#), Some((Effort::Medium, None, None)));
    assert_eq!(of(r#""reasoning":{"enabled":false,"effort":"high"}"#).unwrap().0, Effort::Off);
    let budget = of(r#""reasoning":{"max_tokens":2000,"exclude":true}"#);
    assert_eq!(budget, Some((Effort::Low, Some(2000), Some(false))));
    assert_eq!(of(r#""include_reasoning":true"#), None);
    assert_eq!(of(r#""reasoning_effort":null"#), None);
}
