//! A scanner over JSON texts that answers where things stand, not what they mean (RFC 8259).
//!
//! Purpose: one pass over the members of an object, or the items of an array, that steps over
//! nested values without looking into them. It is run over every chunk of every stream, so it
//! allocates nothing and reads long strings a vector at a time.
//! Invariants: of a valid text every member is found, with its exact bytes; of any other text the
//! scanner gives members and then a fault, or members only, but never panics, recurses or loops.
//! Left out on purpose: validation of what is stepped over (brackets are counted, not matched;
//! control bytes and bad UTF-8 in strings pass), duplicates and depth. Requests from outside go
//! through [`crate::gate`], which checks all of it.

mod scan;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;

use crate::span::Span;
use scan::scan_value;
pub(crate) use scan::{skip_space, string_end};
pub use text::{u64_value, unescape};

/// The kind of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`; the value's span includes the quotes.
    String,
    /// A number.
    Number,
    /// `true`
    True,
    /// `false`
    False,
    /// `null`
    Null,
}

/// One member of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The key between its quotes, escapes as they were written.
    pub key: Span,
    /// The value, with its quotes or brackets, without white space around it.
    pub value: Span,
    /// The value's kind.
    pub kind: ValueKind,
}

impl Member {
    /// Whether the key is `name`, however it was spelled.
    pub fn is(&self, buf: &[u8], name: &str) -> bool {
        let raw = self.key.of(buf);
        if memchr::memchr(b'\\', raw).is_none() {
            return raw == name.as_bytes();
        }
        unescape(buf, self.key).is_ok_and(|key| key == name)
    }

    /// What stands between a string's quotes, to be given to [`unescape`]; the value otherwise.
    pub fn content(&self) -> Span {
        content(self.value, self.kind)
    }
}

/// What stands between a string's quotes; any other value as it is.
pub fn content(value: Span, kind: ValueKind) -> Span {
    match kind {
        ValueKind::String => Span { start: value.start + 1, end: value.end.saturating_sub(1) },
        _ => value,
    }
}

/// The text without the white space around it.
pub fn trimmed(buf: &[u8]) -> Span {
    let start = skip_space(buf, 0);
    Span::new(start, trimmed_end(buf, buf.len()).max(start))
}

/// One past the last byte before `end` that is not white space.
pub(crate) fn trimmed_end(buf: &[u8], end: usize) -> usize {
    let before = buf.get(..end).unwrap_or_default();
    before.iter().rposition(|byte| !is_space(*byte)).map_or(0, |last| last + 1)
}

/// The kind of the value that begins with `byte`.
pub(crate) const fn kind_of(byte: u8) -> ValueKind {
    match byte {
        b'{' => ValueKind::Object,
        b'[' => ValueKind::Array,
        b'"' => ValueKind::String,
        b't' => ValueKind::True,
        b'f' => ValueKind::False,
        b'n' => ValueKind::Null,
        _ => ValueKind::Number,
    }
}

/// The top-level members of the object in `buf`, which may have white space around it.
///
/// The first fault ends the iteration. Bytes behind the object are a fault.
pub fn members(buf: &[u8]) -> Members<'_> {
    Members(Items::new(buf, b'{', b'}'))
}

/// The top-level items of the array in `buf`, which may have white space around it.
///
/// The first fault ends the iteration. Bytes behind the array are a fault.
pub fn elements(buf: &[u8]) -> Elements<'_> {
    Elements(Items::new(buf, b'[', b']'))
}

/// The members of an object, see [`members`].
#[derive(Clone, Debug)]
pub struct Members<'b>(Items<'b>);

/// The items of an array, see [`elements`].
#[derive(Clone, Debug)]
pub struct Elements<'b>(Items<'b>);

impl Iterator for Members<'_> {
    type Item = Result<Member, JsonFault>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_with(|buf, at| {
            if buf.get(at) != Some(&b'"') {
                return Err(JsonFault::at(buf, at));
            }
            let key_end = string_end(buf, at + 1)?;
            let colon = skip_space(buf, key_end + 1);
            if buf.get(colon) != Some(&b':') {
                return Err(JsonFault::at(buf, colon));
            }
            let start = skip_space(buf, colon + 1);
            let (end, kind) = scan_value(buf, start)?;
            let key = Span::new(at + 1, key_end);
            Ok((end, Member { key, value: Span::new(start, end), kind }))
        })
    }
}

impl Iterator for Elements<'_> {
    type Item = Result<(Span, ValueKind), JsonFault>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_with(|buf, at| {
            let (end, kind) = scan_value(buf, at)?;
            Ok((end, (Span::new(at, end), kind)))
        })
    }
}

/// The comma-separated part that objects and arrays have in common.
#[derive(Clone, Debug)]
struct Items<'b> {
    buf: &'b [u8],
    at: usize,
    open: u8,
    close: u8,
    state: Progress,
}

/// ```text
///   Opening --'{'--> Between --','--> Between ... --'}'--> Over
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Opening,
    Between,
    Over,
}

impl<'b> Items<'b> {
    fn new(buf: &'b [u8], open: u8, close: u8) -> Self {
        Self { buf, at: 0, open, close, state: Progress::Opening }
    }

    #[inline(always)]
    fn next_with<T>(
        &mut self,
        item: impl FnOnce(&'b [u8], usize) -> Result<(usize, T), JsonFault>,
    ) -> Option<Result<T, JsonFault>> {
        if self.state == Progress::Over {
            return None;
        }
        let found = self.advance().and_then(|more| match more {
            false => Ok(None),
            true => item(self.buf, self.at).map(Some),
        });
        match found {
            Ok(Some((end, item))) => {
                self.at = end;
                Some(Ok(item))
            }
            Ok(None) => {
                self.state = Progress::Over;
                None
            }
            Err(fault) => {
                self.state = Progress::Over;
                Some(Err(fault))
            }
        }
    }

    /// Steps to the next item; false at the end of a text that has nothing behind it.
    #[inline(always)]
    fn advance(&mut self) -> Result<bool, JsonFault> {
        let at = skip_space(self.buf, self.at);
        let byte = self.buf.get(at).copied();
        if self.state == Progress::Opening {
            if byte != Some(self.open) {
                return Err(JsonFault::at(self.buf, at));
            }
            self.state = Progress::Between;
            self.at = skip_space(self.buf, at + 1);
            if self.buf.get(self.at) != Some(&self.close) {
                return Ok(true);
            }
            return self.finish(self.at + 1);
        }
        match byte {
            Some(b',') => {
                self.at = skip_space(self.buf, at + 1);
                Ok(true)
            }
            Some(byte) if byte == self.close => self.finish(at + 1),
            _ => Err(JsonFault::at(self.buf, at)),
        }
    }

    fn finish(&mut self, at: usize) -> Result<bool, JsonFault> {
        let end = skip_space(self.buf, at);
        if end == self.buf.len() { Ok(false) } else { Err(JsonFault::at(self.buf, end)) }
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// Why bytes are not the JSON text that they should be; always the sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JsonFault {
    /// The text ends too early.
    Truncated,
    /// The byte at this offset cannot stand there.
    Unexpected(u32),
    /// A string has an escape that does not exist.
    Escape,
    /// A string is not UTF-8.
    NotUtf8,
}

impl JsonFault {
    /// The fault of what stands at `at`: a byte, or the end of the text.
    pub(crate) fn at(buf: &[u8], at: usize) -> Self {
        if at >= buf.len() {
            return Self::Truncated;
        }
        Self::Unexpected(u32::try_from(at).unwrap_or(u32::MAX))
    }
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the JSON text ends too early"),
            Self::Unexpected(at) => write!(f, "unexpected byte in JSON at offset {at}"),
            Self::Escape => f.write_str("a JSON string has a malformed escape"),
            Self::NotUtf8 => f.write_str("a JSON string is not UTF-8"),
        }
    }
}

impl std::error::Error for JsonFault {}
