//! The read side: the segments of a journal, and the batches in them.
//!
//! The journal reads itself through an archive; `Archive::open` is for tools that look at a
//! journal without writing, even while another process writes it: they see it as it was then.
//!
//! Invariant: batches come in order and without a gap, or the iteration ends with an error that
//! names file and offset.

use std::mem;

use crate::batch::{
    Batch, BatchNumber, BatchPart, BatchPosition, HEAD_BYTES, RECORDS_BYTES_MAX, Tip,
};
use crate::disk::Disk;
use crate::error::JournalError;
use crate::recovery::{Recovery, Survey, damaged};
use crate::scan::{Found, Walk, Window};
use crate::segment::Segment;

/// The batches of a journal, to be read.
pub struct Archive<D> {
    pub(crate) disk: D,
    pub(crate) segments: Vec<Segment>,
    /// The newest batch that may be read.
    pub(crate) last: BatchNumber,
}

/// The batches that a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentRange {
    /// The segment's number.
    pub index: u64,
    /// Its oldest batch.
    pub first: BatchNumber,
    /// Its newest; `first.previous()` when there is none yet.
    pub last: BatchNumber,
}

impl<D: Disk> Archive<D> {
    /// Looks at a journal. Nothing is changed: a torn tail stays where it is.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`] and the disk's.
    pub fn open(disk: D) -> Result<(Self, Recovery), JournalError> {
        let survey = Survey::take(&disk)?;
        let recovery = survey.recovery();
        Ok((Self { disk, segments: survey.segments, last: recovery.last }, recovery))
    }

    /// The segments and what they hold, oldest first. The newest is the one being written.
    pub fn segments(&self) -> impl Iterator<Item = SegmentRange> + '_ {
        self.segments.iter().enumerate().map(|(at, segment)| SegmentRange {
            index: segment.index,
            first: segment.first,
            last: self.last_of(at),
        })
    }

    /// The batch at a position that a write or an iteration returned.
    ///
    /// # Errors
    /// `NotHeld`, `Corrupt` and the disk's.
    pub fn read_batch(&self, position: BatchPosition) -> Result<Batch, JournalError> {
        let (number, segment) = (position.number, self.segment_of(position)?);
        let read = Window::open(&self.disk, segment).and_then(|mut window| {
            let found = window.batch(position.offset)?;
            Ok(found.filter(|found| found.head.number == number).map(|f| f.to_batch(segment)))
        });
        read.map_err(JournalError::io("read a batch"))?
            .ok_or_else(|| damaged(segment, position.offset, "the batch cannot be read"))
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
        let segment = self.segment_of(position)?;
        let mut bytes = vec![0; (part.length as usize).min(RECORDS_BYTES_MAX)];
        let offset = position.offset + HEAD_BYTES as u64 + u64::from(part.start);
        let read = self.disk.open(&segment.name());
        let read = read.and_then(|file| self.disk.read_at(&file, offset, &mut bytes));
        bytes.truncate(read.map_err(JournalError::io("read a part of a batch"))?);
        if BatchPart::of(part.start as usize, &bytes) != part {
            return Err(damaged(segment, offset, "a part of a batch cannot be read"));
        }
        Ok(bytes)
    }

    fn segment_of(&self, position: BatchPosition) -> Result<Segment, JournalError> {
        let number = position.number;
        let at = self.segments.iter().position(|segment| segment.index == position.segment);
        let at = at.filter(|at| (self.segments[*at].first..=self.last_of(*at)).contains(&number));
        at.map(|at| self.segments[at]).ok_or(JournalError::NotHeld { number })
    }

    /// Every batch from `from` to the newest, oldest first, read as the iteration goes.
    ///
    /// # Errors
    /// `NotHeld` when `from` was removed, or lies beyond the batch after the newest.
    pub fn batches_from(&self, from: BatchNumber) -> Result<Batches<'_, D>, JournalError> {
        let holds = |segment: &Segment| segment.first <= from;
        let after = self.segments.partition_point(holds);
        if from > self.last.next() || (after == 0 && from <= self.last) {
            return Err(JournalError::NotHeld { number: from });
        }
        let stage = if from > self.last { Stage::Over } else { Stage::Start };
        Ok(Batches { archive: self, from, next: after.saturating_sub(1), stage })
    }

    /// Whether the segment at `at` was given up before it held a batch that counts.
    fn is_empty_at(&self, at: usize) -> bool {
        matches!(self.segments.get(at..at + 2), Some([this, next]) if this.first == next.first)
    }

    /// The last batch of the segment at `at` in the list.
    fn last_of(&self, at: usize) -> BatchNumber {
        self.segments.get(at + 1).map_or(self.last, |next| next.first.previous())
    }
}

/// An iteration over batches. After an error it is over.
pub struct Batches<'a, D: Disk> {
    archive: &'a Archive<D>,
    from: BatchNumber,
    /// The place in the list of the segment to open next.
    next: usize,
    stage: Stage<'a, D>,
}

enum Stage<'a, D: Disk> {
    Start,
    Within { walk: Box<Walk<'a, D>>, last: BatchNumber },
    Over,
}

impl<D: Disk> Iterator for Batches<'_, D> {
    type Item = Result<Batch, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.advance().transpose();
        if !matches!(item, Some(Ok(_))) {
            self.stage = Stage::Over;
        }
        item
    }
}

impl<D: Disk> Batches<'_, D> {
    fn advance(&mut self) -> Result<Option<Batch>, JournalError> {
        loop {
            match &mut self.stage {
                Stage::Over => return Ok(None),
                Stage::Within { walk, last } if walk.tip.number < *last => {
                    let (segment, offset) = (walk.segment, walk.offset);
                    let found = walk.next().map_err(JournalError::io("read a batch"))?;
                    let found =
                        found.ok_or_else(|| damaged(segment, offset, "a batch cannot be read"))?;
                    if found.tip.number >= self.from {
                        return Ok(Some(found.to_batch(segment)));
                    }
                }
                Stage::Start | Stage::Within { .. } => self.enter_next()?,
            }
        }
    }

    /// Opens the next segment, and checks that it goes on where the last one ended.
    fn enter_next(&mut self) -> Result<(), JournalError> {
        let tip = match mem::replace(&mut self.stage, Stage::Over) {
            Stage::Within { walk, .. } => Some(walk.tip),
            Stage::Start | Stage::Over => None::<Tip>,
        };
        let archive = self.archive;
        if tip.is_some_and(|tip| tip.number >= archive.last) {
            return Ok(());
        }
        // A segment that never came to hold a batch may not even have a head.
        while archive.is_empty_at(self.next) {
            self.next += 1;
        }
        let Some(segment) = archive.segments.get(self.next).copied() else {
            return Ok(());
        };
        let last = archive.last_of(self.next);
        self.next += 1;
        let walk = open_walk(&archive.disk, segment)?;
        if tip.is_some_and(|tip| tip != walk.tip) {
            return Err(damaged(segment, 0, "it does not go on where the segment before ended"));
        }
        self.stage = Stage::Within { walk: Box::new(walk), last };
        Ok(())
    }
}

fn open_walk<D: Disk>(disk: &D, segment: Segment) -> Result<Walk<'_, D>, JournalError> {
    let mut window = Window::open(disk, segment).map_err(JournalError::io("open a segment"))?;
    let head = window.head(segment).map_err(JournalError::io("read a segment"))?;
    let head = head.ok_or_else(|| damaged(segment, 0, "its head cannot be read"))?;
    Ok(Walk::new(window, segment, head))
}

impl Found<'_> {
    fn to_batch(&self, segment: Segment) -> Batch {
        let position =
            BatchPosition { number: self.head.number, segment: segment.index, offset: self.offset };
        let (tag, count) = (self.head.tag, self.head.count);
        Batch { position, tag, count, records: self.records.to_vec() }
    }
}
