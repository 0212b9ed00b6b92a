//! The values of strings and of whole numbers.

use std::borrow::Cow;

use super::JsonFault;
use crate::span::Span;

/// Whole numbers from here on are not exact for every reader of JSON (RFC 8259 6).
const EXACT_MAX: u64 = 1 << 53;

/// The text of a string, given what stands between its quotes; borrowed if it has no escapes.
///
/// Half of a surrogate pair that stands alone becomes U+FFFD: no UTF-8 text can hold it.
///
/// # Errors
/// A malformed escape, or bytes that are not UTF-8.
pub fn unescape(buf: &[u8], string_content: Span) -> Result<Cow<'_, str>, JsonFault> {
    let raw = string_content.of(buf);
    let text = std::str::from_utf8(raw).map_err(|_| JsonFault::NotUtf8)?;
    let Some(first) = memchr::memchr(b'\\', raw) else {
        return Ok(Cow::Borrowed(text));
    };
    let mut decoded = String::with_capacity(raw.len());
    let (plain, mut rest) = text.split_at(first);
    decoded.push_str(plain);
    while let Some(escape) = rest.strip_prefix('\\') {
        let (character, after) = decode(escape).ok_or(JsonFault::Escape)?;
        decoded.push(character);
        let (plain, escapes) = after.split_at(after.find('\\').unwrap_or(after.len()));
        decoded.push_str(plain);
        rest = escapes;
    }
    Ok(Cow::Owned(decoded))
}

/// The character of the escape behind a backslash, and what follows it.
fn decode(escape: &str) -> Option<(char, &str)> {
    let mut after = escape.chars();
    let character = match after.next()? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        'f' => '\u{c}',
        same @ ('"' | '\\' | '/') => same,
        'u' => return decode_unit(after.as_str()),
        _ => return None,
    };
    Some((character, after.as_str()))
}

/// The character of one or two `\uXXXX` escapes, the first without its `\u`.
fn decode_unit(escape: &str) -> Option<(char, &str)> {
    let (high, after) = hex4(escape)?;
    if !(0xd800..0xdc00).contains(&high) {
        return Some((char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), after));
    }
    if let Some((low @ 0xdc00..0xe000, after)) = after.strip_prefix("\\u").and_then(hex4) {
        let point = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        return Some((char::from_u32(point)?, after));
    }
    Some((char::REPLACEMENT_CHARACTER, after))
}

fn hex4(text: &str) -> Option<(u32, &str)> {
    let (digits, after) = text.split_at_checked(4)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some((u32::from_str_radix(digits, 16).ok()?, after))
}

/// A non-negative whole number: plain digits up to the largest `u64`, or any other JSON spelling
/// of one (`12.0`, `1e3`) below 2^53.
pub fn u64_value(bytes: &[u8]) -> Option<u64> {
    if !bytes.is_empty() && bytes.len() < 20 && bytes.iter().all(u8::is_ascii_digit) {
        let canonical = bytes.len() == 1 || bytes[0] != b'0';
        let value = bytes.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        return canonical.then_some(value);
    }
    let text = std::str::from_utf8(bytes).ok()?;
    let (end, _) = super::scan::scan_value(bytes, 0).ok()?;
    if end != bytes.len() || !bytes.first()?.is_ascii_digit() {
        return None;
    }
    if bytes.iter().all(u8::is_ascii_digit) {
        return text.parse().ok();
    }
    scaled(text).filter(|value| *value < EXACT_MAX)
}

/// The value of a number with a fraction or an exponent, if it is whole.
fn scaled(text: &str) -> Option<u64> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let significant =
        (whole.len() + fraction.len() <= 400).then(|| format!("{whole}{fraction}"))?;
    let significant = significant.trim_start_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let digits = significant.trim_end_matches('0');
    let zeros = i64::try_from(significant.len() - digits.len()).ok()?;
    let shift = exponent.parse::<i64>().ok()?.checked_add(zeros)?;
    let shift = shift.checked_sub(i64::try_from(fraction.len()).ok()?)?;
    let scale = 10_u64.checked_pow(u32::try_from(shift).ok()?)?;
    digits.parse::<u64>().ok()?.checked_mul(scale)
}
