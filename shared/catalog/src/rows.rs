//! The catalog as people write it: the tables of `catalog.toml` and the admin API's JSON.
//!
//! Purpose: the serde forms, one for both texts. Prices stand in `prices.rs` beside this file.
//! Invariants: an unknown key is an error, so a misspelt price is never a free one; a row reads
//! back equal to what it was written from. Whether rows make sense together is `compile`'s part.

use serde::{Deserialize, Serialize};
use units::Price;

pub use crate::price_rows::{AboveRow, PriceRow, TierPriceRow};
use crate::quantization::Quantization;

/// A whole catalog.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CatalogRows {
    /// Who is asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub provider: Vec<ProviderRow>,
    /// What is sold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub model: Vec<ModelRow>,
    /// Stable names in front of models.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tier: Vec<TierRow>,
}

/// The API a provider speaks; it decides which path is appended to its `base_url`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// OpenAI chat completions: `/chat/completions`.
    #[default]
    OpenAi,
    /// Anthropic messages: `/v1/messages`.
    Anthropic,
    /// Gemini: `/models/{model}:generateContent`.
    Gemini,
}

/// What becomes of the upstream request when the client goes away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AbortPolicy {
    /// It is closed: the provider stops and bills what it made.
    #[default]
    Abort,
    /// It is read to its end, because the provider bills the whole answer anyway.
    Drain,
}

/// The field in which an OpenAI-dialect provider understands the output cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputCapField {
    /// OpenAI's own, reasoning included.
    #[default]
    MaxCompletionTokens,
    /// The older name, which most other providers understand.
    MaxTokens,
}

/// The most tokens that one part of a kind can count; absent counts as the whole context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PartTokens {
    /// One image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<u64>,
    /// One piece of audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<u64>,
    /// One file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<u64>,
}

/// One provider: an address, its dialect, its habits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderRow {
    /// One path segment, also of `/{provider}/{path}`.
    pub id: String,
    /// The API it speaks.
    pub dialect: Dialect,
    /// Where it is; `https` unless `allow_private`.
    pub base_url: String,
    /// `env:NAME`, `file:PATH` or the key itself; several are spread over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub api_keys: Vec<String>,
    /// Whether plain http and private, loopback or link-local addresses are meant.
    #[serde(default, skip_serializing_if = "is_false")]
    pub allow_private: bool,
    /// What happens upstream when the client goes away.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_client_abort: AbortPolicy,
    /// Where the output cap is written.
    #[serde(default, skip_serializing_if = "is_default")]
    pub output_cap_field: OutputCapField,
    /// Whether it understands `stream_options.include_usage`.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub stream_usage: bool,
    /// Whether its input count includes cached tokens.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub cache_included: bool,
    /// Tokens that a request costs beyond its text.
    #[serde(default = "default_overhead", skip_serializing_if = "is_default_overhead")]
    pub input_overhead: u64,
    /// The most that one part can count.
    #[serde(default, skip_serializing_if = "is_default")]
    pub part_tokens: PartTokens,
    /// Whether it may keep or train on what it is sent; assumed where not said.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub data_collection: bool,
    /// Whether it promises zero data retention.
    #[serde(default, skip_serializing_if = "is_false")]
    pub zdr: bool,
    /// Where it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

impl ProviderRow {
    /// What the keys of a provider are sealed for, where they stand sealed in the catalog.
    pub fn key_purpose(provider: &str) -> String {
        format!("key of provider {provider}")
    }

    /// A provider of these three with every other key at its default.
    pub fn new(id: impl Into<String>, dialect: Dialect, base_url: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            dialect,
            base_url: base_url.into(),
            api_keys: Vec::new(),
            allow_private: false,
            on_client_abort: AbortPolicy::default(),
            output_cap_field: OutputCapField::default(),
            stream_usage: true,
            cache_included: true,
            input_overhead: default_overhead(),
            part_tokens: PartTokens::default(),
            data_collection: true,
            zdr: false,
            region: None,
        }
    }
}

/// What a model does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// Answers messages.
    #[default]
    Chat,
    /// Turns text into vectors.
    Embedding,
}

/// One model, as customers name it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRow {
    /// `author/slug`; the author is what stands before the first slash.
    pub id: String,
    /// What people call it; the slug where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it does.
    #[serde(default, skip_serializing_if = "is_default")]
    pub kind: ModelKind,
    /// Tokens of input and output together.
    pub context: u64,
    /// Most output tokens of one answer; the context where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output: Option<u64>,
    /// `text`, `image`, `audio`, `file`, `video`; `text` where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_modalities: Vec<String>,
    /// `text`, `image`, `audio`; `text` where empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output_modalities: Vec<String>,
    /// The request parameters it understands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<String>,
    /// Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<u64>,
    /// A sentence for the model list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether the model list shows it.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub listed: bool,
    /// Where it can be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoint: Vec<EndpointRow>,
}

impl ModelRow {
    /// A listed text model of these two with every other key at its default.
    pub fn new(id: impl Into<String>, context: u64) -> Self {
        Self {
            id: id.into(),
            name: None,
            kind: ModelKind::Chat,
            context,
            max_output: None,
            input_modalities: Vec::new(),
            output_modalities: Vec::new(),
            parameters: Vec::new(),
            created: None,
            description: None,
            listed: true,
            endpoint: Vec::new(),
        }
    }
}

/// One provider's offer of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointRow {
    /// The provider's id.
    pub provider: String,
    /// The model's id there.
    pub model: String,
    /// The context there, where it is less than the model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<u64>,
    /// The most output there, where it is less than the model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output: Option<u64>,
    /// What tells this endpoint from others of its provider (`turbo`): a request may name it as
    /// `provider/tag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Whether it may keep or train on what it is sent; as its provider where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_collection: Option<bool>,
    /// Whether it promises zero data retention; as its provider where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zdr: Option<bool>,
    /// Where it runs; as its provider where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// How finely it keeps the model's weights.
    #[serde(default, skip_serializing_if = "is_default")]
    pub quantization: Quantization,
    /// Those of the model's parameters that it understands; all of them where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Vec<String>>,
    /// Its share of the first tries, among the model's endpoints that have one; one without is
    /// then tried after them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// What the provider charges; the price where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<PriceRow>,
    /// What the customer pays; list times the multiplier where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceRow>,
}

impl EndpointRow {
    /// An offer of a provider under its own id of the model, not priced yet.
    pub fn new(provider: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            provider: provider.into(),
            model: model.into(),
            context: None,
            max_output: None,
            tag: None,
            data_collection: None,
            zdr: None,
            region: None,
            quantization: Quantization::Unknown,
            parameters: None,
            weight: None,
            list: None,
            price: None,
        }
    }
}

/// Whether a tier can be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TierStatus {
    /// It can.
    #[default]
    Available,
    /// It is announced only: a call is a 503.
    Planned,
}

/// A stable name in front of a changing list of models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierRow {
    /// `brand/name`, in the same name space as models.
    pub id: String,
    /// Whether it can be called.
    #[serde(default, skip_serializing_if = "is_default")]
    pub status: TierStatus,
    /// The level shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// The family shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_family: Option<String>,
    /// What it is good for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_case: Option<String>,
    /// The price band shown, USD per million tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band: Option<[Price; 2]>,
    /// Requests a minute to it, of a key that has no limit of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpm: Option<u32>,
    /// The models behind it, in order of preference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
}

const fn yes() -> bool {
    true
}

const fn default_overhead() -> u64 {
    64
}

const fn is_default_overhead(overhead: &u64) -> bool {
    *overhead == default_overhead()
}

const fn is_true(flag: &bool) -> bool {
    *flag
}

const fn is_false(flag: &bool) -> bool {
    !*flag
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
