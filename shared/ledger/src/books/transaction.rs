//! The rows of an account's transactions, and what of a generation's charge went back.

use serde::Serialize;
use units::{AccountId, GenerationId, UnixMillis, Usd};

use crate::event::{CreditKind, TransactionId};

/// A row of an account's transactions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transaction {
    /// Its number.
    pub id: TransactionId,
    /// Whose.
    pub account: AccountId,
    /// What it was.
    pub kind: TransactionKind,
    /// What it did to the balance.
    pub amount: Usd,
    /// What was paid above the amount of a top-up.
    pub fee: Usd,
    /// The way it was paid; empty where that was not said.
    pub method: Box<str>,
    /// The lot that it began or took from; `None` where it took from several.
    pub lot: Option<TransactionId>,
    /// The caller's own name for it; empty for what nobody ordered.
    pub reference: Box<str>,
    /// Why, of what went back.
    pub reason: Box<str>,
    /// The generation, of a refund.
    pub generation: Option<GenerationId>,
    /// Whether the customer asked for a refund, and it counts towards what they may ask for.
    pub flagged: bool,
    /// When what is left of a credit ends.
    pub expires_at: Option<UnixMillis>,
    /// Until when what is left of a top-up can be paid back.
    pub refund_until: Option<UnixMillis>,
    /// When.
    pub at: UnixMillis,
}

/// What a transaction was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum TransactionKind {
    /// Money was paid in.
    TopUp = 0,
    /// The operator gave it.
    Grant = 1,
    /// A correction.
    Adjustment = 2,
    /// A charge went back.
    Refund = 3,
    /// Credit ended.
    Expiry = 4,
    /// It was given because the account began.
    Signup = 5,
    /// What was left of a top-up went back to who paid it.
    PayBack = 6,
}

impl TransactionKind {
    /// Every kind, in the order of their numbers.
    pub(super) const ALL: [Self; 7] = [
        Self::TopUp,
        Self::Grant,
        Self::Adjustment,
        Self::Refund,
        Self::Expiry,
        Self::Signup,
        Self::PayBack,
    ];

    /// Whether its reference is the account's for ever.
    pub(super) const fn is_referenced(self) -> bool {
        !matches!(self, Self::Refund | Self::Expiry)
    }
}

impl From<CreditKind> for TransactionKind {
    fn from(kind: CreditKind) -> Self {
        match kind {
            CreditKind::TopUp => Self::TopUp,
            CreditKind::Grant => Self::Grant,
            CreditKind::Adjustment => Self::Adjustment,
            CreditKind::Signup => Self::Signup,
        }
    }
}

impl Transaction {
    /// A row of which only this is known.
    pub(super) fn new(
        id: TransactionId,
        account: AccountId,
        kind: TransactionKind,
        amount: Usd,
        at: UnixMillis,
    ) -> Self {
        Self {
            id,
            account,
            kind,
            amount,
            fee: Usd::ZERO,
            method: "".into(),
            lot: None,
            reference: "".into(),
            reason: "".into(),
            generation: None,
            flagged: false,
            expires_at: None,
            refund_until: None,
            at,
        }
    }
}

/// The refunds of one generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefundSum {
    /// Whose it was.
    pub account: AccountId,
    /// What the generation had cost.
    pub charge: Usd,
    /// What of it went back.
    pub refunded: Usd,
    /// The transactions.
    pub transactions: Vec<TransactionId>,
}
