//! A segment: one file, its name and its first block.
//!
//! ```text
//!   name   <index>-<first batch>.segment, decimal, padded with zeros so that names sort
//!   block  0 magic 8 | 8 checksum 4 | 12 block 4 | 16 index 8 | 24 first 8 | 32 previous 4
//! ```
//!
//! Indexes rise, and so do first numbers. A segment ends in front of the first batch of the next
//! one: what stands behind that was given up by a rotation. The first block is synced before any
//! batch is written behind it, so a file without one has never held a batch.
//! Left out on purpose: a last number. It is the next segment's first, less one.

use std::io::IoSlice;

use crate::batch::{BatchNumber, Tip, long_at, word_at};
use crate::disk::{BLOCK_BYTES_MAX, Disk};
use crate::error::JournalError;

const MAGIC: [u8; 8] = *b"TgSegm01";
const HEAD_BYTES: usize = 36;

/// What the name of a segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Segment {
    pub(crate) index: u64,
    pub(crate) first: BatchNumber,
}

impl Segment {
    pub(crate) fn behind(tip: Tip, index: u64) -> Self {
        Self { index, first: tip.number.next() }
    }

    pub(crate) fn name(self) -> String {
        format!("{:012}-{:020}.segment", self.index, self.first)
    }

    /// `None` for files that are not segments.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let (index, first) = name.strip_suffix(".segment")?.split_once('-')?;
        let segment =
            Self { index: index.parse().ok()?, first: BatchNumber::new(first.parse().ok()?) };
        (segment.name() == name).then_some(segment)
    }
}

/// What the first block of a segment says beyond its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHead {
    /// The alignment of the batches, in bytes.
    pub(crate) block: usize,
    /// The checksum of the batch before the first.
    pub(crate) previous: u32,
}

impl SegmentHead {
    pub(crate) fn decode(bytes: &[u8], segment: Segment) -> Option<Self> {
        let head = Self { block: word_at(bytes, 12) as usize, previous: word_at(bytes, 32) };
        let whole = bytes.len() >= HEAD_BYTES
            && bytes[..8] == MAGIC
            && word_at(bytes, 8) == crc32c::crc32c(&bytes[12..HEAD_BYTES])
            && long_at(bytes, 16) == segment.index
            && long_at(bytes, 24) == segment.first.get()
            && head.block.is_power_of_two()
            && head.block <= BLOCK_BYTES_MAX;
        whole.then_some(head)
    }

    fn encode(self, segment: Segment) -> [u8; BLOCK_BYTES_MAX] {
        let mut bytes = [0; BLOCK_BYTES_MAX];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[12..16].copy_from_slice(&(self.block as u32).to_le_bytes());
        bytes[16..24].copy_from_slice(&segment.index.to_le_bytes());
        bytes[24..32].copy_from_slice(&segment.first.get().to_le_bytes());
        bytes[32..36].copy_from_slice(&self.previous.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[12..HEAD_BYTES]);
        bytes[8..12].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The byte at which the first batch begins.
    pub(crate) fn first_offset(self) -> u64 {
        self.block as u64
    }
}

/// The length of a segment's file with room for `bytes` of batches.
pub(crate) fn file_bytes(bytes: u64, block: usize) -> u64 {
    (block as u64 + bytes).next_multiple_of(block as u64)
}

/// A segment that takes batches.
pub(crate) struct OpenSegment<F> {
    pub(crate) segment: Segment,
    pub(crate) file: F,
    /// Where the next batch goes.
    pub(crate) offset: u64,
    /// The length of the file.
    pub(crate) bytes: u64,
}

impl<F> OpenSegment<F> {
    /// Makes a segment behind `tip`, with room for `bytes` of batches. When that fails a file may
    /// be left, with or without a head.
    pub(crate) fn create<D: Disk<File = F>>(
        disk: &D,
        segment: Segment,
        tip: Tip,
        bytes: u64,
    ) -> Result<Self, JournalError> {
        let head = SegmentHead { block: disk.block_bytes(), previous: tip.checksum };
        let bytes = file_bytes(bytes, head.block);
        let file =
            disk.create(&segment.name(), bytes).map_err(JournalError::io("create a segment"))?;
        let block = head.encode(segment);
        disk.write_at(&file, 0, &mut [IoSlice::new(&block[..head.block])])
            .and_then(|()| disk.sync(&file))
            .map_err(JournalError::io("write the head of a segment"))?;
        Ok(Self { segment, file, offset: head.first_offset(), bytes })
    }
}
