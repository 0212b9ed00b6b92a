//! What is answered about use: sums by time and offer, and invoices.
//!
//! Plain values, detached from the books. Amounts are USD, which JSON carries as decimal strings.

use serde::Serialize;
use units::{AccountId, Price, TokenClass, Tokens, UnixMillis, Usd, as_text};

use super::shown_money::TransactionView;

/// What was used of one model at one endpoint in an hour or a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageView {
    /// When that begins.
    pub at: UnixMillis,
    /// The model sold.
    pub model: String,
    /// Where it was served.
    pub provider: String,
    /// The model's id there.
    pub upstream_model: String,
    /// Requests that were charged.
    pub requests: u64,
    /// What they used.
    pub tokens: Tokens,
    /// What was paid for them.
    pub charged: Usd,
    /// The same use at list price, where providers charge the operator,
    pub list_cost: Usd,
    /// and where they charge the customer, whose own keys they were called with.
    pub own_cost: Usd,
}

/// What an account had, got and used in a month, in sums.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InvoiceSums {
    /// `2026-11`, UTC.
    pub month: String,
    /// Whether it can change no more: the month is over, and all that data planes admitted in it is
    /// settled. A charge counts to the day when its request came.
    pub complete: bool,
    /// The balance when the month began.
    pub opening_balance: Usd,
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
    /// What was used.
    pub charged: Usd,
    /// Opening balance and topped up, granted, adjusted, refunded, less expired, paid back and
    /// charged.
    pub closing_balance: Usd,
    /// Paid on top of top-ups; no part of the balance.
    pub fees: Usd,
    /// Topped up and fees: what was paid.
    pub paid: Usd,
    /// What was used, at list price.
    pub list_cost: Usd,
    /// Requests that were charged.
    pub requests: u64,
}

/// An invoice: a month with every transaction and every line of use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InvoiceView {
    /// Whose.
    pub account: AccountId,
    /// What the operator calls it.
    pub account_name: String,
    /// Always `USD`.
    pub currency: &'static str,
    /// The first instant of the month.
    #[serde(serialize_with = "as_text")]
    pub begins: UnixMillis,
    /// The first instant of the next.
    #[serde(serialize_with = "as_text")]
    pub ends: UnixMillis,
    /// The sums.
    #[serde(flatten)]
    pub sums: InvoiceSums,
    /// What came in and went back, oldest first.
    pub transactions: Vec<TransactionView>,
    /// What was used: a line for each model, endpoint and price.
    pub usage: Vec<InvoiceLine>,
}

/// A line of an invoice: one model at one endpoint on one price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InvoiceLine {
    /// The model sold.
    pub model: String,
    /// Where it was served.
    pub provider: String,
    /// The model's id there.
    pub upstream_model: String,
    /// Requests that were charged.
    pub requests: u64,
    /// Each class that was used, at its base price.
    pub classes: Vec<InvoiceClass>,
    /// What is charged beside the base prices: long context, service tiers; less what was spared
    /// where an answer was cut at its hold, or a customer's own provider key served.
    pub other: Usd,
    /// The amounts of the classes and `other`.
    pub charged: Usd,
    /// The same use at list price.
    pub list_cost: Usd,
}

/// One class of use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InvoiceClass {
    /// Which.
    pub class: TokenClass,
    /// How much of it.
    pub quantity: u64,
    /// The base price of a million.
    pub price_per_million: Price,
    /// Quantity times price.
    pub amount: Usd,
}
