//! What the ledger thread answers, in the operator's shape; customers' shapes are made from it.
//!
//! Plain values, detached from the books. Money is [`Usd`], which JSON carries as decimal strings;
//! instants become RFC 3339 text. A key's text is in [`KeyMade`] alone.

use catalog::keys::KeyRow;
use serde::Serialize;
use serde_json::value::RawValue;
use units::{
    AccountId, GenerationId, KeyDigest, OfferId, Tokens, UnixMillis, Usd, as_optional_text, as_text,
};

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed<T> {
    /// The entries.
    pub data: Vec<T>,
    /// The cursor of the next page, where there is one.
    pub next: Option<String>,
}

/// A key as lists show it.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyView {
    /// The row, without a secret: digest and label are all we have.
    pub row: KeyRow,
    /// The row with all that holds for its account: what data planes serve by.
    pub served: KeyRow,
    /// What it spent.
    pub usage: KeyUsage,
    /// What providers charged its customer for it, whose own keys they were called with.
    pub own_cost: KeyUsage,
    /// What its limit leaves in this period.
    pub limit_remaining: Option<Usd>,
    /// Whether its account has never bought credit.
    pub never_bought: bool,
}

/// A customer's own provider key, without the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OwnKeyView {
    /// Its id.
    pub id: String,
    /// Always `None`: accounts have no workspaces.
    pub workspace_id: Option<String>,
    /// The provider's id.
    pub provider: String,
    /// What its owner calls it.
    pub name: Option<String>,
    /// Its ends.
    pub label: String,
    /// Whether it is switched off.
    pub disabled: bool,
    /// Whether it comes after the shared keys.
    pub is_fallback: bool,
    /// Whether no shared key of the provider is used beside it.
    pub always_use: bool,
    /// The only models it is for.
    pub allowed_models: Option<Vec<String>>,
    /// The only API keys that may use it; deleted ones are left out.
    pub allowed_api_key_hashes: Option<Vec<KeyDigest>>,
    /// Always `None`: accounts have no users.
    pub allowed_user_ids: Option<Vec<String>>,
    /// Its place among the account's keys for the provider.
    pub sort_order: u32,
    /// When it was made.
    #[serde(serialize_with = "as_text")]
    pub created_at: UnixMillis,
}

/// What a key spent, by periods in UTC; weeks begin on Monday.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeyUsage {
    /// Ever.
    pub total: Usd,
    /// Today.
    pub daily: Usd,
    /// This week.
    pub weekly: Usd,
    /// This month.
    pub monthly: Usd,
}

/// A key just made.
#[derive(Clone, Debug)]
pub struct KeyMade {
    /// How lists show it.
    pub view: KeyView,
    /// Its text, told once.
    pub text: crate::settings::Secret,
}

/// An endpoint as it was sold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EndpointView {
    /// The provider's id.
    pub provider: String,
    /// The model's id there.
    pub model: String,
}

/// One try at an upstream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AttemptView {
    /// Where.
    pub endpoint: Option<EndpointView>,
    /// What it answered; 0 without an answer.
    pub status: u16,
    /// How long it took.
    pub ms: u32,
}

/// One generation: what was asked, served and charged.
#[derive(Clone, Debug, Serialize)]
pub struct GenerationView {
    /// Its id.
    pub id: GenerationId,
    /// Who paid.
    pub account: AccountId,
    /// With which key; `None` where the key is deleted.
    #[serde(serialize_with = "as_optional_text")]
    pub key_hash: Option<KeyDigest>,
    /// The model sold.
    pub model: String,
    /// Where it was served.
    pub endpoint: EndpointView,
    /// What was used, by class.
    pub usage: Tokens,
    /// `reported` or `estimated`.
    pub usage_source: &'static str,
    /// The offer it was sold on: the ledger's number of this model, endpoint and price.
    pub offer: OfferId,
    /// The price charged, as the catalog writes it.
    pub price: Box<RawValue>,
    /// The list price at that time.
    pub list_price: Box<RawValue>,
    /// What was held before.
    pub held: Usd,
    /// What was charged.
    pub charged: Usd,
    /// The same use at list price, where the provider charges the operator.
    pub list_cost: Usd,
    /// Whether a customer's own provider key served.
    pub is_byok: bool,
    /// The same use at list price, where the provider charges the customer.
    pub byok_cost: Usd,
    /// Charged less list cost.
    pub margin: Usd,
    /// What was given back.
    pub refunded: Usd,
    /// Cost above the hold that nobody paid.
    pub written_off: Usd,
    /// The upstream's own id.
    pub upstream_id: Option<String>,
    /// How it ended.
    pub outcome: String,
    /// Why the model stopped.
    pub finish_reason: Option<String>,
    /// The status that the caller got.
    pub status: u16,
    /// Whether it was streamed.
    pub stream: bool,
    /// The service tier that was charged.
    pub service_tier: Option<String>,
    /// What is special about the charge.
    pub flags: Vec<&'static str>,
    /// The output cap written upstream.
    pub output_cap: u32,
    /// When the request came.
    #[serde(serialize_with = "as_text")]
    pub created_at: UnixMillis,
    /// Milliseconds to the first content.
    pub first_byte_ms: u32,
    /// Milliseconds in all.
    pub total_ms: u32,
    /// SHA-256 of the request's body, where hashes were taken.
    pub request_sha256: Option<String>,
    /// SHA-256 of the answer's body, where hashes were taken.
    pub response_sha256: Option<String>,
    /// Every try.
    pub attempts: Vec<AttemptView>,
}
