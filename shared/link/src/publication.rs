//! What a data plane serves by: catalog and keys of one generation.
//!
//! Invariants: generations rise by one; a delta applies to the generation before it only, and a
//! data plane that has another one asks for everything by an `Applied` of generation 0.

use std::net::SocketAddr;
use std::sync::Arc;

use catalog::keys::KeyRow;
use catalog::own_keys::OwnKeyRow;
use catalog::rows::CatalogRows;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use units::{AccountId, KeyDigest, OfferId};

/// One generation of what is published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Publication {
    /// Its number.
    pub generation: u64,
    /// The catalog, where it changed; `None` = as in the generation before.
    #[serde(serialize_with = "write_catalog", deserialize_with = "read_catalog")]
    pub catalog: Option<Arc<PublishedCatalog>>,
    /// The keys.
    pub keys: KeyChanges,
    /// The own provider keys of accounts, sealed, as they are now: of all that have any where the
    /// keys are all of them, else of those for which they changed.
    pub own_keys: Vec<(AccountId, Vec<OwnKeyRow>)>,
    /// Where the control plane answers account API calls.
    pub control: SocketAddr,
}

/// A catalog whose offers the ledger has numbered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishedCatalog {
    /// The catalog's rows, which each side compiles for itself.
    pub rows: CatalogRows,
    /// The numbers of its offers, in the order in which compiling meets its endpoints.
    pub offers: Vec<OfferId>,
    /// What list prices are multiplied by where no price is given: numerator, denominator.
    pub multiplier: (u64, u64),
    /// The fee of a request on a customer's own key, as a part of its price: numerator,
    /// denominator.
    pub own_key_fee: (u64, u64),
}

/// Keys of a generation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum KeyChanges {
    /// All of them.
    Full(Vec<KeyRow>),
    /// Those that changed since the generation before; `None` = gone.
    Delta(Vec<(KeyDigest, Option<KeyRow>)>),
}

fn write_catalog<S: Serializer>(
    catalog: &Option<Arc<PublishedCatalog>>,
    to: S,
) -> Result<S::Ok, S::Error> {
    catalog.as_deref().serialize(to)
}

fn read_catalog<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Arc<PublishedCatalog>>, D::Error> {
    Ok(Option::<PublishedCatalog>::deserialize(from)?.map(Arc::new))
}
