//! The chunked coding (RFC 9112 7.1), byte by byte where it is framing, by arithmetic where it is
//! data.

use super::{BodyFault, Decoded};
use crate::head::is_token_byte;

/// Most digits of a size: every such number fits in 64 bits.
const DIGITS_MAX: u8 = 16;
/// Most bytes of one chunk's extensions.
const EXTENSION_MAX: u16 = 256;
/// Most bytes of all trailer fields.
const TRAILER_MAX: u16 = 8 * 1024;

/// Where in the coding the next byte stands.
///
/// ```text
///         +----------------------------------------------------------------+
///         v                                                                |
///   -> Size --CR--> SizeLf --size > 0--> Data --> DataCr --> DataLf --LF---+
///       |  ^          |
///       ;  |CR        +--size = 0--> TrailerStart --CR--> LastLf --LF--> Done
///       v  |                          |       ^
///   ExtensionName <--> Value       token      LF
///                                     v       |
///                              TrailerName --:--> TrailerValue --CR--> TrailerLf
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Size,
    ExtensionName,
    ExtensionValue,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    LastLf,
    Done,
}

/// The state of one chunked body.
#[derive(Clone, Debug)]
pub(super) struct Chunks {
    at: At,
    /// The size read so far, then the bytes of data still to come.
    left: u64,
    /// Digits of the size so far.
    digits: u8,
    /// Bytes of the current name or value in an extension: neither may be empty.
    part: u16,
    /// Bytes of this chunk's extensions, then of the trailer.
    spent: u16,
}

impl Chunks {
    pub(super) const fn new() -> Self {
        Self { at: At::Size, left: 0, digits: 0, part: 0, spent: 0 }
    }

    pub(super) fn is_done(&self) -> bool {
        self.at == At::Done
    }

    /// Reads framing up to the first piece of data, takes it, and reads on up to the next.
    pub(super) fn decode(&mut self, input: &[u8]) -> Result<Decoded, BodyFault> {
        let mut body = 0..0;
        let mut used = 0;
        while let Some(byte) = input.get(used) {
            match self.at {
                At::Done => break,
                At::Data if !body.is_empty() => break,
                At::Data => {
                    let there = input.len() - used;
                    let taken = there.min(usize::try_from(self.left).unwrap_or(usize::MAX));
                    body = used..used + taken;
                    used += taken;
                    self.left -= taken as u64;
                    if self.left == 0 {
                        self.at = At::DataCr;
                    }
                }
                At::DataCr if let Some((hopped, size)) = hop(&input[used..]) => {
                    (self.at, self.left) = (At::Data, size);
                    used += hopped;
                }
                _ => {
                    self.at = self.step(*byte)?;
                    used += 1;
                }
            }
        }
        Ok(Decoded { consumed: used, body })
    }

    /// Takes one byte of framing.
    fn step(&mut self, byte: u8) -> Result<At, BodyFault> {
        match self.at {
            At::Size => self.size(byte),
            At::ExtensionName | At::ExtensionValue => self.extension(byte),
            At::SizeLf => match (byte, self.left) {
                (b'\n', 0) => {
                    self.spent = 0;
                    Ok(At::TrailerStart)
                }
                (b'\n', _) => Ok(At::Data),
                _ => Err(BodyFault::LineEnd),
            },
            At::DataCr if byte == b'\r' => Ok(At::DataLf),
            At::DataLf if byte == b'\n' => {
                *self = Self::new();
                Ok(At::Size)
            }
            At::Data | At::DataCr | At::DataLf | At::Done => Err(BodyFault::ChunkEnd),
            At::TrailerStart | At::TrailerName | At::TrailerValue | At::TrailerLf | At::LastLf => {
                self.trailer(byte)
            }
        }
    }

    fn size(&mut self, byte: u8) -> Result<At, BodyFault> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\r' if self.digits > 0 => return Ok(At::SizeLf),
            b'\n' if self.digits > 0 => return Err(BodyFault::LineEnd),
            b';' if self.digits > 0 => return self.extension(byte),
            _ => return Err(BodyFault::ChunkSize),
        };
        if self.digits == DIGITS_MAX {
            return Err(BodyFault::ChunkSize);
        }
        self.digits += 1;
        self.left = self.left << 4 | u64::from(digit);
        Ok(At::Size)
    }

    fn extension(&mut self, byte: u8) -> Result<At, BodyFault> {
        let whole = self.at == At::Size || self.part > 0;
        let next = match byte {
            b';' if whole => At::ExtensionName,
            b'=' if whole && self.at == At::ExtensionName => At::ExtensionValue,
            b'\r' if whole => return Ok(At::SizeLf),
            b'\n' => return Err(BodyFault::LineEnd),
            token if is_token_byte(token) => self.at,
            _ => return Err(BodyFault::ChunkExtension),
        };
        self.spent += 1;
        if self.spent > EXTENSION_MAX {
            return Err(BodyFault::ChunkExtension);
        }
        self.part = if matches!(byte, b';' | b'=') { 0 } else { self.part + 1 };
        Ok(next)
    }

    fn trailer(&mut self, byte: u8) -> Result<At, BodyFault> {
        self.spent += 1;
        if self.spent > TRAILER_MAX {
            return Err(BodyFault::TrailerTooLong);
        }
        match (self.at, byte) {
            (At::TrailerStart, b'\r') => Ok(At::LastLf),
            (At::TrailerStart | At::TrailerName, token) if is_token_byte(token) => {
                Ok(At::TrailerName)
            }
            (At::TrailerName, b':') => Ok(At::TrailerValue),
            (At::TrailerValue, b'\r') => Ok(At::TrailerLf),
            (At::TrailerValue, b'\t' | b' '..=b'~' | 0x80..) => Ok(At::TrailerValue),
            (At::TrailerLf, b'\n') => Ok(At::TrailerStart),
            (At::LastLf, b'\n') => Ok(At::Done),
            (At::TrailerLf | At::LastLf, _) | (_, b'\n') => Err(BodyFault::LineEnd),
            _ => Err(BodyFault::Trailer),
        }
    }
}

/// The framing between two chunks in one look, where it is as nearly all is: the end of one, then
/// up to four digits and no extension. Its length, and the size of the next chunk.
#[inline]
fn hop(input: &[u8]) -> Option<(usize, u64)> {
    let digits = input.strip_prefix(b"\r\n")?;
    let mut size = 0;
    for (place, byte) in digits.iter().take(5).enumerate() {
        size = match byte {
            b'0'..=b'9' => size << 4 | u64::from(byte - b'0'),
            b'a'..=b'f' => size << 4 | u64::from(byte - b'a' + 10),
            b'\r' if size > 0 && digits.get(place + 1) == Some(&b'\n') => {
                return Some((place + 4, size));
            }
            _ => return None,
        };
    }
    None
}
