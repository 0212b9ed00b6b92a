//! Lots: what is left of each credit, and which is spent first.
//!
//! Spending order: what was given (signup and grants) before what was paid, then what ends soonest,
//! then what is oldest.
//!
//! ```text
//!                 +-- spent      charges, in spending order
//!   amount -------+-- taken      negative adjustments, in spending order
//!   of a lot      +-- paid back  a top-up that is returned
//!                 +-- expired    once its time has come
//!                 +-- left
//! ```
//!
//! Invariants: those five are the amount, always; the lots of an account have left what its balance
//! is, but for charges not yet drawn. Charges are *drawn* from lots only when a transaction comes:
//! the order of lots changes with nothing else, so the result is as if each charge had been drawn
//! when it was settled, and settling a request touches no lot.

use serde::Serialize;
use units::{UnixMillis, Usd};

use super::BooksError;
use super::error::Promise;
use super::rows::{add, less};
use super::transaction::{Transaction, TransactionKind};
use crate::event::TransactionId;

/// A credit and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lot {
    /// The transaction that began it.
    pub id: TransactionId,
    /// What it was.
    pub kind: TransactionKind,
    /// Whether it is a refund that the customer asked for.
    pub flagged: bool,
    /// How much it was.
    pub amount: Usd,
    /// What is left of it.
    pub left: Usd,
    /// What was spent of it.
    pub spent: Usd,
    /// What negative adjustments took of it.
    pub taken: Usd,
    /// What was paid back of it.
    pub paid_back: Usd,
    /// What ended of it unused.
    pub expired: Usd,
    /// When what is left of it ends.
    pub expires_at: Option<UnixMillis>,
    /// Until when what is left of it can be paid back.
    pub refund_until: Option<UnixMillis>,
    /// When it began.
    pub at: UnixMillis,
}

/// The lots of an account, in spending order, used up or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lots {
    pub(super) rows: Vec<Lot>,
    /// What of the account's charges was drawn from them.
    pub(super) drawn: Usd,
}

impl Lot {
    /// The lot that a credit begins.
    pub(super) fn of(row: &Transaction, flagged: bool) -> Self {
        let none = Usd::ZERO;
        Self {
            id: row.id,
            kind: row.kind,
            flagged,
            amount: row.amount,
            left: row.amount,
            spent: none,
            taken: none,
            paid_back: none,
            expired: none,
            expires_at: row.expires_at,
            refund_until: row.refund_until,
            at: row.at,
        }
    }

    /// Its place in the spending order.
    pub(super) fn rank(&self) -> (bool, UnixMillis, TransactionId) {
        let given = matches!(self.kind, TransactionKind::Signup | TransactionKind::Grant);
        (!given, self.expires_at.unwrap_or(UnixMillis(u64::MAX)), self.id)
    }

    /// Whether its time has come and something of it is left.
    pub fn is_due(&self, now: UnixMillis) -> bool {
        self.left > Usd::ZERO && self.expires_at.is_some_and(|end| end <= now)
    }
}

/// What lots lose money to.
#[derive(Clone, Copy)]
pub(super) enum Loss {
    Spent,
    Taken,
    PaidBack,
    Expired,
}

impl Loss {
    fn sum(self, lot: &mut Lot) -> &mut Usd {
        match self {
            Self::Spent => &mut lot.spent,
            Self::Taken => &mut lot.taken,
            Self::PaidBack => &mut lot.paid_back,
            Self::Expired => &mut lot.expired,
        }
    }
}

impl Lots {
    pub(super) fn push(&mut self, lot: Lot) {
        let place = self.rows.partition_point(|other| other.rank() < lot.rank());
        self.rows.insert(place, lot);
    }

    /// Draws what was charged since the last time; `spent` is all that was ever charged.
    pub(super) fn draw(&mut self, spent: Usd) -> Result<(), BooksError> {
        self.take(less(spent, self.drawn)?, Loss::Spent)?;
        self.drawn = spent;
        Ok(())
    }

    /// Takes an amount from the lots in spending order.
    pub(super) fn take(&mut self, amount: Usd, loss: Loss) -> Result<(), BooksError> {
        let mut rest = amount;
        for lot in self.rows.iter_mut().filter(|lot| lot.left > Usd::ZERO) {
            if rest <= Usd::ZERO {
                break;
            }
            let part = rest.min(lot.left);
            lot.lose(part, loss)?;
            rest = less(rest, part)?;
        }
        if rest.is_zero() {
            return Ok(());
        }
        let (promise, place) = (Promise::LotsCoverCharges, String::new());
        Err(BooksError::Broken { promise, place, left: rest, right: Usd::ZERO })
    }

    /// Takes an amount that one lot has left.
    pub(super) fn take_from(
        &mut self,
        id: TransactionId,
        amount: Usd,
        loss: Loss,
    ) -> Result<(), BooksError> {
        let lot = self.rows.iter_mut().find(|lot| lot.id == id);
        lot.ok_or(BooksError::UnknownLot(id))?.lose(amount, loss)
    }
}

impl Lot {
    fn lose(&mut self, amount: Usd, loss: Loss) -> Result<(), BooksError> {
        let left = less(self.left, amount)?;
        if amount.is_negative() || left.is_negative() {
            return Err(BooksError::BadAmount(amount));
        }
        let sum = loss.sum(self);
        *sum = add(*sum, amount)?;
        self.left = left;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lot(id: u64, kind: TransactionKind, expires_at: Option<u64>) -> Lot {
        let (amount, at) = (Usd::from_pico(10), UnixMillis(0));
        let row = Transaction::new(TransactionId(id), units::AccountId(1), kind, amount, at);
        Lot { expires_at: expires_at.map(UnixMillis), ..Lot::of(&row, false) }
    }

    #[test]
    fn what_was_given_is_spent_first_then_what_ends_soonest_then_the_oldest() {
        use TransactionKind::{Grant, Refund, Signup, TopUp};
        let mut lots = Lots::default();
        for lot in [
            lot(1, TopUp, None),
            lot(2, TopUp, Some(9)),
            lot(3, Refund, Some(9)),
            lot(4, TopUp, Some(8)),
            lot(5, Grant, None),
            lot(6, Signup, Some(20)),
        ] {
            lots.push(lot);
        }
        let order: Vec<u64> = lots.rows.iter().map(|lot| lot.id.0).collect();
        assert_eq!(order, [6, 5, 4, 2, 3, 1]);
        lots.draw(Usd::from_pico(25)).unwrap();
        let left: Vec<i128> = lots.rows.iter().map(|lot| lot.left.pico()).collect();
        assert_eq!(left, [0, 0, 5, 10, 10, 10]);
        assert!(lots.take(Usd::from_pico(36), Loss::Taken).is_err(), "more than there is");
    }
}
