//! The model list as clients of other dialects read it, rendered when they ask: Gemini's
//! `models.list` and `models.get`, Anthropic's `GET /v1/models`.
//!
//! Left out on purpose: pages; the whole list is one.

use serde_json::{Value, json};
use units::UnixMillis;

use super::item::ModelItem;
use super::{Allowance, allows, listed_items};
use crate::catalog::Catalog;
use crate::rows::ModelKind;

/// What may be asked of a chat model in Gemini's dialect.
const METHODS: [&str; 3] = ["generateContent", "streamGenerateContent", "countTokens"];

/// Gemini's list of what a key may use: `{"models": [...]}`.
pub fn gemini_list(catalog: &Catalog, key: Allowance<'_>) -> Vec<u8> {
    let models: Vec<Value> = shown(catalog, key).map(|item| gemini(&item)).collect();
    json!({ "models": models }).to_string().into_bytes()
}

/// One item of it.
pub fn gemini_item(catalog: &Catalog, id: &str, key: Allowance<'_>) -> Option<Vec<u8>> {
    let item = shown(catalog, key).find(|item| item.id == id)?;
    Some(gemini(&item).to_string().into_bytes())
}

/// Anthropic's list of what a key may use.
pub fn anthropic_list(catalog: &Catalog, key: Allowance<'_>) -> Vec<u8> {
    let models: Vec<Value> = shown(catalog, key).map(|item| anthropic(&item)).collect();
    let id = |item: Option<&Value>| item.map_or(Value::Null, |item| item["id"].clone());
    let (first, last) = (id(models.first()), id(models.last()));
    let list = json!({ "data": models, "has_more": false, "first_id": first, "last_id": last });
    list.to_string().into_bytes()
}

/// One item of it.
pub fn anthropic_item(catalog: &Catalog, id: &str, key: Allowance<'_>) -> Option<Vec<u8>> {
    let item = shown(catalog, key).find(|item| item.id == id)?;
    Some(anthropic(&item).to_string().into_bytes())
}

/// The chat models and tiers that a key may use.
fn shown<'c>(catalog: &'c Catalog, key: Allowance<'c>) -> impl Iterator<Item = ModelItem<'c>> {
    let is_chat = |id: &str| catalog.model(id).is_none_or(|model| model.kind == ModelKind::Chat);
    listed_items(catalog)
        .filter(move |(listed, item)| allows(catalog, *listed, key) && is_chat(item.id))
        .map(|(_, item)| item)
}

fn gemini(item: &ModelItem<'_>) -> Value {
    json!({
        "name": format!("models/{}", item.id),
        "baseModelId": item.id,
        "version": "",
        "displayName": item.name,
        "description": item.description,
        "inputTokenLimit": item.context_length,
        "outputTokenLimit": item.top_provider.max_completion_tokens,
        "supportedGenerationMethods": METHODS,
    })
}

fn anthropic(item: &ModelItem<'_>) -> Value {
    let created = UnixMillis(item.created.saturating_mul(1000));
    json!({
        "type": "model",
        "id": item.id,
        "display_name": item.name,
        "created_at": created.to_string(),
    })
}
