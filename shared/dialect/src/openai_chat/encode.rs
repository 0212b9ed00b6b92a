//! Events as chunks and completions.

use units::Tokens;

use crate::event::Event;
use crate::frames::{End, Frames, Label, StreamError};
use crate::message::Message;

/// Writes answers.
#[derive(Debug, Default)]
pub struct Encoder {}

impl Encoder {
    pub(crate) fn begin(&mut self, _: &Label<'_>, _: &mut Frames<'_>) {}

    pub(crate) fn event(&mut self, _: &Label<'_>, _: &Event<'_>, _: &mut Frames<'_>) {}

    pub(crate) fn end(&mut self, _: &Label<'_>, _: End<'_>, _: &mut Frames<'_>) {}
}

pub(crate) fn write_error(_: &Label<'_>, _: &StreamError<'_>, _: &mut Frames<'_>) {}

pub(crate) fn write_whole(_: &Label<'_>, _: &Message, _: &Tokens, _: &mut Vec<u8>) {}
