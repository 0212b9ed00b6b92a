//! Accounts, their credits and their transactions.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;

use super::parsed;
use crate::auth::Shared;
use crate::books::{AccountChange, AccountView, CreditOrder, Listed, Page, TransactionView};
use crate::receive::{Body, Query};
use crate::refuse::Refusal;

/// `{name}`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Opening {
    name: String,
}

pub(crate) async fn open(
    State(shared): State<Shared>,
    Body(opening): Body<Opening>,
) -> Result<(StatusCode, Json<AccountView>), Refusal> {
    let account = shared.commands.open_account(opening.name).await?;
    Ok((StatusCode::CREATED, Json(account)))
}

pub(crate) async fn list(
    State(shared): State<Shared>,
    Query(page): Query<Page>,
) -> Result<Json<Listed<AccountView>>, Refusal> {
    shared.commands.accounts(page).await.map(Json)
}

pub(crate) async fn one(
    State(shared): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<AccountView>, Refusal> {
    shared.commands.account(parsed("account", &id)?).await.map(Json)
}

pub(crate) async fn change(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Body(change): Body<AccountChange>,
) -> Result<Json<AccountView>, Refusal> {
    shared.commands.change_account(parsed("account", &id)?, change).await.map(Json)
}

pub(crate) async fn credit(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Body(order): Body<CreditOrder>,
) -> Result<Json<TransactionView>, Refusal> {
    shared.commands.credit(parsed("account", &id)?, order).await.map(Json)
}

pub(crate) async fn transactions(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Query(page): Query<Page>,
) -> Result<Json<Listed<TransactionView>>, Refusal> {
    shared.commands.transactions(parsed("account", &id)?, page).await.map(Json)
}
