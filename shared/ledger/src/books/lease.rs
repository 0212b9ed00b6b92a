//! Epochs and what is lent to them: how both begin and end.

use units::{DataPlaneId, Epoch, Usd};

use super::epoch::EpochBook;
use super::rows::{KeyBook, Lease, Leases, add, less};
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

    pub(super) fn take_directory(
        &mut self,
        dataplane: DataPlaneId,
        directory: u64,
    ) -> Result<Applied, BooksError> {
        let plane = self.dataplanes.entry(dataplane).or_default();
        if plane.directory == directory {
            return Ok(Applied::Nothing);
        }
        if plane.directory != 0 && plane.open.values().any(|epoch| !epoch.fenced) {
            return Err(BooksError::OtherDirectory(dataplane));
        }
        plane.directory = directory;
        Ok(Applied::Lending)
    }

    pub(super) fn close_epoch(&mut self, name: EpochName) -> Result<Applied, BooksError> {
        if self.is_closed(name) {
            return Ok(Applied::Nothing);
        }
        let book = self.epoch_book(name)?;
        let open = book.open_holds();
        if open > 0 && !book.fenced {
            return Err(BooksError::OpenHolds(open));
        }
        self.end_leases(name)?;
        if let Some(plane) = self.dataplanes.get_mut(&name.0) {
            plane.open.remove(&name.1);
        }
        Ok(Applied::Lending)
    }

    pub(super) fn fence_epoch(&mut self, name: EpochName) -> Result<Applied, BooksError> {
        if self.is_closed(name) || self.epoch_book(name)?.fenced {
            return Ok(Applied::Nothing);
        }
        self.end_leases(name)?;
        let book = self.epoch_book_mut(name)?;
        book.purses.clear();
        book.empty_holds();
        book.fenced = true;
        Ok(Applied::Lending)
    }

    /// Ends every lease of an epoch, what open holds need of them included.
    fn end_leases(&mut self, name: EpochName) -> Result<(), BooksError> {
        let purses = self.epoch_book(name)?.purses.clone();
        let (mut lending, mut trial) = (self.lending, self.trial);
        for purse in &purses {
            let Some(lease) = self.purse_leases(*purse).and_then(|leases| leases.get(name)) else {
                continue;
            };
            let back = postings::loan(*purse, -lease.outstanding());
            trial = trial.after(&back).ok_or(BooksError::Overflow)?;
            if let Purse::Account(account) = purse {
                lending.settled = add(lending.settled, lease.settled)?;
                lending.returned = add(lending.returned, lease.granted)?;
                add(self.sums(*account)?.unlent, lease.outstanding())?;
            }
        }
        self.lending.settled = lending.settled;
        for purse in purses {
            let went_back = self.drop_lease(name, purse);
            // At most what was granted, which was added above.
            self.lending.returned = [self.lending.returned, went_back].into_iter().sum();
        }
        self.trial = trial;
        Ok(())
    }

    pub(super) fn lend(
        &mut self,
        name: EpochName,
        purse: Purse,
        amount: Usd,
    ) -> Result<Applied, BooksError> {
        if self.epoch_book(name)?.fenced {
            return Err(BooksError::Fenced(name.0, name.1));
        }
        let unlent = self.lendable(purse)?;
        if amount <= Usd::ZERO {
            return Err(BooksError::BadAmount(amount));
        }
        if unlent < amount {
            return Err(BooksError::NotEnough { purse, unlent, wanted: amount });
        }
        let lease = self.lease(name.0, name.1, purse).copied().unwrap_or_default();
        let lease = Lease { granted: add(lease.granted, amount)?, ..lease };
        let is_account = matches!(purse, Purse::Account(_));
        let lent = add(self.lending.lent, if is_account { amount } else { Usd::ZERO })?;
        let applied = self.move_loan(name, purse, lease, amount)?;
        self.lending.lent = lent;
        Ok(applied)
    }

    pub(super) fn reclaim(
        &mut self,
        name: EpochName,
        purse: Purse,
        amount: Usd,
    ) -> Result<Applied, BooksError> {
        self.epoch_book(name)?;
        let lease = *self.lease(name.0, name.1, purse).ok_or(BooksError::NoLease(purse))?;
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
        let trial = self.trial.after(&postings::loan(purse, amount));
        let trial = trial.ok_or(BooksError::Overflow)?;
        let leases = match purse {
            Purse::Account(account) => {
                let book = self.accounts.get_mut(&account);
                let book = book.ok_or(BooksError::UnknownAccount(account))?;
                book.sums.unlent = less(book.sums.unlent, amount)?;
                &mut book.leases
            }
            Purse::Key(key) => {
                let book = self.keys.get_mut(&key).ok_or(BooksError::UnknownKey(key))?;
                &mut book.leases
            }
            Purse::FreeRequests(account) => &mut self.free.rows.entry(account).or_default().leases,
        };
        let new = match leases.get_mut(name) {
            Some(place) => {
                *place = lease;
                false
            }
            None => {
                leases.rows.push((name, lease));
                true
            }
        };
        self.trial = trial;
        if new {
            self.epoch_book_mut(name)?.purses.push(purse);
        }
        Ok(Applied::Lending)
    }

    /// Ends a lease: what is outstanding of it goes back. How much went back of it in all, if it
    /// was an account's.
    fn drop_lease(&mut self, name: EpochName, purse: Purse) -> Usd {
        let (leases, went_back) = match purse {
            Purse::Account(account) => {
                let Some(book) = self.accounts.get_mut(&account) else { return Usd::ZERO };
                let lease = book.leases.get(name).copied().unwrap_or_default();
                let before = book.sums.unlent;
                book.sums.unlent = [before, lease.outstanding()].into_iter().sum();
                book.sums.held = [book.sums.held, -lease.held].into_iter().sum();
                let at_end = [book.sums.unlent, -before].into_iter().sum();
                (&mut book.leases, [lease.returned, at_end].into_iter().sum())
            }
            Purse::Key(key) => {
                let Some(book) = self.keys.get_mut(&key) else { return Usd::ZERO };
                (&mut book.leases, Usd::ZERO)
            }
            Purse::FreeRequests(account) => {
                let Some(row) = self.free.rows.get_mut(&account) else { return Usd::ZERO };
                (&mut row.leases, Usd::ZERO)
            }
        };
        leases.rows.retain(|(epoch, _)| *epoch != name);
        went_back
    }

    /// What may be lent of a purse.
    fn lendable(&self, purse: Purse) -> Result<Usd, BooksError> {
        match purse {
            Purse::Account(account) => Ok(self.sums(account)?.unlent),
            Purse::Key(key) => {
                let book: &KeyBook = self.keys.get(&key).ok_or(BooksError::UnknownKey(key))?;
                book.unlent()?.ok_or(BooksError::NoLimit(key))
            }
            Purse::FreeRequests(account) => {
                self.sums(account)?;
                self.free.unlent(account)
            }
        }
    }

    pub(super) fn purse_leases(&self, purse: Purse) -> Option<&Leases> {
        match purse {
            Purse::Account(account) => self.accounts.get(&account).map(|book| &book.leases),
            Purse::Key(key) => self.keys.get(&key).map(|book| &book.leases),
            Purse::FreeRequests(account) => self.free.leases(account),
        }
    }

    pub(super) fn epoch_book(&self, name: EpochName) -> Result<&EpochBook, BooksError> {
        let book = self.dataplanes.get(&name.0).and_then(|plane| plane.open.get(&name.1));
        book.ok_or(BooksError::UnknownEpoch(name.0, name.1))
    }

    pub(super) fn epoch_book_mut(&mut self, name: EpochName) -> Result<&mut EpochBook, BooksError> {
        let plane = self.dataplanes.get_mut(&name.0);
        let book = plane.and_then(|plane| plane.open.get_mut(&name.1));
        book.ok_or(BooksError::UnknownEpoch(name.0, name.1))
    }

    /// Whether the epoch was closed; an epoch that was skipped counts as closed.
    pub(super) fn is_closed(&self, (dataplane, epoch): EpochName) -> bool {
        self.dataplanes
            .get(&dataplane)
            .is_some_and(|plane| epoch <= plane.last_epoch && !plane.open.contains_key(&epoch))
    }
}
