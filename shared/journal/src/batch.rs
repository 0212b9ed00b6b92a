//! A batch: the unit that is there whole or not at all.
//!
//! ```text
//!    0 magic          4 bytes
//!    4 checksum       CRC32C of bytes 8..48 and of the records
//!    8 number         contiguous, from 1
//!   16 durable        the last batch that was synced when this one was written
//!   24 tag            the caller's, for instance the position of the first record
//!   32 length         of the records, in bytes
//!   36 count          of the records; the journal does not look inside
//!   40 previous       checksum of the batch before
//!   44 zero           4 bytes
//!   48 records, then zeros up to the disk's block                 numbers are little-endian
//! ```
//!
//! `previous` chains the batches, so that one left over from another life is never taken for the
//! next. `durable` tells a lost write from a damaged one: when batch 7 cannot be read but one with
//! `durable >= 7` can, batch 7 was on the disk once.

use std::fmt;
use std::io::{self, IoSlice};

use crate::disk::{Disk, ZEROS};

/// The most bytes of records that a batch holds: 64 MiB.
pub const RECORDS_BYTES_MAX: usize = 64 << 20;

pub(crate) const HEAD_BYTES: usize = 48;
const MAGIC: [u8; 4] = *b"TgB1";

/// The number of a batch. The first is 1; 0 stands before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchNumber(u64);

impl BatchNumber {
    /// Before the first batch.
    pub const ZERO: Self = Self(0);
    /// The first batch.
    pub const FIRST: Self = Self(1);

    /// Batch `number`.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The plain number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The batch after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The batch before this one; before 0 stands 0.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

impl fmt::Display for BatchNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Some of a batch's records, to be read without the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchPart {
    /// The byte of the batch's records at which it begins.
    pub start: u32,
    /// How many bytes.
    pub length: u32,
    /// Their CRC32C, as the batch's own is over all of it.
    pub checksum: u32,
}

impl BatchPart {
    /// The part that begins at byte `start` of a batch's records and holds these bytes.
    pub fn of(start: usize, bytes: &[u8]) -> Self {
        let checksum = crc32c::crc32c(bytes);
        Self { start: start as u32, length: bytes.len() as u32, checksum }
    }
}

/// Where a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchPosition {
    /// Its number.
    pub number: BatchNumber,
    /// The number of its segment.
    pub segment: u64,
    /// The byte of the segment at which it begins.
    pub offset: u64,
}

/// A batch as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Where it stands.
    pub position: BatchPosition,
    /// What the caller gave with it.
    pub tag: u64,
    /// How many records the caller said it holds.
    pub count: u32,
    /// The records, one after the other as they were given.
    pub records: Vec<u8>,
}

/// The newest batch of some prefix: what the next one is chained to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tip {
    pub(crate) number: BatchNumber,
    pub(crate) checksum: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchHead {
    pub(crate) number: BatchNumber,
    pub(crate) durable: BatchNumber,
    pub(crate) tag: u64,
    pub(crate) length: u32,
    pub(crate) count: u32,
    pub(crate) previous: u32,
}

impl BatchHead {
    /// The bytes that stand before `records`, and the batch as a tip.
    pub(crate) fn encode(&self, records: &[u8]) -> ([u8; HEAD_BYTES], Tip) {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[8..16].copy_from_slice(&self.number.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.durable.0.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.tag.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.length.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.count.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.previous.to_le_bytes());
        let checksum = checksum(&bytes, records);
        bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
        (bytes, Tip { number: self.number, checksum })
    }

    /// What a head claims, and the checksum that its batch must have. Nothing is proved yet.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Self, u32)> {
        let bytes: &[u8; HEAD_BYTES] = bytes.get(..HEAD_BYTES)?.try_into().ok()?;
        let head = Self {
            number: BatchNumber(long_at(bytes, 8)),
            durable: BatchNumber(long_at(bytes, 16)),
            tag: long_at(bytes, 24),
            length: word_at(bytes, 32),
            count: word_at(bytes, 36),
            previous: word_at(bytes, 40),
        };
        let plausible = bytes[..4] == MAGIC && head.length as usize <= RECORDS_BYTES_MAX;
        plausible.then_some((head, word_at(bytes, 4)))
    }
}

/// Writes a batch, padded with zeros to the block, in one call.
pub(crate) fn write_batch<D: Disk>(
    disk: &D,
    file: &D::File,
    offset: u64,
    block: usize,
    head: BatchHead,
    records: &[u8],
) -> io::Result<Tip> {
    let (encoded, tip) = head.encode(records);
    let padding = &ZEROS[..padded_bytes(records.len(), block) - HEAD_BYTES - records.len()];
    let mut parts = [IoSlice::new(&encoded), IoSlice::new(records), IoSlice::new(padding)];
    disk.write_at(file, offset, &mut parts)?;
    Ok(tip)
}

/// The checksum of a batch, of which `head` are the first bytes.
pub(crate) fn checksum(head: &[u8], records: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&head[8..HEAD_BYTES]), records)
}

/// What a batch of `records` bytes takes on a disk with blocks of `block` bytes.
pub(crate) fn padded_bytes(records: usize, block: usize) -> usize {
    (HEAD_BYTES + records).next_multiple_of(block)
}

/// The four bytes at `at`, little-endian; zero beyond the end.
pub(crate) fn word_at(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
    u32::from_le_bytes(word.unwrap_or_default())
}

/// The eight bytes at `at`, little-endian; zero beyond the end.
pub(crate) fn long_at(bytes: &[u8], at: usize) -> u64 {
    let long = bytes.get(at..at + 8).and_then(|long| long.try_into().ok());
    u64::from_le_bytes(long.unwrap_or_default())
}
