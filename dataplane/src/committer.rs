//! The journal thread: every core's records, one after the other onto the disk.
//!
//! One turn: drain all rings, one write, give credit back, one sync, publish the durable marks; and
//! the runs of some turns together go to the uplink. What may happen when is the rule of
//! `ledger::spool` and of the journal's group commit; here is the thread that follows it.
//! Invariants: while the disk takes nothing, cores are told to admit nothing, and the same batch is
//! tried again; so they are while there is no room for the next segment, and the present one is
//! left to the requests that run.
//!
//! ```text
//!   drain --> commit (write, release, sync) --> mark --> gather --> pause --> drain
//!    | nothing there: sleep; woken for a record: pause --> drain
//!               | full: cores admit nothing, the batch is kept and tried again
//! ```

mod rings;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use channel::{Parker, parker};
use journal::{BatchNumber, Journal, JournalError, PlainDisk};
use ledger::cell::CreditCell;
use ledger::run::LEASE_RING;
use ledger::spool::Spool;
use ledger::{Purse, Run};
use rustc_hash::FxHashMap;
use units::{Epoch, Usd};

use crate::local::records::ToWake;
use crate::messages::{LedgerAnswer, ToCommitter, ToUplink};
use crate::uplink::standing::Standing;
pub use rings::CoreRing;
use rings::Rings;

/// Commits are not closer together, and a first record waits so long for others, unless a core
/// waits for the disk.
const PAUSE: Duration = Duration::from_millis(10);
/// Without records the thread sleeps so long at most; a core wakes it.
const SLEEP: Duration = Duration::from_millis(100);
/// What is durable goes to the uplink so much later at most, with what came after it.
const GATHER: Duration = Duration::from_millis(50);
/// A disk that takes nothing is tried again after this.
const RETRY: Duration = Duration::from_millis(100);

/// Figures of the journal for the report.
#[derive(Debug, Default)]
pub struct Figures {
    /// Batches since the start.
    pub batches: u64,
    /// The longest commit since the last look, in microseconds.
    pub slowest_commit_us: u64,
    /// Whether the disk takes records.
    pub is_sound: bool,
}

/// Where the journal thread sleeps.
pub struct Naps {
    /// While there are no records: whoever has some ends it.
    pub idle: Parker,
    /// Between two commits: whoever waits for the disk ends it, and nobody else.
    pub between: Parker,
}

impl Naps {
    /// Both, and what ends them.
    pub fn new() -> (Self, ToWake) {
        let ((idle, to_work), (between, to_hurry)) = (parker(), parker());
        (Self { idle, between }, ToWake { idle: to_work, pausing: to_hurry })
    }
}

/// Everything the journal thread owns.
pub struct Committer {
    epoch: Epoch,
    journal: Journal<PlainDisk>,
    rings: Rings,
    spool: Spool,
    orders: Receiver<ToCommitter>,
    uplink: Sender<ToUplink>,
    figures: Arc<Mutex<Figures>>,
    borrowed: Option<Borrowed>,
    durable: Gathered,
    is_stopping: bool,
}

/// What is durable and on its way to the uplink: many batches in one message, as each wakes a
/// thread.
#[derive(Default)]
struct Gathered {
    runs: Vec<Run>,
    since: Option<Instant>,
}

/// What is written down of the leases before segments go, for a start without the ledger.
pub struct Borrowed {
    /// Where.
    pub folder: PathBuf,
    /// The first ring that no process has used.
    pub next_ring: u16,
    /// Every cell that was ever granted anything, and how much in all.
    pub cells: FxHashMap<Purse, (Arc<CreditCell>, Usd)>,
}

impl Committer {
    /// A journal thread for these rings, not yet running.
    pub fn new(
        epoch: Epoch,
        journal: Journal<PlainDisk>,
        (rings, spool): (Vec<CoreRing>, Spool),
        orders: Receiver<ToCommitter>,
        uplink: Sender<ToUplink>,
        figures: Arc<Mutex<Figures>>,
        borrowed: Option<Borrowed>,
    ) -> Self {
        let (rings, durable, is_stopping) = (Rings(rings), Gathered::default(), false);
        Self {
            epoch,
            journal,
            rings,
            spool,
            orders,
            uplink,
            figures,
            borrowed,
            durable,
            is_stopping,
        }
    }

    /// Runs until it is told to stop and has written everything. A journal that is beyond use ends
    /// it with the reason; the cores have been told to admit nothing by then.
    pub fn run(mut self, naps: Naps) -> Result<(), JournalError> {
        let ended = self.turns(naps);
        if ended.is_err() {
            self.set_sound(false);
        }
        self.durable.ship(&self.uplink);
        ended
    }

    fn turns(&mut self, mut naps: Naps) -> Result<(), JournalError> {
        loop {
            self.take_orders();
            self.rings.drain(&mut self.spool, &self.uplink);
            let records = self.spool.close();
            if records == 0 {
                self.release();
                if self.is_stopping {
                    return Ok(());
                }
                self.set_sound(self.journal.has_room());
                let due = self.durable.ship_if_due(&self.uplink);
                if naps.idle.park_timeout(due.unwrap_or(SLEEP)) {
                    // What comes right behind the first record goes with it.
                    self.pause(&mut naps.between);
                }
                continue;
            }
            self.commit(records)?;
            self.pause(&mut naps.between);
        }
    }

    fn pause(&self, nap: &mut Parker) {
        let began = Instant::now();
        while !self.rings.is_awaited() && !self.is_stopping {
            let Some(left) = PAUSE.checked_sub(began.elapsed()) else { return };
            nap.park_timeout(left);
        }
    }

    fn take_orders(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            match order {
                ToCommitter::Answered(cell, answer) => {
                    if let Some(borrowed) = &mut self.borrowed {
                        borrowed.note(&cell, answer);
                    }
                    self.spool.answer(cell, answer);
                }
                ToCommitter::Returned(purse, amount) => self.spool.give_back(purse, amount),
                ToCommitter::Acknowledged(ring, seq) => self.spool.acknowledge(ring, seq),
                ToCommitter::Stop => self.is_stopping = true,
            }
        }
    }

    fn release(&mut self) {
        if self.spool.batch().1.written() {
            self.rings.ring_all();
        }
    }

    /// Writes one batch and does everything that follows from it.
    fn commit(&mut self, records: u32) -> Result<(), JournalError> {
        let started = Instant::now();
        let number = self.write(records)?;
        self.rings.publish_marks(&self.spool);
        self.durable.add(self.spool.runs(), &self.uplink);
        if let Some(kept) = self.spool.durable(number.get()).map(BatchNumber::new)
            && self.may_remove(number, kept)
        {
            self.journal.remove_below(kept)?;
        }
        self.spool.clear();
        let us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        if let Ok(mut figures) = self.figures.lock() {
            figures.batches += 1;
            figures.slowest_commit_us = figures.slowest_commit_us.max(us);
        }
        Ok(())
    }

    /// Whether segments below `kept` may go: what they say of the leases is written down first.
    fn may_remove(&self, number: BatchNumber, kept: BatchNumber) -> bool {
        let goes = self.journal.segments().nth(1).is_some_and(|next| next.first <= kept);
        let Some(borrowed) = self.borrowed.as_ref().filter(|_| goes) else { return goes };
        let standing = borrowed.standing(number.get(), self.spool.lease_end());
        let written = standing.write(&borrowed.folder, self.epoch);
        if let Err(fault) = &written {
            notice::warn!("old segments stay, as the leases cannot be written down: {fault}");
        }
        written.is_ok()
    }

    /// Makes the batch durable, however long the disk is full.
    fn write(&mut self, records: u32) -> Result<BatchNumber, JournalError> {
        let tag = u64::from(self.epoch.0);
        loop {
            let Self { journal, spool, rings, .. } = self;
            let (payload, mut waiting) = spool.batch();
            let committed = journal.commit(tag, records, payload, || {
                if waiting.written() {
                    rings.ring_all();
                }
            });
            self.set_sound(committed.is_ok() && self.journal.has_room());
            match committed {
                Err(JournalError::Full) => {
                    self.durable.ship(&self.uplink);
                    thread::sleep(RETRY);
                }
                committed => return committed.map(|position| position.number),
            }
        }
    }

    fn set_sound(&self, is_sound: bool) {
        self.rings.set_sound(is_sound);
        if let Ok(mut figures) = self.figures.lock() {
            figures.is_sound = is_sound;
        }
    }
}

impl Gathered {
    /// Takes the runs of a batch. They leave at once with credit that goes back, which somebody
    /// may wait for.
    fn add(&mut self, runs: Vec<Run>, uplink: &Sender<ToUplink>) {
        let is_urgent = runs.iter().any(|run| run.ring == LEASE_RING);
        self.runs.extend(runs);
        self.since.get_or_insert_with(Instant::now);
        if is_urgent {
            self.ship(uplink);
        } else {
            self.ship_if_due(uplink);
        }
    }

    /// Ships what has waited long enough; says how long the rest may wait yet.
    fn ship_if_due(&mut self, uplink: &Sender<ToUplink>) -> Option<Duration> {
        let left = GATHER.checked_sub(self.since?.elapsed());
        if left.is_none() {
            self.ship(uplink);
        }
        left
    }

    fn ship(&mut self, uplink: &Sender<ToUplink>) {
        if self.since.take().is_some() {
            // An uplink that is gone is shutting down; the journal keeps what it did not ship.
            let _ = uplink.send(ToUplink::Committed(std::mem::take(&mut self.runs)));
        }
    }
}

impl Borrowed {
    fn note(&mut self, cell: &Arc<CreditCell>, answer: LedgerAnswer) {
        if let LedgerAnswer::Granted(amount) = answer {
            let known = self.cells.entry(cell.purse());
            let (_, granted) = known.or_insert_with(|| (Arc::clone(cell), Usd::ZERO));
            *granted = [*granted, amount].into_iter().sum();
        }
    }

    /// How the leases stand now that a batch is durable. What a core is about to charge beyond its
    /// hold may be left out already: that much less is spent.
    fn standing(&self, batch: u64, lease_seq: u64) -> Standing {
        let left = |cell: &CreditCell| Usd::from_pico(i128::from(cell.owned().max(0)));
        let lease = |(purse, (cell, granted)): (&Purse, &(Arc<CreditCell>, Usd))| {
            (*purse, *granted, left(cell))
        };
        let leases = self.cells.iter().map(lease).collect();
        Standing { batch, next_ring: self.next_ring, lease_seq, leases }
    }
}
