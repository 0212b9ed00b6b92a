//! What a core serves from: one generation of catalog, keys, secrets and addresses.
//!
//! Made whole by the uplink thread and never changed afterwards; a request keeps the generation
//! that it began with. Cells (credit, rate) are shared by all generations and all cores.
//! Left out on purpose: making it (`publish`), and choosing from it (`stage::plan`).

use std::net::SocketAddr;
use std::sync::Arc;

use catalog::listing::Listing;
use catalog::{Catalog, KeyClass, KeyTable, Privacy, ProviderIndex};
use ledger::cell::{CreditCell, Pace, PaceLimits};
use rustc_hash::FxHashMap;
use units::{AccountId, KeyDigest, KeyId, UnixMillis};

use super::own_keys::OwnKeys;
use crate::upstream::endpoint::{Endpoint, PoolKey};

/// One generation of everything a request needs.
pub struct Published {
    /// Its number; larger is newer.
    pub generation: u64,
    catalog: Arc<Catalog>,
    keys: KeyTable<KeyEntry>,
    guests: Option<Arc<KeyEntry>>,
    upstreams: Arc<[Upstream]>,
    listing: Arc<Listing>,
    own_keys: Arc<OwnKeyTable>,
    /// Where the control plane answers account API calls.
    pub control: SocketAddr,
}

/// The own provider keys of the accounts that have any, and what using one costs.
#[derive(Clone)]
pub struct OwnKeyTable {
    /// By account.
    pub accounts: FxHashMap<AccountId, Arc<OwnKeys>>,
    /// The fee, as a part of what a request would have cost: numerator, denominator.
    pub fee: (u64, u64),
}

impl Default for OwnKeyTable {
    fn default() -> Self {
        Self { accounts: FxHashMap::default(), fee: (0, 1) }
    }
}

/// A key as the cores see it, with the cells it draws on.
pub struct KeyEntry {
    /// The key's number.
    pub id: KeyId,
    /// Whose key it is.
    pub account: AccountId,
    /// What it may be used for.
    pub class: KeyClass,
    /// Refused for now: by itself or with its account.
    pub disabled: bool,
    /// Refused from then on.
    pub expires_at: Option<UnixMillis>,
    /// What paces it, but for what paces every key.
    pub limits: PaceLimits,
    /// The models it is bound to.
    pub allowed_models: Option<Vec<String>>,
    /// The providers it is bound to.
    pub allowed_providers: Option<Vec<String>>,
    /// The account's credit lent to this process.
    pub credit: Arc<CreditCell>,
    /// The key's own allowance, where it has a spending limit.
    pub allowance: Option<Arc<CreditCell>>,
    /// How it stands with them.
    pub pace: Arc<Pace>,
    /// Which endpoints may see its requests, by its own rules and its account's.
    pub privacy: Privacy,
    /// What its account may have for nothing, where that is limited.
    pub free: Option<Free>,
}

/// Requests to models that cost nothing, of all keys of an account together.
pub struct Free {
    /// How many.
    pub limits: PaceLimits,
    /// How it stands with them; one cell for each account.
    pub pace: Arc<Pace>,
}

/// How a provider is reached, as far as it can be now.
pub struct Upstream {
    /// Addresses and cover, and which connections are alike; `None` while it cannot be called.
    pub way: Option<(PoolKey, Endpoint)>,
    /// Whether it is called with a key only.
    pub needs_key: bool,
    /// The `Host` header.
    pub host: Box<str>,
    /// What stands before the dialect's own path.
    pub base_path: Box<str>,
    /// Its shared API keys; empty where none is configured.
    pub secrets: Vec<Secret>,
}

/// The bit in which the numbers of customers' secrets differ from the operator's.
const OWN_SECRET: u64 = 1 << 63;

/// A text that is never shown.
pub struct Secret {
    text: Box<str>,
    id: u64,
}

impl Secret {
    /// Wraps a secret that this provider gave the operator.
    pub fn new(provider: &str, text: impl Into<Box<str>>) -> Self {
        let secret = Self::of(provider, text.into());
        Self { id: secret.id & !OWN_SECRET | 1, ..secret }
    }

    /// Wraps one that it gave a customer.
    pub fn own(provider: &str, text: impl Into<Box<str>>) -> Self {
        let secret = Self::of(provider, text.into());
        Self { id: secret.id | OWN_SECRET, ..secret }
    }

    fn of(provider: &str, text: Box<str>) -> Self {
        // FNV-1a: the same secret is known again in every generation of this process.
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let bytes = provider.bytes().chain([0]).chain(text.bytes());
        let id = bytes.fold(0xcbf2_9ce4_8422_2325, step);
        Self { text, id }
    }

    /// A number that stands for it within this process.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// Whether it is a customer's, by its number.
    pub const fn is_own(id: u64) -> bool {
        id & OWN_SECRET != 0
    }

    /// A message without the secret, should somebody have repeated it there.
    pub fn struck_from(&self, message: String) -> String {
        let bare = &*self.text;
        if message.contains(bare) { message.replace(bare, "[key]") } else { message }
    }

    /// The secret, to be sent and nothing else.
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl Published {
    /// A generation of these parts.
    pub fn new(
        generation: u64,
        catalog: Arc<Catalog>,
        keys: KeyTable<KeyEntry>,
        upstreams: Arc<[Upstream]>,
        listing: Arc<Listing>,
        control: SocketAddr,
    ) -> Self {
        let own_keys = Arc::default();
        let guests = None;
        Self { generation, catalog, keys, guests, upstreams, listing, own_keys, control }
    }

    /// The same with customers' own provider keys.
    #[must_use]
    pub fn and_own_keys(self, own_keys: Arc<OwnKeyTable>) -> Self {
        Self { own_keys, ..self }
    }

    /// The own provider keys of an account, if it has any.
    pub fn own_keys(&self, account: AccountId) -> Option<&OwnKeys> {
        if self.own_keys.accounts.is_empty() {
            return None;
        }
        self.own_keys.accounts.get(&account).map(AsRef::as_ref)
    }

    /// What using one costs, as a part of what a request would have cost.
    pub fn own_key_fee(&self) -> (u64, u64) {
        self.own_keys.fee
    }

    /// The same with what guests run on.
    #[must_use]
    pub fn with_guests(self, guests: Option<Arc<KeyEntry>>) -> Self {
        Self { guests, ..self }
    }

    /// The same with other keys.
    #[must_use]
    pub fn with_keys(self, keys: KeyTable<KeyEntry>) -> Self {
        Self { keys, ..self }
    }

    /// Models, endpoints, prices.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The rendered model lists.
    pub fn listing(&self) -> &Listing {
        &self.listing
    }

    /// The key of a digest.
    pub fn key(&self, digest: &KeyDigest) -> Option<&Arc<KeyEntry>> {
        self.keys.get(digest)
    }

    /// What guests run on, where there is a playground.
    pub fn guests(&self) -> Option<&Arc<KeyEntry>> {
        self.guests.as_ref().filter(|key| !key.disabled)
    }

    /// How a provider is reached.
    pub fn upstream(&self, provider: ProviderIndex) -> &Upstream {
        &self.upstreams[provider.0 as usize]
    }

    /// Whether a provider can be called with a shared key, or needs none.
    pub fn is_usable(&self, provider: ProviderIndex) -> bool {
        let upstream = self.upstream(provider);
        upstream.way.is_some() && !(upstream.needs_key && upstream.secrets.is_empty())
    }

    /// Whether it can be called with somebody's key.
    pub fn is_reached(&self, provider: &str) -> bool {
        let index = self.catalog.provider_named(provider);
        index.is_some_and(|index| self.upstream(index).way.is_some())
    }
}
