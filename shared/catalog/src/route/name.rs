//! What the name in a request's `model` stands for.
//!
//! An exact id wins; then an id as a provider knows it, where only one model has that one; then
//! what stands before a `:variant`, changed as the variant says; then `auto`.
//! `:nitro` and `:floor` order by throughput and price, `:extended` by context; `:free`, `:online`
//! and `:thinking` need an endpoint that is free, searches, reasons; `:beta` changes nothing.

use crate::catalog::{Catalog, Model, Target, Tier};
use crate::route::wishes::Sort;

/// Names for whichever model fits.
const AUTO: [&str; 2] = ["auto", "openrouter/auto"];

/// What a name stands for, with what its variants add.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'c> {
    pub(super) meaning: Meaning<'c>,
    pub(super) variants: Variants,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Meaning<'c> {
    /// One model.
    Model(&'c Model),
    /// A tier, with its place in the catalog.
    Tier(&'c Tier, u32),
    /// Any model.
    Auto,
}

/// What the variants behind a name ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Variants {
    /// `:nitro`, `:floor`.
    pub(super) sort: Option<Sort>,
    /// `:extended`.
    pub(super) extended: bool,
    /// `:free`.
    pub(super) free: bool,
    /// `:online`.
    pub(super) online: bool,
    /// `:thinking`.
    pub(super) thinking: bool,
}

impl Variants {
    /// With one more; false where there is none of this name.
    fn add(&mut self, name: &str) -> bool {
        match name {
            "nitro" => self.sort = Some(Sort::Throughput),
            "floor" => self.sort = Some(Sort::Price),
            "extended" => self.extended = true,
            "free" => self.free = true,
            "online" => self.online = true,
            "thinking" => self.thinking = true,
            "beta" => {}
            _ => return false,
        }
        true
    }
}

/// What a name stands for; `None` where it stands for nothing.
pub(super) fn named<'c>(catalog: &'c Catalog, name: &str) -> Option<Named<'c>> {
    let mut variants = Variants::default();
    let mut rest = name;
    loop {
        if let Some(meaning) = meaning(catalog, rest) {
            return Some(Named { meaning, variants });
        }
        let (base, variant) = rest.rsplit_once(':')?;
        if !variants.add(variant) {
            return None;
        }
        rest = base;
    }
}

fn meaning<'c>(catalog: &'c Catalog, name: &str) -> Option<Meaning<'c>> {
    match catalog.names.get(name) {
        Some(Target::Model(index)) => catalog.models.get(*index as usize).map(Meaning::Model),
        Some(Target::Tier(index)) => {
            catalog.tiers.get(*index as usize).map(|tier| Meaning::Tier(tier, *index))
        }
        None => match catalog.bare_names.get(name) {
            Some(Some(index)) => catalog.models.get(*index as usize).map(Meaning::Model),
            Some(None) => None,
            None => AUTO.contains(&name).then_some(Meaning::Auto),
        },
    }
}
