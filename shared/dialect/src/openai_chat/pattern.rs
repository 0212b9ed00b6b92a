//! A chunk that differs from an earlier one in its text alone.
//!
//! Most chunks of a stream are alike but for one string. Where the bytes before it and behind it
//! are those of a chunk that was read, and the text has neither a quote nor a backslash, the JSON
//! is the same but for that string's value: it needs no reading, and its rewritten form is known.
//! Left out on purpose: chunks that finish, count usage or carry several texts; they are read.

use super::{Answer, Rewrite};
use crate::Finish;

/// A stream whose chunks keep differing elsewhere is not learned from again and again.
const MISSES_MAX: u8 = 16;

/// The form of a stream's chunks, once one was read.
#[derive(Debug, Default)]
pub struct Pattern {
    before: Vec<u8>,
    after: Vec<u8>,
    shown_before: Vec<u8>,
    shown_after: Vec<u8>,
    misses: u8,
}

impl Pattern {
    /// The text of a chunk of this form.
    pub fn text<'j>(&self, json: &'j [u8]) -> Option<&'j [u8]> {
        if self.before.is_empty() {
            return None;
        }
        let text = json.strip_prefix(&self.before[..])?.strip_suffix(&self.after[..])?;
        let is_plain = !text.iter().any(|byte| matches!(byte, b'"' | b'\\'));
        is_plain.then_some(text)
    }

    /// What the client is shown before and behind the text of such a chunk.
    pub fn shown(&self) -> (&[u8], &[u8]) {
        (&self.shown_before, &self.shown_after)
    }

    /// Learns the form of a chunk that had to be read, if it has one.
    pub fn learn(&mut self, json: &[u8], answer: &Answer, rewrite: &Rewrite<'_>) {
        let has_form = answer.finish == Finish::None
            && answer.usage_object().is_none()
            && answer.empty_error.is_none();
        let Some(text) = answer.text.filter(|_| has_form && self.misses < MISSES_MAX) else {
            return;
        };
        self.misses += 1;
        let (start, end) = (text.start as usize, text.end as usize);
        for (kept, part) in [(&mut self.before, &json[..start]), (&mut self.after, &json[end..])] {
            kept.clear();
            kept.extend_from_slice(part);
        }
        self.shown_before.clear();
        self.shown_after.clear();
        let edits = answer.edits(json, rewrite);
        edits.apply(json, 0..start, &mut self.shown_before);
        edits.apply(json, end..json.len(), &mut self.shown_after);
    }
}
