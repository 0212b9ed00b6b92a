//! Numbers for sessions and conversations, by which requests that belong together are known.
//!
//! Invariants: the same on every machine; a number costs a bounded time, whatever is sent. Two
//! texts may have one number: then they share a choice, and nothing else.

/// Longest name of a session.
pub(crate) const SESSION_BYTES_MAX: usize = 256;
/// So much of a message is looked at, beside its length.
const OPENING_BYTES: usize = 512;
/// Knuth's multiplier for 64 bits.
const STEP: u64 = 0x5851_f42d_4c95_7f2d;

/// The number of a text.
pub fn hash(text: &[u8]) -> u64 {
    let (words, rest) = text.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let words = words.iter().chain([&last]).map(|word| u64::from_le_bytes(*word));
    words.fold(text.len() as u64, |hash, word| mix(hash ^ word))
}

/// The number of a session that a header names; `None` where it names none, or too long a one.
pub fn session(name: &[u8]) -> Option<u64> {
    (1..=SESSION_BYTES_MAX).contains(&name.len()).then(|| hash(name))
}

/// The number of a conversation with one more of the messages that open it: its instructions, and
/// the first message behind them. Later turns repeat them and add others.
pub(crate) fn conversation(before: u64, message: &[u8]) -> u64 {
    let opening = &message[..message.len().min(OPENING_BYTES)];
    mix(before ^ opening_hash(opening) ^ (message.len() as u64).rotate_left(32))
}

/// The number of a longer text: four side by side, as each step of one waits for the step before.
fn opening_hash(text: &[u8]) -> u64 {
    let (blocks, rest) = text.as_chunks::<32>();
    let mut lanes = [1, 2, 3, 4];
    for block in blocks {
        for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
            *lane = mix(*lane ^ u64::from_le_bytes(*word));
        }
    }
    lanes.into_iter().fold(hash(rest), |hash, lane| mix(hash ^ lane))
}

/// Whether a message of this role, a JSON string, comes before what the user says.
pub(crate) fn is_instruction(role: &[u8]) -> bool {
    matches!(role, b"\"system\"" | b"\"developer\"")
}

const fn mix(word: u64) -> u64 {
    let word = word.wrapping_mul(STEP);
    word ^ word >> 29
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_differ_have_other_numbers() {
        let texts: [&[u8]; 8] =
            [b"", b"\0", b"a", b"b", b"abcdefgh", b"abcdefgh\0", b"abcdefghi", b"babcdefgh"];
        let mut numbers: Vec<u64> = texts.iter().map(|text| hash(text)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), texts.len());
        assert_eq!(session(b""), None);
        assert_eq!(
            (session(&[b'x'; 256]), session(&[b'x'; 257])),
            (Some(hash(&[b'x'; 256])), None)
        );
    }

    #[test]
    fn a_long_message_is_known_by_its_beginning_and_its_length() {
        let mut long = vec![b'x'; 100_000];
        let one = conversation(0, &long);
        long[99_999] = b'y';
        assert_eq!(conversation(0, &long), one);
        long.push(b'y');
        assert_ne!(conversation(0, &long), one);
        assert_ne!(conversation(1, b"a"), conversation(0, b"a"));
    }

    #[test]
    fn an_opening_is_known_by_each_of_its_bytes_and_their_order() {
        let text: Vec<u8> = (0..=255).chain(0..=99).collect();
        let mut numbers = vec![opening_hash(&text), opening_hash(&text[..352])];
        for at in 0..text.len() {
            let mut other = text.clone();
            other[at] ^= 0x40;
            numbers.push(opening_hash(&other));
        }
        for at in 0..text.len() / 8 - 1 {
            let mut other = text.clone();
            other[at * 8..at * 8 + 16].rotate_left(8);
            numbers.push(opening_hash(&other));
        }
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
    }
}
