//! What is answered about what moved an account's money.
//!
//! Plain values, detached from the books. Amounts are USD, which JSON carries as decimal strings.
//! An account's sums and its lots are answered as the books show them.

use serde::Serialize;
use units::{AccountId, GenerationId, UnixMillis, Usd, as_optional_text, as_text};

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
