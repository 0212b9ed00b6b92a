//! The model lists, rendered once a generation.
//!
//! Purpose: `/v1/models`, `/v1/models/{id}`, `/api/v1/models` and `…/{author}/{slug}/endpoints`.
//! One text serves both lists: an item has OpenAI's fields and OpenRouter's, the wrapper has
//! `object` for one and `total_count` and `links` for the other; readers pass over what they do
//! not know. A list for a key is cut from it item by item.
//! Invariants: bytes never change after rendering; equal bytes have equal entity tags; what is not
//! listed does not show; `sandbox/chat` is first where it is there, tiers follow the models.
//! Other dialects' lists are rendered when they are asked for.
//! Left out on purpose: paging and search; live figures of endpoints, which are `null`.

mod item;
mod others;

use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::catalog::{Catalog, Model, Tier};
use crate::rows::TierStatus;
use item::{EndpointsItem, ModelItem};
pub use others::{anthropic_item, anthropic_list, gemini_item, gemini_list};

/// The model that stands first, so that whoever tries us out finds it.
const FIRST: &str = "sandbox/chat";

/// A text to be answered with, and its entity tag.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// JSON.
    pub body: Arc<[u8]>,
    /// The `ETag`, quotes and all.
    pub etag: String,
}

/// What an item of the list stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// A place in `Catalog::models`.
    Model(u32),
    /// A place in `Catalog::tiers`.
    Tier(u32),
}

/// The rendered lists of one catalog.
#[derive(Clone, Debug)]
pub struct Listing {
    /// For `/v1/models`.
    pub openai: Rendered,
    /// For `/api/v1/models`; the same text.
    pub openrouter: Rendered,
    items: Vec<Item>,
    by_id: FxHashMap<Box<str>, u32>,
}

/// One item of the whole list: what it is, where it stands, and its hash.
#[derive(Clone, Debug)]
struct Item {
    listed: Listed,
    range: Range<u32>,
    hash: u64,
}

/// What a key may use: `None` is everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowance<'k> {
    /// Models and tiers by id.
    pub models: Option<&'k [String]>,
    /// Providers by id.
    pub providers: Option<&'k [String]>,
}

impl Listing {
    /// Renders the lists of a catalog.
    pub fn render(catalog: &Catalog) -> Self {
        let (mut list, mut items, mut by_id) = (List::new(), Vec::new(), FxHashMap::default());
        let mut bytes = Vec::new();
        for (listed, item) in listed_items(catalog) {
            bytes.clear();
            item.write(&mut bytes);
            let hash = fnv_1a(START_HASH, &bytes);
            by_id.insert(item.id.into(), items.len() as u32);
            let range = list.push(&bytes, hash);
            items.push(Item { listed, range, hash });
        }
        let whole = list.finish();
        Self { openai: whole.clone(), openrouter: whole, items, by_id }
    }

    /// The list of what a key may use. A tier shows where it is named, or one of its models is.
    pub fn cut_for(&self, catalog: &Catalog, key: Allowance<'_>) -> Rendered {
        if key.models.is_none() && key.providers.is_none() {
            return self.openai.clone();
        }
        self.cut(|listed| allows(catalog, listed, key))
    }

    /// The list of the items that are `shown`.
    pub fn cut(&self, mut shown: impl FnMut(Listed) -> bool) -> Rendered {
        let mut list = List::new();
        for item in self.items.iter().filter(|item| shown(item.listed)) {
            list.push(self.bytes(item), item.hash);
        }
        list.finish()
    }

    /// The item of one id, for `/v1/models/{id}`.
    pub fn item(&self, id: &str) -> Option<(Listed, &[u8])> {
        let item = self.items.get(*self.by_id.get(id)? as usize)?;
        Some((item.listed, self.bytes(item)))
    }

    /// The item of one id, if a key may use it.
    pub fn item_for(&self, catalog: &Catalog, id: &str, key: Allowance<'_>) -> Option<&[u8]> {
        let (listed, bytes) = self.item(id)?;
        allows(catalog, listed, key).then_some(bytes)
    }

    /// How many models and tiers are listed.
    pub const fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether none is.
    pub const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn bytes(&self, item: &Item) -> &[u8] {
        &self.openai.body[item.range.start as usize..item.range.end as usize]
    }
}

/// Renders `/api/v1/models/{author}/{slug}/endpoints`: where a model can be had, at which price.
pub fn endpoints(catalog: &Catalog, model: &Model) -> Rendered {
    let mut body = b"{\"data\":".to_vec();
    EndpointsItem::of(catalog, model).write(&mut body);
    body.push(b'}');
    let etag = etag(fnv_1a(START_HASH, &body), body.len());
    Rendered { body: body.into(), etag }
}

fn listed_items<'c>(catalog: &'c Catalog) -> impl Iterator<Item = (Listed, ModelItem<'c>)> {
    let of_model =
        |model: &'c Model| (Listed::Model(model.index), ModelItem::of_model(catalog, model));
    let models = catalog.models.iter().filter(|model| model.listed);
    let first = models.clone().filter(|model| &*model.id == FIRST);
    let rest = models.filter(|model| &*model.id != FIRST);
    let available = |(_, tier): &(u32, &Tier)| tier.status == TierStatus::Available;
    let tiers = (0..).zip(&catalog.tiers).filter(available).filter_map(|(index, tier)| {
        Some((Listed::Tier(index), ModelItem::of_tier(catalog, tier)?))
    });
    first.chain(rest).map(of_model).chain(tiers)
}

fn allows(catalog: &Catalog, listed: Listed, key: Allowance<'_>) -> bool {
    let allowed = |model: &Model| catalog.allows(model, key.models, key.providers);
    match listed {
        Listed::Model(index) => catalog.models.get(index as usize).is_some_and(allowed),
        Listed::Tier(index) => catalog.tiers.get(index as usize).is_some_and(|tier| {
            let named = key.models.is_some_and(|ids| ids.iter().any(|id| *id == *tier.id));
            let served = |model: &Model| catalog.allows(model, None, key.providers);
            catalog.models_of(tier).any(|model| if named { served(model) } else { allowed(model) })
        }),
    }
}

/// A list in the making. Its entity tag is made of its items' hashes, so that cutting a list
/// reads no byte twice.
struct List {
    body: Vec<u8>,
    count: usize,
    hash: u64,
}

impl List {
    fn new() -> Self {
        let body = b"{\"object\":\"list\",\"data\":[".to_vec();
        Self { body, count: 0, hash: START_HASH }
    }

    /// Adds an item; returns where it stands.
    fn push(&mut self, item: &[u8], hash: u64) -> Range<u32> {
        if self.count > 0 {
            self.body.push(b',');
        }
        let start = self.body.len() as u32;
        self.body.extend_from_slice(item);
        self.count += 1;
        self.hash = fnv_1a(self.hash, &hash.to_le_bytes());
        start..self.body.len() as u32
    }

    fn finish(mut self) -> Rendered {
        let end = format!("],\"total_count\":{},\"links\":{{\"next\":null}}}}", self.count);
        self.body.extend_from_slice(end.as_bytes());
        let etag = etag(self.hash, self.body.len());
        Rendered { body: self.body.into(), etag }
    }
}

/// The hash of nothing (FNV-1a, 64 bits).
const START_HASH: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv_1a(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A strong entity tag.
fn etag(hash: u64, len: usize) -> String {
    format!("\"{hash:016x}-{len:x}\"")
}

#[cfg(test)]
mod tests;
