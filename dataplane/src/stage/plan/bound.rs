//! What a request names that is made to a provider's own path: the model as the provider knows it,
//! or as the catalog does.
//!
//! Invariants: one model, or none; what stands behind a tier is not told, so a tier is none.

use catalog::{Catalog, ProviderIndex};
use dialect::Intent;

use crate::fault::{Code, Fault};

/// What a model's name stands for at a provider: the catalog's id of the model, and the
/// provider's where that is what was named.
///
/// # Errors
/// The provider has no such model, or several of the catalog's models are it.
pub fn named<'a>(
    catalog: &'a Catalog,
    provider: ProviderIndex,
    intent: &'a Intent,
) -> Result<(&'a str, Option<&'a str>), Fault> {
    let (id, name) = (&catalog.provider(provider).id, &*intent.model);
    if intent.wishes.as_ref().is_some_and(|wishes| !wishes.models.is_empty()) {
        let message = "a provider's own path has no fallback models; leave `models` out";
        return Err(Fault::new(Code::InvalidRequest, message).about("models"));
    }
    let mut found = None;
    let theirs = catalog.endpoints.iter().filter(|endpoint| endpoint.provider == provider);
    for endpoint in theirs.clone().filter(|endpoint| *endpoint.upstream_model == *name) {
        if found.is_some_and(|model| model != endpoint.model) {
            let message = format!(
                "several models are `{name}` at `{id}`; name one by its id: GET /v1/models lists \
                 them"
            );
            return Err(Fault::new(Code::ModelNotFound, message).about("model"));
        }
        found = Some(endpoint.model);
    }
    if let Some(model) = found {
        return Ok((&catalog.models[model as usize].id, Some(name)));
    }
    let model = catalog.model(name);
    if model.is_some_and(|model| theirs.clone().any(|endpoint| endpoint.model == model.index)) {
        return Ok((name, None));
    }
    let message = format!("`{id}` has no model `{name}` here; GET /v1/models lists what there is");
    Err(Fault::new(Code::ModelNotFound, message).about("model"))
}
