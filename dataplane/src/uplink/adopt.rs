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
//!        v                   welcome: known --ship--> all acknowledged --> done
//!                                                          --> set aside, whole --> removed
//! ```
//! What is shipped goes piece by piece, each when the one before has arrived.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use journal::{BatchNumber, Journal, JournalError, JournalOptions, PlainDisk};
use ledger::borrower::{Borrower, PurseRest};
use ledger::remainder::Remainder;
use ledger::run::{self, LEASE_RING};
use ledger::{Purse, Run};
use link::ToControl;
use units::{Epoch, UnixMillis, Usd};

use super::standing::{self, Beginning, Standing};

/// Adopted journals get no more than a few records; their last segment need not be large.
const SEGMENT_BYTES: u64 = 1 << 20;
/// What the directory of a journal that is being removed begins with.
const GONE: &str = "gone-";
/// Records that are shipped at once.
const PIECE_BYTES: usize = 4 << 20;

/// A dead epoch on its way into the ledger.
pub struct Adopted {
    epoch: Epoch,
    directory: PathBuf,
    journal: Journal<PlainDisk>,
    remainder: Remainder,
    is_linked: bool,
    /// Where each ring ends with the piece that is on its way.
    on_the_way: BTreeMap<u16, u64>,
    /// The batch from which the next piece is read.
    next: BatchNumber,
    /// How it stands, if a process may go on with it.
    standing: Option<Standing>,
    folder: PathBuf,
}

/// What a start finds in its journal directory.
pub struct Found {
    /// Dead epochs, oldest first.
    pub adopted: Vec<Adopted>,
    /// Epochs that another process still drains.
    pub locked: Vec<Epoch>,
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
pub fn adopt_all(root: &Path, folder: &Path, now: UnixMillis) -> Result<Found, JournalError> {
    fs::create_dir_all(root).map_err(unreadable)?;
    let mut epochs = Vec::new();
    for entry in fs::read_dir(root).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(GONE)) {
            // Whoever set it aside may be about to remove it too.
            let _ = fs::remove_dir_all(entry.path());
        }
        let number = name.to_str().and_then(|name| name.strip_prefix("epoch-")?.parse().ok());
        epochs.extend(number.map(Epoch));
    }
    epochs.sort_unstable();
    let newest = epochs.last().copied().unwrap_or_default();
    let (adopted, locked) = adopt_unlocked((root, folder), epochs, now)?;
    Ok(Found { adopted, locked, newest })
}

/// Takes over those of some epochs that nobody holds any more; the others are given back.
///
/// # Errors
/// As of [`adopt_all`].
pub fn adopt_unlocked(
    (root, folder): (&Path, &Path),
    epochs: Vec<Epoch>,
    now: UnixMillis,
) -> Result<(Vec<Adopted>, Vec<Epoch>), JournalError> {
    let (mut adopted, mut locked) = (Vec::new(), Vec::new());
    for epoch in epochs {
        if !directory_of(root, epoch).exists() {
            continue;
        }
        match adopt((root, folder), epoch, now) {
            Ok(found) => adopted.push(found),
            Err(JournalError::Locked { .. }) => locked.push(epoch),
            Err(fault) => return Err(fault),
        }
    }
    Ok((adopted, locked))
}

fn unreadable(source: io::Error) -> JournalError {
    JournalError::Io { doing: "look for journals", source }
}

impl Found {
    /// Takes the newest dead epoch out, for a process with so many cores to go on with; `None` if
    /// that cannot be.
    pub fn go_on(&mut self, cores: usize) -> Option<(Epoch, Beginning)> {
        let newest = self.adopted.pop()?;
        let older = newest.remainder.ends();
        match newest.standing.clone().and_then(|standing| standing.reserve(cores, older)) {
            Some(beginning) => Some((newest.epoch, beginning)),
            None => {
                self.adopted.push(newest);
                None
            }
        }
    }
}

fn adopt(
    (root, folder): (&Path, &Path),
    epoch: Epoch,
    now: UnixMillis,
) -> Result<Adopted, JournalError> {
    let directory = directory_of(root, epoch);
    let disk = PlainDisk::open(&directory)?;
    let options = JournalOptions { segment_bytes: SEGMENT_BYTES };
    let (mut journal, _) = Journal::open(disk, options)?;
    let mut borrower = Borrower::default();
    let mut remainder = Remainder::default();
    let kept = Standing::read(folder, epoch);
    let mut base = kept.clone();
    for run in runs_of(&journal, BatchNumber::FIRST)? {
        let (batch, run) = run?;
        if let Some(base) = base.take_if(|base| base.batch < batch.get()) {
            borrower.rebase(&base.leases);
        }
        borrower.apply(&run).map_err(|_| senseless())?;
        remainder.note(&run);
    }
    if let Some(base) = base {
        borrower.rebase(&base.leases);
    }
    let ending = borrower.ends(now);
    if !ending.is_empty() {
        let mut payload = Vec::new();
        ending.iter().for_each(|run| run.encode(&mut payload));
        let count = ending.iter().map(|run| run.count).sum();
        journal.write(u64::from(epoch.0), count, &payload)?;
        journal.sync()?;
        for run in &ending {
            borrower.apply(run).map_err(|_| senseless())?;
            remainder.note(run);
        }
    }
    let standing = kept.map(|kept| stands(&borrower, &kept, journal.durable()));
    let (on_the_way, next) = (BTreeMap::new(), BatchNumber::FIRST);
    Ok(Adopted {
        epoch,
        directory,
        journal,
        remainder,
        is_linked: false,
        on_the_way,
        next,
        standing,
        folder: folder.to_owned(),
    })
}

/// How an epoch stands whose holds have all ended.
fn stands(borrower: &Borrower, kept: &Standing, batch: BatchNumber) -> Standing {
    let lease = |(purse, rest): (Purse, PurseRest)| (purse, rest.granted, rest.left.max(Usd::ZERO));
    Standing {
        batch: batch.get(),
        next_ring: kept.next_ring,
        lease_seq: kept.lease_seq.max(borrower.next_seq(LEASE_RING)),
        leases: borrower.purses().map(lease).collect(),
    }
}

/// The runs of a journal from a batch on, each with its batch.
fn runs_of(
    journal: &Journal<PlainDisk>,
    from: BatchNumber,
) -> Result<impl Iterator<Item = Result<(BatchNumber, Run), JournalError>> + '_, JournalError> {
    let first = journal.segments().next().map_or(BatchNumber::FIRST, |segment| segment.first);
    let batches = journal.batches_from(first.max(from))?;
    Ok(batches.flat_map(|batch| match batch {
        Ok(batch) => {
            let number = batch.position.number;
            let with_batch = |run: Result<Run, _>| run.map(|run| (number, run));
            let runs = run::runs(&batch.records).map(with_batch);
            runs.map(|run| run.map_err(|_| senseless())).collect::<Vec<_>>()
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

    /// The ledger says what it has of each ring; `None` if it has closed the epoch.
    pub fn welcome(&mut self, watermarks: Option<&[(u16, u64)]>) {
        self.is_linked = self.remainder.welcome(watermarks);
        self.on_the_way.clear();
        self.next = BatchNumber::FIRST;
    }

    /// The link is down.
    pub fn adrift(&mut self) {
        self.is_linked = false;
    }

    /// The next piece of what the ledger lacks, once the last has arrived.
    pub fn piece(&mut self) -> Option<ToControl> {
        if !self.is_linked || !self.on_the_way.is_empty() {
            return None;
        }
        let (mut runs, mut bytes) = (Vec::new(), 0);
        // What was read at the start reads again; what does not is said by the audit.
        for (batch, run) in runs_of(&self.journal, self.next).ok()?.map_while(Result::ok) {
            if bytes >= PIECE_BYTES {
                break;
            }
            self.next = batch;
            let Some(run) = self.remainder.lacking(run) else { continue };
            bytes += run.bytes.len();
            self.on_the_way.insert(run.ring, run.end_seq());
            runs.push(run);
        }
        self.is_linked = !runs.is_empty();
        self.is_linked.then_some(ToControl::Settlement { epoch: self.epoch, runs })
    }

    /// The ledger has everything below `seq` of a ring.
    pub fn acknowledge(&mut self, ring: u16, seq: u64) {
        self.remainder.acknowledge(ring, seq);
        if self.on_the_way.get(&ring).is_some_and(|end| *end <= seq) {
            self.on_the_way.remove(&ring);
        }
    }

    /// Whether the ledger has everything.
    pub fn is_done(&self) -> bool {
        self.remainder.is_done()
    }

    /// Removes the journal. First, for good, what would let a process go on with the epoch: the
    /// ledger is about to hear that its leases are free. Then the whole of it under one name, so
    /// that a half of it is never taken for a journal; its lock is held until nobody finds it.
    pub fn remove(self) {
        let Self { epoch, directory, folder, journal, .. } = self;
        standing::forget(&folder, epoch);
        let root = directory.parent().unwrap_or(Path::new("."));
        let gone = root.join(format!("{GONE}{:010}", epoch.0));
        let moved = fs::rename(&directory, &gone).and_then(|()| fs::File::open(root)?.sync_all());
        drop(journal);
        if let Err(fault) = moved.and_then(|()| fs::remove_dir_all(&gone)) {
            notice::warn!("{} is settled but stays: {fault}", directory.display());
        }
    }
}
