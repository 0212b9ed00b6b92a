//! `GET /api/v1/balance`, `/api/v1/credits` and `/api/v1/transactions`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use units::{UnixMillis, Usd};

use super::{Number, Wrapped};
use crate::auth::Customer;
use crate::auth::Shared;
use crate::books::{Page, TransactionView};
use crate::receive::Query;
use crate::refuse::Refusal;

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

/// Credit in and usage out, since ever.
#[derive(Serialize)]
pub(crate) struct Credits {
    total_credits: Number,
    total_usage: Number,
}

pub(crate) async fn credits(
    State(shared): State<Shared>,
    Customer(key): Customer,
) -> Result<Json<Wrapped<Credits>>, Refusal> {
    let account = shared.commands.account(key.account).await?;
    let parts = [account.topped_up, account.granted, account.adjusted];
    let data = Credits {
        total_credits: Number(parts.into_iter().sum()),
        total_usage: Number([account.spent, -account.refunded].into_iter().sum()),
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
    description: String,
    #[serde(serialize_with = "crate::books::as_text")]
    created_at: UnixMillis,
}

impl From<TransactionView> for Line {
    fn from(view: TransactionView) -> Self {
        Self {
            kind: view.kind.statement_word(),
            amount: Number(view.amount),
            amount_exact: view.amount,
            description: view.description(),
            created_at: view.created_at,
            id: view.id,
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
