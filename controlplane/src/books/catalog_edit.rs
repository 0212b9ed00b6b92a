//! Edits of the catalog's rows, what they change, and how secrets in them are shown.
//!
//! Pure: rows in, rows and a list of changes out; compiling and numbering is the ledger thread's.
//! Invariant: a literal secret leaves only masked, and a masked one that comes back means the
//! secret that stands there already; references (`env:`, `file:`) are shown as they are.

use std::collections::HashMap;

use catalog::rows::{CatalogRows, ModelRow, ProviderRow, TierRow};
use serde::Serialize;

use crate::refuse::Refusal;

/// What to change.
#[derive(Clone, Debug)]
pub enum CatalogEdit {
    /// Replace everything.
    Whole(CatalogRows),
    /// Put a provider, new or in place of the one of that id.
    PutProvider(ProviderRow),
    /// Remove a provider.
    RemoveProvider(String),
    /// Put a model.
    PutModel(ModelRow),
    /// Remove a model.
    RemoveModel(String),
    /// Put a tier.
    PutTier(TierRow),
    /// Remove a tier.
    RemoveTier(String),
}

/// What an edit did, or would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CatalogChange {
    /// The configuration generation that holds the result.
    pub generation: u64,
    /// Row by row.
    pub changes: Vec<RowChange>,
    /// What is allowed but looks like a mistake.
    pub warnings: Vec<String>,
}

/// One row that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowChange {
    /// `provider`, `model` or `tier`.
    pub kind: &'static str,
    /// Which one.
    pub id: String,
    /// `added`, `removed`, `changed` or `moved`.
    pub change: &'static str,
    /// The fields that differ, where it was changed.
    pub fields: Vec<String>,
}

impl CatalogEdit {
    /// The rows after the edit.
    pub(crate) fn apply(self, rows: &CatalogRows) -> Result<CatalogRows, Refusal> {
        let mut new = rows.clone();
        match self {
            Self::Whole(whole) => new = whole,
            Self::PutProvider(row) => put(&mut new.provider, row, |row| &row.id),
            Self::PutModel(row) => put(&mut new.model, row, |row| &row.id),
            Self::PutTier(row) => put(&mut new.tier, row, |row| &row.id),
            Self::RemoveProvider(id) => {
                remove(&mut new.provider, "provider", &id, |row| &row.id)?;
            }
            Self::RemoveModel(id) => remove(&mut new.model, "model", &id, |row| &row.id)?,
            Self::RemoveTier(id) => remove(&mut new.tier, "tier", &id, |row| &row.id)?,
        }
        unmask(&mut new, rows)?;
        Ok(new)
    }
}

fn put<R>(rows: &mut Vec<R>, row: R, id: impl Fn(&R) -> &String) {
    match rows.iter().position(|old| id(old) == id(&row)) {
        Some(at) => rows[at] = row,
        None => rows.push(row),
    }
}

fn remove<R>(
    rows: &mut Vec<R>,
    what: &'static str,
    wanted: &str,
    id: impl Fn(&R) -> &String,
) -> Result<(), Refusal> {
    let at = rows.iter().position(|row| id(row) == wanted);
    rows.remove(at.ok_or_else(|| Refusal::not_found(what, wanted))?);
    Ok(())
}

/// What differs between two catalogs.
pub(crate) fn difference(old: &CatalogRows, new: &CatalogRows) -> Vec<RowChange> {
    let mut changes = Vec::new();
    compare("provider", &old.provider, &new.provider, |row| &row.id, &mut changes);
    compare("model", &old.model, &new.model, |row| &row.id, &mut changes);
    compare("tier", &old.tier, &new.tier, |row| &row.id, &mut changes);
    changes
}

fn compare<R: PartialEq + Serialize>(
    kind: &'static str,
    old: &[R],
    new: &[R],
    id: impl Fn(&R) -> &String,
    changes: &mut Vec<RowChange>,
) {
    let before: HashMap<&str, &R> = old.iter().map(|row| (id(row).as_str(), row)).collect();
    let after: HashMap<&str, &R> = new.iter().map(|row| (id(row).as_str(), row)).collect();
    let known = changes.len();
    let mut note = |row: &R, change, fields| {
        changes.push(RowChange { kind, id: id(row).clone(), change, fields });
    };
    for row in old.iter().filter(|row| !after.contains_key(id(row).as_str())) {
        note(row, "removed", Vec::new());
    }
    for row in new {
        match before.get(id(row).as_str()) {
            None => note(row, "added", Vec::new()),
            Some(was) if **was != *row => note(row, "changed", differing_fields(*was, row)),
            Some(_) => {}
        }
    }
    if changes.len() == known {
        let moved = old.iter().zip(new).filter(|(was, is)| id(was) != id(is));
        let moves = moved.map(|(_, is)| (kind, id(is).clone(), "moved", Vec::new()));
        changes.extend(moves.map(|(kind, id, change, fields)| RowChange {
            kind,
            id,
            change,
            fields,
        }));
    }
}

fn differing_fields<R: Serialize>(old: &R, new: &R) -> Vec<String> {
    let fields = |row: &R| match serde_json::to_value(row) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (old, new) = (fields(old), fields(new));
    let mut names: Vec<String> = old.keys().chain(new.keys()).cloned().collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| old.get(name) != new.get(name));
    names
}

const MASK: &str = "masked:";

/// The rows as they may be shown.
pub(crate) fn masked(mut rows: CatalogRows) -> CatalogRows {
    for key in rows.provider.iter_mut().flat_map(|provider| &mut provider.api_keys) {
        *key = mask(key);
    }
    rows
}

fn mask(key: &str) -> String {
    let is_reference = key.starts_with("env:") || key.starts_with("file:");
    if is_reference {
        return key.to_owned();
    }
    let last = key.char_indices().nth_back(3).map_or("", |(at, _)| &key[at..]);
    let shown = if key.chars().count() >= 16 { last } else { "" };
    format!("{MASK}…{shown}")
}

/// Puts the secrets that stand in `old` back where `new` has their masks.
fn unmask(new: &mut CatalogRows, old: &CatalogRows) -> Result<(), Refusal> {
    for provider in &mut new.provider {
        let known = old.provider.iter().find(|row| row.id == provider.id);
        for key in provider.api_keys.iter_mut().filter(|key| key.starts_with(MASK)) {
            let secret = known.and_then(|row| row.api_keys.iter().find(|own| mask(own) == *key));
            let missing = || {
                let message = format!("{key:?} of provider {:?} stands for no key", provider.id);
                Refusal::invalid("api_keys", message)
            };
            *key = secret.ok_or_else(missing)?.clone();
        }
    }
    Ok(())
}
