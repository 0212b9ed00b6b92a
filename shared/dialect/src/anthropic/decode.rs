//! What Anthropic answers, as events.
//!
//! ```text
//!   message_start -> ( content_block_start -> content_block_delta* -> content_block_stop )*
//!                 -> message_delta -> message_stop          `ping` anywhere, `error` instead
//! ```
//! Invariants: a delta counts only in a block of its kind; blocks of the provider's own tools say
//! nothing; usage is what was told last, never a sum.
//! Left out on purpose: citations.

use std::borrow::Cow;

use catalog::Dialect;
use serde::Deserialize;
use serde_json::value::RawValue;
use units::Tokens;

use super::json::Object;
use super::settings::ANSWER_TOOL;
use super::whole::{finish_of, write_usage};
use crate::event::{DecodeFault, Event, Progress, Sink};
use crate::frames::Frames;
use crate::signature::marked;
use crate::typed::{Lax, Text};
use crate::usage::MessagesUsage;

/// Reads answers.
#[derive(Debug, Default)]
pub struct Decoder {
    usage: MessagesUsage,
    /// The block that is open, by its place and what it is.
    open: Option<(u64, Open)>,
    /// What the open call is made with, as its block began; told if nothing follows.
    input: Option<String>,
    calls_tools: bool,
    has_finished: bool,
    /// How many calls came without an id, each of which got one.
    nameless: u64,
    /// The answer's own id.
    id: String,
}

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Text,
    Thought,
    Call,
    /// The call that stands for an answer in JSON.
    Answer,
    Other,
}

/// An event.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    index: Option<u64>,
    message: Option<Message<'a>>,
    content_block: Option<Block<'a>>,
    delta: Option<Delta<'a>>,
    usage: Option<&'a RawValue>,
}

/// What any event says of itself, whatever else it says.
#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow, rename = "type")]
    kind: Lax<'a>,
    id: Lax<'a>,
    content: Option<Vec<Block<'a>>>,
    stop_reason: Lax<'a>,
    stop_sequence: Lax<'a>,
    stop_details: Option<StopDetails<'a>>,
    usage: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Block<'a> {
    #[serde(borrow, rename = "type")]
    kind: Lax<'a>,
    text: Lax<'a>,
    thinking: Lax<'a>,
    signature: Lax<'a>,
    data: Lax<'a>,
    id: Lax<'a>,
    name: Lax<'a>,
    input: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Delta<'a> {
    #[serde(borrow)]
    text: Lax<'a>,
    partial_json: Lax<'a>,
    thinking: Lax<'a>,
    signature: Lax<'a>,
    stop_reason: Lax<'a>,
    stop_sequence: Lax<'a>,
    stop_details: Option<StopDetails<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StopDetails<'a> {
    #[serde(borrow)]
    explanation: Lax<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Tier<'a> {
    #[serde(borrow)]
    service_tier: Lax<'a>,
}

/// How an answer ended.
struct Stop<'a> {
    reason: Lax<'a>,
    sequence: Lax<'a>,
    details: Option<StopDetails<'a>>,
}

impl Decoder {
    pub(crate) fn event(&mut self, data: &[u8], sink: Sink<'_>) -> Result<Progress, DecodeFault> {
        let frame: Frame<'_> = match serde_json::from_slice(data) {
            Ok(frame) => frame,
            Err(_) => return unread(data),
        };
        match &*frame.kind {
            "message_start" => {
                let message = frame.message.ok_or(DecodeFault::Unreadable("no message starts"))?;
                self.begin(message.id, sink);
                self.take_usage(message.usage, false, sink);
            }
            "content_block_start" => {
                let block =
                    frame.content_block.ok_or(DecodeFault::Unreadable("no block starts"))?;
                let (open, input) = self.start(block, sink);
                self.open = Some((frame.index.unwrap_or(0), open));
                self.input = input;
            }
            "content_block_delta" => {
                if let Some(delta) = frame.delta {
                    self.grow(delta, sink);
                }
            }
            "content_block_stop" => self.stop_block(sink),
            "message_delta" => {
                self.stop_block(sink);
                self.take_usage(frame.usage, true, sink);
                if let Some(delta) = frame.delta {
                    let (reason, sequence) = (delta.stop_reason, delta.stop_sequence);
                    self.finish(Stop { reason, sequence, details: delta.stop_details }, sink);
                }
            }
            "message_stop" => return Ok(Progress::Over),
            "error" => return Err(DecodeFault::IsError),
            _ => {}
        }
        Ok(Progress::GoesOn)
    }

    pub(crate) fn whole(&mut self, json: &[u8], sink: Sink<'_>) -> Result<(), DecodeFault> {
        let message: Message<'_> = serde_json::from_slice(json)
            .map_err(|_| DecodeFault::Unreadable("the answer is no JSON of a message"))?;
        match message.kind.0.as_deref() {
            Some("message") => {}
            Some("error") => return Err(DecodeFault::IsError),
            _ => return Err(DecodeFault::Unreadable("the answer is no message")),
        }
        self.begin(message.id, sink);
        for block in message.content.unwrap_or_default() {
            let (open, input) = self.start(block, sink);
            self.open = Some((0, open));
            self.input = input;
            self.stop_block(sink);
        }
        self.take_usage(message.usage, true, sink);
        let (reason, sequence) = (message.stop_reason, message.stop_sequence);
        self.finish(Stop { reason, sequence, details: message.stop_details }, sink);
        Ok(())
    }

    /// Appends what ends a relayed stream at its limit: the open block is closed.
    pub(crate) fn write_cut(&self, tokens: &Tokens, frames: &mut Frames<'_>) {
        if let Some((index, _)) = self.open {
            frames.event("content_block_stop", |out| {
                let mut event = Object::of("content_block_stop", out);
                event.plain("index", index);
                event.close();
            });
        }
        frames.event("message_delta", |out| {
            let mut event = Object::of("message_delta", out);
            let delta = br#"{"stop_reason":"max_tokens","stop_sequence":null}"#;
            event.raw("delta", delta);
            write_usage(tokens, None, event.name("usage"));
            event.close();
        });
        frames.event("message_stop", |out| Object::of("message_stop", out).close());
    }

    fn begin(&mut self, id: Lax<'_>, sink: Sink<'_>) {
        id.0.as_deref().unwrap_or_default().clone_into(&mut self.id);
        emit(id, |id| Event::Begin { id }, sink);
    }

    /// An id for a call that has none, unlike those of other answers.
    fn next_id(&mut self) -> String {
        self.nameless += 1;
        format!("call_{}_{}", self.nameless, self.id)
    }

    /// A block begins; answers what it is, and what a call is made with so far.
    fn start(&mut self, block: Block<'_>, sink: Sink<'_>) -> (Open, Option<String>) {
        let open = match block.kind.0.as_deref().unwrap_or_default() {
            "text" => {
                emit(block.text, Event::Text, sink);
                Open::Text
            }
            "thinking" => {
                emit(block.thinking, Event::Thought, sink);
                prove(block.signature, sink);
                Open::Thought
            }
            "redacted_thinking" => {
                let data = block.data.filled().map(|data| marked(Dialect::Anthropic, &data));
                emit(Lax(data.map(Cow::Owned)), Event::Redacted, sink);
                Open::Other
            }
            "tool_use" => {
                let name = block.name.filled().unwrap_or_default();
                let input = block.input.map(|input| input.get());
                if name == ANSWER_TOOL {
                    return (Open::Answer, input.map(str::to_owned));
                }
                let input = input.filter(|input| !is_empty(input)).map(str::to_owned);
                self.calls_tools = true;
                let id = block.id.filled().unwrap_or_else(|| self.next_id().into());
                sink(Event::Call { id, name, signature: None });
                return (Open::Call, input);
            }
            _ => Open::Other,
        };
        (open, None)
    }

    fn grow(&mut self, delta: Delta<'_>, sink: Sink<'_>) {
        match self.open.map(|(_, open)| open) {
            Some(Open::Text) => emit(delta.text, Event::Text, sink),
            Some(Open::Thought) => {
                emit(delta.thinking, Event::Thought, sink);
                prove(delta.signature, sink);
            }
            Some(Open::Call) => {
                emit(self.more_input(delta.partial_json), Event::Arguments, sink);
            }
            Some(Open::Answer) => emit(self.more_input(delta.partial_json), Event::Text, sink),
            Some(Open::Other) | None => {}
        }
    }

    /// What a call is made with comes either as its block begins or bit by bit.
    fn more_input<'a>(&mut self, more: Lax<'a>) -> Lax<'a> {
        let more = more.filled();
        if more.is_some() {
            self.input = None;
        }
        Lax(more)
    }

    fn stop_block(&mut self, sink: Sink<'_>) {
        let (open, input) = (self.open.take(), self.input.take());
        let input = Lax(input.map(Cow::Owned));
        match open {
            Some((_, Open::Call)) => emit(input, Event::Arguments, sink),
            Some((_, Open::Answer)) => emit(input, Event::Text, sink),
            _ => {}
        }
    }

    /// Takes in a usage. Before the end one that does not tell everything yet is no fault.
    fn take_usage(&mut self, usage: Option<&RawValue>, is_last: bool, sink: Sink<'_>) {
        let Some(usage) = usage else { return };
        let told = self.usage.read(usage.get().as_bytes()).and_then(|()| self.usage.usage());
        if told.is_ok() || is_last {
            sink(Event::Usage(told));
        }
        let tier = serde_json::from_str::<Tier<'_>>(usage.get()).unwrap_or_default();
        let tier = tier.service_tier.filled();
        let tier = tier.map(|tier| if tier == "standard" { "default".into() } else { tier });
        emit(Lax(tier), Event::Tier, sink);
    }

    fn finish(&mut self, stop: Stop<'_>, sink: Sink<'_>) {
        let Some(native) = stop.reason.filled().filter(|_| !self.has_finished) else { return };
        self.has_finished = true;
        emit(stop.details.unwrap_or_default().explanation, Event::Refusal, sink);
        let finish = finish_of(&native, self.calls_tools);
        sink(Event::Finish { finish, native, stop: stop.sequence.0 });
    }
}

/// An event that does not read as one that is known: another kind of event, or none.
fn unread(data: &[u8]) -> Result<Progress, DecodeFault> {
    const KNOWN: [&str; 4] =
        ["message_start", "content_block_start", "content_block_delta", "message_delta"];
    match serde_json::from_slice::<Kind<'_>>(data) {
        Ok(Kind { kind }) if &*kind == "error" => Err(DecodeFault::IsError),
        Ok(Kind { kind }) if !KNOWN.contains(&&*kind) => Ok(Progress::GoesOn),
        _ => Err(DecodeFault::Unreadable("an event is no JSON of an event")),
    }
}

fn prove(signature: Lax<'_>, sink: Sink<'_>) {
    let proof = signature.filled().map(|signature| marked(Dialect::Anthropic, &signature));
    emit(Lax(proof.map(Cow::Owned)), Event::Signature, sink);
}

/// Tells a text that is not empty.
fn emit<'a>(text: Lax<'a>, event: impl Fn(Cow<'a, str>) -> Event<'a>, sink: Sink<'_>) {
    if let Some(text) = text.filled() {
        sink(event(text));
    }
}

/// Whether an object has no members.
fn is_empty(object: &str) -> bool {
    object.bytes().all(|byte| byte == b'{' || byte == b'}' || byte.is_ascii_whitespace())
}
