//! How the sandbox counts tokens: one rule, simple enough to do by hand.
//!
//! A token is as many whole characters as fit into four bytes, and at least one. A prompt costs
//! that count for every text and JSON fragment in it, [`PER_MESSAGE`] for each message and
//! [`PER_REQUEST`] once; images, audio and files cost a constant each.
//! Invariant: a prompt never counts more than its bytes and these constants, so a bound made of
//! bytes and a declared overhead holds. Left out on purpose: any resemblance to a real tokenizer.

/// Tokens that every message costs beyond its text.
pub const PER_MESSAGE: u64 = 4;
/// Tokens that every request costs beyond its messages.
pub const PER_REQUEST: u64 = 3;
/// Tokens of an image part, whatever its size.
pub const IMAGE: u64 = 256;
/// Tokens of an audio part.
pub const AUDIO: u64 = 128;
/// Tokens of a file part.
pub const FILE: u64 = 512;

/// Bytes that a token may hold, unless its only character is longer.
const BYTES: usize = 4;

/// How many tokens `text` is.
pub fn count(text: &str) -> u64 {
    if text.is_ascii() {
        return text.len().div_ceil(BYTES) as u64;
    }
    let mut tokens = 0;
    let mut rest = text;
    while !rest.is_empty() {
        rest = &rest[first(rest)..];
        tokens += 1;
    }
    tokens
}

/// The first `tokens` tokens of `text`; all of it when it has fewer.
pub fn take(text: &str, tokens: u64) -> &str {
    let mut end = 0;
    for _ in 0..tokens {
        if end == text.len() {
            break;
        }
        end += first(&text[end..]);
    }
    &text[..end]
}

/// Bytes of the first token of a text that is not empty. A character has at most four bytes, so
/// there is always a boundary within the first four.
fn first(text: &str) -> usize {
    let most = text.len().min(BYTES);
    (1..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_bytes_are_a_token() {
        assert_eq!((count(""), count("a"), count("four"), count("fives")), (0, 1, 1, 2));
    }

    #[test]
    fn characters_are_never_split() {
        let text = "na\u{ef}ve \u{6771}\u{4eac} \u{1f642}!";
        let mut rest = text;
        for left in (0..count(text)).rev() {
            let piece = take(rest, 1);
            assert!(!piece.is_empty() && piece.len() <= 4);
            rest = &rest[piece.len()..];
            assert_eq!(count(rest), left);
        }
        assert_eq!(rest, "");
    }

    #[test]
    fn taking_more_than_there_is_takes_all() {
        assert_eq!(take("abcdef", 1), "abcd");
        assert_eq!(take("abcdef", 9), "abcdef");
    }
}
