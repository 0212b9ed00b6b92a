//! The rows of data planes: their epochs, and the record rings of those.
//!
//! ```text
//!   EpochOpened --> open -- EpochClosed (no open holds) --------------------> closed
//!                    |                                                          ^
//!                    +-- EpochFenced: leases back, holds over nothing --> fenced +
//! ```
//! What a fenced epoch still holds is over nothing: it may be closed with holds whose ends nobody
//! will ever tell.
//! Left out on purpose: leases, which stand with their purse.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use units::{Epoch, Usd};

use super::rows::OpenHold;
use crate::purse::Purse;

/// A data plane.
#[derive(Clone, Debug, Default)]
pub(super) struct DataPlaneBook {
    /// The highest epoch that was ever opened.
    pub(super) last_epoch: Epoch,
    /// The mark of the data directory whose epochs these are.
    pub(super) directory: u64,
    pub(super) open: BTreeMap<Epoch, EpochBook>,
}

/// An epoch that is not closed.
#[derive(Clone, Debug, Default)]
pub(super) struct EpochBook {
    pub(super) rings: BTreeMap<u16, RingBook>,
    /// The purses that have a lease for the epoch, each once; the lease is the purse's.
    pub(super) purses: Vec<Purse>,
    /// Its leases were taken back; it has none and gets none.
    pub(super) fenced: bool,
}

impl EpochBook {
    pub(super) fn open_holds(&self) -> u64 {
        self.rings.values().map(|ring| ring.open.len() as u64).sum()
    }

    /// Lets the open holds hold nothing.
    pub(super) fn empty_holds(&mut self) {
        for hold in self.rings.values_mut().flat_map(|ring| ring.open.values_mut()) {
            (hold.amount, hold.free_request) = (Usd::ZERO, false);
        }
    }
}

/// A record ring of an epoch.
#[derive(Clone, Debug, Default)]
pub(super) struct RingBook {
    /// The watermark: everything below is settled.
    pub(super) next_seq: u64,
    /// The holds whose end was not seen, by sequence number.
    pub(super) open: FxHashMap<u64, OpenHold>,
}
