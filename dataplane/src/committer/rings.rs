//! The journal thread's ends of all rings: the cores', and its own for grants and returns.
//!
//! Invariants: sequence numbers follow each other within a ring; what is drained in one turn is in
//! one batch; releases wait until that batch is written.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use channel::{Consumer, Doorbell};
use ledger::Purse;
use ledger::cell::CreditCell;
use ledger::record::Record;
use ledger::run::{LEASE_RING, RunWriter};
use units::Usd;

use crate::local::records::{Durable, Entry, Release};
use crate::messages::{LedgerAnswer, ToUplink};

/// A batch takes up to so many bytes of one ring.
const RING_BYTES_MAX: usize = 4 << 20;

/// One core's ring and what the core is told through.
pub struct CoreRing {
    /// Where its records arrive.
    pub consumer: Consumer<Entry>,
    /// Where it reads how far they are on disk.
    pub durable: Arc<Durable>,
    /// What wakes it.
    pub doorbell: Doorbell,
}

/// Every core's ring.
pub struct Rings {
    rings: Vec<RingState>,
    releases: Vec<Release>,
}

struct RingState {
    core: CoreRing,
    next_seq: u64,
    /// Open holds in order, and ended ones behind older open ones.
    holds: VecDeque<(u64, bool)>,
}

impl Rings {
    /// Rings in the order of the cores.
    pub fn new(cores: Vec<CoreRing>) -> Self {
        let state = |core| RingState { core, next_seq: 0, holds: VecDeque::new() };
        Self { rings: cores.into_iter().map(state).collect(), releases: Vec::new() }
    }

    /// Moves what is there into a batch's payload; how many records that was.
    pub fn drain(&mut self, payload: &mut Vec<u8>, uplink: &Sender<ToUplink>) -> u32 {
        let Self { rings, releases } = self;
        let mut count = 0;
        for (number, ring) in rings.iter_mut().enumerate() {
            count += ring.drain(number as u16, payload, releases, uplink);
        }
        count
    }

    /// Gives back the credit of every hold whose end is now written.
    pub fn release(&mut self) {
        self.releases.drain(..).for_each(Release::perform);
    }

    /// Tells every core how far it is on disk, and wakes those that wait for it.
    pub fn publish_marks(&self) {
        for ring in &self.rings {
            if ring.core.durable.publish(ring.next_seq) {
                ring.core.doorbell.ring();
            }
        }
    }

    /// Whether any core waits for the disk.
    pub fn is_awaited(&self) -> bool {
        self.rings.iter().any(|ring| ring.core.durable.is_awaited())
    }

    /// Tells every core whether the journal takes records.
    pub fn set_sound(&self, is_sound: bool) {
        self.rings.iter().for_each(|ring| ring.core.durable.set_sound(is_sound));
    }

    /// Wakes every core.
    pub fn ring_all(&self) {
        self.rings.iter().for_each(|ring| ring.core.doorbell.ring());
    }

    /// Where each ring ends.
    pub fn ends(&self) -> Vec<u64> {
        self.rings.iter().map(|ring| ring.next_seq).collect()
    }

    /// The oldest open hold of each ring; where there is none, the ring's end.
    pub fn oldest_open(&self) -> Vec<u64> {
        let oldest = |ring: &RingState| ring.holds.front().map_or(ring.next_seq, |hold| hold.0);
        self.rings.iter().map(oldest).collect()
    }
}

impl RingState {
    fn drain(
        &mut self,
        number: u16,
        payload: &mut Vec<u8>,
        releases: &mut Vec<Release>,
        uplink: &Sender<ToUplink>,
    ) -> u32 {
        let mut run = RunWriter::begin(payload, number, self.next_seq);
        let mut taken = 0;
        while taken < RING_BYTES_MAX {
            let Some(entry) = self.core.consumer.pop() else { break };
            let bytes = match entry {
                Entry::Hold(bytes) => {
                    self.holds.push_back((self.next_seq, true));
                    bytes
                }
                Entry::Progress(bytes) => bytes,
                Entry::End(bytes, hold_seq, release) => {
                    releases.push(release);
                    self.close(hold_seq);
                    bytes
                }
                Entry::Need(purse, amount) => {
                    // An uplink that is gone lends nothing; the request's wait ends by itself.
                    let _ = uplink.send(ToUplink::Need(purse, amount));
                    continue;
                }
                Entry::Usage(rows, below) => {
                    let _ = uplink.send(ToUplink::Usage(rows, (number, below)));
                    continue;
                }
            };
            run.push(&bytes);
            taken += bytes.as_slice().len();
            self.next_seq += 1;
        }
        run.finish()
    }

    fn close(&mut self, hold_seq: u64) {
        if let Ok(place) = self.holds.binary_search_by_key(&hold_seq, |hold| hold.0) {
            self.holds[place].1 = false;
        }
        while self.holds.front().is_some_and(|hold| !hold.1) {
            self.holds.pop_front();
        }
    }
}

/// The journal thread's own records: credit that was lent to this epoch, and that goes back.
/// Answers reach their cells in the order in which they came: a denial that overtook a grant would
/// say that there is nothing.
#[derive(Default)]
pub struct LeaseRing {
    returning: Vec<(Purse, Usd)>,
    waiting: Vec<(Arc<CreditCell>, LedgerAnswer)>,
    written: Vec<(Arc<CreditCell>, LedgerAnswer)>,
    next_seq: u64,
}

impl LeaseRing {
    /// Takes an answer; a grant is written with the next batch.
    pub fn answer(&mut self, cell: Arc<CreditCell>, answer: LedgerAnswer) {
        self.waiting.push((cell, answer));
    }

    /// Notes credit that was taken out of its cell, to be returned with the next batch.
    pub fn give_back(&mut self, purse: Purse, amount: Usd) {
        self.returning.push((purse, amount));
    }

    /// Moves the returns and the waiting grants into a batch's payload; how many.
    pub fn drain(&mut self, payload: &mut Vec<u8>) -> u32 {
        let mut run = RunWriter::begin(payload, LEASE_RING, self.next_seq);
        for (purse, amount) in self.returning.drain(..) {
            run.push(&Record::Return { purse, amount }.encode());
        }
        for (cell, answer) in &self.waiting {
            if let LedgerAnswer::Granted(amount) = *answer {
                run.push(&Record::Grant { purse: cell.purse(), amount }.encode());
            }
        }
        let count = run.finish();
        self.next_seq += u64::from(count);
        self.written.append(&mut self.waiting);
        count
    }

    /// Gives the written grants out and the denials with them; whether there were any.
    pub fn release(&mut self) -> bool {
        let has_any = !self.written.is_empty();
        let word = |amount: Usd| amount.pico_i64().unwrap_or(i64::MAX);
        for (cell, answer) in self.written.drain(..) {
            match answer {
                LedgerAnswer::Granted(amount) => cell.grant(word(amount)),
                LedgerAnswer::Denied(unlent, elsewhere) => {
                    cell.answered(word(unlent), word(elsewhere));
                }
            }
        }
        has_any
    }

    /// Where the ring ends.
    pub const fn end(&self) -> u64 {
        self.next_seq
    }
}
