//! Joining models of equal names into one of several endpoints.
//!
//! Equal means: the last part of the upstream id (case aside), the kind, and the modalities, so
//! that every endpoint can do what the model says. Parameters are those that all understand; the
//! sizes are the largest, and an endpoint keeps its own where it is smaller.
//! Invariants: ids stay unique; no endpoint is lost.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::compile::is_named_id;
use crate::rows::{EndpointRow, ModelKind, ModelRow};

/// What models must have in common to be joined.
type Likeness = (ModelKind, String, Vec<String>, Vec<String>);

/// Joins models of one endpoint each.
pub(super) fn merge(models: Vec<ModelRow>) -> Vec<ModelRow> {
    let own_ids: BTreeSet<String> = models.iter().map(|model| model.id.clone()).collect();
    let mut places: FxHashMap<Likeness, usize> = FxHashMap::default();
    let mut groups: Vec<Vec<ModelRow>> = Vec::new();
    for model in models {
        let place = *places.entry(likeness_of(&model)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(model),
            None => groups.push(vec![model]),
        }
    }
    let mut taken = BTreeSet::new();
    groups.iter().map(|group| join(group, &own_ids, &mut taken)).collect()
}

fn likeness_of(model: &ModelRow) -> Likeness {
    let upstream = model.endpoint.first().map_or("", |endpoint| endpoint.model.as_str());
    let last = upstream.rsplit('/').next().unwrap_or(upstream).to_ascii_lowercase();
    (model.kind, last, model.input_modalities.clone(), model.output_modalities.clone())
}

/// One model of a group, with every endpoint of it.
fn join(group: &[ModelRow], own_ids: &BTreeSet<String>, taken: &mut BTreeSet<String>) -> ModelRow {
    let id = joined_id(group, own_ids, taken);
    taken.insert(id.clone());
    let context = group.iter().map(|model| model.context).max().unwrap_or(0);
    let most = |model: &ModelRow| model.max_output.unwrap_or(model.context);
    let max_output = group.iter().map(most).max().unwrap_or(context);
    let mut parameters: Option<Vec<String>> = None;
    let mut endpoints = Vec::with_capacity(group.len());
    for model in group {
        let known = parameters.get_or_insert_with(|| model.parameters.clone());
        known.retain(|name| model.parameters.contains(name));
        let own = |endpoint: &EndpointRow| EndpointRow {
            context: Some(model.context).filter(|own| *own < context),
            max_output: Some(most(model)).filter(|own| *own < max_output),
            ..endpoint.clone()
        };
        endpoints.extend(model.endpoint.iter().map(own));
    }
    ModelRow {
        id,
        context,
        max_output: Some(max_output).filter(|most| *most < context),
        parameters: parameters.unwrap_or_default(),
        endpoint: endpoints,
        ..group.first().cloned().unwrap_or_else(|| ModelRow::new("", context))
    }
}

/// The `author/name` that most upstream ids of the group have, unless another model is called
/// that; else the first model's own id.
fn joined_id(group: &[ModelRow], own_ids: &BTreeSet<String>, taken: &BTreeSet<String>) -> String {
    let own: Vec<&str> = group.iter().map(|model| model.id.as_str()).collect();
    let upstream = group.iter().flat_map(|model| &model.endpoint).map(|e| e.model.as_str());
    let named: Vec<&str> =
        upstream.filter(|id| id.matches('/').count() == 1 && is_named_id(id)).collect();
    let votes = |id: &&&str| named.iter().filter(|other| other.eq_ignore_ascii_case(id)).count();
    let free = |id: &&&str| !taken.contains(**id) && (own.contains(*id) || !own_ids.contains(**id));
    let wanted = named.iter().rev().filter(free).max_by_key(votes);
    let fallback = own.first().copied().unwrap_or_default();
    if group.len() > 1 {
        wanted.copied().unwrap_or(fallback).to_owned()
    } else {
        fallback.to_owned()
    }
}
