//! What a data plane counted itself, held against what it settled.
//!
//! The cores' counters arrive ahead of the records, for figures that must be fresh. Where their
//! marks and the settled marks meet, the charges must be equal: the audit says whether they are.

use std::collections::BTreeMap;

use ledger::Purse;
use ledger::books::Books;
use link::UsageRow;
use units::{DataPlaneId, Epoch, Usd};

/// The counters of one epoch, as far as they were told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Counters {
    /// From the epoch's beginning.
    Whole {
        /// What its accounts pay.
        charged: Usd,
        /// The records counted, by ring.
        covered: BTreeMap<u16, u64>,
    },
    /// We came later and missed some: nothing can be compared.
    Partial,
}

impl Counters {
    /// Those of an epoch that begins now, or that we meet half way.
    pub(crate) fn begin(is_new: bool) -> Self {
        if is_new {
            Self::Whole { charged: Usd::ZERO, covered: BTreeMap::new() }
        } else {
            Self::Partial
        }
    }

    /// Takes a report.
    pub(crate) fn take(&mut self, rows: &[UsageRow], marks: &[(u16, u64)]) {
        if let Self::Whole { charged, covered } = self {
            *charged = rows.iter().map(|row| row.charged).chain([*charged]).sum();
            covered.extend(marks.iter().copied());
        }
    }

    /// Counted and settled charges, where both cover the same records.
    pub(crate) fn compared(
        &self,
        books: &Books,
        dataplane: DataPlaneId,
        epoch: Epoch,
    ) -> Option<(Usd, Usd)> {
        let Self::Whole { charged, covered } = self else { return None };
        let marks = books.watermarks(dataplane, epoch);
        let of_cores = marks.iter().filter(|(ring, _)| *ring != ledger::run::LEASE_RING);
        let settled =
            |ring| of_cores.clone().find(|(other, _)| *other == ring).map(|(_, seq)| *seq);
        let same = of_cores.clone().all(|(ring, seq)| covered.get(ring) == Some(seq))
            && covered.iter().all(|(ring, seq)| *seq == 0 || settled(*ring) == Some(*seq));
        let leases = books.leases(dataplane, epoch);
        let money = leases.filter(|(purse, _)| matches!(purse, Purse::Account(_)));
        let settled = money.map(|(_, lease)| lease.settled).sum();
        same.then_some((*charged, settled))
    }
}
