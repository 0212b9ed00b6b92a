//! A page: the records that a core wrote since it last handed some to the journal thread.
//!
//! Purpose: what a core hands over is many records at once, already in the form of a run, so that
//! neither side touches them one by one in memory that the other has just written.
//! Invariants: a page holds whole records, in the order of their sequence numbers; what an end
//! frees travels with it. Its memory stays when it is cleared, unless it has grown out of use.
//! Left out on purpose: sequence numbers, which follow from those of the ring.

use crate::cell::Release;
use crate::record::{ROOM_BYTES, Record};
use crate::run::LENGTH_BYTES;

/// A page that has grown beyond this gives its memory back.
const KEEP_BYTES: usize = 32 << 10;

/// Records on their way to the journal thread.
#[derive(Default)]
pub struct Page {
    /// The records, each behind its length; behind `filled` is room.
    bytes: Vec<u8>,
    filled: usize,
    count: u32,
    steps: Vec<Step>,
}

/// What a record on the page does to a hold.
pub(crate) enum Step {
    /// It is one; how many records stand before it on the page.
    Begins(u32),
    /// It ends the hold with this sequence number; the credit that comes free once it is written.
    Ends(u64, Release),
}

impl Page {
    /// Adds a hold.
    pub fn hold(&mut self, hold: &Record) {
        self.steps.push(Step::Begins(self.count));
        self.push(hold);
    }

    /// Adds a record that changes no hold.
    pub fn other(&mut self, record: &Record) {
        self.push(record);
    }

    /// Adds the end of the hold `hold_seq`, and the credit that comes free once this is written.
    pub fn end(&mut self, end: &Record, hold_seq: u64, release: Release) {
        self.push(end);
        self.steps.push(Step::Ends(hold_seq, release));
    }

    /// How many records there are.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Whether nobody waits for any of its records: it begins and ends no hold.
    pub const fn can_wait(&self) -> bool {
        self.steps.is_empty()
    }

    /// The records, each behind its length, as in a run.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// What the records do to holds, in order.
    pub(crate) fn take_steps(&mut self) -> impl Iterator<Item = Step> + '_ {
        self.steps.drain(..)
    }

    /// Forgets every record.
    pub fn clear(&mut self) {
        if self.bytes.len() > KEEP_BYTES {
            *self = Self::default();
        }
        self.filled = 0;
        self.count = 0;
        self.steps.clear();
    }

    fn push(&mut self, record: &Record) {
        let start = self.filled + LENGTH_BYTES;
        if self.bytes.len() < start + ROOM_BYTES {
            self.bytes.resize((start + ROOM_BYTES).next_power_of_two(), 0);
        }
        let count = record.write(&mut self.bytes[start..]);
        self.bytes[self.filled..start].copy_from_slice(&(count as u16).to_le_bytes());
        self.filled = start + count;
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Run;
    use crate::books::tests::{PURSE, hold, post};
    use crate::cell::CreditCell;
    use crate::run::RunWriter;

    #[test]
    fn a_page_is_a_part_of_a_run() {
        let records = [hold(40), hold(50), post(1, 50, 20)];
        let mut page = Page::default();
        for _ in 0..2 {
            page.clear();
            assert!(page.can_wait() && page.count() == 0);
            page.hold(&records[0]);
            page.hold(&records[1]);
            let release = Release::new(Arc::new(CreditCell::new(PURSE)), None, 50, 20);
            page.end(&records[2], 1, release);
        }
        let mut payload = Vec::new();
        let mut run = RunWriter::begin(&mut payload, 3, 7);
        run.push(&page);
        assert_eq!((run.finish(), page.can_wait()), (3, false));
        let mut whole = Vec::new();
        Run::of(3, 7, &records).encode(&mut whole);
        assert_eq!(payload, whole);
        let steps: Vec<Step> = page.take_steps().collect();
        assert!(matches!(steps[..], [Step::Begins(0), Step::Begins(1), Step::Ends(1, _)]));
    }

    #[test]
    fn a_page_that_has_grown_gives_its_memory_back() {
        let mut page = Page::default();
        while page.bytes().len() <= KEEP_BYTES {
            page.other(&hold(1));
        }
        page.clear();
        assert_eq!((page.bytes.capacity(), page.count()), (0, 0));
        page.other(&hold(1));
        page.clear();
        assert!(page.bytes.capacity() >= ROOM_BYTES);
    }
}
