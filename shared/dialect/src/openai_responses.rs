//! OpenAI Responses, on the client's side: no upstream is asked in it.
//!
//! Owns the meaning of this dialect's members and events. Nothing is kept between requests: an
//! answer carries all that its next turn needs (proofs of thoughts as `encrypted_content`, whether
//! it was asked for or not), and `store` changes nothing.
//! Source: OpenAI API reference, "Create a model response" and "Streaming events".

mod echo;
mod encode;
mod items;
mod object;
mod prompt;
mod request;
mod whole;

pub use encode::Encoder;
pub use prompt::read_prompt;
pub use request::read_intent;
pub(crate) use whole::write_whole;

#[cfg(test)]
mod tests;

/// What an `encrypted_content` begins with that is a whole thought rather than the proof of the
/// one beside it.
const SEALED: &str = "sealed:";
