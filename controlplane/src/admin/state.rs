//! How things are: audit, status, data planes, metrics, liveness and readiness.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde::Deserialize;
use units::DataPlaneId;

use super::catalog::Flag;
use super::parsed;
use crate::auth::Shared;
use crate::books::{AuditView, PlaneView, StatusView};
use crate::metrics;
use crate::receive::Query;
use crate::refuse::Refusal;

/// `?full=1`.
#[derive(Deserialize)]
pub(crate) struct Depth {
    #[serde(default)]
    full: Flag,
}

pub(crate) async fn audit(
    State(shared): State<Shared>,
    Query(depth): Query<Depth>,
) -> Result<Json<AuditView>, Refusal> {
    shared.commands.audit(depth.full == Flag::Set).await.map(Json)
}

pub(crate) async fn rebuild(State(shared): State<Shared>) -> Result<Json<AuditView>, Refusal> {
    shared.commands.rebuild().await.map(Json)
}

pub(crate) async fn status(State(shared): State<Shared>) -> Result<Json<StatusView>, Refusal> {
    shared.commands.status().await.map(Json)
}

pub(crate) async fn dataplanes(
    State(shared): State<Shared>,
) -> Result<Json<Vec<PlaneView>>, Refusal> {
    shared.commands.data_planes().await.map(Json)
}

pub(crate) async fn fence(
    State(shared): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<PlaneView>, Refusal> {
    let number: u16 = parsed("data plane", &id)?;
    shared.commands.fence(DataPlaneId(number)).await.map(Json)
}

pub(crate) async fn metrics(State(shared): State<Shared>) -> Result<impl IntoResponse, Refusal> {
    let status = shared.commands.status().await?;
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, metrics::render(&status)))
}

/// Answers without asking anybody: the process runs.
pub(crate) async fn live() -> &'static str {
    "live\n"
}

/// Answers once the ledger thread does, which it stops doing when its journal fails.
pub(crate) async fn ready(State(shared): State<Shared>) -> Result<&'static str, Refusal> {
    shared.commands.ready().await?;
    Ok("ready\n")
}
