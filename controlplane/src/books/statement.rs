//! An account's statement and its lots: every cent from nothing to the balance.
//!
//! Rows are those of the books: transactions, and what was used of each offer on each day. Usage
//! stands at its day's end, today's too, which still grows.

use ledger::books::{Lot, RowEntry, RowPlace, StatementRow, Transaction};
use units::{AccountId, UnixMillis, Usd};

use super::order::Page;
use super::shown::Listed;
use super::shown_money::{TransactionKind, TransactionView};
use super::thread::{Ledger, refused};
use crate::refuse::Refusal;

impl Ledger {
    /// An account's statement, newest first.
    pub(crate) fn statement(
        &self,
        account: AccountId,
        page: &Page,
    ) -> Result<Listed<TransactionView>, Refusal> {
        let count = page.count()?;
        let after =
            page.numbers(|day, number| Some(RowPlace { day: u32::try_from(day).ok()?, number }))?;
        let rows = self.books.statement(account).map_err(refused)?;
        let mut rows = rows.skip_while(|row| after.is_some_and(|after| row.place >= after));
        let shown: Vec<StatementRow<'_>> = rows.by_ref().take(count).collect();
        let last = rows.next().and_then(|_| shown.last());
        let next = last.map(|row| format!("{}.{}", row.place.day, row.place.number));
        Ok(Listed { data: shown.iter().map(|row| self.told(account, row)).collect(), next })
    }

    /// A transaction as the statement has it.
    pub(super) fn told_transaction(&self, row: &Transaction) -> TransactionView {
        let itself = |other: &StatementRow<'_>| match other.entry {
            RowEntry::Transaction(other) => other.id == row.id,
            RowEntry::Usage(..) => false,
        };
        let found = self.books.statement(row.account).ok().and_then(|mut rows| rows.find(itself));
        let balance_after = found.map(|found| found.balance_after);
        TransactionView { balance_after, ..TransactionView::of(row) }
    }

    /// A row as it is told.
    pub(super) fn told(&self, account: AccountId, row: &StatementRow<'_>) -> TransactionView {
        let balance_after = Some(row.balance_after);
        match row.entry {
            RowEntry::Transaction(row) => {
                TransactionView { balance_after, ..TransactionView::of(row) }
            }
            RowEntry::Usage(offer, sum) => {
                let terms = self.register.offer(offer);
                let day = UnixMillis::of_day(row.place.day);
                let end = UnixMillis::of_day(row.place.day + 1);
                TransactionView {
                    id: format!("txn_{}_{}", day.date().replace('-', ""), offer.0),
                    account,
                    kind: TransactionKind::Usage,
                    amount: row.amount,
                    fee: Usd::ZERO,
                    method: None,
                    lot: None,
                    reference: terms.map(|terms| terms.model.clone()).unwrap_or_default(),
                    reason: None,
                    generation: None,
                    requests: Some(sum.requests),
                    balance_after,
                    expires_at: None,
                    refund_until: None,
                    created_at: UnixMillis(end.0 - 1),
                }
            }
        }
    }

    /// The lots of an account in spending order: those with something left, or all.
    pub(crate) fn lots(&self, account: AccountId, all: bool) -> Result<Vec<Lot>, Refusal> {
        self.account(account)?;
        let lots = self.books.lots(account).into_iter();
        Ok(lots.filter(|lot| all || lot.left > Usd::ZERO).collect())
    }
}

impl TransactionView {
    /// A transaction of the books, without the balance after it.
    fn of(row: &Transaction) -> Self {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Self {
            id: row.id.to_string(),
            account: row.account,
            kind: row.kind.into(),
            amount: row.amount,
            fee: row.fee,
            method: text(&row.method),
            lot: row.lot.map(|lot| lot.to_string()),
            reference: row.reference.to_string(),
            reason: text(&row.reason),
            generation: row.generation,
            requests: None,
            balance_after: None,
            expires_at: row.expires_at,
            refund_until: row.refund_until,
            created_at: row.at,
        }
    }
}

impl From<ledger::books::TransactionKind> for TransactionKind {
    fn from(kind: ledger::books::TransactionKind) -> Self {
        use ledger::books::TransactionKind as Booked;
        match kind {
            Booked::TopUp => Self::TopUp,
            Booked::Grant => Self::Grant,
            Booked::Signup => Self::Signup,
            Booked::Adjustment => Self::Adjustment,
            Booked::Refund => Self::Refund,
            Booked::Expiry => Self::Expiry,
            Booked::PayBack => Self::PayBack,
        }
    }
}
