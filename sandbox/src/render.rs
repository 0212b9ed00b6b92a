//! OpenAI's JSON, written by hand: whole answers, chunks, usage, errors.
//!
//! Invariants: every value is valid JSON (unless the script wants a wrong usage, whose literals
//! are still JSON); a good chunk never has a key named `error`.

use std::io::Write;

use wire::splice::write_string;

use crate::answer::{Answer, Call, Choice, Finish};
use crate::script::{Reported, Script, Wrong};
use crate::truth::Billed;

/// What every object of one answer repeats.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label<'a> {
    pub id: &'a str,
    /// Seconds since 1970.
    pub created: u64,
    pub model: &'a str,
    /// The service tier that is named; empty for none.
    pub tier: &'a str,
}

/// A step of a choice, as a stream tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delta<'a> {
    /// The beginning: a role, and whether text follows.
    Role {
        text: bool,
    },
    Reasoning(&'a str),
    Text(&'a str),
    CallOpen {
        index: usize,
        id: &'a str,
        name: &'a str,
    },
    CallArguments {
        index: usize,
        fragment: &'a str,
    },
    Finish(Finish),
}

macro_rules! put {
    ($out:expr, $($format:tt)*) => {
        // Writing into memory cannot fail.
        let _ = write!($out, $($format)*);
    };
}

fn open(out: &mut Vec<u8>, object: &str, label: Label<'_>) {
    let Label { id, created, model, tier } = label;
    put!(out, r#"{{"id":"{id}","object":"{object}","created":{created},"model":"#);
    write_string(model, out);
    out.extend_from_slice(br#","system_fingerprint":"fp_sandbox","#);
    if !tier.is_empty() {
        put!(out, r#""service_tier":"{tier}","#);
    }
}

/// A whole answer.
pub(crate) fn whole(out: &mut Vec<u8>, label: Label<'_>, answer: &Answer, script: &Script) {
    open(out, "chat.completion", label);
    out.extend_from_slice(br#""choices":["#);
    let shown = if script.empty_choices { &[] } else { answer.choices.as_slice() };
    for (index, choice) in shown.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        put!(out, r#"{{"index":{index},"message":"#);
        message(out, choice, script);
        put!(out, r#","logprobs":null,"finish_reason":"{}"}}"#, choice.finish.name());
    }
    out.push(b']');
    if script.usage != Reported::Absent {
        out.extend_from_slice(b",\"usage\":");
        usage(out, &answer.billed, script);
    }
    if script.big_event > 0 {
        padding(out, script.big_event);
    }
    out.push(b'}');
}

fn message(out: &mut Vec<u8>, choice: &Choice, script: &Script) {
    out.extend_from_slice(br#"{"role":"assistant","content":"#);
    if choice.calls.is_empty() {
        write_string(&choice.text, out);
    } else {
        out.extend_from_slice(b"null");
    }
    out.extend_from_slice(br#","refusal":null"#);
    if script.show_reasoning && !choice.reasoning.is_empty() {
        out.extend_from_slice(br#","reasoning_content":"#);
        write_string(&choice.reasoning, out);
    }
    if !choice.calls.is_empty() {
        out.extend_from_slice(br#","tool_calls":["#);
        for (index, call) in choice.calls.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            whole_call(out, call);
        }
        out.push(b']');
    }
    out.push(b'}');
}

fn whole_call(out: &mut Vec<u8>, call: &Call) {
    put!(out, r#"{{"id":"{}","type":"function","function":{{"name":"#, call.id);
    write_string(&call.name, out);
    out.extend_from_slice(br#","arguments":"#);
    write_string(&call.arguments, out);
    out.extend_from_slice(b"}}");
}

/// One chunk of a stream. With `usage_asked` it says that the usage comes later.
pub(crate) fn chunk(
    out: &mut Vec<u8>,
    label: Label<'_>,
    index: usize,
    delta: Delta<'_>,
    usage_asked: bool,
) {
    open(out, "chat.completion.chunk", label);
    put!(out, r#""choices":[{{"index":{index},"delta":"#);
    delta_object(out, delta);
    out.extend_from_slice(br#","logprobs":null,"finish_reason":"#);
    match delta {
        Delta::Finish(finish) => {
            put!(out, r#""{}""#, finish.name());
        }
        _ => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(if usage_asked { br#"}],"usage":null}"# } else { b"}]}" });
}

fn delta_object(out: &mut Vec<u8>, delta: Delta<'_>) {
    match delta {
        Delta::Role { text } => {
            let content = if text { r#""""# } else { "null" };
            put!(out, r#"{{"role":"assistant","content":{content},"refusal":null}}"#);
        }
        Delta::Reasoning(text) => {
            out.extend_from_slice(br#"{"reasoning_content":"#);
            write_string(text, out);
            out.push(b'}');
        }
        Delta::Text(text) => {
            out.extend_from_slice(br#"{"content":"#);
            write_string(text, out);
            out.push(b'}');
        }
        Delta::CallOpen { index, id, name } => {
            put!(out, r#"{{"tool_calls":[{{"index":{index},"id":"{id}","type":"function","#);
            out.extend_from_slice(br#""function":{"name":"#);
            write_string(name, out);
            out.extend_from_slice(br#","arguments":""}}]}"#);
        }
        Delta::CallArguments { index, fragment } => {
            put!(out, r#"{{"tool_calls":[{{"index":{index},"function":{{"arguments":"#);
            write_string(fragment, out);
            out.extend_from_slice(b"}}]}");
        }
        Delta::Finish(_) => out.extend_from_slice(b"{}"),
    }
}

/// A chunk without choices; with a usage, or without.
pub(crate) fn bare_chunk(
    out: &mut Vec<u8>,
    label: Label<'_>,
    billed: Option<&Billed>,
    script: &Script,
) {
    open(out, "chat.completion.chunk", label);
    out.extend_from_slice(br#""choices":[]"#);
    if let Some(billed) = billed {
        out.extend_from_slice(br#","usage":"#);
        usage(out, billed, script);
    }
    out.push(b'}');
}

/// A chunk of `bytes` bytes that changes nothing.
pub(crate) fn big_chunk(out: &mut Vec<u8>, label: Label<'_>, bytes: usize) {
    open(out, "chat.completion.chunk", label);
    out.extend_from_slice(br#""choices":[{"index":0,"delta":{},"finish_reason":null}]"#);
    padding(out, bytes);
    out.push(b'}');
}

/// A member that stands for nothing, as OpenAI sends to hide lengths.
fn padding(out: &mut Vec<u8>, bytes: usize) {
    out.extend_from_slice(br#","obfuscation":""#);
    out.resize(out.len() + bytes, b'x');
    out.push(b'"');
}

fn usage(out: &mut Vec<u8>, billed: &Billed, script: &Script) {
    let literal = match script.usage {
        Reported::Wrong(Wrong::Negative) => Some("-7"),
        Reported::Wrong(Wrong::Huge) => Some("9223372036854775807"),
        Reported::Wrong(Wrong::Beyond) => Some("5000000"),
        Reported::Wrong(Wrong::Float) => Some("12.5"),
        Reported::Wrong(Wrong::Text) => Some(r#""many""#),
        Reported::Wrong(Wrong::Null) => Some("null"),
        Reported::Wrong(Wrong::Zero) => Some("0"),
        _ => None,
    };
    let Billed { prompt, cached, cache_write, audio, completion, reasoning, .. } = *billed;
    let Billed { image, audio_out, image_out, .. } = *billed;
    let prompt = if script.cached_apart { prompt - cached - cache_write } else { prompt };
    match literal {
        Some(wrong) => {
            put!(out, r#"{{"prompt_tokens":{wrong},"completion_tokens":{wrong},"#);
            put!(out, r#""total_tokens":{wrong}"#);
        }
        None => {
            put!(out, r#"{{"prompt_tokens":{prompt},"completion_tokens":{completion},"#);
            put!(out, r#""total_tokens":{}"#, prompt + completion);
        }
    }
    put!(out, r#","prompt_tokens_details":{{"cached_tokens":{cached},"#);
    for (name, count) in [("cache_write_tokens", cache_write), ("image_tokens", image)] {
        if count > 0 {
            put!(out, r#""{name}":{count},"#);
        }
    }
    put!(out, r#""audio_tokens":{audio}}},"completion_tokens_details":{{"#);
    if image_out > 0 {
        put!(out, r#""image_tokens":{image_out},"#);
    }
    put!(out, r#""reasoning_tokens":{reasoning},"audio_tokens":{audio_out},"#);
    put!(out, r#""accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}"#);
    out.extend_from_slice(if script.cost_zero { br#","cost":0}"# } else { b"}" });
}

/// An error in OpenAI's form.
pub(crate) fn error(status: u16, message: &str, param: Option<&str>) -> Vec<u8> {
    let (kind, code) = match status {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        404 => ("invalid_request_error", Some("model_not_found")),
        429 => ("requests", Some("rate_limit_exceeded")),
        400..500 => ("invalid_request_error", None),
        _ => ("server_error", None),
    };
    let mut out = br#"{"error":{"message":"#.to_vec();
    write_string(message, &mut out);
    put!(out, r#","type":"{kind}","param":"#);
    match param {
        Some(param) => write_string(param, &mut out),
        None => out.extend_from_slice(b"null"),
    }
    match code {
        Some(code) => {
            put!(out, r#","code":"{code}"}}}}"#);
        }
        None => out.extend_from_slice(br#","code":null}}"#),
    }
    out
}
