//! What can end a request early: whose fault it is, what it is called, whether a retry is sane.
//!
//! Invariants: every code of the outside contract stands here once, with its status; a fault is
//! made where the fact is known and turned into bytes in one place, `stage::refuse`.

use std::fmt;

use dialect::{Origin, Refusal, RequestFault};
use serde_json::Value;
use wire::gate::GateFault;
use wire::head::HeadFault;

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $status:literal, $name:literal;)*) => {
        /// The closed list of refusals.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* $code,)* }

        impl Code {
            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Self::$code => $status,)* }
            }

            /// The name in the error body.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$code => $name,)* }
            }
        }
    };
}

codes! {
    /// The body is not JSON.
    InvalidJson = 400, "invalid_json";
    /// A billed or routed-by key stands twice.
    DuplicateKey = 400, "duplicate_key";
    /// The request is malformed or a member is wrong.
    InvalidRequest = 400, "invalid_request";
    /// No such model.
    ModelNotFound = 400, "model_not_found";
    /// The input does not fit the model.
    ContextLengthExceeded = 400, "context_length_exceeded";
    /// The model cannot do what is asked.
    UnsupportedForModel = 400, "unsupported_for_model";
    /// No key, an unknown, a disabled or an expired one.
    InvalidApiKey = 401, "invalid_api_key";
    /// The balance does not cover the least that the request may cost.
    InsufficientCredits = 402, "insufficient_credits";
    /// The key's own spending limit is used up.
    KeyLimitExceeded = 402, "key_limit_exceeded";
    /// No endpoint is within the price caps of the request.
    NoRouteUnderCap = 402, "no_route_under_cap";
    /// The key may not do this.
    NotAllowed = 403, "not_allowed";
    /// No such path.
    NotFound = 404, "not_found";
    /// No endpoint is as the request's `provider` wants it.
    ConstraintFiltered = 404, "constraint_filtered";
    /// No endpoint promises the privacy that the request, its key or its account wants.
    PrivacyRestricted = 404, "privacy_restricted";
    /// The path exists, for other methods.
    MethodNotAllowed = 405, "method_not_allowed";
    /// The client took too long to send.
    Timeout = 408, "timeout";
    /// The answer to this idempotency key was charged, or is being made, and is not kept.
    IdempotencyConflict = 409, "idempotency_conflict";
    /// The body is too large.
    PayloadTooLarge = 413, "payload_too_large";
    /// The body is not of a type we read.
    UnsupportedMediaType = 415, "unsupported_media_type";
    /// An expectation other than 100-continue.
    ExpectationFailed = 417, "expectation_failed";
    /// This idempotency key asked for something else before.
    IdempotencyKeyReused = 422, "idempotency_key_reused";
    /// What the model said does not fit the schema of the extraction.
    ExtractionInvalid = 422, "extraction_invalid";
    /// The head is too large.
    HeadersTooLarge = 431, "headers_too_large";
    /// The key's request rate is used up.
    RateLimitExceeded = 429, "rate_limit_exceeded";
    /// The credit is there, but running requests hold it.
    CreditsReserved = 429, "credits_reserved";
    /// An unknown method or transfer coding.
    NotImplemented = 501, "not_implemented";
    /// The provider failed, or refused us.
    ProviderError = 502, "provider_error";
    /// The provider has no capacity for us now.
    ProviderOverloaded = 503, "provider_overloaded";
    /// No endpoint of the model can be used.
    TierUnavailable = 503, "tier_unavailable";
    /// We have no capacity.
    Overloaded = 503, "overloaded";
    /// The control plane does not answer.
    ControlUnavailable = 503, "control_unavailable";
    /// The provider took too long.
    ProviderTimeout = 504, "provider_timeout";
}

/// A refused or failed request.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What it is.
    pub code: Code,
    /// How it is told.
    pub refusal: Box<Refusal>,
    /// When a retry makes sense, in seconds; said on 429 and 503.
    pub retry_after_s: Option<u64>,
    /// Whether the connection is beyond use afterwards.
    pub closes: bool,
    /// The methods of the path, where the method was wrong.
    pub allow: Option<&'static str>,
    /// What was tried before it failed, where that was asked for.
    pub tried: Option<Value>,
}

impl Fault {
    /// A fault with its message.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let mut refusal = Refusal::new(code.status(), code.name(), message);
        let retry_after_s = match code.status() {
            429 => Some(1),
            503 => Some(2),
            _ => None,
        };
        if matches!(code.status(), 429 | 503) {
            refusal.origin = Some(Origin::Gateway);
        }
        let (closes, allow, tried) = (false, None, None);
        Self { code, refusal: Box::new(refusal), retry_after_s, closes, allow, tried }
    }

    /// A fault of a provider.
    pub fn upstream(code: Code, message: impl Into<String>) -> Self {
        let mut fault = Self::new(code, message);
        fault.refusal.origin = Some(Origin::Upstream);
        fault
    }

    /// A provider's own refusal of the request, passed on with its status and message.
    pub fn passed_on(status: u16, message: String) -> Self {
        let mut fault = Self::upstream(Code::InvalidRequest, message);
        fault.refusal.status = status;
        fault
    }

    /// The same, naming the member at fault.
    pub fn about(mut self, param: &'static str) -> Self {
        self.refusal.param = Some(param);
        self
    }

    /// The same, after which the connection is closed.
    pub const fn closing(mut self) -> Self {
        self.closes = true;
        self
    }

    /// Whether there is too little credit for it, at least now.
    pub const fn is_about_credit(&self) -> bool {
        matches!(
            self.code,
            Code::InsufficientCredits | Code::KeyLimitExceeded | Code::CreditsReserved
        )
    }

    /// The status that the client sees.
    pub fn status(&self) -> u16 {
        self.refusal.status
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.refusal.message)
    }
}

impl From<RequestFault> for Fault {
    fn from(fault: RequestFault) -> Self {
        let code = if fault.unsupported { Code::UnsupportedForModel } else { Code::InvalidRequest };
        let mut refused = Self::new(code, fault.message);
        refused.refusal.param = fault.param;
        refused
    }
}

impl From<GateFault> for Fault {
    fn from(fault: GateFault) -> Self {
        let code = match fault {
            GateFault::Duplicate { .. } => Code::DuplicateKey,
            _ => Code::InvalidJson,
        };
        Self::new(code, fault.to_string())
    }
}

impl From<HeadFault> for Fault {
    fn from(fault: HeadFault) -> Self {
        let code = match fault.status() {
            405 => Code::MethodNotAllowed,
            417 => Code::ExpectationFailed,
            431 => Code::HeadersTooLarge,
            501 | 505 => Code::NotImplemented,
            _ => Code::InvalidRequest,
        };
        let mut refused = Self::new(code, fault.to_string()).closing();
        refused.refusal.status = fault.status();
        refused
    }
}
