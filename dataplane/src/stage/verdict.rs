//! What a provider's failure means: for the client, and for the next candidate. Pure.
//!
//! Invariants: what the client did wrong is passed on with its status and is not tried elsewhere;
//! a refusal of our own key is never the client's fault; whose fault it was is always said.

use dialect::{RequestFault, upstream_message};

use crate::fault::{Code, Fault};
use crate::health::part::{Failure, Part};
use crate::stage::attempt::{Blame, Miss};
use crate::upstream::fault::{Phase, UpstreamFault};

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
    let part = match fault.phase {
        Phase::Connect | Phase::Tls => Part::Connect,
        Phase::Write | Phase::FirstByte | Phase::Head => Part::Begin,
        Phase::Body => Part::Finish,
    };
    let is_overload = fault.timed_out() && part == Part::Begin;
    Miss::Lost(transport(fault), Failure { is_overload, ..Failure::at(part) })
}

/// A request that an endpoint cannot be asked for: another one may do.
pub fn of_request(fault: RequestFault) -> Miss {
    let fault = Fault::from(fault);
    let answered = fault.status();
    Miss::Failed { fault, try_next: true, blame: Blame::Nobody, answered }
}

/// A status other than 200.
pub fn of_status(status: u16, body: &[u8], retry_after_s: Option<u64>) -> Miss {
    let told = upstream_message(body, MESSAGE_BYTES_MAX);
    if matches!(status, 400 | 413 | 422) {
        let message = told.unwrap_or_else(|| format!("the provider answered {status}"));
        let fault = Fault::passed_on(status, message);
        let (try_next, blame) = (false, Blame::Nobody);
        return Miss::Failed { fault, try_next, blame, answered: status };
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
    Miss::Failed { fault, try_next: true, blame: blame(status, retry_after_s), answered: status }
}

/// Whose illness a status shows.
fn blame(status: u16, retry_after_s: Option<u64>) -> Blame {
    let pause_ms = retry_after_s.map(|seconds| seconds.saturating_mul(1000));
    match status {
        401..=403 => Blame::Key { rest_ms: None, is_spent: false },
        429 => Blame::Key { rest_ms: pause_ms, is_spent: true },
        _ => {
            let is_overload = matches!(status, 503 | 504 | 529);
            Blame::Endpoint(Failure { part: Part::Begin, is_overload, pause_ms })
        }
    }
}

/// A failure of a request on a customer's own key: what the provider does not let that key do is
/// the key's illness, and no shared key's.
pub fn of_own_key(miss: Miss) -> Miss {
    match miss {
        Miss::Failed { mut fault, try_next, answered: answered @ 401..=404, .. } => {
            fault.refusal.message = format!(
                "the provider refused your own key ({answered}): change it, or switch it off, \
                 under /api/v1/byok"
            );
            let blame = Blame::Key { rest_ms: None, is_spent: false };
            Miss::Failed { fault, try_next, answered, blame }
        }
        miss => miss,
    }
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
    Miss::of_answer(error_in_answer(json))
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
    use crate::upstream::fault::{Cause, Reached};

    fn verdict(status: u16) -> (u16, &'static str, bool) {
        match of_status(status, br#"{"error":{"message":"why"}}"#, Some(7)) {
            Miss::Failed { fault, try_next, .. } => (fault.status(), fault.code.name(), try_next),
            Miss::Lost(..) | Miss::ClientGone => (0, "", false),
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
            Miss::Failed { blame, answered, .. } => Some((blame, answered)),
            Miss::Lost(..) | Miss::ClientGone => None,
        };
        assert_eq!(blame(400), Some((Blame::Nobody, 400)));
        let spent = Blame::Key { rest_ms: Some(7000), is_spent: true };
        assert_eq!(blame(429), Some((spent, 429)));
        for status in [401, 402, 403] {
            let refused = Blame::Key { rest_ms: None, is_spent: false };
            assert_eq!(blame(status), Some((refused, status)));
        }
        for (status, is_overload) in [(404, false), (500, false), (503, true), (529, true)] {
            let failure = Failure { part: Part::Begin, is_overload, pause_ms: Some(7000) };
            assert_eq!(blame(status), Some((Blame::Endpoint(failure), status)));
        }
    }

    #[test]
    fn a_lost_connection_failed_at_the_part_it_had_come_to() {
        let lost = |phase, cause| {
            let fault = UpstreamFault { phase, cause, reached: Reached::Nothing };
            match of_transport(&fault) {
                Miss::Lost(_, failure) => Some((failure.part, failure.is_overload)),
                Miss::Failed { .. } | Miss::ClientGone => None,
            }
        };
        for (phase, part) in [
            (Phase::Connect, Part::Connect),
            (Phase::Tls, Part::Connect),
            (Phase::Write, Part::Begin),
            (Phase::Head, Part::Begin),
            (Phase::Body, Part::Finish),
        ] {
            assert_eq!(lost(phase, Cause::Closed), Some((part, false)));
        }
        assert_eq!(lost(Phase::FirstByte, Cause::TimedOut), Some((Part::Begin, true)));
        assert_eq!(lost(Phase::Body, Cause::TimedOut), Some((Part::Finish, false)));
    }

    #[test]
    fn what_an_own_key_may_not_do_is_its_own_illness() {
        let told = |status| match of_own_key(of_status(status, b"", Some(7))) {
            Miss::Failed { fault, blame, .. } => (blame, fault.refusal.message),
            Miss::Lost(..) | Miss::ClientGone => (Blame::Nobody, String::new()),
        };
        for status in [401, 402, 403, 404] {
            let (blame, message) = told(status);
            assert!(matches!(blame, Blame::Key { rest_ms: None, is_spent: false }), "{status}");
            assert!(message.contains("your own key"), "{message}");
        }
        assert!(matches!(told(429).0, Blame::Key { rest_ms: Some(7000), .. }));
        assert!(told(400).0 == Blame::Nobody && matches!(told(500).0, Blame::Endpoint(_)));
    }

    #[test]
    fn a_pause_is_bounded() {
        assert_eq!(seconds(b"2"), Some(2));
        assert_eq!(seconds(b"0.5"), Some(1));
        assert_eq!(seconds(b"999999"), Some(RETRY_AFTER_MAX));
        assert_eq!(seconds(b"Wed, 21 Oct"), None);
    }
}
