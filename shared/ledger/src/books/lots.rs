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
//! when it was settled, and settling a request touches no lot. A change is checked whole before it
//! is made, and costs what it touches, however many lots there are.

use std::collections::VecDeque;

use serde::Serialize;
use units::{UnixMillis, Usd, as_optional_text, as_text};

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
    #[serde(serialize_with = "as_optional_text")]
    pub expires_at: Option<UnixMillis>,
    /// Until when what is left of it can be paid back.
    #[serde(serialize_with = "as_optional_text")]
    pub refund_until: Option<UnixMillis>,
    /// When it began.
    #[serde(rename = "created_at", serialize_with = "as_text")]
    pub at: UnixMillis,
}

/// A lot's place in the spending order.
pub(super) type Rank = (bool, UnixMillis, TransactionId);

/// The lots of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lots {
    /// With something left, in spending order.
    pub(super) open: VecDeque<Lot>,
    /// Used up, in the order in which they were.
    pub(super) done: Vec<Lot>,
    /// What they have left together.
    pub(super) left: Usd,
    /// What of the account's charges was drawn from them.
    pub(super) drawn: Usd,
}

/// What a transaction does to the lots of its account.
pub(super) enum Change {
    /// A credit begins one.
    Begin(Box<Lot>),
    /// A negative adjustment takes from them in spending order.
    Take(Usd),
    /// One ends or goes back, this much of it.
    TakeFrom(Rank, Usd, Loss),
}

impl Transaction {
    /// The place in the spending order of the lot that it begins.
    pub(super) fn rank(&self) -> Rank {
        rank(self.kind, self.expires_at, self.id)
    }
}

fn rank(kind: TransactionKind, expires_at: Option<UnixMillis>, id: TransactionId) -> Rank {
    let given = matches!(kind, TransactionKind::Signup | TransactionKind::Grant);
    (!given, expires_at.unwrap_or(UnixMillis(u64::MAX)), id)
}

impl Lot {
    /// The lot that a credit begins.
    pub(super) fn of(row: &Transaction) -> Self {
        let none = Usd::ZERO;
        Self {
            id: row.id,
            kind: row.kind,
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
    pub(super) fn rank(&self) -> Rank {
        rank(self.kind, self.expires_at, self.id)
    }

    /// Takes as much of an amount as is left; the rest of it comes back.
    fn lose(&mut self, amount: Usd, loss: Loss) -> Usd {
        let part = amount.min(self.left);
        let sum = loss.sum(self);
        *sum = total([*sum, part]);
        self.left = total([self.left, -part]);
        total([amount, -part])
    }
}

/// A sum of amounts that are parts of one that was counted.
fn total(amounts: [Usd; 2]) -> Usd {
    amounts.into_iter().sum()
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
    /// All lots, used up or not, in no order.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Lot> {
        self.open.iter().chain(&self.done)
    }

    /// What was charged and not yet drawn; `spent` is all that was ever charged.
    pub(super) fn pending(&self, spent: Usd) -> Result<Usd, BooksError> {
        let pending = less(spent, self.drawn)?;
        self.covers(pending)?;
        Ok(pending)
    }

    fn covers(&self, amount: Usd) -> Result<(), BooksError> {
        if amount <= self.left {
            return Ok(());
        }
        let (promise, place) = (Promise::LotsCoverCharges, String::new());
        Err(BooksError::Broken { promise, place, left: amount, right: self.left })
    }

    /// Whether a change can be made once all charges are drawn.
    pub(super) fn check(&self, spent: Usd, change: &Change) -> Result<(), BooksError> {
        let pending = self.pending(spent)?;
        match change {
            Change::Begin(lot) => add(self.left, lot.amount).map(drop),
            Change::Take(amount) => self.covers(add(pending, *amount)?),
            Change::TakeFrom(rank, amount, _) => {
                let fits = *amount > Usd::ZERO && *amount <= self.left_of(*rank, pending);
                if fits { Ok(()) } else { Err(BooksError::BadAmount(*amount)) }
            }
        }
    }

    /// What a lot has left once `pending` is drawn.
    pub(super) fn left_of(&self, rank: Rank, pending: Usd) -> Usd {
        let mut rest = pending;
        for lot in self.open.iter().take_while(|lot| lot.rank() < rank) {
            if rest.is_zero() {
                break;
            }
            rest = total([rest, -rest.min(lot.left)]);
        }
        let lot = self.open.binary_search_by_key(&rank, Lot::rank).ok();
        let left = lot.and_then(|place| self.open.get(place)).map_or(Usd::ZERO, |lot| lot.left);
        total([left, -rest.min(left)])
    }

    /// Draws all charges, and makes a change that was checked.
    pub(super) fn make(&mut self, spent: Usd, change: Change) {
        self.draw(spent);
        match change {
            Change::Begin(lot) => {
                self.left = total([self.left, lot.amount]);
                let place = self.open.partition_point(|other| other.rank() < lot.rank());
                self.open.insert(place, *lot);
            }
            Change::Take(amount) => self.take(amount, Loss::Taken),
            Change::TakeFrom(rank, amount, loss) => {
                let Ok(place) = self.open.binary_search_by_key(&rank, Lot::rank) else { return };
                let rest = self.open[place].lose(amount, loss);
                self.left = total([self.left, -total([amount, -rest])]);
                if self.open[place].left.is_zero() {
                    self.done.extend(self.open.remove(place));
                }
            }
        }
    }

    /// Draws what was charged since the last time.
    pub(super) fn draw(&mut self, spent: Usd) {
        let pending = total([spent, -self.drawn]);
        self.take(pending, Loss::Spent);
        self.drawn = spent;
    }

    /// Takes an amount from the lots in spending order.
    fn take(&mut self, amount: Usd, loss: Loss) {
        let mut rest = amount;
        while rest > Usd::ZERO
            && let Some(first) = self.open.front_mut()
        {
            rest = first.lose(rest, loss);
            if first.left.is_zero() {
                self.done.extend(self.open.pop_front());
            }
        }
        self.left = total([self.left, -total([amount, -rest])]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(pico: i128) -> Usd {
        Usd::from_pico(pico)
    }

    fn begin(lots: &mut Lots, id: u64, kind: TransactionKind, expires_at: Option<u64>) -> Rank {
        let id = TransactionId(id);
        let row = Transaction::new(id, units::AccountId(1), kind, usd(10), UnixMillis(0));
        let row = Transaction { expires_at: expires_at.map(UnixMillis), ..row };
        lots.make(lots.drawn, Change::Begin(Box::new(Lot::of(&row))));
        row.rank()
    }

    fn left(lots: &Lots) -> Vec<(u64, i128)> {
        lots.open.iter().map(|lot| (lot.id.0, lot.left.pico())).collect()
    }

    #[test]
    fn what_was_given_is_spent_first_then_what_ends_soonest_then_the_oldest() {
        use TransactionKind::{Grant, Refund, Signup, TopUp};
        let mut lots = Lots::default();
        let ranks = [
            begin(&mut lots, 1, TopUp, None),
            begin(&mut lots, 2, TopUp, Some(9)),
            begin(&mut lots, 3, Refund, Some(9)),
            begin(&mut lots, 4, TopUp, Some(8)),
            begin(&mut lots, 5, Grant, None),
            begin(&mut lots, 6, Signup, Some(20)),
        ];
        let order: Vec<u64> = lots.open.iter().map(|lot| lot.id.0).collect();
        assert_eq!(order, [6, 5, 4, 2, 3, 1]);
        assert_eq!(ranks.map(|rank| lots.left_of(rank, usd(25)).pico()), [10, 10, 10, 5, 0, 0]);
        lots.draw(usd(25));
        assert_eq!(left(&lots), [(4, 5), (2, 10), (3, 10), (1, 10)]);
        assert_eq!((lots.left, lots.done.len()), (usd(35), 2));
        lots.make(usd(25), Change::TakeFrom(ranks[1], usd(10), Loss::Expired));
        assert_eq!(left(&lots), [(4, 5), (3, 10), (1, 10)]);
        assert!(lots.check(usd(25), &Change::Take(usd(26))).is_err(), "more than there is");
        assert!(lots.check(usd(26), &Change::Take(usd(25))).is_err(), "one is charged meanwhile");
        assert!(lots.check(usd(51), &Change::Take(Usd::ZERO)).is_err(), "more than was lent");
        let end = |amount| Change::TakeFrom(ranks[3], usd(amount), Loss::Expired);
        assert!(lots.check(usd(27), &end(3)).is_ok());
        assert!(lots.check(usd(27), &end(4)).is_err(), "two of five are charged meanwhile");
    }
}
