//! Providers, models, tiers, and the catalog as a whole.
//!
//! A put carries the row in the catalog file's own names; `id` may be left to the path. Every
//! write is compiled before anything changes and refused with all complaints at once.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use catalog::rows::{CatalogRows, ModelRow, ProviderRow, TierRow};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use serde_json::value::RawValue;

use crate::auth::Shared;
use crate::books::{CatalogChange, CatalogEdit, masked};
use crate::receive::{Body, LargeBody, Query, parse_json};
use crate::refuse::Refusal;

const GENERATION: HeaderName = HeaderName::from_static("x-generation");

type Row = Box<RawValue>;

async fn rows(shared: &Shared) -> Result<CatalogRows, Refusal> {
    shared.commands.catalog().await.map(masked)
}

pub(crate) async fn whole(State(shared): State<Shared>) -> Result<Json<CatalogRows>, Refusal> {
    rows(&shared).await.map(Json)
}

/// `?dry_run=true`.
#[derive(Deserialize)]
pub(crate) struct DryRun {
    #[serde(default)]
    dry_run: Flag,
}

/// A flag in a query: `1` and `true` (or nothing after the name) set it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Flag {
    #[default]
    #[serde(rename = "0", alias = "false")]
    Unset,
    #[serde(rename = "1", alias = "true", alias = "")]
    Set,
}

pub(crate) async fn apply(
    State(shared): State<Shared>,
    Query(query): Query<DryRun>,
    LargeBody(rows): LargeBody<CatalogRows>,
) -> Result<Json<CatalogChange>, Refusal> {
    let dry_run = query.dry_run == Flag::Set;
    shared.commands.edit_catalog(CatalogEdit::Whole(rows), dry_run).await.map(Json)
}

pub(crate) async fn providers(
    State(shared): State<Shared>,
) -> Result<Json<Vec<ProviderRow>>, Refusal> {
    Ok(Json(rows(&shared).await?.provider))
}

pub(crate) async fn provider(
    State(shared): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<ProviderRow>, Refusal> {
    let found = rows(&shared).await?.provider.into_iter().find(|row| row.id == id);
    found.map(Json).ok_or_else(|| Refusal::not_found("provider", id))
}

pub(crate) async fn put_provider(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Body(row): Body<Row>,
) -> Result<Response, Refusal> {
    let row: ProviderRow = row_of(&id, &row, |row: &ProviderRow| &row.id)?;
    let change = shared.commands.edit_catalog(CatalogEdit::PutProvider(row), false).await?;
    Ok(put_answer(&change, provider(State(shared), Path(id)).await?))
}

pub(crate) async fn delete_provider(
    State(shared): State<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    delete(&shared, CatalogEdit::RemoveProvider(id)).await
}

pub(crate) async fn models(State(shared): State<Shared>) -> Result<Json<Vec<ModelRow>>, Refusal> {
    Ok(Json(rows(&shared).await?.model))
}

pub(crate) async fn model(
    State(shared): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<ModelRow>, Refusal> {
    let found = rows(&shared).await?.model.into_iter().find(|row| row.id == id);
    found.map(Json).ok_or_else(|| Refusal::not_found("model", id))
}

pub(crate) async fn put_model(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Body(row): Body<Row>,
) -> Result<Response, Refusal> {
    let row: ModelRow = row_of(&id, &row, |row: &ModelRow| &row.id)?;
    let change = shared.commands.edit_catalog(CatalogEdit::PutModel(row), false).await?;
    Ok(put_answer(&change, model(State(shared), Path(id)).await?))
}

pub(crate) async fn delete_model(
    State(shared): State<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    delete(&shared, CatalogEdit::RemoveModel(id)).await
}

pub(crate) async fn tiers(State(shared): State<Shared>) -> Result<Json<Vec<TierRow>>, Refusal> {
    Ok(Json(rows(&shared).await?.tier))
}

pub(crate) async fn tier(
    State(shared): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<TierRow>, Refusal> {
    let found = rows(&shared).await?.tier.into_iter().find(|row| row.id == id);
    found.map(Json).ok_or_else(|| Refusal::not_found("tier", id))
}

pub(crate) async fn put_tier(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Body(row): Body<Row>,
) -> Result<Response, Refusal> {
    let row: TierRow = row_of(&id, &row, |row: &TierRow| &row.id)?;
    let change = shared.commands.edit_catalog(CatalogEdit::PutTier(row), false).await?;
    Ok(put_answer(&change, tier(State(shared), Path(id)).await?))
}

pub(crate) async fn delete_tier(
    State(shared): State<Shared>,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    delete(&shared, CatalogEdit::RemoveTier(id)).await
}

async fn delete(shared: &Shared, edit: CatalogEdit) -> Result<Response, Refusal> {
    let change = shared.commands.edit_catalog(edit, false).await?;
    Ok(put_answer(&change, Json(json!({"deleted": true, "generation": change.generation}))))
}

/// The row with the generation that holds it, in a header so that the row can be put back as is.
fn put_answer(change: &CatalogChange, row: impl IntoResponse) -> Response {
    let mut response = row.into_response();
    response.headers_mut().insert(GENERATION, HeaderValue::from(change.generation));
    response
}

/// Reads a row whose id may be left to the path, and must agree with it.
fn row_of<R: DeserializeOwned>(
    id: &str,
    body: &RawValue,
    id_of: impl Fn(&R) -> &String,
) -> Result<R, Refusal> {
    #[derive(Deserialize)]
    struct Named {
        id: Option<serde::de::IgnoredAny>,
    }
    let text = body.get();
    let named: Named = parse_json(text.as_bytes())?;
    let row: R = match (named.id, text.strip_prefix('{')) {
        (None, Some(rest)) => {
            let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
            parse_json(format!("{{\"id\":{}{comma}{rest}", json!(id)).as_bytes())?
        }
        _ => parse_json(text.as_bytes())?,
    };
    if id_of(&row) != id {
        let message = format!("the body's id {:?} is not the path's {id:?}", id_of(&row));
        return Err(Refusal::invalid("id", message));
    }
    Ok(row)
}
