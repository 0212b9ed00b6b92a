//! Makes a generation: what was published, compiled, with secrets read and names resolved.
//!
//! Invariants: a generation is made whole or not at all; equal providers keep their pool key, so a
//! change of prices does not cost connections, and a key whose addresses are gone is forgotten.

mod secrets;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use catalog::compile::{CompileOptions, compile};
use catalog::keys::{KeyRow, KeyTable};
use catalog::listing::Listing;
use catalog::{Catalog, KeyClass, Provider};
use ledger::Purse;
use ledger::cell::PaceLimits;
use link::{KeyChanges, Publication, PublishedCatalog};
use rustc_hash::FxHashSet;
use seal::MasterKeys;
use units::KeyDigest;

use self::secrets::{OwnKeyNews, secrets_of};
use super::cells::Cells;
use super::resolve::Order;
use crate::local::published::{Free, KeyEntry, OwnKeyTable, Published, Upstream};
use crate::messages::{Name, Resolved};
use crate::net::trust::PeerName;
use crate::upstream::endpoint::{Address, Cover, Endpoint, PoolKey};

/// How long the first generation waits for its providers' names: a core that listens can serve.
const FIRST_NAMES_WITHIN: Duration = Duration::from_secs(1);
/// How long a later one waits for names that are new in it, so that what was written can be asked
/// for when its writer is answered, and other news is hardly late.
const NEW_NAMES_WITHIN: Duration = Duration::from_millis(500);

/// What generations are made from.
pub struct Maker {
    resolver: Sender<Order>,
    master_keys: Option<MasterKeys>,
    resolved: Resolved,
    pool_keys: HashMap<(Name, bool, Vec<SocketAddr>), PoolKey>,
    /// No key is given twice: a core may still have connections of one that was forgotten.
    next_key: u64,
    current: Option<Current>,
    /// Names that the current generation waits for, and how long.
    awaited: Option<(Instant, Vec<Name>)>,
}

/// The parts of the newest generation.
struct Current {
    generation: u64,
    catalog: Arc<Catalog>,
    listing: Arc<Listing>,
    keys: KeyTable<KeyEntry>,
    guests: Option<(KeyDigest, Arc<KeyEntry>)>,
    upstreams: Arc<[Upstream]>,
    own_keys: Arc<OwnKeyTable>,
    control: SocketAddr,
}

/// A key that is set, or gone.
type KeyChange = (KeyDigest, Option<KeyRow>);

type Compiled = (Arc<Catalog>, Arc<Listing>, Arc<[Upstream]>);

impl Current {
    fn publish(&self) -> Published {
        let Self { generation, catalog, listing, keys, guests, upstreams, own_keys, control } =
            self;
        let (catalog, upstreams) = (Arc::clone(catalog), Arc::clone(upstreams));
        let (keys, listing) = (keys.clone(), Arc::clone(listing));
        let guests = guests.as_ref().map(|(_, key)| Arc::clone(key));
        Published::new(*generation, catalog, keys, upstreams, listing, *control)
            .with_guests(guests)
            .and_own_keys(Arc::clone(own_keys))
    }
}

impl Maker {
    /// A maker that has nothing yet.
    pub fn new(resolver: Sender<Order>, master_keys: Option<MasterKeys>) -> Self {
        Self {
            resolver,
            master_keys,
            resolved: Resolved::new(),
            pool_keys: HashMap::new(),
            next_key: 0,
            current: None,
            awaited: None,
        }
    }

    /// Makes the generation of a publication.
    ///
    /// # Errors
    /// In words. It cannot be compiled, or is a change of another generation than the current one:
    /// then all of it is needed.
    pub fn make(
        &mut self,
        publication: Publication,
        cells: &mut Cells,
    ) -> Result<Published, String> {
        let Publication { generation, catalog, keys, own_keys, control } = publication;
        let current = self.current.as_ref().map(|current| current.generation);
        if matches!(keys, KeyChanges::Delta(_))
            && current.map(|known| known + 1) != Some(generation)
        {
            return Err(format!("it changes generation {}", generation.saturating_sub(1)));
        }
        let fee = catalog.as_ref().map(|published| published.own_key_fee);
        let (catalog, listing, upstreams) = match (&catalog, &self.current) {
            (Some(published), _) => self.compile(published)?,
            (None, Some(now)) => {
                (Arc::clone(&now.catalog), Arc::clone(&now.listing), Arc::clone(&now.upstreams))
            }
            (None, None) => self.compile(&nothing())?,
        };
        let is_all = matches!(keys, KeyChanges::Full(_));
        let known = self.current.as_ref().map(|current| &current.own_keys);
        let told = OwnKeyNews { accounts: own_keys, is_all, fee };
        let own_keys = secrets::own_keys(known, told, self.master_keys.as_ref(), cells);
        let (before, changes): (_, Box<dyn Iterator<Item = KeyChange>>) = match keys {
            KeyChanges::Full(rows) => {
                (None, Box::new(rows.into_iter().map(|row| (row.digest, Some(row)))))
            }
            KeyChanges::Delta(changes) => (self.current.as_ref(), Box::new(changes.into_iter())),
        };
        let mut guests = before.and_then(|current| current.guests.clone());
        let change = |(digest, row): KeyChange| {
            let entry = row.map(|row| Arc::new(key_entry(row, cells)));
            guests.take_if(|(known, _)| *known == digest);
            if let Some(entry) = entry.as_ref().filter(|entry| entry.class == KeyClass::Guest) {
                guests = Some((digest, Arc::clone(entry)));
            }
            (digest, entry)
        };
        let keys = before.map(|current| current.keys.clone()).unwrap_or_default();
        let keys = keys.with(changes.map(change));
        let made =
            Current { generation, catalog, listing, keys, guests, upstreams, own_keys, control };
        let published = made.publish();
        self.current = Some(made);
        Ok(published)
    }

    /// Whether the current generation waits for names no more: each has an address, or had time
    /// enough to get one.
    pub fn has_names(&mut self) -> bool {
        let is_over = |(end, names): &mut (Instant, Vec<Name>)| {
            *end <= Instant::now() || names.iter().all(|name| self.resolved.contains_key(name))
        };
        self.awaited.take_if(is_over);
        self.awaited.is_none()
    }

    /// The current generation, if it waited for names and is to wait no longer.
    pub fn overdue(&mut self) -> Option<Published> {
        let waited = self.awaited.is_some() && self.has_names();
        self.current.as_ref().filter(|_| waited).map(Current::publish)
    }

    /// Has a new catalog wait for the names that were not asked for before.
    fn await_names(&mut self, names: &[Name]) {
        let known = self.current.as_ref().map(|current| &current.catalog.providers);
        let (_, awaited) = self.awaited.take().unzip();
        let awaited: Vec<Name> = awaited.unwrap_or_default();
        let is_new = |name: &&Name| {
            let mut known = known.into_iter().flatten();
            let was_asked = known.any(|it| name_of(it) == **name) && !awaited.contains(name);
            !self.resolved.contains_key(*name) && !was_asked
        };
        let new: Vec<Name> = names.iter().filter(is_new).cloned().collect();
        if !new.is_empty() {
            let within = if known.is_none() { FIRST_NAMES_WITHIN } else { NEW_NAMES_WITHIN };
            self.awaited = Some((Instant::now() + within, new));
        }
    }

    /// Takes new addresses; the current generation with them, if there is one.
    pub fn resolved(&mut self, resolved: Resolved) -> Option<Published> {
        self.resolved = resolved;
        let catalog = Arc::clone(&self.current.as_ref()?.catalog);
        let upstreams = self.upstreams(&catalog);
        let current = self.current.as_mut()?;
        current.upstreams = upstreams;
        Some(current.publish())
    }

    fn compile(&mut self, published: &PublishedCatalog) -> Result<Compiled, String> {
        let options = CompileOptions { multiplier: published.multiplier };
        let compiled = compile(&published.rows, &options).map_err(|complaints| {
            let lines: Vec<String> = complaints.iter().map(ToString::to_string).collect();
            lines.join("; ")
        })?;
        let mut catalog = compiled.catalog;
        catalog.number_offers(&published.offers).map_err(|fault| fault.to_string())?;
        let names: Order = catalog.providers.iter().map(name_of).collect();
        self.await_names(&names);
        // A resolver that is gone means that the process is ending.
        let _ = self.resolver.send(names);
        let listing = Listing::render(&catalog);
        let upstreams = self.upstreams(&catalog);
        Ok((Arc::new(catalog), Arc::new(listing), upstreams))
    }

    fn upstreams(&mut self, catalog: &Catalog) -> Arc<[Upstream]> {
        let upstreams: Arc<[Upstream]> =
            catalog.providers.iter().map(|provider| self.upstream(provider)).collect();
        let keys = |upstream: &Upstream| upstream.way.as_ref().map(|(key, _)| *key);
        let used: FxHashSet<PoolKey> = upstreams.iter().filter_map(keys).collect();
        self.pool_keys.retain(|_, key| used.contains(key));
        upstreams
    }

    fn upstream(&mut self, provider: &Provider) -> Upstream {
        Upstream {
            way: self.way(provider),
            needs_key: !provider.allow_private || !provider.api_keys.is_empty(),
            host: provider.base_url.authority().into(),
            base_path: provider.base_url.path.clone(),
            secrets: secrets_of(provider, self.master_keys.as_ref()),
        }
    }

    fn way(&mut self, provider: &Provider) -> Option<(PoolKey, Endpoint)> {
        let name = name_of(provider);
        let addresses = self.resolved.get(&name)?.clone();
        let cover = if provider.base_url.tls {
            Cover::Tls(PeerName::parse(&provider.base_url.host).ok()?)
        } else {
            Cover::Plain
        };
        let mut places = addresses.iter().copied().map(Address::from);
        let endpoint = Endpoint { addresses: (places.next()?, places.collect()), cover };
        let alike = (name, provider.base_url.tls, addresses);
        let key = *self.pool_keys.entry(alike).or_insert_with(|| {
            self.next_key += 1;
            PoolKey(self.next_key)
        });
        Some((key, endpoint))
    }
}

/// What is served before any catalog was published.
fn nothing() -> PublishedCatalog {
    let rows = catalog::rows::CatalogRows::default();
    PublishedCatalog { rows, offers: Vec::new(), multiplier: (1, 1), own_key_fee: (0, 1) }
}

fn name_of(provider: &Provider) -> Name {
    Name {
        host: provider.base_url.host.clone(),
        port: provider.base_url.port,
        allow_private: provider.allow_private,
    }
}

fn key_entry(row: KeyRow, cells: &mut Cells) -> KeyEntry {
    KeyEntry {
        id: row.id,
        account: row.account,
        class: row.class,
        disabled: row.disabled,
        expires_at: row.expires_at,
        limits: PaceLimits {
            rpm: row.rpm,
            rpd: row.rpd,
            tpm: row.tpm,
            concurrency: row.concurrency,
        },
        allowed_models: row.allowed_models,
        allowed_providers: row.allowed_providers,
        credit: cells.credit(Purse::Account(row.account)),
        allowance: row.limit.map(|_| cells.credit(Purse::Key(row.id))),
        pace: cells.pace(row.id),
        privacy: row.privacy,
        free: row.free.map(|free| Free {
            limits: PaceLimits { rpm: free.rpm, rpd: Some(free.rpd), ..PaceLimits::default() },
            pace: cells.free(row.account),
        }),
    }
}

#[cfg(test)]
mod tests;
