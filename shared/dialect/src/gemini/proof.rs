//! Proofs of thoughts as clients of this dialect keep them: `thoughtSignature` is base64, so a
//! marked proof stands there encoded, and one of Google's own as it came.
//!
//! Source: Gemini API, "Thought signatures".

use std::borrow::Cow;

use catalog::Dialect;

use crate::signature;

/// What stands for a proof that there never was; Google documents it for calls that another model
/// made.
pub(super) const NO_PROOF: &str = "skip_thought_signature_validator";
/// The other value of the same meaning.
const NO_PROOF_EITHER: &str = "context_engineering_is_the_way_to_go";
/// What a thought that only its maker can read begins with.
const REDACTED: &str = "redacted:";

/// A proof that a client sends back, marked.
#[derive(Debug, PartialEq)]
pub(super) enum Proof {
    /// Of a thought that may be shown.
    Signature(String),
    /// A thought that only its maker can read.
    Redacted(String),
}

/// Reads what a client sends back; `None` where it proves nothing.
pub(super) fn read(told: &str) -> Option<Proof> {
    if [NO_PROOF, NO_PROOF_EITHER, ""].contains(&told) {
        return None;
    }
    let Some(plain) = signature::from_base64(told) else {
        return Some(Proof::Signature(signature::marked(Dialect::Gemini, told)));
    };
    if let Some(marked) = plain.strip_prefix(REDACTED) {
        return Some(Proof::Redacted(marked.to_owned()));
    }
    Some(Proof::Signature(match signature::from_client(Dialect::Gemini, Cow::Borrowed(&plain)) {
        Cow::Borrowed(_) => plain,
        Cow::Owned(_) => signature::marked(Dialect::Gemini, told),
    }))
}

/// A marked proof as a client of this dialect is told it.
pub(super) fn written(marked: &str) -> String {
    signature::to_base64(marked)
}

/// A thought that only its maker can read, as a client of this dialect is told it.
pub(super) fn written_redacted(marked: &str) -> String {
    signature::to_base64(&[REDACTED, marked].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_read_again_in_either_alphabet() {
        for marked in ["tg-a.Ab+/=", "tg-g.x", "tg-o.", "tg-a.\u{ff}\u{3ff}?>"] {
            let told = written(marked);
            assert_eq!(read(&told), Some(Proof::Signature(marked.to_owned())));
            let in_urls = told.replace('+', "-").replace('/', "_");
            assert_eq!(read(&in_urls), Some(Proof::Signature(marked.to_owned())));
            let redacted = Some(Proof::Redacted(marked.to_owned()));
            assert_eq!(read(&written_redacted(marked)), redacted);
        }
    }

    #[test]
    fn googles_own_proof_is_marked_and_its_stand_in_is_none() {
        for own in ["CiQB0e2Kb/+x==", "AAAA", "no base64 at all"] {
            assert_eq!(read(own), Some(Proof::Signature(format!("tg-g.{own}"))));
        }
        assert_eq!((read(NO_PROOF), read("")), (None, None));
    }
}
