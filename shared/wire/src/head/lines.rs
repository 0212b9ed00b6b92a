//! What the tokeniser lets pass of a head's lines, and must not.
//!
//! It accepts a bare LF as a line's end and skips blank lines in front. Recipients differ in both,
//! so neither passes: every line ends in CR LF, and the first byte belongs to the first line. Lone
//! CRs, folded lines (RFC 9112 5.2) and control bytes it refuses itself.

use super::{HeadFault, place};

/// Checks the line ends of a head that was tokenised: one stands before each field's name and one
/// before the blank line, and there are no others.
pub(super) fn check_ends(head: &[u8], headers: &[httparse::Header<'_>]) -> Result<(), HeadFault> {
    let ended = |line: usize| head[..line].ends_with(b"\r\n");
    let names = headers.iter().map(|header| place(head, header.name.as_bytes()));
    let all = head.ends_with(b"\r\n\r\n") && { names }.all(|name| ended(name.start as usize));
    if all { Ok(()) } else { Err(HeadFault::LineEnd) }
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
