//! What is answered about an account's money: its sums, its statement, its lots.
//!
//! Plain values, detached from the books. Amounts are USD, which JSON carries as decimal strings.

use serde::Serialize;
use units::{AccountId, GenerationId, UnixMillis, Usd};

use super::shown::{as_optional_text, as_text};

/// An account with its money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountView {
    /// Its id.
    pub id: AccountId,
    /// What the operator calls it.
    pub name: String,
    /// Whether its keys are refused.
    pub disabled: bool,
    /// When it was opened.
    #[serde(serialize_with = "as_text")]
    pub created_at: UnixMillis,
    /// Credit in less settled charges.
    pub balance: Usd,
    /// Open holds, wherever lent.
    pub held: Usd,
    /// Balance less held.
    pub available: Usd,
    /// Settled charges.
    pub spent: Usd,
    /// Paid in, without fees.
    pub topped_up: Usd,
    /// Given, at the beginning or later.
    pub granted: Usd,
    /// Corrections.
    pub adjusted: Usd,
    /// Charges given back.
    pub refunded: Usd,
    /// Lapsed.
    pub expired: Usd,
    /// Top-ups that went back to who paid them.
    pub paid_back: Usd,
    /// Paid on top of top-ups; no part of the balance.
    pub fees: Usd,
    /// What its requests cost beyond what it paid; the operator bears it.
    pub written_off: Usd,
}

/// What moved an account's money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionKind {
    /// Paid in.
    TopUp,
    /// Given.
    Grant,
    /// Given because the account began.
    Signup,
    /// Corrected.
    Adjustment,
    /// A charge given back.
    Refund,
    /// Credit that ended.
    Expiry,
    /// What was left of a top-up, returned to who paid it.
    PayBack,
    /// What was used on a day.
    Usage,
}

impl TransactionKind {
    /// The word of a customer's statement.
    pub fn statement_word(self) -> &'static str {
        match self {
            Self::TopUp | Self::Grant | Self::Signup => "credit",
            Self::Adjustment => "adjustment",
            Self::Refund => "refund",
            Self::Expiry => "expiry",
            Self::PayBack => "pay_back",
            Self::Usage => "usage",
        }
    }
}

/// One movement of an account's money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TransactionView {
    /// `txn_…`
    pub id: String,
    /// Whose money.
    pub account: AccountId,
    /// What happened.
    pub kind: TransactionKind,
    /// Into the account; usage is negative.
    pub amount: Usd,
    /// What was paid on top of a top-up.
    pub fee: Usd,
    /// The way it was paid.
    pub method: Option<String>,
    /// The credit that began, ended or went back: a transaction's id.
    pub lot: Option<String>,
    /// The caller's name of it; of usage the model.
    pub reference: String,
    /// Why, of what went back.
    pub reason: Option<String>,
    /// The generation that was refunded.
    pub generation: Option<GenerationId>,
    /// How many requests, of usage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// What the balance was then, but for usage of that day.
    pub balance_after: Option<Usd>,
    /// When what is left of a credit lapses.
    #[serde(serialize_with = "as_optional_text")]
    pub expires_at: Option<UnixMillis>,
    /// Until when what is left of a top-up can be paid back.
    #[serde(serialize_with = "as_optional_text")]
    pub refund_until: Option<UnixMillis>,
    /// When it was booked; of usage the end of its day.
    #[serde(serialize_with = "as_text")]
    pub created_at: UnixMillis,
}

impl TransactionView {
    /// A line that a customer can read.
    pub fn description(&self) -> String {
        let reference = &self.reference;
        let lot = self.lot.as_deref().unwrap_or_default();
        match self.kind {
            TransactionKind::TopUp => format!("Top-up {reference}"),
            TransactionKind::Grant => format!("Credit {reference}"),
            TransactionKind::Signup => "Credit for signing up".to_owned(),
            TransactionKind::Adjustment => format!("Adjustment {reference}"),
            TransactionKind::Refund => {
                format!("Refund: {}", self.reason.as_deref().unwrap_or_default())
            }
            TransactionKind::Expiry => format!("Expired: what was left of {lot}"),
            TransactionKind::PayBack => format!("Paid back: what was left of {lot}"),
            TransactionKind::Usage => match self.requests {
                Some(1) => format!("{reference}: 1 request"),
                requests => format!("{reference}: {} requests", requests.unwrap_or_default()),
            },
        }
    }
}

/// A credit and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LotView {
    /// The transaction that began it.
    pub id: String,
    /// What it was.
    pub kind: TransactionKind,
    /// How much it was.
    pub amount: Usd,
    /// What is left of it.
    pub left: Usd,
    /// What was spent of it.
    pub spent: Usd,
    /// What adjustments took of it.
    pub taken: Usd,
    /// What was paid back of it.
    pub paid_back: Usd,
    /// What ended of it unused.
    pub expired: Usd,
    /// When what is left of it lapses.
    #[serde(serialize_with = "as_optional_text")]
    pub expires_at: Option<UnixMillis>,
    /// Until when what is left of it can be paid back.
    #[serde(serialize_with = "as_optional_text")]
    pub refund_until: Option<UnixMillis>,
    /// When it began.
    #[serde(serialize_with = "as_text")]
    pub created_at: UnixMillis,
}
