//! Double entry: every event as postings that sum to zero.
//!
//! Purpose: names the accounts of the operator's own books and says which of them an event moves.
//! The fold keeps their totals ([`Trial`]) beside the balances it changes, so that an audit
//! can hold one against the other.
//! Sign: what is owed to customers, and income, is positive; what was received or spent for it is
//! negative.
//!
//! ```text
//!   top-up      TopUps -5.28       Available +5       Fees +0.28
//!   paid back   Available -5       PayBacks +5
//!   lent        Available -2       Lent +2            (returned: the other way round)
//!   post        Lent -0.3          Revenue +0.4       WriteOffs -0.1 (what the customer is spared)
//!               ProviderCost -0.2  ProviderOwed +0.2
//!   refund      Refunds -0.3       Available +0.3
//! ```
//! Left out on purpose: key allowances. They are permission, not money.

use serde::Serialize;
use units::{AccountId, Usd};

use crate::books::Books;
use crate::bytes::RecordFault;
use crate::event::{CreditKind, Event, TransactionId};
use crate::purse::Purse;
use crate::record::Record;
use crate::run::Run;

/// An account of double entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LedgerAccount {
    /// A customer's credit that is not lent.
    Available(AccountId),
    /// A customer's credit that is lent to data planes.
    Lent(AccountId),
    /// Money that customers paid in, fees included.
    TopUps,
    /// What of it was a fee.
    Fees,
    /// What is owed to customers for top-ups that go back.
    PayBacks,
    /// Credit that the operator gave.
    Grants,
    /// Corrections.
    Adjustments,
    /// What requests cost at customer prices.
    Revenue,
    /// The part of it that nobody pays.
    WriteOffs,
    /// The part of it that went back.
    Refunds,
    /// Credit that ended unused.
    Expired,
    /// What requests cost at the providers.
    ProviderCost,
    /// What is owed to providers for that.
    ProviderOwed,
}

impl LedgerAccount {
    /// How many totals there are: the customers' accounts are pooled in two.
    pub(crate) const TOTALS: usize = 13;

    /// The place of the account's total.
    pub(crate) const fn place(self) -> usize {
        match self {
            Self::Available(_) => 0,
            Self::Lent(_) => 1,
            Self::TopUps => 2,
            Self::Grants => 3,
            Self::Adjustments => 4,
            Self::Revenue => 5,
            Self::WriteOffs => 6,
            Self::Refunds => 7,
            Self::Expired => 8,
            Self::ProviderCost => 9,
            Self::ProviderOwed => 10,
            Self::Fees => 11,
            Self::PayBacks => 12,
        }
    }
}

/// What each total is called, in the order of their places.
const NAMES: [&str; LedgerAccount::TOTALS] = [
    "available",
    "lent",
    "top_ups",
    "grants",
    "adjustments",
    "revenue",
    "write_offs",
    "refunds",
    "expired",
    "provider_cost",
    "provider_owed",
    "fees",
    "pay_backs",
];

/// One side of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Posting {
    /// What it moves.
    pub account: LedgerAccount,
    /// By how much.
    pub amount: Usd,
}

/// `amount` from one account to another.
pub(crate) fn between(from: LedgerAccount, to: LedgerAccount, amount: Usd) -> [Posting; 2] {
    [Posting { account: from, amount: negated(amount) }, Posting { account: to, amount }]
}

/// The amount with the other sign. The one amount that has none stays itself, and the sum of its
/// postings then shows it; the fold lets no such amount in.
fn negated(amount: Usd) -> Usd {
    Usd::ZERO.checked_sub(amount).unwrap_or(amount)
}

/// A credit of either sign, and the fee that was paid with it.
pub(crate) fn credit(account: AccountId, kind: CreditKind, amount: Usd, fee: Usd) -> [Posting; 4] {
    let from = match kind {
        CreditKind::TopUp => LedgerAccount::TopUps,
        CreditKind::Grant | CreditKind::Signup => LedgerAccount::Grants,
        CreditKind::Adjustment => LedgerAccount::Adjustments,
    };
    let [given, got] = between(from, LedgerAccount::Available(account), amount);
    let [paid, earned] = between(LedgerAccount::TopUps, LedgerAccount::Fees, fee);
    [given, got, paid, earned]
}

/// Credit lent, or given back where the amount is negative. A key's allowance is no money.
pub(crate) fn loan(purse: Purse, amount: Usd) -> [Posting; 2] {
    let account = match purse {
        Purse::Account(account) => account,
        Purse::Key(_) | Purse::FreeRequests(_) => {
            return loan(Purse::Account(AccountId(0)), Usd::ZERO);
        }
    };
    between(LedgerAccount::Available(account), LedgerAccount::Lent(account), amount)
}

/// What a post moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Charge {
    /// Paid by the account.
    pub(crate) charged: Usd,
    /// Borne by the operator.
    pub(crate) written_off: Usd,
    /// Owed to the provider.
    pub(crate) list_cost: Usd,
    /// What the customer owes the provider: shown, and no posting of ours.
    pub(crate) own_cost: Usd,
}

/// One charge, or the sum of several of one account; `None` on overflow.
pub(crate) fn charge(account: AccountId, charge: &Charge) -> Option<[Posting; 5]> {
    let posting = |account, amount| Posting { account, amount };
    let revenue = charge.charged.checked_add(charge.written_off)?;
    Some([
        posting(LedgerAccount::Lent(account), negated(charge.charged)),
        posting(LedgerAccount::WriteOffs, negated(charge.written_off)),
        posting(LedgerAccount::Revenue, revenue),
        posting(LedgerAccount::ProviderCost, negated(charge.list_cost)),
        posting(LedgerAccount::ProviderOwed, charge.list_cost),
    ])
}

/// What `event` would move if `books` took it as new: amounts of zero are left out.
///
/// # Errors
/// A settled run that does not read, or (as `BadValue`) sums that overflow.
pub fn of(books: &Books, event: &Event) -> Result<Vec<Posting>, RecordFault> {
    let mut postings = match event {
        Event::Credited { account, kind, amount, fee, .. } => {
            credit(*account, *kind, *amount, *fee).to_vec()
        }
        Event::Expired { lot, amount, .. } => {
            out_of(books, *lot, LedgerAccount::Expired, *amount)?.to_vec()
        }
        Event::PaidBack { lot, amount, .. } => {
            out_of(books, *lot, LedgerAccount::PayBacks, *amount)?.to_vec()
        }
        Event::Refunded { account, amount, .. } => {
            between(LedgerAccount::Refunds, LedgerAccount::Available(*account), *amount).to_vec()
        }
        Event::Lent { purse, amount, .. } => loan(*purse, *amount).to_vec(),
        Event::Returned { purse, amount, .. } => loan(*purse, negated(*amount)).to_vec(),
        Event::EpochClosed { dataplane, epoch } => {
            let leases = books.leases(*dataplane, *epoch);
            leases.flat_map(|(purse, lease)| loan(purse, negated(lease.outstanding()))).collect()
        }
        Event::Settled { run, .. } => of_run(run)?,
        _ => Vec::new(),
    };
    postings.retain(|posting| !posting.amount.is_zero());
    Ok(postings)
}

/// What is left of a lot goes elsewhere.
fn out_of(
    books: &Books,
    lot: TransactionId,
    to: LedgerAccount,
    amount: Usd,
) -> Result<[Posting; 2], RecordFault> {
    let lot = books.transaction(lot).ok_or(RecordFault::BadValue("lot"))?;
    Ok(between(LedgerAccount::Available(lot.account), to, amount))
}

fn of_run(run: &Run) -> Result<Vec<Posting>, RecordFault> {
    let mut postings = Vec::new();
    for entry in run.records() {
        match entry?.decode()? {
            Record::Post(post) => {
                let sums = Charge {
                    charged: post.charged().ok_or(RecordFault::BadValue("charge"))?,
                    written_off: post.excess.written_off,
                    list_cost: post.provider_cost(),
                    own_cost: post.own_cost(),
                };
                let five = charge(post.account, &sums).ok_or(RecordFault::BadValue("charge"))?;
                postings.extend(five);
            }
            Record::Return { purse, amount } => postings.extend(loan(purse, negated(amount))),
            Record::Hold(_) | Record::Progress(_) | Record::Void(_) | Record::Grant { .. } => {}
        }
    }
    Ok(postings)
}

/// The total of each account of double entry, customers pooled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    totals: [Usd; LedgerAccount::TOTALS],
}

impl Trial {
    /// The totals after these postings, or `None` on overflow.
    pub fn after(mut self, postings: &[Posting]) -> Option<Self> {
        for posting in postings {
            let total = &mut self.totals[posting.account.place()];
            *total = total.checked_add(posting.amount)?;
        }
        Some(self)
    }

    /// The total of an account; for a customer's account, of all customers.
    pub const fn total(&self, account: LedgerAccount) -> Usd {
        self.totals[account.place()]
    }

    /// Each total with its name.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, Usd)> + '_ {
        NAMES.into_iter().zip(self.totals)
    }

    /// The totals in the order of their places.
    pub(crate) const fn totals(&self) -> &[Usd; LedgerAccount::TOTALS] {
        &self.totals
    }

    pub(crate) const fn from_totals(totals: [Usd; LedgerAccount::TOTALS]) -> Self {
        Self { totals }
    }

    /// The sum of all totals: zero, or the books are wrong.
    pub fn sum(&self) -> Usd {
        self.totals.iter().copied().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_has_the_name_of_its_account() {
        for (account, name) in [
            (LedgerAccount::Available(AccountId(1)), "available"),
            (LedgerAccount::TopUps, "top_ups"),
            (LedgerAccount::WriteOffs, "write_offs"),
            (LedgerAccount::Fees, "fees"),
            (LedgerAccount::PayBacks, "pay_backs"),
        ] {
            let one = Posting { account, amount: Usd::from_pico(1) };
            let trial = Trial::default().after(&[one]).unwrap();
            let named = trial.named().find(|(_, amount)| !amount.is_zero());
            assert_eq!(named, Some((name, Usd::from_pico(1))));
        }
    }
}
