//! How an error looks to a client of this dialect, before an answer and within one.
//!
//! Source: Anthropic API reference, "Errors".

use super::json::Object;
use super::request::THREAD;
use crate::frames::{Frames, StreamError};
use crate::refusal::{Origin, Refusal};

/// The error object. `request` is the id of the answer that carries it.
pub(crate) fn error_body(refusal: &Refusal, request: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    let mut body = Object::of("error", &mut out);
    write_error_object(refusal, &mut body);
    body.text("request_id", request);
    body.close();
    out
}

/// Appends an error, which ends the stream.
pub(crate) fn write_error(error: &StreamError<'_>, frames: &mut Frames<'_>) {
    frames.event("error", |out| {
        let mut event = Object::of("error", out);
        write_error_object(error.refusal, &mut event);
        event.close();
    });
}

fn write_error_object(refusal: &Refusal, body: &mut Object<'_>) {
    let mut error = Object::of(kind_of(refusal.status), body.name("error"));
    error.text("message", &refusal.message);
    error.text("code", refusal.code);
    if let Some(param) = refusal.param {
        error.text("param", param);
    }
    if let Some(origin) = refusal.origin {
        error.text("origin", if origin == Origin::Upstream { "upstream" } else { "gateway" });
    }
    if let Some(tokens) = refusal.affordable_max_tokens {
        error.plain("affordable_max_tokens", tokens);
    }
    // The code by which Anthropic's clients know that they are to send the whole conversation.
    if refusal.param == Some(THREAD) {
        let mut details = Object::open(error.name("details"));
        details.text("error_code", "thread_unsupported_request");
        details.close();
    }
    if let Some(generation) = &refusal.generation {
        error.text("generation", generation);
    }
    error.close();
}

/// Anthropic's type of the status.
const fn kind_of(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        504 => "timeout_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}
