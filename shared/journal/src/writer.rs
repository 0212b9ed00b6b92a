//! The one writer of a journal.
//!
//! ```text
//!               write, sync: I/O error            rotate
//!   SOUND ────────────────────────────▶ SUSPECT ─────────▶ ON TRIAL ── sync ──▶ SOUND
//!                                          │ rotate fails      │ I/O error
//!                                          └────────▶ BROKEN ◀─┘
//! ```
//!
//! Invariants: a batch is written behind everything that came before it, in one call; a new
//! segment is made only when the old one is synced, or given up by a rotation; `durable` rises
//! only after a sync that began after the write returned.
//! After a failed sync the kernel may have forgotten what it could not write, so a second sync of
//! the same file proves nothing. A rotation therefore goes back to the last durable batch and
//! starts a new file; the caller, who still has the batches after that one, writes them again.
//! No room is different: nothing was half done, and the same call may succeed later.

use std::io;

use crate::archive::{Archive, Batches, SegmentRange};
use crate::batch::{Batch, BatchHead, BatchNumber, BatchPart, BatchPosition};
use crate::batch::{RECORDS_BYTES_MAX, Tip, padded_bytes, write_batch};
use crate::disk::{Disk, is_full};
use crate::error::JournalError;
use crate::recovery::{Recovery, Survey};
use crate::segment::{OpenSegment, Segment, file_bytes};

/// How a journal is laid out.
#[derive(Clone, Copy, Debug)]
pub struct JournalOptions {
    /// What a segment takes on the disk, in bytes. One that must hold a longer batch is longer.
    pub segment_bytes: u64,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20 }
    }
}

/// A journal that takes batches.
pub struct Journal<D: Disk> {
    archive: Archive<D>,
    options: JournalOptions,
    current: OpenSegment<D::File>,
    next_index: u64,
    written: Tip,
    durable: Tip,
    state: State,
}

enum State {
    Sound,
    Suspect,
    OnTrial,
    Broken { cause: String },
}

impl<D: Disk> Journal<D> {
    /// Opens the journal on `disk`, or begins one. A torn tail is cut off; what remains is made
    /// durable, and a new segment is begun behind it.
    ///
    /// Damage in older segments shows only when they are read: replay with
    /// [`Self::batches_from`] before serving.
    ///
    /// # Errors
    /// `Corrupt` when something that was durable cannot be read; `Full` and the disk's.
    pub fn open(disk: D, options: JournalOptions) -> Result<(Self, Recovery), JournalError> {
        let survey = Survey::take(&disk)?;
        let recovery = survey.recovery();
        survey.make_durable(&disk).map_err(JournalError::io("close the newest segment"))?;
        // Before the next segment is made: behind a newer one, a file without a head would look
        // like a segment that lost it.
        for unborn in &survey.unborn {
            disk.remove(&unborn.name()).map_err(JournalError::io("remove an empty segment"))?;
        }
        let index = survey.next_index();
        let mut segments = survey.segments;
        let segment = Segment::behind(survey.tip, index);
        let current = OpenSegment::create(&disk, segment, survey.tip, options.segment_bytes)?;
        segments.push(segment);
        let archive = Archive { disk, segments, last: survey.tip.number };
        let mut journal = Self {
            archive,
            options,
            current,
            next_index: index + 1,
            written: survey.tip,
            durable: survey.tip,
            state: State::Sound,
        };
        journal.remove_empty();
        Ok((journal, recovery))
    }

    /// Writes one batch of `count` records, given as they shall be read back, with a `tag` of the
    /// caller's. It is not durable before the next [`Self::sync`].
    ///
    /// # Errors
    /// `TooLarge`; `Full`, after which the same batch may be written again; `Io`, after which the
    /// journal must be rotated; `MustRotate` and `Broken` after earlier errors.
    pub fn write(
        &mut self,
        tag: u64,
        count: u32,
        records: &[u8],
    ) -> Result<BatchPosition, JournalError> {
        self.check_writable()?;
        if records.len() > RECORDS_BYTES_MAX {
            return Err(JournalError::TooLarge { bytes: records.len() });
        }
        let bytes = padded_bytes(records.len(), self.archive.disk.block_bytes());
        if self.current.offset + bytes as u64 > self.current.bytes {
            self.roll(bytes as u64)?;
        }
        let head = BatchHead {
            number: self.written.number.next(),
            durable: self.durable.number,
            tag,
            length: records.len() as u32,
            count,
            previous: self.written.checksum,
        };
        let (disk, file, offset) = (&self.archive.disk, &self.current.file, self.current.offset);
        let tip = write_batch(disk, file, offset, disk.block_bytes(), head, records)
            .map_err(|error| self.write_failed(error))?;
        self.current.offset += bytes as u64;
        self.prepare_next(bytes as u64);
        self.written = tip;
        self.archive.last = tip.number;
        Ok(BatchPosition { number: tip.number, segment: self.current.segment.index, offset })
    }

    /// Makes every batch written so far durable. Costs nothing when all are.
    ///
    /// # Errors
    /// `Io`, after which the journal must be rotated; `MustRotate` and `Broken` after earlier
    /// errors.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.check_writable()?;
        if self.durable == self.written {
            return Ok(());
        }
        self.archive
            .disk
            .sync(&self.current.file)
            .map_err(|source| self.failed("sync the journal", source))?;
        self.durable = self.written;
        self.state = State::Sound;
        Ok(())
    }

    /// After a failed write or sync: gives up the segment and begins a new one behind the last
    /// durable batch. The caller writes every later batch again, from [`Self::durable`] on.
    ///
    /// # Errors
    /// `Full`, after which it may be tried again; any other error closes the journal.
    pub fn rotate(&mut self) -> Result<(), JournalError> {
        if let State::Broken { .. } = self.state {
            return self.check_writable();
        }
        self.written = self.durable;
        self.archive.last = self.durable.number;
        match self.begin_segment(0) {
            Err(JournalError::Io { doing, source }) => {
                self.state = State::OnTrial;
                Err(self.failed(doing, source))
            }
            Err(other) => {
                self.state = State::Suspect;
                Err(other)
            }
            Ok(()) => {
                self.state = State::OnTrial;
                Ok(())
            }
        }
    }

    /// Whether the next segment has room, or the present one is not yet half full. A journal that
    /// lacks room can still take what is open, but nothing new should be begun; ask again, and it
    /// is looked for again.
    pub fn has_room(&self) -> bool {
        let is_near = self.current.offset >= self.current.bytes / 2;
        if !is_near || !self.archive.disk.lacks_room() {
            return true;
        }
        self.prepare();
        false
    }

    /// The last batch that is on the disk for good.
    pub fn durable(&self) -> BatchNumber {
        self.durable.number
    }

    /// The last batch written.
    pub fn written(&self) -> BatchNumber {
        self.written.number
    }

    /// The batch at a position that a write or an iteration returned.
    ///
    /// # Errors
    /// `NotHeld`, `Corrupt` and the disk's.
    pub fn read_batch(&self, position: BatchPosition) -> Result<Batch, JournalError> {
        self.archive.read_batch(position)
    }

    /// Some of the records of the batch at such a position, without the rest.
    ///
    /// # Errors
    /// `NotHeld`, `Corrupt` where other bytes stand there, and the disk's.
    pub fn read_part(
        &self,
        position: BatchPosition,
        part: BatchPart,
    ) -> Result<Vec<u8>, JournalError> {
        self.archive.read_part(position, part)
    }

    /// Every batch from `from` to the newest written, oldest first, read as the iteration goes.
    ///
    /// # Errors
    /// `NotHeld` when `from` was removed, or lies beyond the batch after the newest.
    pub fn batches_from(&self, from: BatchNumber) -> Result<Batches<'_, D>, JournalError> {
        self.archive.batches_from(from)
    }

    /// The segments and what they hold, oldest first. The newest is the one being written.
    pub fn segments(&self) -> impl Iterator<Item = SegmentRange> + '_ {
        self.archive.segments()
    }

    /// Removes the closed segments whose batches are all older than `number`.
    ///
    /// # Errors
    /// The disk's; the segments removed before it stay removed.
    pub fn remove_below(&mut self, number: BatchNumber) -> Result<(), JournalError> {
        while let [oldest, next, ..] = self.archive.segments[..] {
            // What is listed behind the current segment is left of a failure, and proves nothing.
            if next.first > number || oldest.index >= self.current.segment.index {
                break;
            }
            gone(self.archive.disk.remove(&oldest.name()))
                .map_err(JournalError::io("remove a segment"))?;
            self.archive.segments.remove(0);
        }
        Ok(())
    }

    /// The disk, for checkpoints beside the segments.
    pub fn disk(&self) -> &D {
        &self.archive.disk
    }

    /// Has the next segment's file made once the present one is half full.
    fn prepare_next(&self, just_written: u64) {
        let half = self.current.bytes / 2;
        if self.current.offset >= half && self.current.offset - just_written < half {
            self.prepare();
        }
    }

    fn prepare(&self) {
        let block = self.archive.disk.block_bytes();
        self.archive.disk.prepare(file_bytes(self.options.segment_bytes, block));
    }

    /// Closes the full segment and begins one with room for a batch of `bytes`.
    fn roll(&mut self, bytes: u64) -> Result<(), JournalError> {
        self.sync()?;
        // Should the new segment fail for want of room, nothing more may go into the old one: its
        // end is settled by the name that the new one would have had.
        self.current.offset = self.current.bytes;
        match self.begin_segment(bytes) {
            Err(JournalError::Io { doing, source }) => Err(self.failed(doing, source)),
            other => other,
        }
    }

    fn begin_segment(&mut self, bytes: u64) -> Result<(), JournalError> {
        let index = self.next_index;
        self.next_index += 1;
        let bytes = bytes.max(self.options.segment_bytes);
        let segment = Segment::behind(self.written, index);
        let created = OpenSegment::create(&self.archive.disk, segment, self.written, bytes);
        let failed = created.is_err();
        // What a failure leaves takes room, and claims batches that stand elsewhere: if it cannot
        // be removed now it is listed, and goes with the empty ones.
        if !failed || gone(self.archive.disk.remove(&segment.name())).is_err() {
            self.archive.segments.push(segment);
        }
        self.current = created?;
        self.remove_empty();
        Ok(())
    }

    /// Removes segments that hold no batch and never will, for the next one begins with the same.
    /// One that cannot be removed is passed over by readers, and tried again at the next start.
    fn remove_empty(&mut self) {
        let Archive { disk, segments, .. } = &mut self.archive;
        let firsts: Vec<_> = segments.iter().skip(1).map(|segment| segment.first).collect();
        let mut following = firsts.into_iter();
        segments.retain(|segment| {
            let is_empty = following.next() == Some(segment.first);
            !(is_empty && gone(disk.remove(&segment.name())).is_ok())
        });
    }

    fn check_writable(&self) -> Result<(), JournalError> {
        match &self.state {
            State::Sound | State::OnTrial => Ok(()),
            State::Suspect => Err(JournalError::MustRotate),
            State::Broken { cause } => Err(JournalError::Broken { cause: cause.clone() }),
        }
    }

    fn write_failed(&mut self, source: io::Error) -> JournalError {
        if is_full(&source) { JournalError::Full } else { self.failed("write a batch", source) }
    }

    /// A failure of the disk: the first makes the journal suspect, the second closes it.
    fn failed(&mut self, doing: &'static str, source: io::Error) -> JournalError {
        self.state = match self.state {
            State::Sound | State::Suspect => State::Suspect,
            State::OnTrial | State::Broken { .. } => {
                State::Broken { cause: format!("{doing}: {source}") }
            }
        };
        JournalError::Io { doing, source }
    }
}

/// A file that is not there needs no removing.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
