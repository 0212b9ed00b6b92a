//! Stage 3, read: the body, and what it asks for.
//!
//! Invariants: the body is bounded before it is read and strict JSON before it is understood; its
//! bytes stay where they came in.

use dialect::{Intent, openai_chat, session};
use wire::gate::GateLimits;
use wire::head::RequestHead;

use crate::client::{Body, Client};
use crate::fault::{Code, Fault};
use crate::local::Local;

/// Refuses a body that is not plain JSON, by what its head says.
pub fn check_type(head: &RequestHead, buf: &[u8]) -> Result<(), Fault> {
    let is_json = |value: &[u8]| value.to_ascii_lowercase().windows(4).any(|part| part == b"json");
    let is_plain = |value: &[u8]| value.eq_ignore_ascii_case(b"identity");
    if !head.header(buf, "content-type").is_none_or(is_json) {
        let message = "the body must be JSON: send content-type: application/json";
        return Err(Fault::new(Code::UnsupportedMediaType, message).closing());
    }
    if !head.header(buf, "content-encoding").is_none_or(is_plain) {
        let message = "compressed bodies are not read: send it without content-encoding";
        return Err(Fault::new(Code::UnsupportedMediaType, message).closing());
    }
    Ok(())
}

/// Reads a chat request's body. *abandon closes*
pub async fn intent(
    local: &Local,
    client: &mut Client,
    head: &RequestHead,
) -> Result<(Intent, Body), Fault> {
    let limits = &local.settings.limits;
    let named = head.header(client.input.filled(), "x-session-id").and_then(session);
    let body = client.read_body(head, limits).await?;
    match understand(local, body.bytes()) {
        Ok(mut intent) => {
            intent.session = intent.session.or(named);
            Ok((intent, body))
        }
        Err(fault) => {
            client.drop_body(body);
            Err(fault)
        }
    }
}

fn understand(local: &Local, body: &[u8]) -> Result<Intent, Fault> {
    let bounds = GateLimits { depth: local.settings.limits.json_depth, ..GateLimits::default() };
    let mut gate = local.gate.borrow_mut();
    let top = gate.check(body, &bounds)?;
    let intent = openai_chat::read_intent(&top, body);
    gate.reuse(top);
    Ok(intent?)
}
