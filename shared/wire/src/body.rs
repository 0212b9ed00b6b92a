//! Bodies: where a message's body stands in the bytes that follow its head, and where it ends.
//!
//! Purpose: the four framings of RFC 9112 6 and 7 as one decoder that copies nothing: it tells
//! which bytes were used up and which of them are body. The chunk grammar is stricter than the
//! RFC's, as readers differ where it is loose: 1 to 16 digits, CR LF alone ends a line, extensions
//! of token grammar up to 256 bytes, no quoted strings, no white space, trailers read, bounded and
//! dropped.
//! Invariants: a call that is given bytes uses some of them up until the body is done, and none
//! after that; every byte split gives the same body and the same verdict.
//! Left out on purpose: content codings, and what extensions and trailers mean.

mod chunked;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use crate::head::Framing;
use chunked::Chunks;

/// The chunk that ends a chunked body, with no trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Writes the line before a chunk of `len` bytes; CR LF has to follow the bytes.
///
/// A `len` of zero would end the body, so nothing is written for it.
pub fn chunk_head(len: usize, out: &mut Vec<u8>) {
    let digits = (usize::BITS - len.leading_zeros()).div_ceil(4);
    for place in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(len >> (4 * place)) & 15]);
    }
    if len > 0 {
        out.extend_from_slice(b"\r\n");
    }
}

/// What one call made of its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// How many bytes of the input were used up.
    pub consumed: usize,
    /// Which of them are body; empty when they were framing alone.
    pub body: Range<usize>,
}

/// Finds one message's body in the bytes that follow its head.
#[derive(Clone, Debug)]
pub struct BodyDecoder(State);

#[derive(Clone, Debug)]
enum State {
    Counted(u64),
    Chunked(Chunks),
    UntilClose,
    Done,
}

impl BodyDecoder {
    /// The decoder for a head's framing; done at once if there is no body.
    pub fn new(framing: Framing) -> Self {
        Self(match framing {
            Framing::None | Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Counted(length),
            Framing::Chunked => State::Chunked(Chunks::new()),
            Framing::UntilClose => State::UntilClose,
        })
    }

    /// Uses up the front of `input` and tells where in it one contiguous piece of body stands.
    ///
    /// Call again with what was not consumed until all is, or until [`Self::is_done`].
    ///
    /// # Errors
    /// A [`BodyFault`] if the framing is broken; the message cannot be read on.
    pub fn decode(&mut self, input: &[u8]) -> Result<Decoded, BodyFault> {
        match &mut self.0 {
            State::Counted(left) => {
                let taken = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= taken as u64;
                if *left == 0 {
                    self.0 = State::Done;
                }
                Ok(Decoded { consumed: taken, body: 0..taken })
            }
            State::Chunked(chunks) => {
                let decoded = chunks.decode(input)?;
                if chunks.is_done() {
                    self.0 = State::Done;
                }
                Ok(decoded)
            }
            State::UntilClose => Ok(Decoded { consumed: input.len(), body: 0..input.len() }),
            State::Done => Ok(Decoded { consumed: 0, body: 0..0 }),
        }
    }

    /// Whether the body's end has been seen; further bytes belong to the next message.
    pub const fn is_done(&self) -> bool {
        matches!(self.0, State::Done)
    }

    /// Takes note that the connection ended.
    ///
    /// # Errors
    /// [`BodyFault::Truncated`] unless the body was done, or lasts until the connection ends.
    pub fn at_eof(&mut self) -> Result<(), BodyFault> {
        match self.0 {
            State::Done => Ok(()),
            State::UntilClose => {
                self.0 = State::Done;
                Ok(())
            }
            _ => Err(BodyFault::Truncated),
        }
    }
}

/// Why a body's framing is broken; always the sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BodyFault {
    /// A chunk's size is not 1 to 16 hexadecimal digits.
    ChunkSize,
    /// A chunk's extension is malformed or longer than 256 bytes.
    ChunkExtension,
    /// A line of the framing does not end in CR LF.
    LineEnd,
    /// A chunk's bytes are not followed by CR LF.
    ChunkEnd,
    /// A trailer field is malformed.
    Trailer,
    /// The trailers are longer than 8 KiB.
    TrailerTooLong,
    /// The connection ended before the body did.
    Truncated,
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ChunkSize => "a chunk's size is malformed",
            Self::ChunkExtension => "a chunk's extension is malformed or too long",
            Self::LineEnd => "a line of the chunked coding does not end in CR LF",
            Self::ChunkEnd => "a chunk is longer than its size",
            Self::Trailer => "a trailer field is malformed",
            Self::TrailerTooLong => "the trailer is too long",
            Self::Truncated => "the connection ended before the body",
        })
    }
}

impl std::error::Error for BodyFault {}
