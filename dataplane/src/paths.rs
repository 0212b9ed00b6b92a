//! The paths that hold no credit: model lists, tiers, health, preflight, and the account API.
//!
//! Left out on purpose: what the account API answers. It is passed to the control plane as it came.

use std::rc::Rc;

use catalog::listing::{
    Allowance, Rendered, anthropic_item, anthropic_list, endpoints, gemini_item, gemini_list,
};
use dialect::ClientDialect;
use wire::head::RequestHead;

use crate::answer_head::{AnswerHead, field};
use crate::client::Client;
use crate::fault::{Code, Fault};
use crate::forward;
use crate::local::{Generation, Local};
use crate::route::{Route, decoded, route};
use crate::stage::authenticate::Principal;
use crate::stage::{authenticate, pace, refuse};
use crate::tiers;

const JSON: &str = "application/json";

/// Answers a request that runs no model. *abandon closes*
pub async fn answer(
    local: &Rc<Local>,
    client: &mut Client,
    head: &RequestHead,
    answer: &mut AnswerHead,
) {
    let buf = client.input.filled();
    let path = head.path(buf).to_vec();
    // One list has three forms at one path; Anthropic's readers say which version they speak, and
    // Google's show their key in a way of their own.
    if head.header(buf, "anthropic-version").is_some() {
        answer.client = ClientDialect::Messages;
    } else if head.header(buf, "x-goog-api-key").is_some() {
        answer.client = ClientDialect::Gemini;
    }
    let answered = match route(head.method, &path) {
        Route::Account => {
            // Whether the key is good is the control plane's to say; its rate is known here.
            let _ = look(local, client, head, answer);
            forward::forward(local, client, head, answer).await
        }
        named => respond(local, client, head, answer, named),
    };
    if let Err(fault) = answered {
        refuse::queue(local, client, answer, &fault);
    }
    client.flush(&local.settings.limits).await;
}

fn respond(
    local: &Local,
    client: &mut Client,
    head: &RequestHead,
    answer: &mut AnswerHead,
    named: Route<'_>,
) -> Result<(), Fault> {
    let seen = look(local, client, head, answer);
    let known_tags = head.header(client.input.filled(), "if-none-match").map(<[u8]>::to_vec);
    client.skip_request(head);
    match named {
        Route::Health => give(local, client, answer, br#"{"status":"ok"}"#, &[]),
        Route::Preflight => preflight(local, client, answer),
        Route::Routes => {
            let (generation, _) = seen?;
            let now = local.deadlines.clock().wall();
            let told = tiers::told(generation.published(), &local.health, now);
            give(local, client, answer, told.to_string().as_bytes(), &[]);
        }
        Route::Models => {
            let (generation, key) = seen?;
            let (catalog, allowance) = (generation.published().catalog(), allowance(key.as_ref()));
            match answer.client {
                ClientDialect::Messages => {
                    give(local, client, answer, &anthropic_list(catalog, allowance), &[]);
                }
                ClientDialect::Gemini => {
                    give(local, client, answer, &gemini_list(catalog, allowance), &[]);
                }
                _ => {
                    let list = generation.published().listing().cut_for(catalog, allowance);
                    give_tagged(local, client, answer, known_tags.as_deref(), &list);
                }
            }
        }
        Route::Model(id) => {
            let (generation, key) = seen?;
            let item = model_item(&generation, key.as_ref(), &decoded(id), answer.client)?;
            give(local, client, answer, &item, &[]);
        }
        Route::Endpoints(id) => {
            let (generation, key) = seen?;
            let (catalog, id) = (generation.published().catalog(), decoded(id));
            let Allowance { models, providers } = allowance(key.as_ref());
            let model = catalog.model(&id).filter(|m| catalog.allows(m, models, providers));
            let model = model.ok_or_else(|| unknown_model(&id))?;
            let list = endpoints(catalog, model);
            give_tagged(local, client, answer, known_tags.as_deref(), &list);
        }
        Route::WrongMethod(methods) => {
            let message = format!("this path takes {methods}");
            let mut fault = Fault::new(Code::MethodNotAllowed, message);
            fault.allow = Some(methods);
            return Err(fault);
        }
        Route::UnknownMethod => {
            return Err(Fault::new(Code::NotImplemented, "this method is not known").closing());
        }
        Route::Infer(_)
        | Route::Count(_)
        | Route::Guest
        | Route::Quote
        | Route::Account
        | Route::Proxy(_)
        | Route::Unknown => {
            return Err(refuse::unknown_path());
        }
    }
    Ok(())
}

/// One model, as the caller's dialect tells it.
fn model_item(
    generation: &Generation,
    key: Option<&Principal>,
    id: &str,
    dialect: ClientDialect,
) -> Result<Vec<u8>, Fault> {
    let (published, allowance) = (generation.published(), allowance(key));
    let catalog = published.catalog();
    let item = match dialect {
        ClientDialect::Messages => anthropic_item(catalog, id, allowance),
        ClientDialect::Gemini => gemini_item(catalog, id, allowance),
        _ => published.listing().item_for(catalog, id, allowance).map(<[u8]>::to_vec),
    };
    item.ok_or_else(|| unknown_model(id))
}

/// The generation, and who asks, if they say so: these paths are public, but a key that is sent
/// must be a good one.
fn look(
    local: &Local,
    client: &mut Client,
    head: &RequestHead,
    answer: &mut AnswerHead,
) -> Result<(Rc<Generation>, Option<Principal>), Fault> {
    let generation = local.generation();
    let generation =
        generation.ok_or_else(|| Fault::new(Code::Overloaded, "the gateway is starting"))?;
    if authenticate::presented_key(head, client.input.filled()).is_none() {
        return Ok((generation, None));
    }
    let principal = authenticate::authenticate(local, client, head)?;
    pace::look(local, &principal, answer);
    Ok((generation, Some(principal)))
}

/// What whoever asks may see.
fn allowance(key: Option<&Principal>) -> Allowance<'_> {
    key.map_or_else(Allowance::default, |principal| Allowance {
        models: principal.key.allowed_models.as_deref(),
        providers: principal.key.allowed_providers.as_deref(),
    })
}

fn unknown_model(id: &str) -> Fault {
    let message = format!("the model `{id}` does not exist; GET /v1/models lists them");
    Fault::new(Code::ModelNotFound, message).about("model")
}

fn preflight(local: &Local, client: &mut Client, answer: &mut AnswerHead) {
    answer.cross_origin = true;
    let mut fields = Vec::with_capacity(512);
    answer.write(local, 204, "", &mut fields);
    field(&mut fields, "access-control-allow-methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS");
    field(&mut fields, "access-control-allow-headers", "*, authorization");
    field(&mut fields, "access-control-max-age", "86400");
    client.answer_empty(&fields);
}

fn give_tagged(
    local: &Local,
    client: &mut Client,
    answer: &AnswerHead,
    known_tags: Option<&[u8]>,
    rendered: &Rendered,
) {
    if known_tags.is_some_and(|tags| names_tag(tags, &rendered.etag)) {
        let mut fields = Vec::with_capacity(512);
        answer.write(local, 304, "", &mut fields);
        field(&mut fields, "etag", &rendered.etag);
        client.answer_empty(&fields);
    } else {
        give(local, client, answer, &rendered.body, &[("etag", &rendered.etag)]);
    }
}

/// Whether an `If-None-Match` names a tag, weakly compared (RFC 9110 13.1.2): a cache between may
/// have made it weak.
fn names_tag(tags: &[u8], etag: &str) -> bool {
    let mut listed = tags.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    listed.any(|tag| tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag.as_bytes())
}

fn give(
    local: &Local,
    client: &mut Client,
    answer: &AnswerHead,
    body: &[u8],
    extra: &[(&str, &str)],
) {
    let mut fields = Vec::with_capacity(512);
    answer.write(local, 200, JSON, &mut fields);
    for (name, value) in extra {
        field(&mut fields, name, value);
    }
    client.answer(&fields, body);
}
