//! `GET /api/v1/balance`, `/api/v1/credits` and `/api/v1/transactions`, and paying a top-up back.

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use units::{GenerationId, UnixMillis, Usd};

use super::{Number, Wrapped};
use crate::admin::parsed;
use crate::auth::{Customer, KeyKeeper, Shared};
use crate::books::{Lot, Owner, Page, PayBackOrder, TransactionView};
use crate::receive::{Body, Query};
use crate::refuse::Refusal;
use crate::terms::Terms;

/// What an account has.
#[derive(Serialize)]
pub(crate) struct Balance {
    balance: Number,
    balance_exact: Usd,
    held_exact: Usd,
    available_exact: Usd,
    currency: &'static str,
}

pub(crate) async fn balance(
    State(shared): State<Shared>,
    Customer(key): Customer,
) -> Result<Json<Balance>, Refusal> {
    let account = shared.commands.account(key.account).await?;
    Ok(Json(Balance {
        balance: Number(account.balance),
        balance_exact: account.balance,
        held_exact: account.held,
        available_exact: account.available,
        currency: "USD",
    }))
}

/// Credit in and usage out, since ever, and the credits with something left, first spent first.
#[derive(Serialize)]
pub(crate) struct Credits {
    total_credits: Number,
    total_usage: Number,
    lots: Vec<Lot>,
}

pub(crate) async fn credits(
    State(shared): State<Shared>,
    Customer(key): Customer,
) -> Result<Json<Wrapped<Credits>>, Refusal> {
    let account = shared.commands.account(key.account).await?;
    // What has ended or gone back is not there to be used: the two totals leave the balance.
    let gone = [-account.expired, -account.paid_back];
    let parts = [account.topped_up, account.granted, account.adjusted].into_iter().chain(gone);
    let data = Credits {
        total_credits: Number(parts.sum()),
        total_usage: Number([account.spent, -account.refunded].into_iter().sum()),
        lots: shared.commands.lots(key.account, false).await?,
    };
    Ok(Json(Wrapped { data }))
}

/// One line of an account's statement.
#[derive(Serialize)]
pub(crate) struct Line {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    amount: Number,
    amount_exact: Usd,
    fee_exact: Usd,
    balance_after_exact: Option<Usd>,
    lot: Option<String>,
    reference: String,
    generation: Option<GenerationId>,
    requests: Option<u64>,
    description: String,
    #[serde(serialize_with = "units::as_text")]
    created_at: UnixMillis,
}

impl From<TransactionView> for Line {
    fn from(view: TransactionView) -> Self {
        Self {
            kind: view.kind.statement_word(),
            amount: Number(view.amount),
            amount_exact: view.amount,
            fee_exact: view.fee,
            balance_after_exact: view.balance_after,
            description: view.description(),
            created_at: view.created_at,
            id: view.id,
            lot: view.lot,
            reference: view.reference,
            generation: view.generation,
            requests: view.requests,
        }
    }
}

/// A page of a statement, newest first.
#[derive(Serialize)]
pub(crate) struct Statement {
    transactions: Vec<Line>,
    next: Option<String>,
}

pub(crate) async fn transactions(
    State(shared): State<Shared>,
    Customer(key): Customer,
    Query(page): Query<Page>,
) -> Result<Json<Statement>, Refusal> {
    let listed = shared.commands.statement(key.account, page).await?;
    let transactions = listed.data.into_iter().map(Line::from).collect();
    Ok(Json(Statement { transactions, next: listed.next }))
}

/// What credit costs here, for whoever may buy some.
pub(crate) async fn terms(State(shared): State<Shared>) -> Json<Terms> {
    Json(Terms::clone(&shared.terms))
}

/// Pays back what is left of a top-up: to who paid it, so not with a key that only spends.
pub(crate) async fn pay_back(
    State(shared): State<Shared>,
    KeyKeeper(key): KeyKeeper,
    Path(id): Path<String>,
    Body(order): Body<PayBackOrder>,
) -> Result<Json<Line>, Refusal> {
    let owner = Owner::Account(key.account);
    let booked = shared.commands.pay_back(parsed("top-up", &id)?, owner, order).await?;
    Ok(Json(booked.into()))
}
