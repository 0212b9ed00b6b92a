//! What is sold to whom: models, endpoints, prices and keys, compiled into an immutable snapshot.
//!
//! Purpose: `rows` are the catalog as people write it, `source` reads them from TOML, `compile`
//! checks them and makes a `Catalog` that the data plane looks things up in; `keys` holds API keys
//! beside it, `listing` renders the model lists, `import` makes rows from a public price file.
//! `route` chooses where a request goes, within what its customer allows.
//! Invariants: what compiled is complete (every class has a price, every name is known); a catalog
//! never changes, a new generation takes its place.
//! Left out on purpose: files, secrets (references are resolved where they are used), clocks.

mod catalog;
pub mod compile;
mod complaint;
pub mod import;
pub mod keys;
pub mod listing;
mod modality;
pub mod own_keys;
mod parameters;
pub mod price;
mod price_rows;
mod privacy;
mod quantization;
pub mod route;
pub mod rows;
pub mod source;
mod toml_text;
mod url;

pub use catalog::{Catalog, Endpoint, Model, Named, Provider, ProviderIndex, Snapshot, Tier};
pub use compile::{CompileOptions, Compiled, OfferRow, compile, is_own_segment};
pub use complaint::{Complaint, Place, Step};
pub use keys::{FreeLimits, KeyClass, KeyRow, KeyTable, LimitReset};
pub use modality::Modalities;
pub use own_keys::OwnKeyRow;
pub use parameters::Parameters;
pub use price::{PriceTable, Reach, ServiceTier, Tag, TierSet, Worst};
pub use privacy::Privacy;
pub use quantization::{Quantization, Quantizations};
pub use rows::{AbortPolicy, CatalogRows, Dialect, ModelKind, OutputCapField, PartTokens};
pub use url::{BaseUrl, UrlFault, is_private_address};
