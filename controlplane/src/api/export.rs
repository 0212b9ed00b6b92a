//! `GET /api/v1/export`: every request of an account that is logged, newest first, as CSV or JSON.
//!
//! A management key gets the account's, a live key its own. Invariants: pages are read as the
//! caller takes them, so the length of a history is no bound, and the ledger never waits for a slow
//! caller; an export that cannot be finished is cut off, never ended as if it were whole.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::response::Response;
use catalog::keys::KeyRow;
use http_body::Frame;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use units::{KeyDigest, TokenClass};

use super::invoices::{Format, attached};
use super::usage::seen;
use crate::auth::{Customer, Shared};
use crate::books::{GenerationView, Page};
use crate::csv;
use crate::receive::Query;
use crate::refuse::Refusal;

/// Requests that are read at once.
const PAGE: u32 = 500;

/// `?format=&key_id=`.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    format: Format,
    key_id: Option<String>,
}

pub(crate) async fn export(
    State(shared): State<Shared>,
    Customer(key): Customer,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Refusal> {
    let only = seen(&key, wanted.key_id.as_deref())?;
    let (name, kind) = match wanted.format {
        Format::Json => ("requests.json", "application/json"),
        Format::Csv => ("requests.csv", "text/csv; charset=utf-8"),
    };
    let (pieces, body) = mpsc::channel(1);
    tokio::spawn(async move {
        let sheet = Sheet { shared, key, only, format: wanted.format, pieces };
        sheet.write().await;
    });
    Ok(attached(name, kind, Body::new(Pieces(body))))
}

/// An export under way.
struct Sheet {
    shared: Shared,
    key: KeyRow,
    /// The one key whose requests are told.
    only: Option<KeyDigest>,
    format: Format,
    pieces: mpsc::Sender<io::Result<Bytes>>,
}

impl Sheet {
    /// Writes all of it, unless the caller goes away.
    async fn write(self) {
        let mut page = Page { cursor: None, limit: Some(PAGE) };
        let (mut count, mut piece) = (0, beginning(self.format));
        loop {
            let listed = match self.shared.commands.generations(self.key.account, page).await {
                Ok(listed) => listed,
                Err(refusal) => {
                    // Whoever went away needs no news.
                    let _ = self.pieces.send(Err(io::Error::other(refusal.to_string()))).await;
                    return;
                }
            };
            let only = |view: &&GenerationView| self.only.is_none() || view.key_hash == self.only;
            for view in listed.data.iter().filter(only) {
                self.entry(view, count, &mut piece);
                count += 1;
            }
            let next = listed.next;
            if next.is_none() && self.format == Format::Json {
                piece.push_str("\n]\n");
            }
            let sent = self.pieces.send(Ok(std::mem::take(&mut piece).into())).await;
            if sent.is_err() || next.is_none() {
                return;
            }
            page = Page { cursor: next, limit: Some(PAGE) };
        }
    }

    /// Adds a request, behind `count` others.
    fn entry(&self, view: &GenerationView, count: u64, out: &mut String) {
        let cells = cells(view);
        match self.format {
            Format::Csv => {
                out.push_str(&csv::line(cells.iter().map(|(_, value)| match value {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                })));
            }
            Format::Json => {
                let entry: Map<String, Value> =
                    cells.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                out.push_str(if count == 0 { "\n" } else { ",\n" });
                out.push_str(&Value::Object(entry).to_string());
            }
        }
    }
}

fn beginning(format: Format) -> String {
    match format {
        Format::Json => "[".to_owned(),
        Format::Csv => csv::line(TITLES.into_iter().chain(TokenClass::ALL.map(TokenClass::name))),
    }
}

const TITLES: [&str; 22] = [
    "id",
    "created_at",
    "key_hash",
    "model",
    "provider",
    "upstream_model",
    "upstream_id",
    "outcome",
    "status",
    "stream",
    "finish_reason",
    "service_tier",
    "usage_source",
    "charged",
    "refunded",
    "list_cost",
    "price",
    "first_byte_ms",
    "total_ms",
    "output_cap",
    "attempts",
    "held",
];

/// The fields of a request, named by the titles and the token classes.
fn cells(view: &GenerationView) -> Vec<(&'static str, Value)> {
    let values = [
        json!(view.id),
        json!(view.created_at.to_string()),
        json!(view.key_hash.map(|hash| hash.to_string())),
        json!(view.model),
        json!(view.endpoint.provider),
        json!(view.endpoint.model),
        json!(view.upstream_id),
        json!(view.outcome),
        json!(view.status),
        json!(view.stream),
        json!(view.finish_reason),
        json!(view.service_tier),
        json!(view.usage_source),
        json!(view.charged),
        json!(view.refunded),
        json!(view.list_cost),
        json!(view.price),
        json!(view.first_byte_ms),
        json!(view.total_ms),
        json!(view.output_cap),
        json!(view.attempts.len()),
        json!(view.held),
    ];
    let classes = TokenClass::ALL.map(|class| (class.name(), json!(view.usage[class])));
    TITLES.into_iter().zip(values).chain(classes).collect()
}

/// A body that comes in pieces.
struct Pieces(mpsc::Receiver<io::Result<Bytes>>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
