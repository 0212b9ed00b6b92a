//! Which path does what. Everything but chat is about the sandbox itself.
//!
//! ```text
//! POST …/chat/completions   an answer
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
use crate::render::error;
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
    let chat = path.ends_with(b"/chat/completions");
    let models = path.ends_with(b"/models");
    if (chat || models) && !is_known(incoming, site) {
        return plain(client, incoming, site, 401, "the API key is not correct").await;
    }
    match incoming.head.method {
        Method::Post if chat => chat::answer(client, incoming, site, close_on_next).await,
        _ if chat => plain(client, incoming, site, 405, "chat takes POST").await,
        Method::Get if models => json(client, incoming, site, MODELS).await,
        Method::Get if path == b"/health" => {
            json(client, incoming, site, br#"{"status":"ok"}"#).await
        }
        Method::Get if path == b"/faults" => text(client, incoming, site, &faults()).await,
        Method::Get if path == b"/truth" => text(client, incoming, site, &truths(site)).await,
        _ => plain(client, incoming, site, 404, "there is nothing here").await,
    }
}

fn is_known(incoming: &Incoming, site: &Site) -> bool {
    let Some(key) = &site.settings.api_key else { return true };
    let given = incoming.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    given == Some(key)
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
    let body = error(status, why, None);
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
