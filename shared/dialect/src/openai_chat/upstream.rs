//! The body that an upstream gets: the client's, with its model, cap and streaming as priced.
//!
//! Invariants: what is billed by is written from the values that were priced; members that are the
//! gateway's alone are left out; all other bytes go as they came.

use catalog::Parameters;
use wire::decimal;
use wire::json::{Member, ValueKind, members};
use wire::splice::Edits;

use super::options::ReasoningParam;
use super::write::effort_name;
use crate::intent::{Intent, UpstreamTerms};
use crate::member::flag_in;
use crate::prompt::Effort;

/// Writes the body that the upstream gets: `body` with its model, cap and streaming as priced.
pub fn write_upstream(intent: &Intent, body: &[u8], terms: &UpstreamTerms<'_>, out: &mut Vec<u8>) {
    let mut edits = Edits::new();
    let places = &intent.places;
    match places.model {
        Some(model) => edits.replace(model, terms.model_json),
        None => edits.insert("model", terms.model_json),
    }
    write_cap(&mut edits, intent, body, terms);
    write_stream_options(&mut edits, intent, body, terms);
    if terms.thinks && intent.parameters.both(Parameters::REASONING).is_empty() {
        edits.insert("reasoning_effort", br#""medium""#);
    }
    if let Some((member, effort)) = effort_of(intent, body) {
        edits.remove(member);
        edits.insert("reasoning_effort", format!("\"{}\"", effort_name(effort)).as_bytes());
    }
    for member in &places.private {
        edits.remove(member);
    }
    edits.apply(body, places.object, out);
}

/// OpenRouter's `reasoning`, and what it is in OpenAI's words. One that names a budget goes on as
/// it came.
fn effort_of<'i>(intent: &'i Intent, body: &[u8]) -> Option<(&'i Member, Effort)> {
    let member = intent.places.reasoning.as_ref()?;
    let asked: ReasoningParam<'_> = serde_json::from_slice(member.value.of(body)).ok()?;
    let reasoning = asked.read().ok()??;
    reasoning.budget.is_none().then_some((member, reasoning.effort))
}

/// Leaves exactly one output limit in the body, in the member this upstream understands.
fn write_cap(edits: &mut Edits, intent: &Intent, body: &[u8], terms: &UpstreamTerms<'_>) {
    let places = &intent.places;
    let (name, wanted, other) = if terms.cap_as_completion_tokens {
        ("max_completion_tokens", &places.max_completion_tokens, &places.max_tokens)
    } else {
        ("max_tokens", &places.max_tokens, &places.max_completion_tokens)
    };
    let cap = || terms.output_cap.to_string();
    match wanted {
        Some(member) if decimal::is(member.value.of(body), terms.output_cap) => {}
        Some(member) => edits.replace(member.value, cap()),
        None => edits.insert(name, cap().as_bytes()),
    }
    if let Some(member) = other {
        edits.remove(member);
    }
}

/// Asks a streaming upstream for its usage, whether or not the client did.
fn write_stream_options(
    edits: &mut Edits,
    intent: &Intent,
    body: &[u8],
    terms: &UpstreamTerms<'_>,
) {
    let options = intent.places.stream_options.as_ref();
    if !terms.stream_usage {
        if let Some(member) = options {
            edits.remove(member);
        }
        return;
    }
    if !intent.stream {
        return;
    }
    match options {
        None => edits.insert("stream_options", br#"{"include_usage":true}"#),
        Some(member) if flag_in(body, member, "include_usage") => {}
        Some(member) => {
            let with_usage = options_with_usage(body, member);
            edits.replace(member.value, with_usage);
        }
    }
}

/// The client's `stream_options` with `include_usage` set and everything else as it was.
fn options_with_usage(body: &[u8], member: &Member) -> Vec<u8> {
    let mut options = br#"{"include_usage":true"#.to_vec();
    if member.kind == ValueKind::Object {
        let object = member.value.of(body);
        for option in members(object).flatten() {
            if !option.is(object, "include_usage") {
                options.extend_from_slice(b",\"");
                options.extend_from_slice(option.key.of(object));
                options.extend_from_slice(b"\":");
                options.extend_from_slice(option.value.of(object));
            }
        }
    }
    options.push(b'}');
    options
}
