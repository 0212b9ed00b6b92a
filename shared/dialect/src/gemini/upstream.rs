//! The body that an upstream of the same dialect gets: the client's, with its cap as priced.
//!
//! Invariants: exactly one `maxOutputTokens`; members that are the gateway's alone are left out,
//! and the model with them, which stands in the path; all other bytes go as they came.

use catalog::Parameters;
use wire::json::{Member, ValueKind, members, trimmed, unescape};
use wire::splice::Edits;

use super::key;
use super::model::Family;
use crate::intent::{Intent, UpstreamTerms};

/// Writes the body that the upstream gets.
pub fn write_upstream(intent: &Intent, body: &[u8], terms: &UpstreamTerms<'_>, out: &mut Vec<u8>) {
    let mut edits = Edits::new();
    let thinks = terms.thinks && intent.parameters.both(Parameters::REASONING).is_empty();
    let config = intent.places.generation_config.as_ref();
    let config = config.filter(|member| member.kind == ValueKind::Object);
    let written = write_config(config.map_or(b"{}", |member| member.value.of(body)), terms, thinks);
    match intent.places.generation_config {
        Some(member) => edits.replace(member.value, written),
        None => edits.insert("generationConfig", &written),
    }
    for member in &intent.places.private {
        edits.remove(member);
    }
    edits.apply(body, intent.places.object, out);
}

/// `generationConfig` with the cap as priced, and everything else as it was.
fn write_config(config: &[u8], terms: &UpstreamTerms<'_>, thinks: bool) -> Vec<u8> {
    let mut edits = Edits::new();
    let cap = terms.output_cap.to_string();
    match members(config).flatten().find(|member| is(config, member, "maxOutputTokens")) {
        Some(member) => edits.replace(member.value, cap),
        None => edits.insert("maxOutputTokens", cap.as_bytes()),
    }
    if thinks && let Some(thinking) = Family::of(terms.model_json).thinking_as_usual(terms) {
        // Nothing is there but, perhaps, a null.
        members(config)
            .flatten()
            .filter(|member| is(config, member, "thinkingConfig"))
            .for_each(|member| edits.remove(&member));
        edits.insert("thinkingConfig", &thinking);
    }
    let mut out = Vec::with_capacity(config.len() + 64);
    edits.apply(config, trimmed(config), &mut out);
    out
}

/// Writes the request that counts a request of the same dialect: its members, with the model that
/// counts them.
pub(super) fn write_count(
    intent: &Intent,
    body: &[u8],
    terms: &UpstreamTerms<'_>,
    out: &mut Vec<u8>,
) {
    let wrapped = members(body)
        .flatten()
        .find(|member| is(body, member, "generateContentRequest"))
        .filter(|member| member.kind == ValueKind::Object);
    let request = wrapped.map_or(body, |member| member.value.of(body));
    write_wrapped(terms, out, |out| {
        let private = |member: &Member| {
            let key = member.key.of(request);
            key == b"model" || intent.places.private.iter().any(|known| known.key.of(body) == key)
        };
        for member in members(request).flatten().filter(|member| !private(member)) {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(member.key.of(request));
            out.extend_from_slice(b"\":");
            out.extend_from_slice(member.value.of(request));
        }
    });
}

/// Writes a request to count, whose request has the members that `write` adds, each behind a
/// comma.
pub(super) fn write_wrapped(
    terms: &UpstreamTerms<'_>,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>),
) {
    let name = terms.model_json.get(1..).unwrap_or_default();
    out.extend_from_slice(br#"{"generateContentRequest":{"model":""#);
    if !name.contains(&b'/') {
        out.extend_from_slice(b"models/");
    }
    out.extend_from_slice(name);
    write(out);
    out.extend_from_slice(b"}}");
}

fn is(object: &[u8], member: &Member, name: &str) -> bool {
    unescape(object, member.key).is_ok_and(|text| key::is(&text, name))
}
