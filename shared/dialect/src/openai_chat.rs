//! OpenAI chat completions, on both sides of the gateway.
//!
//! Owns the meaning of this dialect's members; offsets come from the wire crate's scanner.
//! Source: OpenAI API reference, "Create chat completion" and "Chat completion chunk".

mod answer;
mod decode;
mod encode;
mod made;
mod pattern;
mod prompt;
mod request;
mod upstream;

pub use answer::{Answer, ChunkReader, Rewrite, is_done, said_so_far};
pub use decode::Decoder;
pub use encode::Encoder;
pub(crate) use encode::{write_error, write_whole};
pub use made::{Label, add_member, add_own_cost, add_usage};
pub use pattern::{Alike, Event, Pattern};
pub use prompt::{read_prompt, write_prompt};
pub use request::read_intent;
pub use upstream::write_upstream;

#[cfg(test)]
mod tests;
