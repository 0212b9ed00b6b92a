//! A core's way to the journal: records in order, with room reserved for what must be said later.
//!
//! Invariants: a hold is pushed only with the slot of its end reserved, so an end never fails;
//! the sequence number of a record is its place in the ring; progress and requests for credit are
//! dropped when there is no room. Left out: writing, which is the journal thread's.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use channel::{Mark, Producer, Unparker};
use ledger::Purse;
use ledger::cell::Release;
use ledger::record::{Record, RecordBytes};
use link::UsageRow;
use units::Usd;

/// What travels from a core to the journal thread.
pub enum Entry {
    /// A hold.
    Hold(RecordBytes),
    /// What a running request has used so far.
    Progress(RecordBytes),
    /// The end of the hold with this sequence number, and the credit that comes free once the
    /// record is written.
    End(RecordBytes, u64, Release),
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

/// The writing side of one core's ring.
pub struct Records {
    producer: Producer<Entry>,
    journal: ToWake,
    durable: Arc<Durable>,
    next_seq: Cell<u64>,
}

/// Slots that a hold needs: its own and that of its end.
const HOLD_SLOTS: usize = 2;

impl Records {
    /// The way to a journal thread that `journal` wakes.
    pub fn new(producer: Producer<Entry>, journal: ToWake, durable: Arc<Durable>) -> Self {
        Self { producer, journal, durable, next_seq: Cell::new(0) }
    }

    /// Records a hold; its sequence number, or `None` where the ring has no room for it.
    pub fn hold(&self, hold: &Record) -> Option<u64> {
        self.producer.reserve(HOLD_SLOTS).then(|| self.push(Entry::Hold(hold.encode())))
    }

    /// Records the end of the hold `hold_seq`.
    pub fn end(&self, end: &Record, hold_seq: u64, release: Release) -> u64 {
        self.push(Entry::End(end.encode(), hold_seq, release))
    }

    /// Records what a stream has used so far, if there is room. Nobody is woken for it: it goes
    /// with the next batch, or when the journal thread looks by itself, many streams' at once.
    pub fn progress(&self, progress: &Record) {
        if self.producer.try_push(Entry::Progress(progress.encode())).is_ok() {
            self.next_seq.set(self.next_seq.get() + 1);
        }
    }

    /// Hands usage counts on; gives them back where there is no room.
    pub fn usage(&self, rows: Vec<UsageRow>) -> Result<(), Vec<UsageRow>> {
        match self.producer.try_push(Entry::Usage(rows, self.next_seq.get())) {
            Err(Entry::Usage(rows, _)) => Err(rows),
            _ => Ok(()),
        }
    }

    /// Asks for credit, if there is room; the answer shows in the purse's cell.
    pub fn need(&self, purse: Purse, amount: Usd) -> bool {
        let asked = self.producer.try_push(Entry::Need(purse, amount)).is_ok();
        if asked {
            self.journal.idle.wake();
        }
        asked
    }

    /// Whether the journal takes records; while it does not, nothing may be admitted.
    pub fn is_journal_sound(&self) -> bool {
        self.durable.is_sound()
    }

    /// Asks for the bell at the next batch, whatever is in it.
    pub fn await_any(&self) {
        self.durable.awaited.swap(true, Ordering::SeqCst);
        self.journal.idle.wake();
        self.journal.pausing.wake();
    }

    /// Whether the record `seq` is on disk; if not, the bell will ring when more is.
    pub fn is_durable(&self, seq: u64) -> bool {
        self.await_any();
        self.durable.read() > seq
    }

    fn push(&self, entry: Entry) -> u64 {
        self.producer.push_reserved(entry);
        let seq = self.next_seq.get();
        self.next_seq.set(seq + 1);
        self.journal.idle.wake();
        seq
    }
}
