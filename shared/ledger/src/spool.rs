//! What a data plane writes down next: the batch that is being filled, and what waits for it.
//!
//! Purpose: the rules of the journal thread without its thread. It pours the cores' records into
//! [`Spool::ring`], writes [`Spool::batch`], and says how far that came.
//! Invariants: sequence numbers follow each other within a ring; credit comes free, and answers
//! reach their cells, only after the batch that holds the record was written, so that every prefix
//! of the journal is closed; answers reach their cells in the order in which they came (a denial
//! that overtook a grant would say that there is nothing); runs leave only when they are durable.
//! Left out on purpose: rings, disks, and when to do what.
//!
//! ```text
//!   ring()... close() --> batch(), written() --> durable() --> runs() --> clear()
//!                 ^ a batch that the disk does not take stays as it is, and is tried again
//! ```

mod tail;

use std::collections::VecDeque;
use std::sync::Arc;

use units::Usd;

use crate::cell::{CreditCell, Release};
use crate::page::{Page, Step};
use crate::purse::Purse;
use crate::record::Record;
use crate::run::{self, LEASE_RING, Run, RunWriter};
use tail::Tail;

/// What the ledger answered about a purse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerAnswer {
    /// It lent this much.
    Granted(Usd),
    /// No more is lent now: what of the purse is not lent, and what is lent to others.
    Denied(Usd, Usd),
}

/// One batch, from its first record until it is shipped; and the marks of all rings.
pub struct Spool {
    first_ring: u16,
    rings: Vec<RingState>,
    leases: LeaseRing,
    payload: Vec<u8>,
    records: u32,
    releases: Vec<Release>,
    tail: Tail,
}

#[derive(Default)]
struct RingState {
    next_seq: u64,
    /// Open holds in order, and ended ones behind older open ones.
    holds: VecDeque<(u64, bool)>,
}

/// The journal thread's own records: credit that was lent to this epoch, and that goes back.
#[derive(Default)]
struct LeaseRing {
    returning: Vec<(Purse, Usd)>,
    waiting: Vec<(Arc<CreditCell>, LedgerAnswer)>,
    written: Vec<(Arc<CreditCell>, LedgerAnswer)>,
    next_seq: u64,
}

/// What waits until its batch is written.
pub struct Waiting<'s> {
    releases: &'s mut Vec<Release>,
    leases: &'s mut LeaseRing,
}

/// One core's records on their way into the batch.
pub struct Pour<'s> {
    ring: &'s mut RingState,
    releases: &'s mut Vec<Release>,
    records: &'s mut u32,
    run: RunWriter<'s>,
    bytes: usize,
}

impl Spool {
    /// An epoch that has written nothing, with so many cores.
    pub fn new(rings: usize) -> Self {
        Self::going_on(rings, 0, 0, Vec::new())
    }

    /// An epoch that earlier processes have written: its cores' rings begin at `first_ring`, its
    /// lease ring goes on at `lease_seq`, and `older` is where the rings of those end.
    pub fn going_on(rings: usize, first_ring: u16, lease_seq: u64, older: Vec<(u16, u64)>) -> Self {
        Self {
            first_ring,
            rings: (0..rings).map(|_| RingState::default()).collect(),
            leases: LeaseRing { next_seq: lease_seq, ..LeaseRing::default() },
            payload: Vec::new(),
            records: 0,
            releases: Vec::new(),
            tail: Tail::new(rings, older),
        }
    }

    /// The number of the first core's ring.
    pub const fn first_ring(&self) -> u16 {
        self.first_ring
    }

    /// Where the lease ring ends.
    pub const fn lease_end(&self) -> u64 {
        self.leases.next_seq
    }

    /// Begins the run of a ring in this batch; `None` if there is no such ring.
    pub fn ring(&mut self, number: u16) -> Option<Pour<'_>> {
        let Self { first_ring, rings, payload, records, releases, .. } = self;
        let ring = rings.get_mut(usize::from(number.checked_sub(*first_ring)?))?;
        let run = RunWriter::begin(payload, number, ring.next_seq);
        Some(Pour { ring, releases, records, run, bytes: 0 })
    }

    /// Takes an answer of the ledger; a grant is written with the next batch.
    pub fn answer(&mut self, cell: Arc<CreditCell>, answer: LedgerAnswer) {
        self.leases.waiting.push((cell, answer));
    }

    /// Notes credit that was taken out of its cell, to be returned with the next batch.
    pub fn give_back(&mut self, purse: Purse, amount: Usd) {
        self.leases.returning.push((purse, amount));
    }

    /// Ends the batch with what was lent and returned; how many records it has. Without any,
    /// what waits need not wait for the disk.
    pub fn close(&mut self) -> u32 {
        self.records += self.leases.pour(&mut self.payload);
        self.records
    }

    /// The batch's bytes, and what waits for them to be written.
    pub fn batch(&mut self) -> (&[u8], Waiting<'_>) {
        let Self { payload, releases, leases, .. } = self;
        (payload, Waiting { releases, leases })
    }

    /// The batch is on disk, as this number of the journal. Answers with the first batch that must
    /// be kept, if that has moved.
    pub fn durable(&mut self, number: u64) -> Option<u64> {
        let ends = self.rings.iter().map(|ring| ring.next_seq).collect();
        self.tail.note(number, ends, self.leases.next_seq);
        let oldest_open: Vec<u64> = self.rings.iter().map(RingState::oldest_open).collect();
        self.tail.removable(&oldest_open)
    }

    /// The runs of a durable batch, to be shipped.
    pub fn runs(&self) -> Vec<Run> {
        // What was just written here reads back.
        run::runs(&self.payload).map_while(Result::ok).collect()
    }

    /// Forgets a batch that was shipped, and begins the next.
    pub fn clear(&mut self) {
        self.payload.clear();
        self.records = 0;
    }

    /// The ledger has everything below `seq` of a ring.
    pub fn acknowledge(&mut self, ring: u16, seq: u64) {
        self.tail.acknowledge(ring, ring.checked_sub(self.first_ring), seq);
    }

    /// Where a ring ends; once the batch is on disk, how far that ring is durable.
    pub fn end(&self, ring: u16) -> u64 {
        let place = ring.checked_sub(self.first_ring).map(usize::from);
        place.and_then(|place| self.rings.get(place)).map_or(0, |ring| ring.next_seq)
    }
}

impl Waiting<'_> {
    /// The batch is in the journal, if not yet for good: gives back the credit of every hold whose
    /// end it holds, and passes the ledger's answers on; whether there were any. A second call does
    /// nothing.
    pub fn written(&mut self) -> bool {
        self.releases.drain(..).for_each(Release::perform);
        self.leases.release()
    }
}

impl Pour<'_> {
    /// The records of a page, which is empty then.
    pub fn page(&mut self, page: &mut Page) {
        let first = self.ring.next_seq;
        self.run.push(page);
        self.bytes += page.bytes().len();
        self.ring.next_seq += u64::from(page.count());
        for step in page.take_steps() {
            match step {
                Step::Begins(place) => {
                    self.ring.holds.push_back((first + u64::from(place), true));
                }
                Step::Ends(hold_seq, release) => {
                    self.releases.push(release);
                    self.ring.close(hold_seq);
                }
            }
        }
        page.clear();
    }

    /// Bytes of records so far.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Ends the run; how many records it has.
    pub fn finish(self) -> u32 {
        let count = self.run.finish();
        *self.records += count;
        count
    }
}

impl RingState {
    fn close(&mut self, hold_seq: u64) {
        if let Ok(place) = self.holds.binary_search_by_key(&hold_seq, |hold| hold.0) {
            self.holds[place].1 = false;
        }
        while self.holds.front().is_some_and(|hold| !hold.1) {
            self.holds.pop_front();
        }
    }

    /// The oldest open hold; where there is none, the ring's end.
    fn oldest_open(&self) -> u64 {
        self.holds.front().map_or(self.next_seq, |hold| hold.0)
    }
}

impl LeaseRing {
    fn pour(&mut self, payload: &mut Vec<u8>) -> u32 {
        let mut page = Page::default();
        for (purse, amount) in self.returning.drain(..) {
            page.other(&Record::Return { purse, amount });
        }
        for (cell, answer) in &self.waiting {
            if let LedgerAnswer::Granted(amount) = *answer {
                page.other(&Record::Grant { purse: cell.purse(), amount });
            }
        }
        let mut run = RunWriter::begin(payload, LEASE_RING, self.next_seq);
        run.push(&page);
        let count = run.finish();
        self.next_seq += u64::from(count);
        self.written.append(&mut self.waiting);
        count
    }

    fn release(&mut self) -> bool {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::books::tests::{PURSE, hold, post, usd};

    fn write(spool: &mut Spool, ring: u16, mut page: Page) -> u32 {
        let mut ring = spool.ring(ring).unwrap();
        ring.page(&mut page);
        assert!(page.can_wait() && page.count() == 0);
        ring.finish()
    }

    fn one_hold() -> Page {
        let mut page = Page::default();
        page.hold(&hold(1));
        page
    }

    fn its_end(cell: Arc<CreditCell>) -> Page {
        let mut page = Page::default();
        page.end(&post(0, 1, 1), 0, Release::new(cell, None, 1, 1));
        page
    }

    fn pour(spool: &mut Spool, cell: &Arc<CreditCell>) {
        let mut page = Page::default();
        page.hold(&hold(40));
        let credit = Arc::clone(cell);
        let release = Release::new(credit, None, 40, 10);
        page.end(&post(0, 40, 10), 0, release);
        assert_eq!(write(spool, 0, page), 2);
    }

    #[test]
    fn credit_and_answers_wait_until_their_batch_is_written() {
        let (mut spool, cell) = (Spool::new(1), Arc::new(CreditCell::new(PURSE)));
        cell.grant(100);
        assert!(cell.try_hold(40) && cell.ask_once());
        spool.answer(Arc::clone(&cell), LedgerAnswer::Granted(usd(5)));
        pour(&mut spool, &cell);
        assert_eq!((spool.close(), spool.close(), cell.free()), (3, 3, 60));
        assert!(!cell.ask_once(), "the answer is not written yet");
        assert!(spool.batch().1.written() && !spool.batch().1.written());
        assert_eq!((cell.free(), spool.runs().len(), spool.end(0)), (95, 2, 2));
        spool.clear();
        assert_eq!((spool.close(), spool.batch().0.len()), (0, 0));
    }

    #[test]
    fn an_epoch_that_goes_on_keeps_what_older_processes_wrote_until_the_ledger_has_it() {
        let mut spool = Spool::going_on(1, 4, 7, vec![(3, 9), (LEASE_RING, 7)]);
        assert!(spool.ring(3).is_none());
        write(&mut spool, 4, one_hold());
        let cell = Arc::new(CreditCell::new(PURSE));
        spool.answer(Arc::clone(&cell), LedgerAnswer::Granted(usd(5)));
        assert_eq!((spool.close(), spool.end(4), spool.lease_end()), (2, 1, 8));
        write(&mut spool, 4, its_end(cell));
        for (ring, seq) in [(4, 2), (LEASE_RING, 8), (3, 8)] {
            spool.acknowledge(ring, seq);
        }
        assert_eq!(spool.durable(20), None, "the ledger lacks one of the third ring");
        spool.acknowledge(3, 9);
        assert_eq!(spool.durable(21), Some(22));
    }

    #[test]
    fn a_denial_does_not_overtake_a_grant() {
        let (mut spool, cell) = (Spool::new(1), Arc::new(CreditCell::new(PURSE)));
        spool.answer(Arc::clone(&cell), LedgerAnswer::Granted(usd(5)));
        spool.answer(Arc::clone(&cell), LedgerAnswer::Denied(usd(0), usd(0)));
        assert_eq!(spool.close(), 1);
        spool.batch().1.written();
        assert!(cell.free() == 5 && cell.exhausted());
    }

    #[test]
    fn a_batch_is_kept_until_the_ledger_has_it_and_its_holds_have_ended() {
        let (mut spool, cell) = (Spool::new(1), Arc::new(CreditCell::new(PURSE)));
        write(&mut spool, 0, one_hold());
        spool.close();
        assert_eq!(spool.durable(1), None);
        spool.clear();
        spool.acknowledge(0, 1);
        write(&mut spool, 0, its_end(cell));
        spool.close();
        assert_eq!(spool.durable(2), Some(2), "the end stands behind it");
    }
}
