//! OpenAI chat completions, on both sides of the gateway.
//!
//! Owns the meaning of this dialect's members; offsets come from the wire crate's scanner.
//! Source: OpenAI API reference, "Create chat completion" and "Chat completion chunk".

mod answer;
mod calls;
mod decode;
mod details;
mod encode;
mod made;
mod messages;
pub(crate) mod options;
pub(crate) mod parts;
mod pattern;
mod prompt;
mod request;
mod turns;
mod upstream;
mod whole;
mod write;

pub use answer::{Answer, ChunkReader, Rewrite, is_done, said_so_far};
pub use decode::Decoder;
pub use encode::Encoder;
pub(crate) use encode::write_error;
pub use made::{Label, add_cost, add_member, add_usage};
pub(crate) use messages::arguments_of;
pub use pattern::{Alike, Event, Pattern};
pub use prompt::read_prompt;
pub use request::read_intent;
pub(crate) use request::{CHOICES_MAX, read_choices};
pub use upstream::write_upstream;
pub(crate) use whole::{tier_word, write_whole};
pub use write::write_prompt;

#[cfg(test)]
mod tests;
