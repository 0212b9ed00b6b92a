//! Which credits end when, and ending them.
//!
//! ```text
//!   lasting --its time comes--> due --nothing is lent---------> ended
//!                                |                                ^
//!                                +--asked back--> returning ------+  piece by piece, as it comes
//! ```
//!
//! What is left of a credit is its lot's. What data planes have borrowed is asked back first, at
//! once; a look later, what no request holds is ended, and the rest as it comes back, unless it is
//! spent. So a credit may end in several entries, and never waits for ever behind a busy customer.
//! Left out on purpose: sending what is to be asked back, and when to look.

use std::collections::{BTreeMap, BTreeSet};

use units::{UnixMillis, Usd};

use crate::books::{Books, BooksError, Transaction};
use crate::desk::Booking;
use crate::event::{Event, TransactionId};
use crate::lender;
use crate::purse::Purse;

/// The credits that end some day.
#[derive(Debug, Default)]
pub struct Expiries {
    /// Soonest first.
    lasting: BTreeSet<(UnixMillis, TransactionId)>,
    /// Those whose rest was asked back, with their account's purse.
    returning: BTreeMap<TransactionId, Purse>,
}

impl Expiries {
    /// Those of the books that have something left.
    pub fn of(books: &Books) -> Self {
        let mut expiries = Self::default();
        for account in books.account_ids() {
            let lots = books.lots(account).into_iter().filter(|lot| lot.left > Usd::ZERO);
            expiries.lasting.extend(lots.filter_map(|lot| Some((lot.expires_at?, lot.id))));
        }
        expiries
    }

    /// A new transaction, which may have begun such a credit.
    pub fn note(&mut self, row: &Transaction) {
        if let Some(at) = row.expires_at.filter(|_| row.lot == Some(row.id)) {
            self.lasting.insert((at, row.id));
        }
    }

    /// Ends what is due and lent to nobody. Answers what is to be asked back: that much of a purse
    /// should come to be unlent.
    ///
    /// # Errors
    /// The books refused an entry, which their own sums do not cause.
    pub fn end_due(
        &mut self,
        ledger: &mut impl Booking,
        now: UnixMillis,
    ) -> Result<Vec<(Purse, Usd)>, BooksError> {
        let mut asked = Vec::new();
        for (lot, purse) in self.due(ledger.books(), now) {
            let left = ledger.books().left_of(lot);
            let is_lent = !lender::recall(ledger.books(), purse, left, |_, _| true).is_empty();
            let was_asked = self.returning.contains_key(&lot);
            if is_lent {
                asked.push((purse, left));
            }
            // All of it may be back before the next look, and is then one entry.
            let waits = is_lent && !was_asked;
            if left.is_zero() || (!waits && end(ledger, lot, purse, now)? == left) {
                self.returning.remove(&lot);
            } else {
                self.returning.insert(lot, purse);
            }
        }
        Ok(asked)
    }

    /// Ends what has come back of credits that are due, before anybody borrows it again.
    ///
    /// # Errors
    /// As of [`Self::end_due`].
    pub fn end_returned(
        &mut self,
        ledger: &mut impl Booking,
        now: UnixMillis,
    ) -> Result<(), BooksError> {
        for (lot, purse) in &self.returning {
            end(ledger, *lot, *purse, now)?;
        }
        Ok(())
    }

    /// The credits whose time has come, those that are returning included.
    fn due(&mut self, books: &Books, now: UnixMillis) -> BTreeMap<TransactionId, Purse> {
        let later = self.lasting.split_off(&(now.plus_ms(1), TransactionId(0)));
        let new = std::mem::replace(&mut self.lasting, later);
        let purse = |id| Some((id, Purse::Account(books.transaction(id)?.account)));
        let new = new.into_iter().filter_map(|(_, id)| purse(id));
        new.chain(self.returning.clone()).collect()
    }
}

/// Ends as much of a credit as is not lent; how much that was.
fn end(
    ledger: &mut impl Booking,
    lot: TransactionId,
    purse: Purse,
    at: UnixMillis,
) -> Result<Usd, BooksError> {
    let books = ledger.books();
    let amount = books.left_of(lot).min(books.unlent(purse).unwrap_or_default());
    if !amount.is_zero() {
        let transaction = books.next_transaction();
        ledger.book(&Event::Expired { transaction, lot, amount, at })?;
    }
    Ok(amount)
}
