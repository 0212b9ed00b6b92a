//! Stage 6, exchange: candidate after candidate until one begins to answer.
//!
//! Invariants: another candidate is tried only while the client has seen no content; the first
//! event is looked at before the client gets its status, so that most failures become another
//! candidate or a true status; a request that may have been served is not sent to the same endpoint
//! again, but one that was refused its key is, with another one. All attempts draw on one hold, and
//! those beyond the first on the core's budget of retries. An endpoint that is better not asked now
//! is asked when nobody else is left. Nothing is tried for a client that left.
//! Left out on purpose: the order of candidates (`plan`).

use std::cell::Cell;
use std::pin::pin;

use catalog::route::KeySource;
use catalog::{Endpoint, Provider, route};
use ledger::record::{Attempt, Attempts};

use crate::client::{self, Client};
use crate::fault::Fault;
use crate::health::part::Part;
use crate::health::{self, Visit};
use crate::local::own_keys::KeyUse;
use crate::local::published::{Secret, Upstream};
use crate::net::buffer::Buffer;
use crate::stage::attempt::{Answering, Blame, Miss, Request};
use crate::stage::attend::Attendance;
use crate::stage::dispatch::Dispatch;
use crate::stage::first_event;
use crate::stage::turns::Turns;
use crate::stage::verdict;
use crate::upstream;
use crate::upstream::endpoint::PoolKey;
use crate::upstream::fault::UpstreamFault;
use crate::upstream::http1::{Freshness, Response, connect};

/// An upstream that has begun to answer.
pub struct Exchange {
    /// The endpoint, as an index into the catalog.
    pub endpoint: u32,
    /// Whether it was asked with a customer's own key.
    pub is_own: bool,
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
    /// The endpoint that had the request when the client left, and whether by a customer's own key.
    pub reached: Option<(u32, bool)>,
}

/// Why there is no answer.
pub enum Why {
    /// The last candidate's fault.
    Fault(Fault),
    /// The client left first.
    ClientGone,
}

/// Tries the plan's candidates; the visit goes on with the answer. *abandon closes*
pub async fn exchange<'a>(
    request: &'a Request<'_>,
    client: &mut Client,
    body: &client::Body,
    attendance: &mut Attendance<'_>,
) -> Result<(Exchange, Visit<'a>), Failure> {
    let local = request.local;
    let most = local.settings.limits.attempts.min(Attempts::MOST);
    let mut trail = Trail::default();
    let mut turns = Turns::of(request.plan.candidates.len().min(most));
    local.retries.earn();
    while let Some(turn) = turns.next() {
        let planned = &request.plan.candidates[turn.place];
        if trail.lost.contains(&planned.endpoint) {
            continue;
        }
        while let Some(candidate) = Candidate::of(request, planned) {
            let Some(visit) = candidate.visit(turn.is_choosy) else {
                turns.put_off(turn);
                break;
            };
            let is_retry = trail.tries > 0;
            if trail.tries == most || (is_retry && !local.retries.take(local.now_ms())) {
                return Err(trail.end());
            }
            let started = request.admission.elapsed_ms();
            attendance.begin_attempt(candidate.provider.on_client_abort);
            let tried = candidate.attempt(client, body, attendance).await;
            let ended = request.admission.elapsed_ms();
            let took = ended.saturating_sub(started);
            trail.note(&candidate, &tried, took);
            let is_deserted = client.was_seen_deserted();
            match tried {
                Ok(answer) => {
                    candidate.praise(&visit, took, attendance);
                    let (endpoint, is_own) = (planned.endpoint, planned.source.is_own());
                    let attempts = trail.attempts;
                    let first_byte_ms = ended;
                    let begun = Exchange { endpoint, is_own, answer, attempts, first_byte_ms };
                    return Ok((begun, visit));
                }
                Err(Miss::ClientGone) => return Err(trail.client_gone(&candidate)),
                Err(Miss::Lost(..)) if is_deserted => return Err(trail.client_gone(&candidate)),
                Err(Miss::Lost(fault, failure)) => {
                    candidate.accuse(&visit, Blame::Endpoint(failure));
                    trail.failed(fault);
                    trail.lost.push(planned.endpoint);
                    break;
                }
                Err(Miss::Failed { fault, try_next, blame, .. }) => {
                    let has_other_key = candidate.accuse(&visit, blame);
                    trail.failed(fault);
                    if !try_next || is_deserted {
                        return Err(trail.end());
                    }
                    if !has_other_key {
                        break;
                    }
                }
            }
        }
    }
    Err(trail.end())
}

/// What was tried so far.
#[derive(Default)]
struct Trail {
    attempts: Attempts,
    tries: usize,
    last: Option<Fault>,
    /// The shortest pause that a provider asked for.
    pause_s: Option<u64>,
    /// Endpoints that may have served it.
    lost: Vec<u32>,
}

impl Trail {
    fn note(&mut self, candidate: &Candidate<'_>, tried: &Result<Answering, Miss>, took: u32) {
        let status = match tried {
            Ok(_) => 200,
            Err(Miss::Failed { answered, .. }) => *answered,
            Err(Miss::Lost(fault, _)) => fault.status(),
            Err(Miss::ClientGone) => 499,
        };
        self.attempts.push(Attempt { offer: candidate.endpoint.offer, status, ms: took });
        self.tries += 1;
    }

    fn failed(&mut self, fault: Fault) {
        let pauses = self.pause_s.into_iter().chain(fault.retry_after_s);
        self.pause_s = pauses.min();
        self.last = Some(fault);
    }

    /// Nobody answered: the last one is told, with the shortest pause of all.
    fn end(self) -> Failure {
        let mut fault = self.last.unwrap_or_else(verdict::nothing_tried);
        if fault.retry_after_s.is_some() {
            fault.retry_after_s = self.pause_s;
        }
        Failure { why: Why::Fault(fault), attempts: self.attempts, reached: None }
    }

    /// The client left while this candidate was asked, or was read to its end.
    fn client_gone(self, candidate: &Candidate<'_>) -> Failure {
        let planned = candidate.planned;
        let served = (planned.endpoint, planned.source.is_own());
        let reached = candidate.is_written.get().then_some(served);
        Failure { why: Why::ClientGone, attempts: self.attempts, reached }
    }
}

/// One endpoint that is tried.
struct Candidate<'a> {
    request: &'a Request<'a>,
    endpoint: &'a Endpoint,
    provider: &'a Provider,
    upstream: &'a Upstream,
    planned: &'a route::Candidate,
    /// The key that it is sent with; none where its provider needs none.
    secret: Option<&'a Secret>,
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
        let (pool, way) = upstream.way.as_ref()?;
        let provider = catalog.provider(endpoint.provider);
        let (way, is_written) = ((*pool, way), Cell::new(false));
        let secret = None;
        let mut it =
            Self { request, endpoint, provider, upstream, planned, secret, way, is_written };
        it.secret = it.secret_now();
        let has_key = it.secret.is_some() || !planned.source.is_own();
        has_key.then_some(it)
    }

    /// The output cap here: what is held for, or what this endpoint can make if that is less.
    fn output_cap(&self) -> u64 {
        self.request.admission.output_cap.min(self.planned.output_max)
    }

    /// The key to send now, of those of its source: each in its turn, or the customer's first.
    fn secret_now(&self) -> Option<&'a Secret> {
        let Request { local, admission, published, .. } = self.request;
        let (source, now) = (self.planned.source, local.deadlines.clock().wall());
        if !source.is_own() {
            let turn = local.health.key(self.upstream, admission.hold_seq, now)?;
            return self.upstream.secrets.get(turn);
        }
        let wanted = KeyUse {
            key: admission.key.id,
            provider: &self.provider.id,
            model: &published.catalog().models[self.endpoint.model as usize].id,
            is_last: source == KeySource::OwnLast,
        };
        published.own_keys(admission.key.account)?.secret(wanted, &local.health, now)
    }

    /// Sends a request to it, unless that is better sent elsewhere.
    fn visit(&self, is_choosy: bool) -> Option<Visit<'a>> {
        let local = self.request.local;
        local.health.visit(self.endpoint, is_choosy, local.deadlines.clock().wall())
    }

    /// It began to answer after so long; says so where it makes less than what is held for.
    fn praise(&self, visit: &Visit<'_>, took: u32, attendance: &Attendance<'_>) {
        let Request { local, intent, plan, .. } = self.request;
        let now = local.deadlines.clock().wall();
        visit.began(self.secret.map(Secret::id), intent.stream.then_some(took), now);
        if plan.candidates.len() > 1 {
            local.health.sessions.keep(plan.session, self.endpoint.mark(), now);
        }
        attendance.head().is_escalated.set(self.planned.is_escalated);
        let cap = self.output_cap();
        if cap < self.request.admission.output_cap {
            attendance.head().lowered_cap.set(Some(cap));
        }
    }

    /// It failed: whoever's illness that shows is remembered. Answers whether the same endpoint may
    /// be asked again, with another key.
    fn accuse(&self, visit: &Visit<'_>, blame: Blame) -> bool {
        let local = self.request.local;
        let now = local.deadlines.clock().wall();
        match (blame, self.secret) {
            (Blame::Nobody, _) => false,
            (Blame::Key { rest_ms, is_spent }, Some(secret)) => {
                local.health.refused(secret.id(), rest_ms, now);
                let other = self.secret_now().map(Secret::id);
                let has_other =
                    other.is_some_and(|id| id != secret.id() && !local.health.rests(id, now));
                if is_spent && !has_other && !self.planned.source.is_own() {
                    visit.overloaded(now);
                }
                has_other
            }
            (Blame::Key { .. }, None) => {
                visit.failed(health::part::Failure::at(Part::Begin), now);
                false
            }
            (Blame::Endpoint(failure), _) => {
                visit.failed(failure, now);
                false
            }
        }
    }

    async fn attempt(
        &self,
        client: &mut Client,
        body: &client::Body,
        attendance: &mut Attendance<'_>,
    ) -> Result<Answering, Miss> {
        let translated = self.dispatch().translated(body.bytes());
        let translated = translated.map_err(verdict::of_request)?;
        let (made, dropped) = translated.unzip();
        *attendance.head().dropped.borrow_mut() = dropped.and_then(|names| names.header());
        let mut sent = {
            let sending = pin!(self.send(Freshness::Any, body.bytes(), made.as_ref()));
            attendance.wait(client, sending).await?
        };
        if sent.as_ref().is_err_and(UpstreamFault::is_stale) {
            let again = pin!(self.send(Freshness::Fresh, body.bytes(), made.as_ref()));
            sent = attendance.wait(client, again).await?;
        }
        drop(made);
        let response = sent.map_err(|fault| verdict::of_transport(&fault))?;
        let served = (self.provider, self.planned.source.is_own());
        let answering =
            first_event::answering(self.request, client, response, attendance, served).await;
        answering.map_err(|miss| self.told(miss))
    }

    /// A miss as it may be told: without the key, and as a customer's own key's where it is that.
    fn told(&self, miss: Miss) -> Miss {
        let Some(secret) = self.secret else { return miss };
        let is_own = self.planned.source.is_own();
        let miss = if is_own { verdict::of_own_key(miss) } else { miss };
        match miss {
            Miss::Failed { mut fault, try_next, answered, blame } => {
                fault.refusal.message = secret.struck_from(fault.refusal.message);
                Miss::Failed { fault, try_next, answered, blame }
            }
            other => other,
        }
    }

    /// Sends the request; what is relayed is made when there is a connection to send it on.
    async fn send(
        &self,
        freshness: Freshness,
        body: &[u8],
        translated: Option<&Buffer>,
    ) -> Result<Response, UpstreamFault> {
        let local = self.request.local;
        let bounds = local.settings.limits.exchange();
        let connection =
            connect(&local.dialler, &local.connections, self.way, freshness, bounds).await?;
        let dispatch = self.dispatch();
        self.is_written.set(true);
        let sent = match translated {
            None => connection.send_out(&mut dispatch.relayed(body)).await?,
            Some(body) => {
                let head = dispatch.head(body.len());
                connection.send(head.filled(), body.filled()).await?
            }
        };
        sent.head().await
    }

    fn dispatch(&self) -> Dispatch<'_> {
        Dispatch {
            request: self.request,
            endpoint: self.endpoint,
            provider: self.provider,
            upstream: self.upstream,
            secret: self.secret,
            output_cap: self.output_cap(),
            thinks: self.planned.thinks,
        }
    }
}
