//! The keys of an account, as the operator makes and changes them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use catalog::keys::{KeyClass, LimitReset};
use serde::Serialize;
use serde_json::{Value, json};
use units::{AccountId, KeyDigest, UnixMillis, Usd};

use super::parsed;
use crate::api::privacy::{Effective, PrivacyShown};
use crate::auth::Shared;
use crate::books::{KeyOrder, KeyPatch, KeyView, Owner};
use crate::receive::Body;
use crate::refuse::Refusal;

/// A key in the operator's shape.
#[derive(Serialize)]
pub(crate) struct KeyShown {
    hash: KeyDigest,
    account: AccountId,
    name: String,
    label: String,
    class: KeyClass,
    disabled: bool,
    limit: Option<Usd>,
    limit_remaining: Option<Usd>,
    limit_reset: Option<LimitReset>,
    usage: Usd,
    usage_daily: Usd,
    usage_weekly: Usd,
    usage_monthly: Usd,
    byok_usage: Usd,
    rpm: Option<u32>,
    tpm: Option<u64>,
    rpd: Option<u32>,
    concurrency: Option<u32>,
    expires_at: Option<String>,
    allowed_models: Option<Vec<String>>,
    allowed_providers: Option<Vec<String>>,
    #[serde(flatten)]
    privacy: PrivacyShown,
    effective: Effective,
    created_at: String,
}

impl From<KeyView> for KeyShown {
    fn from(view: KeyView) -> Self {
        let KeyView { row, served, usage, own_cost, limit_remaining, .. } = view;
        let text = |instant: UnixMillis| instant.to_string();
        Self {
            hash: row.digest,
            account: row.account,
            name: row.name,
            label: row.label,
            class: row.class,
            disabled: row.disabled,
            limit: row.limit,
            limit_remaining,
            limit_reset: row.limit_reset,
            usage: usage.total,
            usage_daily: usage.daily,
            usage_weekly: usage.weekly,
            usage_monthly: usage.monthly,
            byok_usage: own_cost.total,
            rpm: row.rpm,
            tpm: row.tpm,
            rpd: row.rpd,
            concurrency: row.concurrency,
            expires_at: row.expires_at.map(text),
            allowed_models: row.allowed_models,
            allowed_providers: row.allowed_providers,
            privacy: row.privacy.into(),
            effective: served.into(),
            created_at: text(row.created_at),
        }
    }
}

/// A key with its text, which is shown this once.
#[derive(Serialize)]
pub(crate) struct KeyTold {
    key: String,
    #[serde(flatten)]
    shown: KeyShown,
}

pub(crate) async fn make(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Body(order): Body<KeyOrder>,
) -> Result<(StatusCode, Json<KeyTold>), Refusal> {
    let made = shared.commands.make_key(parsed("account", &id)?, Owner::Anyone, order).await?;
    let key = made.text.reveal().to_owned();
    Ok((StatusCode::CREATED, Json(KeyTold { key, shown: made.view.into() })))
}

pub(crate) async fn list(
    State(shared): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let keys = shared.commands.keys(parsed("account", &id)?).await?;
    let shown: Vec<KeyShown> = keys.into_iter().map(KeyShown::from).collect();
    Ok(Json(json!({"data": shown, "next": null})))
}

pub(crate) async fn one(
    State(shared): State<Shared>,
    Path(hash): Path<String>,
) -> Result<Json<KeyShown>, Refusal> {
    let view = shared.commands.key(parsed("key", &hash)?, Owner::Anyone).await?;
    Ok(Json(view.into()))
}

pub(crate) async fn change(
    State(shared): State<Shared>,
    Path(hash): Path<String>,
    Body(patch): Body<KeyPatch>,
) -> Result<Json<KeyShown>, Refusal> {
    let view = shared.commands.change_key(parsed("key", &hash)?, Owner::Anyone, patch).await?;
    Ok(Json(view.into()))
}

pub(crate) async fn delete(
    State(shared): State<Shared>,
    Path(hash): Path<String>,
) -> Result<Json<Value>, Refusal> {
    shared.commands.delete_key(parsed("key", &hash)?, Owner::Anyone).await?;
    Ok(Json(json!({"deleted": true})))
}
