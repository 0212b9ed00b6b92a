//! An account's statement: every cent, from nothing to the balance.
//!
//! Rows, newest first: the transactions, and for each day what was used of each offer, as one row
//! at the day's end. Days are those of admission, so that the newest rows of usage still grow.
//! Invariants: the amounts of all rows are together the balance; what stands after a row is what
//! stood before it and its amount. Left out on purpose: single requests, which the view lists.

use units::{AccountId, OfferId, Usd};

use super::rows::DaySum;
use super::transaction::Transaction;
use super::{Books, BooksError};
use crate::event::TransactionId;

/// Where a row of usage stands behind the transactions of its day.
const USAGE: u64 = 1 << 63;

/// Where a row stands: later rows are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowPlace {
    /// Its UTC day, since 1970.
    pub day: u32,
    /// Its number within the day.
    pub number: u64,
}

/// What a row tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowEntry<'b> {
    /// A transaction.
    Transaction(&'b Transaction),
    /// What was used of an offer on the row's day.
    Usage(OfferId, &'b DaySum),
}

/// A row of a statement. Amounts are USD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatementRow<'b> {
    /// Where it stands.
    pub place: RowPlace,
    /// What it tells.
    pub entry: RowEntry<'b>,
    /// What it did to the balance.
    pub amount: Usd,
    /// What the balance was after it.
    pub balance_after: Usd,
}

/// The rows of an account, newest first.
struct Rows<'b> {
    books: &'b Books,
    transactions: &'b [(u32, TransactionId)],
    days: &'b [(u32, OfferId, DaySum)],
    balance: Usd,
}

impl Books {
    /// An account's statement, newest first.
    ///
    /// # Errors
    /// There is no such account.
    pub fn statement(
        &self,
        account: AccountId,
    ) -> Result<impl Iterator<Item = StatementRow<'_>>, BooksError> {
        let book = self.accounts.get(&account).ok_or(BooksError::UnknownAccount(account))?;
        let (transactions, days) = (&book.transactions[..], &book.days[..]);
        Ok(Rows { books: self, transactions, days, balance: book.sums.balance()? })
    }
}

impl<'b> Iterator for Rows<'b> {
    type Item = StatementRow<'b>;

    fn next(&mut self) -> Option<StatementRow<'b>> {
        let transaction = self.transactions.last().map(|(day, id)| (*day, id.0));
        let usage = self.days.last().map(|(day, offer, _)| (*day, USAGE | u64::from(offer.0)));
        let (day, number) = transaction.max(usage)?;
        let (entry, amount) = if number < USAGE {
            self.transactions = self.transactions.split_last()?.1;
            let row = self.books.transaction(TransactionId(number))?;
            (RowEntry::Transaction(row), row.amount)
        } else {
            let ((_, offer, sum), before) = self.days.split_last()?;
            self.days = before;
            (RowEntry::Usage(*offer, sum), -sum.charged)
        };
        let balance_after = self.balance;
        self.balance = [balance_after, -amount].into_iter().sum();
        Some(StatementRow { place: RowPlace { day, number }, entry, amount, balance_after })
    }
}
