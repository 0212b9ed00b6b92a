//! The events of a stream as bytes, one after the other, before they are sent.
//!
//! Owns line ends, comments, the byte order mark, and the brackets of a stream that is one JSON
//! array. Invariant: what was added last is kept until it is cleared, and its memory after that.

use crate::ask::Joined;
use crate::script::Script;

/// Events that wait to be sent.
#[derive(Debug)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
    /// Where each event ends.
    ends: Vec<usize>,
    joined: Joined,
    line_end: &'static [u8],
    bom: bool,
    comments: bool,
    split_lines: bool,
    begun: bool,
}

impl Frames {
    pub(crate) fn new(joined: Joined, script: &Script) -> Self {
        Self {
            bytes: Vec::with_capacity(512),
            ends: Vec::new(),
            joined,
            line_end: script.line_end.bytes(),
            bom: script.bom,
            comments: script.comments,
            split_lines: script.split_lines,
            begun: false,
        }
    }

    /// Adds an event without a name, whose JSON `fill` writes.
    pub(crate) fn add(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        self.add_named("", fill);
    }

    /// Adds an event with a name.
    pub(crate) fn add_named(&mut self, name: &str, fill: impl FnOnce(&mut Vec<u8>)) {
        let begun = std::mem::replace(&mut self.begun, true);
        if self.bom && !begun {
            self.bytes.extend_from_slice("\u{feff}".as_bytes());
        }
        if self.joined == Joined::Array {
            self.bytes.extend_from_slice(if begun { b",\r\n" } else { b"[" });
            fill(&mut self.bytes);
        } else {
            self.event(name, fill);
        }
        self.ends.push(self.bytes.len());
    }

    /// Ends the array, where the stream is one.
    pub(crate) fn end(&mut self) {
        if self.joined == Joined::Array {
            self.bytes.extend_from_slice(if self.begun { b"]" } else { b"[]" });
            self.ends.push(self.bytes.len());
        }
    }

    /// The events, whole.
    pub(crate) fn each(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn event(&mut self, name: &str, fill: impl FnOnce(&mut Vec<u8>)) {
        if self.comments {
            self.lines(&[b": sandbox", b""]);
        }
        if !name.is_empty() {
            self.bytes.extend_from_slice(b"event: ");
            self.lines(&[name.as_bytes()]);
        }
        self.bytes.extend_from_slice(b"data: ");
        let start = self.bytes.len();
        fill(&mut self.bytes);
        if self.split_lines && self.bytes[start..].starts_with(b"{") {
            let between = self.line_end.iter().chain(b"data: ").copied();
            self.bytes.splice(start + 1..start + 1, between);
        }
        self.lines(&[b"", b""]);
    }

    fn lines(&mut self, lines: &[&[u8]]) {
        for line in lines {
            self.bytes.extend_from_slice(line);
            self.bytes.extend_from_slice(self.line_end);
        }
    }
}
