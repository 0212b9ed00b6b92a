//! Members of a request that are the gateway's alone: read, and marked so that they never go
//! upstream. The same in OpenAI's dialects.

use wire::json::Member;

use crate::intent::{Intent, RequestFault};
use crate::member::{flag_in, read_session, refuse_look_alike};
use crate::wishes::WishReader;

/// Takes a member that the dialect itself has no use for.
///
/// # Errors
/// It is the gateway's and wrong, or looks like one that decides and is spelled otherwise.
pub(crate) fn take(
    intent: &mut Intent,
    wishes: &mut WishReader,
    body: &[u8],
    (key, member): (&[u8], &Member),
) -> Result<(), RequestFault> {
    match key {
        b"usage" => intent.include_usage |= flag_in(body, member, "include"),
        b"session_id" => intent.session = read_session(body, member)?,
        b"trace" | b"debug" => {}
        other => {
            if !wishes.take(body, other, member)? {
                return refuse_look_alike(other);
            }
        }
    }
    intent.places.private.push(*member);
    Ok(())
}
