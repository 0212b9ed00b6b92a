//! An event that differs from an earlier one in its text alone.
//!
//! Most events of a stream are alike but for one string. Where the bytes before it and behind it
//! are those of an event that was read, blank line included, and the text between them has neither
//! a quote nor a backslash nor a line's end, the event is the same but for that string's value: it
//! needs neither scanning nor reading, and its rewritten form is known.
//! Left out on purpose: events that finish, count usage or carry several texts; they are read.

use wire::json::plain_text;

use super::{Answer, Rewrite};
use crate::Finish;

/// A stream whose events keep differing elsewhere is not learned from again and again.
const MISSES_MAX: u8 = 16;

/// The form of a stream's events, once one was read.
#[derive(Debug, Default)]
pub struct Pattern {
    /// Before the text, behind it, then the same as shown: together, as they are needed together.
    parts: Vec<u8>,
    /// Where the first three parts end.
    ends: [usize; 3],
    misses: u8,
}

/// An event whose JSON was read: all its bytes, and where in them the JSON stands.
#[derive(Clone, Copy, Debug)]
pub struct Event<'e> {
    /// What stands before the JSON: `data:` and lines of other fields.
    pub lead: &'e [u8],
    /// The JSON on one line.
    pub json: &'e [u8],
    /// The line's end and the blank line.
    pub trail: &'e [u8],
}

/// An event of a known form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alike<'b> {
    /// Its text, as written in the JSON.
    pub text: &'b [u8],
    /// All its bytes.
    pub len: usize,
}

impl Pattern {
    /// The event at the front of `bytes`, where an event begins, if it is whole and of this form.
    #[inline]
    pub fn front<'b>(&self, bytes: &'b [u8]) -> Option<Alike<'b>> {
        let [before, after, ..] = self.ends;
        if before == 0 {
            return None;
        }
        let rest = bytes.strip_prefix(&self.parts[..before])?;
        let text = plain_text(rest);
        let after = &self.parts[before..after];
        let len = before + text.len() + after.len();
        rest[text.len()..].starts_with(after).then_some(Alike { text, len })
    }

    /// What the client is shown before and behind the text of such an event.
    pub fn shown(&self) -> (&[u8], &[u8]) {
        let [_, start, middle] = self.ends;
        (&self.parts[start..middle], &self.parts[middle..])
    }

    /// Learns the form of an event that had to be read, if it has one.
    pub fn learn(&mut self, event: Event<'_>, answer: &Answer, rewrite: &Rewrite<'_>) {
        let Event { lead, json, trail } = event;
        let has_form = answer.finish == Finish::None
            && answer.usage_object().is_none()
            && answer.empty_error.is_none()
            && trail.ends_with(b"\n");
        let Some(text) = answer.text.filter(|_| has_form && self.misses < MISSES_MAX) else {
            return;
        };
        self.misses += 1;
        let (start, end) = (text.start as usize, text.end as usize);
        let edits = answer.edits(json, rewrite);
        self.parts.clear();
        self.parts.reserve(2 * (lead.len() + json.len() + trail.len()));
        self.parts.extend_from_slice(lead);
        self.parts.extend_from_slice(&json[..start]);
        self.ends[0] = self.parts.len();
        self.parts.extend_from_slice(&json[end..]);
        self.parts.extend_from_slice(trail);
        self.ends[1] = self.parts.len();
        self.parts.extend_from_slice(b"data: ");
        edits.apply(json, 0..start, &mut self.parts);
        self.ends[2] = self.parts.len();
        edits.apply(json, end..json.len(), &mut self.parts);
        self.parts.extend_from_slice(b"\n\n");
    }
}
