//! A request to a provider's own path, `/{provider}/{path}`: whether it may be made.
//!
//! Invariants: nothing goes out on the operator's key but what has a price here, so only the paths
//! at which a model answers can be called; such a request is planned, held for and metered as any
//! other, at this provider alone.
//! Left out on purpose: which of the catalog's models it names, which the plan finds.

use catalog::rows::Dialect;
use dialect::ClientDialect;
use wire::head::{Method, RequestHead};

use crate::answer_head::AnswerHead;
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

/// Notes the provider whose own path a request is made to, where it is one, and that it answers in
/// the provider's words.
///
/// # Errors
/// The key may not use it, or nobody may use this path of it.
pub fn admit(
    principal: &Principal,
    head: &RequestHead,
    buf: &[u8],
    answer: &mut AnswerHead,
) -> Result<(), Fault> {
    let Some(Proxied { provider: id, client, .. }) = proxied(head.path(buf)) else {
        return Ok(());
    };
    let catalog = principal.generation.published().catalog();
    let index = catalog.provider_named(id).ok_or_else(refuse::unknown_path)?;
    let dialect = catalog.provider(index).dialect;
    let spoken = client.filter(|client| client.is_spoken_by(dialect));
    answer.client = spoken.unwrap_or(ClientDialect::of(dialect));
    let allowed = principal.key.allowed_providers.as_deref();
    if allowed.is_some_and(|list| !list.iter().any(|provider| provider == id)) {
        let message = format!("this key may not use the provider `{id}`");
        return Err(Fault::new(Code::NotAllowed, message));
    }
    if spoken.is_none() {
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
    answer.provider = Some(index);
    Ok(())
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
