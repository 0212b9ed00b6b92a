//! Stage 1, authenticate: from key bytes to a principal.
//!
//! Invariants: a key is looked up by its SHA-256 alone; all four ways to send a key lead here; a
//! key that is unknown, disabled or expired gets the same status and code as none.
//! Left out on purpose: what the key may do, which depends on the request.

use std::rc::Rc;
use std::sync::Arc;

use catalog::KeyClass;
use wire::head::RequestHead;

use crate::client::Client;
use crate::fault::{Code, Fault};
use crate::local::published::KeyEntry;
use crate::local::{Generation, Local};

/// Who asks, and the generation that the whole request is served from.
#[derive(Clone)]
pub struct Principal {
    /// The generation.
    pub generation: Rc<Generation>,
    /// The key.
    pub key: Arc<KeyEntry>,
}

/// Finds the key of the request whose head stands at the front of the client's input.
pub fn authenticate(
    local: &Local,
    client: &mut Client,
    head: &RequestHead,
) -> Result<Principal, Fault> {
    let Some(generation) = local.generation() else {
        return Err(Fault::new(Code::Overloaded, "the gateway is starting"));
    };
    let Client { input, remembered, .. } = client;
    let Some(presented) = presented_key(head, input.filled()) else {
        return Err(refused(
            "no API key: send it as `Authorization: Bearer <key>`, `X-Api-Key`, \
             `x-goog-api-key` or `?key=`",
        ));
    };
    let digest = remembered.digest(presented);
    let key = generation.published().key(&digest).map(Arc::clone);
    let Some(key) = key else { return Err(refused("this API key is not known")) };
    if key.disabled {
        return Err(refused("this API key is disabled"));
    }
    if key.expires_at.is_some_and(|end| end <= local.deadlines.clock().wall()) {
        return Err(refused("this API key has expired"));
    }
    Ok(Principal { generation, key })
}

/// Who asks without a key: a guest of the playground, if there is one. A key that is sent all the
/// same is not looked at.
pub fn guest(local: &Local) -> Option<Principal> {
    let generation = local.generation()?;
    let key = generation.published().guests().map(Arc::clone)?;
    Some(Principal { generation, key })
}

/// Whether a principal may run models at all.
pub fn may_infer(principal: &Principal) -> Result<(), Fault> {
    match principal.key.class {
        KeyClass::Live | KeyClass::Guest => Ok(()),
        KeyClass::Management => Err(Fault::new(
            Code::NotAllowed,
            "a management key manages keys and cannot run models; use a live key",
        )),
    }
}

fn refused(message: &str) -> Fault {
    Fault::new(Code::InvalidApiKey, message)
}

/// The key as sent, in the order of how specific the places are.
pub fn presented_key<'b>(head: &RequestHead, buf: &'b [u8]) -> Option<&'b [u8]> {
    let bearer = head.header(buf, "authorization").and_then(|value| {
        let (scheme, key) = value.split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
    });
    let key = bearer
        .or_else(|| head.header(buf, "x-api-key"))
        .or_else(|| head.header(buf, "x-goog-api-key"))
        .or_else(|| query_key(head.query(buf)?));
    key.filter(|key| !key.is_empty())
}

fn query_key(query: &[u8]) -> Option<&[u8]> {
    query.split(|byte| *byte == b'&').find_map(|pair| pair.strip_prefix(b"key="))
}
