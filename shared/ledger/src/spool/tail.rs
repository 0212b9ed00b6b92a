//! Which batches the ledger does not have yet: the part of the journal that must be kept.
//!
//! A batch may go once every ring's records in it are acknowledged and no hold in it is open, as a
//! crash would need that hold to end it. Left out: removing, which the journal does by segments.

use std::collections::VecDeque;

use crate::run::LEASE_RING;

/// Batches that are not yet acknowledged whole, oldest first.
pub(super) struct Tail {
    batches: VecDeque<Noted>,
    /// What the ledger has of each core's ring.
    acknowledged: Vec<u64>,
    acknowledged_leases: u64,
    /// Where the rings of earlier processes end that the ledger does not have whole.
    older: Vec<(u16, u64)>,
}

struct Noted {
    number: u64,
    ends: Vec<u64>,
    leases_end: u64,
}

impl Tail {
    /// Nothing noted, for so many rings, behind those of earlier processes.
    pub(super) fn new(rings: usize, older: Vec<(u16, u64)>) -> Self {
        let acknowledged = vec![0; rings];
        Self { batches: VecDeque::new(), acknowledged, acknowledged_leases: 0, older }
    }

    /// Notes where every ring ends with a durable batch.
    pub(super) fn note(&mut self, number: u64, ends: Vec<u64>, leases_end: u64) {
        self.batches.push_back(Noted { number, ends, leases_end });
    }

    /// The ledger has everything below `seq` of a ring, which is at `place` among ours.
    pub(super) fn acknowledge(&mut self, ring: u16, place: Option<u16>, seq: u64) {
        self.older.retain(|(older, end)| *older != ring || seq < *end);
        if ring == LEASE_RING {
            self.acknowledged_leases = self.acknowledged_leases.max(seq);
        } else if let Some(place) = place
            && let Some(known) = self.acknowledged.get_mut(usize::from(place))
        {
            *known = (*known).max(seq);
        }
    }

    /// The first batch that must be kept, if that has moved. `oldest_open` is each ring's oldest
    /// open hold.
    pub(super) fn removable(&mut self, oldest_open: &[u64]) -> Option<u64> {
        let mut moved = None;
        if !self.older.is_empty() {
            return None;
        }
        while let Some(oldest) = self.batches.front() {
            let kept = self.acknowledged.iter().zip(oldest_open).map(|(a, b)| *a.min(b));
            let is_done = oldest.leases_end <= self.acknowledged_leases
                && oldest.ends.iter().zip(kept).all(|(end, kept)| *end <= kept);
            if !is_done {
                break;
            }
            moved = Some(oldest.number + 1);
            self.batches.pop_front();
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_goes_when_it_is_acknowledged_and_holds_nothing_open() {
        let mut tail = Tail::new(2, Vec::new());
        tail.note(1, vec![3, 1], 1);
        tail.note(2, vec![5, 1], 1);
        tail.acknowledge(0, Some(0), 5);
        tail.acknowledge(1, Some(1), 1);
        assert_eq!(tail.removable(&[5, 1]), None, "the grants are not acknowledged");
        tail.acknowledge(LEASE_RING, None, 1);
        assert_eq!(tail.removable(&[3, 1]), Some(2));
        assert_eq!(tail.removable(&[4, 1]), None, "a hold of the second batch is open");
        assert_eq!(tail.removable(&[5, 1]), Some(3));
    }
}
