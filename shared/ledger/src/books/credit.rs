//! Transactions: credit that comes in, goes back, or ends.
//!
//! Each takes the next number and stays for ever, so that an account's transactions, together with
//! its generations, tell the story of every cent.

use units::{AccountId, GenerationId, UnixMillis, Usd};

use super::rows::{AccountSums, RefundSum, Transaction, TransactionKind, add, less};
use super::{Applied, Books, BooksError, Promise};
use crate::event::{CreditKind, Event, TransactionId};
use crate::postings::{self, LedgerAccount, Posting};
use crate::purse::Purse;

impl Books {
    pub(super) fn transact(&mut self, event: &Event) -> Result<Applied, BooksError> {
        match event {
            Event::Credited { transaction, account, kind, amount, reference, expires_at, at } => {
                let row = Transaction {
                    reference: reference.as_str().into(),
                    expires_at: *expires_at,
                    ..transaction_row(*transaction, *account, (*kind).into(), *amount, *at)
                };
                self.credit(*kind, row)
            }
            Event::Refunded { transaction, generation, account, amount, at, .. } => {
                let kind = TransactionKind::Refund;
                let row = transaction_row(*transaction, *account, kind, *amount, *at);
                self.refund(*generation, row, event)
            }
            Event::Expired { transaction, lot, amount, at } => {
                self.expire(*transaction, *lot, *amount, *at)
            }
            _ => Ok(Applied::Nothing),
        }
    }

    fn credit(&mut self, kind: CreditKind, row: Transaction) -> Result<Applied, BooksError> {
        let sums = self.sums(row.account)?;
        if let Some(earlier) = self.transaction_by_reference(row.account, &row.reference) {
            return repeated(earlier, &row);
        }
        let possible = match kind {
            CreditKind::TopUp | CreditKind::Grant => row.amount > Usd::ZERO,
            CreditKind::Adjustment => !row.amount.is_zero(),
        };
        if !possible {
            return Err(BooksError::BadAmount(row.amount));
        }
        let mut after = sums;
        let sum = match kind {
            CreditKind::TopUp => &mut after.topped_up,
            CreditKind::Grant => &mut after.granted,
            CreditKind::Adjustment => &mut after.adjusted,
        };
        *sum = add(*sum, row.amount)?;
        after.unlent = taken(row.account, sums.unlent, row.amount)?;
        let moved = postings::credit(row.account, kind, row.amount);
        let named = ((row.account, row.reference.clone()), row.id);
        self.write(row.clone(), after, &moved)?;
        self.references.insert(named.0, named.1);
        Ok(Applied::Transacted(row))
    }

    fn expire(
        &mut self,
        id: TransactionId,
        lot: TransactionId,
        amount: Usd,
        at: UnixMillis,
    ) -> Result<Applied, BooksError> {
        let may_end = |credit: &&Transaction| {
            !credit.ended && credit.expires_at.is_some_and(|expires_at| expires_at <= at)
        };
        let credit = self.transaction(lot).filter(may_end).ok_or(BooksError::UnknownLot(lot))?;
        let account = credit.account;
        if amount.is_negative() || amount > credit.amount {
            return Err(BooksError::BadAmount(amount));
        }
        let out = -amount;
        let row = Transaction {
            reference: lot.to_string().into(),
            ..transaction_row(id, account, TransactionKind::Expiry, out, at)
        };
        let mut after = self.sums(account)?;
        after.expired = add(after.expired, amount)?;
        after.unlent = taken(account, after.unlent, out)?;
        let from = LedgerAccount::Available(account);
        self.write(row.clone(), after, &postings::between(from, LedgerAccount::Expired, amount))?;
        if let Some(credit) = self.transactions.get_mut(lot.0 as usize - 1) {
            credit.ended = true;
        }
        Ok(Applied::Transacted(row))
    }

    fn refund(
        &mut self,
        generation: GenerationId,
        row: Transaction,
        event: &Event,
    ) -> Result<Applied, BooksError> {
        let Event::Refunded { charge, reference, reason, .. } = event else {
            return Ok(Applied::Nothing);
        };
        let row = Transaction {
            generation: Some(generation),
            reference: reference.as_str().into(),
            reason: reason.as_str().into(),
            ..row
        };
        let mut after = self.sums(row.account)?;
        let earlier = self.refunds.get(&generation);
        let transactions = earlier.map_or(&[][..], |sum| &sum.transactions);
        let mut transactions = transactions.iter().filter_map(|id| self.transaction(*id));
        if let Some(earlier) = transactions.find(|earlier| earlier.reference == row.reference) {
            return repeated(earlier, &row);
        }
        if row.amount <= Usd::ZERO {
            return Err(BooksError::BadAmount(row.amount));
        }
        let owned = earlier.is_none_or(|earlier| earlier.account == row.account);
        if !owned || !self.is_settled(generation) {
            return Err(BooksError::UnknownGeneration(generation));
        }
        let refunded = add(earlier.map_or(Usd::ZERO, |sum| sum.refunded), row.amount)?;
        let charge = earlier.map_or(*charge, |sum| sum.charge);
        if refunded > charge {
            return Err(BooksError::Broken {
                promise: Promise::RefundsWithinCharge,
                place: generation.to_string(),
                left: refunded,
                right: charge,
            });
        }
        after.refunded = add(after.refunded, row.amount)?;
        after.unlent = add(after.unlent, row.amount)?;
        let to = LedgerAccount::Available(row.account);
        let moved = postings::between(LedgerAccount::Refunds, to, row.amount);
        self.write(row.clone(), after, &moved)?;
        let new = RefundSum { account: row.account, charge, ..RefundSum::default() };
        let sum = self.refunds.entry(generation).or_insert(new);
        sum.refunded = refunded;
        sum.transactions.push(row.id);
        Ok(Applied::Transacted(row))
    }

    /// The one place that adds a transaction. Nothing is changed if it fails.
    fn write(
        &mut self,
        row: Transaction,
        sums: AccountSums,
        moved: &[Posting],
    ) -> Result<(), BooksError> {
        let expected = self.next_transaction();
        if row.id != expected {
            return Err(BooksError::OutOfOrder {
                what: "transaction",
                expected: expected.0,
                found: row.id.0,
            });
        }
        sums.balance()?;
        let trial = self.trial.after(moved).ok_or(BooksError::Overflow)?;
        let book = self.accounts.get_mut(&row.account);
        book.ok_or(BooksError::UnknownAccount(row.account))?.sums = sums;
        self.trial = trial;
        self.transactions.push(row);
        Ok(())
    }

    pub(super) fn sums(&self, account: AccountId) -> Result<AccountSums, BooksError> {
        let book = self.accounts.get(&account).ok_or(BooksError::UnknownAccount(account))?;
        Ok(book.sums)
    }
}

/// What is unlent after an amount of either sign, which must leave at least nothing.
fn taken(account: AccountId, unlent: Usd, amount: Usd) -> Result<Usd, BooksError> {
    let after = add(unlent, amount)?;
    if amount.is_negative() && after.is_negative() {
        let wanted = less(Usd::ZERO, amount)?;
        return Err(BooksError::NotEnough { purse: Purse::Account(account), unlent, wanted });
    }
    Ok(after)
}

fn repeated(earlier: &Transaction, row: &Transaction) -> Result<Applied, BooksError> {
    if earlier.amount == row.amount && earlier.kind == row.kind {
        return Ok(Applied::Repeated(earlier.clone()));
    }
    Err(BooksError::ReferenceTaken { transaction: earlier.id, amount: earlier.amount })
}

fn transaction_row(
    id: TransactionId,
    account: AccountId,
    kind: TransactionKind,
    amount: Usd,
    at: UnixMillis,
) -> Transaction {
    Transaction {
        id,
        account,
        kind,
        amount,
        reference: "".into(),
        reason: "".into(),
        generation: None,
        expires_at: None,
        ended: false,
        at,
    }
}

impl From<CreditKind> for TransactionKind {
    fn from(kind: CreditKind) -> Self {
        match kind {
            CreditKind::TopUp => Self::TopUp,
            CreditKind::Grant => Self::Grant,
            CreditKind::Adjustment => Self::Adjustment,
        }
    }
}
