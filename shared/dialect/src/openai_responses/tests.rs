//! The Responses dialect against bodies as its SDKs write them.

mod schema;
mod stream;

use serde_json::{Value, json};
use wire::gate::{Gate, GateLimits};

use super::*;
use crate::prompt::{Effort, PartKind, Prompt, Role, Shape, ToolChoice};
use crate::{Dropped, Intent, RequestFault, UpstreamTerms, openai_chat, signature};

fn intent(body: &str) -> Result<Box<Intent>, RequestFault> {
    let top = Gate::new().check(body.as_bytes(), &GateLimits::default()).unwrap();
    read_intent(&top, body.as_bytes())
}

fn prompt(body: &str) -> Prompt<'_> {
    read_prompt(body.as_bytes()).unwrap()
}

/// What a chat upstream gets of a request.
fn sent(body: &str) -> Value {
    let terms = UpstreamTerms {
        dialect: catalog::Dialect::OpenAi,
        model_json: b"\"up\"",
        output_cap: 9,
        cap_as_completion_tokens: true,
        stream_usage: true,
        thinks: false,
    };
    let mut out = Vec::new();
    let mut dropped = Dropped::default();
    let intent = intent(body).unwrap();
    openai_chat::write_prompt(&prompt(body), &intent, &terms, &mut dropped, &mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn a_request_is_read_whole() {
    let body = r#"{"model":"a/b","stream":true,"instructions":"Be brief.","max_output_tokens":50,
        "reasoning":{"effort":"low","summary":"auto"},"text":{"format":{"type":"json_object"}},
        "input":[{"role":"user","content":[{"type":"input_text","text":"hi"},
        {"type":"input_image","image_url":"data:image/png;base64,QUJD","detail":"low"},
        {"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,QUJD"}]}],
        "store":true,"service_tier":"flex","session_id":"s","truncation":"auto"}"#;
    let intent = intent(body).unwrap();
    assert_eq!((&*intent.model, intent.stream, intent.output_limit), ("a/b", true, Some(50)));
    assert_eq!((intent.input.images, intent.input.files), (1, 1));
    assert_eq!(intent.service_tier.as_deref(), Some("flex"));
    assert!(intent.session.is_some() && !intent.continues);
    let names: Vec<_> = intent.parameters.names().collect();
    assert_eq!(names, ["response_format", "reasoning"]);
    let prompt = prompt(body);
    assert!(matches!(&prompt.system[0].kind, PartKind::Text(text) if text == "Be brief."));
    assert_eq!(prompt.turns[0].parts.len(), 3);
    assert_eq!(prompt.reasoning.map(|it| (it.effort, it.shown)), Some((Effort::Low, Some(true))));
    assert!(matches!(prompt.shape, Shape::Json));
    assert_eq!(prompt.unsaid, ["truncation"]);
}

#[test]
fn what_leans_on_kept_answers_is_refused_with_the_remedy() {
    for (member, param) in [
        (r#""previous_response_id":"resp_1""#, "previous_response_id"),
        (r#""conversation":"conv_1""#, "conversation"),
        (r#""background":true"#, "background"),
        (r#""prompt":{"id":"pmpt_1"}"#, "prompt"),
        (r#""include":["message.output_text.logprobs"]"#, "include"),
    ] {
        let fault = intent(&format!(r#"{{"model":"m","input":"hi",{member}}}"#)).unwrap_err();
        assert_eq!((fault.param, fault.unsupported), (Some(param), true), "{member}");
    }
    for (body, param) in [
        (r#"{"input":"hi"}"#, "model"),
        (r#"{"model":"m"}"#, "input"),
        (r#"{"model":"m","input":[]}"#, "input"),
        (r#"{"model":"m","input":"hi","max_tokens":5}"#, "max_output_tokens"),
        (r#"{"model":"m","input":"hi","Max_Output_Tokens":5}"#, "max_output_tokens"),
        (r#"{"model":"m","input":"hi","max_output_tokens":0}"#, "max_output_tokens"),
    ] {
        assert_eq!(intent(body).unwrap_err().param, Some(param), "{body}");
    }
    let fine = r#"{"model":"m","input":"hi","store":false,"background":false,"prompt":null}"#;
    assert!(intent(fine).is_ok());
    let reference = r#"{"model":"m","input":[{"type":"item_reference","id":"msg_1"}]}"#;
    assert!(read_prompt(reference.as_bytes()).unwrap_err().unsupported);
}

#[test]
fn tools_of_the_provider_are_told_from_functions() {
    let with = |tool: &str| {
        let body = format!(r#"{{"model":"m","input":"hi","tools":[{{"type":"{tool}"}}]}}"#);
        let intent = intent(&body).unwrap();
        (intent.web_search, intent.foreign_tools)
    };
    assert_eq!(with("function"), (false, false));
    assert_eq!(with("web_search_preview"), (true, false));
    assert_eq!(with("file_search"), (false, true));
}

#[test]
fn items_of_parallel_calls_are_one_turn_each_way() {
    let body = r#"{"model":"m","input":[{"role":"user","content":"weather?"},
        {"type":"reasoning","id":"rs_1","summary":[]},
        {"type":"function_call","call_id":"c1","name":"w","arguments":"{\"a\":1}"},
        {"type":"function_call","call_id":"c2","name":"w","arguments":""},
        {"type":"function_call_output","call_id":"c1","output":"sun"},
        {"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"rain"}]},
        {"role":"assistant","content":[{"type":"output_text","text":"Mixed.","annotations":[]}]}],
        "tools":[{"type":"function","name":"w","parameters":{"type":"object"},"strict":false}],
        "tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"w"}]}}"#;
    let prompt = prompt(body);
    let roles: Vec<_> = prompt.turns.iter().map(|turn| (turn.role, turn.parts.len())).collect();
    let expected = [(Role::User, 1), (Role::Assistant, 2), (Role::User, 2), (Role::Assistant, 1)];
    assert_eq!(roles, expected);
    assert!(matches!(&prompt.tool_choice, Some(ToolChoice::Allowed { required: true, .. })));
    let sent = sent(body);
    assert_eq!(sent["messages"][1]["tool_calls"][1]["function"]["arguments"], "{}");
    assert_eq!(sent["messages"][2], json!({"role":"tool","content":"sun","tool_call_id":"c1"}));
    assert_eq!(sent["messages"][3]["content"], "rain");
    assert_eq!(sent["tool_choice"], "required");
    assert_eq!(sent["max_completion_tokens"], 9);
}

#[test]
fn a_sealed_thought_returns_to_its_maker_only() {
    let sealed = |proof: &str| {
        format!(
            r#"{{"model":"m","input":[{{"role":"user","content":"x"}},{{"type":"reasoning",
            "id":"rs_1","summary":[{{"type":"summary_text","text":"hm"}}],
            "encrypted_content":"{proof}"}},{{"role":"assistant","content":"y"}}]}}"#
        )
    };
    let own = signature::marked(catalog::Dialect::OpenAi, "");
    assert_eq!(sent(&sealed(&own))["messages"][1]["reasoning_content"], "hm");
    let other = signature::marked(catalog::Dialect::Anthropic, "Ab=");
    assert_eq!(sent(&sealed(&other))["messages"][1], json!({"role":"assistant","content":"y"}));
    let body = sealed(&format!("{SEALED}{other}"));
    let prompt = prompt(&body);
    assert!(matches!(&prompt.turns[1].parts[0].kind, PartKind::Redacted(it) if *it == other));
}
