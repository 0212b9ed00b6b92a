//! How an answer leaves: head, framing, and the faults of these.
//!
//! Owns the bytes that wait to be written. Invariants: nothing is written before `flush` but when
//! the buffer is full, so an answer without pace leaves in few writes; every event is one chunk,
//! as providers send them.

use tokio::time::Instant;
use wire::body::{LAST_CHUNK, chunk_head};

use crate::ask::Joined;
use crate::client::{Client, Stop};
use crate::dialect::Dialect;
use crate::script::{Framing, Script};

/// Bytes that may wait before they are written anyway.
const FLUSH_BYTES: usize = 32 * 1024;
/// Milliseconds between the bytes of a slow head.
const SLOW_HEAD_MS: u64 = 10;
/// What a wrong `content-length` of a stream says, when it is too small or too large.
const STREAM_LENGTH_SHORT: usize = 64;
const STREAM_LENGTH_LONG: usize = 1 << 24;

/// How the body's end is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Length,
    Chunked,
    UntilClose,
}

/// What every head says beside its status.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadFields<'a> {
    pub dialect: Dialect,
    pub request_id: &'a str,
    /// The service tier that Gemini names in its head; empty for none.
    pub tier: &'a str,
    /// Whether the connection stays open.
    pub keep_alive: bool,
    /// Whether the client understands chunks (HTTP/1.1).
    pub chunks: bool,
    pub retry_after: Option<u64>,
}

/// One answer on its way to a client.
pub(crate) struct Reply<'c> {
    pub(crate) client: &'c mut Client,
    script: &'c Script,
    out: Vec<u8>,
    body: Body,
}

impl<'c> Reply<'c> {
    pub(crate) fn new(client: &'c mut Client, script: &'c Script) -> Self {
        Self { client, script, out: Vec::with_capacity(2048), body: Body::Length }
    }

    /// Sends the head of an event stream.
    pub(crate) async fn stream_head(
        &mut self,
        joined: Joined,
        fields: HeadFields<'_>,
    ) -> Result<(), Stop> {
        let kind = match joined {
            Joined::Events => "text/event-stream; charset=utf-8",
            Joined::Array => "application/json; charset=UTF-8",
        };
        let length = match self.script.framing {
            Framing::Short => Some(STREAM_LENGTH_SHORT),
            Framing::Long => Some(STREAM_LENGTH_LONG),
            _ => None,
        };
        self.head(200, kind, length, fields).await
    }

    /// Sends a head and a JSON body that is already whole.
    pub(crate) async fn json(
        &mut self,
        status: u16,
        body: &[u8],
        fields: HeadFields<'_>,
    ) -> Result<(), Stop> {
        self.body(status, "application/json", body, fields).await
    }

    /// Sends a head and a body that is already whole.
    pub(crate) async fn body(
        &mut self,
        status: u16,
        kind: &str,
        body: &[u8],
        fields: HeadFields<'_>,
    ) -> Result<(), Stop> {
        self.head(status, kind, Some(body.len()), fields).await?;
        self.out.extend_from_slice(body);
        self.flush().await
    }

    /// Writes a head; without a length the body is chunked, or ends with the connection.
    pub(crate) async fn head(
        &mut self,
        status: u16,
        content_type: &str,
        length: Option<usize>,
        fields: HeadFields<'_>,
    ) -> Result<(), Stop> {
        for _ in 0..self.script.informational {
            self.out
                .extend_from_slice(b"HTTP/1.1 103 Early Hints\r\nlink: </>; rel=preload\r\n\r\n");
        }
        self.body = match (length, fields.chunks) {
            (Some(_), _) => Body::Length,
            (None, true) => Body::Chunked,
            (None, false) => Body::UntilClose,
        };
        self.head_lines(status, content_type, length, fields);
        if !self.script.slow_head {
            return Ok(());
        }
        for byte in std::mem::take(&mut self.out) {
            self.client.send(&[byte]).await?;
            self.client.wait_ms(SLOW_HEAD_MS).await?;
        }
        Ok(())
    }

    fn head_lines(&mut self, status: u16, kind: &str, length: Option<usize>, f: HeadFields<'_>) {
        let out = &mut self.out;
        add_line(out, &["HTTP/1.1 ", reason(status)]);
        add_line(out, &["content-type: ", kind]);
        add_line(out, &["x-request-id: ", f.request_id]);
        if f.dialect == Dialect::Anthropic {
            add_line(out, &["request-id: ", f.request_id]);
        }
        if f.dialect == Dialect::Gemini && !f.tier.is_empty() {
            add_line(out, &["x-gemini-service-tier: ", f.tier]);
        }
        if let Some(line) = f.dialect.header() {
            add_line(out, &[line]);
        }
        if let Some(length) = length {
            add_line(out, &["content-length: ", &length.to_string()]);
        } else if self.body == Body::Chunked {
            add_line(out, &["transfer-encoding: chunked"]);
        }
        if !f.keep_alive || self.body == Body::UntilClose {
            add_line(out, &["connection: close"]);
        }
        if let Some(seconds) = f.retry_after {
            add_line(out, &["retry-after: ", &seconds.to_string()]);
        }
        if self.script.old_date {
            add_line(out, &["date: Thu, 01 Jan 1970 00:00:00 GMT"]);
        }
        if self.script.gzip_label {
            add_line(out, &["content-encoding: gzip"]);
        }
        out.extend_from_slice(b"\r\n");
    }

    /// The first half of an event, after which the connection breaks.
    pub(crate) async fn half_event(&mut self, event: &[u8]) -> Result<(), Stop> {
        if self.body == Body::Chunked {
            chunk_head(event.len(), &mut self.out);
        }
        self.out.extend_from_slice(&event[..event.len() / 2]);
        self.flush().await
    }

    /// Adds a piece of the body, as a chunk where the body is chunked.
    pub(crate) async fn piece(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if self.body == Body::Chunked {
            chunk_head(bytes.len(), &mut self.out);
            self.out.extend_from_slice(bytes);
            self.out.extend_from_slice(b"\r\n");
        } else {
            self.out.extend_from_slice(bytes);
        }
        if self.out.len() >= FLUSH_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Adds bytes that are no piece of any body.
    pub(crate) async fn nonsense(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.out.extend_from_slice(bytes);
        self.flush().await
    }

    /// Ends the body and writes what is left.
    pub(crate) async fn end(&mut self) -> Result<(), Stop> {
        if self.body == Body::Chunked {
            self.out.extend_from_slice(LAST_CHUNK);
        }
        self.flush().await?;
        match (self.body, self.script.framing) {
            (Body::UntilClose, _) | (_, Framing::Long | Framing::Short) => Err(Stop::Close),
            _ => Ok(()),
        }
    }

    pub(crate) async fn flush(&mut self) -> Result<(), Stop> {
        if self.out.is_empty() {
            return Ok(());
        }
        if self.script.one_byte {
            self.client.send_each_byte(&self.out).await?;
        } else {
            self.client.send(&self.out).await?;
        }
        self.out.clear();
        Ok(())
    }

    /// Waits until `due`, after writing what is there already.
    pub(crate) async fn wait_until(&mut self, due: Instant) -> Result<(), Stop> {
        if due <= Instant::now() {
            return Ok(());
        }
        self.flush().await?;
        self.client.wait_until(due).await
    }

    /// Waits so many milliseconds, after writing what is there already.
    pub(crate) async fn wait_ms(&mut self, ms: u64) -> Result<(), Stop> {
        if ms == 0 {
            return Ok(());
        }
        self.flush().await?;
        self.client.wait_ms(ms).await
    }
}

fn add_line(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// A status and its reason.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "200 OK",
        400 => "400 Bad Request",
        401 => "401 Unauthorized",
        402 => "402 Payment Required",
        403 => "403 Forbidden",
        404 => "404 Not Found",
        405 => "405 Method Not Allowed",
        408 => "408 Request Timeout",
        413 => "413 Content Too Large",
        417 => "417 Expectation Failed",
        422 => "422 Unprocessable Content",
        429 => "429 Too Many Requests",
        431 => "431 Request Header Fields Too Large",
        500 => "500 Internal Server Error",
        501 => "501 Not Implemented",
        502 => "502 Bad Gateway",
        503 => "503 Service Unavailable",
        504 => "504 Gateway Timeout",
        505 => "505 HTTP Version Not Supported",
        529 => "529 Overloaded",
        _ => "599 Unlisted",
    }
}
