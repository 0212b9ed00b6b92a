//! Server-sent events, found in bytes (WHATWG HTML, "Server-sent events", 9.2.5 and 9.2.6).
//!
//! Purpose: cut a stream into frames (everything up to and with a blank line) and say where a
//! frame's data stands, so that a frame can be metered and passed on as it came.
//! Invariants: lines end in CR, LF or CR LF, also where a read splits them; nothing else ends a
//! line (U+2028 does not); no byte is looked at twice, however the stream is split; the scanner
//! keeps positions only, the bytes stay with the caller.
//! Left out on purpose: UTF-8 (a frame is passed on or parsed as JSON), `id` and `retry`, which a
//! gateway does not act on, and reconnection.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use memchr::memchr2;

use crate::span::Span;

/// What a frame is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// One line of data.
    Data,
    /// Several lines of data, which [`joined_data`] joins.
    MultiData,
    /// Comments and nothing else: a sign of life.
    Comment,
    /// Neither data nor comments; it dispatches no event.
    Empty,
}

/// One frame at the front of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Bytes of the frame, its blank line included: what to drop from the front afterwards.
    pub len: usize,
    /// The value of the first data line; empty if there is none.
    pub data: Span,
    /// The value of the last event line; empty if there is none.
    pub event: Span,
    /// What it is good for.
    pub kind: FrameKind,
    /// Where the first line begins: behind a byte order mark or what is left of a line's end.
    lines: u32,
}

/// Finds frames in a growing buffer.
///
/// ```text
///   line -> line -> ... -> blank line: a frame; then from the start again
/// ```
#[derive(Clone, Debug)]
pub struct FrameScanner {
    max_event: usize,
    /// Where the next unread byte stands.
    at: usize,
    /// Where the current line begins.
    line: usize,
    /// The line before ended in a CR: an LF here still belongs to its end.
    after_cr: bool,
    /// Nothing was read yet: a byte order mark may stand here.
    fresh: bool,
    found: Found,
}

/// What the frame's lines have shown so far.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    lines: usize,
    data_lines: u32,
    data: Span,
    event: Span,
    comment: bool,
}

impl FrameScanner {
    /// A scanner at the start of a stream whose frames may be `max_event` bytes long.
    pub fn new(max_event: usize) -> Self {
        let found = Found::default();
        Self { max_event, at: 0, line: 0, after_cr: false, fresh: true, found }
    }

    /// The frame at the front of `buf`, once its blank line is there.
    ///
    /// After `None`, call again with the same bytes and more behind them. After a frame, call again
    /// with its bytes dropped from the front.
    ///
    /// # Errors
    /// [`FrameFault::TooLong`] once a frame has more bytes than allowed.
    pub fn next(&mut self, buf: &[u8]) -> Result<Option<Frame>, FrameFault> {
        if !self.ready(buf) {
            return Ok(None);
        }
        while let Some(end) = find_line_end(buf, self.at) {
            let blank = end == self.line;
            if !blank {
                self.found.line(buf, self.line, end);
            }
            self.end_line(buf, end);
            if self.at > self.max_event {
                return Err(FrameFault::TooLong);
            }
            if blank {
                return Ok(Some(self.take_frame()));
            }
        }
        self.at = buf.len();
        if self.at > self.max_event { Err(FrameFault::TooLong) } else { Ok(None) }
    }

    /// Whether the next byte begins a frame, and nothing is left to skip before it.
    #[inline]
    pub const fn is_between_frames(&self) -> bool {
        self.at == 0 && !self.after_cr && !self.fresh
    }

    /// What stands in `buf` at the stream's end without its blank line, if it has data.
    ///
    /// The standard drops such a frame; providers exist that end a stream without the last blank
    /// line, and what they sent last is the usage.
    pub fn at_eof(&mut self, buf: &[u8]) -> Option<Frame> {
        let end = buf.len();
        if end > self.line {
            self.found.line(buf, self.line, end);
        }
        self.at = end;
        let frame = self.take_frame();
        matches!(frame.kind, FrameKind::Data | FrameKind::MultiData).then_some(frame)
    }

    /// Skips what stands before a line: a byte order mark, or the LF of a CR LF that was split.
    fn ready(&mut self, buf: &[u8]) -> bool {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        if self.fresh {
            let seen = buf.len().min(MARK.len());
            if buf.is_empty() || (seen < MARK.len() && buf[..seen] == MARK[..seen]) {
                return false;
            }
            self.fresh = false;
            if buf.starts_with(MARK) {
                self.begin_lines(MARK.len());
            }
        }
        if self.after_cr {
            let Some(byte) = buf.get(self.at) else { return false };
            self.after_cr = false;
            if *byte == b'\n' {
                self.at += 1;
                self.line = self.at;
                if self.at == 1 {
                    self.begin_lines(1);
                }
            }
        }
        true
    }

    fn begin_lines(&mut self, at: usize) {
        self.at = at;
        self.line = at;
        self.found.lines = at;
    }

    /// Steps over the line's end at `end`: CR, LF or both.
    fn end_line(&mut self, buf: &[u8], end: usize) {
        let mut next = end + 1;
        if buf[end] == b'\r' {
            match buf.get(next) {
                Some(b'\n') => next += 1,
                Some(_) => {}
                None => self.after_cr = true,
            }
        }
        self.at = next;
        self.line = next;
    }

    fn take_frame(&mut self) -> Frame {
        let found = std::mem::take(&mut self.found);
        let len = std::mem::take(&mut self.at);
        self.line = 0;
        let kind = match found.data_lines {
            0 if found.comment => FrameKind::Comment,
            0 => FrameKind::Empty,
            1 => FrameKind::Data,
            _ => FrameKind::MultiData,
        };
        Frame { len, data: found.data, event: found.event, kind, lines: found.lines as u32 }
    }
}

impl Found {
    /// Takes note of one line that is not blank.
    fn line(&mut self, buf: &[u8], start: usize, end: usize) {
        let line = &buf[start..end];
        match line.first() {
            Some(b':') => self.comment = true,
            Some(b'd') => {
                if let Some(value) = value_of(line, b"data") {
                    if self.data_lines == 0 {
                        self.data = Span::new(start + value, end);
                    }
                    self.data_lines += 1;
                }
            }
            Some(b'e') => {
                if let Some(value) = value_of(line, b"event") {
                    self.event = Span::new(start + value, end);
                }
            }
            _ => {}
        }
    }
}

/// All data of a frame: its lines joined with LF, borrowed while there is only one.
pub fn joined_data<'b>(buf: &'b [u8], frame: &Frame) -> Cow<'b, [u8]> {
    if frame.kind != FrameKind::MultiData {
        return Cow::Borrowed(frame.data.of(buf));
    }
    let bytes = buf.get(frame.lines as usize..frame.len).unwrap_or_default();
    let mut joined = Vec::with_capacity(bytes.len());
    let mut first = true;
    for line in bytes.split(|byte| matches!(byte, b'\n' | b'\r')) {
        if let Some(value) = value_of(line, b"data") {
            if !first {
                joined.push(b'\n');
            }
            first = false;
            joined.extend_from_slice(&line[value..]);
        }
    }
    Cow::Owned(joined)
}

/// Where the value begins, if the line is of the field `name`.
fn value_of(line: &[u8], name: &[u8]) -> Option<usize> {
    match line.strip_prefix(name)? {
        [] => Some(name.len()),
        [b':', b' ', ..] => Some(name.len() + 2),
        [b':', ..] => Some(name.len() + 1),
        _ => None,
    }
}

fn find_line_end(buf: &[u8], from: usize) -> Option<usize> {
    memchr2(b'\n', b'\r', buf.get(from..)?).map(|found| from + found)
}

/// Why a stream of events cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameFault {
    /// A frame is longer than allowed.
    TooLong,
}

impl fmt::Display for FrameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("an event of the stream is too long"),
        }
    }
}

impl std::error::Error for FrameFault {}
