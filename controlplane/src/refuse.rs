//! Refusals, and the one place that turns them into answers.
//!
//! Every bad call ends as a [`Refusal`]: made where the fact is known, rendered here in OpenAI's
//! error form with a status and a code from a closed list. A message names what was wrong and
//! never repeats a secret. On its way to a customer it takes the form of path and brand.
//! Left out on purpose: other dialects; these paths have no more.

use std::fmt;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Why a call is not done.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// 401: no key or token, or not one that is valid now.
    Unauthorized(&'static str),
    /// 403: a valid key that may not do this.
    Forbidden(&'static str),
    /// 404: nothing of that name.
    NotFound {
        /// The kind of thing: `account`, `key`.
        what: &'static str,
        /// Its name as the caller wrote it.
        id: String,
    },
    /// 404: no such path.
    NoSuchPath(String),
    /// 405: the path exists, the method does not.
    MethodNotAllowed(String),
    /// 400: the body is not the JSON it should be.
    NotJson(String),
    /// 400: readable, but not acceptable.
    Invalid {
        /// What is wrong and what would be right.
        message: String,
        /// The field or parameter at fault, empty where there is no single one.
        param: String,
    },
    /// 400: a catalog with mistakes, each with its remedy.
    Complaints(Vec<String>),
    /// 409: in the way of something that stands already.
    Conflict(String),
    /// 413: something is longer than `limit` bytes.
    TooLarge {
        /// What: the body, or what would be kept of it.
        what: &'static str,
        /// The most that is taken.
        limit: usize,
    },
    /// 415: the body is not declared as JSON.
    NotDeclaredJson,
    /// 501: the operator has not set up what this needs; what that is.
    NotSetUp(&'static str),
    /// 503: the ledger cannot answer now; another try is sane.
    Unavailable(String),
}

/// How an error body differs from OpenAI's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Form {
    /// OpenRouter's: `code` is the status, and ours stands in `metadata.error_type`.
    pub(crate) integer_code: bool,
    /// The message stands beside the error too, as `detail`.
    pub(crate) detail: bool,
}

impl Refusal {
    /// A refusal of one named field.
    pub(crate) fn invalid(param: &str, message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into(), param: param.to_owned() }
    }

    /// A refusal because nothing has that name.
    pub(crate) fn not_found(what: &'static str, id: impl fmt::Display) -> Self {
        Self::NotFound { what, id: id.to_string() }
    }

    /// Status, error type and code.
    pub fn class(&self) -> (StatusCode, &'static str, &'static str) {
        const REQUEST: &str = "invalid_request_error";
        match self {
            Self::Unauthorized(_) => {
                (StatusCode::UNAUTHORIZED, "authentication_error", "invalid_api_key")
            }
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "permission_error", "not_allowed"),
            Self::NotFound { .. } | Self::NoSuchPath(_) => {
                (StatusCode::NOT_FOUND, REQUEST, "not_found")
            }
            Self::MethodNotAllowed(_) => {
                (StatusCode::METHOD_NOT_ALLOWED, REQUEST, "method_not_allowed")
            }
            Self::NotJson(_) => (StatusCode::BAD_REQUEST, REQUEST, "invalid_json"),
            Self::Invalid { .. } | Self::Complaints(_) => {
                (StatusCode::BAD_REQUEST, REQUEST, "invalid_request")
            }
            Self::Conflict(_) => (StatusCode::CONFLICT, REQUEST, "conflict"),
            Self::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, REQUEST, "payload_too_large"),
            Self::NotDeclaredJson => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, REQUEST, "unsupported_media_type")
            }
            Self::NotSetUp(_) => (StatusCode::NOT_IMPLEMENTED, "server_error", "not_implemented"),
            Self::Unavailable(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "server_error", "control_unavailable")
            }
        }
    }

    fn param(&self) -> Option<&str> {
        match self {
            Self::Invalid { param, .. } if !param.is_empty() => Some(param),
            _ => None,
        }
    }

    /// The error body: `{"error": {message, type, param, code, complaints?}}`.
    pub fn body(&self) -> Value {
        let (_, kind, code) = self.class();
        let mut error = json!({
            "message": self.to_string(),
            "type": kind,
            "param": self.param(),
            "code": code,
        });
        match self {
            Self::Complaints(complaints) => error["complaints"] = json!(complaints),
            // A 503 says whose it is: no provider was asked.
            Self::Unavailable(_) => error["origin"] = json!("gateway"),
            _ => {}
        }
        json!({ "error": error })
    }

    /// The same in another form.
    fn body_in(&self, form: Form) -> Value {
        let (status, _, code) = self.class();
        let mut body = self.body();
        if form.integer_code {
            body["error"]["code"] = json!(status.as_u16());
            body["error"]["metadata"] = json!({ "error_type": code });
        }
        if form.detail {
            body["detail"] = json!(self.to_string());
        }
        body
    }

    /// Puts the refusal behind an answer, if there is one, into a form.
    pub(crate) fn told(response: Response, form: Form) -> Response {
        let Some(refusal) = response.extensions().get::<Self>() else { return response };
        let body = refusal.body_in(form).to_string();
        let (mut parts, _) = response.into_parts();
        parts.headers.remove(header::CONTENT_LENGTH);
        Response::from_parts(parts, body.into())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized(why) | Self::Forbidden(why) | Self::NotSetUp(why) => {
                f.write_str(why)
            }
            Self::NotFound { what, id } => write!(f, "there is no {what} {id:?}"),
            Self::NoSuchPath(path) => {
                write!(f, "there is nothing at {path:?}; GET /openapi.json lists every path")
            }
            Self::MethodNotAllowed(method) => write!(f, "this path has no {method}"),
            Self::NotJson(why) => write!(f, "the body is not valid JSON for this call: {why}"),
            Self::Invalid { message, .. } | Self::Conflict(message) => f.write_str(message),
            Self::Complaints(complaints) => {
                write!(f, "the catalog has {} mistake(s): ", complaints.len())?;
                f.write_str(&complaints.join(" | "))
            }
            Self::TooLarge { what, limit } => write!(f, "{what} is longer than {limit} bytes"),
            Self::NotDeclaredJson => f.write_str("send the body as content-type: application/json"),
            Self::Unavailable(why) => write!(f, "the ledger cannot answer now: {why}"),
        }
    }
}

impl std::error::Error for Refusal {}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, ..) = self.class();
        let mut response = (status, axum::Json(self.body())).into_response();
        let headers = response.headers_mut();
        match &self {
            Self::Unauthorized(_) => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Unavailable(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_openai_form() {
        let body = Refusal::invalid("amount", "too small").body();
        let expected = json!({"error": {
            "message": "too small",
            "type": "invalid_request_error",
            "param": "amount",
            "code": "invalid_request",
        }});
        assert_eq!(body, expected);
    }

    #[test]
    fn a_form_changes_the_code_or_repeats_the_message() {
        let told = |form| Refusal::not_found("key", "x").body_in(form);
        let routed = told(Form { integer_code: true, detail: false });
        assert_eq!(routed["error"]["code"], 404);
        assert_eq!(routed["error"]["metadata"], json!({ "error_type": "not_found" }));
        assert!(routed.get("detail").is_none());
        let detailed = told(Form { integer_code: false, detail: true });
        assert_eq!(detailed["error"]["code"], "not_found");
        assert_eq!(detailed["detail"], detailed["error"]["message"]);
    }

    #[test]
    fn every_complaint_is_told() {
        let body = Refusal::Complaints(vec!["a; do b".into(), "c; do d".into()]).body();
        assert_eq!(body["error"]["complaints"], json!(["a; do b", "c; do d"]));
        assert!(body["error"]["message"].as_str().unwrap().contains("2 mistake(s)"));
    }
}
