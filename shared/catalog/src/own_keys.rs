//! Customers' own provider keys: their rows.
//!
//! Invariants: a row holds the key sealed and its label, never its text; it belongs to one account
//! and one provider for as long as it lives.
//! Left out on purpose: opening it, which is the data plane's where it sends a request.

use serde::{Deserialize, Serialize};
use units::{AccountId, KeyId, UnixMillis};

/// One provider key of a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnKeyRow {
    /// Its id, a UUID.
    pub id: String,
    /// Whose it is.
    pub account: AccountId,
    /// The provider that it is for, by id.
    pub provider: String,
    /// What its owner calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its text with the middle left out.
    pub label: String,
    /// The key, sealed for [`OwnKeyRow::purpose`].
    pub sealed: String,
    /// Tried only after the shared keys; else before them.
    #[serde(default)]
    pub is_fallback: bool,
    /// Whether no shared key is used where this one may be.
    #[serde(default)]
    pub always_use: bool,
    /// Whether it is switched off.
    #[serde(default)]
    pub disabled: bool,
    /// Its place among the account's keys for the provider: the least is tried first.
    #[serde(default)]
    pub sort_order: u32,
    /// The models it may be used for; every one where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_models: Option<Vec<String>>,
    /// The API keys of the account that may use it; every one where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_keys: Option<Vec<KeyId>>,
    /// When it was made.
    pub created_at: UnixMillis,
}

impl OwnKeyRow {
    /// What its key is sealed for: this account at this provider, and nobody else.
    pub fn purpose(account: AccountId, provider: &str) -> String {
        format!("own key of {account} at {provider}")
    }
}
