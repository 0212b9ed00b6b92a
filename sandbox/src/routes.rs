//! Which path does what, beside the paths of the dialects, which are about answers.
//!
//! ```text
//! POST (see `dialect`)      an answer
//! GET  …/models             the models it names (any other name is answered, too)
//! GET  /health              it is there
//! GET  /faults              every fault, its argument and its meaning
//! GET  /truth               the truth log, one JSON object a line
//! ```

use std::fmt::Write;

use wire::head::Method;

use crate::chat;
use crate::client::{Client, Stop};
use crate::connection::Incoming;
use crate::dialect::{Dialect, Failure, Route};
use crate::reply::Reply;
use crate::script::{Script, list};
use crate::site::Site;

const MODELS: &[u8] = br#"{"object":"list","data":[
{"id":"chat","object":"model","created":0,"owned_by":"sandbox"}]}"#;

/// Answers one request of any kind.
pub(crate) async fn answer(
    client: &mut Client,
    incoming: &Incoming,
    site: &Site,
    close_on_next: &mut bool,
) -> Result<(), Stop> {
    let path = incoming.head.path(&incoming.bytes);
    let route = Route::of(path);
    let models = path.ends_with(b"/models");
    if (route.is_some() || models)
        && let Some((status, why)) = stranger(incoming, site)
    {
        return plain(client, incoming, site, status, why).await;
    }
    if let Some(route) = route {
        return match incoming.head.method {
            Method::Post => chat::answer(client, incoming, site, &route, close_on_next).await,
            _ => plain(client, incoming, site, 405, "this path takes POST").await,
        };
    }
    match incoming.head.method {
        Method::Get if models => json(client, incoming, site, MODELS).await,
        Method::Get if path == b"/health" => {
            json(client, incoming, site, br#"{"status":"ok"}"#).await
        }
        Method::Get if path == b"/faults" => text(client, incoming, site, &faults()).await,
        Method::Get if path == b"/truth" => text(client, incoming, site, &truths(site)).await,
        _ => plain(client, incoming, site, 404, "there is nothing here").await,
    }
}

/// Why a caller is turned away: each dialect takes the key where its provider does.
fn stranger(incoming: &Incoming, site: &Site) -> Option<(u16, &'static str)> {
    let key = site.settings.api_key.as_deref()?;
    let bearer = incoming.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let query = incoming.head.query(&incoming.bytes).unwrap_or_default();
    let mut pairs = query.split(|byte| *byte == b'&');
    let in_query = pairs.find_map(|pair| pair.strip_prefix(b"key="));
    let in_query = in_query.and_then(|key| std::str::from_utf8(key).ok());
    let (given, wrong) = match incoming.dialect() {
        Dialect::OpenAi => (bearer, (401, "the API key is not correct")),
        Dialect::Anthropic => (incoming.header("x-api-key").or(bearer), (401, "invalid x-api-key")),
        Dialect::Gemini => match incoming.header("x-goog-api-key").or(in_query) {
            None => return Some((403, "Method doesn't allow unregistered callers")),
            given => (given, (400, "API key not valid. Please pass a valid API key.")),
        },
    };
    (given != Some(key)).then_some(wrong)
}

fn faults() -> String {
    let mut page = String::new();
    for (name, arg, meaning) in list() {
        // Writing into memory cannot fail.
        let _ = writeln!(page, "{name:<20}{meaning} (argument: {arg})");
    }
    page
}

fn truths(site: &Site) -> String {
    let lines = site.truth.all().into_iter().filter_map(|truth| serde_json::to_string(&truth).ok());
    lines.flat_map(|line| [line, "\n".into()]).collect()
}

async fn plain(
    client: &mut Client,
    incoming: &Incoming,
    site: &Site,
    status: u16,
    why: &str,
) -> Result<(), Stop> {
    let id = format!("req_{}", site.next_id());
    let body = incoming.dialect().error(&Failure::new(status, why, &id));
    Reply::new(client, &Script::default()).json(status, &body, incoming.fields(&id)).await
}

async fn json(
    client: &mut Client,
    incoming: &Incoming,
    site: &Site,
    body: &[u8],
) -> Result<(), Stop> {
    let id = format!("req_{}", site.next_id());
    Reply::new(client, &Script::default()).json(200, body, incoming.fields(&id)).await
}

async fn text(
    client: &mut Client,
    incoming: &Incoming,
    site: &Site,
    page: &str,
) -> Result<(), Stop> {
    let id = format!("req_{}", site.next_id());
    let script = Script::default();
    let mut reply = Reply::new(client, &script);
    reply.head(200, "text/plain; charset=utf-8", Some(page.len()), incoming.fields(&id)).await?;
    reply.piece(page.as_bytes()).await?;
    reply.end().await
}
