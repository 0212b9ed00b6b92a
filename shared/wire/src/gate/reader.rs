//! The strict reader: one pass over a body that is to be one JSON text (RFC 8259), without
//! recursion.
//!
//! It checks everything that readers could differ in, and notes the members of the outermost
//! object on its way. Strings, which are most of a body, are read sixteen bytes at a time. Bytes
//! that are not UTF-8 were refused before.
//!
//! ```text
//!   Value --{--> FirstKey --key--> Value     Value --scalar--> After --,--> Key, Value
//!   Value --[--> FirstItem -------> Value     FirstKey, FirstItem, After --} or ]--> After
//! ```

use super::{GateFault, GateLimits};
use crate::json::{Member, kind_of, number_end, plain_end, skip_space};
use crate::span::Span;

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    /// A key, or the end of an empty object.
    FirstKey,
    Key,
    /// A value, or the end of an empty array.
    FirstItem,
    /// A comma, or the end of what is open.
    After,
}

/// One reading.
pub(super) struct Reader<'a> {
    body: &'a [u8],
    at: usize,
    limits: &'a GateLimits,
    /// The brackets that close what is open, the innermost last.
    open: &'a mut Vec<u8>,
    members: &'a mut Vec<Member>,
    /// The member of the outermost object that is being read: its key, and where its value begins.
    key: Span,
    value: usize,
}

impl<'a> Reader<'a> {
    /// A reading of `body`, which is UTF-8; `open` is memory to use.
    pub(super) fn new(
        body: &'a [u8],
        limits: &'a GateLimits,
        (open, members): (&'a mut Vec<u8>, &'a mut Vec<Member>),
    ) -> Self {
        open.clear();
        members.clear();
        Self { body, at: 0, limits, open, members, key: Span::EMPTY, value: 0 }
    }

    /// Reads the whole body.
    pub(super) fn read(mut self) -> Result<(), GateFault> {
        self.skip_space();
        let is_object = self.body.get(self.at) == Some(&b'{');
        let mut next = Next::Value;
        while !(next == Next::After && self.open.is_empty()) {
            next = self.step(next)?;
            self.skip_space();
        }
        if self.at < self.body.len() {
            return Err(self.fault());
        }
        if is_object { Ok(()) } else { Err(GateFault::NotAnObject) }
    }

    /// Reads one key with its colon, one scalar, or one bracket or comma.
    #[inline(always)]
    fn step(&mut self, next: Next) -> Result<Next, GateFault> {
        let Some(byte) = self.body.get(self.at).copied() else { return Err(self.fault()) };
        match (next, byte) {
            (Next::FirstKey | Next::Key, b'"') => self.key(),
            (Next::FirstKey | Next::FirstItem | Next::After, b'}' | b']') => self.close(byte),
            (Next::After, b',') => {
                self.at += 1;
                Ok(if self.open.last() == Some(&b'}') { Next::Key } else { Next::Value })
            }
            (Next::Value | Next::FirstItem, byte) => self.value(byte),
            _ => Err(self.fault()),
        }
    }

    fn key(&mut self) -> Result<Next, GateFault> {
        let start = self.at + 1;
        self.string()?;
        let key = Span::new(start, self.at - 1);
        self.skip_space();
        if self.body.get(self.at) != Some(&b':') {
            return Err(self.fault());
        }
        self.at += 1;
        if self.open.len() == 1 {
            self.key = key;
            self.value = skip_space(self.body, self.at);
        }
        Ok(Next::Value)
    }

    fn value(&mut self, byte: u8) -> Result<Next, GateFault> {
        match byte {
            b'"' => self.string()?,
            b'{' => return self.open(b'}', Next::FirstKey),
            b'[' => return self.open(b']', Next::FirstItem),
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => return Err(self.fault()),
        }
        self.ended()
    }

    fn open(&mut self, closing: u8, next: Next) -> Result<Next, GateFault> {
        if self.open.len() >= self.limits.depth {
            return Err(GateFault::TooDeep);
        }
        self.open.push(closing);
        self.at += 1;
        Ok(next)
    }

    fn close(&mut self, byte: u8) -> Result<Next, GateFault> {
        if self.open.last() != Some(&byte) {
            return Err(self.fault());
        }
        self.open.pop();
        self.at += 1;
        self.ended()
    }

    /// A value has ended: if it is a member's of the outermost object, the member is noted.
    fn ended(&mut self) -> Result<Next, GateFault> {
        if self.open.len() == 1 && self.open[0] == b'}' {
            if self.members.len() == self.limits.members {
                return Err(GateFault::TooManyMembers);
            }
            let kind = kind_of(self.body[self.value]);
            let value = Span::new(self.value, self.at);
            self.members.push(Member { key: self.key, value, kind });
        }
        Ok(Next::After)
    }

    /// Reads a string with its quotes.
    #[inline(always)]
    fn string(&mut self) -> Result<(), GateFault> {
        self.at += 1;
        loop {
            self.at = plain_end(self.body, self.at);
            match self.body.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                _ => return Err(self.fault()),
            }
        }
    }

    /// Reads an escape from its backslash on; both halves of a surrogate pair.
    fn escape(&mut self) -> Result<(), GateFault> {
        match self.body.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 2;
                Ok(())
            }
            Some(b'u') => match (self.unit()?, self.body.get(self.at..self.at + 2)) {
                (0xd800..0xdc00, Some(b"\\u")) => match self.unit()? {
                    0xdc00..0xe000 => Ok(()),
                    _ => Err(self.fault()),
                },
                (0xd800..0xe000, _) => Err(self.fault()),
                _ => Ok(()),
            },
            _ => Err(self.fault()),
        }
    }

    /// Reads `\uXXXX`, of which the first two bytes are there.
    fn unit(&mut self) -> Result<u32, GateFault> {
        let digits = self.body.get(self.at + 2..self.at + 6).unwrap_or_default();
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let unit = digits.iter().try_fold(0, |unit, byte| Some(unit << 4 | digit(byte)?));
        let unit = unit.filter(|_| digits.len() == 4).ok_or_else(|| self.fault())?;
        self.at += 6;
        Ok(unit)
    }

    /// Reads a number that 64 bits, or a double, can hold.
    fn number(&mut self) -> Result<(), GateFault> {
        let end = number_end(self.body, self.at).map_err(|_| self.fault())?;
        let number = &self.body[self.at..end];
        let is_plain = |byte: &u8| !matches!(byte, b'e' | b'E');
        let is_safe = number.len() < SAFE_DIGITS && number.iter().all(is_plain);
        if !is_safe && !is_held(number) {
            return Err(self.fault());
        }
        self.at = end;
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), GateFault> {
        if !self.body[self.at..].starts_with(word) {
            return Err(self.fault());
        }
        self.at += word.len();
        Ok(())
    }

    #[inline(always)]
    fn skip_space(&mut self) {
        self.at = skip_space(self.body, self.at);
    }

    #[cold]
    fn fault(&self) -> GateFault {
        GateFault::NotJson { at: self.at }
    }
}

/// Numbers shorter than this, without an exponent, can be held by everyone.
const SAFE_DIGITS: usize = 19;

/// Whether 64 bits can hold a number, or a double if it is not whole.
fn is_held(number: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(number) else { return false };
    if text.contains(['.', 'e', 'E']) {
        return text.parse::<f64>().is_ok_and(f64::is_finite);
    }
    text.parse::<u64>().is_ok() || text.parse::<i64>().is_ok()
}
