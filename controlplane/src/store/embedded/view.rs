//! The view: what people look up, in sled, and never the truth.
//!
//! Invariants: one thread at a time owns it; each journal batch goes in whole with its number, so
//! the view is always the journal up to some batch; it may be deleted at any time. sled's log is
//! not safe against power cuts and its recovery may panic, so every call is fenced and a view that
//! cannot be read is thrown away and built again. Left out on purpose: flushing by time; the
//! journal repeats what a crash takes.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread;
use std::time::Duration;

use journal::BatchPosition;
use units::{AccountId, GenerationId, KeyId, Usd};

use super::layout::{self, APPLIED, Block, End, HourKey, Usage, UsageKey};
use super::projection::Projection;
use crate::books::Place;

/// Bytes that are gathered before sled sees them.
const GATHERED_BYTES: usize = 1 << 20;
/// Bytes that sled may keep in memory.
const CACHE_BYTES: u64 = 24 << 20;
/// How often, and after which pause, a directory that fills again is emptied again.
const DISCARD_TRIES: u32 = 50;
const DISCARD_PAUSE: Duration = Duration::from_millis(20);

/// The view cannot be read or written; it has to be built again.
#[derive(Debug)]
pub(crate) struct ViewError(pub(crate) String);

/// The view, open.
pub(crate) struct View {
    db: sled::Db,
    /// The last batch in it.
    applied: u64,
    /// The last batch that sled has.
    written: u64,
    /// What was added and is not yet in sled, up to `applied`.
    gathered: Projection,
}

impl View {
    /// Opens the view of a directory, empty where there is none.
    pub(crate) fn open(directory: &Path) -> Result<Self, ViewError> {
        fenced(|| {
            let config = sled::Config::new().path(directory).cache_capacity(CACHE_BYTES);
            let db = config.flush_every_ms(None).open()?;
            let mark = db.get(APPLIED)?;
            if mark.is_none() && !db.is_empty() {
                return Err(unreadable("the layout of another version"));
            }
            let applied = mark.and_then(|bytes| Some(u64::from_be_bytes(*bytes.first_chunk()?)));
            let applied = applied.unwrap_or_default();
            Ok(Self { db, applied, written: applied, gathered: Projection::default() })
        })
    }

    /// Removes the view of a directory. Threads of sled's may write a file more after its last
    /// handle has gone, so a directory that fills again is emptied again.
    pub(crate) fn discard(directory: &Path) -> io::Result<()> {
        let mut tries = 0..DISCARD_TRIES;
        loop {
            match fs::remove_dir_all(directory) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error)
                    if error.kind() == io::ErrorKind::DirectoryNotEmpty
                        && tries.next().is_some() =>
                {
                    thread::sleep(DISCARD_PAUSE);
                }
                removed => return removed,
            }
        }
    }

    /// The last batch in it; 0 where there is none.
    pub(crate) const fn applied(&self) -> u64 {
        self.applied
    }

    /// Takes what the batch at a position has for the view. Whoever looks something up writes
    /// first.
    pub(crate) fn add(
        &mut self,
        batch: &mut Projection,
        at: BatchPosition,
    ) -> Result<(), ViewError> {
        batch.stands(at);
        self.gathered.merge(batch);
        self.applied = at.number.get();
        if self.gathered.weight >= GATHERED_BYTES { self.write() } else { Ok(()) }
    }

    /// Writes what was gathered, whole or not at all.
    pub(crate) fn write(&mut self) -> Result<(), ViewError> {
        if self.written == self.applied {
            return Ok(());
        }
        let mut gathered = std::mem::take(&mut self.gathered);
        let written = fenced(|| self.write_whole(&mut gathered));
        gathered.clear();
        self.gathered = gathered;
        written?;
        self.written = self.applied;
        Ok(())
    }

    fn write_whole(&self, gathered: &mut Projection) -> sled::Result<()> {
        let mut batch = sled::Batch::default();
        let ends = &mut gathered.ends;
        ends.sort_unstable_by_key(|(account, end)| (*account, end.place));
        for of_one in ends.chunk_by(|left, right| left.0 == right.0) {
            self.write_ends(of_one, &mut batch)?;
        }
        for (key, value) in gathered.entries.drain(..) {
            batch.insert(key, value);
        }
        let days = gathered.usage.iter().map(|(key, more)| (key.bytes(), more));
        let hours = gathered.hours.iter().map(|(key, more)| (key.bytes(), more));
        for (key, more) in days.chain(hours) {
            let old = self.db.get(&key)?.as_deref().and_then(Usage::read);
            let mut usage = old.unwrap_or_default();
            usage.add(more);
            batch.insert(key, usage.bytes());
        }
        batch.insert(APPLIED, &self.applied.to_be_bytes());
        self.db.apply_batch(batch)
    }

    /// Fills an account's open chunk, and begins others behind it.
    fn write_ends(
        &self,
        mut ends: &[(AccountId, End)],
        batch: &mut sled::Batch,
    ) -> sled::Result<()> {
        let account = ends[0].0;
        let places = |ends: &[(AccountId, End)], chunk: &mut Vec<u8>| {
            layout::push_ends(chunk, ends.iter().map(|(_, end)| end));
        };
        let newest = self.db.range(self.lists(account)).next().transpose()?;
        if let Some((key, value)) = newest {
            let room = layout::CHUNK.saturating_sub(layout::chunk_len(&value));
            let (more, rest) = ends.split_at(room.min(ends.len()));
            if !more.is_empty() {
                let mut value = value.to_vec();
                places(more, &mut value);
                batch.insert(key, value);
            }
            ends = rest;
        }
        for chunk in ends.chunks(layout::CHUNK) {
            let mut value = Vec::with_capacity(chunk.len() * layout::END_BYTES);
            places(chunk, &mut value);
            batch.insert(layout::chunk(account, chunk[0].1.place), value);
        }
        Ok(())
    }

    /// Every chunk of an account, newest first.
    fn lists(&self, account: AccountId) -> std::ops::RangeInclusive<Vec<u8>> {
        let first = Place { order: 0, position: 0 };
        layout::listed(account, u64::MAX)..=layout::chunk(account, first)
    }

    /// Hands everything to the disk: at a stop, and before a checkpoint relies on less journal.
    pub(crate) fn flush(&mut self) -> Result<(), ViewError> {
        self.write()?;
        fenced(|| self.db.flush().map(drop))
    }

    /// The end of a hold: where it stands in its ring, and the event that told of it.
    pub(crate) fn end_of(
        &self,
        hold: GenerationId,
    ) -> Result<Option<(GenerationId, u64)>, ViewError> {
        fenced(|| {
            for entry in self.db.scan_prefix(layout::bucket(hold)) {
                let (key, value) = entry?;
                let found = layout::pairs(&value).find(|(seq, _)| *seq == hold.seq);
                if let Some(((_, end), order)) = found.zip(layout::ended_by(&key)) {
                    return Ok(Some((GenerationId { seq: end, ..hold }, order)));
                }
            }
            Ok(None)
        })
    }

    /// The block that holds the record at a place.
    pub(crate) fn block(&self, place: GenerationId) -> Result<Block, ViewError> {
        let found = fenced(|| self.db.range(..=layout::block(place)).next_back().transpose())?;
        let block = found.and_then(|(key, value)| layout::read_block(&key, &value, place));
        block.ok_or_else(|| ViewError(format!("it does not know where {place} stands")))
    }

    /// Ends of an account's generations, newest first, behind `after`.
    pub(crate) fn generations(
        &self,
        account: AccountId,
        after: Option<Place>,
        count: usize,
    ) -> Result<Vec<(Place, GenerationId)>, ViewError> {
        let newest = after.unwrap_or(Place { order: u64::MAX, position: u32::MAX });
        let range = layout::chunk(account, newest)..=self.lists(account).into_inner().1;
        fenced(|| {
            let mut found = Vec::new();
            for entry in self.db.range(range) {
                let (_, value) = entry?;
                for end in layout::ends(&value).rev() {
                    if after.is_none_or(|after| end.place < after) {
                        found.push((end.place, end.at));
                    }
                    if found.len() == count {
                        return Ok(found);
                    }
                }
            }
            Ok(found)
        })
    }

    /// What a key used from a day on.
    pub(crate) fn usage_since(
        &self,
        account: AccountId,
        key: KeyId,
        day: u32,
    ) -> Result<Vec<(UsageKey, Usage)>, ViewError> {
        let first = UsageKey::day_bytes(account, key, day);
        let last = UsageKey::day_bytes(account, key, u32::MAX);
        fenced(|| self.db.range(first..last).map(usage_entry).collect())
    }

    /// What an account used from an hour on, up to another.
    pub(crate) fn usage_of_hours(
        &self,
        account: AccountId,
        hours: std::ops::Range<u32>,
    ) -> Result<Vec<(HourKey, Usage)>, ViewError> {
        let first = HourKey::hour_bytes(account, hours.start);
        let end = HourKey::hour_bytes(account, hours.end);
        fenced(|| self.db.range(first..end).map(hour_entry).collect())
    }

    /// What was used in all, by the hour: for the audit.
    pub(crate) fn charged_by_hour(&self) -> Result<Usd, ViewError> {
        fenced(|| {
            let charges = self.db.scan_prefix(b"h").map(|entry| Ok(hour_entry(entry)?.1.charged));
            charges.sum()
        })
    }

    /// Every usage counter, for the audit.
    pub(crate) fn usage(&self) -> Result<Vec<(UsageKey, Usage)>, ViewError> {
        fenced(|| self.db.scan_prefix(b"u").map(usage_entry).collect())
    }

    /// How many of these entries it has just so.
    pub(crate) fn count_equal(&self, entries: &[(Vec<u8>, Vec<u8>)]) -> Result<usize, ViewError> {
        fenced(|| {
            let mut equal = 0;
            for (key, value) in entries {
                let found = self.db.get(key)?;
                // A chunk may have grown since.
                let grows = key.starts_with(b"g");
                let same =
                    |found: sled::IVec| *found == **value || (grows && found.starts_with(value));
                equal += usize::from(found.is_some_and(same));
            }
            Ok(equal)
        })
    }
}

fn usage_entry(entry: sled::Result<(sled::IVec, sled::IVec)>) -> sled::Result<(UsageKey, Usage)> {
    let (key, value) = entry?;
    UsageKey::read(&key).zip(Usage::read(&value)).ok_or_else(|| unreadable("a usage counter"))
}

fn hour_entry(entry: sled::Result<(sled::IVec, sled::IVec)>) -> sled::Result<(HourKey, Usage)> {
    let (key, value) = entry?;
    HourKey::read(&key).zip(Usage::read(&value)).ok_or_else(|| unreadable("a usage counter"))
}

fn unreadable(what: impl std::fmt::Display) -> sled::Error {
    sled::Error::Io(io::Error::new(io::ErrorKind::InvalidData, what.to_string()))
}

/// Runs a call of sled so that its panics are errors.
fn fenced<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, ViewError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| ViewError(error.to_string())),
        Err(_) => Err(ViewError("sled panicked".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_of_another_layout_is_not_opened() {
        let folder = std::env::temp_dir().join(format!("tollgate-view-{}", std::process::id()));
        View::discard(&folder).unwrap();
        let db = sled::open(&folder).unwrap();
        db.insert(b"m", &[0; 16]).unwrap();
        db.flush().unwrap();
        drop(db);
        assert!(View::open(&folder).is_err_and(|error| error.0.contains("another version")));
        View::discard(&folder).unwrap();
        let mut view = View::open(&folder).unwrap();
        assert_eq!(view.applied(), 0);
        let at = BatchPosition { number: journal::BatchNumber::new(7), segment: 1, offset: 4096 };
        view.add(&mut Projection::default(), at).unwrap();
        view.flush().unwrap();
        drop(view);
        assert_eq!(View::open(&folder).unwrap().applied(), 7);
        View::discard(&folder).unwrap();
    }
}
