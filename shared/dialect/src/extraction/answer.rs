//! What a model says of an extraction, and how the client reads it.

use serde_json::value::RawValue;
use units::Tokens;

use crate::frames::Label;
use crate::message::{Block, Message};
use crate::openai_chat::{add_member, add_usage};

/// What stands around code in many an answer.
const FENCE: &str = "```";

/// The words of an answer.
pub(super) fn said(message: &Message) -> String {
    let texts = message.blocks.iter().filter_map(|block| match block {
        Block::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

/// The JSON text in an answer: all of it, or what stands between code fences.
///
/// # Errors
/// There is none; why.
pub(super) fn json(said: &str) -> Result<&str, String> {
    let is_json = |text| serde_json::from_str::<&RawValue>(text).map(RawValue::get);
    let whole = is_json(said.trim());
    let found = whole.or_else(|fault| match fenced(said) {
        Some(inside) => is_json(inside.trim()),
        None => Err(fault),
    });
    found.map_err(|fault| format!("it is not JSON: {fault}"))
}

/// What stands between the first fence and the last one; behind the first one's line.
fn fenced(said: &str) -> Option<&str> {
    let (_, behind) = said.split_once(FENCE)?;
    let (inside, _) = behind.rsplit_once(FENCE).unwrap_or((behind, ""));
    Some(inside.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric()))
}

/// Appends an answer that fits as its client reads it.
pub(crate) fn write_whole(
    label: &Label<'_>,
    message: &Message,
    tokens: &Tokens,
    out: &mut Vec<u8>,
) {
    let is_own = label.own_id || message.id.is_empty();
    let id = if is_own { label.generation } else { &message.id };
    let said = said(message);
    out.push(b'{');
    out.extend_from_slice(br#""object":"extraction""#);
    out.push(b'}');
    add_member("id", &id, out);
    add_member("created", &label.created, out);
    add_raw("model", label.model_json, out);
    add_raw("output", json(&said).unwrap_or("null").as_bytes(), out);
    add_usage(tokens, out);
}

/// Adds a member, whose value is JSON already, to the object that ends `out`.
fn add_raw(name: &str, json: &[u8], out: &mut Vec<u8>) {
    out.pop();
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    out.extend_from_slice(json);
    out.push(b'}');
}
