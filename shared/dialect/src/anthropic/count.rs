//! Counting a request's input before it is sent.
//!
//! Source: Anthropic API reference, "Count tokens in a Message": it takes what is input, and
//! refuses members that only shape an answer.

use wire::json::{members, unescape};
use wire::splice::Edits;

use super::request::count_in;
use super::upstream::write_model;
use super::write::write_counted;
use crate::client::ClientDialect;
use crate::intent::{Intent, RequestFault, UpstreamTerms};
use crate::tool_names;
use crate::translate::read_prompt;

/// What is counted.
const COUNTED: [&str; 8] = [
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "cache_control",
];

/// Appends the request by which the upstream counts the input of a request.
///
/// # Errors
/// The client's fault.
pub(crate) fn write_count_request(
    intent: &Intent,
    body: &[u8],
    terms: &UpstreamTerms<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RequestFault> {
    if intent.client != ClientDialect::Messages {
        let mut prompt = read_prompt(intent.client, body)?;
        tool_names::rename(&mut prompt);
        return write_counted(&prompt, terms, out);
    }
    let mut edits = Edits::new();
    write_model(&mut edits, intent, terms);
    for member in members(body).flatten() {
        let name = unescape(body, member.key).unwrap_or_default();
        if !COUNTED.contains(&&*name) {
            edits.remove(&member);
        }
    }
    edits.apply(body, intent.places.object, out);
    Ok(())
}

/// The count that the upstream answered.
pub(crate) fn read_count(json: &[u8]) -> Option<u64> {
    count_in(json, "input_tokens")
}

/// A count as the client reads it.
pub(crate) fn count_body(tokens: u64) -> Vec<u8> {
    format!("{{\"input_tokens\":{tokens}}}").into_bytes()
}
