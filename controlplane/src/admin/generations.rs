//! Generations, their receipts, and giving back what one cost.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;

use super::parsed;
use crate::auth::Shared;
use crate::books::{GenerationView, Listed, Owner, Page, Refunder, TransactionView};
use crate::receipt::Receipt;
use crate::receive::{Body, Query};
use crate::refuse::Refusal;

pub(crate) async fn list(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Result<Json<Listed<GenerationView>>, Refusal> {
    shared.commands.generations(parsed("account", &id)?, page).await.map(Json)
}

pub(crate) async fn one(
    State(shared): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<GenerationView>, Refusal> {
    let id = parsed("generation", &id)?;
    shared.commands.generation(id, Owner::Anyone).await.map(Json)
}

pub(crate) async fn receipt(
    State(shared): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Receipt>, Refusal> {
    let id = parsed("generation", &id)?;
    let generation = shared.commands.generation(id, Owner::Anyone).await?;
    shared.signer.receipt(&generation).map(Json)
}

/// `{reason}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefundOrder {
    reason: String,
}

pub(crate) async fn refund(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Body(order): Body<RefundOrder>,
) -> Result<Json<TransactionView>, Refusal> {
    let id = parsed("generation", &id)?;
    shared.commands.refund(id, Refunder::Operator, order.reason).await.map(Json)
}
