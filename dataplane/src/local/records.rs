//! A core's way to the journal: records in order, with room reserved for what must be said later.
//!
//! What is recorded in one turn of the core is handed over at its end, all at once, as each time
//! costs memory that two processors pass to each other.
//! Invariants: a hold is recorded only with the slot of its end reserved, so an end never fails;
//! the sequence number of a record is its place in the ring; progress and requests for credit are
//! dropped when there is no room. Left out: writing, which is the journal thread's.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use channel::{Mark, Producer, Unparker};
use ledger::cell::Release;
use ledger::{Page, Purse, Record};
use link::UsageRow;
use units::Usd;

use crate::net::turn::Turn;

/// What travels from a core to the journal thread.
pub enum Entry {
    /// Records, each of which has a slot.
    Records(Page),
    /// A purse ran short: more is to be borrowed.
    Need(Purse, Usd),
    /// Usage counted since the last time, for records below this sequence number.
    Usage(Vec<UsageRow>, u64),
}

/// How far a ring is on disk, and whether its core waits to hear of it.
#[derive(Default)]
pub struct Durable {
    mark: Mark,
    awaited: AtomicBool,
    is_broken: AtomicBool,
}

impl Durable {
    /// Says that every record below `seq` is on disk; true when the core is to be woken.
    pub fn publish(&self, seq: u64) -> bool {
        self.mark.publish(seq);
        self.awaited.swap(false, Ordering::SeqCst)
    }

    /// Says whether the journal takes records.
    pub fn set_sound(&self, is_sound: bool) {
        self.is_broken.store(!is_sound, Ordering::Relaxed);
    }

    /// Whether the journal takes records, as far as it has said.
    pub fn is_sound(&self) -> bool {
        !self.is_broken.load(Ordering::Relaxed)
    }

    /// Whether the core waits to hear that more is on disk.
    pub fn is_awaited(&self) -> bool {
        self.awaited.load(Ordering::Relaxed)
    }

    /// Every record below this is on disk.
    pub fn read(&self) -> u64 {
        self.mark.read()
    }
}

/// What wakes the journal thread.
#[derive(Clone)]
pub struct ToWake {
    /// Where it has nothing to do.
    pub idle: Unparker,
    /// Where it pauses between two commits, for one who waits for the disk.
    pub pausing: Unparker,
}

/// The writing side of one core's ring, before it has come to its core.
pub struct ToJournal {
    /// The ring.
    pub producer: Producer<Entry>,
    /// What wakes the journal thread.
    pub journal: ToWake,
    /// How far the ring is on disk.
    pub durable: Arc<Durable>,
}

/// The writing side of one core's ring.
pub struct Records {
    to: ToJournal,
    turn: Rc<Turn>,
    /// What is not handed over yet; each of its records has a slot that is reserved.
    page: RefCell<Page>,
    next_seq: Cell<u64>,
}

/// Slots that a hold needs: its own and that of its end.
const HOLD_SLOTS: usize = 2;

impl Records {
    /// A ring that nothing was written to, of a core with these turns.
    pub fn new(to: ToJournal, turn: Rc<Turn>) -> Self {
        Self { to, turn, page: RefCell::default(), next_seq: Cell::new(0) }
    }

    /// Records a hold; its sequence number, or `None` where the ring has no room for it.
    pub fn hold(&self, hold: &Record) -> Option<u64> {
        self.to.producer.reserve(HOLD_SLOTS).then(|| {
            self.turn.open();
            self.page.borrow_mut().hold(hold);
            self.count_one()
        })
    }

    /// Records the end of the hold `hold_seq`.
    pub fn end(&self, end: &Record, hold_seq: u64, release: Release) -> u64 {
        self.turn.open();
        self.page.borrow_mut().end(end, hold_seq, release);
        self.count_one()
    }

    /// Records what a stream has used so far, if there is room. Nobody is woken for it: it goes
    /// with the next batch, or when the journal thread looks by itself, many streams' at once.
    pub fn progress(&self, progress: &Record) {
        if self.to.producer.reserve(1) {
            self.page.borrow_mut().other(progress);
            self.count_one();
        }
    }

    /// Hands over what was recorded; call it at the end of each turn.
    pub fn hand_over(&self) {
        let mut page = self.page.borrow_mut();
        if page.count() == 0 {
            return;
        }
        let (can_wait, slots) = (page.can_wait(), page.count() as usize);
        let full = std::mem::take(&mut *page);
        if let Some(Entry::Records(empty)) =
            self.to.producer.push_reserved(Entry::Records(full), slots)
        {
            *page = empty;
        }
        if !can_wait {
            self.to.journal.idle.wake();
        }
    }

    /// Hands usage counts on, behind every record so far; gives them back where there is no room.
    pub fn usage(&self, rows: Vec<UsageRow>) -> Result<(), Vec<UsageRow>> {
        self.hand_over();
        match self.to.producer.try_push(Entry::Usage(rows, self.next_seq.get())) {
            Err(Entry::Usage(rows, _)) => Err(rows),
            _ => Ok(()),
        }
    }

    /// Asks for credit, if there is room; the answer shows in the purse's cell.
    pub fn need(&self, purse: Purse, amount: Usd) -> bool {
        let asked = self.to.producer.try_push(Entry::Need(purse, amount)).is_ok();
        if asked {
            self.to.journal.idle.wake();
        }
        asked
    }

    /// Whether the journal takes records; while it does not, nothing may be admitted.
    pub fn is_journal_sound(&self) -> bool {
        self.to.durable.is_sound()
    }

    /// Asks for the bell at the next batch, whatever is in it; all that was recorded is.
    pub fn await_any(&self) {
        self.hand_over();
        self.to.durable.awaited.swap(true, Ordering::SeqCst);
        self.to.journal.idle.wake();
        self.to.journal.pausing.wake();
    }

    /// Whether the record `seq` is on disk; if not, the bell will ring when more is.
    pub fn is_durable(&self, seq: u64) -> bool {
        self.await_any();
        self.to.durable.read() > seq
    }

    fn count_one(&self) -> u64 {
        let seq = self.next_seq.get();
        self.next_seq.set(seq + 1);
        seq
    }
}
