//! Gemini `generateContent`, on both sides of the gateway.
//!
//! Owns the meaning of this dialect's members. Model and streaming stand in the path, so neither is
//! in a body; a stream has no end mark.
//! Source: Gemini API reference (v1beta), "Generating content", "Counting tokens".

mod asked;
mod calls;
mod config;
mod contents;
mod count;
mod decode;
mod encode;
mod error;
mod form;
mod key;
mod model;
mod prompt;
mod proof;
mod request;
mod schema;
#[cfg(test)]
mod tests;
mod turns;
mod upstream;
mod write;

use wire::json::members;

pub(crate) use count::{count_body, read_count, write_count_request};
pub use decode::Decoder;
pub use encode::Encoder;
pub(crate) use encode::{write_cut, write_whole};
pub(crate) use error::{error_body, write_error};
pub use prompt::read_prompt;
pub use request::read_intent;
pub use upstream::write_upstream;
pub use write::write_prompt;

/// Appends an answer, or a response of a stream, with the provider's name of the model replaced.
pub(crate) fn rename(json: &[u8], model_json: &[u8], out: &mut Vec<u8>) {
    let version = members(json).flatten().find(|member| member.is(json, "modelVersion"));
    let span = version.map_or(json.len()..json.len(), |member| member.value.range());
    out.extend_from_slice(&json[..span.start]);
    if !span.is_empty() {
        out.extend_from_slice(model_json);
    }
    out.extend_from_slice(&json[span.end..]);
}
