//! Stage 3, read: the body, and what it asks for.
//!
//! Invariants: the body is bounded before it is read and strict JSON before it is understood; its
//! bytes stay where they came in.

use dialect::{Asked, ClientDialect, Intent, read_intent, session};
use wire::gate::GateLimits;
use wire::head::RequestHead;

use crate::client::{Body, Client};
use crate::fault::{Code, Fault};
use crate::local::Local;
use crate::route::{GeminiVerb, decoded, gemini_call};

/// Refuses a body that is not plain JSON, by what its head says.
pub fn check_type(head: &RequestHead, buf: &[u8]) -> Result<(), Fault> {
    let is_json = |value: &[u8]| value.windows(4).any(|part| part.eq_ignore_ascii_case(b"json"));
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

/// Reads a request's body in the dialect of its path. *abandon closes*
pub async fn intent(
    local: &Local,
    client: &mut Client,
    head: &RequestHead,
    dialect: ClientDialect,
) -> Result<(Box<Intent>, Body), Fault> {
    let limits = &local.settings.limits;
    let buf = client.input.filled();
    let named = head.header(buf, "x-session-id").and_then(session);
    let told = |name| match dialect {
        ClientDialect::Messages => head.header(buf, name).and_then(|it| str::from_utf8(it).ok()),
        _ => None,
    };
    let betas = told("anthropic-beta").map(Into::into);
    let version = told("anthropic-version").filter(|version| is_date(version)).map(Into::into);
    let call = match dialect {
        ClientDialect::Gemini => gemini_call(head.path(buf)),
        _ => None,
    };
    let call = call.map(|(model, verb)| (decoded(model).into_owned(), verb));
    let body = client.read_body(head, limits).await?;
    let asked = Asked {
        client: dialect,
        model: call.as_ref().map(|(model, _)| model.as_str()),
        stream: call.as_ref().is_some_and(|(_, verb)| *verb == GeminiVerb::Stream),
        counts: call.as_ref().is_some_and(|(_, verb)| *verb == GeminiVerb::Count),
    };
    match understand(local, asked, body.bytes()) {
        Ok(mut intent) => {
            intent.session = intent.session.or(named);
            (intent.betas, intent.version) = (betas, version);
            Ok((intent, body))
        }
        Err(fault) => {
            client.drop_body(body);
            Err(fault)
        }
    }
}

/// Whether a text is a date as in `2023-06-01`.
fn is_date(text: &str) -> bool {
    let is_digit_or_dash = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(is_digit_or_dash)
}

/// What a body asks for.
fn understand(local: &Local, asked: Asked<'_>, body: &[u8]) -> Result<Box<Intent>, Fault> {
    let bounds = GateLimits { depth: local.settings.limits.json_depth, ..GateLimits::default() };
    let mut gate = local.gate.borrow_mut();
    let top = gate.check(body, &bounds)?;
    let intent = read_intent(asked, &top, body);
    gate.reuse(top);
    Ok(intent?)
}
