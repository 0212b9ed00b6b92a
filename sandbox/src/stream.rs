//! A streamed answer: talk, finish, usage, `[DONE]`, and whatever the script breaks on the way.

use std::time::Duration;

use crate::chat::Job;
use crate::client::Stop;
use crate::render::{Delta, bare_chunk, big_chunk, chunk, error};
use crate::reply::Reply;
use crate::script::{End, Framing, Length, Reported};
use crate::tell::Teller;
use crate::truth::{Billed, Outcome, Record};

/// Sends the whole stream.
pub(crate) async fn send(
    reply: &mut Reply<'_>,
    job: &Job<'_>,
    record: &mut Record,
) -> Result<(), Stop> {
    let first_byte = job.begun + Duration::from_millis(job.pace.first_byte_ms);
    reply.wait_until(first_byte).await?;
    reply.stream_head(job.fields).await?;
    if job.script.error_in_200 {
        let body = error(500, "the sandbox was asked for an error in a good stream", None);
        reply.event(|out| out.extend_from_slice(&body)).await?;
        record.set(Outcome::Broken);
        return reply.end().await;
    }
    preamble(reply, job).await?;
    talk(reply, job, record).await?;
    record.truth.billed =
        Billed { completion: record.truth.billed.completion, ..job.answer.billed };
    let told = job.script.usage;
    if told == Reported::Early {
        usage(reply, job, &job.answer.billed).await?;
    }
    for (index, choice) in job.answer.choices.iter().enumerate() {
        delta(reply, job, index, Delta::Finish(choice.finish)).await?;
    }
    if job.script.end == End::ResetBehind {
        reply.flush().await?;
        return Err(Stop::Reset);
    }
    if !matches!(told, Reported::Early | Reported::AfterDone) {
        late_usage(reply, job).await?;
    }
    record.set(Outcome::Finished);
    if job.script.end != End::NoDone {
        reply.event(|out| out.extend_from_slice(b"[DONE]")).await?;
    }
    if told == Reported::AfterDone {
        usage(reply, job, &job.answer.billed).await?;
    }
    reply.end().await
}

/// Events that some providers send before anything is said.
async fn preamble(reply: &mut Reply<'_>, job: &Job<'_>) -> Result<(), Stop> {
    if job.script.empty_choices {
        reply.event(|out| bare_chunk(out, job.label, None, job.script)).await?;
    }
    if job.script.big_event > 0 {
        reply.event(|out| big_chunk(out, job.label, job.script.big_event)).await?;
    }
    Ok(())
}

/// Tells all choices, taking turns, each token when it is due.
async fn talk(reply: &mut Reply<'_>, job: &Job<'_>, record: &mut Record) -> Result<(), Stop> {
    let begun = job.begun + Duration::from_millis(job.pace.first_byte_ms);
    let mut tellers: Vec<_> = job.answer.choices.iter().map(Teller::new).collect();
    let mut breaks = job.script.breaks_in_the_middle();
    let total = job.answer.billed.completion;
    loop {
        let mut silent = true;
        for (index, teller) in tellers.iter_mut().enumerate() {
            let Some((step, tokens)) = teller.next(job.pace.chunk_tokens) else { continue };
            silent = false;
            reply.wait_until(begun + job.pace.time_of(teller.told)).await?;
            let billed = &mut record.truth.billed;
            if breaks && (billed.completion + tokens) * 2 > total && tokens > 0 {
                breaks = false;
                middle(reply, job, index, step).await?;
            }
            billed.completion += tokens;
            if let Delta::Reasoning(_) = step {
                billed.reasoning += tokens;
                if !job.script.show_reasoning {
                    continue;
                }
            }
            delta(reply, job, index, step).await?;
        }
        if silent && job.script.length != Length::Endless {
            return Ok(());
        }
        if silent {
            tellers.iter_mut().for_each(Teller::again);
        }
    }
}

/// What happens in the middle of the answer, before `step`.
async fn middle(
    reply: &mut Reply<'_>,
    job: &Job<'_>,
    index: usize,
    step: Delta<'_>,
) -> Result<(), Stop> {
    reply.flush().await?;
    reply.wait_ms(job.script.stall_mid_ms).await?;
    if job.script.framing == Framing::BadChunk {
        reply.nonsense(b"zz\r\nnot a chunk\r\n").await?;
        return Err(Stop::Close);
    }
    match job.script.end {
        End::Cut => Err(Stop::Close),
        End::ResetMid => {
            let asked = job.ask.include_usage;
            reply.half_event(|out| chunk(out, job.label, index, step, asked)).await?;
            Err(Stop::Reset)
        }
        _ => Ok(()),
    }
}

async fn delta(
    reply: &mut Reply<'_>,
    job: &Job<'_>,
    index: usize,
    step: Delta<'_>,
) -> Result<(), Stop> {
    let asked = job.ask.include_usage;
    reply.event(|out| chunk(out, job.label, index, step, asked)).await
}

/// The usage where it belongs: after the finish.
async fn late_usage(reply: &mut Reply<'_>, job: &Job<'_>) -> Result<(), Stop> {
    reply.wait_ms(job.script.late_ms).await?;
    let Billed { prompt, completion, .. } = job.answer.billed;
    let first = match job.script.usage {
        Reported::Twice => Some((prompt / 2, completion / 2)),
        Reported::Shrinks => Some((prompt * 2, completion * 2)),
        _ => None,
    };
    if let Some((prompt, completion)) = first {
        usage(reply, job, &Billed { prompt, completion, ..Billed::default() }).await?;
    }
    usage(reply, job, &job.answer.billed).await
}

/// A chunk with the usage, if it was asked for and the script does not hide it.
async fn usage(reply: &mut Reply<'_>, job: &Job<'_>, billed: &Billed) -> Result<(), Stop> {
    if !job.ask.include_usage || job.script.usage == Reported::Absent {
        return Ok(());
    }
    reply.event(|out| bare_chunk(out, job.label, Some(billed), job.script)).await
}
