//! The model lists, rendered once a generation.
//!
//! Purpose: `/v1/models`, `/v1/models/{id}`, `/api/v1/models` and `…/{author}/{slug}/endpoints`.
//! One text serves both lists: an item has OpenAI's fields and OpenRouter's, the wrapper has
//! `object` for one and `total_count` and `links` for the other; readers pass over what they do
//! not know. A list for a key is cut from it item by item.
//! Invariants: bytes never change after rendering; equal bytes have equal entity tags; what is not
//! listed does not show; `sandbox/chat` is first where it is there, tiers follow the models.
//! Left out on purpose: paging and search; live figures of endpoints, which are `null`.

mod item;

use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::catalog::{Catalog, Model, Tier};
use crate::rows::TierStatus;
use item::{EndpointsItem, ModelItem};

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
    items: Vec<(Listed, Range<u32>)>,
    by_id: FxHashMap<Box<str>, u32>,
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
        let (mut body, mut items) = (opening(), Vec::new());
        let mut by_id = FxHashMap::default();
        for (listed, item) in listed_items(catalog) {
            separate(&mut body, items.is_empty());
            let start = body.len() as u32;
            item.write(&mut body);
            by_id.insert(item.id.into(), items.len() as u32);
            items.push((listed, start..body.len() as u32));
        }
        close(&mut body, items.len());
        let etag = etag_of(&body);
        let whole = Rendered { body: body.into(), etag };
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
        let (mut body, mut count) = (opening(), 0);
        for (listed, range) in &self.items {
            if shown(*listed) {
                separate(&mut body, count == 0);
                body.extend_from_slice(self.bytes(range));
                count += 1;
            }
        }
        close(&mut body, count);
        let etag = etag_of(&body);
        Rendered { body: body.into(), etag }
    }

    /// The item of one id, for `/v1/models/{id}`.
    pub fn item(&self, id: &str) -> Option<(Listed, &[u8])> {
        let (listed, range) = self.items.get(*self.by_id.get(id)? as usize)?;
        Some((*listed, self.bytes(range)))
    }

    /// How many models and tiers are listed.
    pub const fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether none is.
    pub const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn bytes(&self, range: &Range<u32>) -> &[u8] {
        &self.openai.body[range.start as usize..range.end as usize]
    }
}

/// Renders `/api/v1/models/{author}/{slug}/endpoints`: where a model can be had, at which price.
pub fn endpoints(catalog: &Catalog, model: &Model) -> Rendered {
    let mut body = b"{\"data\":".to_vec();
    EndpointsItem::of(catalog, model).write(&mut body);
    body.push(b'}');
    let etag = etag_of(&body);
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

fn opening() -> Vec<u8> {
    b"{\"object\":\"list\",\"data\":[".to_vec()
}

fn separate(body: &mut Vec<u8>, first: bool) {
    if !first {
        body.push(b',');
    }
}

fn close(body: &mut Vec<u8>, count: usize) {
    let end = format!("],\"total_count\":{count},\"links\":{{\"next\":null}}}}");
    body.extend_from_slice(end.as_bytes());
}

/// A strong entity tag: FNV-1a of the bytes and their length.
fn etag_of(body: &[u8]) -> String {
    let hash = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("\"{hash:016x}-{:x}\"", body.len())
}

#[cfg(test)]
mod tests;
