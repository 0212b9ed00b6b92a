//! Accounts, their credits and their transactions.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;

use super::parsed;
use crate::api::privacy::AccountTerms;
use crate::auth::Shared;
use crate::books::{
    AccountChange, AccountOrder, AccountView, CreditOrder, Listed, Lot, Owner, Page, PayBackOrder,
    TransactionView,
};
use crate::receive::{Body, Query};
use crate::refuse::Refusal;

/// An account in the operator's shape.
#[derive(Serialize)]
pub(crate) struct AccountShown {
    #[serde(flatten)]
    account: AccountView,
    #[serde(flatten)]
    terms: AccountTerms,
}

impl AccountShown {
    fn of(shared: &Shared, account: AccountView) -> Result<Self, Refusal> {
        let terms = AccountTerms::of(shared, &account)?;
        Ok(Self { account, terms })
    }
}

pub(crate) async fn open(
    State(shared): State<Shared>,
    Body(order): Body<AccountOrder>,
) -> Result<(StatusCode, Json<AccountShown>), Refusal> {
    let account = shared.commands.open_account(order).await?;
    Ok((StatusCode::CREATED, Json(AccountShown::of(&shared, account)?)))
}

pub(crate) async fn list(
    State(shared): State<Shared>,
    Query(page): Query<Page>,
) -> Result<Json<Listed<AccountShown>>, Refusal> {
    let Listed { data, next } = shared.commands.accounts(page).await?;
    let shown = data.into_iter().map(|account| AccountShown::of(&shared, account));
    Ok(Json(Listed { data: shown.collect::<Result<_, _>>()?, next }))
}

pub(crate) async fn one(
    State(shared): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<AccountShown>, Refusal> {
    let account = shared.commands.account(parsed("account", &id)?).await?;
    AccountShown::of(&shared, account).map(Json)
}

pub(crate) async fn change(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Body(change): Body<AccountChange>,
) -> Result<Json<AccountShown>, Refusal> {
    let account = shared.commands.change_account(parsed("account", &id)?, change).await?;
    AccountShown::of(&shared, account).map(Json)
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
    shared.commands.statement(parsed("account", &id)?, page).await.map(Json)
}

/// The credits of an account in spending order, used up or not.
pub(crate) async fn lots(
    State(shared): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Vec<Lot>>, Refusal> {
    shared.commands.lots(parsed("account", &id)?, true).await.map(Json)
}

pub(crate) async fn pay_back(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Body(order): Body<PayBackOrder>,
) -> Result<Json<TransactionView>, Refusal> {
    let lot = parsed("top-up", &id)?;
    shared.commands.pay_back(lot, Owner::Anyone, order).await.map(Json)
}
