//! The planner with what it plans from, and the digest of bodies, for the benches: a way in without
//! sockets.
//!
//! Left out on purpose: anything that production code needs.

use std::net::SocketAddr;
use std::sync::Arc;

use catalog::compile::{CompileOptions, compile};
use catalog::listing::Listing;
use catalog::rows::CatalogRows;
use catalog::{Catalog, KeyClass, KeyTable, Privacy};
use dialect::{Intent, openai_chat};
use ledger::Purse;
use ledger::cell::{CreditCell, Pace, PaceLimits};
use units::{AccountId, KeyDigest, KeyId, UnixMillis};
use wire::gate::{Gate, GateLimits};

pub use crate::digest::{Digesting, digest};
use crate::fault::Fault;
use crate::health::Health;
use crate::local::published::{KeyEntry, Published, Upstream};
use crate::route::Surface;
use crate::settings::InputBound;
use crate::stage::plan::{Asking, Plan, plan};
use crate::upstream::endpoint::{Address, Cover, Endpoint, PoolKey};

/// A generation and a key to plan with.
pub struct Planner {
    published: Published,
    key: KeyEntry,
    health: Health,
}

impl Planner {
    /// A planner of a catalog in which every provider can be reached; `None` where it does not
    /// compile.
    pub fn new(rows: &CatalogRows) -> Option<Self> {
        let catalog = compile(rows, &CompileOptions::default()).ok()?.catalog;
        let upstreams = catalog.providers.iter().enumerate().map(reachable).collect();
        let listing = Arc::new(Listing::render(&Catalog::default()));
        let (keys, nowhere) = (KeyTable::default(), ([127, 0, 0, 1], 0).into());
        let published = Published::new(1, Arc::new(catalog), keys, upstreams, listing, nowhere);
        Some(Self { published, key: key(1), health: Health::new(5) })
    }

    /// The same with so many keys, each of an account of its own, by these digests.
    #[must_use]
    pub fn with_keys(mut self, digests: impl Iterator<Item = KeyDigest>) -> Self {
        let keys = (1..).zip(digests).map(|(number, digest)| (digest, Arc::new(key(number))));
        self.published = self.published.with_keys(keys.collect());
        self
    }

    /// Whether there is a key of this digest.
    pub fn knows(&self, digest: &KeyDigest) -> bool {
        self.published.key(digest).is_some()
    }

    /// Plans a request of the key with this digest; how many candidates it has.
    pub fn plan_for(&self, digest: &KeyDigest, intent: &Intent) -> Option<usize> {
        let key = self.published.key(digest)?;
        plan(&self.published, key, &self.asking(intent)).ok().map(|plan| plan.candidates.len())
    }

    /// What a body asks for.
    pub fn intent(&self, body: &[u8]) -> Option<Box<Intent>> {
        let top = Gate::new().check(body, &GateLimits::default()).ok()?;
        openai_chat::read_intent(&top, body).ok()
    }

    /// Plans a request; how many candidates it has.
    pub fn plan(&self, intent: &Intent) -> Option<usize> {
        self.whole(intent).ok().map(|plan| plan.candidates.len())
    }

    /// The whole plan of a request, with a strict bound of its input.
    pub(crate) fn whole(&self, intent: &Intent) -> Result<Box<Plan>, Fault> {
        plan(&self.published, &self.key, &self.asking(intent))
    }

    fn asking<'a>(&'a self, intent: &'a Intent) -> Asking<'a> {
        let (surface, input_bound) = (Surface::OpenAi, InputBound::Strict);
        let (health, now) = (&self.health, UnixMillis(1));
        let (region, attempts, number, free_used) = (None, 8, 0, false);
        Asking {
            intent,
            surface,
            provider: None,
            input_bound,
            region,
            attempts,
            number,
            health,
            now,
            free_used,
        }
    }

    /// What is planned from.
    #[cfg(test)]
    pub(crate) fn catalog(&self) -> &Catalog {
        self.published.catalog()
    }
}

fn reachable((number, provider): (usize, &catalog::Provider)) -> Upstream {
    let address = Address::from(SocketAddr::from(([127, 0, 0, 1], 1)));
    let endpoint = Endpoint { addresses: (address, Vec::new()), cover: Cover::Plain };
    Upstream {
        way: Some((PoolKey(number as u64), endpoint)),
        needs_key: false,
        host: provider.base_url.authority().into(),
        base_path: provider.base_url.path.clone(),
        secrets: Vec::new(),
    }
}

fn key(number: u64) -> KeyEntry {
    let account = AccountId(number);
    KeyEntry {
        id: KeyId(number),
        account,
        class: KeyClass::Live,
        disabled: false,
        expires_at: None,
        limits: PaceLimits::default(),
        allowed_models: None,
        allowed_providers: None,
        credit: Arc::new(CreditCell::new(Purse::Account(account))),
        allowance: None,
        pace: Arc::new(Pace::default()),
        privacy: Privacy::default(),
        free: None,
    }
}
