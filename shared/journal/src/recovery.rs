//! What a start finds on the disk, before anything is changed.
//!
//! ```text
//!   newest file ── no head ── holds a batch? ── yes ▶ refuse     its head was durable before it
//!      │ head                    └ no ▶ unborn: look at the file before it
//!      ▼
//!   walk its batches to the first that is not the next ── a batch behind it that proves the gap
//!      │                                                   was durable? ── yes ▶ refuse
//!      ▼                                                   └ no ▶ a torn tail: drop it whole
//!   the journal ends here
//! ```
//!
//! Only the newest segment may end torn: an older one was synced before the next was made. Older
//! segments are checked when they are read, by whoever replays them.

use std::io;

use crate::batch::{BatchNumber, Tip, write_batch};
use crate::disk::Disk;
use crate::error::JournalError;
use crate::scan::{Walk, Window};
use crate::segment::Segment;

/// What a start found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The oldest batch that is still held; `last.next()` when none is.
    pub first: BatchNumber,
    /// The newest batch; zero when there has never been one.
    pub last: BatchNumber,
    /// What stood behind it and was never durable, if anything did.
    pub dropped: Option<Dropped>,
}

/// A torn tail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The file's name in the directory.
    pub file: String,
    /// Where it begins, in bytes.
    pub offset: u64,
}

/// The segments of a journal, as found.
pub(crate) struct Survey {
    /// Those that hold or may hold batches, oldest first.
    pub(crate) segments: Vec<Segment>,
    /// Files that never came to hold a batch.
    pub(crate) unborn: Vec<Segment>,
    /// Where the newest of `segments` ends.
    pub(crate) end: u64,
    pub(crate) tip: Tip,
    /// The last batch that is known to have been synced.
    pub(crate) durable: BatchNumber,
    pub(crate) torn: bool,
}

impl Survey {
    pub(crate) fn take<D: Disk>(disk: &D) -> Result<Self, JournalError> {
        let names = disk.list().map_err(JournalError::io("list the journal"))?;
        let mut segments: Vec<_> =
            names.iter().filter_map(|name| Segment::from_name(name)).collect();
        segments.sort();
        check_order(&segments)?;
        let mut unborn = Vec::new();
        while let Some(newest) = segments.last().copied() {
            let ended = end_of(disk, newest).map_err(JournalError::io("read a segment"))?;
            match ended {
                Ended::At { end, tip, durable, torn } => {
                    return Ok(Self { segments, unborn, end, tip, durable, torn });
                }
                Ended::Unborn => unborn.extend(segments.pop()),
                Ended::Damaged { offset, what } => return Err(damaged(newest, offset, what)),
            }
        }
        match unborn.last() {
            Some(oldest) if oldest.first > BatchNumber::FIRST => {
                Err(damaged(*oldest, 0, "the segments before it are missing"))
            }
            _ => {
                let (tip, durable) = (Tip::default(), BatchNumber::ZERO);
                Ok(Self { segments, unborn, end: 0, tip, durable, torn: false })
            }
        }
    }

    pub(crate) fn recovery(&self) -> Recovery {
        let last = self.tip.number;
        let newest = self.segments.last().filter(|_| self.torn);
        Recovery {
            first: self.segments.first().map_or(last.next(), |oldest| oldest.first),
            last,
            dropped: newest.map(|newest| Dropped { file: newest.name(), offset: self.end }),
        }
    }

    /// Makes everything that was found durable, and cuts the rest off. Batches that may never have
    /// been synced are written once more: after a failed sync the kernel shows them as before, but
    /// only a new write makes it try again.
    pub(crate) fn make_durable<D: Disk>(&self, disk: &D) -> io::Result<()> {
        let Some(newest) = self.segments.last().copied() else {
            return Ok(());
        };
        let file = disk.open(&newest.name())?;
        let mut window = Window::open(disk, newest)?;
        if let Some(head) = window.head(newest)?.filter(|_| self.durable < self.tip.number) {
            let mut walk = Walk::new(window, newest, head);
            walk.run_to(self.durable)?;
            while let Some(found) = walk.next()? {
                write_batch(disk, &file, found.offset, head.block, found.head, found.records)?;
            }
        }
        disk.truncate(&file, self.end)
    }

    /// The index of the next segment.
    pub(crate) fn next_index(&self) -> u64 {
        let newest = self.segments.iter().chain(&self.unborn).max();
        newest.map_or(1, |newest| newest.index + 1)
    }
}

pub(crate) fn damaged(segment: Segment, offset: u64, what: &'static str) -> JournalError {
    JournalError::Corrupt { file: segment.name(), offset, what }
}

fn check_order(segments: &[Segment]) -> Result<(), JournalError> {
    for pair in segments.windows(2) {
        if pair[0].index == pair[1].index || pair[0].first > pair[1].first {
            return Err(damaged(pair[1], 0, "its name contradicts the segment before"));
        }
    }
    Ok(())
}

enum Ended {
    At { end: u64, tip: Tip, durable: BatchNumber, torn: bool },
    Unborn,
    Damaged { offset: u64, what: &'static str },
}

fn end_of<D: Disk>(disk: &D, segment: Segment) -> io::Result<Ended> {
    let mut window = Window::open(disk, segment)?;
    let Some(head) = window.head(segment)? else {
        return Ok(if window.any_batch(0, |_| true)? {
            Ended::Damaged { offset: 0, what: "its head cannot be read, but batches stand behind" }
        } else {
            Ended::Unborn
        });
    };
    let mut walk = Walk::new(window, segment, head);
    walk.run_to(BatchNumber::new(u64::MAX))?;
    let missing = walk.tip.number.next();
    let (end, tip, durable) = (walk.offset, walk.tip, walk.durable);
    if walk.window.any_batch(end, |head| head.durable >= missing)? {
        let what = "a batch cannot be read that was durable before a later one was written";
        return Ok(Ended::Damaged { offset: end, what });
    }
    let torn = !walk.window.is_zero_from(end)?;
    Ok(Ended::At { end, tip, durable, torn })
}
