//! Edits on a JSON object at offsets, applied in one copy.
//!
//! Purpose: change the few members that we bill and route by and leave every other byte of a body
//! as the client wrote it. Edits are gathered first, in any order, then applied together.
//! Invariants: bytes outside the edits are copied as they are; commas come out right whatever is
//! removed or inserted; an inserted member stands last, where readers that keep the last of two
//! keys find it.
//! Left out on purpose: looking for what to edit (see [`crate::json`] and [`crate::gate`]), and
//! checking that what is put in is JSON.

#[cfg(test)]
mod tests;

use crate::json::{Member, plain_text, skip_space};
use crate::span::Span;

/// Edits gathered for one text; empty again after they were applied, and reusable.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    edits: Vec<Edit>,
    /// The bytes to put in, one behind another.
    texts: Vec<u8>,
    /// The members to insert, each with its key: `"key":value`, separated by commas.
    inserts: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Edit {
    /// What goes away.
    span: Span,
    /// What comes in its place, in `texts`; `None` removes a member with its comma.
    text: Option<Span>,
}

impl Edits {
    /// No edits.
    pub const fn new() -> Self {
        Self { edits: Vec::new(), texts: Vec::new(), inserts: Vec::new() }
    }

    /// Puts the JSON text `with` in the place of `value`.
    ///
    /// Of two edits that overlap, the one that begins first counts; of two that begin together, the
    /// one that was made first.
    pub fn replace(&mut self, value: Span, with: impl AsRef<[u8]>) {
        let start = self.texts.len();
        self.texts.extend_from_slice(with.as_ref());
        let text = Some(Span::new(start, self.texts.len()));
        self.edits.push(Edit { span: value, text });
    }

    /// Takes out a member with its comma.
    pub fn remove(&mut self, member: &Member) {
        let span = Span { start: member.key.start.saturating_sub(1), end: member.value.end };
        self.edits.push(Edit { span, text: None });
    }

    /// Adds a member at the end of the object; `value_json` is its JSON text.
    pub fn insert(&mut self, key: &str, value_json: &[u8]) {
        if !self.inserts.is_empty() {
            self.inserts.push(b',');
        }
        write_string(key, &mut self.inserts);
        self.inserts.push(b':');
        self.inserts.extend_from_slice(value_json);
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty() && self.inserts.is_empty()
    }

    /// Forgets all edits.
    pub fn clear(&mut self) {
        self.edits.clear();
        self.texts.clear();
        self.inserts.clear();
    }

    /// Appends `body` with its edits to `out`, and forgets the edits.
    ///
    /// Replaced and removed parts may stand anywhere in `body`; inserted members go to the end of
    /// the object at `object`.
    pub fn apply(&mut self, body: &[u8], object: Span, out: &mut Vec<u8>) {
        out.reserve(body.len() + self.texts.len() + self.inserts.len() + 1);
        self.edits.sort_by_key(|edit| edit.span.start);
        let brace = object.range().end.saturating_sub(1).min(body.len());
        let mut copied = 0;
        for edit in &self.edits {
            let range = edit.span.range();
            if range.start < copied || range.end > body.len() || range.is_empty() {
                continue;
            }
            if range.start > brace && copied <= brace {
                copied = copy_up_to(brace, copied, body, &self.inserts, out);
            }
            out.extend_from_slice(&body[copied..range.start]);
            copied = match edit.text {
                Some(text) => {
                    out.extend_from_slice(text.of(&self.texts));
                    range.end
                }
                None => close_gap(body, range.end, out),
            };
        }
        if copied <= brace {
            copied = copy_up_to(brace, copied, body, &self.inserts, out);
        }
        out.extend_from_slice(&body[copied..]);
        self.clear();
    }
}

/// Copies what is left of the object before its closing brace, then puts the inserts there.
fn copy_up_to(
    brace: usize,
    copied: usize,
    body: &[u8],
    inserts: &[u8],
    out: &mut Vec<u8>,
) -> usize {
    out.extend_from_slice(&body[copied..brace]);
    if !inserts.is_empty() {
        // Before a closing brace stands a value, or the opening brace of an empty object.
        let last = out.iter().rfind(|byte| !byte.is_ascii_whitespace());
        if last != Some(&b'{') {
            out.push(b',');
        }
        out.extend_from_slice(inserts);
    }
    brace
}

/// Settles the commas around a removed member that ended at `end`; gives where to go on copying.
///
/// The comma behind it goes with it. A last member has none: then the comma before it goes, which
/// is the last thing copied, whether or not members between were removed as well.
fn close_gap(body: &[u8], end: usize, out: &mut Vec<u8>) -> usize {
    let next = skip_space(body, end);
    if body.get(next) == Some(&b',') {
        return skip_space(body, next + 1);
    }
    let kept = out.iter().rposition(|byte| !byte.is_ascii_whitespace());
    if let Some(comma) = kept.filter(|last| out[*last] == b',') {
        out.truncate(comma);
    }
    end
}

/// Writes `text` as a JSON string with its quotes.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let (plain, escapes) = rest.split_at(plain_text(rest).len());
        out.extend_from_slice(plain);
        let Some((byte, after)) = escapes.split_first() else { break };
        write_escape(*byte, out);
        rest = after;
    }
    out.push(b'"');
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x8 => b'b',
        0xc => b'f',
        _ => {
            let digit = |nibble: u8| b"0123456789abcdef"[nibble as usize];
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}
