//! The byte forms that every encoding of this crate is made of.
//!
//! Purpose: little-endian base-128 numbers (seven bits a byte, the low ones first, the top bit set
//! on all but the last byte), amounts as signed numbers folded into unsigned ones (0, -1, 1, -2,
//! ... become 0, 1, 2, 3, ...), byte strings behind their length.
//! Invariants: every value has exactly one form, so equal values give equal bytes; reading checks
//! each step and never panics, whatever the bytes are; a length is believed only as far as bytes
//! are there.

use std::fmt;

use units::{AccountId, Tokens, Usd};

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFault {
    /// They end too early.
    Truncated,
    /// Bytes follow the end, or a run holds another number of records than it says.
    Surplus,
    /// A kind of record that this version does not know.
    UnknownTag(u8),
    /// A field holds what it cannot: which one.
    BadValue(&'static str),
}

impl fmt::Display for RecordFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the bytes end too early"),
            Self::Surplus => f.write_str("the bytes hold more or less than they say"),
            Self::UnknownTag(tag) => write!(f, "unknown kind of record {tag}"),
            Self::BadValue(field) => write!(f, "impossible value of {field}"),
        }
    }
}

impl std::error::Error for RecordFault {}

/// Where bytes go: a growing buffer, or the fixed place of one record.
pub(crate) trait Sink {
    /// Appends one byte.
    fn byte(&mut self, byte: u8);

    /// Appends bytes as they are.
    fn put(&mut self, bytes: &[u8]);

    /// Appends a number.
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.byte(number as u8 | 0x80);
            number >>= 7;
        }
        self.byte(number as u8);
    }

    /// Appends an amount, of either sign.
    fn amount(&mut self, amount: Usd) {
        let pico = amount.pico();
        let mut folded = (pico << 1 ^ pico >> 127) as u128;
        while folded > u128::from(u64::MAX) {
            self.byte(folded as u8 | 0x80);
            folded >>= 7;
        }
        self.varint(folded as u64);
    }

    /// Appends a bitmap of the classes used, then their counts.
    fn tokens(&mut self, tokens: &Tokens) {
        let counts = tokens.counts();
        let used = counts.iter().rev().fold(0u16, |bits, count| bits << 1 | u16::from(*count > 0));
        self.put(&used.to_le_bytes());
        for count in counts.iter().filter(|count| **count > 0) {
            self.varint(*count);
        }
    }

    /// Appends an account's id, as it is: ids need not be small.
    fn account(&mut self, account: AccountId) {
        self.put(&account.0.to_le_bytes());
    }

    /// Appends a byte string behind its length.
    fn string(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.put(bytes);
    }
}

impl Sink for Vec<u8> {
    fn byte(&mut self, byte: u8) {
        self.push(byte);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Reads what a [`Sink`] was given, from the front.
pub(crate) struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    pub(crate) const fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left: an upper bound for any count that is read.
    pub(crate) const fn left(&self) -> usize {
        self.rest.len()
    }

    /// Fails unless everything was read.
    pub(crate) const fn finish(&self) -> Result<(), RecordFault> {
        if self.rest.is_empty() { Ok(()) } else { Err(RecordFault::Surplus) }
    }

    pub(crate) fn byte(&mut self) -> Result<u8, RecordFault> {
        let (first, rest) = self.rest.split_first().ok_or(RecordFault::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'b [u8], RecordFault> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(RecordFault::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordFault> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(RecordFault::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, RecordFault> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let wide = self.wide(first)?;
        u64::try_from(wide).map_err(|_| RecordFault::BadValue("number"))
    }

    /// A number that must fit a narrower type.
    pub(crate) fn narrow<T: TryFrom<u64>>(
        &mut self,
        field: &'static str,
    ) -> Result<T, RecordFault> {
        T::try_from(self.varint()?).map_err(|_| RecordFault::BadValue(field))
    }

    pub(crate) fn amount(&mut self) -> Result<Usd, RecordFault> {
        let first = self.byte()?;
        let folded = if first < 0x80 { u128::from(first) } else { self.wide(first)? };
        Ok(Usd::from_pico((folded >> 1) as i128 ^ -((folded & 1) as i128)))
    }

    pub(crate) fn tokens(&mut self) -> Result<Tokens, RecordFault> {
        let mut used = u16::from_le_bytes(self.array()?);
        let mut counts = *Tokens::ZERO.counts();
        if used >> counts.len() != 0 {
            return Err(RecordFault::BadValue("token class"));
        }
        while used != 0 {
            let count = self.varint()?;
            if count == 0 {
                return Err(RecordFault::BadValue("token count"));
            }
            counts[used.trailing_zeros() as usize] = count;
            used &= used - 1;
        }
        Ok(Tokens::from_counts(counts))
    }

    pub(crate) fn account(&mut self) -> Result<AccountId, RecordFault> {
        self.array().map(|bytes| AccountId(u64::from_le_bytes(bytes)))
    }

    pub(crate) fn string(&mut self) -> Result<&'b [u8], RecordFault> {
        let length = self.narrow("length")?;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'b str, RecordFault> {
        std::str::from_utf8(self.string()?).map_err(|_| RecordFault::BadValue("text"))
    }

    /// A switch, 0 or 1.
    pub(crate) fn switch(&mut self) -> Result<bool, RecordFault> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(RecordFault::BadValue("switch")),
        }
    }

    /// The number whose first byte is `first` and says that more follow.
    fn wide(&mut self, first: u8) -> Result<u128, RecordFault> {
        let mut number = u128::from(first & 0x7f);
        let mut shift = 7;
        loop {
            let byte = self.byte()?;
            let bits = u128::from(byte & 0x7f);
            if shift > 126 || bits << shift >> shift != bits {
                return Err(RecordFault::BadValue("number"));
            }
            number |= bits << shift;
            if byte < 0x80 {
                return if byte == 0 { Err(RecordFault::BadValue("number")) } else { Ok(number) };
            }
            shift += 7;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_and_have_one_form() {
        for number in [0, 1, 127, 128, 16_383, 16_384, u64::MAX] {
            let mut out = Vec::new();
            out.varint(number);
            assert_eq!(Reader::new(&out).varint(), Ok(number));
        }
        assert_eq!(Reader::new(&[0x80, 0]).varint(), Err(RecordFault::BadValue("number")));
        assert_eq!(Reader::new(&[0xff; 20]).varint(), Err(RecordFault::BadValue("number")));
    }

    #[test]
    fn amounts_of_any_size_and_sign_read_back() {
        for pico in [0, 1, -1, 63, -64, i128::from(i64::MAX), i128::MAX, i128::MIN] {
            let mut out = Vec::new();
            out.amount(Usd::from_pico(pico));
            assert_eq!(Reader::new(&out).amount(), Ok(Usd::from_pico(pico)));
        }
    }
}
