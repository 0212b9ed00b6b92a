//! Faults as bytes: the one place where a refusal is put into the caller's dialect.
//!
//! Invariants: a fault before the answer began is its status; after it, an event of the stream.
//! Every refusal carries what the contract asks for: `Retry-After` on 429 and 503, and
//! `x-should-retry: false` on 402, so that no SDK retries what money must mend, on what an
//! idempotency key refuses, which a retry does not change, and on what was charged already.

use catalog::rows::Dialect;
use dialect::openai_chat::add_member;
use dialect::{ClientDialect, Encoder, ErrorForm, Frames, Label, StreamError, error_body};
use units::UnixMillis;

use serde_json::{Value, json};

use crate::answer_head::{AnswerHead, field, generation_text};
use crate::client::Client;
use crate::fault::{Code, Fault};
use crate::local::Local;
use crate::net::buffer::Buffer;
use crate::route::Surface;

/// Where an explanation stands in an answer or an error.
pub const EXPLANATION: &str = "route_explanation";
const JSON: &str = "application/json";
/// The rest of a chunk that tells an error, behind its id.
const ERROR_CHUNK: &str = concat!(
    r#"","object":"chat.completion.chunk","created":0,"#,
    r#""choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#,
);

/// Answers a request with a fault and writes it. *abandon closes*
pub async fn refuse(local: &Local, client: &mut Client, head: &AnswerHead, fault: &Fault) {
    queue(local, client, head, fault);
    client.flush(&local.settings.limits).await;
}

/// Queues a fault as the answer of a request.
pub fn queue(local: &Local, client: &mut Client, head: &AnswerHead, fault: &Fault) {
    local.counters.count_refusal(fault.status());
    client.keeps_alive &= !fault.closes;
    let mut fields = Vec::with_capacity(512);
    head.write(local, fault.status(), JSON, &mut fields);
    if let Some(seconds) = fault.retry_after_s {
        field(&mut fields, "retry-after", &seconds.to_string());
    }
    let is_final = matches!(
        fault.code,
        Code::IdempotencyConflict | Code::IdempotencyKeyReused | Code::ExtractionInvalid
    );
    if fault.status() == 402 || is_final {
        field(&mut fields, "x-should-retry", "false");
    }
    if let Some(methods) = fault.allow {
        field(&mut fields, "allow", methods);
    }
    client.answer(&fields, &body(head, fault));
}

/// Answers bytes that are not a request. *abandon closes*
pub async fn refuse_head(local: &Local, client: &mut Client, fault: &Fault) {
    client.keeps_alive = false;
    // The head is not understood, but its target mostly stands where it should.
    let mut words = client.input.filled().split(|byte| *byte == b' ');
    let target = words.nth(1).unwrap_or_default().to_vec();
    let head = AnswerHead::new(local, &target, false);
    refuse(local, client, &head, fault).await;
}

/// Appends a fault as the last event of a stream that has begun with nothing but signs of life: for
/// OpenRouter's readers of chat a chunk that ends with an error.
pub fn write_event(head: &AnswerHead, fault: &Fault, out: &mut Buffer) {
    if !head.client.has_chunks() {
        let generation = head.id();
        let label =
            Label { generation: &generation, model_json: b"\"\"", own_id: false, created: 0 };
        let error = StreamError { refusal: &fault.refusal, form: form(head, fault) };
        let mut framing = head.framing;
        let mut frames = Frames { out: out.tail(), framing: &mut framing };
        Encoder::new(head.client, b"{}").fail(&label, &error, &mut frames);
        return frames.close();
    }
    let mut event = body(head, fault);
    if head.surface == Surface::OpenRouter
        && let Some(generation) = head.generation
    {
        event.pop();
        event.extend_from_slice(b",\"id\":\"");
        event.extend_from_slice(&generation_text(generation));
        event.extend_from_slice(ERROR_CHUNK.as_bytes());
    }
    out.extend(b"data: ");
    out.extend(&event);
    out.extend(b"\n\n");
}

/// Appends an error to a stream that is relayed in its own dialect.
pub fn write_error(dialect: Dialect, error: &StreamError<'_>, frames: &mut Frames<'_>) {
    let client = ClientDialect::of(dialect);
    let label = Label { generation: "", model_json: b"\"\"", own_id: false, created: 0 };
    Encoder::new(client, b"{}").fail(&label, error, frames);
}

/// How OpenAI's form of a fault looks to whoever asked.
pub fn form(head: &AnswerHead, fault: &Fault) -> ErrorForm {
    let is_about_routing = fault.refusal.param.is_some_and(|param| param.starts_with("routing"));
    ErrorForm {
        integer_code: head.surface == Surface::OpenRouter,
        detail: head.tells_detail || is_about_routing,
    }
}

fn body(head: &AnswerHead, fault: &Fault) -> Vec<u8> {
    let form = form(head, fault);
    let mut body = error_body(head.client, &fault.refusal, form, &head.id());
    if let Some(explanation) = &head.explanation {
        let mut told = Value::clone(explanation);
        told["attempts"] = fault.tried.clone().unwrap_or_else(|| json!([]));
        add_member(EXPLANATION, &told, &mut body);
    }
    body
}

/// A fault as a guest is told it: money of the day that is used up is a limit to them, for they
/// have no account that could be topped up.
pub fn to_guest(local: &Local, fault: Fault) -> Fault {
    if fault.status() != 402 || fault.code == Code::NoRouteUnderCap {
        return fault;
    }
    let message = "what guests may use in a day is used up until midnight UTC, or too little is \
                   left for this request; ask for fewer tokens with max_tokens";
    let mut told = Fault::new(Code::RateLimitExceeded, message);
    let now = local.deadlines.clock().wall();
    let midnight = UnixMillis::of_day(now.day() + 1);
    told.retry_after_s = Some(midnight.since(now).div_ceil(1000).max(1));
    told
}

/// The fault of a path that is not ours.
pub fn unknown_path() -> Fault {
    Fault::new(Code::NotFound, "there is nothing at this path; the API is under /v1")
}
