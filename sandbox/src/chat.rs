//! One chat request, from its bytes to the end of its answer.
//!
//! ```text
//! read -> script -> compose -> truth begins -> (refusal | stream | whole) -> truth is final
//! ```
//! Invariant: whatever happens to the connection, the truth holds what was generated.

use tokio::time::Instant;

use crate::answer::{Answer, compose};
use crate::ask::{Ask, Refused};
use crate::client::{Client, Stop};
use crate::connection::Incoming;
use crate::render::{Label, error};
use crate::reply::{HeadFields, Reply};
use crate::script::{End, MODEL_PREFIX, Script};
use crate::settings::Pace;
use crate::site::Site;
use crate::text::seed_of;
use crate::truth::{Billed, Outcome, Record, Truth};
use crate::{stream, whole};

/// An answer that is about to leave, and everything that decides how.
pub(crate) struct Job<'a> {
    pub ask: &'a Ask<'a>,
    pub answer: &'a Answer,
    pub script: &'a Script,
    pub pace: Pace,
    pub label: Label<'a>,
    pub fields: HeadFields<'a>,
    /// When the request's last byte was read.
    pub begun: Instant,
}

/// Answers one chat request.
pub(crate) async fn answer(
    client: &mut Client,
    incoming: &Incoming,
    site: &Site,
    close_on_next: &mut bool,
) -> Result<(), Stop> {
    let begun = Instant::now();
    let number = site.next_id();
    let request_id = format!("req_{number}");
    let fields = incoming.fields(&request_id);
    let (ask, script) = match read(incoming, site) {
        Ok(read) => read,
        Err(refused) => {
            let body = error(400, &refused.message, refused.param);
            return Reply::new(client, &Script::default()).json(400, &body, fields).await;
        }
    };
    *close_on_next = script.close_on_next;
    let id = format!("chatcmpl-{}", if script.same_id { "duplicate" } else { &number });
    let seed = ask.seed.map_or_else(|| seed_of(&incoming.body), i64::cast_unsigned);
    let composed = compose(&ask, &script, seed);
    let mut record = site.truth.begin(truth(&ask, &script, incoming, &request_id, &id));
    let job = Job {
        ask: &ask,
        answer: &composed,
        script: &script,
        pace: script.pace(site.settings.pace),
        label: Label {
            id: &id,
            created: site.seconds(),
            model: &ask.model,
            tier: &script.served_tier,
        },
        fields,
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

fn read<'a>(incoming: &'a Incoming, site: &Site) -> Result<(Ask<'a>, Script), Refused> {
    let ask = Ask::read(&incoming.body)?;
    let mut script = Script::default();
    let wishes = site.wishes();
    let model = ask.model.strip_prefix(MODEL_PREFIX);
    for list in [wishes.as_deref(), model, incoming.header("x-sandbox-fault")].into_iter().flatten()
    {
        let wrong = |message| Refused { message, param: Some("x-sandbox-fault") };
        script.add(list).map_err(wrong)?;
    }
    for (header, wish) in [
        ("x-sandbox-first-byte-ms", "first-byte"),
        ("x-sandbox-tokens-per-second", "rate"),
        ("x-sandbox-chunk-tokens", "chunk"),
        ("x-sandbox-tokens", "tokens"),
    ] {
        if let Some(value) = incoming.header(header) {
            let wrong = |message| Refused { message, param: Some(header) };
            script.add(&format!("{wish}:{value}")).map_err(wrong)?;
        }
    }
    Ok((ask, script))
}

fn truth(ask: &Ask<'_>, script: &Script, incoming: &Incoming, request: &str, id: &str) -> Truth {
    Truth {
        request: request.to_owned(),
        id: id.to_owned(),
        generation: incoming.header("x-generation-id").map(str::to_owned),
        caller_request: incoming.header("x-request-id").map(str::to_owned),
        model: ask.model.clone().into_owned(),
        stream: ask.stream,
        max_tokens: ask.cap,
        tier: Some(script.served_tier.clone()).filter(|tier| !tier.is_empty()),
        status: 200,
        fault: script.text.clone(),
        outcome: Outcome::Running,
        billed: Billed::default(),
    }
}

async fn send(client: &mut Client, job: &Job<'_>, record: &mut Record) -> Result<(), Stop> {
    let mut reply = Reply::new(client, job.script);
    if let Some(refusal) = job.script.refusal {
        record.truth.status = refusal.status;
        reply.wait_ms(job.script.stall_ms).await?;
        record.set(Outcome::Refused);
        let body = error(refusal.status, "the sandbox was asked for this error", None);
        let fields = HeadFields { retry_after: refusal.retry_after, ..job.fields };
        return reply.json(refusal.status, &body, fields).await;
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
