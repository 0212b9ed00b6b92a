//! The body that an upstream of this dialect gets from a client of it: the client's own.
//!
//! Invariants: model and output cap are those that were priced; members and thoughts that are the
//! gateway's alone are left out; all other bytes go as they came.

use catalog::Parameters;
use wire::splice::Edits;

use super::family::Family;
use super::settings::Thinking;
use crate::intent::{Intent, UpstreamTerms};
use crate::prompt::{Effort, Reasoning};

/// Writes the body that the upstream gets: `body` with its model and cap as priced.
pub fn write_upstream(intent: &Intent, body: &[u8], terms: &UpstreamTerms<'_>, out: &mut Vec<u8>) {
    let mut edits = Edits::new();
    write_model(&mut edits, intent, terms);
    let cap = terms.output_cap.to_string();
    match &intent.places.max_tokens {
        Some(member) if member.value.of(body) == cap.as_bytes() => {}
        Some(member) => edits.replace(member.value, cap),
        None => edits.insert("max_tokens", cap.as_bytes()),
    }
    if terms.thinks && intent.parameters.both(Parameters::REASONING).is_empty() {
        insert_thinking(&mut edits, body, terms);
    }
    edits.apply(body, intent.places.object, out);
}

/// Names the upstream's model, and leaves out what is the gateway's alone.
pub(super) fn write_model(edits: &mut Edits, intent: &Intent, terms: &UpstreamTerms<'_>) {
    match intent.places.model {
        Some(model) => edits.replace(model, terms.model_json),
        None => edits.insert("model", terms.model_json),
    }
    for member in &intent.places.private {
        edits.remove(member);
    }
}

/// Asks a model to think whose client does not say whether it should.
fn insert_thinking(edits: &mut Edits, body: &[u8], terms: &UpstreamTerms<'_>) {
    let says = |name| wire::json::members(body).flatten().any(|member| member.is(body, name));
    if says("thinking") {
        return;
    }
    let reasoning = Reasoning { effort: Effort::Medium, budget: None, shown: None };
    let family = Family::of(terms.model_json);
    let mut thinking = Vec::new();
    Thinking::asked(reasoning, family, terms.output_cap).write(&mut thinking);
    if !thinking.is_empty() {
        edits.insert("thinking", &thinking);
    }
}
