//! What one generation used and cost, for the one who paid: `GET /api/v1/generation?id=`, the
//! signed receipt of it with the key that checks it, and taking its charge back where the profile
//! lets a customer do that.

use axum::Json;
use axum::extract::{Path, State};
use catalog::keys::{KeyClass, KeyRow};
use serde::{Deserialize, Serialize};
use units::{GenerationId, TokenClass};

use super::money::Line;
use super::{Number, Wrapped};
use crate::admin::parsed;
use crate::auth::{Customer, Shared};
use crate::books::{GenerationView, Owner, Refunder};
use crate::receipt::{Receipt, ShownKey};
use crate::receive::{MaybeBody, Query};
use crate::refuse::Refusal;

/// `?id=`.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    id: String,
}

/// A generation in the shape of OpenRouter's answer.
#[derive(Serialize)]
pub(crate) struct OwnGeneration {
    id: GenerationId,
    upstream_id: Option<String>,
    model: String,
    provider_name: String,
    created_at: String,
    streamed: bool,
    cancelled: bool,
    finish_reason: Option<String>,
    native_finish_reason: Option<String>,
    tokens_prompt: u64,
    tokens_completion: u64,
    native_tokens_prompt: u64,
    native_tokens_completion: u64,
    native_tokens_reasoning: u64,
    native_tokens_cached: u64,
    native_tokens_completion_images: u64,
    num_search_results: u64,
    usage: Number,
    total_cost: Number,
    total_cost_exact: String,
    /// What the provider charges by its list price, and what was charged beyond it.
    upstream_inference_cost: Number,
    margin: Number,
    usage_source: &'static str,
    refunded: Number,
    latency: u32,
    generation_time: u32,
    is_byok: bool,
    service_tier: Option<String>,
    provider_responses: Vec<Attempt>,
    data_region: &'static str,
    origin: &'static str,
    #[serde(flatten)]
    unknown: Unknown,
}

/// What OpenRouter tells of a generation and nobody here keeps; its clients want to see the names.
#[derive(Default, Serialize)]
struct Unknown {
    api_type: (),
    app_id: (),
    cache_discount: (),
    external_user: (),
    http_referer: (),
    moderation_latency: (),
    num_fetches: (),
    num_input_audio_prompt: (),
    num_media_completion: (),
    num_media_prompt: (),
    preset_id: (),
    router: (),
    user_agent: (),
    web_search_engine: (),
    workspace_id: (),
}

/// `{reason?}`, or no body at all.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Flag {
    #[serde(default)]
    reason: Option<String>,
}

/// One try at a provider.
#[derive(Serialize)]
struct Attempt {
    provider_name: Option<String>,
    status: u16,
    latency: u32,
}

impl From<GenerationView> for OwnGeneration {
    fn from(view: GenerationView) -> Self {
        let used = view.usage;
        let attempt = |attempt: crate::books::AttemptView| Attempt {
            provider_name: attempt.endpoint.map(|endpoint| endpoint.provider),
            status: attempt.status,
            latency: attempt.ms,
        };
        Self {
            id: view.id,
            upstream_id: view.upstream_id,
            model: view.model,
            provider_name: view.endpoint.provider,
            created_at: view.created_at.to_string(),
            streamed: view.stream,
            cancelled: view.outcome == "client_gone",
            native_finish_reason: view.finish_reason.clone(),
            finish_reason: view.finish_reason,
            tokens_prompt: used.input_total(),
            tokens_completion: used.output_total(),
            native_tokens_prompt: used.input_total(),
            native_tokens_completion: used.output_total(),
            native_tokens_reasoning: used[TokenClass::Reasoning],
            native_tokens_cached: used[TokenClass::CacheRead],
            native_tokens_completion_images: used[TokenClass::ImageOutput],
            num_search_results: used[TokenClass::Search],
            usage: Number(view.charged),
            total_cost: Number(view.charged),
            total_cost_exact: view.charged.to_string(),
            upstream_inference_cost: Number(view.list_cost.max(view.byok_cost)),
            margin: Number(view.margin),
            usage_source: view.usage_source,
            refunded: Number(view.refunded),
            latency: view.first_byte_ms,
            generation_time: view.total_ms.saturating_sub(view.first_byte_ms),
            is_byok: view.is_byok,
            service_tier: view.service_tier,
            provider_responses: view.attempts.into_iter().map(attempt).collect(),
            data_region: "global",
            origin: "",
            unknown: Unknown::default(),
        }
    }
}

pub(crate) async fn one(
    State(shared): State<Shared>,
    Customer(key): Customer,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Wrapped<OwnGeneration>>, Refusal> {
    let view = own(&shared, &key, &wanted.id).await?;
    Ok(Json(Wrapped { data: view.into() }))
}

/// A generation that a key may see: a management key its account's, a live key its own.
async fn own(shared: &Shared, key: &KeyRow, id: &str) -> Result<GenerationView, Refusal> {
    let id = parsed("generation", id)?;
    let view = shared.commands.generation(id, Owner::Account(key.account)).await?;
    let is_seen = key.class == KeyClass::Management || view.key_hash == Some(key.digest);
    is_seen.then_some(view).ok_or_else(|| Refusal::not_found("generation", id))
}

pub(crate) async fn receipt(
    State(shared): State<Shared>,
    Customer(key): Customer,
    Path(id): Path<String>,
) -> Result<Json<Receipt>, Refusal> {
    let generation = own(&shared, &key, &id).await?;
    shared.signer.receipt(&generation).map(Json)
}

/// What receipts are checked with: anyone may know it.
pub(crate) async fn receipt_key(State(shared): State<Shared>) -> Json<ShownKey> {
    Json(shared.signer.shown())
}

pub(crate) async fn refund(
    State(shared): State<Shared>,
    Customer(key): Customer,
    Path(id): Path<String>,
    MaybeBody(flag): MaybeBody<Flag>,
) -> Result<Json<Line>, Refusal> {
    let id = own(&shared, &key, &id).await?.id;
    let reason = flag.reason.unwrap_or_else(|| "flagged by the customer".to_owned());
    let by = Refunder::Customer(key.account);
    let booked = shared.commands.refund(id, by, reason).await?;
    Ok(Json(booked.into()))
}
