//! A place in a JSON text that the caller moves: into a value, over it, to the next.
//!
//! Where members are wanted from several levels, going in reads each byte once, where stepping over
//! a value and then looking into it would read it twice. All spans count from the text's start.

use super::scan::{scan_value, skip_space, string_end};
use super::{JsonFault, ValueKind, kind_of};
use crate::span::Span;

/// A place in a JSON text.
///
/// ```text
///   a value  --enter--> before the first item --next_key, next_item--> a value, or behind the last
///   a value  --skip---> behind an item        --next_key, next_item--> a value, or behind the last
/// ```
/// Behind the last item the cursor has left the object or array, and stands behind it as behind any
/// item of the level above. A move that the text does not allow is a fault, never a panic.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'b> {
    buf: &'b [u8],
    at: usize,
    /// Nothing was read yet of the object or array that was entered last: no comma is due.
    fresh: bool,
}

impl<'b> Cursor<'b> {
    /// Before the value that `buf` holds.
    pub const fn new(buf: &'b [u8]) -> Self {
        Self { buf, at: 0, fresh: false }
    }

    /// Behind a value of an object or array in `buf` that ends at `at`: the next member follows.
    pub const fn behind(buf: &'b [u8], at: usize) -> Self {
        Self { buf, at, fresh: false }
    }

    /// Where the cursor stands.
    pub const fn offset(&self) -> usize {
        self.at
    }

    /// The kind of the value before which the cursor stands, told by its first byte.
    #[inline(always)]
    pub fn peek(&mut self) -> Option<ValueKind> {
        self.at = skip_space(self.buf, self.at);
        self.buf.get(self.at).map(|byte| kind_of(*byte))
    }

    /// Goes into the object or array before which the cursor stands.
    ///
    /// # Errors
    /// The value is neither.
    #[inline(always)]
    pub fn enter(&mut self) -> Result<(), JsonFault> {
        match self.peek() {
            Some(ValueKind::Object | ValueKind::Array) => {
                self.at += 1;
                self.fresh = true;
                Ok(())
            }
            _ => Err(self.fault()),
        }
    }

    /// Goes to the value of the object's next member and gives its key, without its quotes; `None`
    /// behind the last.
    ///
    /// # Errors
    /// The text does not go on like an object.
    #[inline(always)]
    pub fn next_key(&mut self) -> Result<Option<Span>, JsonFault> {
        if !self.next(b'}')? {
            return Ok(None);
        }
        if self.buf.get(self.at) != Some(&b'"') {
            return Err(self.fault());
        }
        let start = self.at + 1;
        let end = string_end(self.buf, start)?;
        self.at = skip_space(self.buf, end + 1);
        if self.buf.get(self.at) != Some(&b':') {
            return Err(self.fault());
        }
        self.at += 1;
        Ok(Some(Span::new(start, end)))
    }

    /// Goes to the array's next item; false behind the last.
    ///
    /// # Errors
    /// The text does not go on like an array.
    #[inline(always)]
    pub fn next_item(&mut self) -> Result<bool, JsonFault> {
        self.next(b']')
    }

    /// Steps over the value before which the cursor stands.
    ///
    /// # Errors
    /// No value stands there.
    #[inline(always)]
    pub fn skip(&mut self) -> Result<(Span, ValueKind), JsonFault> {
        let start = skip_space(self.buf, self.at);
        let (end, kind) = scan_value(self.buf, start)?;
        self.at = end;
        Ok((Span::new(start, end), kind))
    }

    /// Checks that nothing but white space follows.
    ///
    /// # Errors
    /// Something does.
    #[inline(always)]
    pub fn end(&mut self) -> Result<(), JsonFault> {
        self.at = skip_space(self.buf, self.at);
        if self.at == self.buf.len() { Ok(()) } else { Err(self.fault()) }
    }

    /// Goes over a comma where one is due; false over the closing bracket.
    #[inline(always)]
    fn next(&mut self, close: u8) -> Result<bool, JsonFault> {
        self.at = skip_space(self.buf, self.at);
        let fresh = std::mem::replace(&mut self.fresh, false);
        match self.buf.get(self.at) {
            Some(b',') if !fresh => {
                self.at = skip_space(self.buf, self.at + 1);
                Ok(true)
            }
            Some(byte) if *byte == close => {
                self.at += 1;
                Ok(false)
            }
            Some(_) if fresh => Ok(true),
            _ => Err(self.fault()),
        }
    }

    #[cold]
    fn fault(&self) -> JsonFault {
        JsonFault::at(self.buf, self.at)
    }
}
