//! The ledger's journal and its checkpoints: the record of truth, in batches of events.
//!
//! A batch holds events, each behind its `u32` length; its tag is the number of its first event.
//! Invariants: a batch counts when it is synced, and not before; a disk that fails once gets a new
//! segment and the batch again, a disk that fails twice ends the writing. Checkpoints are written
//! and read back on a thread of their own, so that money does not wait for them.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use journal::checkpoint::{self, Checkpoint, Loaded};
use journal::{
    Archive, BatchNumber, BatchPosition, Journal, JournalError, JournalOptions, PlainDisk,
    RECORDS_BYTES_MAX,
};
use ledger::Run;
use ledger::event::Event;

use super::layout::Block;
use crate::settings::StartError;

/// Bytes of events after which a batch is written.
pub(crate) const BATCH_BYTES: usize = 4 << 20;
/// The most bytes of one event: it still fits into a batch that is about to be written.
pub(crate) const EVENT_BYTES_MAX: usize = RECORDS_BYTES_MAX - 2 * BATCH_BYTES;

/// The length before each event of a batch.
const FRAME_BYTES: usize = size_of::<u32>();

/// The folders of a data directory.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    pub(crate) journal: PathBuf,
    pub(crate) checkpoint: PathBuf,
    pub(crate) view: PathBuf,
}

impl Folders {
    pub(crate) fn of(data: &Path) -> Self {
        Self {
            journal: data.join("journal").join("ledger"),
            checkpoint: data.join("checkpoint"),
            view: data.join("view"),
        }
    }
}

/// The journal, open for writing.
pub(crate) struct LedgerJournal {
    journal: Journal<PlainDisk>,
    /// Absent while a checkpoint is being written.
    checkpoints: Option<PlainDisk>,
    folders: Folders,
    /// Bytes written since the last checkpoint was begun.
    pub(crate) since_checkpoint: u64,
    pub(crate) syncs: u64,
    pub(crate) sync_ns: u64,
}

/// What a checkpoint thread hands back.
pub(crate) struct Checkpointed {
    disk: PlainDisk,
    /// The older of the checkpoints now kept, or why there is no new one.
    pub(crate) older: Result<u64, String>,
}

/// A batch as it is read back.
pub(crate) struct ReadBatch {
    /// Where it stands.
    pub(crate) at: BatchPosition,
    /// The number of its first event.
    pub(crate) first_order: u64,
    pub(crate) records: Vec<u8>,
}

/// An event as it is read back.
pub(crate) struct ReadEvent {
    /// Its number of all.
    pub(crate) order: u64,
    pub(crate) event: Event,
    /// The byte of its batch at which it ends.
    pub(crate) end: usize,
}

/// Why an event, or a part of one, was not read where it was said to stand.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EventMissing {
    /// Its batch is older than what is kept.
    Gone,
    /// It does not stand there: whoever said so is wrong.
    Elsewhere,
    /// The disk's fault, in words.
    Unreadable(String),
}

impl ReadBatch {
    /// Its number.
    pub(crate) const fn number(&self) -> u64 {
        self.at.number.get()
    }

    /// Its events in order.
    pub(crate) fn events(&self) -> impl Iterator<Item = Result<ReadEvent, String>> {
        let mut end = 0;
        (self.first_order..).zip(frames(&self.records)).map(move |(order, bytes)| {
            let bytes = bytes?;
            end += FRAME_BYTES + bytes.len();
            let event = Event::decode(bytes).map_err(|fault| fault.to_string())?;
            Ok(ReadEvent { order, event, end })
        })
    }
}

impl LedgerJournal {
    /// Opens journal and checkpoints, and loads the newest checkpoint that `read` can read.
    pub(crate) fn open<T>(
        folders: &Folders,
        segment_bytes: u64,
        read: impl FnMut(Checkpoint) -> Result<T, String>,
    ) -> Result<(Self, Loaded<T>), StartError> {
        let data = |path: &Path, error: JournalError| StartError::Data {
            path: path.to_owned(),
            why: error.to_string(),
        };
        let of_journal = |error| data(&folders.journal, error);
        let of_checkpoint = |error| data(&folders.checkpoint, error);
        let disk = PlainDisk::open(&folders.journal).map_err(of_journal)?;
        let (journal, _) =
            Journal::open(disk, JournalOptions { segment_bytes }).map_err(of_journal)?;
        let checkpoints = PlainDisk::open(&folders.checkpoint).map_err(of_checkpoint)?;
        let loaded = checkpoint::load(&checkpoints, read).map_err(of_checkpoint)?;
        let opened = Self {
            journal,
            checkpoints: Some(checkpoints),
            folders: folders.clone(),
            since_checkpoint: 0,
            syncs: 0,
            sync_ns: 0,
        };
        Ok((opened, loaded))
    }

    /// The last batch on disk.
    pub(crate) fn durable(&self) -> u64 {
        self.journal.durable().get()
    }

    /// The oldest batch that is still held.
    pub(crate) fn oldest(&self) -> u64 {
        self.journal.segments().next().map_or(1, |segment| segment.first.get())
    }

    /// Writes and syncs one batch; returns where it stands.
    ///
    /// # Errors
    /// `Full`, after which the same batch is to be committed again; every other error is the end of
    /// the writing.
    pub(crate) fn commit(
        &mut self,
        first_order: u64,
        count: u32,
        records: &[u8],
    ) -> Result<BatchPosition, JournalError> {
        let begun = Instant::now();
        let at = self.journal.commit(first_order, count, records, || {})?;
        self.syncs += 1;
        self.sync_ns += begun.elapsed().as_nanos() as u64;
        self.since_checkpoint += records.len() as u64;
        Ok(at)
    }

    /// Hands every batch from `from` on to `take`, oldest first.
    pub(crate) fn replay(
        &self,
        from: u64,
        take: impl FnMut(ReadBatch) -> Result<(), String>,
    ) -> Result<(), String> {
        read_all(self.journal.batches_from(BatchNumber::new(from)), take)
    }

    /// The event that is number `order`, of the batch at a position.
    ///
    /// # Errors
    /// Why it was not read there.
    pub(crate) fn event(&self, at: BatchPosition, order: u64) -> Result<Event, EventMissing> {
        let batch = self.journal.read_batch(at).map_err(|error| self.missing(at, &error))?;
        let place = order.checked_sub(batch.tag).ok_or(EventMissing::Elsewhere)?;
        let event = frames(&batch.records).nth(place as usize).ok_or(EventMissing::Elsewhere)?;
        let event = event.map_err(EventMissing::Unreadable)?;
        Event::decode(event).map_err(|fault| EventMissing::Unreadable(fault.to_string()))
    }

    /// The records of a block, as a run of its ring.
    ///
    /// # Errors
    /// Why they were not read there.
    pub(crate) fn block(&self, block: &Block, ring: u16) -> Result<Run, EventMissing> {
        let Block { first_seq, at, part } = *block;
        let read = self.journal.read_part(at, part);
        let bytes = read.map_err(|error| self.missing(at, &error))?.into();
        Ok(Run { ring, first_seq, count: u32::MAX, bytes })
    }

    fn missing(&self, at: BatchPosition, error: &JournalError) -> EventMissing {
        match error {
            JournalError::NotHeld { .. } if at.number.get() < self.oldest() => EventMissing::Gone,
            JournalError::NotHeld { .. } => EventMissing::Elsewhere,
            error => EventMissing::Unreadable(error.to_string()),
        }
    }

    /// Begins to write a checkpoint; `done` is called from its thread. False while one is written.
    pub(crate) fn begin_checkpoint(
        &mut self,
        number: u64,
        payload: Vec<u8>,
        done: impl FnOnce(Checkpointed) + Send + 'static,
    ) -> bool {
        let Some(disk) = self.checkpoints.take() else { return false };
        self.since_checkpoint = 0;
        thread::spawn(move || {
            let written = checkpoint::write(&disk, BatchNumber::new(number), &payload);
            let older = written.map(BatchNumber::get).map_err(|error| error.to_string());
            done(Checkpointed { disk, older });
        });
        true
    }

    /// Takes the result of such a thread.
    pub(crate) fn end_checkpoint(&mut self, checkpointed: Checkpointed) -> Result<u64, String> {
        self.checkpoints = Some(checkpointed.disk);
        checkpointed.older
    }

    /// Removes closed segments whose batches are all older than `number`.
    pub(crate) fn remove_below(&mut self, number: u64) -> Result<(), JournalError> {
        self.journal.remove_below(BatchNumber::new(number))
    }

    pub(crate) fn folders(&self) -> &Folders {
        &self.folders
    }
}

/// Reads a journal that a ledger thread may be writing, as it is now.
pub(crate) fn look_at(
    folders: &Folders,
    from: u64,
    take: impl FnMut(ReadBatch) -> Result<(), String>,
) -> Result<(), String> {
    let open = || Archive::open(PlainDisk::look_at(&folders.journal)?);
    let (archive, recovery) = open().map_err(|error| error.to_string())?;
    let from = BatchNumber::new(from).max(recovery.first);
    read_all(archive.batches_from(from), take)
}

/// The newest checkpoint on disk that `read` can read, with the last batch that it contains.
pub(crate) fn newest_checkpoint<T>(
    folders: &Folders,
    read: impl FnMut(Checkpoint) -> Result<T, String>,
) -> Result<Option<(u64, T)>, String> {
    let load = || checkpoint::load(&PlainDisk::look_at(&folders.checkpoint)?, read);
    let newest = load().map_err(|error| error.to_string())?.newest;
    Ok(newest.map(|(number, found)| (number.get(), found)))
}

/// Hands every checkpoint on disk that is whole on to `take`, the newest first.
pub(crate) fn each_checkpoint(
    folders: &Folders,
    mut take: impl FnMut(Checkpoint) -> Result<(), String>,
) -> Result<(), String> {
    let mut failed = None;
    // None is the one that is looked for, so that each is looked at, until one fails.
    newest_checkpoint(folders, |found| match take(found) {
        Ok(()) => Err(String::new()),
        Err(why) => {
            failed = Some(why);
            Ok(())
        }
    })?;
    failed.map_or(Ok(()), Err)
}

fn read_all(
    batches: Result<journal::Batches<'_, PlainDisk>, JournalError>,
    mut take: impl FnMut(ReadBatch) -> Result<(), String>,
) -> Result<(), String> {
    for batch in batches.map_err(|error| error.to_string())? {
        let batch = batch.map_err(|error| error.to_string())?;
        take(ReadBatch { at: batch.position, first_order: batch.tag, records: batch.records })?;
    }
    Ok(())
}

/// Appends one event's bytes to a batch.
pub(crate) fn frame(records: &mut Vec<u8>, event: impl FnOnce(&mut Vec<u8>)) {
    let at = records.len();
    records.extend_from_slice(&[0; FRAME_BYTES]);
    event(records);
    let length = (records.len() - at - FRAME_BYTES) as u32;
    records[at..at + FRAME_BYTES].copy_from_slice(&length.to_le_bytes());
}

/// The events of a batch, as bytes; the last is an error where the lengths do not fit.
pub(crate) fn frames(mut records: &[u8]) -> impl Iterator<Item = Result<&[u8], String>> {
    std::iter::from_fn(move || {
        if records.is_empty() {
            return None;
        }
        let split = || {
            let (length, rest) = records.split_first_chunk::<FRAME_BYTES>()?;
            rest.split_at_checked(u32::from_le_bytes(*length) as usize)
        };
        let Some((event, rest)) = split() else {
            records = &[];
            return Some(Err("an event is cut off".to_owned()));
        };
        records = rest;
        Some(Ok(event))
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, process};

    use ledger::Purse;
    use units::{AccountId, DataPlaneId, Epoch, Usd};

    use super::*;

    #[test]
    fn an_event_is_found_where_its_batch_stands_as_long_as_that_is_kept() {
        let directory = std::env::temp_dir().join(format!("tollgate-events-{}", process::id()));
        let folders = Folders::of(&directory);
        for folder in [&folders.journal, &folders.checkpoint] {
            fs::create_dir_all(folder).unwrap();
        }
        let open = LedgerJournal::open(&folders, 4 << 10, |_| Ok(()));
        let (mut journal, _) = open.unwrap();
        let event = |number| Event::Lent {
            dataplane: DataPlaneId(1),
            epoch: Epoch(1),
            purse: Purse::Account(AccountId(number)),
            amount: Usd::ZERO,
        };
        let (mut order, mut stand) = (0, Vec::new());
        for count in [1, 3, 2].into_iter().cycle().take(40) {
            let mut records = Vec::new();
            for number in order..order + u64::from(count) {
                frame(&mut records, |out| event(number).encode(out).unwrap());
            }
            let at = journal.commit(order, count, &records).unwrap();
            stand.extend((0..count).map(|_| at));
            order += u64::from(count);
        }
        assert!(journal.journal.segments().count() > 3, "one segment proves nothing");
        for (number, at) in (0..).zip(&stand) {
            assert_eq!(journal.event(*at, number), Ok(event(number)));
        }
        for (at, number) in [(stand[0], 1), (stand[1], 0)] {
            assert_eq!(journal.event(at, number), Err(EventMissing::Elsewhere));
        }
        let nowhere = BatchPosition { offset: stand[0].offset, ..stand[1] };
        assert!(journal.event(nowhere, 1).is_err());
        journal.remove_below(20).unwrap();
        assert_eq!(journal.event(stand[0], 0), Err(EventMissing::Gone));
        assert!(journal.event(stand[stand.len() - 1], order - 1).is_ok());
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn events_read_back_from_a_batch() {
        let mut records = Vec::new();
        for event in [&b"one"[..], b"", b"three"] {
            frame(&mut records, |out| out.extend_from_slice(event));
        }
        let read: Result<Vec<_>, _> = frames(&records).collect();
        assert_eq!(read.unwrap(), [&b"one"[..], b"", b"three"]);
        assert!(frames(&records[..records.len() - 1]).any(|event| event.is_err()));
    }
}
