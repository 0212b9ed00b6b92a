//! API keys: how one is made, checked at a glance, and shown again.
//!
//! A key is `prefix + 43 + 6` characters: 32 random bytes in base 62, then the CRC-32 of all that
//! stands before it, so that a mistyped key is refused without a look-up and a secret scanner can
//! tell a real one. Invariants: the text exists once, in the answer to the call that made it; what
//! is kept is its SHA-256 and a label of prefix and last four characters.

use std::fmt;

use sha2::{Digest, Sha256};
use units::KeyDigest;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Base-62 digits of 32 bytes.
const SECRET_DIGITS: usize = 43;
/// Base-62 digits of a CRC-32.
const CHECK_DIGITS: usize = 6;

/// A key just made. Its text is told once and not kept.
pub(crate) struct Minted {
    /// What the customer is given.
    pub(crate) text: String,
    /// What is stored and looked up.
    pub(crate) digest: KeyDigest,
    /// What lists show.
    pub(crate) label: String,
}

impl fmt::Debug for Minted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Minted({})", self.label)
    }
}

/// Makes a key from the system's randomness.
pub(crate) fn mint(prefix: &str) -> Result<Minted, getrandom::Error> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    Ok(minted(prefix, secret))
}

/// The digest of a key's text.
pub(crate) fn digest(text: &str) -> KeyDigest {
    KeyDigest(Sha256::digest(text.as_bytes()).into())
}

/// Whether the text ends in the checksum of what stands before it.
pub(crate) fn is_well_formed(text: &str) -> bool {
    let Some(at) = text.len().checked_sub(CHECK_DIGITS) else { return false };
    text.is_ascii() && text.len() > SECRET_DIGITS && text[at..] == check_digits(&text[..at])
}

fn minted(prefix: &str, secret: [u8; 32]) -> Minted {
    let mut text = format!("{prefix}{}", base62(secret, SECRET_DIGITS));
    let check = check_digits(&text);
    text.push_str(&check);
    let label = format!("{prefix}…{}", &text[text.len() - 4..]);
    Minted { digest: digest(&text), label, text }
}

fn check_digits(text: &str) -> String {
    let mut number = [0; 32];
    number[28..].copy_from_slice(&crc32(text.as_bytes()).to_be_bytes());
    base62(number, CHECK_DIGITS)
}

/// A big-endian number in base 62, padded to `digits`; what does not fit is cut off in front.
fn base62(mut number: [u8; 32], digits: usize) -> String {
    let mut reversed = Vec::with_capacity(digits);
    for _ in 0..digits {
        let mut rest: u32 = 0;
        for byte in &mut number {
            let value = rest << 8 | u32::from(*byte);
            *byte = (value / 62) as u8;
            rest = value % 62;
        }
        reversed.push(ALPHABET[rest as usize]);
    }
    reversed.into_iter().rev().map(char::from).collect()
}

/// CRC-32 as in IEEE 802.3 (reflected, polynomial 0x04C11DB7).
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_usual_crc_32() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_key_has_its_parts_and_no_two_are_equal() {
        let (one, two) = (mint("sk-tg-").unwrap(), mint("sk-tg-").unwrap());
        assert_eq!(one.text.len(), "sk-tg-".len() + SECRET_DIGITS + CHECK_DIGITS);
        assert_ne!(one.text, two.text);
        assert_eq!(digest(&one.text), one.digest);
        assert!(is_well_formed(&one.text));
        assert!(!format!("{one:?}").contains(&one.text[6..30]));
    }

    #[test]
    fn a_mistyped_key_is_seen_at_a_glance() {
        let key = minted("sk-tg-", [7; 32]).text;
        for at in 0..key.len() {
            let mut other = key.clone().into_bytes();
            other[at] = if other[at] == b'x' { b'y' } else { b'x' };
            assert!(!is_well_formed(&String::from_utf8(other).unwrap()), "at {at}");
        }
        assert!(!is_well_formed("") && !is_well_formed("é"));
    }
}
