//! The rows of the books.
//!
//! Invariants: money sums are exact (`i128`), token sums saturate; rows change only through
//! `Books::apply`.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::Serialize;
use units::{AccountId, KeyId, OfferId, Tokens, UnixMillis, Usd};

use super::BooksError;
use super::lease::EpochName;
use super::lots::Lots;
use super::transaction::Transaction;
use crate::event::TransactionId;
use crate::purse::Drawn;

/// The sum, or the error that says it cannot be counted.
pub(super) fn add(left: Usd, right: Usd) -> Result<Usd, BooksError> {
    left.checked_add(right).ok_or(BooksError::Overflow)
}

/// The difference, or the error that says it cannot be counted.
pub(super) fn less(left: Usd, right: Usd) -> Result<Usd, BooksError> {
    left.checked_sub(right).ok_or(BooksError::Overflow)
}

/// An account.
#[derive(Clone, Debug, Default)]
pub(super) struct AccountBook {
    pub(super) name: Box<str>,
    /// What its owner and the operator have set for it.
    pub(super) row: Box<str>,
    pub(super) disabled: bool,
    pub(super) opened_at: UnixMillis,
    pub(super) sums: AccountSums,
    pub(super) leases: Leases,
    pub(super) lots: Lots,
    /// Sorted, each with the day that it stands on.
    pub(super) transactions: Vec<(u32, TransactionId)>,
    /// Sorted by day and offer.
    pub(super) days: Vec<(u32, OfferId, DaySum)>,
    /// The last settlement that moved it: makes a list of accounts without repeats.
    pub(super) settlement: u64,
}

/// The money of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct AccountSums {
    pub(super) topped_up: Usd,
    pub(super) granted: Usd,
    pub(super) adjusted: Usd,
    pub(super) refunded: Usd,
    pub(super) expired: Usd,
    pub(super) paid_back: Usd,
    /// Paid above the credit of top-ups: no part of the balance.
    pub(super) fees: Usd,
    pub(super) spent: Usd,
    pub(super) written_off: Usd,
    pub(super) list_cost: Usd,
    pub(super) unlent: Usd,
    pub(super) held: Usd,
}

impl AccountSums {
    /// All credit in, less all that went out: what the account owns, lent or not.
    pub(super) fn balance(&self) -> Result<Usd, BooksError> {
        let credit = [self.topped_up, self.granted, self.adjusted, self.refunded];
        let credit = credit.into_iter().try_fold(Usd::ZERO, add)?;
        less(less(less(credit, self.spent)?, self.expired)?, self.paid_back)
    }
}

/// What an account used of one offer on one day, by the day of admission.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DaySum {
    /// Requests that were charged.
    pub requests: u64,
    /// What they used.
    pub tokens: Tokens,
    /// What the account paid for them.
    pub charged: Usd,
    /// What the operator bore.
    pub written_off: Usd,
    /// What the providers charge us for them.
    pub list_cost: Usd,
    /// What they charge the customer, for those on keys of his own.
    pub own_cost: Usd,
}

impl DaySum {
    /// Both sums together.
    fn with(&self, other: &Self) -> Result<Self, BooksError> {
        let count = |left: u64, right: u64| left.checked_add(right).ok_or(BooksError::Overflow);
        Ok(Self {
            requests: count(self.requests, other.requests)?,
            tokens: each_count(self, other, u64::overflowing_add)?,
            charged: add(self.charged, other.charged)?,
            written_off: add(self.written_off, other.written_off)?,
            list_cost: add(self.list_cost, other.list_cost)?,
            own_cost: add(self.own_cost, other.own_cost)?,
        })
    }

    /// This sum without another that is part of it.
    fn without(&self, part: &Self) -> Result<Self, BooksError> {
        let count = |left: u64, right: u64| left.checked_sub(right).ok_or(BooksError::Overflow);
        Ok(Self {
            requests: count(self.requests, part.requests)?,
            tokens: each_count(self, part, u64::overflowing_sub)?,
            charged: less(self.charged, part.charged)?,
            written_off: less(self.written_off, part.written_off)?,
            list_cost: less(self.list_cost, part.list_cost)?,
            own_cost: less(self.own_cost, part.own_cost)?,
        })
    }
}

/// Combines two token vectors class by class, without a branch for each.
fn each_count(
    left: &DaySum,
    right: &DaySum,
    combine: fn(u64, u64) -> (u64, bool),
) -> Result<Tokens, BooksError> {
    let mut counts = *left.tokens.counts();
    let mut beyond = false;
    for (count, other) in counts.iter_mut().zip(right.tokens.counts()) {
        let (combined, overflow) = combine(*count, *other);
        *count = combined;
        beyond |= overflow;
    }
    if beyond { Err(BooksError::Overflow) } else { Ok(Tokens::from_counts(counts)) }
}

impl AccountBook {
    /// Adds a transaction to the account's own list.
    pub(super) fn name_transaction(&mut self, row: &Transaction) {
        let named = (row.at.day(), row.id);
        let place = self.transactions.partition_point(|other| *other < named);
        self.transactions.insert(place, named);
    }

    /// Adds to the sum of a day and offer.
    pub(super) fn add_day(
        &mut self,
        day: u32,
        offer: OfferId,
        sum: &DaySum,
    ) -> Result<(), BooksError> {
        match self.day_place(day, offer) {
            Ok(place) => self.days[place].2 = self.days[place].2.with(sum)?,
            Err(place) => {
                if self.days.is_empty() {
                    self.days.reserve_exact(1);
                }
                self.days.insert(place, (day, offer, *sum));
            }
        }
        Ok(())
    }

    /// Takes a part out of the sum of a day and offer, which it was added to.
    pub(super) fn take_day(&mut self, day: u32, offer: OfferId, part: &DaySum) {
        let Ok(place) = self.day_place(day, offer) else { return };
        match self.days[place].2.without(part) {
            Ok(rest) if rest.requests > 0 => self.days[place].2 = rest,
            _ => drop(self.days.remove(place)),
        }
    }

    fn day_place(&self, day: u32, offer: OfferId) -> Result<usize, usize> {
        self.days.binary_search_by_key(&(day, offer), |(day, offer, _)| (*day, *offer))
    }
}

/// A key, gone or not.
#[derive(Clone, Debug)]
pub(super) struct KeyBook {
    pub(super) account: AccountId,
    pub(super) limit: Option<Usd>,
    /// All that was ever charged to the key.
    pub(super) used: Usd,
    /// What of it was used before the current period.
    pub(super) used_before: Usd,
    /// What providers ever charged its customer for it.
    pub(super) own_cost: Usd,
    pub(super) leases: Leases,
    /// Its row; `None` = deleted.
    pub(super) row: Option<Box<str>>,
}

impl KeyBook {
    /// What of the allowance is neither used nor lent; `None` without a limit. Below zero after a
    /// limit was lowered.
    pub(super) fn unlent(&self) -> Result<Option<Usd>, BooksError> {
        let Some(limit) = self.limit else { return Ok(None) };
        let used = less(self.used, self.used_before)?;
        less(less(limit, used)?, self.leases.outstanding()).map(Some)
    }
}

/// All offers ever sold, by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Offers {
    pub(super) texts: Vec<Arc<str>>,
    pub(super) numbers: FxHashMap<Arc<str>, OfferId>,
}

impl Offers {
    pub(super) fn push(&mut self, text: Arc<str>) {
        let number = OfferId(self.texts.len() as u32);
        self.numbers.insert(Arc::clone(&text), number);
        self.texts.push(text);
    }
}

/// The catalog that is served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatalogBook {
    /// How many catalogs there were, this one included; 0 = none yet.
    pub generation: u64,
    /// Its rows, as they were given.
    pub rows_json: String,
    /// Its offers, in its order.
    pub offers: Vec<OfferId>,
}

/// A hold whose end was not seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenHold {
    /// Who pays.
    pub account: AccountId,
    /// The key that asked.
    pub key: KeyId,
    /// Whether the key's purse is held too.
    pub key_limited: bool,
    /// Whether a free request of the account is held.
    pub free_request: bool,
    /// How much is held.
    pub amount: Usd,
    /// The offer that the hold was counted with.
    pub offer: OfferId,
    /// When it was admitted.
    pub at: UnixMillis,
    /// What it has delivered, by its last progress record.
    pub progress: Option<Box<(Tokens, Usd)>>,
}

impl OpenHold {
    /// What it is taken out of.
    pub(super) fn drawn(&self) -> Drawn {
        let key = self.key_limited.then_some(self.key);
        Drawn { account: self.account, key, free_request: self.free_request }
    }
}

/// Credit of one purse, lent to one epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// All that was lent.
    pub granted: Usd,
    /// What of it the epoch says it has received.
    pub confirmed: Usd,
    /// What was charged to it.
    pub settled: Usd,
    /// What went back.
    pub returned: Usd,
    /// What open holds need of it.
    pub held: Usd,
}

impl Lease {
    /// What is still out: free there, or held. Never negative.
    pub fn outstanding(&self) -> Usd {
        let gone = self.settled.checked_add(self.returned);
        gone.and_then(|gone| self.granted.checked_sub(gone)).unwrap_or(Usd::ZERO)
    }
}

/// What a purse has lent, by epoch: a few, so that a scan finds one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Leases {
    pub(super) rows: Vec<(EpochName, Lease)>,
}

impl Leases {
    pub(super) fn get(&self, name: EpochName) -> Option<&Lease> {
        self.rows.iter().find(|(epoch, _)| *epoch == name).map(|(_, lease)| lease)
    }

    pub(super) fn get_mut(&mut self, name: EpochName) -> Option<&mut Lease> {
        self.rows.iter_mut().find(|(epoch, _)| *epoch == name).map(|(_, lease)| lease)
    }

    /// The sum of what is still out. Never above what was ever lent, which was counted before.
    pub(super) fn outstanding(&self) -> Usd {
        self.rows.iter().map(|(_, lease)| lease.outstanding()).sum()
    }
}

/// Accounts' credit that was ever lent, and what became of the leases that have ended. Each is
/// counted where it happens, so that one can be held against the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lending {
    /// All that was ever lent.
    pub(super) lent: Usd,
    /// What was charged to leases that have ended.
    pub(super) settled: Usd,
    /// What went back of them, while they lived or as they ended.
    pub(super) returned: Usd,
}
