//! The compiled catalog: what a request is looked up in.
//!
//! Invariants: indexes are valid within their own catalog; every model has an endpoint, every
//! endpoint a provider and complete prices; it never changes once its offers are numbered, which
//! whoever compiled it does before anyone else sees it.

use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use units::{OfferId, Price, Usd};

use crate::keys::KeyTable;
use crate::modality::Modalities;
use crate::parameters::Parameters;
use crate::price::PriceTable;
use crate::quantization::Quantization;
use crate::rows::{AbortPolicy, Dialect, ModelKind, OutputCapField, PartTokens, TierStatus};
use crate::url::BaseUrl;

/// One generation of everything a request is checked and planned against.
#[derive(Debug)]
pub struct Snapshot<K> {
    /// Counts up by one with every change.
    pub generation: u64,
    /// What is sold.
    pub catalog: Arc<Catalog>,
    /// To whom.
    pub keys: KeyTable<K>,
}

/// A provider's place in `Catalog::providers`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderIndex(pub u32);

/// Providers, models, endpoints and tiers, with their names resolved.
#[derive(Debug, Default)]
pub struct Catalog {
    /// In the order of the rows.
    pub providers: Vec<Provider>,
    /// In the order of the rows.
    pub models: Vec<Model>,
    /// By model, in the order of the rows.
    pub endpoints: Vec<Endpoint>,
    /// In the order of the rows.
    pub tiers: Vec<Tier>,
    pub(crate) names: FxHashMap<Box<str>, Target>,
    pub(crate) bare_names: FxHashMap<Box<str>, Option<u32>>,
    pub(crate) provider_names: FxHashMap<Box<str>, ProviderIndex>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Model(u32),
    Tier(u32),
}

/// What a name in a request stands for.
#[derive(Clone, Copy, Debug)]
pub enum Named<'c> {
    /// A model.
    Model(&'c Model),
    /// A tier: the models behind it are its `models`.
    Tier(&'c Tier),
}

impl Catalog {
    /// The model of exactly this id.
    pub fn model(&self, id: &str) -> Option<&Model> {
        match self.names.get(id)? {
            Target::Model(index) => self.models.get(*index as usize),
            Target::Tier(_) => None,
        }
    }

    /// What a request's model name stands for: an id, a tier, or an id as a provider knows it
    /// where only one model has that one. Variants (`id:floor`) are the caller's to take off when
    /// the whole name is not found.
    pub fn named(&self, name: &str) -> Option<Named<'_>> {
        match self.names.get(name) {
            Some(Target::Model(index)) => self.models.get(*index as usize).map(Named::Model),
            Some(Target::Tier(index)) => self.tiers.get(*index as usize).map(Named::Tier),
            None => {
                let index = (*self.bare_names.get(name)?)?;
                self.models.get(index as usize).map(Named::Model)
            }
        }
    }

    /// The models behind a tier, in order of preference.
    pub fn models_of<'c>(&'c self, tier: &'c Tier) -> impl Iterator<Item = &'c Model> {
        tier.models.iter().filter_map(|index| self.models.get(*index as usize))
    }

    /// Where a model can be had.
    pub fn endpoints_of(&self, model: &Model) -> &[Endpoint] {
        let range = model.endpoints.start as usize..model.endpoints.end as usize;
        self.endpoints.get(range).unwrap_or_default()
    }

    /// The provider of an index of this catalog.
    ///
    /// # Panics
    /// Where the index is another catalog's.
    pub fn provider(&self, index: ProviderIndex) -> &Provider {
        &self.providers[index.0 as usize]
    }

    /// The provider of an id, for `/{provider}/{path}` and preferences.
    pub fn provider_named(&self, id: &str) -> Option<ProviderIndex> {
        self.provider_names.get(id).copied()
    }

    /// Whether a key with these allowances may use a model: it is named, and one of its providers
    /// is.
    pub fn allows(
        &self,
        model: &Model,
        models: Option<&[String]>,
        providers: Option<&[String]>,
    ) -> bool {
        let named = |list: &[String], id: &str| list.iter().any(|allowed| allowed == id);
        models.is_none_or(|list| named(list, &model.id))
            && providers.is_none_or(|list| {
                let id = |endpoint: &Endpoint| &*self.provider(endpoint.provider).id;
                self.endpoints_of(model).iter().any(|endpoint| named(list, id(endpoint)))
            })
    }
}

/// A provider, checked.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its id, a path segment.
    pub id: Box<str>,
    /// The API it speaks.
    pub dialect: Dialect,
    /// Where it is.
    pub base_url: BaseUrl,
    /// References (`env:NAME`, `file:PATH`) or keys, not yet resolved.
    pub api_keys: Vec<String>,
    /// Whether private addresses are meant, also where its name resolves to one.
    pub allow_private: bool,
    /// What happens upstream when the client goes away.
    pub on_client_abort: AbortPolicy,
    /// Where the output cap is written.
    pub output_cap_field: OutputCapField,
    /// Whether it understands `stream_options.include_usage`.
    pub stream_usage: bool,
    /// Whether its input count includes cached tokens.
    pub cache_included: bool,
    /// Tokens that a request costs beyond its text.
    pub input_overhead: u64,
    /// The most that one part can count.
    pub part_tokens: PartTokens,
    /// Whether it may keep or train on what it is sent.
    pub data_collection: bool,
    /// Whether it promises zero data retention.
    pub zdr: bool,
    /// Where it runs.
    pub region: Option<Box<str>>,
}

/// A model, checked.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its place in `Catalog::models`.
    pub index: u32,
    /// `author/slug`.
    pub id: Box<str>,
    /// The same as a JSON string, quotes and all, to be spliced into an answer.
    pub id_json: Box<[u8]>,
    /// What people call it.
    pub name: Box<str>,
    /// A sentence about it; empty where none was given.
    pub description: Box<str>,
    /// What it does.
    pub kind: ModelKind,
    /// Tokens of input and output together.
    pub context: u64,
    /// Most output tokens of one answer; zero for embeddings.
    pub max_output: u64,
    /// What it takes.
    pub input_modalities: Modalities,
    /// What it makes.
    pub output_modalities: Modalities,
    /// The request parameters it understands.
    pub parameters: Arc<[Box<str>]>,
    /// Whether the model list shows it.
    pub listed: bool,
    /// Its places in `Catalog::endpoints`.
    pub endpoints: Range<u32>,
    /// Unix seconds; zero where unknown.
    pub created: u64,
    /// How many in a thousand of the listed chat models are cheaper; zero for others.
    pub cost_rank: u16,
}

impl Model {
    /// What stands before the first slash of the id.
    pub fn author(&self) -> &str {
        self.id.split_once('/').map_or(&*self.id, |(author, _)| author)
    }

    /// Whether it says that it understands a request parameter.
    pub fn understands(&self, parameter: &str) -> bool {
        self.parameters.iter().any(|known| &**known == parameter)
    }
}

/// One provider's offer of a model, checked.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its number in the ledger.
    pub offer: OfferId,
    /// A number above zero for the provider's model, whatever it costs: who keeps in mind how an
    /// endpoint does finds it again under this one after a change of prices.
    pub identity: u64,
    /// What is served: a place in `Catalog::models`.
    pub model: u32,
    /// Who serves it.
    pub provider: ProviderIndex,
    /// The model's id there.
    pub upstream_model: Box<str>,
    /// The same as a JSON string, quotes and all, to be spliced into a request.
    pub upstream_model_json: Box<[u8]>,
    /// What the customer pays.
    pub price: PriceTable,
    /// What the provider charges.
    pub list: PriceTable,
    /// Tokens of input and output together, here.
    pub context: u64,
    /// Most output tokens of one answer, here.
    pub max_output: u64,
    /// What tells it from others of its provider.
    pub tag: Option<Box<str>>,
    /// Whether it may keep or train on what it is sent.
    pub data_collection: bool,
    /// Whether it promises zero data retention.
    pub zdr: bool,
    /// Where it runs.
    pub region: Option<Box<str>>,
    /// How finely it keeps the model's weights.
    pub quantization: Quantization,
    /// The request parameters it understands.
    pub parameters: Arc<[Box<str>]>,
    /// Those of them that a request may be routed by.
    pub understood: Parameters,
    /// Its share of first tries.
    pub weight: Option<u32>,
}

impl Endpoint {
    /// The half of its identity that fits beside others into one word.
    pub const fn mark(&self) -> u32 {
        self.identity as u32
    }

    /// Whether a request for text costs the customer nothing here.
    pub fn is_free(&self) -> bool {
        self.price.is_free() && self.price.request_fee() == Usd::ZERO
    }
}

/// A stable name in front of models, checked.
#[derive(Clone, Debug)]
pub struct Tier {
    /// `brand/name`.
    pub id: Box<str>,
    /// The same as a JSON string, quotes and all.
    pub id_json: Box<[u8]>,
    /// Whether it can be called.
    pub status: TierStatus,
    /// The level shown.
    pub level: Option<Box<str>>,
    /// The family shown.
    pub model_family: Option<Box<str>>,
    /// What it is good for.
    pub use_case: Option<Box<str>>,
    /// The price band shown.
    pub band: Option<[Price; 2]>,
    /// Requests a minute to it, of a key that has no limit of its own.
    pub rpm: Option<u32>,
    /// Places in `Catalog::models`, in order of preference.
    pub models: Vec<u32>,
}
