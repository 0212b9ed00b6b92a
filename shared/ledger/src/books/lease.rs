//! Epochs and what is lent to them.
//!
//! ```text
//!   EpochOpened -> open -- EpochClosed (no open holds) --> closed: its leases went back
//! ```

use units::{DataPlaneId, Epoch, KeyId, Usd};

use super::rows::{ClosedLeases, EpochBook, KeyBook, Lease, add, less};
use super::{Applied, Books, BooksError};
use crate::postings;
use crate::purse::Purse;

/// An epoch of a data plane.
pub(super) type EpochName = (DataPlaneId, Epoch);

impl Books {
    pub(super) fn open_epoch(
        &mut self,
        dataplane: DataPlaneId,
        epoch: Epoch,
    ) -> Result<Applied, BooksError> {
        let next = self.next_epoch(dataplane);
        if epoch < next {
            let (expected, found) = (u64::from(next.0), u64::from(epoch.0));
            return Err(BooksError::OutOfOrder { what: "epoch", expected, found });
        }
        let plane = self.dataplanes.entry(dataplane).or_default();
        plane.last_epoch = epoch;
        plane.open.insert(epoch, EpochBook::default());
        Ok(Applied::Lending)
    }

    pub(super) fn close_epoch(
        &mut self,
        dataplane: DataPlaneId,
        epoch: Epoch,
    ) -> Result<Applied, BooksError> {
        if self.is_closed((dataplane, epoch)) {
            return Ok(Applied::Nothing);
        }
        let book = self.open_epoch_book((dataplane, epoch))?;
        let open = book.open_holds();
        if open > 0 {
            return Err(BooksError::OpenHolds(open));
        }
        let leases: Vec<(Purse, Lease)> =
            book.leases.iter().map(|(purse, lease)| (*purse, *lease)).collect();
        let mut closed = self.closed;
        let mut trial = self.trial;
        for (purse, lease) in &leases {
            let back = lease.outstanding();
            trial = trial.after(&postings::loan(*purse, -back)).ok_or(BooksError::Overflow)?;
            if matches!(purse, Purse::Account(_)) {
                closed = closed.with(lease)?;
            }
            self.purse_after(*purse, -back)?;
        }
        for (purse, lease) in leases {
            self.move_purse(purse, -lease.outstanding())?;
        }
        self.closed = closed;
        self.trial = trial;
        if let Some(plane) = self.dataplanes.get_mut(&dataplane) {
            plane.open.remove(&epoch);
        }
        Ok(Applied::Lending)
    }

    pub(super) fn lend(
        &mut self,
        name: EpochName,
        purse: Purse,
        amount: Usd,
    ) -> Result<Applied, BooksError> {
        let lease = self.open_epoch_book(name)?.leases.get(&purse).copied().unwrap_or_default();
        if amount <= Usd::ZERO {
            return Err(BooksError::BadAmount(amount));
        }
        let unlent = self.lendable(purse)?;
        if unlent < amount {
            return Err(BooksError::NotEnough { purse, unlent, wanted: amount });
        }
        let lease = Lease { granted: add(lease.granted, amount)?, ..lease };
        self.move_loan(name, purse, lease, amount)
    }

    pub(super) fn reclaim(
        &mut self,
        name: EpochName,
        purse: Purse,
        amount: Usd,
    ) -> Result<Applied, BooksError> {
        let lease = self.open_epoch_book(name)?.leases.get(&purse).copied();
        let lease = lease.ok_or(BooksError::NoLease(purse))?;
        if amount <= Usd::ZERO {
            return Err(BooksError::BadAmount(amount));
        }
        let free = less(lease.outstanding(), lease.held)?;
        if free < amount {
            return Err(BooksError::NotEnough { purse, unlent: free, wanted: amount });
        }
        let lease = Lease { returned: add(lease.returned, amount)?, ..lease };
        self.move_loan(name, purse, lease, -amount)
    }

    /// Writes a lease and moves `amount` from what is unlent to what is lent.
    fn move_loan(
        &mut self,
        name: EpochName,
        purse: Purse,
        lease: Lease,
        amount: Usd,
    ) -> Result<Applied, BooksError> {
        let moved = postings::loan(purse, amount);
        let trial = self.trial.after(&moved).ok_or(BooksError::Overflow)?;
        self.move_purse(purse, amount)?;
        self.trial = trial;
        self.open_epoch_book_mut(name)?.leases.insert(purse, lease);
        Ok(Applied::Lending)
    }

    /// What may be lent of a purse.
    fn lendable(&self, purse: Purse) -> Result<Usd, BooksError> {
        match purse {
            Purse::Account(account) => Ok(self.sums(account)?.unlent),
            Purse::Key(key) => {
                let unlent = self.key_book(key)?.unlent()?;
                unlent.ok_or(BooksError::NoLimit(key))
            }
        }
    }

    /// What a purse has unlent (an account), or lent (a key), once `amount` more is lent.
    fn purse_after(&self, purse: Purse, amount: Usd) -> Result<Usd, BooksError> {
        match purse {
            Purse::Account(account) => less(self.sums(account)?.unlent, amount),
            Purse::Key(key) => add(self.key_book(key)?.lent, amount),
        }
    }

    /// Changes a purse by `amount` more that is lent. Nothing is changed if it fails.
    fn move_purse(&mut self, purse: Purse, amount: Usd) -> Result<(), BooksError> {
        let after = self.purse_after(purse, amount)?;
        match purse {
            Purse::Account(account) => {
                let book = self.accounts.get_mut(&account);
                book.ok_or(BooksError::UnknownAccount(account))?.sums.unlent = after;
            }
            Purse::Key(key) => {
                let book = self.keys.get_mut(&key).ok_or(BooksError::UnknownKey(key))?;
                book.lent = after;
            }
        }
        Ok(())
    }

    fn key_book(&self, key: KeyId) -> Result<&KeyBook, BooksError> {
        self.keys.get(&key).ok_or(BooksError::UnknownKey(key))
    }

    fn open_epoch_book(&self, (dataplane, epoch): EpochName) -> Result<&EpochBook, BooksError> {
        let book = self.dataplanes.get(&dataplane).and_then(|plane| plane.open.get(&epoch));
        book.ok_or(BooksError::UnknownEpoch(dataplane, epoch))
    }

    pub(super) fn open_epoch_book_mut(
        &mut self,
        (dataplane, epoch): EpochName,
    ) -> Result<&mut EpochBook, BooksError> {
        let plane = self.dataplanes.get_mut(&dataplane);
        let book = plane.and_then(|plane| plane.open.get_mut(&epoch));
        book.ok_or(BooksError::UnknownEpoch(dataplane, epoch))
    }

    /// Whether the epoch was closed; an epoch that was skipped counts as closed.
    pub(super) fn is_closed(&self, (dataplane, epoch): EpochName) -> bool {
        self.dataplanes
            .get(&dataplane)
            .is_some_and(|plane| epoch <= plane.last_epoch && !plane.open.contains_key(&epoch))
    }
}

impl ClosedLeases {
    fn with(self, lease: &Lease) -> Result<Self, BooksError> {
        Ok(Self {
            granted: add(self.granted, lease.granted)?,
            settled: add(self.settled, lease.settled)?,
            returned: add(add(self.returned, lease.returned)?, lease.outstanding())?,
        })
    }
}
