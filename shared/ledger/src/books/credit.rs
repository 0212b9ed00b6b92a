//! Transactions: credit that comes in, goes back, or ends.
//!
//! Each takes the next number and stays for ever, so that an account's transactions, together with
//! what it used by day, tell the story of every cent. Each is worked out on a copy of its account's
//! sums, with what it does to the lots, and is written whole or not at all.

use units::{AccountId, GenerationId, Usd};

use super::lots::{Change, Loss, Lot, Rank};
use super::rows::{AccountSums, add, less};
use super::transaction::{RefundSum, Transaction, TransactionKind};
use super::{Applied, Books, BooksError, Promise};
use crate::event::{CreditKind, Event};
use crate::postings::{self, LedgerAccount, Posting};
use crate::purse::Purse;

impl Books {
    pub(super) fn transact(&mut self, event: &Event) -> Result<Applied, BooksError> {
        match event {
            Event::Credited {
                transaction,
                account,
                kind,
                amount,
                fee,
                method,
                reference,
                expires_at,
                refund_until,
                at,
            } => {
                let began = *kind != CreditKind::Adjustment || !amount.is_negative();
                let row = Transaction {
                    fee: *fee,
                    method: method.as_str().into(),
                    lot: began.then_some(*transaction),
                    reference: reference.as_str().into(),
                    expires_at: *expires_at,
                    refund_until: *refund_until,
                    ..Transaction::new(*transaction, *account, (*kind).into(), *amount, *at)
                };
                self.credit(*kind, row)
            }
            Event::Refunded { .. } => self.refund(event),
            Event::Expired { .. } => self.expire(event),
            Event::PaidBack { .. } => self.pay_back(event),
            _ => Ok(Applied::Nothing),
        }
    }

    fn credit(&mut self, kind: CreditKind, row: Transaction) -> Result<Applied, BooksError> {
        let mut after = self.sums(row.account)?;
        if let Some(earlier) = self.transaction_by_reference(row.account, &row.reference) {
            return repeated(earlier, &row);
        }
        check_credit(kind, &row)?;
        let sum = match kind {
            CreditKind::TopUp => &mut after.topped_up,
            CreditKind::Grant | CreditKind::Signup => &mut after.granted,
            CreditKind::Adjustment => &mut after.adjusted,
        };
        *sum = add(*sum, row.amount)?;
        after.fees = add(after.fees, row.fee)?;
        after.unlent = taken(row.account, after.unlent, row.amount)?;
        let change = if row.amount.is_negative() {
            Change::Take(less(Usd::ZERO, row.amount)?)
        } else {
            Change::Begin(Box::new(Lot::of(&row)))
        };
        let moved = postings::credit(row.account, kind, row.amount, row.fee);
        self.write(row, after, change, &moved)
    }

    fn expire(&mut self, event: &Event) -> Result<Applied, BooksError> {
        let Event::Expired { transaction, lot, amount, at } = event else {
            return Ok(Applied::Nothing);
        };
        let credit = self.transaction(*lot).filter(|credit| credit.lot == Some(*lot));
        let credit = credit.ok_or(BooksError::UnknownLot(*lot))?;
        if credit.expires_at.is_none_or(|end| end > *at) {
            return Err(BooksError::UnknownLot(*lot));
        }
        let (kind, rank) = (TransactionKind::Expiry, credit.rank());
        let row = Transaction {
            lot: Some(*lot),
            ..Transaction::new(*transaction, credit.account, kind, *amount, *at)
        };
        self.take_out(row, rank, Loss::Expired)
    }

    fn pay_back(&mut self, event: &Event) -> Result<Applied, BooksError> {
        let Event::PaidBack { transaction, lot, amount, reference, reason, at } = event else {
            return Ok(Applied::Nothing);
        };
        let of_lot = |credit: &&Transaction| credit.lot == Some(*lot);
        let credit = self.transaction(*lot).filter(of_lot).ok_or(BooksError::UnknownLot(*lot))?;
        let (kind, rank) = (TransactionKind::PayBack, credit.rank());
        let row = Transaction {
            lot: Some(*lot),
            reference: reference.as_str().into(),
            reason: reason.as_str().into(),
            ..Transaction::new(*transaction, credit.account, kind, *amount, *at)
        };
        if let Some(earlier) = self.transaction_by_reference(row.account, &row.reference) {
            let out = Transaction { amount: less(Usd::ZERO, row.amount)?, ..row };
            return repeated(earlier, &out);
        }
        if credit.refund_until.is_none_or(|end| end < *at) {
            return Err(BooksError::NotPayable(*lot));
        }
        self.take_out(row, rank, Loss::PaidBack)
    }

    /// Credit of one lot leaves its account: `row` has how much, as an amount above zero.
    fn take_out(
        &mut self,
        row: Transaction,
        rank: Rank,
        loss: Loss,
    ) -> Result<Applied, BooksError> {
        let (account, amount) = (row.account, row.amount);
        if amount <= Usd::ZERO {
            return Err(BooksError::BadAmount(amount));
        }
        let mut after = self.sums(account)?;
        let (sum, to) = match loss {
            Loss::PaidBack => (&mut after.paid_back, LedgerAccount::PayBacks),
            _ => (&mut after.expired, LedgerAccount::Expired),
        };
        *sum = add(*sum, amount)?;
        after.unlent = taken(account, after.unlent, -amount)?;
        let moved = postings::between(LedgerAccount::Available(account), to, amount);
        let change = Change::TakeFrom(rank, amount, loss);
        self.write(Transaction { amount: -amount, ..row }, after, change, &moved)
    }

    fn refund(&mut self, event: &Event) -> Result<Applied, BooksError> {
        let Event::Refunded {
            transaction,
            generation,
            account,
            charge,
            amount,
            reference,
            reason,
            flagged,
            expires_at,
            at,
        } = event
        else {
            return Ok(Applied::Nothing);
        };
        let row = Transaction {
            lot: Some(*transaction),
            generation: Some(*generation),
            reference: reference.as_str().into(),
            reason: reason.as_str().into(),
            flagged: *flagged,
            expires_at: *expires_at,
            ..Transaction::new(*transaction, *account, TransactionKind::Refund, *amount, *at)
        };
        let mut after = self.sums(*account)?;
        if let Some(earlier) = self.refund_by_reference(*generation, reference) {
            return repeated(earlier, &row);
        }
        let refunds = self.refund_sum(*generation, *account, *charge, *amount)?;
        after.refunded = add(after.refunded, *amount)?;
        after.unlent = add(after.unlent, *amount)?;
        let change = Change::Begin(Box::new(Lot::of(&row)));
        let to = LedgerAccount::Available(*account);
        let moved = postings::between(LedgerAccount::Refunds, to, *amount);
        let applied = self.write(row, after, change, &moved)?;
        let sum = self.refunds.entry(*generation).or_default();
        sum.transactions.push(*transaction);
        *sum = RefundSum { transactions: std::mem::take(&mut sum.transactions), ..refunds };
        Ok(applied)
    }

    fn refund_by_reference(&self, of: GenerationId, reference: &str) -> Option<&Transaction> {
        let ids = self.refunds.get(&of).map_or(&[][..], |sum| &sum.transactions);
        let mut rows = ids.iter().filter_map(|id| self.transaction(*id));
        rows.find(|row| *row.reference == *reference)
    }

    /// The refunds of a generation with one more, but for its transaction.
    fn refund_sum(
        &self,
        generation: GenerationId,
        account: AccountId,
        charge: Usd,
        amount: Usd,
    ) -> Result<RefundSum, BooksError> {
        if amount <= Usd::ZERO {
            return Err(BooksError::BadAmount(amount));
        }
        let earlier = self.refunds.get(&generation);
        let owned = earlier.is_none_or(|earlier| earlier.account == account);
        if !owned || !self.is_settled(generation) {
            return Err(BooksError::UnknownGeneration(generation));
        }
        let refunded = add(earlier.map_or(Usd::ZERO, |sum| sum.refunded), amount)?;
        let charge = earlier.map_or(charge, |sum| sum.charge);
        if refunded > charge {
            return Err(BooksError::Broken {
                promise: Promise::RefundsWithinCharge,
                place: generation.to_string(),
                left: refunded,
                right: charge,
            });
        }
        Ok(RefundSum { account, charge, refunded, transactions: Vec::new() })
    }

    /// The one place that adds a transaction. Nothing is changed if it fails.
    fn write(
        &mut self,
        row: Transaction,
        sums: AccountSums,
        change: Change,
        moved: &[Posting],
    ) -> Result<Applied, BooksError> {
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
        let book = book.ok_or(BooksError::UnknownAccount(row.account))?;
        book.lots.check(sums.spent, &change)?;
        book.lots.make(sums.spent, change);
        book.sums = sums;
        book.name_transaction(&row);
        if row.kind.is_referenced() {
            self.references.insert((row.account, row.reference.clone()), row.id);
        }
        self.trial = trial;
        self.transactions.push(row.clone());
        Ok(Applied::Transacted(row))
    }

    pub(super) fn sums(&self, account: AccountId) -> Result<AccountSums, BooksError> {
        let book = self.accounts.get(&account).ok_or(BooksError::UnknownAccount(account))?;
        Ok(book.sums)
    }
}

/// What a credit may be: only a top-up has a fee or can be paid back, only an adjustment is below
/// zero, and nothing ends that has only been taken.
fn check_credit(kind: CreditKind, row: &Transaction) -> Result<(), BooksError> {
    let (paid, adjusted) = (kind == CreditKind::TopUp, kind == CreditKind::Adjustment);
    let possible = if adjusted { !row.amount.is_zero() } else { row.amount > Usd::ZERO };
    if !possible || (row.amount.is_negative() && row.expires_at.is_some()) {
        return Err(BooksError::BadAmount(row.amount));
    }
    if row.fee.is_negative() || !paid && (!row.fee.is_zero() || row.refund_until.is_some()) {
        return Err(BooksError::BadAmount(row.fee));
    }
    Ok(())
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

/// A reference is the earlier transaction's for ever: the same again changes nothing.
fn repeated(earlier: &Transaction, row: &Transaction) -> Result<Applied, BooksError> {
    let kind = earlier.kind == row.kind;
    let same_lot = row.kind != TransactionKind::PayBack || earlier.lot == row.lot;
    if kind && same_lot && earlier.amount == row.amount {
        return Ok(Applied::Repeated(earlier.clone()));
    }
    Err(BooksError::ReferenceTaken { transaction: earlier.id, amount: earlier.amount })
}
