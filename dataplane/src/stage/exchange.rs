//! Stage 6, exchange: candidate after candidate until one begins to answer.
//!
//! Invariants: another candidate is tried only while the client has seen no content; the first
//! event is looked at before the client gets its status, so that most failures become another
//! candidate or a true status; a request that may have been served is not sent to the same endpoint
//! again. All attempts draw on one hold. Nothing is tried for a client that left.
//! Left out on purpose: the order of candidates (`plan`).

use std::cell::Cell;
use std::pin::pin;

use catalog::rows::OutputCapField;
use catalog::{Endpoint, Provider, route};
use dialect::UpstreamTerms;
use dialect::openai_chat::{self};
use ledger::record::{Attempt, Attempts};

use crate::answer_head::{field, generation_text};
use crate::client::{self, Client};
use crate::fault::Fault;
use crate::local::published::Upstream;
use crate::net::buffer::Buffer;
use crate::stage::attempt::{Answering, Miss, Request};
use crate::stage::attend::Attendance;
use crate::stage::first_event;
use crate::stage::verdict;
use crate::upstream;
use crate::upstream::endpoint::PoolKey;
use crate::upstream::fault::UpstreamFault;
use crate::upstream::http1::{Freshness, Response, connect};

/// An upstream that has begun to answer.
pub struct Exchange {
    /// The endpoint, as an index into the catalog.
    pub endpoint: u32,
    /// What it answers.
    pub answer: Answering,
    /// Every attempt, this one last.
    pub attempts: Attempts,
    /// Milliseconds to the first byte.
    pub first_byte_ms: u32,
}

/// No candidate answered.
pub struct Failure {
    /// Why, as the client is told.
    pub why: Why,
    /// Every attempt.
    pub attempts: Attempts,
    /// The endpoint that had the request when the client left.
    pub reached: Option<u32>,
}

/// Why there is no answer.
pub enum Why {
    /// The last candidate's fault.
    Fault(Fault),
    /// The client left first.
    ClientGone,
}

impl Failure {
    /// The client left while this candidate was asked, or was read to its end.
    fn client_gone(candidate: &Candidate<'_>, index: u32, attempts: Attempts) -> Self {
        let reached = candidate.is_written.get().then_some(index);
        Self { why: Why::ClientGone, attempts, reached }
    }
}

/// Tries the plan's candidates. *abandon closes*
pub async fn exchange(
    request: &Request<'_>,
    client: &mut Client,
    body: &client::Body,
    attendance: &mut Attendance<'_>,
) -> Result<Exchange, Failure> {
    let limits = &request.local.settings.limits;
    let mut attempts = Attempts::new();
    let mut last = verdict::nothing_tried();
    for planned in request.plan.candidates.iter().take(limits.attempts) {
        let index = planned.endpoint;
        let started = request.admission.elapsed_ms();
        let Some(candidate) = Candidate::of(request, planned) else { continue };
        attendance.begin_attempt(candidate.provider.on_client_abort);
        let tried = candidate.attempt(client, body, attendance).await;
        let took = request.admission.elapsed_ms().saturating_sub(started);
        let status = match &tried {
            Ok(_) => 200,
            Err(Miss::Failed { fault, .. } | Miss::Lost(fault)) => fault.status(),
            Err(Miss::ClientGone) => 499,
        };
        attempts.push(Attempt { offer: candidate.endpoint.offer, status, ms: took });
        match tried {
            Ok(answer) => {
                let first_byte_ms = request.admission.elapsed_ms();
                candidate.tell_cap(attendance);
                return Ok(Exchange { endpoint: index, answer, attempts, first_byte_ms });
            }
            Err(Miss::ClientGone) => {
                return Err(Failure::client_gone(&candidate, index, attempts));
            }
            Err(Miss::Lost(_)) if client.was_seen_deserted() => {
                return Err(Failure::client_gone(&candidate, index, attempts));
            }
            Err(Miss::Lost(fault)) => last = fault,
            Err(Miss::Failed { fault, try_next }) => {
                last = fault;
                if !try_next || client.was_seen_deserted() {
                    break;
                }
            }
        }
    }
    Err(Failure { why: Why::Fault(last), attempts, reached: None })
}

/// One endpoint that is tried.
struct Candidate<'a> {
    request: &'a Request<'a>,
    endpoint: &'a Endpoint,
    provider: &'a Provider,
    upstream: &'a Upstream,
    planned: &'a route::Candidate,
    way: (PoolKey, &'a upstream::endpoint::Endpoint),
    /// Whether any of the request may have gone out: from then on it may cost something.
    is_written: Cell<bool>,
}

impl<'a> Candidate<'a> {
    /// The endpoint, if its provider can be reached; the plan holds no others.
    fn of(request: &'a Request<'a>, planned: &'a route::Candidate) -> Option<Self> {
        let catalog = request.published.catalog();
        let endpoint = &catalog.endpoints[planned.endpoint as usize];
        let upstream = request.published.upstream(endpoint.provider);
        let (key, way) = upstream.way.as_ref()?;
        let provider = catalog.provider(endpoint.provider);
        let (way, is_written) = ((*key, way), Cell::new(false));
        Some(Self { request, endpoint, provider, upstream, planned, way, is_written })
    }

    /// The output cap here: what is held for, or what this endpoint can make if that is less.
    fn output_cap(&self) -> u64 {
        self.request.admission.output_cap.min(self.planned.output_max)
    }

    /// Says so where this endpoint makes less than what is held for.
    fn tell_cap(&self, attendance: &Attendance<'_>) {
        let cap = self.output_cap();
        if cap < self.request.admission.output_cap {
            attendance.head().lowered_cap.set(Some(cap));
        }
    }

    async fn attempt(
        &self,
        client: &mut Client,
        body: &client::Body,
        attendance: &mut Attendance<'_>,
    ) -> Result<Answering, Miss> {
        let mut sent = {
            let sending = pin!(self.send(Freshness::Any, body.bytes()));
            attendance.wait(client, sending).await?
        };
        if sent.as_ref().is_err_and(UpstreamFault::is_stale) {
            let again = pin!(self.send(Freshness::Fresh, body.bytes()));
            sent = attendance.wait(client, again).await?;
        }
        let response = sent.map_err(|fault| verdict::of_transport(&fault))?;
        first_event::answering(self.request, client, response, attendance).await
    }

    /// Sends the request; its bytes are made when there is a connection to send them on.
    async fn send(&self, freshness: Freshness, body: &[u8]) -> Result<Response, UpstreamFault> {
        let local = self.request.local;
        let bounds = local.settings.limits.exchange();
        let connection =
            connect(&local.dialler, &local.connections, self.way, freshness, bounds).await?;
        let (head, body) = self.write_request(body);
        self.is_written.set(true);
        let sent = connection.send(head.filled(), body.filled()).await?;
        drop((head, body));
        sent.head().await
    }

    /// The request as this endpoint gets it: head, and the client's body as priced.
    fn write_request(&self, body: &[u8]) -> (Buffer, Buffer) {
        let Request { local, intent, .. } = self.request;
        let terms = UpstreamTerms {
            model_json: &self.endpoint.upstream_model_json,
            output_cap: self.output_cap(),
            cap_as_completion_tokens: self.provider.output_cap_field
                == OutputCapField::MaxCompletionTokens,
            stream_usage: self.provider.stream_usage,
            thinks: self.planned.thinks,
        };
        let mut sent = local.pool.buffer();
        sent.make_room(body.len() + 256);
        openai_chat::write_upstream(intent, body, &terms, sent.tail());
        let mut head = local.pool.buffer();
        head.make_room(1024);
        self.write_head(sent.len(), head.tail());
        (head, sent)
    }

    fn write_head(&self, length: usize, out: &mut Vec<u8>) {
        let Request { admission, intent, .. } = self.request;
        out.extend_from_slice(b"POST ");
        out.extend_from_slice(self.upstream.base_path.as_bytes());
        out.extend_from_slice(b"/chat/completions HTTP/1.1\r\n");
        field(out, "host", &self.upstream.host);
        let keys = &self.upstream.authorizations;
        let turn = admission.hold_seq as usize % keys.len().max(1);
        if let Some(key) = keys.get(turn) {
            field(out, "authorization", key.reveal());
        }
        let accepted = if intent.stream { "text/event-stream" } else { "application/json" };
        field(out, "accept", accepted);
        out.extend_from_slice(b"content-type: application/json\r\nuser-agent: tollgate\r\n");
        out.extend_from_slice(b"x-request-id: ");
        out.extend_from_slice(&generation_text(admission.generation));
        out.extend_from_slice(b"\r\ncontent-length: ");
        out.extend_from_slice(length.to_string().as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
    }
}
