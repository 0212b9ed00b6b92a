//! A copy of a data directory, made while it is in use or not, and its way back.
//!
//! ```text
//!   checkpoint ─▶ journal, as it is at one moment ─▶ keys, marks, tokens ─▶ read back: fold, audit
//! ```
//!
//! What is copied: the ledger's newest checkpoint, its journal to the end of a batch, and every
//! small file beside them. What is not: the view, which is rebuilt; and the journals of data
//! planes, whose unsettled records a restored ledger cannot have seen (their leases come back to
//! the customers).
//! Invariants: nothing of the original is changed; a copy that was reported was read back, and all
//! its identities hold; nothing is ever written into a directory that holds something.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use journal::checkpoint::{self, Checkpoint};
use journal::{Archive, BatchNumber, JournalError, PlainDisk};
use ledger::books::{Books, audit};
use ledger::event::Event;

use crate::books::read_payload;
use crate::store::embedded::{Folders, frames, look_at, newest_checkpoint};

/// How often a copy is begun anew because the ledger removed what was being copied.
const TRIES: usize = 5;
/// Folders of a data directory that are not copied file by file.
const OWN: [&str; 3] = ["journal", "checkpoint", "view"];
/// Identities that hold once everything that runs is settled: a hold may be in the books before the
/// end that freed its credit.
const SETTLED_ONLY: [&str; 2] = ["no lease holds more", "no account is overspent"];

/// What a copy holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The last batch of the ledger's journal.
    pub batch: u64,
    /// Events of the ledger, ever.
    pub events: u64,
    /// Accounts.
    pub accounts: usize,
}

/// Copies what `data` holds into `target`, which must be empty or not there, and reads it back.
///
/// # Errors
/// In words: what is in the way, cannot be read, or does not add up.
pub fn copy(data: &Path, target: &Path) -> Result<Copied, String> {
    let from = Folders::of(data);
    if !from.journal.is_dir() {
        return Err(format!("there is no ledger in {}", data.display()));
    }
    if fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(format!("{} is not empty; name another directory", target.display()));
    }
    let said = |error: io::Error| format!("{}: {error}", target.display());
    fs::create_dir_all(target).map_err(said)?;
    let to = Folders::of(target);
    let mut tries = 1;
    while let Err(error) = copy_ledger(&from, &to) {
        let is_gone = matches!(&error, JournalError::Io { source, .. }
            if source.kind() == io::ErrorKind::NotFound);
        if !is_gone || tries == TRIES {
            return Err(format!("{}: {error}", data.display()));
        }
        tries += 1;
        for folder in [&to.journal, &to.checkpoint] {
            fs::remove_dir_all(folder).map_err(said)?;
        }
    }
    copy_files(data, target, true).map_err(said)?;
    read_back(&to)
}

/// Checkpoint first: the batches behind it stay in the journal until two newer ones are written.
fn copy_ledger(from: &Folders, to: &Folders) -> Result<(), JournalError> {
    let checkpoints = PlainDisk::open(&to.checkpoint)?;
    if from.checkpoint.is_dir()
        && let Some((number, payload)) = newest_readable(from)?
    {
        checkpoint::write(&checkpoints, number, &payload)?;
    }
    let target = PlainDisk::open(&to.journal)?;
    let (archive, _) = Archive::open(PlainDisk::look_at(&from.journal)?)?;
    journal::copy(&archive, &target).map(drop)
}

fn newest_readable(from: &Folders) -> Result<Option<(BatchNumber, Vec<u8>)>, JournalError> {
    let is_ours = |found: Checkpoint| read_payload(&found.payload).map(|_| found.payload);
    Ok(checkpoint::load(&PlainDisk::look_at(&from.checkpoint)?, is_ours)?.newest)
}

/// The small files: keys, tokens, marks, what a data plane keeps.
fn copy_files(from: &Path, to: &Path, is_top: bool) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        let target: PathBuf = to.join(&name);
        if kind.is_dir() && !(is_top && OWN.iter().any(|own| name == **own)) {
            fs::create_dir_all(&target)?;
            copy_files(&entry.path(), &target, false)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &target)?;
            fs::File::open(&target)?.sync_all()?;
        }
    }
    fs::File::open(to)?.sync_all()
}

/// Folds a copy as a start would, and audits it.
fn read_back(folders: &Folders) -> Result<Copied, String> {
    let (mut books, mut order, mut batch) = (Books::new(), 0, 0);
    let newest = newest_checkpoint(folders, |found| read_payload(&found.payload))?;
    if let Some((number, stored)) = newest {
        (books, order, batch) = (stored.books, stored.marks.order(), number);
    }
    look_at(folders, batch + 1, |read| {
        if read.number() <= batch {
            return Ok(());
        }
        order = read.first_order;
        for event in frames(&read.records) {
            let event = Event::decode(event?).map_err(|fault| fault.to_string())?;
            books.apply(&event).map_err(|error| format!("event {order}: {error}"))?;
            order += 1;
        }
        batch = read.number();
        Ok(())
    })?;
    let identities = audit::audit(&books).identities;
    let is_settled_only = |name: &str| SETTLED_ONLY.iter().any(|begin| name.starts_with(begin));
    let mut wrong = identities.iter().filter(|identity| !identity.ok);
    if let Some(identity) = wrong.find(|identity| !is_settled_only(identity.name)) {
        return Err(format!("the copy does not add up: {}", identity.name));
    }
    Ok(Copied { batch, events: order, accounts: books.account_ids().len() })
}
