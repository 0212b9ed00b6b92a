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

mod cursor;
mod scan;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;

use crate::span::Span;
pub use cursor::Cursor;
pub use scan::plain_text;
pub(crate) use scan::{number_end, plain_end, repeat, skip_space, string_end};
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
        // No escape is shorter than what it stands for.
        raw == name.as_bytes()
            || (raw.len() > name.len()
                && raw.contains(&b'\\')
                && unescape(buf, self.key).is_ok_and(|key| key == name))
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
pub const fn members(buf: &[u8]) -> Members<'_> {
    Members { cursor: Cursor::new(buf), progress: Progress::Before }
}

/// The top-level items of the array in `buf`, which may have white space around it.
///
/// The first fault ends the iteration. Bytes behind the array are a fault.
pub const fn elements(buf: &[u8]) -> Elements<'_> {
    Elements { cursor: Cursor::new(buf), progress: Progress::Before }
}

/// The members of an object, see [`members`].
#[derive(Clone, Debug)]
pub struct Members<'b> {
    cursor: Cursor<'b>,
    progress: Progress,
}

/// The items of an array, see [`elements`].
#[derive(Clone, Debug)]
pub struct Elements<'b> {
    cursor: Cursor<'b>,
    progress: Progress,
}

/// ```text
///   Before --opening bracket--> Within --closing bracket, or a fault--> Over
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Before,
    Within,
    Over,
}

impl Members<'_> {
    #[inline(always)]
    fn step(&mut self) -> Result<Option<Member>, JsonFault> {
        if self.progress == Progress::Before {
            self.progress = Progress::Within;
            self.cursor.enter()?;
        }
        match self.cursor.next_key()? {
            Some(key) => {
                let (value, kind) = self.cursor.skip()?;
                Ok(Some(Member { key, value, kind }))
            }
            None => self.cursor.end().map(|()| None),
        }
    }
}

impl Iterator for Members<'_> {
    type Item = Result<Member, JsonFault>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.progress == Progress::Over {
            return None;
        }
        let step = self.step();
        if !matches!(step, Ok(Some(_))) {
            self.progress = Progress::Over;
        }
        step.transpose()
    }
}

impl Elements<'_> {
    #[inline(always)]
    fn step(&mut self) -> Result<Option<(Span, ValueKind)>, JsonFault> {
        if self.progress == Progress::Before {
            self.progress = Progress::Within;
            self.cursor.enter()?;
        }
        match self.cursor.next_item()? {
            true => self.cursor.skip().map(Some),
            false => self.cursor.end().map(|()| None),
        }
    }
}

impl Iterator for Elements<'_> {
    type Item = Result<(Span, ValueKind), JsonFault>;

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.progress == Progress::Over {
            return None;
        }
        let step = self.step();
        if !matches!(step, Ok(Some(_))) {
            self.progress = Progress::Over;
        }
        step.transpose()
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
