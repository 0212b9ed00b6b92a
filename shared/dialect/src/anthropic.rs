//! Anthropic Messages, on both sides of the gateway.
//!
//! Owns the meaning of this dialect's members, blocks and events. A request is read twice: its
//! members and the shape of its input in one pass over the bytes, for the plan; the whole of it
//! only where it goes to an upstream of another dialect.
//! Invariants: a thought goes back to its maker byte for byte, in its place, or not at all; a
//! stream has one start, and each of its blocks is closed before the next is opened.
//! Source: Anthropic API reference, "Create a Message", "Count tokens", "Streaming messages",
//! "Errors"; the accumulators of Anthropic's own SDKs.

mod blocks;
mod content;
mod count;
mod decode;
mod encode;
mod error;
mod family;
mod json;
mod marks;
mod parts;
mod prompt;
mod rename;
mod request;
mod schema;
mod settings;
mod turns;
mod upstream;
mod whole;
mod write;

pub(crate) use count::{count_body, read_count, write_count_request};
pub use decode::Decoder;
pub use encode::Encoder;
pub(crate) use error::{error_body, write_error};
pub use prompt::read_prompt;
pub(crate) use rename::rename;
pub use request::read_intent;
pub use upstream::write_upstream;
pub(crate) use whole::write_whole;
pub use write::write_prompt;

#[cfg(test)]
mod tests;
