//! The account API: a request for the control plane, passed on and its answer passed back.
//!
//! Invariants: the control plane authenticates by the key in the request, so nothing is added that
//! it would trust; framing is rebuilt on both sides. A request's body is small and read whole, and
//! so is a short answer; a long one (an export) is passed on as it comes, and cut off if it breaks.
//! Left out on purpose: retries. A call that changes something is sent once.

use std::rc::Rc;

use wire::head::RequestHead;

use crate::answer_head::{AnswerHead, field};
use crate::client::Client;
use crate::fault::{Code, Fault};
use crate::local::Local;
use crate::stage::verdict;
use crate::upstream::body::{Body, More};
use crate::upstream::endpoint::{Address, Cover, Endpoint, PoolKey};
use crate::upstream::fault::UpstreamFault;
use crate::upstream::http1::{Freshness, Response, connect};

/// The control plane's place in the pool; providers are numbered from zero up.
const CONTROL: PoolKey = PoolKey(u64::MAX);
/// Request fields that are passed on.
const REQUEST_FIELDS: [&str; 5] =
    ["authorization", "x-api-key", "x-goog-api-key", "content-type", "accept"];
/// Answer fields that are passed back.
const ANSWER_FIELDS: [&str; 6] =
    ["allow", "content-disposition", "etag", "location", "retry-after", "www-authenticate"];

/// The longest answer that is passed back whole, with its length.
const WHOLE_BYTES: usize = 64 << 10;

/// Passes a request to the control plane and queues its answer. *abandon closes*
pub async fn forward(
    local: &Rc<Local>,
    client: &mut Client,
    head: &RequestHead,
    answer: &AnswerHead,
) -> Result<(), Fault> {
    let sent_head = request_head(head, client.input.filled());
    let body = client.read_body(head, &local.settings.limits).await?;
    let got = exchange(local, sent_head, body.bytes()).await;
    client.drop_body(body);
    let (response_head, body) = got.map_err(|fault| {
        let message = format!("the account API does not answer ({fault}); try again");
        Fault::new(Code::ControlUnavailable, message)
    })?;
    let mut fields = Vec::with_capacity(512);
    answer.write(local, response_head.status, &response_head.content_type, &mut fields);
    fields.extend_from_slice(&response_head.fields);
    if client.is_head_only {
        client.answer_empty(&fields);
    } else if body.is_complete() {
        client.answer(&fields, body.window());
    } else {
        client.begin_stream(&fields);
        return pass(local, client, body).await;
    }
    reuse(local, body);
    Ok(())
}

/// Passes a body on as it comes. A client that got only a part of it is cut off: without the last
/// chunk it knows.
async fn pass(local: &Local, client: &mut Client, mut body: Body) -> Result<(), Fault> {
    loop {
        let length = body.window().len();
        client.chunk(|out| out.extend(body.window()));
        body.consume(length);
        body.pause();
        client.flush(&local.settings.limits).await;
        if client.was_seen_gone() {
            return Ok(());
        }
        match body.more().await {
            Ok(More::Bytes) => {}
            Ok(More::End) => {
                client.finish_stream();
                reuse(local, body);
                return Ok(());
            }
            Err(_) => {
                client.keeps_alive = false;
                return Ok(());
            }
        }
    }
}

/// What of an answer's head is passed back.
struct AnswerFields {
    status: u16,
    content_type: String,
    fields: Vec<u8>,
}

async fn exchange(
    local: &Rc<Local>,
    mut head: Vec<u8>,
    body: &[u8],
) -> Result<(AnswerFields, Body), Fault> {
    field(&mut head, "content-length", &body.len().to_string());
    head.extend_from_slice(b"\r\n");
    let generation = local.generation();
    let nowhere = || Fault::new(Code::ControlUnavailable, "its address is not known yet");
    let address = Address::from(generation.ok_or_else(nowhere)?.published().control);
    let mut sent = send(local, address.clone(), Freshness::Any, &head, body).await;
    if sent.as_ref().is_err_and(UpstreamFault::is_stale) {
        sent = send(local, address, Freshness::Fresh, &head, body).await;
    }
    let response = sent.map_err(|fault| verdict::transport(&fault))?;
    let fields = AnswerFields::of(&response);
    let mut body = response.into_body();
    while body.window().len() < WHOLE_BYTES
        && body.more().await.map_err(|fault| verdict::transport(&fault))? == More::Bytes
    {}
    Ok((fields, body))
}

async fn send(
    local: &Local,
    address: Address,
    freshness: Freshness,
    head: &[u8],
    body: &[u8],
) -> Result<Response, UpstreamFault> {
    let endpoint = Endpoint { addresses: (address, Vec::new()), cover: Cover::Plain };
    let mut bounds = local.settings.limits.exchange();
    bounds.first_byte_ms = local.settings.limits.control_ms;
    let way = (CONTROL, &endpoint);
    let connection = connect(&local.dialler, &local.connections, way, freshness, bounds).await?;
    connection.send(head, body).await?.head().await
}

/// The request's head for the control plane, but for its body's length.
fn request_head(head: &RequestHead, buf: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(head.method_span.of(buf));
    out.push(b' ');
    out.extend_from_slice(head.target.of(buf));
    out.extend_from_slice(b" HTTP/1.1\r\nhost: control\r\n");
    for name in REQUEST_FIELDS {
        if let Some(value) = head.header(buf, name) {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
    }
    out
}

impl AnswerFields {
    fn of(response: &Response) -> Self {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let mut fields = Vec::new();
        for name in ANSWER_FIELDS {
            if let Some(value) = response.header(name) {
                field(&mut fields, name, &text(value));
            }
        }
        let content_type = response.header("content-type").map(text).unwrap_or_default();
        Self { status: response.status(), content_type, fields }
    }
}

fn reuse(local: &Local, mut body: Body) {
    let length = body.window().len();
    body.consume(length);
    body.reuse(&local.connections);
}
