//! Signatures of what the sandbox thought, and whether one that comes back is its own.
//!
//! A signature is base64 of `sandbox:`, and eight bytes in hexadecimal that follow from what is
//! signed. Any sandbox makes the same, so a conversation may go on at another one. Left out on
//! purpose: secrecy; whoever reads this can forge them.

use crate::base64;
use crate::text::{Dice, seed_of};

/// What a call may carry when its signature was lost, as Google documents it.
const SKIPPED: [&str; 2] =
    ["skip_thought_signature_validator", "context_engineering_is_the_way_to_go"];

/// The signature of thoughts.
pub(crate) fn of_thoughts(thoughts: &str) -> String {
    signed(b"thoughts", thoughts.as_bytes())
}

/// Thoughts that nobody may read, as they are told.
pub(crate) fn sealed(thoughts: &str) -> String {
    let seed = seed_of(thoughts.as_bytes());
    let nonce = base64::encode(format!("{seed:018x}").as_bytes());
    format!("{nonce}{}", signed(b"sealed", nonce.as_bytes()))
}

/// Whether sealed thoughts are ones that the sandbox told.
pub(crate) fn is_sealed(sealed: &str) -> bool {
    const NONCE: usize = 24;
    sealed
        .split_at_checked(NONCE)
        .is_some_and(|(nonce, rest)| rest == signed(b"sealed", nonce.as_bytes()))
}

/// The signature of a part of Gemini's; it says nothing of the part.
pub(crate) fn of_part() -> String {
    signed(b"part", b"")
}

/// Whether a part's signature is the sandbox's, or one that Google lets pass. The alphabet for
/// addresses is what some clients send back.
pub(crate) fn is_of_part(signature: &str) -> bool {
    let plain = signature.trim_end_matches('=').replace('-', "+").replace('_', "/");
    SKIPPED.contains(&signature) || plain == of_part().trim_end_matches('=')
}

fn signed(kind: &[u8], bytes: &[u8]) -> String {
    let key = seed_of(kind) ^ 0x5ad_b0c5;
    let mac = Dice::new(seed_of(bytes) ^ key).roll();
    base64::encode(format!("sandbox:{mac:016x}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_of_its_thoughts_only() {
        assert_eq!(of_thoughts("so"), of_thoughts("so"));
        assert_ne!(of_thoughts("so"), of_thoughts("so "));
        let sealed = sealed("so");
        assert!(is_sealed(&sealed) && !is_sealed(&sealed[1..]) && !is_sealed("\u{e9}"));
        assert!(is_of_part(&of_part()) && is_of_part("skip_thought_signature_validator"));
        assert!(!is_of_part(&of_thoughts("")) && !is_of_part(""));
    }
}
