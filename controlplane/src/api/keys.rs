//! `GET /api/v1/key`, and a customer's own management of keys under `/api/v1/keys`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use catalog::keys::{KeyClass, LimitReset};
use serde::Serialize;
use serde_json::{Value, json};
use units::KeyDigest;

use super::privacy::{Effective, PrivacyShown};
use super::{Number, Wrapped};
use crate::admin::parsed;
use crate::auth::Shared;
use crate::auth::{Customer, KeyKeeper};
use crate::books::{KeyOrder, KeyPatch, KeyView, Owner};
use crate::receive::Body;
use crate::refuse::Refusal;

/// A key in its owner's shape.
#[derive(Serialize)]
pub(crate) struct OwnKey {
    hash: KeyDigest,
    label: String,
    name: String,
    key_type: &'static str,
    disabled: bool,
    limit: Option<Number>,
    limit_remaining: Option<Number>,
    limit_reset: Option<LimitReset>,
    include_byok_in_limit: bool,
    usage: Number,
    usage_daily: Number,
    usage_weekly: Number,
    usage_monthly: Number,
    byok_usage: Number,
    byok_usage_daily: Number,
    byok_usage_weekly: Number,
    byok_usage_monthly: Number,
    is_free_tier: bool,
    is_management_key: bool,
    is_provisioning_key: bool,
    rpm: Option<u32>,
    tpm: Option<u64>,
    rpd: Option<u32>,
    concurrency: Option<u32>,
    allowed_models: Option<Vec<String>>,
    allowed_providers: Option<Vec<String>>,
    #[serde(flatten)]
    privacy: PrivacyShown,
    effective: Effective,
    expires_at: Option<String>,
    created_at: String,
    updated_at: Option<String>,
    workspace_id: String,
    #[serde(flatten)]
    unknown: Unknown,
}

/// What OpenRouter tells of a key and nobody here keeps; its clients want to see the names.
#[derive(Serialize)]
struct Unknown {
    creator_user_id: (),
    organization_id: (),
    external_user: (),
    last_used_at: (),
    effective_budget: (),
    budgets: [(); 0],
    allowed_data_regions: [&'static str; 1],
    rate_limit: RateLimit,
    free_model_daily_requests: FreeRequests,
}

#[derive(Serialize)]
struct RateLimit {
    requests: i32,
    interval: &'static str,
    note: &'static str,
}

/// Requests to free models in a day, of the account.
#[derive(Serialize)]
struct FreeRequests {
    limit: u32,
    used: u32,
    remaining: u32,
}

const UNKNOWN: Unknown = Unknown {
    creator_user_id: (),
    organization_id: (),
    external_user: (),
    last_used_at: (),
    effective_budget: (),
    budgets: [],
    allowed_data_regions: ["global"],
    rate_limit: RateLimit { requests: -1, interval: "10s", note: "see `effective`" },
    free_model_daily_requests: FreeRequests { limit: 0, used: 0, remaining: 0 },
};

impl From<KeyView> for OwnKey {
    fn from(view: KeyView) -> Self {
        let KeyView { row, served, usage, own_cost, limit_remaining, never_bought } = view;
        let manages = row.class == KeyClass::Management;
        Self {
            hash: row.digest,
            label: row.label,
            name: row.name,
            key_type: if manages { "management" } else { "regular" },
            disabled: row.disabled,
            limit: row.limit.map(Number),
            limit_remaining: limit_remaining.map(Number),
            limit_reset: row.limit_reset,
            include_byok_in_limit: false,
            usage: Number(usage.total),
            usage_daily: Number(usage.daily),
            usage_weekly: Number(usage.weekly),
            usage_monthly: Number(usage.monthly),
            byok_usage: Number(own_cost.total),
            byok_usage_daily: Number(own_cost.daily),
            byok_usage_weekly: Number(own_cost.weekly),
            byok_usage_monthly: Number(own_cost.monthly),
            is_free_tier: never_bought,
            is_management_key: manages,
            is_provisioning_key: manages,
            rpm: row.rpm,
            tpm: row.tpm,
            rpd: row.rpd,
            concurrency: row.concurrency,
            allowed_models: row.allowed_models,
            allowed_providers: row.allowed_providers,
            privacy: row.privacy.into(),
            effective: served.into(),
            expires_at: row.expires_at.map(|at| at.to_string()),
            created_at: row.created_at.to_string(),
            updated_at: None,
            workspace_id: row.account.to_string(),
            unknown: UNKNOWN,
        }
    }
}

/// A key with its text, which is shown this once.
#[derive(Serialize)]
pub(crate) struct OwnKeyTold {
    data: OwnKey,
    key: String,
}

pub(crate) async fn mine(
    State(shared): State<Shared>,
    Customer(key): Customer,
) -> Result<Json<Wrapped<OwnKey>>, Refusal> {
    let view = shared.commands.key(key.digest, Owner::Account(key.account)).await?;
    Ok(Json(Wrapped { data: view.into() }))
}

pub(crate) async fn list(
    State(shared): State<Shared>,
    KeyKeeper(key): KeyKeeper,
) -> Result<Json<Wrapped<Vec<OwnKey>>>, Refusal> {
    let keys = shared.commands.keys(key.account).await?;
    Ok(Json(Wrapped { data: keys.into_iter().map(OwnKey::from).collect() }))
}

pub(crate) async fn make(
    State(shared): State<Shared>,
    KeyKeeper(key): KeyKeeper,
    Body(order): Body<KeyOrder>,
) -> Result<(StatusCode, Json<OwnKeyTold>), Refusal> {
    let owner = Owner::Account(key.account);
    let made = shared.commands.make_key(key.account, owner, order).await?;
    let told = OwnKeyTold { key: made.text.reveal().to_owned(), data: made.view.into() };
    Ok((StatusCode::CREATED, Json(told)))
}

pub(crate) async fn one(
    State(shared): State<Shared>,
    KeyKeeper(key): KeyKeeper,
    Path(hash): Path<String>,
) -> Result<Json<Wrapped<OwnKey>>, Refusal> {
    let owner = Owner::Account(key.account);
    let view = shared.commands.key(parsed("key", &hash)?, owner).await?;
    Ok(Json(Wrapped { data: view.into() }))
}

pub(crate) async fn change(
    State(shared): State<Shared>,
    KeyKeeper(key): KeyKeeper,
    Path(hash): Path<String>,
    Body(patch): Body<KeyPatch>,
) -> Result<Json<Wrapped<OwnKey>>, Refusal> {
    let owner = Owner::Account(key.account);
    let view = shared.commands.change_key(parsed("key", &hash)?, owner, patch).await?;
    Ok(Json(Wrapped { data: view.into() }))
}

pub(crate) async fn delete(
    State(shared): State<Shared>,
    KeyKeeper(key): KeyKeeper,
    Path(hash): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let owner = Owner::Account(key.account);
    shared.commands.delete_key(parsed("key", &hash)?, owner).await?;
    Ok(Json(json!({"deleted": true, "data": {"deleted": true}})))
}
