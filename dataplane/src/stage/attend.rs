//! Waiting for the upstream while minding the client: signs of life out, its departure noticed.
//!
//! Invariants: the upstream's future is never dropped by a tick; a stream that has been silent for
//! the heartbeat's time gets its head and a comment, at a frame's boundary only; a client that left
//! ends the wait at once where its provider stops billing with the connection, and otherwise after
//! a bounded time, for a bounded number of streams.

use std::future::Future;
use std::pin::Pin;

use catalog::rows::AbortPolicy;
use dialect::Framing;

use crate::answer_head::AnswerHead;
use crate::client::Client;
use crate::local::Local;
use crate::local::counters::DrainPass;
use crate::net::race::{Alarm, Race, read_or_tick};

/// How often the client is looked after, in milliseconds.
const ROUND_MS: u64 = 1_000;
/// A comment that no SDK sees as an event: it has no blank line of its own.
const HEARTBEAT: &[u8] = b": keep-alive\n";
/// What may stand between the items of an array.
const BLANK: &[u8] = b"\n";

/// The client is gone and the wait is over.
#[derive(Debug)]
pub struct ClientGone;

/// The care that one request needs while it waits.
pub struct Attendance<'a> {
    local: &'a Local,
    head: &'a AnswerHead,
    policy: AbortPolicy,
    is_stream: bool,
    last_sign_ms: u64,
    next_round: Alarm,
    drain: Option<(DrainPass<'a>, u64)>,
    received: u64,
}

impl<'a> Attendance<'a> {
    /// Begins to attend to a request.
    pub fn new(local: &'a Local, head: &'a AnswerHead, is_stream: bool) -> Self {
        let last_sign_ms = local.now_ms();
        Self {
            local,
            head,
            policy: AbortPolicy::Abort,
            is_stream,
            last_sign_ms,
            next_round: Alarm::at(last_sign_ms + ROUND_MS),
            drain: None,
            received: 0,
        }
    }

    /// Begins to attend to an attempt: sets what becomes of it when the client leaves.
    pub fn begin_attempt(&mut self, policy: AbortPolicy) {
        self.policy = policy;
        self.received = 0;
    }

    /// Takes note of the bytes of text that had come of an answer that was not to come whole.
    pub const fn note_received(&mut self, bytes: u64) {
        self.received = bytes;
    }

    /// The bytes of text that the last attempt had brought before it ended early.
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// The head that the answer will have.
    pub const fn head(&self) -> &'a AnswerHead {
        self.head
    }

    /// Takes note that the client was written to just now, which is `now_ms`.
    pub const fn signed(&mut self, now_ms: u64) {
        self.last_sign_ms = now_ms;
    }

    /// Waits for `future`. *abandon closes*
    ///
    /// # Errors
    /// The client left and nobody waits for the answer any more.
    pub async fn wait<F: Future>(
        &mut self,
        client: &mut Client,
        mut future: Pin<&mut F>,
    ) -> Result<F::Output, ClientGone> {
        loop {
            let watch = client.socket().watch();
            match read_or_tick(future.as_mut(), watch, &mut self.next_round).await {
                Race::Read(output) => return Ok(output),
                Race::Tick => {
                    self.next_round = Alarm::at(self.local.now_ms() + ROUND_MS);
                    // In a box: all who wait would have room for what they seldom need.
                    Box::pin(self.look_after(client)).await?;
                }
            }
        }
    }

    async fn look_after(&mut self, client: &mut Client) -> Result<(), ClientGone> {
        if !client.is_deserted() {
            self.give_sign(client).await;
        }
        if client.was_seen_deserted() { self.let_go() } else { Ok(()) }
    }

    /// Decides what becomes of the upstream now that the client is gone.
    pub fn let_go(&mut self) -> Result<(), ClientGone> {
        if self.policy == AbortPolicy::Abort {
            return Err(ClientGone);
        }
        let limits = &self.local.settings.limits;
        let now_ms = self.local.now_ms();
        if self.drain.is_none() {
            let pass = self.local.counters.begin_drain(limits.drains_per_core);
            self.drain = pass.map(|pass| (pass, now_ms + limits.abandoned_drain_ms));
        }
        match &self.drain {
            Some((_, end_ms)) if now_ms < *end_ms => Ok(()),
            _ => Err(ClientGone),
        }
    }

    async fn give_sign(&mut self, client: &mut Client) {
        let limits = &self.local.settings.limits;
        let is_due = self.local.now_ms().saturating_sub(self.last_sign_ms) >= limits.heartbeat_ms;
        if !self.is_stream || !is_due {
            return;
        }
        begin_stream(self.local, client, self.head);
        let sign = if self.head.framing == Framing::Events { HEARTBEAT } else { BLANK };
        client.chunk(|out| out.extend(sign));
        client.flush(limits).await;
        self.signed(self.local.now_ms());
    }
}

/// Queues the head of a streamed answer, unless it has gone out already.
pub fn begin_stream(local: &Local, client: &mut Client, head: &AnswerHead) {
    if !client.has_begun() {
        let mut fields = Vec::with_capacity(512);
        head.write(local, 200, head.stream_type(), &mut fields);
        fields.extend_from_slice(b"cache-control: no-cache\r\n");
        client.begin_stream(&fields);
    }
}
