//! Events as the events of a response.
//!
//! ```text
//!   created, in_progress
//!   ( output_item.added
//!       message:   ( content_part.added, delta*, done, content_part.done )*
//!       reasoning: ( reasoning_summary_part.added, delta*, done, part.done )?
//!       call:      delta*, done
//!     output_item.done )*
//!   completed | incomplete | failed
//! ```
//! Invariants: `sequence_number` counts all events, `output_index` the items; every `done` repeats
//! what its deltas said, and the last event all items and the usage. An item is closed before the
//! next is opened, so that one at most is open.

use std::io::Write;

use super::SEALED;
use super::echo::echo;
use super::object::{Item, Told, Voice};
use crate::event::{Event, Sink};
use crate::frames::{End, Frames, Framing, Label, StreamError};
use crate::intent::Finish;
use crate::message::Block;
use crate::openai_chat::tier_word;
use crate::signature::into_id;

/// Writes answers.
#[derive(Debug, Default)]
pub struct Encoder {
    /// What response objects repeat of the request.
    echo: Vec<u8>,
    /// Only gathers the items, for a whole answer.
    pub(super) is_silent: bool,
    pub(super) sequence: u64,
    /// Items that are finished.
    pub(super) count: u64,
    /// The same as JSON, separated by commas.
    pub(super) items: Vec<u8>,
    pub(super) open: Open,
    /// The open item's id.
    pub(super) id: String,
    finish: Finish,
    tier: Option<&'static str>,
}

/// The item that goes on.
#[derive(Debug, Default)]
pub(super) enum Open {
    #[default]
    Nothing,
    /// The parts that are finished, as JSON and counted; and the one that goes on.
    Message {
        parts: Vec<u8>,
        count: u64,
        voice: Voice,
        text: String,
    },
    Thought(String),
    Call {
        id: String,
        name: String,
        arguments: String,
    },
}

impl Encoder {
    pub(crate) fn new(body: &[u8]) -> Self {
        Self { echo: echo(body), ..Self::default() }
    }

    pub(crate) fn begin(&mut self, label: &Label<'_>, frames: &mut Frames<'_>) {
        for name in ["response.created", "response.in_progress"] {
            let echo = std::mem::take(&mut self.echo);
            self.emit(name, frames, |out| {
                out.extend(br#","response":"#);
                let told = Told { status: "in_progress", ..Told::default() };
                told.write(label, &echo, out);
            });
            self.echo = echo;
        }
    }

    pub(crate) fn event(&mut self, label: &Label<'_>, event: &Event<'_>, frames: &mut Frames<'_>) {
        match event {
            Event::Begin { .. } | Event::Usage(_) => {}
            Event::Text(more) => self.say(Voice::Text, more, label, frames),
            Event::Refusal(more) => self.say(Voice::Refusal, more, label, frames),
            Event::Thought(more) => self.think(more, label, frames),
            Event::Signature(proof) => self.seal(proof, label, frames),
            Event::Redacted(hidden) => {
                self.close("completed", frames);
                self.seal(&[SEALED, hidden].concat(), label, frames);
            }
            Event::Call { id, name, signature } => {
                self.close("completed", frames);
                let call_id = into_id(id, signature.as_deref());
                let item = Item::Call { id: &call_id, name, arguments: "" };
                self.add("fc", &item, label, frames);
                let (name, arguments) = (name.to_string(), String::new());
                self.open = Open::Call { id: call_id, name, arguments };
            }
            Event::Arguments(more) => self.call_with(more, frames),
            Event::Image { data: base64, .. } => {
                self.close("completed", frames);
                self.add("ig", &Item::Picture(None), label, frames);
                self.finish_item(&Item::Picture(Some(base64)), "completed", frames);
            }
            Event::Finish { finish, .. } => self.finish = *finish,
            Event::Tier(tier) => self.tier = tier_word(tier),
        }
    }

    pub(crate) fn end(&mut self, label: &Label<'_>, end: End<'_>, frames: &mut Frames<'_>) {
        let told = Told::finished(self.finish);
        self.close(told.item_status(), frames);
        let (echo, items) = (std::mem::take(&mut self.echo), std::mem::take(&mut self.items));
        let tier = self.tier;
        let told = Told { items: &items, tier, tokens: Some(end.tokens), ..told };
        let name = match told.status {
            "completed" => "response.completed",
            "incomplete" => "response.incomplete",
            _ => "response.failed",
        };
        self.emit(name, frames, |out| {
            out.extend(br#","response":"#);
            told.write(label, &echo, out);
            (end.note)(out);
        });
    }

    pub(crate) fn fail(
        &mut self,
        label: &Label<'_>,
        error: &StreamError<'_>,
        frames: &mut Frames<'_>,
    ) {
        if self.sequence == 0 {
            self.begin(label, frames);
        }
        let refusal = error.refusal;
        let code = match refusal.status {
            429 => "rate_limit_exceeded",
            400..500 => "invalid_prompt",
            _ => "server_error",
        };
        let (echo, items) = (std::mem::take(&mut self.echo), std::mem::take(&mut self.items));
        let error = Some((code, &*refusal.message));
        let told = Told { status: "failed", error, items: &items, ..Told::default() };
        self.emit("response.failed", frames, |out| {
            // Writing into a vector does not fail.
            let _ = write!(out, r#","error_type":"{}","response":"#, refusal.code);
            told.write(label, &echo, out);
        });
    }

    /// The finished items of a whole answer, as JSON separated by commas.
    pub(super) fn gathered(blocks: &[Block], status: &str, label: &Label<'_>) -> Vec<u8> {
        let mut encoder = Self { is_silent: true, ..Self::default() };
        let (mut out, mut framing) = (Vec::new(), Framing::default());
        let mut frames = Frames { out: &mut out, framing: &mut framing };
        for block in blocks {
            events_of(block, &mut |event| encoder.event(label, &event, &mut frames));
        }
        encoder.close(status, &mut frames);
        encoder.items
    }
}

/// The events that a block was gathered of.
fn events_of(block: &Block, sink: Sink<'_>) {
    match block {
        Block::Text(text) => sink(Event::Text(text.into())),
        Block::Refusal(text) => sink(Event::Refusal(text.into())),
        Block::Thought { text, signature } => {
            if !text.is_empty() {
                sink(Event::Thought(text.into()));
            }
            if let Some(proof) = signature {
                sink(Event::Signature(proof.into()));
            }
        }
        Block::Redacted(hidden) => sink(Event::Redacted(hidden.into())),
        Block::Call { id, name, arguments, signature } => {
            let signature = signature.as_ref().map(Into::into);
            sink(Event::Call { id: id.into(), name: name.into(), signature });
            if !arguments.is_empty() {
                sink(Event::Arguments(arguments.into()));
            }
        }
        Block::Image { media_type, data } => {
            sink(Event::Image { media_type: media_type.into(), data: data.into() });
        }
    }
}
