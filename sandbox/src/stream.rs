//! A streamed answer: talk, finish, usage, the end, and whatever the script breaks on the way.
//!
//! The same for every dialect: a voice turns each step into events, which are sent here.

use std::time::Duration;

use crate::chat::Job;
use crate::client::Stop;
use crate::frames::Frames;
use crate::reply::Reply;
use crate::script::{End, Framing, Length, Reported};
use crate::tell::{Delta, Teller};
use crate::truth::{Billed, Outcome, Record};
use crate::voice::Voice;

/// A stream on its way.
struct Stream<'s, 'c> {
    reply: &'s mut Reply<'c>,
    job: &'s Job<'s>,
    record: &'s mut Record,
    voice: Box<dyn Voice + Send>,
    frames: Frames,
}

/// What follows the middle of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    GoOn,
    /// The stream ends here, in order.
    Ended,
}

/// Sends the whole stream.
pub(crate) async fn send(
    reply: &mut Reply<'_>,
    job: &Job<'_>,
    record: &mut Record,
) -> Result<(), Stop> {
    let first_byte = job.begun + Duration::from_millis(job.pace.first_byte_ms);
    reply.wait_until(first_byte).await?;
    reply.stream_head(job.ask.joined, job.fields).await?;
    let voice = job.ask.dialect.voice(job.completion);
    let frames = Frames::new(job.ask.joined, job.script);
    Stream { reply, job, record, voice, frames }.run().await
}

impl Stream<'_, '_> {
    async fn run(&mut self) -> Result<(), Stop> {
        let job = self.job;
        if job.script.error_in_200 {
            return self.fail(500, "the sandbox was asked for an error in a good stream").await;
        }
        self.voice.odd(job, &mut self.frames);
        self.send().await?;
        if self.talk().await? == After::Ended {
            return Ok(());
        }
        let completion = self.record.truth.billed.completion;
        self.record.truth.billed = Billed { completion, ..job.answer.billed };
        let told = job.script.usage;
        if told == Reported::Early {
            self.usage(&job.answer.billed).await?;
        }
        self.voice.finish(job, &mut self.frames);
        self.send().await?;
        if job.script.end == End::ResetBehind {
            self.reply.flush().await?;
            return Err(Stop::Reset);
        }
        self.close(told).await?;
        self.record.set(Outcome::Finished);
        if job.script.end != End::NoDone {
            self.voice.done(job, &mut self.frames);
            self.send().await?;
        }
        if told == Reported::AfterDone {
            self.usage(&job.answer.billed).await?;
        }
        self.end().await
    }

    /// Tells all choices, taking turns, each token when it is due.
    async fn talk(&mut self) -> Result<After, Stop> {
        let job = self.job;
        let begun = job.begun + Duration::from_millis(job.pace.first_byte_ms);
        let mut tellers: Vec<_> = job.answer.choices.iter().map(Teller::new).collect();
        let mut breaks = job.script.breaks_in_the_middle();
        let total = job.answer.billed.completion;
        loop {
            let mut silent = true;
            for (index, teller) in tellers.iter_mut().enumerate() {
                let Some((step, tokens)) = teller.next(job.pace.chunk_tokens) else { continue };
                silent = false;
                self.reply.wait_until(begun + job.pace.time_of(teller.told)).await?;
                let said = self.record.truth.billed.completion;
                if breaks && (said + tokens) * 2 > total && tokens > 0 {
                    breaks = false;
                    if self.middle(index, step).await? == After::Ended {
                        return Ok(After::Ended);
                    }
                }
                self.tell(index, step, tokens).await?;
            }
            if silent && job.script.length != Length::Endless {
                return Ok(After::GoOn);
            }
            if silent {
                tellers.iter_mut().for_each(Teller::again);
            }
        }
    }

    async fn tell(&mut self, index: usize, step: Delta<'_>, tokens: u64) -> Result<(), Stop> {
        let billed = &mut self.record.truth.billed;
        billed.completion += tokens;
        if let Delta::Reasoning(_) = step {
            billed.reasoning += tokens;
        }
        self.voice.step(self.job, &mut self.frames, index, step, billed);
        self.send().await
    }

    /// What happens in the middle of the answer, before `step`.
    async fn middle(&mut self, index: usize, step: Delta<'_>) -> Result<After, Stop> {
        let script = self.job.script;
        self.reply.flush().await?;
        self.reply.wait_ms(script.stall_mid_ms).await?;
        if script.framing == Framing::BadChunk {
            self.reply.nonsense(b"zz\r\nnot a chunk\r\n").await?;
            return Err(Stop::Close);
        }
        match script.end {
            End::Cut => Err(Stop::Close),
            End::ResetMid => {
                let so_far = &self.record.truth.billed;
                self.voice.step(self.job, &mut self.frames, index, step, so_far);
                if let Some(event) = self.frames.each().next() {
                    self.reply.half_event(event).await?;
                }
                Err(Stop::Reset)
            }
            End::ErrorMid(status) => {
                self.fail(status, "the sandbox was asked for an error in the middle").await?;
                Ok(After::Ended)
            }
            _ => Ok(After::GoOn),
        }
    }

    /// The usage where it belongs, and wrong ones before it.
    async fn close(&mut self, told: Reported) -> Result<(), Stop> {
        let job = self.job;
        let Billed { prompt, completion, .. } = job.answer.billed;
        let first = match told {
            Reported::Twice => Some((prompt / 2, completion / 2)),
            Reported::Shrinks => Some((prompt * 2, completion * 2)),
            _ => None,
        };
        let apart = matches!(told, Reported::Early | Reported::AfterDone | Reported::Absent);
        if !apart {
            self.reply.wait_ms(job.script.late_ms).await?;
        }
        if let Some((prompt, completion)) = first {
            self.usage(&Billed { prompt, completion, ..Billed::default() }).await?;
        }
        let billed = Some(&job.answer.billed).filter(|_| !apart);
        self.voice.close(job, &mut self.frames, billed);
        self.send().await
    }

    async fn usage(&mut self, billed: &Billed) -> Result<(), Stop> {
        self.voice.usage(self.job, &mut self.frames, billed);
        self.send().await
    }

    /// An error, after which the stream ends.
    async fn fail(&mut self, status: u16, message: &str) -> Result<(), Stop> {
        self.voice.error(self.job, &mut self.frames, status, message);
        self.send().await?;
        self.record.set(Outcome::Broken);
        self.end().await
    }

    async fn end(&mut self) -> Result<(), Stop> {
        self.frames.end();
        self.send().await?;
        self.reply.end().await
    }

    async fn send(&mut self) -> Result<(), Stop> {
        for event in self.frames.each() {
            self.reply.piece(event).await?;
        }
        self.frames.clear();
        Ok(())
    }
}
