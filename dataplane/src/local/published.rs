//! What a core serves from: one generation of catalog, keys, secrets and addresses.
//!
//! Made whole by the uplink thread and never changed afterwards; a request keeps the generation
//! that it began with. Cells (credit, rate) are shared by all generations and all cores.
//! Left out on purpose: making it (`publish`), and choosing from it (`stage::plan`).

use std::net::SocketAddr;
use std::sync::Arc;

use catalog::listing::Listing;
use catalog::{Catalog, KeyClass, KeyTable, ProviderIndex};
use ledger::cell::{CreditCell, Pace, PaceLimits};
use units::{AccountId, KeyDigest, KeyId, UnixMillis};

use crate::upstream::endpoint::{Endpoint, PoolKey};

/// One generation of everything a request needs.
pub struct Published {
    /// Its number; larger is newer.
    pub generation: u64,
    catalog: Arc<Catalog>,
    keys: KeyTable<KeyEntry>,
    upstreams: Arc<[Upstream]>,
    listing: Arc<Listing>,
    /// Where the control plane answers account API calls.
    pub control: SocketAddr,
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
}

/// How a provider is reached, as far as it can be now.
pub struct Upstream {
    /// Addresses and cover, and which connections are alike; `None` while it cannot be called.
    pub way: Option<(PoolKey, Endpoint)>,
    /// The `Host` header.
    pub host: Box<str>,
    /// What stands before the dialect's own path.
    pub base_path: Box<str>,
    /// Its API keys as header values, ready to send; empty where none is configured.
    pub authorizations: Vec<Secret>,
}

/// A text that is never shown.
pub struct Secret {
    text: Box<str>,
    id: u64,
}

impl Secret {
    /// Wraps a secret that this provider gave.
    pub fn new(provider: &str, text: impl Into<Box<str>>) -> Self {
        let text = text.into();
        // FNV-1a: the same secret is known again in every generation of this process.
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let bytes = provider.bytes().chain([0]).chain(text.bytes());
        let id = bytes.fold(0xcbf2_9ce4_8422_2325, step).max(1);
        Self { text, id }
    }

    /// A number that stands for it within this process.
    pub const fn id(&self) -> u64 {
        self.id
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
        Self { generation, catalog, keys, upstreams, listing, control }
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

    /// How a provider is reached.
    pub fn upstream(&self, provider: ProviderIndex) -> &Upstream {
        &self.upstreams[provider.0 as usize]
    }

    /// Whether a provider can be called at all.
    pub fn is_usable(&self, provider: ProviderIndex) -> bool {
        self.upstream(provider).way.is_some()
    }
}
