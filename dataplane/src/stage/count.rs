//! How many tokens a request counts: asked of an endpoint that tells it, else estimated.
//!
//! Nothing is held and nothing charged: providers count for nothing. Invariants: the answer says
//! whether it is `exact` or `estimated`; whatever becomes of the question, there is an answer, and
//! soon. Left out on purpose: customers' own keys, which are not asked for a count.

use catalog::rows::Dialect;
use catalog::{Endpoint, Provider};
use dialect::{Intent, UpstreamTerms, count_body, read_count, write_count_request};

use crate::answer_head::{AnswerHead, field};
use crate::client::{Body, Client};
use crate::local::Local;
use crate::local::published::{Published, Upstream};
use crate::net::buffer::Buffer;
use crate::stage::dispatch::{anthropic_version, write_escaped, write_key};
use crate::stage::plan::Plan;
use crate::upstream::body::More;
use crate::upstream::http1::{ExchangeLimits, Freshness, connect};

/// Endpoints that are asked before an estimate is given.
const ASKED_MAX: usize = 2;
/// How long an endpoint may take to begin its answer, in milliseconds.
const ANSWER_MS: u64 = 3_000;
/// Longest answer that is a count.
const ANSWER_BYTES_MAX: usize = 16 << 10;

/// Counts a request that was planned, and tells it. *abandon closes*
pub async fn count(
    local: &Local,
    client: &mut Client,
    published: &Published,
    (plan, intent, body): (&Plan, &Intent, Body),
    head: &AnswerHead,
) {
    let mut exact = None;
    let shared = plan.candidates.iter().filter(|candidate| !candidate.source.is_own());
    for candidate in shared.take(ASKED_MAX) {
        let question = Question::of(local, published, candidate.endpoint, intent);
        exact = match question {
            Some(question) => question.ask(body.bytes()).await,
            None => None,
        };
        if exact.is_some() {
            break;
        }
    }
    client.drop_body(body);
    let tokens = exact.unwrap_or_else(|| plan.input_tokens_estimate.max(1));
    let mut fields = Vec::with_capacity(512);
    head.write(local, 200, "application/json", &mut fields);
    field(&mut fields, "x-token-count", if exact.is_some() { "exact" } else { "estimated" });
    client.answer(&fields, &count_body(intent.client, tokens));
    client.flush(&local.settings.limits).await;
}

/// An endpoint that can be asked.
struct Question<'a> {
    local: &'a Local,
    endpoint: &'a Endpoint,
    provider: &'a Provider,
    upstream: &'a Upstream,
    intent: &'a Intent,
}

impl<'a> Question<'a> {
    fn of(local: &'a Local, published: &'a Published, at: u32, intent: &'a Intent) -> Option<Self> {
        let catalog = published.catalog();
        let endpoint = catalog.endpoints.get(at as usize)?;
        let provider = catalog.provider(endpoint.provider);
        let upstream = published.upstream(endpoint.provider);
        (provider.dialect != Dialect::OpenAi).then_some(Self {
            local,
            endpoint,
            provider,
            upstream,
            intent,
        })
    }

    /// The count; `None` where there is none, for whatever reason.
    async fn ask(&self, sent: &[u8]) -> Option<u64> {
        let Self { local, provider, upstream, .. } = self;
        let mut body = local.pool.buffer();
        if !write_count_request(self.intent, sent, &self.terms(), body.tail()).ok()? {
            return None;
        }
        let (pool, way) = upstream.way.as_ref()?;
        let bounds = local.settings.limits.exchange();
        let first_byte_ms = bounds.first_byte_ms.min(ANSWER_MS);
        let bounds = ExchangeLimits { first_byte_ms, between_reads_ms: ANSWER_MS, ..bounds };
        let connection =
            connect(&local.dialler, &local.connections, (*pool, way), Freshness::Any, bounds);
        let head = self.head(body.len());
        let sent = connection.await.ok()?.send(head.filled(), body.filled()).await.ok()?;
        let response = sent.head().await.ok()?;
        if response.status() != 200 {
            return None;
        }
        let mut body = response.into_body();
        while body.more().await.ok()? != More::End {
            if body.window().len() > ANSWER_BYTES_MAX {
                return None;
            }
        }
        let tokens = read_count(provider.dialect, body.window());
        let length = body.window().len();
        body.consume(length);
        body.reuse(&local.connections);
        tokens
    }

    fn terms(&self) -> UpstreamTerms<'_> {
        UpstreamTerms {
            dialect: self.provider.dialect,
            model_json: &self.endpoint.upstream_model_json,
            output_cap: self.endpoint.max_output,
            cap_as_completion_tokens: false,
            stream_usage: false,
            thinks: false,
        }
    }

    fn head(&self, length: usize) -> Buffer {
        let Self { local, endpoint, provider, upstream, .. } = self;
        let mut buffer = local.pool.buffer();
        let out = buffer.tail();
        out.extend_from_slice(b"POST ");
        out.extend_from_slice(upstream.base_path.as_bytes());
        match provider.dialect {
            Dialect::Gemini => {
                out.extend_from_slice(b"/models/");
                write_escaped(&endpoint.upstream_model_json, out);
                out.extend_from_slice(b":countTokens");
            }
            Dialect::Anthropic | Dialect::OpenAi => {
                out.extend_from_slice(b"/v1/messages/count_tokens");
            }
        }
        out.extend_from_slice(b" HTTP/1.1\r\n");
        field(out, "host", &upstream.host);
        if let Some(key) = upstream.secrets.first() {
            write_key(provider.dialect, key, out);
        }
        if provider.dialect == Dialect::Anthropic {
            field(out, "anthropic-version", anthropic_version(self.intent));
        }
        out.extend_from_slice(b"content-type: application/json\r\nuser-agent: tollgate\r\n");
        field(out, "content-length", &length.to_string());
        out.extend_from_slice(b"\r\n");
        buffer
    }
}
