//! Gemini's JSON, written by hand: candidates, feedback, usage.

use serde_json::Value;
use wire::splice::write_string;

use super::read::signs;
use crate::answer::{Call, Choice, Finish};
use crate::ask::Thoughts;
use crate::chat::Job;
use crate::script::Script;
use crate::signature;
use crate::truth::Billed;
use crate::voice::put;

/// A whole answer.
pub(super) fn whole(out: &mut Vec<u8>, job: &Job<'_>) {
    out.push(b'{');
    if job.answer.choices.is_empty() {
        feedback(out, job.script);
    } else if !job.script.empty_choices {
        out.extend_from_slice(br#""candidates":["#);
        for (index, choice) in job.answer.choices.iter().enumerate() {
            let mut parts = Vec::new();
            whole_parts(&mut parts, choice, job);
            if index > 0 {
                out.push(b',');
            }
            candidate(out, index, &parts, Some(choice), job.script);
        }
        out.extend_from_slice(b"],");
    }
    let told = Some(&job.answer.billed).filter(|_| job.script.tells_usage());
    end(out, job, told);
}

/// One chunk of a stream; with a choice it is that choice's last.
pub(super) fn chunk(
    out: &mut Vec<u8>,
    job: &Job<'_>,
    index: usize,
    (parts, ended): (&[u8], Option<&Choice>),
    told: Option<&Billed>,
) {
    out.extend_from_slice(br#"{"candidates":["#);
    candidate(out, index, parts, ended, job.script);
    out.extend_from_slice(b"],");
    end(out, job, told);
}

/// A chunk without candidates.
pub(super) fn bare_chunk(out: &mut Vec<u8>, job: &Job<'_>, told: Option<&Billed>, padding: usize) {
    out.push(b'{');
    if job.answer.choices.is_empty() {
        feedback(out, job.script);
    }
    if padding > 0 {
        out.extend_from_slice(br#""padding":""#);
        out.resize(out.len() + padding, b'x');
        out.extend_from_slice(br#"","#);
    }
    end(out, job, told);
}

fn candidate(
    out: &mut Vec<u8>,
    index: usize,
    parts: &[u8],
    ended: Option<&Choice>,
    script: &Script,
) {
    if parts.is_empty() {
        out.extend_from_slice(br#"{"content":{"role":"model"}"#);
    } else {
        out.extend_from_slice(br#"{"content":{"parts":["#);
        out.extend_from_slice(parts);
        out.extend_from_slice(br#"],"role":"model"}"#);
    }
    if let Some(choice) = ended {
        let reason = finish_name(choice, script);
        put!(out, r#","finishReason":"{reason}""#);
        if reason.starts_with("MALFORMED") {
            out.extend_from_slice(br#","finishMessage":"Malformed function call: as wished""#);
        }
    }
    put!(out, r#","index":{index}}}"#);
}

fn finish_name<'s>(choice: &Choice, script: &'s Script) -> &'s str {
    match choice.finish {
        _ if !script.finish.is_empty() => &script.finish,
        Finish::Stop | Finish::Sequence | Finish::ToolCalls => "STOP",
        Finish::Length => "MAX_TOKENS",
        Finish::Error => "OTHER",
    }
}

fn feedback(out: &mut Vec<u8>, script: &Script) {
    put!(out, r#""promptFeedback":{{"blockReason":"{}"}},"#, script.blocked);
}

fn whole_parts(out: &mut Vec<u8>, choice: &Choice, job: &Job<'_>) {
    if job.ask.thoughts == Thoughts::Told && !choice.reasoning.is_empty() {
        text_part(out, &choice.reasoning, true, false);
    }
    if !choice.text.is_empty() {
        text_part(out, &choice.text, false, signs(&job.ask.model));
    }
    call_parts(out, &choice.calls, true, job);
}

/// A text, a thought, or the end of one, which may be signed.
pub(super) fn text_part(out: &mut Vec<u8>, text: &str, thought: bool, signed: bool) {
    if !out.is_empty() {
        out.push(b',');
    }
    out.extend_from_slice(br#"{"text":"#);
    write_string(text, out);
    if thought {
        out.extend_from_slice(br#","thought":true"#);
    }
    if signed {
        put!(out, r#","thoughtSignature":"{}""#, signature::of_part());
    }
    out.push(b'}');
}

/// Calls, whole; one that was cut off is left out. With `first` they begin with the choice's first
/// call, which is the one that is signed.
pub(super) fn call_parts(out: &mut Vec<u8>, calls: &[Call], first: bool, job: &Job<'_>) {
    let signs = signs(&job.ask.model);
    for (place, Call { id, name, arguments }) in calls.iter().enumerate() {
        let Ok(arguments) = serde_json::from_str::<Value>(arguments) else { continue };
        if !out.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(br#"{"functionCall":{"#);
        if signs {
            put!(out, r#""id":"{id}","#);
        }
        put!(out, r#""name":"{name}","args":{arguments}}}"#);
        if signs && first && place == 0 {
            put!(out, r#","thoughtSignature":"{}""#, signature::of_part());
        }
        out.push(b'}');
    }
}

fn end(out: &mut Vec<u8>, job: &Job<'_>, told: Option<&Billed>) {
    if let Some(billed) = told {
        out.extend_from_slice(br#""usageMetadata":"#);
        usage(out, billed, job.script);
        out.push(b',');
    }
    out.extend_from_slice(br#""modelVersion":"#);
    write_string(job.label.model, out);
    put!(out, r#","responseId":"{}"}}"#, job.label.id);
}

/// What an answer costs: cached tokens are part of the prompt, thoughts stand beside the answer.
fn usage(out: &mut Vec<u8>, billed: &Billed, script: &Script) {
    let Billed { prompt, cached, audio, image, completion, reasoning, .. } = *billed;
    let tools = script.tool_prompt.min(prompt - cached);
    let said = completion - reasoning.min(completion);
    match script.usage.literal() {
        Some(wrong) => {
            put!(out, r#"{{"promptTokenCount":{wrong},"candidatesTokenCount":{wrong},"#);
            put!(out, r#""totalTokenCount":{wrong}"#);
        }
        None => {
            put!(out, r#"{{"promptTokenCount":{},"#, prompt - tools);
            put!(out, r#""candidatesTokenCount":{said},"totalTokenCount":{}"#, prompt + completion);
        }
    }
    let others = [
        ("cachedContentTokenCount", cached),
        ("toolUsePromptTokenCount", tools),
        ("thoughtsTokenCount", reasoning),
    ];
    for (name, count) in others.into_iter().filter(|(_, count)| *count > 0) {
        put!(out, r#","{name}":{count}"#);
    }
    let text = (prompt - tools).saturating_sub(audio + image);
    modalities(out, "promptTokensDetails", [text, audio, image]);
    modalities(out, "cacheTokensDetails", [cached, 0, 0]);
    let Billed { audio_out, image_out, .. } = *billed;
    let text = said.saturating_sub(audio_out + image_out);
    modalities(out, "candidatesTokensDetails", [text, audio_out, image_out]);
    out.push(b'}');
}

fn modalities(out: &mut Vec<u8>, name: &str, counts: [u64; 3]) {
    if counts == [0; 3] {
        return;
    }
    let mut comma = "";
    put!(out, r#","{name}":["#);
    for (modality, count) in ["TEXT", "AUDIO", "IMAGE"].into_iter().zip(counts) {
        if count > 0 {
            put!(out, r#"{comma}{{"modality":"{modality}","tokenCount":{count}}}"#);
            comma = ",";
        }
    }
    out.push(b']');
}
