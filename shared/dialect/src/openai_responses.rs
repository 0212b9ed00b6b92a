//! OpenAI Responses, on the client's side: no upstream is asked in it.

use units::Tokens;
use wire::gate::TopLevel;

use crate::event::Event;
use crate::frames::{End, Frames, Label, StreamError};
use crate::intent::{Intent, RequestFault};
use crate::message::Message;
use crate::prompt::Prompt;

/// Reads a gated request.
pub fn read_intent(_top: &TopLevel, _body: &[u8]) -> Result<Intent, RequestFault> {
    Err(missing())
}

/// Reads a whole request.
pub fn read_prompt(_body: &[u8]) -> Result<Prompt<'_>, RequestFault> {
    Err(missing())
}

fn missing() -> RequestFault {
    RequestFault::unsupported("model", "this dialect is not spoken")
}

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
