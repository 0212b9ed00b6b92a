//! How the ledger comes back: newest checkpoint, then the journal behind it.
//!
//! A checkpoint's payload is `u32` length and JSON of the marks, then the books. Invariant: what
//! comes out is what the books were when the last synced batch was written, whatever ended the
//! process; a checkpoint that this version cannot read is passed over, for an older one or for the
//! whole journal; a journal that does not fold stops the start and is shown to a person.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use journal::checkpoint::{Checkpoint, PassedOver};
use ledger::books::Books;
use ledger::event::Event;
use ledger::expiry::Expiries;
use serde::{Deserialize, Serialize};

use super::register::Register;
use super::retention::Days;
use super::thread::{Input, Ledger, Opened};
use crate::clock;
use crate::settings::{Settings, StartError};
use crate::store::embedded::{Folders, LedgerJournal, frames};

/// The marks of a checkpoint.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Marks {
    /// The configuration generation.
    generation: u64,
    /// The number of the next event.
    order: u64,
    /// The last day whose periods have begun.
    periods: u32,
    /// The first batch of each day.
    days: Days,
}

impl Marks {
    /// The number of the next event.
    pub(crate) const fn order(&self) -> u64 {
        self.order
    }

    pub(crate) fn of(ledger: &Ledger) -> Self {
        Self {
            generation: ledger.register.generation,
            order: ledger.order(),
            periods: ledger.periods,
            days: ledger.days.clone(),
        }
    }
}

/// A checkpoint, read.
pub(crate) struct Stored {
    pub(crate) books: Books,
    pub(crate) marks: Marks,
}

/// The bytes of a checkpoint.
pub(crate) fn payload(books: &Books, marks: &Marks) -> Vec<u8> {
    let marks = serde_json::to_vec(marks).unwrap_or_default();
    let mut payload = (marks.len() as u32).to_le_bytes().to_vec();
    payload.extend_from_slice(&marks);
    payload.extend_from_slice(&books.encode());
    payload
}

/// Reads such bytes.
pub(crate) fn read_payload(payload: &[u8]) -> Result<Stored, String> {
    let split = || {
        let (length, rest) = payload.split_first_chunk::<4>()?;
        rest.split_at_checked(u32::from_le_bytes(*length) as usize)
    };
    let (marks, books) = split().ok_or("a checkpoint is cut off")?;
    let marks = serde_json::from_slice(marks).map_err(|error| error.to_string())?;
    let books = Books::decode(books).map_err(|fault| fault.to_string())?;
    Ok(Stored { books, marks })
}

impl Stored {
    /// Before the first event.
    fn nothing() -> Self {
        let marks = Marks { generation: 1, ..Marks::default() };
        Self { books: Books::new(), marks }
    }
}

/// Why a journal whose beginning is gone cannot be read without a checkpoint.
fn unfoldable(from: u64, oldest: u64, folders: &Folders) -> String {
    format!(
        "no checkpoint in {} can be read that the journal goes on from: batch {from} is needed \
         and {oldest} is the oldest that is kept. Start the version of tollgate that wrote them, \
         or restore a backup",
        folders.checkpoint.display()
    )
}

/// The ledger thread, running.
pub(crate) struct LedgerThread {
    pub(crate) queue: mpsc::Sender<Input>,
    pub(crate) handle: JoinHandle<()>,
}

/// Reads the books back and starts the thread.
pub(crate) fn start(settings: &Settings) -> Result<LedgerThread, StartError> {
    let folders = Folders::of(&settings.data);
    let opened = open(settings, &folders)?;
    let (queue, inputs) = mpsc::channel();
    let mut ledger = Ledger::new(opened, queue.clone());
    if settings.reprices {
        let begun = ledger.reprice().and_then(|()| ledger.set_free_requests());
        let begun = begun.and_then(|()| ledger.keep_playground());
        begun.map_err(|refusal| StartError::Books(refusal.to_string()))?;
    }
    let handle = thread::Builder::new()
        .name("ledger".into())
        .spawn(move || ledger.run(&inputs))
        .map_err(|error| StartError::System(format!("no ledger thread: {error}")))?;
    Ok(LedgerThread { queue, handle })
}

fn open(settings: &Settings, folders: &Folders) -> Result<Opened, StartError> {
    let read = |found: Checkpoint| read_payload(&found.payload);
    let (journal, loaded) = LedgerJournal::open(folders, settings.segment_bytes, read)?;
    for PassedOver { name, why } in &loaded.passed_over {
        notice::warn!("checkpoint {name} is passed over: {why}");
    }
    let (mut stored, from) = match loaded.newest {
        Some((number, stored)) => (stored, number.get() + 1),
        None => (Stored::nothing(), 1),
    };
    if from <= journal.durable() && from < journal.oldest() {
        return Err(StartError::Books(unfoldable(from, journal.oldest(), folders)));
    }
    // What no checkpoint knows the day of is kept as if it were of today.
    if from <= journal.durable() {
        stored.marks.days.note(clock::now(), from);
    }
    let generation = stored.marks.generation;
    let plans = settings.profile.plans.clone();
    let mut register = Register::of(&stored.books, generation, plans).map_err(StartError::Books)?;
    let fold = journal.replay(from, |batch| {
        let mut order = batch.first_order;
        for event in frames(&batch.records) {
            let event = Event::decode(event?).map_err(|fault| fault.to_string())?;
            stored.books.apply(&event).map_err(|error| format!("event {order}: {error}"))?;
            register.apply(&event, &stored.books)?;
            if let Event::KeyPeriodBegan { at, .. } = &event {
                stored.marks.periods = stored.marks.periods.max(at.day());
            }
            order += 1;
        }
        stored.marks.order = order;
        Ok(())
    });
    fold.map_err(StartError::Books)?;
    Ok(Opened {
        expiries: Expiries::of(&stored.books),
        books: stored.books,
        register,
        journal,
        order: stored.marks.order,
        periods: stored.marks.periods,
        days: stored.marks.days,
        profile: settings.profile.clone(),
        checkpoint_bytes: settings.checkpoint_bytes,
        data_planes_min: settings.data_planes_min,
        retention_days: settings.retention_days,
        master_keys: settings.master_keys.clone(),
        address: settings.admin,
    })
}
