//! A place in a buffer, without the buffer.
//!
//! Parsers answer with spans so that what they found can be kept while the buffer is moved, grown
//! or spliced. A span is only good for the buffer it was made from; asked of a shorter one it gives
//! nothing rather than a panic.

use std::ops::Range;

/// A byte range into the buffer it was parsed from; buffers are below 4 GiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// No bytes.
    pub const EMPTY: Self = Self { start: 0, end: 0 };

    /// The span from `start` up to `end`; offsets beyond 4 GiB saturate.
    pub fn new(start: usize, end: usize) -> Self {
        Self { start: narrow(start), end: narrow(end) }
    }

    /// The bytes of this span in `buf`; none if the span does not lie in it.
    pub fn of<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        buf.get(self.range()).unwrap_or_default()
    }

    /// How many bytes.
    pub const fn len(&self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.end <= self.start
    }

    /// The span as a range to slice with.
    pub const fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The span moved up by `by`: from a part's offsets to those of the whole.
    pub fn shifted(&self, by: usize) -> Self {
        Self::new(self.start as usize + by, self.end as usize + by)
    }
}

fn narrow(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
