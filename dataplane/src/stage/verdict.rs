//! What a provider's failure means: for the client, and for the next candidate. Pure.
//!
//! Invariants: what the client did wrong is passed on with its status and is not tried elsewhere;
//! a refusal of our own key is never the client's fault; whose fault it was is always said.

use dialect::upstream_message;

use crate::fault::{Code, Fault};
use crate::stage::attempt::{Blame, Miss};
use crate::upstream::fault::UpstreamFault;

/// A provider's message is passed on up to so many bytes.
const MESSAGE_BYTES_MAX: usize = 1024;
/// A provider cannot ask for a longer pause than this, in seconds.
const RETRY_AFTER_MAX: u64 = 3600;

/// A connection that failed.
pub fn transport(fault: &UpstreamFault) -> Fault {
    let code = if fault.timed_out() { Code::ProviderTimeout } else { Code::ProviderError };
    Fault::upstream(code, format!("the provider failed: {fault}"))
}

/// A connection that failed before the answer began.
pub fn of_transport(fault: &UpstreamFault) -> Miss {
    Miss::Lost(transport(fault))
}

/// A status other than 200.
pub fn of_status(status: u16, body: &[u8], retry_after_s: Option<u64>) -> Miss {
    let told = upstream_message(body, MESSAGE_BYTES_MAX);
    if matches!(status, 400 | 413 | 422) {
        let message = told.unwrap_or_else(|| format!("the provider answered {status}"));
        let fault = Fault::passed_on(status, message);
        return Miss::Failed { fault, try_next: false, blame: Blame::Nobody };
    }
    let because = told
        .filter(|_| !matches!(status, 401 | 403))
        .map_or_else(String::new, |told| format!(": {told}"));
    let fault = match status {
        429 | 529 => {
            let message = format!("the provider has no capacity now ({status}){because}");
            let mut fault = Fault::upstream(Code::ProviderOverloaded, message);
            fault.retry_after_s = retry_after_s.or(fault.retry_after_s);
            fault
        }
        401 | 403 => {
            let message = format!("the provider refused the gateway's own key ({status})");
            Fault::upstream(Code::ProviderError, message)
        }
        504 => {
            let message = format!("the provider timed out ({status}){because}");
            Fault::upstream(Code::ProviderTimeout, message)
        }
        _ => {
            let message = format!("the provider failed ({status}){because}");
            Fault::upstream(Code::ProviderError, message)
        }
    };
    let blame = match status {
        401..=403 => Blame::Key(None),
        429 => Blame::Key(retry_after_s.map(|seconds| seconds.saturating_mul(1000))),
        _ => Blame::Endpoint,
    };
    Miss::Failed { fault, try_next: true, blame }
}

/// An answer with status 200 that says it is an error.
pub fn error_in_answer(json: &[u8]) -> Fault {
    let told = upstream_message(json, MESSAGE_BYTES_MAX);
    let message = told.map_or_else(
        || "the provider failed without a reason".to_owned(),
        |told| format!("the provider failed: {told}"),
    );
    Fault::upstream(Code::ProviderError, message)
}

/// As [`error_in_answer`], where the answer begins so.
pub fn of_error_in_answer(json: &[u8]) -> Miss {
    Miss::Failed { fault: error_in_answer(json), try_next: true, blame: Blame::Endpoint }
}

/// What the client would be told if no candidate were tried at all.
pub fn nothing_tried() -> Fault {
    Fault::new(Code::TierUnavailable, "no endpoint of the model could be tried")
}

/// A `Retry-After` in seconds; its other form, a date, is not used by any provider.
pub fn seconds(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    let seconds: u64 = text.trim().split('.').next()?.parse().ok()?;
    Some(seconds.clamp(1, RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16) -> (u16, &'static str, bool) {
        match of_status(status, br#"{"error":{"message":"why"}}"#, Some(7)) {
            Miss::Failed { fault, try_next, .. } => (fault.status(), fault.code.name(), try_next),
            Miss::Lost(_) | Miss::ClientGone => (0, "", false),
        }
    }

    #[test]
    fn a_status_becomes_what_the_contract_says() {
        assert_eq!(verdict(400), (400, "invalid_request", false));
        assert_eq!(verdict(422), (422, "invalid_request", false));
        for ours in [401, 402, 403, 404, 500, 502] {
            assert_eq!(verdict(ours), (502, "provider_error", true), "{ours}");
        }
        assert_eq!(verdict(429), (503, "provider_overloaded", true));
        assert_eq!(verdict(529), (503, "provider_overloaded", true));
        assert_eq!(verdict(504), (504, "provider_timeout", true));
    }

    #[test]
    fn a_refusal_is_the_keys_and_a_failure_the_endpoints() {
        let blame = |status| match of_status(status, b"", Some(7)) {
            Miss::Failed { blame, .. } => Some(blame),
            Miss::Lost(_) | Miss::ClientGone => None,
        };
        assert_eq!(blame(400), Some(Blame::Nobody));
        assert_eq!(blame(429), Some(Blame::Key(Some(7000))));
        assert_eq!([401, 402, 403].map(blame), [Some(Blame::Key(None)); 3]);
        assert_eq!([404, 500, 503, 529].map(blame), [Some(Blame::Endpoint); 4]);
    }

    #[test]
    fn a_pause_is_bounded() {
        assert_eq!(seconds(b"2"), Some(2));
        assert_eq!(seconds(b"0.5"), Some(1));
        assert_eq!(seconds(b"999999"), Some(RETRY_AFTER_MAX));
        assert_eq!(seconds(b"Wed, 21 Oct"), None);
    }
}
