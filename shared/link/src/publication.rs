//! What a data plane serves by: catalog and keys of one generation.
//!
//! Invariants: generations rise by one; a delta applies to the generation before it only, and a
//! data plane that has another one asks for everything by saying so in its `Applied`.

use std::sync::Arc;

use catalog::keys::KeyRow;
use catalog::rows::CatalogRows;
use units::{KeyDigest, OfferId};

/// One generation of what is published.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Its number.
    pub generation: u64,
    /// The catalog, where it changed; `None` = as in the generation before.
    pub catalog: Option<Arc<PublishedCatalog>>,
    /// The keys.
    pub keys: KeyChanges,
}

/// A catalog whose offers the ledger has numbered.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishedCatalog {
    /// The catalog's rows, which each side compiles for itself.
    pub rows: CatalogRows,
    /// The numbers of its offers, in the order in which compiling meets its endpoints.
    pub offers: Vec<OfferId>,
    /// What list prices are multiplied by where no price is given: numerator, denominator.
    pub multiplier: (u64, u64),
}

/// Keys of a generation.
#[derive(Clone, Debug)]
pub enum KeyChanges {
    /// All of them.
    Full(Vec<KeyRow>),
    /// Those that changed since the generation before; `None` = gone.
    Delta(Vec<(KeyDigest, Option<KeyRow>)>),
}
