//! Which credits end when, and what is left of one.
//!
//! Rule: the credit that ends soonest is spent first, and what never ends last. So what is left of
//! the credit that ends now is what the balance has above all that ends later: never more than a
//! customer would work out for himself.

use std::collections::BTreeSet;

use ledger::books::{Books, Transaction};
use ledger::event::TransactionId;
use units::{UnixMillis, Usd};

/// The credits that end some day, soonest first.
#[derive(Default)]
pub(crate) struct Expiries(BTreeSet<(UnixMillis, TransactionId)>);

impl Expiries {
    /// Those of the books.
    pub(crate) fn of(books: &Books) -> Self {
        let mut expiries = Self::default();
        books.transactions().iter().for_each(|row| expiries.note(row));
        expiries
    }

    /// A transaction that may be such a credit.
    pub(crate) fn note(&mut self, row: &Transaction) {
        if let Some(at) = row.expires_at.filter(|_| !row.ended) {
            self.0.insert((at, row.id));
        }
    }

    /// Takes out the credits that end now or before.
    pub(crate) fn due(&mut self, books: &Books, now: UnixMillis) -> Vec<Transaction> {
        let later = self.0.split_off(&(now.plus_ms(1), TransactionId(0)));
        let due = std::mem::replace(&mut self.0, later);
        due.into_iter().filter_map(|(_, id)| books.transaction(id).cloned()).collect()
    }

    /// Puts one back, to be ended at the next look.
    pub(crate) fn again(&mut self, row: &Transaction) {
        self.note(row);
    }
}

/// What is left of a credit, by the rule above.
pub(crate) fn left_of(books: &Books, lot: &Transaction) -> Usd {
    let balance = books.account(lot.account).map_or(Usd::ZERO, |account| account.balance);
    let ends_later = |row: &&Transaction| {
        let ends = (row.expires_at.unwrap_or(UnixMillis(u64::MAX)), row.id);
        row.account == lot.account
            && !row.ended
            && row.amount > Usd::ZERO
            && ends > (lot.expires_at.unwrap_or_default(), lot.id)
    };
    let later: Usd = books.transactions().iter().filter(ends_later).map(|row| row.amount).sum();
    let left = balance.checked_sub(later).unwrap_or(Usd::ZERO);
    left.clamp(Usd::ZERO, lot.amount.max(Usd::ZERO))
}
