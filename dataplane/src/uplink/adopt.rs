//! Epochs of processes that died: their journals are finished here and shipped to their end.
//!
//! A start takes every older epoch whose journal nobody holds locked, ends its open holds by what
//! the journal shows, and keeps it until the ledger has acknowledged all of it.
//! Invariants: an epoch that another process still drains is left alone; a journal is removed only
//! after the ledger has everything, or knows the epoch as closed.
//!
//! ```text
//!   journal found --locked--> left alone
//!        | ends written      welcome: unknown to the ledger --> done
//!        v                   welcome: known --ship--> all acknowledged --> done --> removed
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use journal::{BatchNumber, Journal, JournalError, JournalOptions, PlainDisk};
use ledger::borrower::Borrower;
use ledger::remainder::Remainder;
use ledger::{Run, run};
use link::ToControl;
use units::{Epoch, UnixMillis};

/// Adopted journals get no more than a few records; their last segment need not be large.
const SEGMENT_BYTES: u64 = 1 << 20;

/// A dead epoch on its way into the ledger.
pub struct Adopted {
    epoch: Epoch,
    directory: PathBuf,
    journal: Journal<PlainDisk>,
    remainder: Remainder,
}

/// What a start finds in its journal directory.
pub struct Found {
    /// Dead epochs, oldest first.
    pub adopted: Vec<Adopted>,
    /// The largest epoch there ever was here.
    pub newest: Epoch,
}

/// The directory of an epoch's journal.
pub fn directory_of(root: &Path, epoch: Epoch) -> PathBuf {
    root.join(format!("epoch-{:010}", epoch.0))
}

/// Takes over every dead epoch below `root`.
///
/// # Errors
/// A journal that cannot be read, or holds records that cannot be.
pub fn adopt_all(root: &Path, now: UnixMillis) -> Result<Found, JournalError> {
    fs::create_dir_all(root).map_err(unreadable)?;
    let mut epochs = Vec::new();
    for entry in fs::read_dir(root).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("epoch-")?.parse().ok());
        epochs.extend(number.map(Epoch));
    }
    epochs.sort_unstable();
    let newest = epochs.last().copied().unwrap_or_default();
    let mut adopted = Vec::new();
    for epoch in epochs {
        match adopt(root, epoch, now) {
            Ok(found) => adopted.push(found),
            Err(JournalError::Locked { .. }) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(Found { adopted, newest })
}

fn unreadable(source: io::Error) -> JournalError {
    JournalError::Io { doing: "look for journals", source }
}

fn adopt(root: &Path, epoch: Epoch, now: UnixMillis) -> Result<Adopted, JournalError> {
    let directory = directory_of(root, epoch);
    let disk = PlainDisk::open(&directory)?;
    let options = JournalOptions { segment_bytes: SEGMENT_BYTES };
    let (mut journal, _) = Journal::open(disk, options)?;
    let mut borrower = Borrower::default();
    let mut remainder = Remainder::default();
    for run in runs_of(&journal)? {
        let run = run?;
        borrower.apply(&run).map_err(|_| senseless())?;
        remainder.note(&run);
    }
    let ending = borrower.ends(now);
    if !ending.is_empty() {
        let mut payload = Vec::new();
        ending.iter().for_each(|run| run.encode(&mut payload));
        let count = ending.iter().map(|run| run.count).sum();
        journal.write(u64::from(epoch.0), count, &payload)?;
        journal.sync()?;
        ending.iter().for_each(|run| remainder.note(run));
    }
    Ok(Adopted { epoch, directory, journal, remainder })
}

fn runs_of(
    journal: &Journal<PlainDisk>,
) -> Result<impl Iterator<Item = Result<Run, JournalError>> + '_, JournalError> {
    let first = journal.segments().next().map_or(BatchNumber::FIRST, |segment| segment.first);
    let batches = journal.batches_from(first)?;
    Ok(batches.flat_map(|batch| match batch {
        Ok(batch) => {
            let runs = run::runs(&batch.records).map(|run| run.map_err(|_| senseless()));
            runs.collect::<Vec<_>>()
        }
        Err(fault) => vec![Err(fault)],
    }))
}

fn senseless() -> JournalError {
    JournalError::Corrupt {
        file: "a batch of an earlier epoch".to_owned(),
        offset: 0,
        what: "its records do not make sense",
    }
}

impl Adopted {
    /// Which epoch.
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// What the ledger lacks, given what it has of each ring; `None` if it has closed the epoch.
    pub fn ship(&mut self, watermarks: Option<&[(u16, u64)]>) -> Vec<ToControl> {
        if !self.remainder.welcome(watermarks) {
            return Vec::new();
        }
        // What was read at the start reads again; what does not is said by the audit.
        let Ok(runs) = runs_of(&self.journal) else { return Vec::new() };
        let epoch = self.epoch;
        runs.map_while(Result::ok)
            .filter_map(|run| self.remainder.lacking(run))
            .map(|run| ToControl::Settlement { epoch, runs: vec![run] })
            .collect()
    }

    /// The ledger has everything below `seq` of a ring.
    pub fn acknowledge(&mut self, ring: u16, seq: u64) {
        self.remainder.acknowledge(ring, seq);
    }

    /// Whether the ledger has everything.
    pub fn is_done(&self) -> bool {
        self.remainder.is_done()
    }

    /// Removes the journal.
    pub fn remove(self) {
        drop(self.journal);
        if let Err(fault) = fs::remove_dir_all(&self.directory) {
            eprintln!("tollgate: {} is settled but stays: {fault}", self.directory.display());
        }
    }
}
