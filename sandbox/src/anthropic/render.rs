//! Anthropic's JSON, written by hand: messages, the events of a stream, usage.

use serde_json::Value;
use wire::splice::write_string;

use crate::answer::{Call, Choice, Finish};
use crate::ask::Thoughts;
use crate::chat::Job;
use crate::script::Script;
use crate::signature;
use crate::truth::Billed;
use crate::voice::put;

/// What is searched for.
pub(super) const QUERY: &str = r#"{"query":"sandbox"}"#;

/// A whole message.
pub(super) fn whole(out: &mut Vec<u8>, job: &Job<'_>) {
    open(out, job);
    if let Some(choice) = job.answer.choices.first() {
        content(out, choice, job);
        out.push(b',');
        stop(out, choice, job.script);
    }
    if job.script.tells_usage() {
        out.extend_from_slice(br#","usage":"#);
        usage(out, &job.answer.billed, job.label.tier, job.script);
    }
    if job.script.big_event > 0 {
        padding(out, job.script.big_event);
    }
    out.push(b'}');
}

fn open(out: &mut Vec<u8>, job: &Job<'_>) {
    put!(out, r#"{{"id":"{}","type":"message","role":"assistant","model":"#, job.label.id);
    write_string(job.label.model, out);
    out.push(b',');
}

fn content(out: &mut Vec<u8>, choice: &Choice, job: &Job<'_>) {
    out.extend_from_slice(br#""content":["#);
    let mut comma: &[u8] = b"";
    let mut next = |out: &mut Vec<u8>| out.extend_from_slice(std::mem::replace(&mut comma, b","));
    if !job.script.empty_choices {
        if !choice.reasoning.is_empty() {
            next(out);
            thought(out, choice, job);
        }
        for number in 0..job.answer.billed.searches {
            next(out);
            put!(out, "{},{}", search(number, QUERY), found(number));
        }
        if !choice.text.is_empty() {
            next(out);
            out.extend_from_slice(br#"{"type":"text","text":"#);
            write_string(&choice.text, out);
            out.push(b'}');
        }
        for call in &choice.calls {
            next(out);
            let Call { id, name, arguments } = call;
            let input: Value = serde_json::from_str(arguments).unwrap_or_else(|_| empty_object());
            put!(out, r#"{{"type":"tool_use","id":"{id}","name":"{name}","input":{input}}}"#);
        }
    }
    out.push(b']');
}

/// A search that the provider makes by itself.
pub(super) fn search(number: u64, input: &str) -> String {
    let named = format!(r#""id":"srvtoolu_{number}","name":"web_search""#);
    format!(r#"{{"type":"server_tool_use",{named},"input":{input}}}"#)
}

/// What a search found.
pub(super) fn found(number: u64) -> String {
    let page = r#"{"type":"web_search_result","title":"A page","url":"https://example.com/","#;
    let page = format!(r#"{page}"encrypted_content":"c2FuZGJveA==","page_age":null}}"#);
    let id = format!(r#""tool_use_id":"srvtoolu_{number}""#);
    format!(r#"{{"type":"web_search_tool_result",{id},"content":[{page}]}}"#)
}

/// A call that was cut off has no input.
fn empty_object() -> Value {
    Value::Object(serde_json::Map::new())
}

fn thought(out: &mut Vec<u8>, choice: &Choice, job: &Job<'_>) {
    if job.script.redacted {
        let sealed = signature::sealed(&choice.reasoning);
        put!(out, r#"{{"type":"redacted_thinking","data":"{sealed}"}}"#);
        return;
    }
    let told = told(choice, job);
    out.extend_from_slice(br#"{"type":"thinking","thinking":"#);
    write_string(told, out);
    put!(out, r#","signature":"{}"}}"#, signature::of_thoughts(told));
}

/// The thoughts as far as the caller wants to see them.
pub(super) fn told<'c>(choice: &'c Choice, job: &Job<'_>) -> &'c str {
    if job.ask.thoughts == Thoughts::Told { &choice.reasoning } else { "" }
}

/// Why it ends, as members of an object.
pub(super) fn stop(out: &mut Vec<u8>, choice: &Choice, script: &Script) {
    let reason = match choice.finish {
        _ if !script.finish.is_empty() => script.finish.as_str(),
        Finish::Stop | Finish::Error => "end_turn",
        Finish::Sequence => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
    };
    put!(out, r#""stop_reason":"{reason}","stop_sequence":"#);
    match &choice.stopped {
        Some(stopped) => write_string(stopped, out),
        None => out.extend_from_slice(b"null"),
    }
    if reason == "refusal" {
        out.extend_from_slice(
            br#","stop_details":{"type":"refusal","category":"bio","explanation":"as wished"}"#,
        );
    }
}

/// What a message costs: the counts of the prompt leave out what was cached.
pub(super) fn usage(out: &mut Vec<u8>, billed: &Billed, tier: &str, script: &Script) {
    input(out, billed, script);
    out.push(b',');
    output(out, billed, script);
    let tier = if tier.is_empty() { "standard" } else { tier };
    put!(out, r#","service_tier":"{tier}"}}"#);
}

/// The usage that ends a stream.
pub(super) fn last_usage(out: &mut Vec<u8>, billed: &Billed, script: &Script) {
    if script.usage_repeats {
        input(out, billed, script);
        out.push(b',');
    } else {
        out.push(b'{');
    }
    output(out, billed, script);
    out.push(b'}');
}

fn input(out: &mut Vec<u8>, billed: &Billed, script: &Script) {
    let Billed { prompt, cached, cache_write, cache_write_1h, .. } = *billed;
    let written = cache_write + cache_write_1h;
    let uncached = (prompt - cached - written).to_string();
    let uncached = script.usage.literal().unwrap_or(&uncached);
    let split = cache_write.saturating_sub(script.split_short);
    put!(out, r#"{{"input_tokens":{uncached},"cache_creation_input_tokens":{written},"#);
    put!(out, r#""cache_read_input_tokens":{cached},"cache_creation":{{"#);
    put!(out, r#""ephemeral_5m_input_tokens":{split},"#);
    put!(out, r#""ephemeral_1h_input_tokens":{cache_write_1h}}}"#);
}

fn output(out: &mut Vec<u8>, billed: &Billed, script: &Script) {
    let completion = billed.completion.to_string();
    let completion = script.usage.literal().unwrap_or(&completion);
    put!(out, r#""output_tokens":{completion}"#);
    if billed.reasoning > 0 {
        put!(out, r#","output_tokens_details":{{"thinking_tokens":{}}}"#, billed.reasoning);
    }
    if billed.searches > 0 {
        let searches = billed.searches;
        put!(out, r#","server_tool_use":{{"web_search_requests":{searches},"#);
        out.extend_from_slice(br#""web_fetch_requests":0}"#);
    }
}

/// The first event: a message without content, and what its prompt costs.
pub(super) fn message_start(out: &mut Vec<u8>, job: &Job<'_>) {
    out.extend_from_slice(br#"{"type":"message_start","message":"#);
    open(out, job);
    out.extend_from_slice(br#""content":[],"stop_reason":null,"stop_sequence":null"#);
    if job.script.tells_usage() {
        out.extend_from_slice(br#","usage":"#);
        let begun = Billed { completion: 1, ..job.answer.billed.of_the_prompt() };
        usage(out, &begun, job.label.tier, job.script);
    }
    if job.script.big_event > 0 {
        padding(out, job.script.big_event);
    }
    out.extend_from_slice(b"}}");
}

/// A member that stands for nothing.
fn padding(out: &mut Vec<u8>, bytes: usize) {
    out.extend_from_slice(br#","padding":""#);
    out.resize(out.len() + bytes, b'x');
    out.push(b'"');
}
