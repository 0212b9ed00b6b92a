//! One HTTP/1.1 exchange with a provider, as far as the answer's head.
//!
//! Invariants: each step consumes the one before, so a request is sent once and an answer is read
//! once; a connection that leaves the path is dropped and thereby closed; each phase has its own
//! deadline and none spans the whole. Interim answers are skipped, a bounded number of them.
//! Left out on purpose: building the request's head, deciding on retries, HTTP/2.

use std::io;

use wire::head::{HeadLimits, Parsed, ResponseHead};

use super::body::Body;
use super::dial::Dialler;
use super::endpoint::{Endpoint, PoolKey};
use super::fault::{Cause, Phase, Reached, UpstreamFault};
use super::pool::Connections;
use crate::net::buffer::Buffer;
use crate::net::socket::Socket;

/// Most interim (1xx) answers before the final one.
const INTERIM_MAX: usize = 8;

/// A connection that was idle and ends within so long of a request had died before it, as far as
/// anyone can tell; one that ends later may have been at work on it.
const STALE_WITHIN_MS: u64 = 1_000;

/// The bounds of one exchange.
#[derive(Clone, Copy, Debug)]
pub struct ExchangeLimits {
    /// The answer's head.
    pub head: HeadLimits,
    /// A write that makes no end.
    pub write_ms: u64,
    /// From the sent request to the answer's first byte.
    pub first_byte_ms: u64,
    /// Between two reads after it.
    pub between_reads_ms: u64,
}

/// Which connections may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// An idle one if there is one.
    Any,
    /// A new one: an idle one has just turned out to be stale.
    Fresh,
}

/// A connection on which nothing is under way.
pub struct Connection {
    pub(super) line: Box<Line>,
}

/// What every step carries on. Made once for a connection, which it stays with while that is idle;
/// in a box, as it is handed from step to step and from future to future. What each read touches
/// comes first.
#[repr(C)]
pub(super) struct Line {
    /// Without memory of its own while the connection is idle.
    pub(super) buffer: Buffer,
    pub(super) socket: Socket,
    pub(super) limits: ExchangeLimits,
    pub(super) key: PoolKey,
    pub(super) was_idle: bool,
    /// When the request began to go out.
    pub(super) sent_ms: u64,
}

/// A connection to `endpoint`: idle or new. *abandon closes*
///
/// # Errors
/// A new one was needed and could not be made.
pub async fn connect(
    dialler: &Dialler,
    pool: &Connections,
    (key, endpoint): (PoolKey, &Endpoint),
    freshness: Freshness,
    limits: ExchangeLimits,
) -> Result<Connection, UpstreamFault> {
    let idle = match freshness {
        Freshness::Any => pool.take(key),
        Freshness::Fresh => None,
    };
    if let Some(mut line) = idle {
        line.was_idle = true;
        line.limits = limits;
        return Ok(Connection { line });
    }
    let socket = Box::pin(dialler.dial(endpoint)).await?;
    let buffer = dialler.pool.buffer();
    Ok(Connection {
        line: Box::new(Line { socket, buffer, key, was_idle: false, sent_ms: 0, limits }),
    })
}

impl Connection {
    /// Whether the connection was idle before: a failure may mean that it was stale.
    pub const fn was_idle(&self) -> bool {
        self.line.was_idle
    }

    /// Sends a whole request out of `request`, which is empty then. *abandon closes*
    ///
    /// A provider that closes before it has taken all of it, but answered first, is taken at its
    /// word: the answer can be read, though the connection is closed.
    ///
    /// # Errors
    /// The provider did not take all of it in time, and said nothing.
    pub async fn send_out(mut self, request: &mut Buffer) -> Result<Sent, UpstreamFault> {
        let is_head = is_head(request.filled());
        self.begin();
        let outcome = self.line.socket.write_out(request).await;
        self.sent(outcome, is_head)
    }

    /// Sends a whole request, head and body in one write where they fit. *abandon closes*
    ///
    /// # Errors
    /// As [`Self::send_out`].
    pub async fn send(mut self, head: &[u8], body: &[u8]) -> Result<Sent, UpstreamFault> {
        self.begin();
        let outcome = self.line.socket.write_both(head, body).await;
        self.sent(outcome, is_head(head))
    }

    fn begin(&mut self) {
        self.line.sent_ms = self.line.now_ms();
        self.line.socket.watch().arm(self.line.limits.write_ms);
    }

    fn sent(self, outcome: io::Result<()>, is_head: bool) -> Result<Sent, UpstreamFault> {
        let mut line = self.line;
        if let Err(reason) = outcome {
            line.socket.salvage(&mut line.buffer, line.limits.head.bytes);
            if line.buffer.is_empty() || line.socket.watch().expired() {
                return Err(line.fault(Phase::Write, Cause::Broken(reason)));
            }
        }
        Ok(Sent { line, is_head })
    }
}

fn is_head(request: &[u8]) -> bool {
    request.starts_with(b"HEAD ")
}

/// A request that went out and waits for its answer.
pub struct Sent {
    line: Box<Line>,
    is_head: bool,
}

impl Sent {
    /// Waits for the final answer's head. *abandon closes*
    ///
    /// # Errors
    /// The answer did not begin in time, is malformed, or the connection ended.
    pub async fn head(mut self) -> Result<Response, UpstreamFault> {
        self.line.socket.watch().arm(self.line.limits.first_byte_ms);
        let mut interim = 0;
        loop {
            let Some(head) = self.parse()? else {
                self.line.read_more().await?;
                continue;
            };
            if head.status >= 200 {
                return Ok(Response { line: self.line, head });
            }
            self.line.buffer.consume(head.len);
            interim += 1;
            if interim > INTERIM_MAX || head.status == 101 {
                return Err(self.line.fault(Phase::Head, Cause::TooManyInterim));
            }
        }
    }

    fn parse(&self) -> Result<Option<Box<ResponseHead>>, UpstreamFault> {
        let line = &self.line;
        if line.buffer.is_empty() {
            return Ok(None);
        }
        match ResponseHead::parse(line.buffer.filled(), &line.limits.head, self.is_head) {
            Ok(Parsed::Complete(head)) => Ok(Some(Box::new(head))),
            Ok(Parsed::Partial) => Ok(None),
            Err(reason) => Err(line.fault(Phase::Head, Cause::Head(reason))),
        }
    }
}

impl Line {
    /// Reads more of the head.
    async fn read_more(&mut self) -> Result<(), UpstreamFault> {
        let began = !self.buffer.is_empty();
        let phase = if began { Phase::Head } else { Phase::FirstByte };
        match self.socket.read_into(&mut self.buffer).await {
            Ok(0) => Err(self.fault(phase, Cause::Closed)),
            Err(reason) => Err(self.fault(phase, Cause::Broken(reason))),
            Ok(_) => {
                if !began {
                    self.socket.watch().arm(self.limits.between_reads_ms);
                }
                Ok(())
            }
        }
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.socket.watch().deadlines().clock().now_ms()
    }

    fn is_stale(&self) -> bool {
        self.was_idle && self.now_ms().saturating_sub(self.sent_ms) < STALE_WITHIN_MS
    }

    /// What ended the exchange; a deadline that closed the socket is the true cause.
    pub(super) fn fault(&self, phase: Phase, cause: Cause) -> UpstreamFault {
        let timed_out = self.socket.watch().expired();
        let cause = if timed_out { Cause::TimedOut } else { cause };
        let ended = matches!(cause, Cause::Closed | Cause::Broken(_));
        let reached = match phase {
            Phase::Connect | Phase::Tls => Reached::Nothing,
            Phase::Write | Phase::FirstByte if ended && self.is_stale() => Reached::StaleConnection,
            Phase::Write | Phase::FirstByte => Reached::Unanswered,
            Phase::Head | Phase::Body => Reached::Answered,
        };
        UpstreamFault { phase, cause, reached }
    }
}

/// An answer whose head has been read.
pub struct Response {
    line: Box<Line>,
    head: Box<ResponseHead>,
}

impl Response {
    /// The checked head.
    pub const fn head(&self) -> &ResponseHead {
        &self.head
    }

    /// The status, 200 to 999.
    pub const fn status(&self) -> u16 {
        self.head.status
    }

    /// The first field called `name` (given in lower case).
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.head.header(self.line.buffer.filled(), name)
    }

    /// Every field in order.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.head.headers(self.line.buffer.filled())
    }

    /// Drops the head and goes on to the body.
    pub fn into_body(self) -> Body {
        let Self { mut line, head } = self;
        line.buffer.consume(head.len);
        line.socket.watch().disarm();
        Body::new(line, head.framing, head.keep_alive)
    }
}
