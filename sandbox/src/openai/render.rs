//! OpenAI's JSON, written by hand: whole answers, chunks, usage.
//!
//! Invariants: every value is valid JSON (unless the script wants a wrong usage, whose literals
//! are still JSON); a good chunk never has a key named `error`.

use wire::splice::write_string;

use crate::answer::{Answer, Call, Choice, Finish};
use crate::script::Script;
use crate::tell::Delta;
use crate::truth::Billed;
use crate::voice::{Label, put};

/// The kinds of object that hold choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    Chat,
    ChatChunk,
    /// A completion of before chat, whole or a chunk of one.
    Completion,
}

impl Object {
    const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat.completion",
            Self::ChatChunk => "chat.completion.chunk",
            Self::Completion => "text_completion",
        }
    }
}

/// Why a choice ended, in OpenAI's words.
pub(super) fn finish_name<'s>(choice: &Choice, script: &'s Script) -> &'s str {
    if !script.finish.is_empty() {
        return &script.finish;
    }
    match choice.finish {
        Finish::Stop | Finish::Sequence => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::Error => "error",
    }
}

fn open(out: &mut Vec<u8>, object: Object, label: Label<'_>) {
    let Label { id, created, model, tier } = label;
    let object = object.name();
    put!(out, r#"{{"id":"{id}","object":"{object}","created":{created},"model":"#);
    write_string(model, out);
    out.extend_from_slice(br#","system_fingerprint":"fp_sandbox","#);
    if !tier.is_empty() {
        put!(out, r#""service_tier":"{tier}","#);
    }
}

/// A whole answer.
pub(super) fn whole(
    out: &mut Vec<u8>,
    object: Object,
    label: Label<'_>,
    answer: &Answer,
    script: &Script,
) {
    open(out, object, label);
    out.extend_from_slice(br#""choices":["#);
    let shown = if script.empty_choices { &[] } else { answer.choices.as_slice() };
    for (index, choice) in shown.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if object == Object::Completion {
            put!(out, r#"{{"index":{index},"text":"#);
            write_string(&choice.text, out);
        } else {
            put!(out, r#"{{"index":{index},"message":"#);
            message(out, choice, script);
        }
        let finish = finish_name(choice, script);
        put!(out, r#","logprobs":null,"finish_reason":"{finish}"}}"#);
    }
    out.push(b']');
    if script.tells_usage() {
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
    let (said, refused) = (choice.calls.is_empty(), script.refuses_to_say);
    for (name, told) in [("", said && !refused), (r#","refusal":"#, said && refused)] {
        out.extend_from_slice(name.as_bytes());
        match told {
            true => write_string(&choice.text, out),
            false => out.extend_from_slice(b"null"),
        }
    }
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
            whole_call(out, call, None);
        }
        out.push(b']');
    }
    out.push(b'}');
}

fn whole_call(out: &mut Vec<u8>, call: &Call, place: Option<usize>) {
    out.push(b'{');
    if let Some(place) = place {
        put!(out, r#""index":{place},"#);
    }
    put!(out, r#""id":"{}","type":"function","function":{{"name":"#, call.id);
    write_string(&call.name, out);
    out.extend_from_slice(br#","arguments":"#);
    write_string(&call.arguments, out);
    out.extend_from_slice(b"}}");
}

/// One chunk of a stream.
pub(super) fn chunk(
    out: &mut Vec<u8>,
    label: Label<'_>,
    index: usize,
    delta: Delta<'_>,
    tail: Tail<'_>,
) {
    open(out, Object::ChatChunk, label);
    put!(out, r#""choices":[{{"index":{index},"delta":"#);
    delta_object(out, delta);
    end_choice(out, None, tail);
}

/// The chunk that ends a choice.
pub(super) fn finish_chunk(
    out: &mut Vec<u8>,
    object: Object,
    label: Label<'_>,
    (index, finish): (usize, &str),
    tail: Tail<'_>,
) {
    open(out, object, label);
    let nothing = if object == Object::Completion { r#""text":"""# } else { r#""delta":{}"# };
    put!(out, r#""choices":[{{"index":{index},{nothing}"#);
    end_choice(out, Some(finish), tail);
}

/// A chunk of text of before chat.
pub(super) fn text_chunk(
    out: &mut Vec<u8>,
    label: Label<'_>,
    index: usize,
    text: &str,
    tail: Tail<'_>,
) {
    open(out, Object::Completion, label);
    put!(out, r#""choices":[{{"index":{index},"text":"#);
    write_string(text, out);
    end_choice(out, None, tail);
}

/// A chunk of a refusal.
pub(super) fn refusal_chunk(
    out: &mut Vec<u8>,
    label: Label<'_>,
    index: usize,
    text: &str,
    tail: Tail<'_>,
) {
    open(out, Object::ChatChunk, label);
    put!(out, r#""choices":[{{"index":{index},"delta":{{"refusal":"#);
    write_string(text, out);
    out.push(b'}');
    end_choice(out, None, tail);
}

/// A chunk with a whole call, as some providers send them.
pub(super) fn call_chunk(
    out: &mut Vec<u8>,
    label: Label<'_>,
    index: usize,
    (place, call): (usize, &Call),
    tail: Tail<'_>,
) {
    open(out, Object::ChatChunk, label);
    put!(out, r#""choices":[{{"index":{index},"delta":{{"tool_calls":["#);
    whole_call(out, call, Some(place));
    out.extend_from_slice(b"]}");
    end_choice(out, None, tail);
}

/// What a chunk says of the usage.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tail<'a> {
    Nothing,
    /// That it comes later.
    Later,
    Told(&'a Billed, &'a Script),
}

fn end_choice(out: &mut Vec<u8>, finish: Option<&str>, tail: Tail<'_>) {
    out.extend_from_slice(br#","logprobs":null,"finish_reason":"#);
    match finish {
        Some(finish) => put!(out, r#""{finish}""#),
        None => out.extend_from_slice(b"null"),
    }
    match tail {
        Tail::Nothing => out.extend_from_slice(b"}]}"),
        Tail::Later => out.extend_from_slice(br#"}],"usage":null}"#),
        Tail::Told(billed, script) => {
            out.extend_from_slice(br#"}],"usage":"#);
            usage(out, billed, script);
            out.push(b'}');
        }
    }
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
    }
}

/// A chunk without choices; with a usage, or without.
pub(super) fn bare_chunk(
    out: &mut Vec<u8>,
    object: Object,
    label: Label<'_>,
    billed: Option<&Billed>,
    script: &Script,
) {
    open(out, object, label);
    out.extend_from_slice(br#""choices":[]"#);
    if let Some(billed) = billed {
        out.extend_from_slice(br#","usage":"#);
        usage(out, billed, script);
    }
    out.push(b'}');
}

/// A chunk of `bytes` bytes that changes nothing.
pub(super) fn big_chunk(out: &mut Vec<u8>, label: Label<'_>, bytes: usize) {
    open(out, Object::ChatChunk, label);
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

/// What an answer costs.
pub(super) fn usage(out: &mut Vec<u8>, billed: &Billed, script: &Script) {
    let Billed { prompt, cached, audio, completion, reasoning, .. } = *billed;
    let Billed { image, audio_out, image_out, .. } = *billed;
    let cache_write = billed.cache_write + billed.cache_write_1h;
    let prompt = if script.cached_apart { prompt - cached - cache_write } else { prompt };
    match script.usage.literal() {
        Some(wrong) => {
            put!(out, r#"{{"prompt_tokens":{wrong},"completion_tokens":{wrong},"#);
            put!(out, r#""total_tokens":{wrong}"#);
        }
        None => {
            put!(out, r#"{{"prompt_tokens":{prompt},"completion_tokens":{completion},"#);
            put!(out, r#""total_tokens":{}"#, prompt + completion);
        }
    }
    if script.hits_and_misses {
        let missed = billed.prompt - cached;
        put!(out, r#","prompt_cache_hit_tokens":{cached},"prompt_cache_miss_tokens":{missed}"#);
        put!(out, r#","completion_tokens_details":{{"reasoning_tokens":{reasoning}}}}}"#);
        return;
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
