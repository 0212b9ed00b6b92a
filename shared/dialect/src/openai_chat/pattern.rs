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
///
/// As most of an event is shown as it came, only what is not is kept of how it is shown: a stream
/// finds its form cold in the cache when its next event comes, and the event itself warm.
#[derive(Debug, Default)]
pub struct Pattern {
    /// The bytes before the text, behind it, and what is shown instead of the middle of either.
    parts: Vec<u8>,
    before: Side,
    after: Side,
    misses: u8,
}

/// What stands on one side of the text.
///
/// ```text
///   as it came:  [ same ........ ][ other        ][ ........... same ]
///   as shown:    [ same: `first` ][ `instead` of it ][ same: `last` ]
/// ```
#[derive(Clone, Copy, Debug, Default)]
struct Side {
    /// Bytes in all.
    len: usize,
    /// Bytes that are shown as they came: the first so many, and the last.
    first: usize,
    last: usize,
    /// Bytes that are shown instead of those between them.
    instead: usize,
}

impl Side {
    /// Where `shown` differs from what came, which is put behind `parts`.
    fn learn(came: &[u8], shown: &[u8], parts: &mut Vec<u8>) -> Self {
        let alike = |(came, shown): &(&u8, &u8)| came == shown;
        let first = came.iter().zip(shown).take_while(alike).count();
        let (rest, shown) = (&came[first..], &shown[first..]);
        let last = rest.iter().rev().zip(shown.iter().rev()).take_while(alike).count();
        let instead = &shown[..shown.len() - last];
        parts.extend_from_slice(instead);
        Self { len: came.len(), first, last, instead: instead.len() }
    }
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
    pub bytes: &'b [u8],
}

impl Pattern {
    /// The event at the front of `bytes`, where an event begins, if it is whole and of this form.
    #[inline]
    pub fn front<'b>(&self, bytes: &'b [u8]) -> Option<Alike<'b>> {
        let (before, after) = (self.before.len, self.after.len);
        if before == 0 {
            return None;
        }
        let rest = bytes.strip_prefix(&self.parts[..before])?;
        let text = plain_text(rest);
        let is_whole = rest[text.len()..].starts_with(&self.parts[before..before + after]);
        let len = before + text.len() + after;
        is_whole.then(|| Alike { text, bytes: &bytes[..len] })
    }

    /// Appends what the client is shown of such an event.
    #[inline]
    pub fn show(&self, event: &Alike<'_>, out: &mut Vec<u8>) {
        let Self { parts, before, after, .. } = self;
        let (bytes, behind) = (event.bytes, event.bytes.len() - after.len);
        let instead = &parts[before.len + after.len..];
        out.extend_from_slice(&bytes[..before.first]);
        out.extend_from_slice(&instead[..before.instead]);
        out.extend_from_slice(&bytes[before.len - before.last..behind + after.first]);
        out.extend_from_slice(&instead[before.instead..]);
        out.extend_from_slice(&bytes[bytes.len() - after.last..]);
    }

    /// Bytes of what is shown beyond an event's own, at most.
    pub const fn added(&self) -> usize {
        self.before.instead + self.after.instead
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
        let before = [lead, &json[..start]].concat();
        let after = [&json[end..], trail].concat();
        let mut shown_before = b"data: ".to_vec();
        edits.apply(json, 0..start, &mut shown_before);
        let mut shown_after = Vec::new();
        edits.apply(json, end..json.len(), &mut shown_after);
        shown_after.extend_from_slice(b"\n\n");
        self.parts.clear();
        self.parts.extend_from_slice(&before);
        self.parts.extend_from_slice(&after);
        self.before = Side::learn(&before, &shown_before, &mut self.parts);
        self.after = Side::learn(&after, &shown_after, &mut self.parts);
    }
}
