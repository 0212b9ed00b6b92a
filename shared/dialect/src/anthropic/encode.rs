//! Events as Anthropic's clients read them.
//!
//! ```text
//!   None --first delta of a kind--> Some(kind) --another kind, a proof, the end--> None
//! ```
//! Invariants: one `message_start`; a block is opened by its first content and closed before the
//! next; a delta stands only in a block of its kind; a block that is opened again has a new index;
//! one `message_delta`, then `message_stop`.
//! Left out on purpose: pictures, which no block of this dialect holds.

use units::{TokenClass, Tokens};

use super::json::Object;
use super::whole::{Ending, no_proof, write_head, write_usage};
use crate::event::Event;
use crate::frames::{End, Frames, Label};
use crate::intent::Finish;
use crate::signature::into_id;

/// Writes answers.
#[derive(Debug, Default)]
pub struct Encoder {
    open: Option<Kind>,
    /// The index of the open block, or of the next one.
    index: u64,
    calls_tools: bool,
    refusal: String,
    tier: Option<String>,
    finish: Finish,
    stop: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Thought,
    Call,
}

impl Encoder {
    pub(crate) fn begin(&mut self, label: &Label<'_>, input: u64, frames: &mut Frames<'_>) {
        let mut tokens = Tokens::ZERO;
        tokens[TokenClass::Input] = input;
        frames.event("message_start", |out| {
            let mut event = Object::of("message_start", out);
            let mut message = Object::open(event.name("message"));
            write_head(label, &mut message);
            message.raw("content", b"[]");
            message.raw("stop_reason", b"null");
            message.raw("stop_sequence", b"null");
            write_usage(&tokens, None, message.name("usage"));
            message.close();
            event.close();
        });
    }

    pub(crate) fn event(&mut self, event: &Event<'_>, frames: &mut Frames<'_>) {
        match event {
            Event::Text(text) => self.say(text, frames),
            Event::Refusal(text) => {
                self.refusal.push_str(text);
                self.say(text, frames);
            }
            Event::Thought(text) => {
                self.enter_thought(frames);
                self.delta("thinking_delta", "thinking", text, frames);
            }
            Event::Signature(proof) => {
                self.enter_thought(frames);
                self.delta("signature_delta", "signature", proof, frames);
                self.stop_block(frames);
            }
            Event::Redacted(data) => {
                self.close(frames);
                self.start_block("redacted_thinking", frames, |block| block.text("data", data));
                self.stop_block(frames);
            }
            Event::Call { id, name, signature } => {
                self.close(frames);
                self.calls_tools = true;
                self.open = Some(Kind::Call);
                self.start_block("tool_use", frames, |block| {
                    block.text("id", &into_id(id, signature.as_deref()));
                    block.text("name", name);
                    block.raw("input", b"{}");
                });
            }
            Event::Arguments(more) if self.open == Some(Kind::Call) => {
                self.delta("input_json_delta", "partial_json", more, frames);
            }
            Event::Finish { finish, stop, .. } => {
                self.finish = *finish;
                self.stop = stop.as_ref().map(ToString::to_string);
            }
            Event::Tier(tier) => self.tier = Some(tier.to_string()),
            Event::Begin { .. } | Event::Image { .. } | Event::Usage(_) | Event::Arguments(_) => {}
        }
    }

    pub(crate) fn end(&mut self, end: End<'_>, frames: &mut Frames<'_>) {
        self.close(frames);
        let ending = Ending {
            finish: self.finish,
            stop: self.stop.as_deref(),
            calls_tools: self.calls_tools,
            refusal: Some(self.refusal.as_str()).filter(|text| !text.is_empty()),
        };
        frames.event("message_delta", |out| {
            let mut event = Object::of("message_delta", out);
            let mut delta = Object::open(event.name("delta"));
            ending.write(&mut delta);
            delta.close();
            write_usage(end.tokens, self.tier.as_deref(), event.name("usage"));
            event.close();
        });
        frames.event("message_stop", |out| {
            Object::of("message_stop", out).close();
            (end.note)(out);
        });
    }

    fn say(&mut self, text: &str, frames: &mut Frames<'_>) {
        if self.open != Some(Kind::Text) {
            self.close(frames);
            self.open = Some(Kind::Text);
            self.start_block("text", frames, |block| block.text("text", ""));
        }
        self.delta("text_delta", "text", text, frames);
    }

    fn enter_thought(&mut self, frames: &mut Frames<'_>) {
        if self.open != Some(Kind::Thought) {
            self.close(frames);
            self.open = Some(Kind::Thought);
            self.start_block("thinking", frames, |block| {
                block.text("thinking", "");
                block.text("signature", "");
            });
        }
    }

    /// Closes what is open. A thought without a proof gets one that proves nothing.
    fn close(&mut self, frames: &mut Frames<'_>) {
        match self.open {
            None => return,
            Some(Kind::Thought) => {
                self.delta("signature_delta", "signature", &no_proof(), frames);
            }
            Some(Kind::Text | Kind::Call) => {}
        }
        self.stop_block(frames);
    }

    fn start_block(
        &self,
        kind: &str,
        frames: &mut Frames<'_>,
        write: impl FnOnce(&mut Object<'_>),
    ) {
        frames.event("content_block_start", |out| {
            let mut event = Object::of("content_block_start", out);
            event.plain("index", self.index);
            let mut block = Object::of(kind, event.name("content_block"));
            write(&mut block);
            block.close();
            event.close();
        });
    }

    fn delta(&self, kind: &str, name: &str, text: &str, frames: &mut Frames<'_>) {
        frames.event("content_block_delta", |out| {
            let mut event = Object::of("content_block_delta", out);
            event.plain("index", self.index);
            let mut delta = Object::of(kind, event.name("delta"));
            delta.text(name, text);
            delta.close();
            event.close();
        });
    }

    fn stop_block(&mut self, frames: &mut Frames<'_>) {
        frames.event("content_block_stop", |out| {
            let mut event = Object::of("content_block_stop", out);
            event.plain("index", self.index);
            event.close();
        });
        self.open = None;
        self.index += 1;
    }
}
