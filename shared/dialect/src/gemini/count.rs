//! Counting the tokens of a request.
//!
//! What is counted goes upstream wrapped, as `generateContentRequest`: only so do instructions and
//! tools count, too. Source: Gemini API reference, `models.countTokens`.

use wire::json::{ValueKind, members, u64_value};

use super::{upstream, write};
use crate::client::ClientDialect;
use crate::intent::{Intent, RequestFault, UpstreamTerms};
use crate::{tool_names, translate};

/// Appends the request by which an upstream counts the input of a request.
pub(crate) fn write_count_request(
    intent: &Intent,
    body: &[u8],
    terms: &UpstreamTerms<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RequestFault> {
    if intent.client == ClientDialect::Gemini {
        upstream::write_count(intent, body, terms, out);
        return Ok(());
    }
    let mut prompt = translate::read_prompt(intent.client, body)?;
    tool_names::rename(&mut prompt);
    write::write_count(&prompt, intent, terms, out)
}

/// The count that an upstream answered.
pub(crate) fn read_count(json: &[u8]) -> Option<u64> {
    let count = members(json).flatten().find(|member| member.is(json, "totalTokens"))?;
    let is_number = count.kind == ValueKind::Number;
    u64_value(count.value.of(json)).filter(|_| is_number)
}

/// A count as a client of this dialect reads it.
pub(crate) fn count_body(tokens: u64) -> Vec<u8> {
    format!("{{\"totalTokens\":{tokens}}}").into_bytes()
}
