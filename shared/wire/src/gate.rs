//! The JSON gate: every request body passes it, or is refused before anything looks at it.
//!
//! Purpose: what passes is one JSON object that all readers read alike: strict grammar (RFC 8259),
//! UTF-8, bounded depth, nothing behind it, and no key twice where we price or route by it.
//! Invariants: keys that differ only in how they are escaped, or in letter case, count as the same
//! key, since some providers' readers ignore case; the body itself is never changed; time is linear
//! in the body's length.
//! Numbers: what RFC 8259 allows but no reader can hold is refused as not JSON: whole numbers
//! beyond 64 bits, and magnitudes beyond a double (`1e999`). So is a lone half of a surrogate
//! pair.
//! Left out on purpose: what the members mean, and duplicates in parts that only the model reads.

mod duplicate;
mod reader;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::json::{self, Cursor, Member, ValueKind};
use crate::span::Span;
use duplicate::Finder;
use reader::Reader;

/// Members whose objects decide price or route: no key may stand twice in them either.
const DECIDING: [&str; 4] = ["stream_options", "reasoning", "provider", "routing"];
/// Members that decide price by their own keys, and hold schemas deeper down, in which two names
/// may well differ in letter case alone.
const DECIDING_AT_THE_TOP: [&str; 2] = ["generationConfig", "generation_config"];

/// How far a body may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateLimits {
    /// How deep objects and arrays may nest; the outermost counts 1.
    pub depth: usize,
    /// How many members the body may have, and each object in which keys are compared.
    pub members: usize,
}

impl Default for GateLimits {
    /// 64 deep, 1,024 members.
    fn default() -> Self {
        Self { depth: 64, members: 1024 }
    }
}

/// Bodies up to this size leave their buffers to the next; larger ones give the memory back.
const KEEP_MAX: usize = 1024 * 1024;

/// Checks bodies, one at a time, with buffers that are kept between them.
#[derive(Default)]
pub struct Gate {
    finder: Finder,
    /// Memory for what the reader has open.
    open: Vec<u8>,
    spare: Vec<Member>,
}

impl Gate {
    /// A gate without buffers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Checks a body and finds its top-level members.
    ///
    /// # Errors
    /// A [`GateFault`]; the client's fault always.
    pub fn check(&mut self, body: &[u8], limits: &GateLimits) -> Result<TopLevel, GateFault> {
        let mut members = std::mem::take(&mut self.spare);
        let checked = self.check_object(body, limits, &mut members);
        if body.len() > KEEP_MAX {
            *self = Self::default();
        }
        checked.map(|()| TopLevel { members, object: json::trimmed(body) })
    }

    /// Takes back what [`Self::check`] gave, to use its memory again.
    pub fn reuse(&mut self, top: TopLevel) {
        self.spare = top.members;
    }

    fn check_object(
        &mut self,
        body: &[u8],
        limits: &GateLimits,
        members: &mut Vec<Member>,
    ) -> Result<(), GateFault> {
        std::str::from_utf8(body).map_err(|_| GateFault::NotUtf8)?;
        Reader::new(body, limits, (&mut self.open, members)).read()?;
        self.finder.refuse_twice(body, members.iter().map(|member| member.key))?;
        for member in members.iter().filter(|member| decides(body, member, &DECIDING)) {
            self.finder.refuse_twice_within(body, member.value, limits.members)?;
        }
        for member in members.iter().filter(|member| decides(body, member, &DECIDING_AT_THE_TOP)) {
            self.refuse_twice_at_the_top(body, member, limits.members)?;
        }
        Ok(())
    }

    /// Refuses an object in which a key stands twice, or that has more than `members`.
    fn refuse_twice_at_the_top(
        &mut self,
        body: &[u8],
        object: &Member,
        members: usize,
    ) -> Result<(), GateFault> {
        let mut keys = Vec::new();
        let mut cursor = Cursor::behind(body, object.value.start as usize);
        let broken = |_| GateFault::NotJson { at: object.value.start as usize };
        if object.kind != ValueKind::Object {
            return Ok(());
        }
        cursor.enter().map_err(broken)?;
        while let Some(key) = cursor.next_key().map_err(broken)? {
            if keys.len() == members {
                return Err(GateFault::TooManyMembers);
            }
            keys.push(key);
            cursor.skip().map_err(broken)?;
        }
        self.finder.refuse_twice(body, keys.iter().copied())
    }
}

fn decides(body: &[u8], member: &Member, names: &[&str]) -> bool {
    matches!(member.kind, ValueKind::Object | ValueKind::Array)
        && names.iter().any(|name| member.is(body, name))
}

/// The top-level members of a body that passed.
#[derive(Clone, Debug, Default)]
pub struct TopLevel {
    members: Vec<Member>,
    object: Span,
}

impl TopLevel {
    /// The member called `key`.
    pub fn get(&self, body: &[u8], key: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.is(body, key))
    }

    /// All members in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Member> {
        self.members.iter()
    }

    /// Where the object stands in the body.
    pub const fn object(&self) -> Span {
        self.object
    }
}

/// Why a body was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GateFault {
    /// The body is not UTF-8.
    NotUtf8,
    /// The body is not JSON; found at about this offset.
    NotJson {
        /// Bytes from the body's start.
        at: usize,
    },
    /// The body is JSON, but not an object.
    NotAnObject,
    /// Objects and arrays nest too deep.
    TooDeep,
    /// An object has more members than allowed.
    TooManyMembers,
    /// A key stands twice.
    Duplicate {
        /// The key as it was first written, escapes decoded.
        key: String,
    },
}

impl fmt::Display for GateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 => f.write_str("the body is not UTF-8"),
            Self::NotJson { at } => write!(f, "the body is not JSON (near offset {at})"),
            Self::NotAnObject => f.write_str("the body must be a JSON object"),
            Self::TooDeep => f.write_str("the body nests too deep"),
            Self::TooManyMembers => f.write_str("an object of the body has too many members"),
            Self::Duplicate { key } => write!(f, "the key {key:?} stands twice"),
        }
    }
}

impl std::error::Error for GateFault {}
