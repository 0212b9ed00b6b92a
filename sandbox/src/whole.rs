//! An answer in one piece: generated first, then sent.

use std::time::Duration;

use crate::answer::Choice;
use crate::chat::Job;
use crate::client::Stop;
use crate::reply::Reply;
use crate::script::{End, Framing, Length};
use crate::truth::{Outcome, Record};

/// By how much a wrong `content-length` differs from the body.
const LENGTH_OFF: usize = 40;
/// What an answer without end says, again and again: eight tokens.
const ENDLESS: &[u8] = b"and so it goes on, and on again ";

/// Generates the answer at its pace, and sends it.
pub(crate) async fn send(
    reply: &mut Reply<'_>,
    job: &Job<'_>,
    record: &mut Record,
) -> Result<(), Stop> {
    if job.script.length == Length::Endless {
        return endless(reply, job, record).await;
    }
    generate(reply, job, record).await?;
    let mut body = Vec::with_capacity(1024);
    if job.script.error_in_200 {
        body = job.error(500, "the sandbox was asked for an error in a good answer");
        record.set(Outcome::Broken);
    } else {
        job.whole(&mut body);
    }
    if job.script.breaks_in_the_middle() {
        return broken(reply, job, record, &body).await;
    }
    if record.truth.outcome == Outcome::Running {
        record.set(Outcome::Finished);
    }
    let (length, sent) = match job.script.framing {
        Framing::Short => (body.len() - LENGTH_OFF.min(body.len()), body.as_slice()),
        Framing::Long => (body.len() + LENGTH_OFF, body.as_slice()),
        _ => (body.len(), body.as_slice()),
    };
    reply.head(200, job.content_type(), Some(length), job.fields).await?;
    reply.piece(sent).await?;
    reply.end().await
}

/// Waits as long as the slowest choice takes. A client that leaves meanwhile is billed what there
/// is until then.
async fn generate(reply: &mut Reply<'_>, job: &Job<'_>, record: &mut Record) -> Result<(), Stop> {
    let first_byte = job.begun + Duration::from_millis(job.pace.first_byte_ms);
    let most = job.answer.choices.iter().map(Choice::tokens).max().unwrap_or(0);
    let waited = reply.wait_until(first_byte + job.pace.time_of(most)).await;
    let billed = &mut record.truth.billed;
    if waited.is_ok() {
        *billed = job.answer.billed;
        return Ok(());
    }
    let elapsed = first_byte.elapsed();
    if !elapsed.is_zero() {
        let made = |choice: &Choice| job.pace.tokens_after(elapsed, choice.tokens());
        billed.completion = job.answer.choices.iter().map(made).sum();
        billed.reasoning = job.answer.billed.reasoning.min(billed.completion);
    }
    waited
}

/// Half of the body, then what the script wants, then the rest if there is one.
async fn broken(
    reply: &mut Reply<'_>,
    job: &Job<'_>,
    record: &mut Record,
    body: &[u8],
) -> Result<(), Stop> {
    let (first, second) = body.split_at(body.len() / 2);
    let chunked = job.script.framing == Framing::BadChunk;
    let length = if chunked { None } else { Some(body.len()) };
    reply.head(200, "application/json", length, job.fields).await?;
    reply.piece(first).await?;
    reply.flush().await?;
    reply.wait_ms(job.script.stall_mid_ms).await?;
    if chunked {
        reply.nonsense(b"zz\r\nnot a chunk\r\n").await?;
        return Err(Stop::Close);
    }
    match job.script.end {
        End::Cut => return Err(Stop::Close),
        End::ResetMid | End::ErrorMid(_) => return Err(Stop::Reset),
        _ => {}
    }
    if record.truth.outcome == Outcome::Running {
        record.set(Outcome::Finished);
    }
    reply.piece(second).await?;
    reply.end().await
}

/// A body that goes on until the client leaves.
async fn endless(reply: &mut Reply<'_>, job: &Job<'_>, record: &mut Record) -> Result<(), Stop> {
    reply.head(200, "application/json", None, job.fields).await?;
    let start = br#"{"object":"chat.completion","choices":[{"index":0,"message":{"content":""#;
    reply.piece(start).await?;
    loop {
        record.truth.billed.completion += 8;
        reply.piece(ENDLESS).await?;
        let told = job.pace.time_of(record.truth.billed.completion);
        reply.wait_until(job.begun + told).await?;
    }
}
