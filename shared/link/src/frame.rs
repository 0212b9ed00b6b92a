//! The byte form of the link's messages.
//!
//! Layout: `u32` length (little-endian) of what follows, a tag byte, the message. Settlements are
//! the records' own bytes as they stand in the journal; all else is JSON, as it is small or rare.
//! Invariants: a frame is bounded, by the kind of its message; a message read back is the message
//! written; reading checks every step and never panics, and what does not read ends the link.

use std::fmt;

use ledger::run;
use units::Epoch;

use crate::to_control::ToControl;
use crate::to_data::ToData;

/// Bytes of the length before a frame.
pub const LENGTH_BYTES: usize = 4;

const WORDS: u8 = 1;
const SETTLEMENT: u8 = 2;

/// Why bytes are not a frame of the link. The link is then of no more use: both sides begin anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameFault {
    /// It is empty, or longer than a frame may be: its length.
    Length(usize),
    /// A kind of message that is not known.
    UnknownTag(u8),
    /// The message is cut off or broken: what is wrong.
    Broken(String),
}

impl fmt::Display for FrameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(bytes) => write!(f, "a frame of {bytes} bytes"),
            Self::UnknownTag(tag) => write!(f, "a message of the unknown kind {tag}"),
            Self::Broken(what) => write!(f, "a broken message: {what}"),
        }
    }
}

impl std::error::Error for FrameFault {}

/// A message that crosses a socket.
pub trait Message: Sized {
    /// The longest frame.
    const BYTES_MAX: usize;

    /// Appends the message, its tag first.
    ///
    /// # Errors
    /// None that these types can cause; JSON's own error is passed on rather than hidden.
    fn write(&self, out: &mut Vec<u8>) -> Result<(), FrameFault>;

    /// Reads a message, which must be all of `bytes`.
    ///
    /// # Errors
    /// Whatever is wrong with the bytes.
    fn read(bytes: &[u8]) -> Result<Self, FrameFault>;
}

/// A message as a frame, its length included.
///
/// # Errors
/// The message is longer than a frame may be.
pub fn encode<M: Message>(message: &M) -> Result<Vec<u8>, FrameFault> {
    let mut out = vec![0; LENGTH_BYTES];
    message.write(&mut out)?;
    let length = out.len() - LENGTH_BYTES;
    if length > M::BYTES_MAX {
        return Err(FrameFault::Length(length));
    }
    out[..LENGTH_BYTES].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(out)
}

/// The length of the frame of a message `M` behind these bytes.
///
/// # Errors
/// It is empty, or longer than a frame may be.
pub fn length<M: Message>(bytes: [u8; LENGTH_BYTES]) -> Result<usize, FrameFault> {
    let length = u32::from_le_bytes(bytes) as usize;
    if (1..=M::BYTES_MAX).contains(&length) { Ok(length) } else { Err(FrameFault::Length(length)) }
}

impl Message for ToControl {
    /// Pieces of a journal, far below this; a peer that announces more is not one.
    const BYTES_MAX: usize = 256 << 20;

    fn write(&self, out: &mut Vec<u8>) -> Result<(), FrameFault> {
        let Self::Settlement { epoch, runs } = self else { return words(self, out) };
        out.push(SETTLEMENT);
        out.extend_from_slice(&epoch.0.to_le_bytes());
        runs.iter().for_each(|run| run.encode(out));
        Ok(())
    }

    fn read(bytes: &[u8]) -> Result<Self, FrameFault> {
        match bytes.split_first() {
            Some((&SETTLEMENT, rest)) => settlement(rest),
            _ => from_words(bytes),
        }
    }
}

impl Message for ToData {
    /// All keys at once, some ten million of them: as much as the length can say.
    const BYTES_MAX: usize = u32::MAX as usize;

    fn write(&self, out: &mut Vec<u8>) -> Result<(), FrameFault> {
        words(self, out)
    }

    fn read(bytes: &[u8]) -> Result<Self, FrameFault> {
        from_words(bytes)
    }
}

fn words(message: &impl serde::Serialize, out: &mut Vec<u8>) -> Result<(), FrameFault> {
    out.push(WORDS);
    serde_json::to_writer(out, message).map_err(|error| FrameFault::Broken(error.to_string()))
}

fn from_words<'b, M: serde::Deserialize<'b>>(bytes: &'b [u8]) -> Result<M, FrameFault> {
    match bytes.split_first() {
        None => Err(FrameFault::Length(0)),
        Some((&WORDS, rest)) => {
            serde_json::from_slice(rest).map_err(|error| FrameFault::Broken(error.to_string()))
        }
        Some((tag, _)) => Err(FrameFault::UnknownTag(*tag)),
    }
}

fn settlement(bytes: &[u8]) -> Result<ToControl, FrameFault> {
    let cut = || FrameFault::Broken("a settlement without its epoch".to_owned());
    let (epoch, payload) = bytes.split_first_chunk().ok_or_else(cut)?;
    let epoch = Epoch(u32::from_le_bytes(*epoch));
    let runs = run::runs(payload).collect::<Result<_, _>>();
    let runs = runs.map_err(|fault| FrameFault::Broken(fault.to_string()))?;
    Ok(ToControl::Settlement { epoch, runs })
}

#[cfg(test)]
mod tests;
