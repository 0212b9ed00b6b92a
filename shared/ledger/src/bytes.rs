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

    /// Appends the low `count` bytes of a word.
    fn word(&mut self, word: u64, count: usize);

    /// Appends a number.
    #[inline]
    fn varint(&mut self, mut number: u64) {
        if number < 0x80 {
            return self.byte(number as u8);
        }
        if number < 1 << 56 {
            let count = (70 - number.leading_zeros() as usize) / 7;
            let more = 0x8080_8080_8080_8080 & ((1 << (8 * (count - 1))) - 1);
            return self.word(stretch(number) | more, count);
        }
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

/// Spreads the low 56 bits over eight bytes, seven to each.
const fn stretch(number: u64) -> u64 {
    let halves = (number & 0x0fff_ffff) | ((number & 0x00ff_ffff_f000_0000) << 4);
    let pairs = (halves & 0x0000_3fff_0000_3fff) | ((halves & 0x0fff_c000_0fff_c000) << 2);
    (pairs & 0x007f_007f_007f_007f) | ((pairs & 0x3f80_3f80_3f80_3f80) << 1)
}

/// Puts the low seven bits of eight bytes back together.
const fn squeeze(word: u64) -> u64 {
    let pairs = (word & 0x007f_007f_007f_007f) | ((word & 0x7f00_7f00_7f00_7f00) >> 1);
    let halves = (pairs & 0x0000_3fff_0000_3fff) | ((pairs & 0x3fff_0000_3fff_0000) >> 2);
    (halves & 0x0fff_ffff) | ((halves & 0x0fff_ffff_0000_0000) >> 4)
}

impl Sink for Vec<u8> {
    fn word(&mut self, word: u64, count: usize) {
        self.extend_from_slice(&word.to_le_bytes()[..count]);
    }

    fn byte(&mut self, byte: u8) {
        self.push(byte);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// The last bytes there are, and after them what says that more must follow.
fn tail(rest: &[u8]) -> [u8; 8] {
    let mut eight = [0x80; 8];
    eight.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
    eight
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

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, RecordFault> {
        let (first, rest) = self.rest.split_first().ok_or(RecordFault::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    #[inline]
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

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, RecordFault> {
        match self.short() {
            Some(number) => Ok(number),
            None => u64::try_from(self.wide()?).map_err(|_| RecordFault::BadValue("number")),
        }
    }

    /// A number that must fit a narrower type.
    #[inline]
    pub(crate) fn narrow<T: TryFrom<u64>>(
        &mut self,
        field: &'static str,
    ) -> Result<T, RecordFault> {
        T::try_from(self.varint()?).map_err(|_| RecordFault::BadValue(field))
    }

    #[inline]
    pub(crate) fn amount(&mut self) -> Result<Usd, RecordFault> {
        if let Some(folded) = self.short() {
            let pico = (folded >> 1) as i64 ^ -((folded & 1) as i64);
            return Ok(Usd::from_pico(i128::from(pico)));
        }
        let folded = self.wide()?;
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

    #[inline]
    pub(crate) fn account(&mut self) -> Result<AccountId, RecordFault> {
        self.array().map(|bytes| AccountId(u64::from_le_bytes(bytes)))
    }

    #[inline]
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

    /// A number of up to eight bytes; `None` (and nothing read) if it is longer or broken.
    #[inline]
    fn short(&mut self) -> Option<u64> {
        let (first, rest) = self.rest.split_first()?;
        if *first < 0x80 {
            self.rest = rest;
            return Some(u64::from(*first));
        }
        let word = self.rest.first_chunk().map_or_else(|| tail(self.rest), |eight| *eight);
        let word = u64::from_le_bytes(word);
        let ends = !word & 0x8080_8080_8080_8080;
        if ends == 0 {
            return None;
        }
        let bits = ends.trailing_zeros() + 1;
        let number = squeeze(word & (u64::MAX >> (64 - bits)) & 0x7f7f_7f7f_7f7f_7f7f);
        if number >> ((bits / 8 - 1) * 7) == 0 {
            return None;
        }
        self.rest = self.rest.get(bits as usize / 8..)?;
        Some(number)
    }

    /// A number of any length, byte by byte.
    #[cold]
    fn wide(&mut self) -> Result<u128, RecordFault> {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte()?;
            let bits = u128::from(byte & 0x7f);
            if shift > 126 || bits << shift >> shift != bits {
                return Err(RecordFault::BadValue("number"));
            }
            number |= bits << shift;
            if byte < 0x80 {
                let long = byte == 0 && shift > 0;
                return if long { Err(RecordFault::BadValue("number")) } else { Ok(number) };
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
        let powers = (0..64).map(|bits| 1u64 << bits);
        for number in powers.flat_map(|power| [power - 1, power, power + 1]).chain([u64::MAX]) {
            let mut out = Vec::new();
            out.varint(number);
            assert_eq!(Reader::new(&out).varint(), Ok(number), "at the end");
            assert_eq!(out.len(), (64 - (number | 1).leading_zeros() as usize).div_ceil(7));
            out.extend_from_slice(&[0xff; 9]);
            let mut from = Reader::new(&out);
            assert_eq!((from.varint(), from.left()), (Ok(number), 9), "followed by more");
        }
        let long = [0x80, 0, 1, 1, 1, 1, 1, 1, 1];
        assert_eq!(Reader::new(&long).varint(), Err(RecordFault::BadValue("number")));
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
