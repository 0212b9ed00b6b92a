//! The JSON forms of the model lists: OpenAI's `Model` and OpenRouter's `Model` in one object,
//! OpenRouter's `PublicEndpoint` and `PublicPricing` (see their OpenAPI documents).
//!
//! Prices are what the customer pays, in USD a token as decimal texts; a model shows those of its
//! cheapest endpoint, a tier those of its first model. What we have no figure for is `null`.

use std::borrow::Cow;

use serde::Serialize;
use units::{Price, TokenClass, Usd};

use crate::catalog::{Catalog, Endpoint, Model, Tier};
use crate::modality::Modalities;
use crate::price::{PriceTable, ServiceTier};
use crate::quantization::Quantization;
use crate::rows::ModelKind;

/// A value that is always `null`.
type Null = ();

/// One model or tier of the list.
#[derive(Serialize)]
pub(super) struct ModelItem<'c> {
    pub(super) id: &'c str,
    object: &'static str,
    pub(super) created: u64,
    owned_by: &'c str,
    canonical_slug: &'c str,
    pub(super) name: &'c str,
    pub(super) description: &'c str,
    pub(super) context_length: u64,
    architecture: Architecture,
    pricing: Pricing,
    pub(super) top_provider: TopProvider,
    per_request_limits: Null,
    supported_parameters: &'c [Box<str>],
    default_parameters: Null,
    supported_voices: Null,
    knowledge_cutoff: Null,
    expiration_date: Null,
    hugging_face_id: Null,
    links: Links,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<TierPart<'c>>,
}

#[derive(Serialize)]
struct Links {
    details: String,
}

#[derive(Serialize)]
pub(super) struct TopProvider {
    context_length: u64,
    pub(super) max_completion_tokens: u64,
    is_moderated: bool,
}

/// What a tier says of itself; the models behind it are not shown.
#[derive(Serialize)]
struct TierPart<'c> {
    level: Option<&'c str>,
    model_family: Option<&'c str>,
    use_case: Option<&'c str>,
    band: Option<[Price; 2]>,
    rpm: Option<u32>,
}

impl<'c> ModelItem<'c> {
    pub(super) fn of_model(catalog: &'c Catalog, model: &'c Model) -> Self {
        let shown = cheapest(catalog.endpoints_of(model));
        let (context, output) =
            shown.map_or((model.context, model.max_output), |e| (e.context, e.max_output));
        Self {
            id: &model.id,
            object: "model",
            created: model.created,
            owned_by: model.author(),
            canonical_slug: &model.id,
            name: &model.name,
            description: &model.description,
            context_length: model.context,
            architecture: Architecture::of(model),
            pricing: Pricing::of(model, shown),
            top_provider: TopProvider {
                context_length: context,
                max_completion_tokens: output,
                is_moderated: false,
            },
            per_request_limits: (),
            supported_parameters: &model.parameters,
            default_parameters: (),
            supported_voices: (),
            knowledge_cutoff: (),
            expiration_date: (),
            hugging_face_id: (),
            links: Links { details: format!("/api/v1/models/{}/endpoints", model.id) },
            tier: None,
        }
    }

    /// A tier in the form of its first model; `None` where it has none.
    pub(super) fn of_tier(catalog: &'c Catalog, tier: &'c Tier) -> Option<Self> {
        let model = catalog.models_of(tier).next()?;
        let slug = tier.id.split_once('/').map_or(&*tier.id, |(_, slug)| slug);
        Some(Self {
            id: &tier.id,
            owned_by: tier.id.split_once('/').map_or(&*tier.id, |(author, _)| author),
            canonical_slug: &tier.id,
            name: slug,
            created: 0,
            description: tier.use_case.as_deref().unwrap_or(""),
            links: Links { details: format!("/v1/models/{}", tier.id) },
            tier: Some(TierPart {
                level: tier.level.as_deref(),
                model_family: tier.model_family.as_deref(),
                use_case: tier.use_case.as_deref(),
                band: tier.band,
                rpm: tier.rpm,
            }),
            ..Self::of_model(catalog, model)
        })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        write_json(self, out);
    }
}

#[derive(Serialize)]
struct Architecture {
    modality: String,
    input_modalities: Vec<&'static str>,
    output_modalities: Vec<&'static str>,
    tokenizer: &'static str,
    instruct_type: Null,
}

impl Architecture {
    fn of(model: &Model) -> Self {
        let input_modalities: Vec<_> = model.input_modalities.names().collect();
        let output_modalities: Vec<_> = match model.kind {
            ModelKind::Chat => model.output_modalities.names().collect(),
            ModelKind::Embedding => vec!["embeddings"],
        };
        let modality = format!("{}->{}", input_modalities.join("+"), output_modalities.join("+"));
        let tokenizer = "Other";
        Self { modality, input_modalities, output_modalities, tokenizer, instruct_type: () }
    }
}

/// USD a token, or a piece, as decimal texts.
#[derive(Default, Serialize)]
struct Pricing {
    prompt: Usd,
    completion: Usd,
    request: Usd,
    web_search: Usd,
    internal_reasoning: Usd,
    input_cache_read: Usd,
    input_cache_write: Usd,
    input_cache_write_1h: Usd,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_token: Option<Usd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_output: Option<Usd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio: Option<Usd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_output: Option<Usd>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    overrides: Vec<Override>,
}

/// The prices of the default tier above a prompt size.
#[derive(Serialize)]
struct Override {
    min_prompt_tokens: u64,
    prompt: Usd,
    completion: Usd,
    internal_reasoning: Usd,
    input_cache_read: Usd,
    input_cache_write: Usd,
    input_cache_write_1h: Usd,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio: Option<Usd>,
}

impl Pricing {
    fn of(model: &Model, endpoint: Option<&Endpoint>) -> Self {
        let Some(endpoint) = endpoint else { return Self::default() };
        let (inputs, outputs) = (model.input_modalities, model.output_modalities);
        let table = &endpoint.price;
        let usd = |class| table.base(class).usd_per_token();
        Self {
            prompt: usd(TokenClass::Input),
            completion: usd(TokenClass::Output),
            request: usd(TokenClass::Request),
            web_search: usd(TokenClass::Search),
            internal_reasoning: usd(TokenClass::Reasoning),
            input_cache_read: usd(TokenClass::CacheRead),
            input_cache_write: usd(TokenClass::CacheWrite),
            input_cache_write_1h: usd(TokenClass::CacheWrite1h),
            image_token: inputs.has(Modalities::IMAGE).then(|| usd(TokenClass::ImageInput)),
            image_output: outputs.has(Modalities::IMAGE).then(|| usd(TokenClass::ImageOutput)),
            audio: inputs.has(Modalities::AUDIO).then(|| usd(TokenClass::AudioInput)),
            audio_output: outputs.has(Modalities::AUDIO).then(|| usd(TokenClass::AudioOutput)),
            overrides: table.sizes().map(|size| Override::of(table, size, inputs)).collect(),
        }
    }
}

impl Override {
    fn of(table: &PriceTable, size: u64, inputs: Modalities) -> Self {
        let above = size.saturating_add(1);
        let usd = |class| table.price(class, above, ServiceTier::Default).usd_per_token();
        Self {
            min_prompt_tokens: size,
            prompt: usd(TokenClass::Input),
            completion: usd(TokenClass::Output),
            internal_reasoning: usd(TokenClass::Reasoning),
            input_cache_read: usd(TokenClass::CacheRead),
            input_cache_write: usd(TokenClass::CacheWrite),
            input_cache_write_1h: usd(TokenClass::CacheWrite1h),
            audio: inputs.has(Modalities::AUDIO).then(|| usd(TokenClass::AudioInput)),
        }
    }
}

/// A model with everywhere it can be had.
#[derive(Serialize)]
pub(super) struct EndpointsItem<'c> {
    id: &'c str,
    name: &'c str,
    created: u64,
    description: &'c str,
    architecture: Architecture,
    endpoints: Vec<EndpointItem<'c>>,
}

#[derive(Serialize)]
struct EndpointItem<'c> {
    name: String,
    model_id: &'c str,
    model_name: &'c str,
    provider_name: &'c str,
    tag: Cow<'c, str>,
    context_length: u64,
    max_completion_tokens: u64,
    max_prompt_tokens: u64,
    pricing: Pricing,
    quantization: Option<&'static str>,
    status: i8,
    supported_parameters: &'c [Box<str>],
    supports_implicit_caching: bool,
    uptime_last_5m: Null,
    uptime_last_30m: Null,
    uptime_last_1d: Null,
    latency_last_30m: Null,
    throughput_last_30m: Null,
    service_tier: Null,
    native_tools: NoTools,
    supports_diarization: bool,
    supports_tool_choice: ToolChoices,
}

/// No tool is run by a provider itself.
#[derive(Serialize)]
struct NoTools {}

/// Which values of `tool_choice` an endpoint takes.
#[derive(Serialize)]
struct ToolChoices {
    auto: bool,
    none: bool,
    required: bool,
    function: bool,
}

impl ToolChoices {
    fn of(endpoint: &Endpoint) -> Self {
        let takes = endpoint.parameters.iter().any(|known| &**known == "tool_choice");
        Self { auto: takes, none: takes, required: takes, function: takes }
    }
}

impl<'c> EndpointsItem<'c> {
    pub(super) fn of(catalog: &'c Catalog, model: &'c Model) -> Self {
        let endpoints = catalog.endpoints_of(model).iter();
        Self {
            id: &model.id,
            name: &model.name,
            created: model.created,
            description: &model.description,
            architecture: Architecture::of(model),
            endpoints: endpoints.map(|endpoint| endpoint_item(catalog, model, endpoint)).collect(),
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        write_json(self, out);
    }
}

fn endpoint_item<'c>(
    catalog: &'c Catalog,
    model: &'c Model,
    endpoint: &'c Endpoint,
) -> EndpointItem<'c> {
    let provider = &*catalog.provider(endpoint.provider).id;
    let price = |class| endpoint.price.base(class);
    EndpointItem {
        name: format!("{provider}: {}", model.name),
        model_id: &model.id,
        model_name: &model.name,
        provider_name: provider,
        tag: match &endpoint.tag {
            Some(tag) => format!("{provider}/{tag}").into(),
            None => provider.into(),
        },
        context_length: endpoint.context,
        max_completion_tokens: endpoint.max_output,
        max_prompt_tokens: endpoint.context,
        pricing: Pricing::of(model, Some(endpoint)),
        quantization: Some(endpoint.quantization)
            .filter(|level| *level != Quantization::Unknown)
            .map(Quantization::name),
        status: 0,
        supported_parameters: &endpoint.parameters,
        supports_implicit_caching: price(TokenClass::CacheRead) < price(TokenClass::Input),
        uptime_last_5m: (),
        uptime_last_30m: (),
        uptime_last_1d: (),
        latency_last_30m: (),
        throughput_last_30m: (),
        service_tier: (),
        native_tools: NoTools {},
        supports_diarization: false,
        supports_tool_choice: ToolChoices::of(endpoint),
    }
}

/// The endpoint whose input and output tokens together cost least; the first of equals.
fn cheapest(endpoints: &[Endpoint]) -> Option<&Endpoint> {
    endpoints.iter().min_by_key(|endpoint| {
        let pico = |class| u128::from(endpoint.price.base(class).pico());
        pico(TokenClass::Input) + pico(TokenClass::Output)
    })
}

/// Writing plain structures into memory does not fail.
fn write_json(value: &impl Serialize, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, value);
}
