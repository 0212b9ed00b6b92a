//! Gemini `generateContent`, on both sides of the gateway.

use units::Tokens;
use wire::gate::TopLevel;

use crate::dropped::Dropped;
use crate::event::{DecodeFault, Event, Progress, Sink};
use crate::frames::{End, Frames, Label, StreamError};
use crate::intent::{Intent, RequestFault, UpstreamTerms};
use crate::message::Message;
use crate::prompt::Prompt;
use crate::refusal::Refusal;
use crate::translate::Asked;

/// Reads a gated request.
pub fn read_intent(
    _asked: Asked<'_>,
    _top: &TopLevel,
    _body: &[u8],
) -> Result<Intent, RequestFault> {
    Err(missing())
}

/// Reads a whole request.
pub fn read_prompt(_body: &[u8]) -> Result<Prompt<'_>, RequestFault> {
    Err(missing())
}

/// Writes the client's own body as the upstream gets it.
pub fn write_upstream(_: &Intent, body: &[u8], _: &UpstreamTerms<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(body);
}

/// Writes what a request of another dialect says.
pub fn write_prompt(
    _prompt: &Prompt<'_>,
    _intent: &Intent,
    _terms: &UpstreamTerms<'_>,
    _dropped: &mut Dropped,
    _out: &mut Vec<u8>,
) -> Result<(), RequestFault> {
    Err(missing())
}

fn missing() -> RequestFault {
    RequestFault::unsupported("model", "this dialect is not spoken")
}

/// Reads answers.
#[derive(Debug, Default)]
pub struct Decoder {}

impl Decoder {
    pub(crate) fn event(&mut self, _: &[u8], _: Sink<'_>) -> Result<Progress, DecodeFault> {
        Err(DecodeFault::Unreadable("this dialect is not spoken"))
    }

    pub(crate) fn whole(&mut self, _: &[u8], _: Sink<'_>) -> Result<(), DecodeFault> {
        Err(DecodeFault::Unreadable("this dialect is not spoken"))
    }
}

/// Writes answers.
#[derive(Debug, Default)]
pub struct Encoder {}

impl Encoder {
    pub(crate) fn event(&mut self, _: &Label<'_>, _: &Event<'_>, _: &mut Frames<'_>) {}

    pub(crate) fn end(&mut self, _: &Label<'_>, _: End<'_>, _: &mut Frames<'_>) {}
}

pub(crate) fn write_cut(_: &Label<'_>, _: &Tokens, _: &mut Frames<'_>) {}

pub(crate) fn write_error(_: &StreamError<'_>, _: &mut Frames<'_>) {}

pub(crate) fn write_whole(_: &Label<'_>, _: &Message, _: &Tokens, _: &mut Vec<u8>) {}

pub(crate) fn rename(json: &[u8], _model_json: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(json);
}

pub(crate) fn error_body(refusal: &Refusal) -> Vec<u8> {
    refusal.message.clone().into_bytes()
}

pub(crate) fn write_count_request(
    _: &Intent,
    _: &[u8],
    _: &UpstreamTerms<'_>,
    _: &mut Vec<u8>,
) -> Result<(), RequestFault> {
    Err(missing())
}

pub(crate) fn read_count(_: &[u8]) -> Option<u64> {
    None
}

pub(crate) fn count_body(_: u64) -> Vec<u8> {
    Vec::new()
}
