//! A request to a provider's own path, `/{provider}/{path}`: whether it may be made.
//!
//! Invariants: nothing goes out on the operator's key but what has a price here, so only the paths
//! at which a model answers can be called; such a request is planned, held for and metered as any
//! other, at this provider alone.
//! Left out on purpose: which of the catalog's models it names, which the plan finds.

use catalog::ProviderIndex;
use catalog::rows::Dialect;
use wire::head::{Method, RequestHead};

use crate::fault::{Code, Fault};
use crate::local::Local;
use crate::route::{Proxied, proxied};
use crate::stage::authenticate::Principal;
use crate::stage::refuse;

/// Whether there is a provider of the name that a path begins with.
pub fn is_there(local: &Local, proxied: Proxied<'_>) -> bool {
    let generation = local.generation();
    generation.is_none_or(|generation| {
        generation.published().catalog().provider_named(proxied.provider).is_some()
    })
}

/// The provider whose own path a request is made to; `None` where the path is ours.
///
/// # Errors
/// The key may not use it, or nobody may use this path of it.
pub fn provider(
    principal: &Principal,
    head: &RequestHead,
    buf: &[u8],
) -> Result<Option<ProviderIndex>, Fault> {
    let Some(Proxied { provider: id, client, .. }) = proxied(head.path(buf)) else {
        return Ok(None);
    };
    let catalog = principal.generation.published().catalog();
    let index = catalog.provider_named(id).ok_or_else(refuse::unknown_path)?;
    let dialect = catalog.provider(index).dialect;
    let allowed = principal.key.allowed_providers.as_deref();
    if allowed.is_some_and(|list| !list.iter().any(|provider| provider == id)) {
        let message = format!("this key may not use the provider `{id}`");
        return Err(Fault::new(Code::NotAllowed, message));
    }
    if !client.is_some_and(|client| client.is_spoken_by(dialect)) {
        let message = format!(
            "only what has a price can be asked of `{id}`: POST to {} behind /{id}/",
            callable(dialect)
        );
        return Err(Fault::new(Code::NotAllowed, message));
    }
    if head.method != Method::Post {
        let mut fault = Fault::new(Code::MethodNotAllowed, "this path takes POST");
        fault.allow = Some("POST");
        return Err(fault);
    }
    Ok(Some(index))
}

/// The paths of a dialect that can be called.
const fn callable(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAi => "v1/chat/completions, v1/completions or v1/embeddings",
        Dialect::Anthropic => "v1/messages",
        Dialect::Gemini => {
            "v1beta/models/{model}:generateContent or v1beta/models/{model}:streamGenerateContent"
        }
    }
}
