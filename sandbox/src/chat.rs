//! One request for an answer, from its bytes to the end of the answer.
//!
//! ```text
//! read -> script -> compose -> truth begins -> (refusal | stream | whole) -> truth is final
//! ```
//! Invariants: whatever happens to the connection, the truth holds what was generated; a refused
//! request and a count of tokens cost nothing and leave no record.

use tokio::time::Instant;

use crate::answer::{Answer, compose};
use crate::ask::{Ask, Refused, Shape, refused};
use crate::client::{Client, Stop};
use crate::connection::Incoming;
use crate::dialect::{Dialect, Failure, Route};
use crate::reply::{HeadFields, Reply};
use crate::script::{self, End, ErrorBody, Refusal, Script};
use crate::settings::Pace;
use crate::site::Site;
use crate::text::seed_of;
use crate::truth::{Billed, Outcome, Record, Truth};
use crate::voice::Label;
use crate::{anthropic, gemini, json, openai, stream, whole};

/// An answer that is about to leave, and everything that decides how.
pub(crate) struct Job<'a> {
    pub ask: &'a Ask<'a>,
    pub answer: &'a Answer,
    pub script: &'a Script,
    pub pace: Pace,
    pub label: Label<'a>,
    pub fields: HeadFields<'a>,
    /// Whether a completion of before chat was asked for.
    pub completion: bool,
    /// When the request's last byte was read.
    pub begun: Instant,
}

impl Job<'_> {
    /// The answer in one piece.
    pub(crate) fn whole(&self, out: &mut Vec<u8>) {
        match self.ask.dialect {
            Dialect::OpenAi => openai::whole(out, self),
            Dialect::Anthropic => anthropic::whole(out, self),
            Dialect::Gemini => gemini::whole(out, self),
        }
    }

    pub(crate) fn content_type(&self) -> &'static str {
        match &self.ask.shape {
            Shape::Made(made) => openai::content_type(made),
            _ => "application/json",
        }
    }

    /// An error in the dialect's form.
    pub(crate) fn error(&self, status: u16, message: &str) -> Vec<u8> {
        let in_array = self.script.error_array;
        let failure = Failure::new(status, message, self.fields.request_id);
        self.ask.dialect.error(&Failure { in_array, ..failure })
    }
}

/// Answers one request.
pub(crate) async fn answer(
    client: &mut Client,
    incoming: &Incoming,
    site: &Site,
    route: &Route,
    close_on_next: &mut bool,
) -> Result<(), Stop> {
    let begun = Instant::now();
    let number = site.next_id();
    let request_id = format!("req_{number}");
    let mut fields = incoming.fields(&request_id);
    let (ask, script) = match read(incoming, site, route) {
        Ok(read) => read,
        Err(refused) => {
            let failure = Failure::new(refused.status, &refused.message, &request_id);
            let body = route.dialect().error(&Failure { param: refused.param, ..failure });
            let plain = Script::default();
            return Reply::new(client, &plain).json(refused.status, &body, fields).await;
        }
    };
    *close_on_next = script.close_on_next;
    if matches!(route, Route::CountMessages | Route::CountContents { .. }) {
        return count(client, &ask, &script, fields).await;
    }
    let id = ask.dialect.id_of(if script.same_id { "duplicate" } else { &number });
    let seed = ask.seed.map_or_else(|| seed_of(&incoming.body), i64::cast_unsigned);
    let composed = compose(&ask, &script, seed);
    let tier = if script.served_tier.is_empty() { &ask.tier } else { &script.served_tier };
    fields.tier = tier;
    let mut record = site.truth.begin(truth(&ask, &script, incoming, &request_id, &id));
    record.truth.tier = Some(tier.clone()).filter(|tier| !tier.is_empty());
    let job = Job {
        ask: &ask,
        answer: &composed,
        script: &script,
        pace: script.pace(site.settings.pace),
        label: Label { id: &id, created: site.seconds(), model: &ask.model, tier },
        fields,
        completion: *route == Route::Completion,
        begun,
    };
    let sent = send(client, &job, &mut record).await;
    match sent {
        Ok(()) => {}
        Err(Stop::Gone) => record.set(Outcome::Aborted),
        // A close that ends a finished answer leaves it finished.
        Err(_) if record.truth.outcome == Outcome::Running => record.set(Outcome::Broken),
        Err(_) => {}
    }
    sent
}

fn read<'a>(
    incoming: &'a Incoming,
    site: &Site,
    route: &Route,
) -> Result<(Ask<'a>, Script), Refused> {
    let ask = match route {
        Route::Chat => openai::read::chat(&incoming.body)?,
        Route::Completion => openai::plain::completion(&incoming.body)?,
        Route::Embeddings => openai::plain::embeddings(&incoming.body)?,
        Route::Pictures => openai::plain::pictures(&incoming.body)?,
        Route::Speech => openai::plain::speech(&incoming.body)?,
        Route::Transcript => openai::plain::transcript(&incoming.body),
        Route::Messages | Route::CountMessages => {
            let version = anthropic::models::Version::of(incoming.header("anthropic-version"))?;
            let counting = *route == Route::CountMessages;
            anthropic::read::messages(&incoming.body, version, counting)?
        }
        Route::Contents { model, stream } => {
            let mut ask = gemini::read::contents(&incoming.body, model)?;
            ask.stream = *stream;
            ask.joined = gemini::read::joined(incoming.head.query(&incoming.bytes));
            ask
        }
        Route::CountContents { model } => gemini::read::counted(&incoming.body, model)?,
    };
    let script = wishes(&ask, incoming, site)?;
    if script.strict && *route == Route::Chat {
        openai::strict::check(&incoming.body)?;
    }
    let field = &script.refuses;
    if !field.is_empty() && json::parse(&incoming.body).is_ok_and(|body| json::has(&body, field)) {
        return Err(refused(format!("{field} is not supported by this provider"), None));
    }
    Ok((ask, script))
}

/// What the request, or whoever owns the sandbox, wishes for.
fn wishes(ask: &Ask<'_>, incoming: &Incoming, site: &Site) -> Result<Script, Refused> {
    let wrong = |param| move |message| Refused { status: 400, message, param: Some(param) };
    let mut script = Script::default();
    let wishes = site.wishes();
    let model = script::in_model(&ask.model);
    for list in [wishes.as_deref(), model, incoming.header("x-sandbox-fault")].into_iter().flatten()
    {
        script.add(list).map_err(wrong("x-sandbox-fault"))?;
    }
    for (header, wish) in [
        ("x-sandbox-first-byte-ms", "first-byte"),
        ("x-sandbox-tokens-per-second", "rate"),
        ("x-sandbox-chunk-tokens", "chunk"),
        ("x-sandbox-tokens", "tokens"),
    ] {
        if let Some(value) = incoming.header(header) {
            script.add(&format!("{wish}:{value}")).map_err(wrong(header))?;
        }
    }
    Ok(script)
}

fn truth(ask: &Ask<'_>, script: &Script, incoming: &Incoming, request: &str, id: &str) -> Truth {
    Truth {
        request: request.to_owned(),
        id: id.to_owned(),
        dialect: ask.dialect,
        path: String::from_utf8_lossy(incoming.head.path(&incoming.bytes)).into_owned(),
        generation: incoming.header("x-generation-id").map(str::to_owned),
        caller_request: incoming.header("x-request-id").map(str::to_owned),
        model: ask.model.clone().into_owned(),
        stream: ask.stream,
        max_tokens: ask.cap,
        tier: None,
        status: 200,
        fault: script.text.clone(),
        outcome: Outcome::Running,
        billed: Billed::default(),
    }
}

/// Tells how many tokens a prompt has.
async fn count(
    client: &mut Client,
    ask: &Ask<'_>,
    script: &Script,
    fields: HeadFields<'_>,
) -> Result<(), Stop> {
    let mut reply = Reply::new(client, script);
    reply.wait_ms(script.stall_ms).await?;
    if let Some(refusal) = script.refusal {
        return refuse(&mut reply, ask.dialect, script, refusal, fields).await;
    }
    let tokens = ask.prompt_tokens;
    let body = match ask.dialect {
        Dialect::Gemini => gemini::count(tokens),
        _ => format!(r#"{{"input_tokens":{tokens}}}"#),
    };
    reply.json(200, body.as_bytes(), fields).await
}

async fn refuse(
    reply: &mut Reply<'_>,
    dialect: Dialect,
    script: &Script,
    Refusal { status, retry_after }: Refusal,
    fields: HeadFields<'_>,
) -> Result<(), Stop> {
    let message = "the sandbox was asked for this error";
    let failure = Failure::new(status, message, fields.request_id);
    let in_array = script.error_array;
    let body = dialect.error(&Failure { retry_after, in_array, ..failure });
    let fields = HeadFields { retry_after, ..fields };
    let (kind, body) = match script.error_body {
        ErrorBody::Usual => ("application/json", body),
        ErrorBody::Page => ("text/html", b"<html><body>Sorry.</body></html>".to_vec()),
        ErrorBody::Line => ("application/json", br#"{"error":"sorry"}"#.to_vec()),
        ErrorBody::Nothing => ("text/plain", Vec::new()),
    };
    reply.body(status, kind, &body, fields).await
}

async fn send(client: &mut Client, job: &Job<'_>, record: &mut Record) -> Result<(), Stop> {
    let mut reply = Reply::new(client, job.script);
    if let Some(refusal) = job.script.refusal {
        record.truth.status = refusal.status;
        reply.wait_ms(job.script.stall_ms).await?;
        record.set(Outcome::Refused);
        return refuse(&mut reply, job.ask.dialect, job.script, refusal, job.fields).await;
    }
    // From here on the prompt is read, and billed.
    record.truth.billed = job.answer.billed.of_the_prompt();
    reply.wait_ms(job.script.stall_ms).await?;
    match job.script.end {
        End::NoHead => Err(Stop::Close),
        End::ResetHead => Err(Stop::Reset),
        End::EndlessHead => endless_head(&mut reply).await,
        _ if job.ask.stream => stream::send(&mut reply, job, record).await,
        _ => whole::send(&mut reply, job, record).await,
    }
}

async fn endless_head(reply: &mut Reply<'_>) -> Result<(), Stop> {
    reply.nonsense(b"HTTP/1.1 200 OK\r\nx-sandbox-more: ").await?;
    loop {
        reply.nonsense(&[b'x'; 1000]).await?;
        reply.wait_ms(1).await?;
    }
}
