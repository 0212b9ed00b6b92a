//! `GET /api/v1/invoices` and `/api/v1/invoices/{month}`, as JSON or CSV; the operator's alike.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Wrapped;
use crate::admin::parsed;
use crate::auth::{Customer, Shared};
use crate::books::{InvoiceSums, InvoiceView};
use crate::csv;
use crate::receive::Query;
use crate::refuse::Refusal;

/// `?format=`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    #[default]
    Json,
    Csv,
}

/// In which form.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    format: Format,
}

pub(crate) async fn mine(
    State(shared): State<Shared>,
    Customer(key): Customer,
) -> Result<Json<Wrapped<Vec<InvoiceSums>>>, Refusal> {
    Ok(Json(Wrapped { data: shared.commands.invoices(key.account).await? }))
}

pub(crate) async fn my_month(
    State(shared): State<Shared>,
    Customer(key): Customer,
    Path(month): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Refusal> {
    Ok(shown(shared.commands.invoice(key.account, month).await?, wanted.format))
}

pub(crate) async fn list(
    State(shared): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Wrapped<Vec<InvoiceSums>>>, Refusal> {
    Ok(Json(Wrapped { data: shared.commands.invoices(parsed("account", &id)?).await? }))
}

pub(crate) async fn month(
    State(shared): State<Shared>,
    Path((id, month)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Refusal> {
    Ok(shown(shared.commands.invoice(parsed("account", &id)?, month).await?, wanted.format))
}

fn shown(invoice: InvoiceView, format: Format) -> Response {
    match format {
        Format::Json => Json(invoice).into_response(),
        Format::Csv => {
            let name = format!("invoice-{}-{}.csv", invoice.account, invoice.sums.month);
            attached(&name, "text/csv; charset=utf-8", table(&invoice).into())
        }
    }
}

/// An answer that a browser keeps as a file.
pub(super) fn attached(name: &str, kind: &'static str, body: axum::body::Body) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let fields =
        [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    (fields, body).into_response()
}

const TITLES: [&str; 11] = [
    "section",
    "date",
    "description",
    "model",
    "provider",
    "class",
    "quantity",
    "price_per_million",
    "amount",
    "fee",
    "balance",
];

/// Lines from the opening to the closing balance: the amounts between them are the difference.
fn table(invoice: &InvoiceView) -> String {
    let sums = &invoice.sums;
    let mut out = csv::line(TITLES);
    let mut add = |fields: [&str; 11]| out.push_str(&csv::line(fields));
    let opening = sums.opening_balance.to_string();
    add(balance("opening", &invoice.begins.date(), "Opening balance", "", &opening));
    for row in &invoice.transactions {
        let (date, told) = (row.created_at.date(), row.description());
        let (amount, fee) = (row.amount.to_string(), row.fee.to_string());
        add([row.kind.statement_word(), &date, &told, "", "", "", "", "", &amount, &fee, ""]);
    }
    for line in &invoice.usage {
        let (model, provider) = (&*line.model, &*line.provider);
        for class in &line.classes {
            let (name, price) = (class.class.name(), class.price_per_million.to_string());
            let (quantity, amount) = (class.quantity.to_string(), (-class.amount).to_string());
            add([
                "usage",
                &sums.month,
                "",
                model,
                provider,
                name,
                &quantity,
                &price,
                &amount,
                "",
                "",
            ]);
        }
        if !line.other.is_zero() {
            let (told, amount) = ("Conditional prices and cut answers", (-line.other).to_string());
            add(["usage", &sums.month, told, model, provider, "", "", "", &amount, "", ""]);
        }
    }
    let (closing, fees) = (sums.closing_balance.to_string(), sums.fees.to_string());
    add(balance("closing", &invoice.ends.date(), "Closing balance", &fees, &closing));
    out
}

/// The fields of a line that tells a balance.
fn balance<'t>(
    section: &'t str,
    date: &'t str,
    told: &'t str,
    fees: &'t str,
    balance: &'t str,
) -> [&'t str; 11] {
    [section, date, told, "", "", "", "", "", "", fees, balance]
}
