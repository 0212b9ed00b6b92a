//! The journal thread: every core's records, one after the other onto the disk.
//!
//! One turn: drain all rings, one write, give credit back, one sync, publish the durable marks,
//! hand the runs to the uplink. Invariants: credit comes free only after the batch that holds the
//! record was written, so every prefix of the journal is closed; only durable runs are shipped;
//! while the disk takes nothing, the same batch is tried again and cores are told to admit nothing.
//!
//! ```text
//!   drain --> write --> release --> sync --> mark --> ship --> (pause) --> drain
//!               | full, broken: cores admit nothing, the batch is kept and tried again
//! ```

mod rings;
mod tail;

use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use channel::Parker;
use journal::{Journal, JournalError, PlainDisk};
use ledger::run;
use units::Epoch;

use crate::messages::{ToCommitter, ToUplink};
pub use rings::CoreRing;
use rings::{LeaseRing, Rings};
use tail::Tail;

/// Commits are not closer together than this, unless a core waits for one.
const PAUSE: Duration = Duration::from_millis(3);
/// Without records the thread sleeps so long at most; a core wakes it.
const SLEEP: Duration = Duration::from_millis(100);
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

/// Everything the journal thread owns.
pub struct Committer {
    epoch: Epoch,
    journal: Journal<PlainDisk>,
    rings: Rings,
    leases: LeaseRing,
    tail: Tail,
    orders: Receiver<ToCommitter>,
    uplink: Sender<ToUplink>,
    figures: Arc<Mutex<Figures>>,
    is_stopping: bool,
}

impl Committer {
    /// A journal thread for these rings, not yet running.
    pub fn new(
        epoch: Epoch,
        journal: Journal<PlainDisk>,
        rings: Vec<CoreRing>,
        orders: Receiver<ToCommitter>,
        uplink: Sender<ToUplink>,
        figures: Arc<Mutex<Figures>>,
    ) -> Self {
        let tail = Tail::new(rings.len());
        Self {
            epoch,
            journal,
            rings: Rings::new(rings),
            leases: LeaseRing::default(),
            tail,
            orders,
            uplink,
            figures,
            is_stopping: false,
        }
    }

    /// Runs until it is told to stop and has written everything. A journal that is beyond use ends
    /// it with the reason; the cores have been told to admit nothing by then.
    pub fn run(mut self, mut parker: Parker) -> Result<(), JournalError> {
        let mut payload = Vec::new();
        loop {
            self.take_orders();
            payload.clear();
            let drained =
                self.rings.drain(&mut payload, &self.uplink) + self.leases.drain(&mut payload);
            if drained == 0 {
                self.release_answers();
                if self.is_stopping {
                    return Ok(());
                }
                parker.park_timeout(SLEEP);
                continue;
            }
            self.commit(&payload, drained)?;
            if !self.rings.is_awaited() && !self.is_stopping {
                thread::sleep(PAUSE);
            }
        }
    }

    fn take_orders(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            match order {
                ToCommitter::Answered(cell, answer) => self.leases.answer(cell, answer),
                ToCommitter::Returned(purse, amount) => self.leases.give_back(purse, amount),
                ToCommitter::Acknowledged(ring, seq) => self.tail.acknowledge(ring, seq),
                ToCommitter::Stop => self.is_stopping = true,
            }
        }
    }

    fn release_answers(&mut self) {
        if self.leases.release() {
            self.rings.ring_all();
        }
    }

    /// Writes one batch and everything that follows from it.
    fn commit(&mut self, payload: &[u8], records: u32) -> Result<(), JournalError> {
        let started = std::time::Instant::now();
        self.write(payload, records)?;
        self.rings.release();
        self.release_answers();
        self.sync(payload, records)?;
        self.rings.publish_marks();
        self.ship(payload);
        self.tail.note(self.journal.durable(), self.rings.ends(), self.leases.end());
        if let Some(number) = self.tail.removable(&self.rings.oldest_open()) {
            self.journal.remove_below(number)?;
        }
        let us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        if let Ok(mut figures) = self.figures.lock() {
            figures.batches += 1;
            figures.slowest_commit_us = figures.slowest_commit_us.max(us);
            figures.is_sound = true;
        }
        Ok(())
    }

    /// Writes a batch, however long the disk is full; rotates once after an I/O error.
    fn write(&mut self, payload: &[u8], records: u32) -> Result<(), JournalError> {
        loop {
            match self.journal.write(u64::from(self.epoch.0), records, payload) {
                Ok(_) => {
                    self.rings.set_sound(true);
                    return Ok(());
                }
                Err(fault) => self.recover(fault)?,
            }
        }
    }

    fn sync(&mut self, payload: &[u8], records: u32) -> Result<(), JournalError> {
        loop {
            match self.journal.sync() {
                Ok(()) => return Ok(()),
                Err(fault) => {
                    self.recover(fault)?;
                    self.write(payload, records)?;
                }
            }
        }
    }

    /// Makes the journal writable again, or gives the reason why it cannot be.
    fn recover(&mut self, fault: JournalError) -> Result<(), JournalError> {
        self.rings.set_sound(false);
        if let Ok(mut figures) = self.figures.lock() {
            figures.is_sound = false;
        }
        match fault {
            JournalError::Full => {
                thread::sleep(RETRY);
                Ok(())
            }
            JournalError::Io { .. } | JournalError::MustRotate => match self.journal.rotate() {
                Err(JournalError::Full) => {
                    thread::sleep(RETRY);
                    Ok(())
                }
                rotated => rotated,
            },
            beyond => Err(beyond),
        }
    }

    fn ship(&self, payload: &[u8]) {
        // What this thread has just written itself reads back.
        let runs: Vec<_> = run::runs(payload).map_while(Result::ok).collect();
        // An uplink that is gone is shutting down; the journal keeps what it did not ship.
        let _ = self.uplink.send(ToUplink::Committed(runs));
    }
}
