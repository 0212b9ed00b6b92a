//! Errors as Google words them.
//!
//! The gateway's own code stands in the first of `details`, in capitals, as the reason; its domain
//! says whose error it is, and its metadata what helps to act on it.
//! Source: Google APIs, "Errors" (`google.rpc.Status`, `google.rpc.ErrorInfo`).

use serde_json::{Map, Value, json};

use crate::frames::{Frames, StreamError};
use crate::refusal::{Origin, Refusal};

/// The error object.
pub(crate) fn error_body(refusal: &Refusal) -> Vec<u8> {
    let mut metadata = Map::new();
    if let Some(param) = refusal.param {
        metadata.insert("param".into(), param.into());
    }
    if let Some(tokens) = refusal.affordable_max_tokens {
        // The values of this map are strings.
        metadata.insert("affordable_max_tokens".into(), tokens.to_string().into());
    }
    if let Some(generation) = &refusal.generation {
        metadata.insert("generation".into(), generation.clone().into());
    }
    let mut detail = Map::new();
    detail.insert("@type".into(), "type.googleapis.com/google.rpc.ErrorInfo".into());
    detail.insert("reason".into(), refusal.code.to_ascii_uppercase().into());
    let domain = if refusal.origin == Some(Origin::Upstream) { "upstream" } else { "gateway" };
    detail.insert("domain".into(), domain.into());
    if !metadata.is_empty() {
        detail.insert("metadata".into(), Value::Object(metadata));
    }
    let error = json!({
        "code": refusal.status,
        "message": refusal.message,
        "status": status(refusal.status),
        "details": [detail],
    });
    json!({ "error": error }).to_string().into_bytes()
}

/// Appends an error in a stream, which ends it.
pub(crate) fn write_error(error: &StreamError<'_>, frames: &mut Frames<'_>) {
    frames.event("", |out| out.extend_from_slice(&error_body(error.refusal)));
}

/// Google's word for an HTTP status.
const fn status(http: u16) -> &'static str {
    match http {
        401 => "UNAUTHENTICATED",
        402 => "FAILED_PRECONDITION",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        501 => "UNIMPLEMENTED",
        502 | 503 | 529 => "UNAVAILABLE",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_googles_word_and_the_gateways_code() {
        for (http, word) in [
            (400, "INVALID_ARGUMENT"),
            (402, "FAILED_PRECONDITION"),
            (413, "INVALID_ARGUMENT"),
            (429, "RESOURCE_EXHAUSTED"),
            (500, "INTERNAL"),
            (502, "UNAVAILABLE"),
            (504, "DEADLINE_EXCEEDED"),
        ] {
            let mut refusal = Refusal::new(http, "insufficient_credits", "top up");
            refusal.affordable_max_tokens = Some(7);
            let body: Value = serde_json::from_slice(&error_body(&refusal)).unwrap();
            assert_eq!(body["error"]["status"], word);
            assert_eq!(body["error"]["code"], http);
            let detail = &body["error"]["details"][0];
            assert_eq!(detail["reason"], "INSUFFICIENT_CREDITS");
            assert_eq!(detail["metadata"]["affordable_max_tokens"], "7");
        }
    }
}
