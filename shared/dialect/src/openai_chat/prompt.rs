//! A chat request in no dialect, and a request of another dialect as a chat request.

use crate::dropped::Dropped;
use crate::intent::{Intent, RequestFault, UpstreamTerms};
use crate::prompt::Prompt;

/// Reads a whole request.
pub fn read_prompt(_body: &[u8]) -> Result<Prompt<'_>, RequestFault> {
    Err(RequestFault::unsupported("model", "this dialect is not translated"))
}

/// Writes what a request of another dialect says.
pub fn write_prompt(
    _prompt: &Prompt<'_>,
    _intent: &Intent,
    _terms: &UpstreamTerms<'_>,
    _dropped: &mut Dropped,
    _out: &mut Vec<u8>,
) -> Result<(), RequestFault> {
    Err(RequestFault::unsupported("model", "this dialect is not translated"))
}
