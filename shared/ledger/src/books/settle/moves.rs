//! How one record moves money between the rows of its account, its key and their leases.
//!
//! Invariants: a move is worked out for all rows before any row is written; made again with the
//! other sign it leaves every row as it was. Amounts of records are between zero and what an `i64`
//! counts, as no more can be lent to a cell.

use std::collections::hash_map::{Entry, OccupiedEntry};

use units::{AccountId, GenerationId, KeyId, Usd};

use crate::books::epoch::RingBook;
use crate::books::lease::EpochName;
use crate::books::rows::{AccountBook, AccountSums, Lease, OpenHold, add};
use crate::books::{Books, BooksError, Promise};
use crate::postings::Charge;
use crate::purse::{FREE_REQUEST, Purse};
use crate::record::{Hold, Post, Void};

/// An amount as records may have it.
pub(super) fn possible(amount: Usd) -> Result<Usd, BooksError> {
    let counts = !amount.is_negative() && amount.pico_i64().is_some();
    if counts { Ok(amount) } else { Err(BooksError::BadAmount(amount)) }
}

/// The error of an end that finds no hold.
pub(super) fn not_open(id: GenerationId) -> BooksError {
    BooksError::Broken {
        promise: Promise::HoldEndsOnce,
        place: id.to_string(),
        left: Usd::ZERO,
        right: Usd::ZERO,
    }
}

/// Who pays for a request.
#[derive(Clone, Copy)]
pub(super) struct Payer {
    account: AccountId,
    key: KeyId,
    key_limited: bool,
    free_request: bool,
}

impl Payer {
    pub(super) const fn of_hold(hold: &Hold) -> Self {
        let Hold { account, key, key_limited, free_request, .. } = *hold;
        Self { account, key, key_limited, free_request }
    }

    pub(super) const fn of_post(post: &Post) -> Self {
        let Post { account, key, key_limited, free_request, .. } = *post;
        Self { account, key, key_limited, free_request }
    }

    pub(super) const fn of_void(void: &Void) -> Self {
        let Void { account, key, key_limited, free_request, .. } = *void;
        Self { account, key, key_limited, free_request }
    }

    /// The open hold that an end names, if it is this payer's and over `held`.
    pub(super) fn hold_of<'r>(
        &self,
        id: GenerationId,
        ring: &'r mut RingBook,
        held: Usd,
    ) -> Result<OccupiedEntry<'r, u64, OpenHold>, BooksError> {
        let Entry::Occupied(entry) = ring.open.entry(id.seq) else { return Err(not_open(id)) };
        let open = entry.get();
        let itself = open.account == self.account
            && open.key == self.key
            && open.key_limited == self.key_limited
            && open.free_request == self.free_request
            && open.amount == held;
        if itself {
            return Ok(entry);
        }
        let (promise, place) = (Promise::EndMatchesHold, id.to_string());
        Err(BooksError::Broken { promise, place, left: held, right: open.amount })
    }
}

/// What a record moves.
#[derive(Clone, Copy)]
pub(super) struct Move {
    held: Usd,
    charge: Charge,
    /// The same of a free request, where the payer took one: held, and used.
    free: (Usd, Usd),
}

impl Move {
    /// A hold begins.
    pub(super) fn hold(amount: Usd) -> Self {
        Self { held: amount, charge: Charge::default(), free: (FREE_REQUEST, Usd::ZERO) }
    }

    /// A hold ends.
    pub(super) fn end(held: Usd, charge: Charge, free_used: Usd) -> Self {
        Self { held: -held, charge, free: (-FREE_REQUEST, free_used) }
    }

    /// The move backwards.
    pub(super) fn reversed(self) -> Self {
        let Charge { charged, written_off, list_cost, own_cost } = self.charge;
        let charge = Charge {
            charged: -charged,
            written_off: -written_off,
            list_cost: -list_cost,
            own_cost: -own_cost,
        };
        Self { held: -self.held, charge, free: (-self.free.0, -self.free.1) }
    }

    /// Whether it needs a lease: what is free of charge does not.
    fn needs_lease(&self) -> bool {
        !self.held.is_zero() || !self.charge.charged.is_zero()
    }
}

impl Books {
    /// Makes a move on the rows of its payer, and answers the account.
    pub(super) fn shift(
        &mut self,
        name: EpochName,
        payer: &Payer,
        made: &Move,
    ) -> Result<&mut AccountBook, BooksError> {
        let account = self.accounts.get_mut(&payer.account);
        let account = account.ok_or(BooksError::UnknownAccount(payer.account))?;
        let key = self.keys.get_mut(&payer.key).filter(|key| key.account == payer.account);
        let key = key.ok_or(BooksError::UnknownKey(payer.key))?;
        let sums = account_after(&account.sums, made)?;
        let used = add(key.used, made.charge.charged)?;
        let own_cost = add(key.own_cost, made.charge.own_cost)?;
        let free = payer.free_request.then(|| self.free.after(payer.account, name, made.free));
        let free = free.transpose()?;
        if made.needs_lease() {
            let purse = Purse::Account(payer.account);
            let lease = account.leases.get_mut(name).ok_or(BooksError::NoLease(purse))?;
            let after = lease_after(purse, lease, made)?;
            if payer.key_limited {
                let purse = Purse::Key(payer.key);
                let lease = key.leases.get_mut(name).ok_or(BooksError::NoLease(purse))?;
                *lease = lease_after(purse, lease, made)?;
            }
            *lease = after;
        }
        if let Some((used, lease)) = free {
            self.free.write(payer.account, name, used, lease);
        }
        account.sums = sums;
        (key.used, key.own_cost) = (used, own_cost);
        Ok(account)
    }

    /// An epoch says that it received a grant.
    pub(super) fn confirm(
        &mut self,
        name: EpochName,
        purse: Purse,
        amount: Usd,
    ) -> Result<(), BooksError> {
        if amount.is_zero() {
            return Ok(());
        }
        let lease = self.lease_mut(name, purse)?;
        let confirmed = add(lease.confirmed, amount)?;
        if confirmed > lease.granted {
            let (promise, place) = (Promise::GrantsWereLent, purse.to_string());
            let (left, right) = (confirmed, lease.granted);
            return Err(BooksError::Broken { promise, place, left, right });
        }
        lease.confirmed = confirmed;
        Ok(())
    }

    /// An epoch gives credit back.
    pub(super) fn give_back(
        &mut self,
        name: EpochName,
        purse: Purse,
        amount: Usd,
    ) -> Result<(), BooksError> {
        if amount.is_zero() {
            return Ok(());
        }
        let lease = self.lease_mut(name, purse)?;
        let after = Lease { returned: add(lease.returned, amount)?, ..*lease };
        within(purse, &after)?;
        *lease = after;
        if let Purse::Account(account) = purse
            && let Some(book) = self.accounts.get_mut(&account)
        {
            // What is lent and what is not are together what was counted before.
            book.sums.unlent = [book.sums.unlent, amount].into_iter().sum();
        }
        Ok(())
    }

    fn lease_mut(&mut self, name: EpochName, purse: Purse) -> Result<&mut Lease, BooksError> {
        let leases = match purse {
            Purse::Account(account) => self.accounts.get_mut(&account).map(|book| &mut book.leases),
            Purse::Key(key) => self.keys.get_mut(&key).map(|book| &mut book.leases),
            Purse::FreeRequests(account) => {
                self.free.rows.get_mut(&account).map(|row| &mut row.leases)
            }
        };
        leases.and_then(|leases| leases.get_mut(name)).ok_or(BooksError::NoLease(purse))
    }
}

fn account_after(sums: &AccountSums, made: &Move) -> Result<AccountSums, BooksError> {
    Ok(AccountSums {
        spent: add(sums.spent, made.charge.charged)?,
        written_off: add(sums.written_off, made.charge.written_off)?,
        list_cost: add(sums.list_cost, made.charge.list_cost)?,
        held: add(sums.held, made.held)?,
        ..*sums
    })
}

fn lease_after(purse: Purse, lease: &Lease, made: &Move) -> Result<Lease, BooksError> {
    let after = Lease {
        settled: add(lease.settled, made.charge.charged)?,
        held: add(lease.held, made.held)?,
        ..*lease
    };
    within(purse, &after)?;
    Ok(after)
}

/// What an epoch settled and returned is within what it was lent.
pub(in crate::books) fn within(purse: Purse, lease: &Lease) -> Result<(), BooksError> {
    let gone = add(lease.settled, lease.returned)?;
    if gone <= lease.granted {
        return Ok(());
    }
    let (promise, place) = (Promise::SettledWithinLease, purse.to_string());
    Err(BooksError::Broken { promise, place, left: gone, right: lease.granted })
}

impl Charge {
    /// Both charges together, or `None` on overflow.
    pub(super) fn with(&self, other: &Self) -> Option<Self> {
        Some(Self {
            charged: self.charged.checked_add(other.charged)?,
            written_off: self.written_off.checked_add(other.written_off)?,
            list_cost: self.list_cost.checked_add(other.list_cost)?,
            own_cost: self.own_cost.checked_add(other.own_cost)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_beyond_a_cell_are_refused() {
        assert!(possible(Usd::from_pico(i128::from(i64::MAX))).is_ok());
        for pico in [-1, i128::from(i64::MAX) + 1, i128::MIN] {
            assert!(possible(Usd::from_pico(pico)).is_err(), "{pico}");
        }
    }

    #[test]
    fn a_move_backwards_is_the_move_undone() {
        let usd = Usd::from_pico;
        let (charged, written_off) = (usd(3), usd(4));
        let charge = Charge { charged, written_off, list_cost: usd(5), own_cost: usd(6) };
        let made = Move::end(usd(9), charge, usd(0));
        let sums = AccountSums { held: usd(20), spent: usd(1), ..AccountSums::default() };
        let there = account_after(&sums, &made).unwrap();
        assert_eq!((there.held, there.spent), (usd(11), usd(4)));
        assert_eq!(account_after(&there, &made.reversed()), Ok(sums));
    }
}
