//! The pre-scan of a head: where it ends, and whether its lines end as they must.
//!
//! The tokeniser accepts a bare LF as a line's end and skips blank lines in front. Recipients
//! differ in both, so neither passes: every LF has its CR, no line begins with white space (an
//! obsolete fold, RFC 9112 5.2), and the first byte belongs to the first line. CRs without an LF
//! and other control bytes are left to the tokeniser, which refuses them.

use memchr::memchr_iter;

use super::HeadFault;

/// The head's length with its blank line, or `None` while the blank line is not there.
///
/// # Errors
/// A bad line end, a folded line, or no blank line within `limit` bytes.
pub(super) fn head_len(buf: &[u8], limit: usize) -> Result<Option<usize>, HeadFault> {
    let window = &buf[..buf.len().min(limit)];
    let mut line = 0;
    for lf in memchr_iter(b'\n', window) {
        if lf == line || window[lf - 1] != b'\r' {
            return Err(HeadFault::LineEnd);
        }
        let blank = lf == line + 1;
        line = lf + 1;
        if blank {
            return Ok(Some(line));
        }
        if matches!(window.get(line), Some(b' ' | b'\t')) {
            return Err(HeadFault::Fold);
        }
    }
    if buf.len() < limit { Ok(None) } else { Err(HeadFault::TooLong) }
}

/// Refuses bytes that cannot begin a request line, such as a TLS handshake or a blank line.
pub(super) fn begins_a_request(buf: &[u8]) -> Result<(), HeadFault> {
    match buf.first() {
        Some(byte) if !is_token_byte(*byte) => Err(HeadFault::RequestLine),
        _ => Ok(()),
    }
}

/// Refuses bytes that cannot begin a status line.
pub(super) fn begins_a_response(buf: &[u8]) -> Result<(), HeadFault> {
    let expected = b"HTTP/";
    let seen = buf.len().min(expected.len());
    if buf[..seen] == expected[..seen] { Ok(()) } else { Err(HeadFault::StatusLine) }
}

/// Whether a byte may stand in a token (RFC 9110 5.6.2).
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    matches!(byte,
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\''
        | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
}
