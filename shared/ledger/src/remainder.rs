//! What of an epoch's records the ledger may not have yet.
//!
//! Purpose: after a start or a lost link, says which runs of a journal are still to be shipped, and
//! when all of them are settled.
//! Invariants: marks only rise; an epoch that the ledger does not list as open is settled.
//! Left out on purpose: the journal, which the runs are read from.

use std::collections::BTreeMap;

use crate::run::Run;

/// How far each ring goes, and how far the ledger has it.
#[derive(Clone, Debug, Default)]
pub struct Remainder {
    ends: BTreeMap<u16, u64>,
    acknowledged: BTreeMap<u16, u64>,
    is_known_closed: bool,
}

impl Remainder {
    /// Notes a run that stands in the journal.
    pub fn note(&mut self, run: &Run) {
        let end = self.ends.entry(run.ring).or_insert(0);
        *end = run.end_seq().max(*end);
    }

    /// Where each ring ends.
    pub fn ends(&self) -> Vec<(u16, u64)> {
        self.ends.iter().map(|(ring, end)| (*ring, *end)).collect()
    }

    /// Takes what the ledger says of the epoch: its marks, or `None` if it is not open there. False
    /// if there is nothing to ship.
    pub fn welcome(&mut self, watermarks: Option<&[(u16, u64)]>) -> bool {
        self.is_known_closed |= watermarks.is_none();
        for (ring, seq) in watermarks.unwrap_or_default() {
            self.acknowledge(*ring, *seq);
        }
        !self.is_done()
    }

    /// The ledger has everything below `seq` of a ring.
    pub fn acknowledge(&mut self, ring: u16, seq: u64) {
        let known = self.acknowledged.entry(ring).or_insert(0);
        *known = (*known).max(seq);
    }

    /// The part of a run that the ledger does not have.
    pub fn lacking(&self, run: Run) -> Option<Run> {
        let from = self.acknowledged.get(&run.ring).copied().unwrap_or(0);
        run.from_seq(from)
    }

    /// Whether the ledger has everything.
    pub fn is_done(&self) -> bool {
        let has = |(ring, end): (&u16, &u64)| self.acknowledged.get(ring) >= Some(end);
        self.is_known_closed || self.ends.iter().all(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::books::tests::{hold, void};

    #[test]
    fn what_the_ledger_has_is_not_shipped_again() {
        let run = Run::of(3, 10, &[hold(1), void(10, 1), hold(2)]);
        let mut remainder = Remainder::default();
        remainder.note(&run);
        assert!(remainder.welcome(Some(&[(3, 11)])) && !remainder.is_done());
        let lacking = remainder.lacking(run.clone()).unwrap();
        assert_eq!(lacking, Run::of(3, 11, &[void(10, 1), hold(2)]));
        remainder.acknowledge(3, 13);
        remainder.acknowledge(3, 12);
        assert!(remainder.is_done() && remainder.lacking(run).is_none());
    }

    #[test]
    fn an_epoch_that_is_not_open_is_done() {
        let mut remainder = Remainder::default();
        remainder.note(&Run::of(0, 0, &[hold(1)]));
        assert!(!remainder.welcome(None) && remainder.is_done());
    }
}
