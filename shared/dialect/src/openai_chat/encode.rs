//! Events as chunks.
//!
//! ```text
//!   role, "" --> deltas --> one finish --> usage, if it is told --> [DONE]
//! ```
//! Invariants: `index` counts tools, whatever else stood between them; each fragment of a call has
//! a `function`, the first one its id, type, name and `""`; a call without arguments gets `{}`. No
//! good chunk has a key `error`. Thoughts stand in every place where clients look for them:
//! `reasoning_content`, and OpenRouter's `reasoning` and `reasoning_details`; the proof of a call
//! in Google's member, and in the call's id.

use std::io::Write;

use wire::splice::write_string;

use super::made::add_usage;
use super::whole::{finish_word, is_empty_proof, picture, tier_word, write_id, write_proof};
use crate::event::Event;
use crate::frames::{End, Frames, Label, StreamError};
use crate::intent::Finish;
use crate::refusal::openai_error_body;
use crate::signature::into_id;

/// The rest of a chunk that tells an error, behind its id.
const ERROR_CHUNK: &[u8] = concat!(
    r#"","object":"chat.completion.chunk","created":0,"#,
    r#""choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#,
)
.as_bytes();

/// Writes answers.
#[derive(Debug, Default)]
pub struct Encoder {
    /// Calls that were told.
    calls: u64,
    /// Whether the last of them has no arguments yet.
    is_bare: bool,
    /// Thoughts that came to their end.
    thoughts: u64,
    finish: Option<(Finish, String)>,
    tier: Option<&'static str>,
}

impl Encoder {
    pub(crate) fn begin(&mut self, label: &Label<'_>, frames: &mut Frames<'_>) {
        delta(label, frames, |out| out.extend(br#""role":"assistant","content":"""#));
    }

    pub(crate) fn event(&mut self, label: &Label<'_>, event: &Event<'_>, frames: &mut Frames<'_>) {
        match event {
            Event::Begin { .. } | Event::Usage(_) => {}
            Event::Text(text) => delta(label, frames, |out| {
                out.extend(br#""content":"#);
                write_string(text, out);
            }),
            Event::Refusal(text) => delta(label, frames, |out| {
                out.extend(br#""refusal":"#);
                write_string(text, out);
            }),
            Event::Thought(text) => {
                let place = self.thoughts;
                delta(label, frames, |out| write_thought(text, place, out));
            }
            Event::Signature(proof) => self.end_thought(label, proof, "text", frames),
            Event::Redacted(hidden) => self.end_thought(label, hidden, "encrypted", frames),
            Event::Call { id, name, signature } => {
                self.end_call(label, frames);
                let id = into_id(id, signature.as_deref());
                self.begin_call(label, &id, name, signature.as_deref(), frames);
            }
            Event::Arguments(more) => {
                self.is_bare = false;
                self.write_arguments(label, more, frames);
            }
            Event::Image { media_type, data } => delta(label, frames, |out| {
                out.extend(br#""images":["#);
                picture(media_type, data, out);
                out.push(b']');
            }),
            Event::Finish { finish, native, .. } => {
                self.finish = Some((*finish, native.to_string()));
            }
            Event::Tier(tier) => self.tier = tier_word(tier),
        }
    }

    pub(crate) fn end(&mut self, label: &Label<'_>, end: End<'_>, frames: &mut Frames<'_>) {
        self.end_call(label, frames);
        let (finish, native) = self.finish.take().unwrap_or_default();
        let finish =
            if finish == Finish::Stop && self.calls > 0 { Finish::ToolCalls } else { finish };
        let tier = self.tier;
        frames.event("", |out| {
            open(label, out);
            out.extend(br#","choices":[{"index":0,"delta":{},"finish_reason":""#);
            out.extend(finish_word(finish).as_bytes());
            out.extend(br#"","native_finish_reason":"#);
            write_string(if native.is_empty() { finish_word(finish) } else { &native }, out);
            out.extend(b"}]");
            write_tier(tier, out);
            out.push(b'}');
            if !end.tells_usage {
                (end.note)(out);
            }
        });
        if end.tells_usage {
            frames.event("", |out| {
                open(label, out);
                write_tier(tier, out);
                out.extend(br#","choices":[]}"#);
                add_usage(end.tokens, out);
                (end.note)(out);
            });
        }
        frames.event("", |out| out.extend(b"[DONE]"));
    }

    fn end_thought(&mut self, label: &Label<'_>, proof: &str, kind: &str, frames: &mut Frames<'_>) {
        if !is_empty_proof(proof) {
            let place = self.thoughts;
            delta(label, frames, |out| {
                out.extend(br#""reasoning_details":["#);
                write_proof(kind, proof, place, out);
                out.push(b']');
            });
        }
        self.thoughts += 1;
    }

    fn begin_call(
        &mut self,
        label: &Label<'_>,
        id: &str,
        name: &str,
        proof: Option<&str>,
        frames: &mut Frames<'_>,
    ) {
        let place = self.calls;
        self.calls += 1;
        self.is_bare = true;
        delta(label, frames, |out| {
            // Writing into a vector does not fail.
            let _ = write!(out, r#""tool_calls":[{{"index":{place},"id":"#);
            write_string(id, out);
            out.extend(br#","type":"function","function":{"name":"#);
            write_string(name, out);
            out.extend(br#","arguments":""}"#);
            if let Some(proof) = proof {
                out.extend(br#","extra_content":{"google":{"thought_signature":"#);
                write_string(proof, out);
                out.extend(b"}}");
            }
            out.extend(b"}]");
        });
    }

    fn end_call(&mut self, label: &Label<'_>, frames: &mut Frames<'_>) {
        if std::mem::take(&mut self.is_bare) {
            self.write_arguments(label, "{}", frames);
        }
    }

    fn write_arguments(&self, label: &Label<'_>, more: &str, frames: &mut Frames<'_>) {
        let place = self.calls.saturating_sub(1);
        delta(label, frames, |out| {
            // Writing into a vector does not fail.
            let _ = write!(out, r#""tool_calls":[{{"index":{place},"function":{{"arguments":"#);
            write_string(more, out);
            out.extend(b"}}]");
        });
    }
}

/// Appends a chunk; `write` adds what its delta says.
fn delta(label: &Label<'_>, frames: &mut Frames<'_>, write: impl FnOnce(&mut Vec<u8>)) {
    frames.event("", |out| {
        open(label, out);
        out.extend(br#","choices":[{"index":0,"delta":{"#);
        write(out);
        out.extend(br#"},"finish_reason":null}]}"#);
    });
}

/// The members that all chunks of an answer have in common.
fn open(label: &Label<'_>, out: &mut Vec<u8>) {
    write_id(label, out);
    out.extend(br#"","object":"chat.completion.chunk","created":"#);
    // Writing into a vector does not fail.
    let _ = write!(out, r#"{},"model":"#, label.created);
    out.extend_from_slice(label.model_json);
}

fn write_tier(tier: Option<&str>, out: &mut Vec<u8>) {
    if let Some(tier) = tier {
        // Writing into a vector does not fail.
        let _ = write!(out, r#","service_tier":"{tier}""#);
    }
}

/// A thought in its three places, its text escaped once.
fn write_thought(text: &str, place: u64, out: &mut Vec<u8>) {
    out.extend(br#""reasoning_content":"#);
    let start = out.len();
    write_string(text, out);
    let text = start..out.len();
    out.extend(br#","reasoning":"#);
    out.extend_from_within(text.clone());
    // Writing into a vector does not fail.
    let _ = write!(out, r#","reasoning_details":[{{"type":"reasoning.text","index":{place},"#);
    out.extend(br#""text":"#);
    out.extend_from_within(text);
    out.extend(b"}]");
}

/// Appends an error, which ends the stream. OpenRouter's readers get a chunk that ends with it.
pub(crate) fn write_error(label: &Label<'_>, error: &StreamError<'_>, frames: &mut Frames<'_>) {
    frames.event("", |out| {
        out.extend(openai_error_body(error.refusal, error.form));
        if error.form.integer_code {
            out.pop();
            out.extend(br#","id":""#);
            out.extend(label.generation.as_bytes());
            out.extend_from_slice(ERROR_CHUNK);
        }
    });
}
