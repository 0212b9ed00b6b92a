//! Gemini's dialect: contents, and the count of their tokens.

pub(crate) mod read;
mod render;
mod schema;
mod turns;

use wire::splice::write_string;

use crate::ask::Thoughts;
use crate::chat::Job;
use crate::dialect::Failure;
use crate::frames::Frames;
use crate::script::Reported;
use crate::tell::Delta;
use crate::truth::Billed;
use crate::voice::{Voice, put};

/// An answer as chunks of candidates. Calls are told whole, once their arguments are there: all of
/// a choice together at its end, or each by itself.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// What was generated when the last step was told.
    so_far: Billed,
}

/// The usage of a chunk, which repeats until the last one holds.
fn repeated<'b>(job: &Job<'_>, billed: &'b Billed) -> Option<&'b Billed> {
    let apart = [Reported::Absent, Reported::Early, Reported::AfterDone];
    Some(billed).filter(|_| !apart.contains(&job.script.usage))
}

impl Parts {
    fn parts(&self, job: &Job<'_>, out: &mut Frames, index: usize, parts: &[u8]) {
        let told = repeated(job, &self.so_far);
        out.add(|out| render::chunk(out, job, index, (parts, None), told));
    }

    /// Calls of a choice, if any of them are whole.
    fn calls(&self, job: &Job<'_>, out: &mut Frames, index: usize, which: (usize, usize)) {
        let calls = &job.answer.choices[index].calls;
        let mut parts = Vec::new();
        render::call_parts(&mut parts, &calls[which.0..which.1], which.0 == 0, job);
        if !parts.is_empty() {
            self.parts(job, out, index, &parts);
        }
    }
}

impl Voice for Parts {
    fn odd(&mut self, job: &Job<'_>, out: &mut Frames) {
        self.so_far = job.answer.billed.of_the_prompt();
        if job.script.empty_choices {
            out.add(|out| render::bare_chunk(out, job, None, 0));
        }
        if job.script.unknown_events {
            let part = br#"{"somethingNew":{"x":1}}"#;
            out.add(|out| render::chunk(out, job, 0, (part, None), None));
        }
        if job.script.big_event > 0 {
            out.add(|out| render::bare_chunk(out, job, None, job.script.big_event));
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
        self.so_far = *so_far;
        let mut part = Vec::new();
        match step {
            Delta::Reasoning(text) if job.ask.thoughts == Thoughts::Told => {
                render::text_part(&mut part, text, true, false);
            }
            Delta::Text(text) => render::text_part(&mut part, text, false, false),
            Delta::CallOpen { index: call, .. } if job.script.calls_apart && call > 0 => {
                return self.calls(job, out, index, (call - 1, call));
            }
            _ => return,
        }
        self.parts(job, out, index, &part);
    }

    fn finish(&mut self, job: &Job<'_>, out: &mut Frames) {
        for (index, choice) in job.answer.choices.iter().enumerate() {
            let end = choice.calls.len();
            let start = if job.script.calls_apart { end.saturating_sub(1) } else { 0 };
            self.calls(job, out, index, (start, end));
        }
    }

    fn usage(&mut self, job: &Job<'_>, out: &mut Frames, billed: &Billed) {
        out.add(|out| render::bare_chunk(out, job, Some(billed), 0));
    }

    fn close(&mut self, job: &Job<'_>, out: &mut Frames, told: Option<&Billed>) {
        if job.answer.choices.is_empty() {
            return out.add(|out| render::bare_chunk(out, job, told, 0));
        }
        for (index, choice) in job.answer.choices.iter().enumerate() {
            let mut part = Vec::new();
            if !choice.text.is_empty() {
                render::text_part(&mut part, "", false, read::signs(&job.ask.model));
            }
            out.add(|out| render::chunk(out, job, index, (&part, Some(choice)), told));
        }
    }

    fn done(&mut self, _job: &Job<'_>, _out: &mut Frames) {}

    fn error(&mut self, job: &Job<'_>, out: &mut Frames, status: u16, message: &str) {
        let body = job.error(status, message);
        out.add(|out| out.extend_from_slice(&body));
    }
}

/// A whole answer.
pub(crate) fn whole(out: &mut Vec<u8>, job: &Job<'_>) {
    render::whole(out, job);
}

/// How many tokens a prompt has.
pub(crate) fn count(tokens: u64) -> String {
    let details = format!(r#"[{{"modality":"TEXT","tokenCount":{tokens}}}]"#);
    format!(r#"{{"totalTokens":{tokens},"promptTokensDetails":{details}}}"#)
}

/// An error in Google's form.
pub(crate) fn error(failure: &Failure<'_>) -> Vec<u8> {
    let Failure { status, message, retry_after, .. } = *failure;
    let name = match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        400..=499 => "INVALID_ARGUMENT",
        501 => "UNIMPLEMENTED",
        503 | 529 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    };
    let mut out = if failure.in_array { b"[".to_vec() } else { Vec::new() };
    put!(out, r#"{{"error":{{"code":{status},"message":"#);
    write_string(message, &mut out);
    put!(out, r#","status":"{name}""#);
    let kind = "type.googleapis.com/google.rpc";
    if message.starts_with("API key not valid") {
        put!(out, r#","details":[{{"@type":"{kind}.ErrorInfo","reason":"API_KEY_INVALID","#);
        out.extend_from_slice(br#""domain":"googleapis.com"}]"#);
    } else if let Some(seconds) = retry_after {
        put!(out, r#","details":[{{"@type":"{kind}.RetryInfo","retryDelay":"{seconds}s"}}]"#);
    }
    out.extend_from_slice(b"}}");
    if failure.in_array {
        out.push(b']');
    }
    out
}
