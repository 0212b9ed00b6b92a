//! From rows to a catalog: every mistake at once, each with its place and its remedy.
//!
//! Purpose: the checks that need more than one value, the defaults, the resolved names.
//! Invariants: rows that compile leave no question open for a request: names are unique and known,
//! every reachable class has a price, addresses are whole and meant. Equal rows compile equal.
//! Left out on purpose: secrets and name resolution, which belong to where they are used.

mod endpoint;
mod model;
mod provider;
mod tier;

use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use units::OfferId;

pub(crate) use model::is_named_id;
pub use provider::is_own_segment;

use crate::catalog::{Catalog, Model, Target};
use crate::complaint::{Complaint, Place};
use crate::price_rows::PriceRow;
use crate::route::blend;
use crate::rows::{CatalogRows, ModelKind};

/// What rows alone do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileOptions {
    /// Price = list x numerator / denominator, rounded up once, where no price is given.
    pub multiplier: (u64, u64),
}

impl Default for CompileOptions {
    /// At cost.
    fn default() -> Self {
        Self { multiplier: (1, 1) }
    }
}

/// Rows that hold together.
#[derive(Debug)]
pub struct Compiled {
    /// The catalog, its offers not yet numbered.
    pub catalog: Catalog,
    /// What is worth knowing but stops nothing.
    pub warnings: Vec<Complaint>,
}

/// The conditions of a sale: what the ledger numbers. Prices are written out in full, so equal
/// conditions are equal rows however they were written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferRow {
    /// The model's id.
    pub model: String,
    /// The provider's id.
    pub provider: String,
    /// The model's id there.
    pub upstream_model: String,
    /// What the provider charges.
    pub list: PriceRow,
    /// What the customer pays.
    pub price: PriceRow,
}

/// Offer numbers and endpoints do not match in number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfferCountError {
    /// How many endpoints there are.
    pub endpoints: usize,
    /// How many numbers were given.
    pub numbers: usize,
}

impl fmt::Display for OfferCountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} offer numbers for {} endpoints", self.numbers, self.endpoints)
    }
}

impl std::error::Error for OfferCountError {}

/// Checks rows and compiles them.
///
/// # Errors
/// Every mistake, in the order of the rows.
pub fn compile(rows: &CatalogRows, options: &CompileOptions) -> Result<Compiled, Vec<Complaint>> {
    let mut compiler = Compiler::new(options);
    for (index, row) in rows.provider.iter().enumerate() {
        compiler.provider(&Place::row("provider", index), row);
    }
    for (index, row) in rows.model.iter().enumerate() {
        compiler.model(&Place::row("model", index), row);
    }
    for (index, row) in rows.tier.iter().enumerate() {
        compiler.tier(&Place::row("tier", index), row);
    }
    if compiler.complaints.is_empty() {
        compiler.rank_costs();
        Ok(Compiled { catalog: compiler.catalog, warnings: compiler.warnings })
    } else {
        Err(compiler.complaints)
    }
}

/// A catalog in the making. A row with a mistake is entered all the same where others may name it,
/// so that one mistake makes one complaint.
struct Compiler<'o> {
    options: &'o CompileOptions,
    catalog: Catalog,
    parameter_lists: FxHashMap<Vec<String>, Arc<[Box<str>]>>,
    complaints: Vec<Complaint>,
    warnings: Vec<Complaint>,
}

impl<'o> Compiler<'o> {
    fn new(options: &'o CompileOptions) -> Self {
        Self {
            options,
            catalog: Catalog::default(),
            parameter_lists: FxHashMap::default(),
            complaints: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn complain(&mut self, place: Place, what: impl Into<String>, remedy: impl Into<String>) {
        self.complaints.push(Complaint::new(place, what, remedy));
    }

    fn warn(&mut self, place: Place, what: impl Into<String>, remedy: impl Into<String>) {
        self.warnings.push(Complaint::new(place, what, remedy));
    }

    /// Ranks what `auto` may choose from by the cheapest endpoint of each.
    fn rank_costs(&mut self) {
        let catalog = &mut self.catalog;
        let is_offered = |model: &&Model| model.kind == ModelKind::Chat && model.listed;
        let cost = |model: &Model| {
            let prices = catalog.endpoints_of(model).iter().map(blend);
            (prices.min().unwrap_or(0), model.index)
        };
        let mut costs: Vec<_> = catalog.models.iter().filter(is_offered).map(cost).collect();
        costs.sort_unstable();
        for (place, (_, index)) in costs.iter().enumerate() {
            catalog.models[*index as usize].cost_rank = (place * 1000 / costs.len()) as u16;
        }
    }

    /// Enters a name that models and tiers share.
    fn enter_name(&mut self, place: &Place, id: &str, target: Target) {
        if self.catalog.names.contains_key(id) {
            let what = format!("the id {id:?} is taken by a model or tier above");
            self.complain(place.key("id"), what, "give each its own id");
        } else {
            self.catalog.names.insert(id.into(), target);
        }
    }
}

/// A text as a JSON string.
fn json_text(text: &str) -> Box<[u8]> {
    serde_json::json!(text).to_string().into_bytes().into()
}

impl Catalog {
    /// The conditions of every sale, in the order of endpoints.
    pub fn offers(&self) -> impl Iterator<Item = OfferRow> {
        self.models.iter().flat_map(move |model| {
            self.endpoints_of(model).iter().map(move |endpoint| OfferRow {
                model: model.id.to_string(),
                provider: self.provider(endpoint.provider).id.to_string(),
                upstream_model: endpoint.upstream_model.to_string(),
                list: endpoint.list.to_row(),
                price: endpoint.price.to_row(),
            })
        })
    }

    /// Gives each endpoint its offer's number; `ids` in the order of [`Catalog::offers`].
    ///
    /// # Errors
    /// Where there are not as many numbers as endpoints; nothing is numbered then.
    pub fn number_offers(&mut self, ids: &[OfferId]) -> Result<(), OfferCountError> {
        if ids.len() != self.endpoints.len() {
            return Err(OfferCountError { endpoints: self.endpoints.len(), numbers: ids.len() });
        }
        for (endpoint, id) in self.endpoints.iter_mut().zip(ids) {
            endpoint.offer = *id;
        }
        Ok(())
    }
}

/// Reads a multiplier such as `"0.2"` or `"1.15"` as an exact ratio: above zero, at most nine
/// decimals.
pub fn parse_multiplier(text: &str) -> Option<(u64, u64)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let denominator = 10_u64.pow(fraction.len() as u32);
    let numerator: u64 = format!("{whole}{fraction}").parse().ok()?;
    (numerator > 0).then_some((numerator, denominator))
}

#[cfg(test)]
mod tests;
