//! What a provider answers, as events.

use crate::event::{DecodeFault, Progress, Sink};

/// Reads answers.
#[derive(Debug)]
pub struct Decoder {}

impl Decoder {
    pub(crate) fn new(_cache_included: bool) -> Self {
        Self {}
    }

    pub(crate) fn event(&mut self, _: &[u8], _: Sink<'_>) -> Result<Progress, DecodeFault> {
        Err(DecodeFault::Unreadable("this dialect is not translated"))
    }

    pub(crate) fn whole(&mut self, _: &[u8], _: Sink<'_>) -> Result<(), DecodeFault> {
        Err(DecodeFault::Unreadable("this dialect is not translated"))
    }
}
