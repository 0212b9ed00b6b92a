//! OpenAI Responses, on the client's side: no upstream is asked in it.
//!
//! Owns the meaning of this dialect's members and events. Nothing is kept between requests: an
//! answer carries all that its next turn needs (proofs of thoughts as `encrypted_content`, whether
//! it was asked for or not), and `store` changes nothing.
//! Source: OpenAI API reference, "Create a model response" and "Streaming events".

mod prompt;
mod request;

use units::Tokens;

use crate::event::Event;
use crate::frames::{End, Frames, Label, StreamError};
use crate::message::Message;

pub use prompt::read_prompt;
pub use request::read_intent;

#[cfg(test)]
mod tests;

/// What an `encrypted_content` begins with that is a whole thought rather than the proof of the
/// one beside it.
const SEALED: &str = "sealed:";

/// Writes answers.
#[derive(Debug)]
pub struct Encoder {}

impl Encoder {
    pub(crate) fn new(_body: &[u8]) -> Self {
        Self {}
    }

    pub(crate) fn begin(&mut self, _: &Label<'_>, _: &mut Frames<'_>) {}

    pub(crate) fn event(&mut self, _: &Label<'_>, _: &Event<'_>, _: &mut Frames<'_>) {}

    pub(crate) fn end(&mut self, _: &Label<'_>, _: End<'_>, _: &mut Frames<'_>) {}

    pub(crate) fn fail(&mut self, _: &Label<'_>, _: &StreamError<'_>, _: &mut Frames<'_>) {}
}

pub(crate) fn write_whole(_body: &[u8], _: &Label<'_>, _: &Message, _: &Tokens, _: &mut Vec<u8>) {}
