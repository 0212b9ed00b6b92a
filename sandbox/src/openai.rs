//! OpenAI's dialect: chat, the completions of before it, embeddings, and what makes no words.

mod made;
pub(crate) mod plain;
pub(crate) mod read;
mod render;
pub(crate) mod strict;
mod turns;

use wire::splice::write_string;

use crate::ask::Shape;
use crate::chat::Job;
use crate::dialect::Failure;
use crate::frames::Frames;
use crate::script::Reported;
use crate::tell::Delta;
use crate::truth::Billed;
use crate::voice::{Voice, put};
pub(crate) use made::content_type;
use render::{Object, Tail};

/// An answer as chunks.
#[derive(Debug)]
pub(crate) struct Chunks {
    /// Whether the answer is a completion of before chat.
    pub completion: bool,
}

impl Chunks {
    const fn object(&self) -> Object {
        if self.completion { Object::Completion } else { Object::ChatChunk }
    }
}

/// What a chunk says of the usage.
fn tail<'j>(job: &Job<'j>, so_far: &'j Billed) -> Tail<'j> {
    match job.script.usage {
        Reported::Everywhere => Tail::Told(so_far, job.script),
        _ if job.ask.include_usage => Tail::Later,
        _ => Tail::Nothing,
    }
}

impl Voice for Chunks {
    fn odd(&mut self, job: &Job<'_>, out: &mut Frames) {
        if job.script.empty_choices {
            out.add(|out| render::bare_chunk(out, self.object(), job.label, None, job.script));
        }
        if job.script.unknown_events {
            out.add(|out| out.extend_from_slice(br#"{"object":"chat.notice","note":"new"}"#));
        }
        if job.script.big_event > 0 {
            out.add(|out| render::big_chunk(out, job.label, job.script.big_event));
        }
    }

    fn step(
        &mut self,
        job: &Job<'_>,
        out: &mut Frames,
        index: usize,
        step: Delta<'_>,
        so_far: &Billed,
    ) {
        let tail = tail(job, so_far);
        match step {
            Delta::Reasoning(_) if !job.script.show_reasoning => {}
            Delta::Role { .. } if job.script.no_role => {}
            Delta::CallOpen { index: place, .. } if job.script.whole_calls => {
                let call = &job.answer.choices[index].calls[place];
                out.add(|out| render::call_chunk(out, job.label, index, (place, call), tail));
            }
            Delta::CallArguments { .. } if job.script.whole_calls => {}
            Delta::Text(text) if job.script.refuses_to_say => {
                out.add(|out| render::refusal_chunk(out, job.label, index, text, tail));
            }
            Delta::Text(text) if self.completion => {
                out.add(|out| render::text_chunk(out, job.label, index, text, tail));
            }
            _ if self.completion => {}
            _ => out.add(|out| render::chunk(out, job.label, index, step, tail)),
        }
    }

    fn finish(&mut self, job: &Job<'_>, out: &mut Frames) {
        for (index, choice) in job.answer.choices.iter().enumerate() {
            let finish = (index, render::finish_name(choice, job.script));
            let is_last = index + 1 == job.answer.choices.len();
            let tail = match job.script.usage {
                Reported::OnFinish if is_last => Tail::Told(&job.answer.billed, job.script),
                _ => tail(job, &job.answer.billed),
            };
            out.add(|out| render::finish_chunk(out, self.object(), job.label, finish, tail));
        }
    }

    fn usage(&mut self, job: &Job<'_>, out: &mut Frames, billed: &Billed) {
        if job.ask.include_usage {
            let billed = Some(billed);
            out.add(|out| render::bare_chunk(out, self.object(), job.label, billed, job.script));
        }
    }

    fn close(&mut self, job: &Job<'_>, out: &mut Frames, told: Option<&Billed>) {
        if let Some(billed) = told.filter(|_| job.script.usage != Reported::OnFinish) {
            self.usage(job, out, billed);
        }
    }

    fn done(&mut self, _job: &Job<'_>, out: &mut Frames) {
        out.add(|out| out.extend_from_slice(b"[DONE]"));
    }

    fn error(&mut self, job: &Job<'_>, out: &mut Frames, status: u16, message: &str) {
        let body = error(&Failure::new(status, message, job.fields.request_id));
        out.add(|out| out.extend_from_slice(&body));
    }
}

/// A whole answer, of any kind.
pub(crate) fn whole(out: &mut Vec<u8>, job: &Job<'_>) {
    if let Shape::Made(made) = &job.ask.shape {
        return made::whole(out, made, job);
    }
    let object = if job.completion { Object::Completion } else { Object::Chat };
    render::whole(out, object, job.label, job.answer, job.script);
}

/// An error in OpenAI's form.
pub(crate) fn error(failure: &Failure<'_>) -> Vec<u8> {
    let (kind, code) = match failure.status {
        401 => ("invalid_request_error", Some("invalid_api_key")),
        404 => ("invalid_request_error", Some("model_not_found")),
        429 => ("requests", Some("rate_limit_exceeded")),
        400..500 => ("invalid_request_error", None),
        _ => ("server_error", None),
    };
    let mut out = br#"{"error":{"message":"#.to_vec();
    write_string(failure.message, &mut out);
    put!(out, r#","type":"{kind}","param":"#);
    match failure.param {
        Some(param) => write_string(param, &mut out),
        None => out.extend_from_slice(b"null"),
    }
    match code {
        Some(code) => put!(out, r#","code":"{code}"}}}}"#),
        None => out.extend_from_slice(br#","code":null}}"#),
    }
    out
}
