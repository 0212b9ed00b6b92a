//! Settlement: a run of a data plane's records is taken into the books.
//!
//! A run is first read whole into a draft: sums by purse, by account and day. Of the books only the
//! ring's open holds change meanwhile, and each change can be taken back. Then every row is worked
//! out, and only when all of that went well are the rows written. The draft's memory is kept for
//! the next run.

mod draft;

use units::{AccountId, KeyId, Usd};

use super::lease::EpochName;
use super::rows::{AccountSums, EpochBook, Lease, RingBook, add, less};
use super::{Applied, Books, BooksError, Promise};
use crate::postings::{self, Charge, Trial};
use crate::purse::Purse;
use crate::run::Run;
use draft::Delta;
pub(super) use draft::Draft;

impl Books {
    pub(super) fn settle(&mut self, name: EpochName, run: &Run) -> Result<Applied, BooksError> {
        if run.count == 0 || self.is_closed(name) {
            return Ok(Applied::Nothing);
        }
        let mut draft = std::mem::take(&mut self.draft);
        draft.clear();
        let settled = self.settle_into(name, run, &mut draft);
        if settled.is_err() {
            self.take_back(name, run, &mut draft);
        }
        self.draft = draft;
        settled
    }

    fn settle_into(
        &mut self,
        name: EpochName,
        run: &Run,
        draft: &mut Draft,
    ) -> Result<Applied, BooksError> {
        let offers = self.offers.texts.len();
        let epoch = self.open_epoch_book_mut(name)?;
        let ring = epoch.rings.entry(run.ring).or_default();
        if run.end_seq() <= ring.next_seq {
            return Ok(Applied::Nothing);
        }
        if run.first_seq != ring.next_seq {
            let (expected, found) = (ring.next_seq, run.first_seq);
            return Err(BooksError::Gap { ring: run.ring, expected, found });
        }
        draft.read(name, run, ring, offers)?;
        let trial = self.work_out(name, draft)?;
        self.write_draft(name, run, draft)?;
        self.trial = trial;
        Ok(Applied::Settled {
            accounts: draft.accounts(),
            generations: std::mem::take(&mut draft.generations),
        })
    }

    /// Works out every row that the draft changes, into the draft.
    fn work_out(&self, name: EpochName, draft: &mut Draft) -> Result<Trial, BooksError> {
        let mut trial = self.trial;
        let epoch = self.dataplanes.get(&name.0).and_then(|plane| plane.open.get(&name.1));
        let epoch = epoch.ok_or(BooksError::UnknownEpoch(name.0, name.1))?;
        for delta in &mut draft.deltas {
            delta.lease = lease_after(epoch, delta)?;
            match delta.purse {
                Purse::Account(account) => {
                    delta.sums = account_after(self.sums(account)?, delta)?;
                    trial = trial_after(trial, account, delta)?;
                }
                Purse::Key(key) => {
                    (delta.used, delta.lent) = self.key_after(key, delta)?;
                }
            }
        }
        Ok(trial)
    }

    fn key_after(&self, key: KeyId, delta: &Delta) -> Result<(Usd, Usd), BooksError> {
        let book = self.keys.get(&key).ok_or(BooksError::UnknownKey(key))?;
        if delta.owner.is_some_and(|owner| owner != book.account) {
            return Err(BooksError::UnknownKey(key));
        }
        let used = add(book.used, delta.charge.charged)?;
        Ok((used, less(less(book.lent, delta.settled)?, delta.returned)?))
    }

    /// Writes what was worked out: every row is there, as working it out has shown.
    fn write_draft(
        &mut self,
        name: EpochName,
        run: &Run,
        draft: &mut Draft,
    ) -> Result<(), BooksError> {
        let epoch = self.open_epoch_book_mut(name)?;
        epoch.rings.entry(run.ring).or_default().next_seq = run.end_seq();
        for delta in &draft.deltas {
            if let Some(lease) = delta.lease {
                epoch.leases.insert(delta.purse, lease);
            }
        }
        for delta in &draft.deltas {
            match delta.purse {
                Purse::Account(account) => {
                    if let Some(book) = self.accounts.get_mut(&account) {
                        book.sums = delta.sums;
                    }
                }
                Purse::Key(key) => {
                    if let Some(book) = self.keys.get_mut(&key) {
                        (book.used, book.lent) = (delta.used, delta.lent);
                    }
                }
            }
        }
        for (account, day, offer, sum) in draft.days.drain(..) {
            if let Some(book) = self.accounts.get_mut(&account) {
                book.add_day(day, offer, &sum);
            }
        }
        Ok(())
    }

    /// Makes the ring's open holds what they were before the run was read.
    fn take_back(&mut self, name: EpochName, run: &Run, draft: &mut Draft) {
        let Ok(epoch) = self.open_epoch_book_mut(name) else { return };
        let Some(ring) = epoch.rings.get_mut(&run.ring) else { return };
        if draft.begun {
            ring.open.retain(|seq, _| *seq < run.first_seq);
            ring.open.extend(draft.earlier.drain(..).rev());
        }
        if ring.next_seq == 0 {
            epoch.rings.remove(&run.ring);
        }
    }
}

/// The lease after the draft; `None` where the draft touches none.
fn lease_after(epoch: &EpochBook, delta: &Delta) -> Result<Option<Lease>, BooksError> {
    if !delta.touches_lease() {
        return Ok(None);
    }
    let lease = epoch.leases.get(&delta.purse).ok_or(BooksError::NoLease(delta.purse))?;
    let after = Lease {
        granted: lease.granted,
        confirmed: add(lease.confirmed, delta.confirmed)?,
        settled: add(lease.settled, delta.settled)?,
        returned: add(lease.returned, delta.returned)?,
        held: less(add(lease.held, delta.opened)?, delta.ended)?,
    };
    let broken = |promise, left| {
        let (place, right) = (delta.purse.to_string(), after.granted);
        Err(BooksError::Broken { promise, place, left, right })
    };
    let gone = add(after.settled, after.returned)?;
    if gone > after.granted {
        return broken(Promise::SettledWithinLease, gone);
    }
    if after.confirmed > after.granted {
        return broken(Promise::GrantsWereLent, after.confirmed);
    }
    Ok(Some(after))
}

fn account_after(sums: AccountSums, delta: &Delta) -> Result<AccountSums, BooksError> {
    let after = AccountSums {
        spent: add(sums.spent, delta.charge.charged)?,
        written_off: add(sums.written_off, delta.charge.written_off)?,
        list_cost: add(sums.list_cost, delta.charge.list_cost)?,
        unlent: add(sums.unlent, delta.returned)?,
        held: less(add(sums.held, delta.opened)?, delta.ended)?,
        ..sums
    };
    after.balance()?;
    Ok(after)
}

fn trial_after(trial: Trial, account: AccountId, delta: &Delta) -> Result<Trial, BooksError> {
    let charged: &Charge = &delta.charge;
    let moved = postings::charge(account, charged).ok_or(BooksError::Overflow)?;
    let back = postings::loan(delta.purse, -delta.returned);
    let trial = trial.after(&moved).and_then(|trial| trial.after(&back));
    trial.ok_or(BooksError::Overflow)
}
