//! What of a running epoch's records goes to the ledger next.
//!
//! Purpose: while the link is up, a run leaves as soon as it is durable; after a link was lost, or
//! when the ledger is far behind, what is missing is read back from the journal first.
//! Invariants: records leave in the order of their rings and without a gap; none leaves that is not
//! durable; no more is on its way than [`WINDOW_RECORDS`], so that a slow ledger costs no memory.
//! Left out on purpose: the journal, the link, and when to try again.
//!
//! ```text
//!   ADRIFT -- welcome --> BEHIND -- read back to the end --> ABREAST -- adrift() --> ADRIFT
//!                            ^------- the window is full ------'
//! ```

use std::collections::BTreeMap;

use crate::run::Run;

/// Records that may be on their way without being acknowledged.
pub const WINDOW_RECORDS: u64 = 1 << 18;

/// How far each ring is durable, shipped and acknowledged.
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    rings: BTreeMap<u16, Marks>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    durable: u64,
    shipped: u64,
    acknowledged: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// No link: nothing leaves.
    #[default]
    Adrift,
    /// What is missing is read back from the journal.
    Behind,
    /// Everything durable was shipped.
    Abreast,
}

impl Outgoing {
    /// What earlier processes wrote is durable: where their rings end.
    pub fn going_on(older: &[(u16, u64)]) -> Self {
        let marks = |end: &u64| Marks { durable: *end, ..Marks::default() };
        let rings = older.iter().map(|(ring, end)| (*ring, marks(end))).collect();
        Self { rings, state: State::Adrift }
    }

    /// Takes a run that has just become durable; gives it back if it is to leave now.
    pub fn committed(&mut self, run: Run) -> Option<Run> {
        let is_open = self.on_the_way() < WINDOW_RECORDS;
        let marks = self.rings.entry(run.ring).or_default();
        marks.durable = marks.durable.max(run.end_seq());
        if self.state != State::Abreast || run.end_seq() <= marks.shipped {
            return None;
        }
        if !is_open || run.first_seq != marks.shipped {
            self.state = State::Behind;
            return None;
        }
        marks.shipped = run.end_seq();
        Some(run)
    }

    /// The link is down: what was on its way may be lost.
    pub fn adrift(&mut self) {
        self.state = State::Adrift;
    }

    /// The link is up, and the ledger has each ring up to these marks.
    pub fn welcome(&mut self, watermarks: &[(u16, u64)]) {
        for marks in self.rings.values_mut() {
            (marks.shipped, marks.acknowledged) = (0, 0);
        }
        for (ring, seq) in watermarks {
            let marks = self.rings.entry(*ring).or_default();
            (marks.shipped, marks.acknowledged) = (*seq, *seq);
        }
        self.state = State::Behind;
        self.look();
    }

    /// The ledger has everything below `seq` of a ring. That may be more than its last welcome knew
    /// of; the journal need not keep it any longer, so it is not looked for there either.
    pub fn acknowledge(&mut self, ring: u16, seq: u64) {
        let marks = self.rings.entry(ring).or_default();
        marks.acknowledged = marks.acknowledged.max(seq);
        marks.shipped = marks.shipped.max(seq);
        if self.state == State::Behind {
            self.look();
        }
    }

    /// Whether runs should be read back from the journal now.
    pub fn wants_journal(&self) -> bool {
        self.state == State::Behind && self.on_the_way() < WINDOW_RECORDS
    }

    /// Takes a run read back; gives what of it is to leave now. `None` with a run that is not
    /// durable, or when the window is full: see [`Self::wants_journal`].
    pub fn read_back(&mut self, run: Run) -> Option<Run> {
        if !self.wants_journal() {
            return None;
        }
        let marks = self.rings.entry(run.ring).or_default();
        if run.end_seq() > marks.durable {
            return None;
        }
        let run = run.from_seq(marks.shipped).filter(|run| run.first_seq == marks.shipped)?;
        marks.shipped = run.end_seq();
        self.look();
        Some(run)
    }

    /// Records that the ledger has not acknowledged, shipped or not.
    pub fn unsettled(&self) -> u64 {
        let left = |marks: &Marks| marks.durable.saturating_sub(marks.acknowledged);
        self.rings.values().map(left).sum()
    }

    fn on_the_way(&self) -> u64 {
        let sent = |marks: &Marks| marks.shipped.saturating_sub(marks.acknowledged);
        self.rings.values().map(sent).sum()
    }

    fn look(&mut self) {
        if self.rings.values().all(|marks| marks.shipped >= marks.durable) {
            self.state = State::Abreast;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::books::tests::hold;

    fn run(first_seq: u64, count: usize) -> Run {
        Run::of(0, first_seq, &vec![hold(1); count])
    }

    #[test]
    fn runs_leave_as_they_come_once_the_link_is_up() {
        let mut outgoing = Outgoing::default();
        assert_eq!(outgoing.committed(run(0, 2)), None, "there is no link");
        outgoing.welcome(&[]);
        assert!(outgoing.wants_journal());
        assert_eq!(outgoing.committed(run(2, 1)), None, "what is before it comes first");
        assert_eq!(outgoing.read_back(run(0, 2)), Some(run(0, 2)));
        assert_eq!(outgoing.read_back(run(2, 1)), Some(run(2, 1)));
        assert_eq!(outgoing.committed(run(3, 1)), Some(run(3, 1)));
        assert_eq!(outgoing.committed(run(3, 1)), None, "it left already");
        assert_eq!(outgoing.unsettled(), 4);
    }

    #[test]
    fn a_new_link_repeats_what_the_ledger_does_not_have() {
        let mut outgoing = Outgoing::default();
        outgoing.welcome(&[]);
        assert_eq!(outgoing.committed(run(0, 3)), Some(run(0, 3)));
        outgoing.adrift();
        assert_eq!(outgoing.committed(run(3, 1)), None);
        outgoing.welcome(&[(0, 2)]);
        assert_eq!(outgoing.read_back(run(0, 3)), Some(run(2, 1)));
        assert_eq!(outgoing.read_back(run(3, 2)), None, "one of it is not durable");
        assert_eq!(outgoing.read_back(run(3, 1)), Some(run(3, 1)));
        assert!(!outgoing.wants_journal());
    }

    #[test]
    fn what_is_acknowledged_after_a_welcome_is_not_looked_for_in_the_journal() {
        let mut outgoing = Outgoing::default();
        outgoing.welcome(&[]);
        assert_eq!(outgoing.committed(run(0, 3)), Some(run(0, 3)));
        outgoing.welcome(&[(0, 1)]);
        assert_eq!(outgoing.committed(run(3, 1)), None, "what is before it comes first");
        outgoing.acknowledge(0, 3);
        assert_eq!(outgoing.read_back(run(3, 1)), Some(run(3, 1)), "the rest is gone by now");
        outgoing.acknowledge(0, 4);
        assert!(!outgoing.wants_journal());
        assert_eq!(outgoing.committed(run(4, 1)), Some(run(4, 1)));
    }

    #[test]
    fn a_full_window_waits_for_the_ledger() {
        let (mut outgoing, half) = (Outgoing::default(), (WINDOW_RECORDS / 2) as usize);
        outgoing.welcome(&[]);
        for first in [0, half as u64] {
            assert!(outgoing.committed(run(first, half)).is_some());
        }
        assert_eq!(outgoing.committed(run(WINDOW_RECORDS, 1)), None);
        assert!(!outgoing.wants_journal());
        outgoing.acknowledge(0, 1);
        assert!(outgoing.wants_journal());
        assert!(outgoing.read_back(run(WINDOW_RECORDS, 1)).is_some());
    }
}
