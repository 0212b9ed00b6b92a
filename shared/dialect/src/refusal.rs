//! How an error looks to the client, in its dialect.
//!
//! Owns the bodies; the status, the code and whose fault it was are decided by whoever found the
//! fault. Source: OpenAI API reference, "Error codes"; `origin` tells whose error it is.

use serde_json::{Map, Value, json};

use crate::extraction::Wrong;

/// The longest answer that an error repeats, in bytes.
const SAID_BYTES_MAX: usize = 16 << 10;

/// Whose error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Ours.
    Gateway,
    /// The provider's, passed on.
    Upstream,
}

/// An error as the client is told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The machine-readable code.
    pub code: &'static str,
    /// What is wrong, and the remedy.
    pub message: String,
    /// The member of the request at fault.
    pub param: Option<&'static str>,
    /// Whose error it is; told where it is not the client's own.
    pub origin: Option<Origin>,
    /// The output tokens that the credit would buy, for `insufficient_credits`.
    pub affordable_max_tokens: Option<u64>,
    /// The generation that was charged: for the same request before, or for an answer that is not
    /// what was asked for.
    pub generation: Option<String>,
    /// What is wrong with such an answer, for `extraction_invalid`.
    pub wrong: Option<Box<Wrong>>,
}

impl Refusal {
    /// A refusal without extras.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            param: None,
            origin: None,
            affordable_max_tokens: None,
            generation: None,
            wrong: None,
        }
    }

    /// OpenAI's error type of the status.
    fn openai_type(&self) -> &'static str {
        match self.status {
            401 => "authentication_error",
            402 => "insufficient_quota",
            403 => "permission_error",
            404 => "not_found_error",
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        }
    }
}

/// What differs among readers of OpenAI's form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ErrorForm {
    /// OpenRouter's: `code` is the status, and ours stands in `metadata.error_type`.
    pub integer_code: bool,
    /// The message stands beside the error too, as `detail`.
    pub detail: bool,
}

/// The error object in OpenAI's form.
pub fn openai_error_body(refusal: &Refusal, form: ErrorForm) -> Vec<u8> {
    let mut error = Map::new();
    error.insert("message".into(), refusal.message.clone().into());
    error.insert("type".into(), refusal.openai_type().into());
    error.insert("param".into(), refusal.param.map_or(Value::Null, Value::from));
    if form.integer_code {
        error.insert("code".into(), refusal.status.into());
        error.insert("metadata".into(), json!({ "error_type": refusal.code }));
    } else {
        error.insert("code".into(), refusal.code.into());
    }
    if let Some(origin) = refusal.origin {
        let name = if origin == Origin::Upstream { "upstream" } else { "gateway" };
        error.insert("origin".into(), name.into());
    }
    if let Some(tokens) = refusal.affordable_max_tokens {
        error.insert("affordable_max_tokens".into(), tokens.into());
    }
    if let Some(generation) = &refusal.generation {
        error.insert("generation".into(), generation.clone().into());
    }
    if let Some(wrong) = &refusal.wrong {
        let end = wrong.said.floor_char_boundary(SAID_BYTES_MAX);
        error.insert("errors".into(), wrong.errors.clone().into());
        error.insert("output_text".into(), wrong.said[..end].into());
    }
    let mut body = json!({ "error": error });
    if form.detail {
        body["detail"] = refusal.message.clone().into();
    }
    body.to_string().into_bytes()
}

/// The message of an upstream's own error body, bounded; `None` where it has no readable one.
pub fn upstream_message(body: &[u8], bytes_max: usize) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let value = value.get(0).unwrap_or(&value);
    let error = value.get("error").unwrap_or(value);
    let message = error.as_str().or_else(|| error.get("message")?.as_str())?;
    let end = message.floor_char_boundary(bytes_max);
    Some(message[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_carry_the_code() {
        let mut refusal = Refusal::new(402, "insufficient_credits", "top up");
        refusal.affordable_max_tokens = Some(7);
        let plain: Value =
            serde_json::from_slice(&openai_error_body(&refusal, ErrorForm::default())).unwrap();
        assert_eq!(plain["error"]["code"], "insufficient_credits");
        assert_eq!(plain["error"]["affordable_max_tokens"], 7);
        assert!(plain.get("detail").is_none());
        let form = ErrorForm { integer_code: true, detail: true };
        let routed: Value = serde_json::from_slice(&openai_error_body(&refusal, form)).unwrap();
        assert_eq!(routed["detail"], "top up");
        assert_eq!(routed["error"]["code"], 402);
        assert_eq!(routed["error"]["metadata"]["error_type"], "insufficient_credits");
    }

    #[test]
    fn an_upstream_message_is_found_and_bounded() {
        assert_eq!(upstream_message(br#"{"error":{"message":"no"}}"#, 9).as_deref(), Some("no"));
        assert_eq!(upstream_message(br#"[{"error":{"message":"n"}}]"#, 9).as_deref(), Some("n"));
        let accent = "{\"error\":\"é\"}".as_bytes();
        assert_eq!(upstream_message(accent, 1).as_deref(), Some(""));
        assert_eq!(upstream_message(b"<html>", 9), None);
    }
}
