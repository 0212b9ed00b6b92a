//! Finds keys that stand twice in an object, in any spelling.
//!
//! Keys are compared in one form: escapes decoded, letters in lower case. Readers that ignore case
//! (Go's, for one) also take U+017F for `s` and U+212A for `k`, so these are folded too. Keys are
//! sorted, so a thousand of them cost no more than their number times its logarithm. Nearly always
//! there are few, and their lengths and first letters tell that no two are the same.

use super::GateFault;
use crate::json::{repeat, skip_space, string_end, unescape};
use crate::span::Span;

/// The memory of the search, kept between bodies.
#[derive(Default)]
pub(super) struct Finder {
    /// Keys of the object at hand, in their one form, one behind another.
    forms: Vec<u8>,
    /// Where each key's form stands, with the key itself.
    keys: Vec<(Span, Span)>,
    /// Keys of the nested objects that are open.
    nested: Vec<Span>,
    /// Where in `nested` each open object's keys begin.
    opened: Vec<usize>,
}

impl Finder {
    /// How much memory is kept for keys.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.forms.capacity()
    }

    /// Refuses keys of one object of which two are the same.
    pub(super) fn refuse_twice(
        &mut self,
        body: &[u8],
        keys: impl Iterator<Item = Span> + Clone,
    ) -> Result<(), GateFault> {
        if are_unlike(body, keys.clone()) {
            return Ok(());
        }
        self.forms.clear();
        self.keys.clear();
        for key in keys {
            let start = self.forms.len();
            push_form(body, key, &mut self.forms);
            self.keys.push((Span::new(start, self.forms.len()), key));
        }
        let forms = &self.forms;
        self.keys.sort_unstable_by(|(a, _), (b, _)| {
            a.len().cmp(&b.len()).then_with(|| a.of(forms).cmp(b.of(forms)))
        });
        let same = self.keys.windows(2).find(|pair| pair[0].0.of(forms) == pair[1].0.of(forms));
        match same {
            Some(pair) => Err(GateFault::Duplicate { key: first_text(body, pair[0].1, pair[1].1) }),
            None => Ok(()),
        }
    }

    /// Refuses a value in which any object, however deep, has a key twice, or more than `members`.
    ///
    /// `body` is known to be JSON, so a string before a colon is a key, and a closing brace closes
    /// the object that was opened last.
    pub(super) fn refuse_twice_within(
        &mut self,
        body: &[u8],
        value: Span,
        members: usize,
    ) -> Result<(), GateFault> {
        self.nested.clear();
        self.opened.clear();
        let std::ops::Range { start: mut at, end } = value.range();
        while at < end {
            match body[at] {
                b'{' => self.opened.push(self.nested.len()),
                b'}' => self.close(body)?,
                b'"' => at = self.string(body, at, members)?,
                _ => {}
            }
            at += 1;
        }
        Ok(())
    }

    /// Steps over a string to its closing quote; keeps it if it is a key.
    fn string(&mut self, body: &[u8], at: usize, members: usize) -> Result<usize, GateFault> {
        let quote = string_end(body, at + 1).map_err(|_| GateFault::NotJson { at })?;
        if body.get(skip_space(body, quote + 1)) == Some(&b':') {
            let siblings = self.nested.len() - self.opened.last().copied().unwrap_or(0);
            if siblings == members {
                return Err(GateFault::TooManyMembers);
            }
            self.nested.push(Span::new(at + 1, quote));
        }
        Ok(quote)
    }

    /// Compares the keys of the object that ends here, and forgets them.
    fn close(&mut self, body: &[u8]) -> Result<(), GateFault> {
        let first = self.opened.pop().unwrap_or(0);
        let mut keys = std::mem::take(&mut self.nested);
        let checked = self.refuse_twice(body, keys[first..].iter().copied());
        keys.truncate(first);
        self.nested = keys;
        checked
    }
}

/// Most keys that are told apart by their marks.
const MARKS: usize = 24;

/// Whether a few plain keys differ in their marks, so that no two are the same in any spelling.
fn are_unlike(body: &[u8], keys: impl Iterator<Item = Span>) -> bool {
    let mut marks = [0; MARKS];
    for (count, key) in keys.enumerate() {
        let Some(mark) = mark(key.of(body)).filter(|mark| !marks[..count].contains(mark)) else {
            return false;
        };
        marks[count] = mark;
        if count + 1 == MARKS {
            return false;
        }
    }
    true
}

/// The length and the first letters of a key, in whatever case; `None` of one with escapes or with
/// letters beyond ASCII.
fn mark(key: &[u8]) -> Option<u64> {
    if !key.is_ascii() || key.contains(&b'\\') {
        return None;
    }
    let mut first = [0; 8];
    let letters = key.len().min(first.len());
    first[..letters].copy_from_slice(&key[..letters]);
    // The bit in which the cases differ: that other bytes become alike with it does no harm.
    let folded = u64::from_le_bytes(first) | repeat(0x20);
    Some(folded ^ (key.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Appends a key in the form in which keys are compared.
fn push_form(body: &[u8], key: Span, forms: &mut Vec<u8>) {
    let raw = key.of(body);
    if raw.is_ascii() && !raw.contains(&b'\\') {
        let start = forms.len();
        forms.extend_from_slice(raw);
        forms[start..].make_ascii_lowercase();
        return;
    }
    for character in unescape(body, key).unwrap_or_default().chars() {
        let folded = match character {
            '\u{17f}' => 's',
            '\u{212a}' => 'k',
            other => other.to_ascii_lowercase(),
        };
        forms.extend_from_slice(folded.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// The text of whichever key stands first.
fn first_text(body: &[u8], a: Span, b: Span) -> String {
    unescape(body, a.min(b)).map(std::borrow::Cow::into_owned).unwrap_or_default()
}
