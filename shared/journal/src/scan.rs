//! Reads a segment batch by batch through a window of bounded size.
//!
//! A batch counts only if it is the next one: its number, its chain and its checksum agree. What
//! is not the next batch is the end, and whether that end is lawful is not decided here.

use std::io;

use crate::batch::{BatchHead, BatchNumber, HEAD_BYTES, Tip, checksum, padded_bytes};
use crate::disk::{Disk, ZEROS};
use crate::segment::{Segment, SegmentHead};

/// What is read from the disk first, and what at most unless a batch is longer: the window
/// doubles as it moves on.
const WINDOW_BYTES_MIN: usize = 4 << 10;
const WINDOW_BYTES_MAX: usize = 256 << 10;
/// The least alignment of a batch.
const SECTOR_BYTES: u64 = 512;

/// A window that slides over a file.
pub(crate) struct Window<'d, D: Disk> {
    disk: &'d D,
    file: D::File,
    start: u64,
    bytes: Vec<u8>,
}

impl<'d, D: Disk> Window<'d, D> {
    pub(crate) fn open(disk: &'d D, segment: Segment) -> io::Result<Self> {
        Ok(Self { disk, file: disk.open(&segment.name())?, start: 0, bytes: Vec::new() })
    }

    /// `length` bytes at `offset`, fewer at the end of the file.
    fn at(&mut self, offset: u64, length: usize) -> io::Result<&[u8]> {
        let end = offset + length as u64;
        if offset < self.start || end > self.start + self.bytes.len() as u64 {
            let size = (self.bytes.len() * 2).clamp(WINDOW_BYTES_MIN, WINDOW_BYTES_MAX);
            self.bytes.resize(length.max(size), 0);
            let read = self.disk.read_at(&self.file, offset, &mut self.bytes)?;
            self.bytes.truncate(read);
            self.start = offset;
        }
        let from = (offset - self.start) as usize;
        Ok(&self.bytes[from..self.bytes.len().min(from + length)])
    }

    pub(crate) fn head(&mut self, segment: Segment) -> io::Result<Option<SegmentHead>> {
        Ok(SegmentHead::decode(self.at(0, SECTOR_BYTES as usize)?, segment))
    }

    /// A whole batch at `offset`, whatever its number.
    pub(crate) fn batch(&mut self, offset: u64) -> io::Result<Option<Found<'_>>> {
        let Some((head, claimed)) = BatchHead::decode(self.at(offset, HEAD_BYTES)?) else {
            return Ok(None);
        };
        let bytes = self.at(offset, HEAD_BYTES + head.length as usize)?;
        let whole = bytes.len() == HEAD_BYTES + head.length as usize
            && checksum(bytes, &bytes[HEAD_BYTES..]) == claimed;
        let tip = Tip { number: head.number, checksum: claimed };
        Ok(whole.then(|| Found { head, tip, offset, records: &bytes[HEAD_BYTES..] }))
    }

    /// Whether a whole batch that satisfies `is_proof` stands anywhere from `offset` on.
    pub(crate) fn any_batch(
        &mut self,
        mut offset: u64,
        is_proof: impl Fn(&BatchHead) -> bool,
    ) -> io::Result<bool> {
        while !self.at(offset, HEAD_BYTES)?.is_empty() {
            if self.batch(offset)?.is_some_and(|found| is_proof(&found.head)) {
                return Ok(true);
            }
            offset += SECTOR_BYTES;
        }
        Ok(false)
    }

    /// Whether nothing was ever written from `offset` on.
    pub(crate) fn is_zero_from(&mut self, mut offset: u64) -> io::Result<bool> {
        loop {
            let bytes = self.at(offset, ZEROS.len())?;
            if bytes != &ZEROS[..bytes.len()] {
                return Ok(false);
            }
            if bytes.is_empty() {
                return Ok(true);
            }
            offset += bytes.len() as u64;
        }
    }
}

/// A batch that stands whole in a window.
pub(crate) struct Found<'w> {
    pub(crate) head: BatchHead,
    pub(crate) tip: Tip,
    pub(crate) offset: u64,
    pub(crate) records: &'w [u8],
}

/// A walk over the chained batches of one segment.
pub(crate) struct Walk<'d, D: Disk> {
    pub(crate) window: Window<'d, D>,
    pub(crate) segment: Segment,
    /// The last batch passed.
    pub(crate) tip: Tip,
    /// The last batch that is known to have been synced.
    pub(crate) durable: BatchNumber,
    /// Where the next one begins.
    pub(crate) offset: u64,
    block: usize,
}

impl<'d, D: Disk> Walk<'d, D> {
    pub(crate) fn new(window: Window<'d, D>, segment: Segment, head: SegmentHead) -> Self {
        let tip = Tip { number: segment.first.previous(), checksum: head.previous };
        let (durable, offset) = (tip.number, head.first_offset());
        Self { window, segment, tip, durable, offset, block: head.block }
    }

    /// The next batch, or `None` where there is none that belongs here.
    pub(crate) fn next(&mut self) -> io::Result<Option<Found<'_>>> {
        let Some(found) = self.window.batch(self.offset)? else {
            return Ok(None);
        };
        if found.tip.number != self.tip.number.next() || found.head.previous != self.tip.checksum {
            return Ok(None);
        }
        self.tip = found.tip;
        self.durable = found.head.durable;
        self.offset += padded_bytes(found.records.len(), self.block) as u64;
        Ok(Some(found))
    }

    /// Passes batches until the last that belongs here, or until `last`.
    pub(crate) fn run_to(&mut self, last: BatchNumber) -> io::Result<()> {
        while self.tip.number < last && self.next()?.is_some() {}
        Ok(())
    }
}
