//! Stepping over JSON values: the innermost loops of the scanner.
//!
//! Short strings are searched sixteen bytes at a time in a register, as a call would cost more than
//! the search; after 32 bytes a string is long, and the search by calls takes over.

use memchr::memchr2;
use wide::u8x16;

use super::{JsonFault, ValueKind, is_space};

/// Pieces searched in a register before the search by calls.
const SHORT_PIECES: usize = 2;

/// The first offset from `at` on that is not white space.
#[inline(always)]
pub(crate) fn skip_space(buf: &[u8], mut at: usize) -> usize {
    while let Some(byte) = buf.get(at) {
        if !is_space(*byte) {
            break;
        }
        at += 1;
    }
    at
}

/// The offset of the closing quote of the string whose content begins at `at`.
#[inline(always)]
pub(crate) fn string_end(buf: &[u8], mut at: usize) -> Result<usize, JsonFault> {
    for _ in 0..SHORT_PIECES {
        let Some(piece) = buf.get(at..).and_then(|rest| rest.first_chunk::<16>()) else { break };
        let piece = u8x16::new(*piece);
        let quotes = piece.simd_eq(u8x16::splat(b'"')).to_bitmask();
        let escapes = piece.simd_eq(u8x16::splat(b'\\')).to_bitmask();
        if quotes | escapes == 0 {
            at += 16;
            continue;
        }
        let first = (quotes | escapes).trailing_zeros();
        if quotes >> first & 1 == 1 {
            return Ok(at + first as usize);
        }
        at += first as usize + 2;
    }
    long_string_end(buf, at)
}

/// The same, for a string that went on for a while, has many escapes, or ends near the text's end.
#[inline(never)]
fn long_string_end(buf: &[u8], mut at: usize) -> Result<usize, JsonFault> {
    while let Some(found) = memchr2(b'"', b'\\', buf.get(at..).unwrap_or_default()) {
        if buf[at + found] == b'"' {
            return Ok(at + found);
        }
        at += found + 2;
    }
    Err(JsonFault::Truncated)
}

/// The bytes at the front up to the first quote, backslash or control character: all that a string
/// holds if its closing quote comes next.
#[inline]
pub fn plain_text(bytes: &[u8]) -> &[u8] {
    &bytes[..plain_end(bytes, 0)]
}

/// The offset of the first quote, backslash or control character from `at` on, or of the end.
#[inline(always)]
pub(crate) fn plain_end(buf: &[u8], mut at: usize) -> usize {
    while let Some(piece) = buf.get(at..).and_then(|rest| rest.first_chunk::<16>()) {
        let piece = u8x16::new(*piece);
        let quotes = piece.simd_eq(u8x16::splat(b'"'));
        let escapes = piece.simd_eq(u8x16::splat(b'\\'));
        let controls = piece.min(u8x16::splat(0x1f)).simd_eq(piece);
        let hits = (quotes | escapes | controls).to_bitmask();
        if hits != 0 {
            return at + hits.trailing_zeros() as usize;
        }
        at += 16;
    }
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | ..b' ');
    let rest = buf.get(at..).unwrap_or_default();
    rest.iter().position(ends).map_or(buf.len(), |found| at + found)
}

/// The end and the kind of the value that begins at `at`.
#[inline(always)]
pub(super) fn scan_value(buf: &[u8], at: usize) -> Result<(usize, ValueKind), JsonFault> {
    match buf.get(at) {
        Some(b'"') => Ok((string_end(buf, at + 1)? + 1, ValueKind::String)),
        Some(b'{') => Ok((container_end(buf, at)?, ValueKind::Object)),
        Some(b'[') => Ok((container_end(buf, at)?, ValueKind::Array)),
        Some(b'-' | b'0'..=b'9') => Ok((number_end(buf, at)?, ValueKind::Number)),
        Some(b't') => literal(buf, at, b"true", ValueKind::True),
        Some(b'f') => literal(buf, at, b"false", ValueKind::False),
        Some(b'n') => literal(buf, at, b"null", ValueKind::Null),
        _ => Err(JsonFault::at(buf, at)),
    }
}

/// The end of the object or array that begins at `at`.
///
/// Brackets are counted together: `{]` passes for empty here.
fn container_end(buf: &[u8], at: usize) -> Result<usize, JsonFault> {
    let mut at = at;
    let mut open = 0;
    while let Some(byte) = buf.get(at) {
        at += 1;
        match CLASS[*byte as usize] {
            PLAIN => {}
            COMMA => at = skip_plain(buf, at),
            QUOTE => at = string_end(buf, at)? + 1,
            OPEN => open += 1,
            _ if open == 1 => return Ok(at),
            _ => open -= 1,
        }
    }
    Err(JsonFault::Truncated)
}

const PLAIN: u8 = 0;
const COMMA: u8 = 1;
const QUOTE: u8 = 2;
const OPEN: u8 = 3;
const CLOSE: u8 = 4;

/// What a byte outside strings means to one who counts brackets.
static CLASS: [u8; 256] = {
    let mut class = [PLAIN; 256];
    class[b',' as usize] = COMMA;
    class[b'"' as usize] = QUOTE;
    class[b'{' as usize] = OPEN;
    class[b'[' as usize] = OPEN;
    class[b'}' as usize] = CLOSE;
    class[b']' as usize] = CLOSE;
    class
};

/// Behind a comma: skips eight bytes at a time while they are numbers, commas or white space, which
/// a list of token numbers is made of.
#[inline(always)]
fn skip_plain(buf: &[u8], mut at: usize) -> usize {
    if matches!(buf.get(at), Some(b'"' | b'{' | b'[')) {
        return at;
    }
    while let Some(word) = buf.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*word);
        // With the bits of 0x26 set, all four brackets are 0x7f, and so are `Y`, `y`, `_` and DEL.
        let brackets = zero_bytes((word | repeat(0x26)) ^ repeat(0x7f));
        if brackets | zero_bytes(word ^ repeat(b'"')) != 0 {
            break;
        }
        at += 8;
    }
    at
}

#[inline(always)]
fn literal(
    buf: &[u8],
    at: usize,
    word: &[u8],
    kind: ValueKind,
) -> Result<(usize, ValueKind), JsonFault> {
    let end = at + word.len();
    match buf.get(at..end) {
        Some(seen) if seen == word => Ok((end, kind)),
        Some(_) => Err(JsonFault::at(buf, at)),
        None => Err(JsonFault::Truncated),
    }
}

/// The end of the number at `at`: `-? int frac? exp?` of RFC 8259 6.
pub(crate) fn number_end(buf: &[u8], at: usize) -> Result<usize, JsonFault> {
    let mut at = if buf.get(at) == Some(&b'-') { at + 1 } else { at };
    at = match buf.get(at) {
        Some(b'0') => at + 1,
        _ => digits(buf, at)?,
    };
    if buf.get(at) == Some(&b'.') {
        at = digits(buf, at + 1)?;
    }
    if matches!(buf.get(at), Some(b'e' | b'E')) {
        at += 1;
        if matches!(buf.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        at = digits(buf, at)?;
    }
    Ok(at)
}

/// The end of one or more digits.
fn digits(buf: &[u8], start: usize) -> Result<usize, JsonFault> {
    let mut at = start;
    while matches!(buf.get(at), Some(b'0'..=b'9')) {
        at += 1;
    }
    if at == start { Err(JsonFault::at(buf, at)) } else { Ok(at) }
}

/// The byte in all eight places of a word.
pub(crate) const fn repeat(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The high bit of each byte that is zero. A byte above the first zero may be marked wrongly, so
/// only the lowest mark may be used.
#[inline(always)]
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(repeat(1)) & !word & repeat(0x80)
}
