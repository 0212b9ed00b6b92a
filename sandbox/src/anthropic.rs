//! Anthropic's dialect: messages, and the count of their tokens.

mod blocks;
mod format;
pub(crate) mod models;
pub(crate) mod read;
mod render;
mod turns;

use wire::splice::write_string;

use crate::answer::Finish;
use crate::chat::Job;
use crate::dialect::Failure;
use crate::frames::Frames;
use crate::signature;
use crate::tell::Delta;
use crate::truth::Billed;
use crate::voice::{Voice, put};

/// What kind of block is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Open {
    #[default]
    Nothing,
    Thinking,
    Text,
    ToolUse,
    /// A search that the provider makes, or what it found.
    Search,
}

/// An answer as content blocks.
///
/// ```text
/// message_start -> (content_block_start -> content_block_delta* -> content_block_stop)*
///               -> message_delta -> message_stop
/// ```
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    open: Open,
    /// How many blocks were begun.
    begun: usize,
    searched: bool,
}

impl Blocks {
    /// Opens a block unless one of that kind is open; `start` is what it holds at first.
    fn enter(&mut self, job: &Job<'_>, out: &mut Frames, open: Open, start: &str) {
        if self.open == open && !matches!(open, Open::ToolUse | Open::Search) {
            return;
        }
        self.leave(job, out);
        let index = self.begun;
        out.add_named("content_block_start", |out| {
            put!(out, r#"{{"type":"content_block_start","index":{index},"#);
            put!(out, r#""content_block":{start}}}"#);
        });
        if index == 0 {
            out.add_named("ping", |out| out.extend_from_slice(br#"{"type":"ping"}"#));
        }
        self.open = open;
        self.begun += 1;
    }

    /// Closes the block that is open; thoughts are signed before.
    fn leave(&mut self, job: &Job<'_>, out: &mut Frames) {
        if self.open == Open::Nothing {
            return;
        }
        if self.open == Open::Thinking && !job.script.redacted {
            let thoughts = job.answer.choices.first().map_or("", |c| render::told(c, job));
            let signature = signature::of_thoughts(thoughts);
            self.delta(out, "signature_delta", "signature", &signature);
        }
        let index = self.begun - 1;
        out.add_named("content_block_stop", |out| {
            put!(out, r#"{{"type":"content_block_stop","index":{index}}}"#);
        });
        self.open = Open::Nothing;
    }

    fn delta(&self, out: &mut Frames, kind: &str, name: &str, text: &str) {
        let index = self.begun - 1;
        out.add_named("content_block_delta", |out| {
            put!(out, r#"{{"type":"content_block_delta","index":{index},"delta":"#);
            put!(out, r#"{{"type":"{kind}","{name}":"#);
            write_string(text, out);
            out.extend_from_slice(b"}}");
        });
    }

    /// Searches come before what is said of them.
    fn search(&mut self, job: &Job<'_>, out: &mut Frames) {
        if std::mem::replace(&mut self.searched, true) {
            return;
        }
        for number in 0..job.answer.billed.searches {
            self.enter(job, out, Open::Search, &render::search(number, "{}"));
            self.delta(out, "input_json_delta", "partial_json", render::QUERY);
            self.enter(job, out, Open::Search, &render::found(number));
        }
    }

    fn thought(&mut self, job: &Job<'_>, out: &mut Frames, text: &str) {
        let Some(choice) = job.answer.choices.first() else { return };
        if job.script.redacted {
            let sealed = signature::sealed(&choice.reasoning);
            let start = format!(r#"{{"type":"redacted_thinking","data":"{sealed}"}}"#);
            return self.enter(job, out, Open::Thinking, &start);
        }
        let start = r#"{"type":"thinking","thinking":"","signature":""}"#;
        self.enter(job, out, Open::Thinking, start);
        if !render::told(choice, job).is_empty() {
            self.delta(out, "thinking_delta", "thinking", text);
        }
    }
}

impl Voice for Blocks {
    fn odd(&mut self, job: &Job<'_>, out: &mut Frames) {
        if job.script.unknown_events {
            out.add_named("notice", |out| {
                out.extend_from_slice(br#"{"type":"notice","note":"new"}"#);
            });
        }
        for _ in 0..job.script.pings {
            out.add_named("ping", |out| out.extend_from_slice(br#"{"type":"ping"}"#));
        }
    }

    fn step(
        &mut self,
        job: &Job<'_>,
        out: &mut Frames,
        index: usize,
        step: Delta<'_>,
        _so_far: &Billed,
    ) {
        match step {
            Delta::Role { .. } if index == 0 => {
                out.add_named("message_start", |out| render::message_start(out, job));
            }
            Delta::Role { .. } => {}
            Delta::Reasoning(text) => self.thought(job, out, text),
            Delta::Text(text) => {
                self.search(job, out);
                self.enter(job, out, Open::Text, r#"{"type":"text","text":""}"#);
                self.delta(out, "text_delta", "text", text);
            }
            Delta::CallOpen { id, name, .. } => {
                self.search(job, out);
                let start =
                    format!(r#"{{"type":"tool_use","id":"{id}","name":"{name}","input":{{}}}}"#);
                self.enter(job, out, Open::ToolUse, &start);
                self.delta(out, "input_json_delta", "partial_json", "");
            }
            Delta::CallArguments { fragment, .. } => {
                self.delta(out, "input_json_delta", "partial_json", fragment);
            }
        }
    }

    fn finish(&mut self, job: &Job<'_>, out: &mut Frames) {
        self.search(job, out);
        self.leave(job, out);
    }

    fn usage(&mut self, job: &Job<'_>, out: &mut Frames, billed: &Billed) {
        out.add_named("message_delta", |out| {
            out.extend_from_slice(br#"{"type":"message_delta","delta":{"stop_reason":null,"#);
            out.extend_from_slice(br#""stop_sequence":null},"usage":"#);
            render::last_usage(out, billed, job.script);
            out.push(b'}');
        });
    }

    fn close(&mut self, job: &Job<'_>, out: &mut Frames, told: Option<&Billed>) {
        let Some(choice) = job.answer.choices.first() else { return };
        if choice.finish == Finish::Error {
            return self.error(job, out, 500, "the answer failed at its end");
        }
        out.add_named("message_delta", |out| {
            out.extend_from_slice(br#"{"type":"message_delta","delta":{"#);
            render::stop(out, choice, job.script);
            out.push(b'}');
            if let Some(billed) = told {
                out.extend_from_slice(br#","usage":"#);
                render::last_usage(out, billed, job.script);
            }
            out.push(b'}');
        });
    }

    fn done(&mut self, job: &Job<'_>, out: &mut Frames) {
        if job.answer.choices.first().is_some_and(|choice| choice.finish != Finish::Error) {
            out.add_named("message_stop", |out| {
                out.extend_from_slice(br#"{"type":"message_stop"}"#);
            });
        }
    }

    fn error(&mut self, job: &Job<'_>, out: &mut Frames, status: u16, message: &str) {
        let body = error(&Failure::new(status, message, job.fields.request_id));
        out.add_named("error", |out| out.extend_from_slice(&body));
    }
}

/// A whole message.
pub(crate) fn whole(out: &mut Vec<u8>, job: &Job<'_>) {
    render::whole(out, job);
}

/// An error in Anthropic's form.
pub(crate) fn error(failure: &Failure<'_>) -> Vec<u8> {
    let kind = match failure.status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        400..500 => "invalid_request_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    let mut out = Vec::new();
    put!(out, r#"{{"type":"error","error":{{"type":"{kind}","message":"#);
    write_string(failure.message, &mut out);
    put!(out, r#"}},"request_id":"{}"}}"#, failure.request_id);
    out
}
