//! Which credits end when, and ending them.
//!
//! What is left of a credit is its lot's: charges were taken from lots in spending order. What data
//! planes have borrowed is asked back first, at once; a look later, what no request holds is ended,
//! and the rest as it comes back, unless it is spent. So a credit may end in several entries, and
//! never waits for ever behind a busy customer.

use std::collections::BTreeSet;

use ledger::Purse;
use ledger::books::{Books, Transaction};
use ledger::event::{Event, TransactionId};
use units::{UnixMillis, Usd};

use super::thread::Ledger;

/// The credits that end some day, soonest first.
#[derive(Default)]
pub(crate) struct Expiries {
    ends: BTreeSet<(UnixMillis, TransactionId)>,
    /// Those whose time has come, and whose rest was asked back.
    recalled: BTreeSet<TransactionId>,
}

impl Expiries {
    /// Those of the books that have something left.
    pub(crate) fn of(books: &Books) -> Self {
        let mut expiries = Self::default();
        for account in books.account_ids() {
            let lots = books.lots(account).into_iter().filter(|lot| lot.left > Usd::ZERO);
            let ends = lots.filter_map(|lot| Some((lot.expires_at?, lot.id)));
            expiries.ends.extend(ends);
        }
        expiries
    }

    /// A transaction that may have begun such a credit.
    pub(crate) fn note(&mut self, row: &Transaction) {
        if let Some(at) = row.expires_at.filter(|_| row.lot == Some(row.id)) {
            self.ends.insert((at, row.id));
        }
    }

    /// Takes out the credits that end now or before.
    fn due(&mut self, now: UnixMillis) -> Vec<TransactionId> {
        let later = self.ends.split_off(&(now.plus_ms(1), TransactionId(0)));
        let due = std::mem::replace(&mut self.ends, later);
        due.into_iter().map(|(_, id)| id).collect()
    }
}

impl Ledger {
    /// Ends the credits whose time has come, as far as nobody holds them; asks for the rest.
    pub(crate) fn expire_credits(&mut self) {
        for id in self.expiries.due(self.now) {
            let Some(row) = self.books.transaction(id).cloned() else { continue };
            if self.expire(&row) {
                self.expiries.recalled.remove(&id);
            } else {
                self.expiries.note(&row);
                self.expiries.recalled.insert(id);
            }
        }
    }

    /// Ends what has come back of credits whose time has come, before anybody borrows it again.
    pub(crate) fn expire_returned(&mut self) {
        for id in self.expiries.recalled.clone() {
            let Some(row) = self.books.transaction(id).cloned() else { continue };
            let left = self.books.left_of(id);
            self.end_unlent(&row, left);
        }
    }

    /// Whether nothing is left of a credit now.
    fn expire(&mut self, row: &Transaction) -> bool {
        let left = self.books.left_of(row.id);
        let purse = Purse::Account(row.account);
        if self.books.unlent(purse).unwrap_or_default() < left
            && self.recall(purse, left)
            && !self.expiries.recalled.contains(&row.id)
        {
            // All of it may be back before the next look, and is then one entry.
            return false;
        }
        self.end_unlent(row, left)
    }

    /// Ends as much of `left` as is not lent; whether that is all.
    fn end_unlent(&mut self, row: &Transaction, left: Usd) -> bool {
        let free = self.books.unlent(Purse::Account(row.account)).unwrap_or_default();
        let amount = left.min(free);
        if amount.is_zero() {
            return left.is_zero();
        }
        let transaction = self.books.next_transaction();
        let event = Event::Expired { transaction, lot: row.id, amount, at: self.now };
        self.book(&event).is_ok() && amount == left
    }
}
