//! One connection from its first byte to its last: requests one after the other.
//!
//! Owns the reading of requests (heads and bodies through `wire`) and what becomes of the
//! connection after each answer. Invariant: a request is answered before the next one is read;
//! what a client sends ahead waits.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::net::TcpStream;
use wire::body::BodyDecoder;
use wire::head::{HeadLimits, Parsed, RequestHead};

use crate::client::{Client, Stop};
use crate::dialect::{Dialect, Failure, Route};
use crate::reply::{HeadFields, Reply};
use crate::routes;
use crate::script::Script;
use crate::site::Site;

const LIMITS: HeadLimits = HeadLimits { bytes: 60 * 1024, fields: 100 };
/// Most bytes of a body.
const BODY_MAX: usize = 64 * 1024 * 1024;

/// A request, read whole.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub head: RequestHead,
    /// The head's bytes.
    pub bytes: Vec<u8>,
    pub body: Vec<u8>,
}

impl Incoming {
    /// A header's value, if it is there and text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.head.header(&self.bytes, name)?).ok()
    }

    /// The dialect that the path belongs to; OpenAI's where it is no provider's.
    pub(crate) fn dialect(&self) -> Dialect {
        Route::of(self.head.path(&self.bytes)).map_or(Dialect::OpenAi, |route| route.dialect())
    }

    /// What the answer's head says beside its status.
    pub(crate) fn fields<'a>(&self, request_id: &'a str) -> HeadFields<'a> {
        HeadFields {
            dialect: self.dialect(),
            request_id,
            tier: "",
            keep_alive: self.head.keep_alive,
            chunks: self.head.minor_version >= 1,
            retry_after: None,
        }
    }
}

/// Why no further request was read.
enum Unread {
    /// The client closed, or left in the middle.
    Gone,
    /// Not HTTP as we know it: a status and why.
    Broken(u16, String),
}

/// Serves a connection until either side ends it.
pub(crate) async fn serve(stream: TcpStream, site: Arc<Site>) {
    let number = site.accepted.fetch_add(1, Ordering::Relaxed);
    let mut client = Client::new(stream);
    match requests(&mut client, &site, number).await {
        Stop::Gone => {}
        Stop::Close => client.close().await,
        Stop::Reset => client.reset(),
    }
    site.ended.fetch_add(1, Ordering::Relaxed);
}

/// Answers request after request; says how the connection ends.
async fn requests(client: &mut Client, site: &Site, number: u64) -> Stop {
    let mut spare = (Vec::new(), Vec::new());
    loop {
        let incoming = match read_request(client, spare).await {
            Ok(incoming) => incoming,
            Err(Unread::Gone) => return Stop::Gone,
            Err(Unread::Broken(status, why)) => return refuse(client, status, &why).await,
        };
        site.remember(number, &incoming.bytes, &incoming.body);
        let mut close_on_next = false;
        if let Err(stop) = routes::answer(client, &incoming, site, &mut close_on_next).await {
            return stop;
        }
        if close_on_next {
            client.readable().await;
            return Stop::Gone;
        }
        if !incoming.head.keep_alive {
            return Stop::Close;
        }
        spare = (incoming.bytes, incoming.body);
    }
}

async fn refuse(client: &mut Client, status: u16, why: &str) -> Stop {
    let fields = HeadFields {
        dialect: Dialect::OpenAi,
        request_id: "req_none",
        tier: "",
        keep_alive: false,
        chunks: true,
        retry_after: None,
    };
    let body = Dialect::OpenAi.error(&Failure::new(status, why, fields.request_id));
    match Reply::new(client, &Script::default()).json(status, &body, fields).await {
        Ok(()) => Stop::Close,
        Err(stop) => stop,
    }
}

/// Reads one request, into the memory of the one before it.
async fn read_request(
    client: &mut Client,
    (mut bytes, mut body): (Vec<u8>, Vec<u8>),
) -> Result<Incoming, Unread> {
    let head = loop {
        match RequestHead::parse(&client.inbound, &LIMITS) {
            Ok(Parsed::Complete(head)) => break head,
            Ok(Parsed::Partial) => some(client.fill().await)?,
            Err(fault) => return Err(Unread::Broken(fault.status(), fault.to_string())),
        }
    };
    bytes.clear();
    bytes.extend_from_slice(&client.inbound[..head.len]);
    client.inbound.drain(..head.len);
    if head.expect_continue {
        let go_on = client.send(b"HTTP/1.1 100 Continue\r\n\r\n").await;
        go_on.map_err(|_| Unread::Gone)?;
    }
    body.clear();
    read_body(client, BodyDecoder::new(head.framing), &mut body).await?;
    Ok(Incoming { head, bytes, body })
}

async fn read_body(
    client: &mut Client,
    mut decoder: BodyDecoder,
    body: &mut Vec<u8>,
) -> Result<(), Unread> {
    while !decoder.is_done() {
        let decoded = match decoder.decode(&client.inbound) {
            Ok(decoded) => decoded,
            Err(fault) => return Err(Unread::Broken(400, fault.to_string())),
        };
        body.extend_from_slice(&client.inbound[decoded.body]);
        client.inbound.drain(..decoded.consumed);
        if body.len() > BODY_MAX {
            return Err(Unread::Broken(413, "the body is too large".into()));
        }
        if decoded.consumed == 0 {
            some(client.fill_more().await)?;
        }
    }
    Ok(())
}

/// Whether a read brought anything.
fn some(read: std::io::Result<usize>) -> Result<(), Unread> {
    match read {
        Ok(0) | Err(_) => Err(Unread::Gone),
        Ok(_) => Ok(()),
    }
}
