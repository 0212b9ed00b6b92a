//! A customer's own provider keys under `/api/v1/byok`: made, listed, changed and deleted with a
//! management key. No answer holds a key; its label is all there is to know it by.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Wrapped;
use crate::auth::{KeyKeeper, Shared};
use crate::books::{OwnKeyOrder, OwnKeyPatch, OwnKeyView};
use crate::receive::{Body, Query};
use crate::refuse::Refusal;

const LIMIT: usize = 50;
const LIMIT_MAX: usize = 100;

/// `?provider=&offset=&limit=`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    provider: Option<String>,
    #[serde(default)]
    offset: usize,
    limit: Option<usize>,
}

/// Some of the keys, and how many there are.
#[derive(Serialize)]
pub(crate) struct Listed {
    data: Vec<OwnKeyView>,
    total_count: usize,
}

pub(crate) async fn list(
    State(shared): State<Shared>,
    KeyKeeper(key): KeyKeeper,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Listed>, Refusal> {
    let limit = wanted.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        let message = format!("limit is a number from 1 to {LIMIT_MAX}");
        return Err(Refusal::invalid("limit", message));
    }
    let mut keys = shared.commands.own_keys(key.account).await?;
    keys.retain(|key| wanted.provider.as_ref().is_none_or(|wanted| *wanted == key.provider));
    let total_count = keys.len();
    let data = keys.into_iter().skip(wanted.offset).take(limit).collect();
    Ok(Json(Listed { data, total_count }))
}

pub(crate) async fn make(
    State(shared): State<Shared>,
    KeyKeeper(key): KeyKeeper,
    Body(order): Body<OwnKeyOrder>,
) -> Result<(StatusCode, Json<Wrapped<OwnKeyView>>), Refusal> {
    let data = shared.commands.make_own_key(key.account, order).await?;
    Ok((StatusCode::CREATED, Json(Wrapped { data })))
}

pub(crate) async fn one(
    State(shared): State<Shared>,
    KeyKeeper(key): KeyKeeper,
    Path(id): Path<String>,
) -> Result<Json<Wrapped<OwnKeyView>>, Refusal> {
    let data = shared.commands.own_key(key.account, id).await?;
    Ok(Json(Wrapped { data }))
}

pub(crate) async fn change(
    State(shared): State<Shared>,
    KeyKeeper(key): KeyKeeper,
    Path(id): Path<String>,
    Body(patch): Body<OwnKeyPatch>,
) -> Result<Json<Wrapped<OwnKeyView>>, Refusal> {
    let data = shared.commands.change_own_key(key.account, id, patch).await?;
    Ok(Json(Wrapped { data }))
}

pub(crate) async fn delete(
    State(shared): State<Shared>,
    KeyKeeper(key): KeyKeeper,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    shared.commands.delete_own_key(key.account, id).await?;
    Ok(Json(json!({"deleted": true})))
}
