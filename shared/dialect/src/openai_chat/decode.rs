//! What a provider answers, as events: OpenAI's chunks and completions, and those of the many who
//! almost send the same.
//!
//! Invariants: a thought that came without a proof gets an empty one of this dialect, so that it
//! is known as such when it comes back; calls are told one by one; the finish is told once, behind
//! all of them. Missing choices, unknown members and empty pieces are nothing.
//! Sources: OpenAI API reference, "Chat completion chunk"; OpenRouter API (`reasoning_details`,
//! `images`, `native_finish_reason`); DeepSeek API (`reasoning_content`); Mistral API (contents
//! that are lists, with thoughts in them); Moonshot API (usage within a choice).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::is_done;
use super::calls::{Calls, Fragment, FunctionFragment};
use super::details::{Detail, Said, own};
use crate::event::{DecodeFault, Event, Progress, Sink};
use crate::intent::Finish;
use crate::prompt::Source;
use crate::session::hash;
use crate::typed::{Content, First, Lax, Text, source_of};
use crate::usage::chat_usage;

/// A chunk, or a whole completion.
#[derive(Debug, Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    id: Lax<'a>,
    #[serde(borrow, default)]
    choices: First<Choice<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    service_tier: Lax<'a>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    object: Lax<'a>,
}

#[derive(Debug, Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Option<Delta<'a>>,
    #[serde(borrow)]
    message: Option<Delta<'a>>,
    #[serde(borrow, default)]
    finish_reason: Lax<'a>,
    #[serde(borrow, default)]
    native_finish_reason: Lax<'a>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    content: Option<Content<'a, Piece<'a>>>,
    #[serde(borrow, default)]
    refusal: Lax<'a>,
    #[serde(borrow, default)]
    reasoning_content: Lax<'a>,
    #[serde(borrow, default)]
    reasoning: Lax<'a>,
    #[serde(borrow)]
    reasoning_details: Option<Vec<Detail<'a>>>,
    #[serde(borrow)]
    tool_calls: Option<Vec<Fragment<'a>>>,
    #[serde(borrow)]
    function_call: Option<FunctionFragment<'a>>,
    #[serde(borrow)]
    images: Option<Vec<Picture<'a>>>,
}

/// A part of a content that is a list.
#[derive(Debug, Deserialize)]
struct Piece<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Content<'a, Self>>,
}

#[derive(Debug, Deserialize)]
struct Picture<'a> {
    #[serde(borrow)]
    image_url: Address<'a>,
}

#[derive(Debug, Deserialize)]
struct Address<'a> {
    #[serde(borrow)]
    url: Cow<'a, str>,
}

/// Reads answers.
#[derive(Debug)]
pub struct Decoder {
    cache_included: bool,
    /// Makes ids unique; zero before anything was read.
    seed: u64,
    has_id: bool,
    /// Whether a thought goes on that has no proof yet.
    thinks: bool,
    calls: Calls,
    is_finished: bool,
}

impl Decoder {
    pub(crate) fn new(cache_included: bool) -> Self {
        Self {
            cache_included,
            seed: 0,
            has_id: false,
            thinks: false,
            calls: Calls::default(),
            is_finished: false,
        }
    }

    pub(crate) fn event(&mut self, json: &[u8], sink: Sink<'_>) -> Result<Progress, DecodeFault> {
        if is_done(json.trim_ascii_start()) {
            self.close(sink);
            return Ok(Progress::Over);
        }
        self.read(json, sink)?;
        Ok(Progress::GoesOn)
    }

    pub(crate) fn whole(&mut self, json: &[u8], sink: Sink<'_>) -> Result<(), DecodeFault> {
        if !self.read(json, sink)? {
            return Err(DecodeFault::Unreadable("an answer without choices"));
        }
        self.close(sink);
        Ok(())
    }

    /// Reads a chunk or a completion; whether it has a choice.
    fn read(&mut self, json: &[u8], sink: Sink<'_>) -> Result<bool, DecodeFault> {
        let chunk: Chunk<'_> = serde_json::from_slice(json)
            .map_err(|_| DecodeFault::Unreadable("it is no JSON object of a completion"))?;
        let choice = chunk.choices.0;
        let in_choice = choice.as_ref().and_then(|choice| choice.error);
        let is_error = chunk.object.0.is_some_and(|object| object == "error");
        if is_error || [chunk.error, in_choice].into_iter().flatten().any(is_told) {
            return Err(DecodeFault::IsError);
        }
        if self.seed == 0 {
            self.seed = hash(json);
        }
        if !self.has_id
            && let Some(id) = chunk.id.filled()
        {
            self.has_id = true;
            sink(Event::Begin { id });
        }
        if let Some(tier) = chunk.service_tier.filled() {
            sink(Event::Tier(tier));
        }
        let usage = chunk.usage.or(choice.as_ref().and_then(|choice| choice.usage));
        if let Some(usage) = usage {
            sink(Event::Usage(chat_usage(usage.get().as_bytes(), self.cache_included)));
        }
        let has_choice = choice.is_some();
        if let Some(choice) = choice {
            self.read_choice(choice, sink);
        }
        Ok(has_choice)
    }

    fn read_choice(&mut self, choice: Choice<'_>, sink: Sink<'_>) {
        if let Some(delta) = choice.delta.or(choice.message) {
            self.read_delta(delta, sink);
        }
        let Some(reason) = choice.finish_reason.filled().filter(|_| !self.is_finished) else {
            return;
        };
        self.close(sink);
        self.is_finished = true;
        let finish = match finish_of(&reason) {
            Finish::Stop if !self.calls.is_empty() => Finish::ToolCalls,
            finish => finish,
        };
        let native = choice.native_finish_reason.filled().unwrap_or(reason);
        sink(Event::Finish { finish, native, stop: None });
    }

    fn read_delta(&mut self, delta: Delta<'_>, sink: Sink<'_>) {
        let bare = delta.reasoning_content.filled().or(delta.reasoning.filled());
        self.read_thoughts(delta.reasoning_details.unwrap_or_default(), bare, sink);
        match delta.content {
            Some(Content::Text(text)) => self.tell(text, Event::Text, sink),
            Some(Content::Parts(pieces)) => self.read_pieces(pieces, sink),
            None => {}
        }
        if let Some(refusal) = delta.refusal.filled() {
            self.tell(refusal, Event::Refusal, sink);
        }
        for picture in delta.images.unwrap_or_default() {
            if let Some(Source::Data { media_type, data }) = source_of(picture.image_url.url) {
                self.end_thought(sink);
                sink(Event::Image { media_type, data });
            }
        }
        let fragments = delta.tool_calls.into_iter().flatten();
        let fragments = fragments.chain(delta.function_call.map(Fragment::from));
        for (place, fragment) in fragments.enumerate() {
            self.end_thought(sink);
            self.calls.take(fragment, place as u64, self.seed, sink);
        }
    }

    /// Details say what `bare` says too, and more; unless they have no text.
    fn read_thoughts(
        &mut self,
        details: Vec<Detail<'_>>,
        mut bare: Option<Cow<'_, str>>,
        sink: Sink<'_>,
    ) {
        for detail in details {
            match detail.said() {
                Said::Thought(text, proof) => {
                    // A proof may come behind its text, which the bare thought has then.
                    let text = if text.is_empty() { bare.take().unwrap_or(text) } else { text };
                    bare = None;
                    self.think(text, sink);
                    if let Some(proof) = proof {
                        self.thinks = false;
                        sink(Event::Signature(own(&proof).into()));
                    }
                }
                Said::Redacted(hidden) => {
                    if let Some(text) = bare.take() {
                        self.think(text, sink);
                    }
                    self.end_thought(sink);
                    sink(Event::Redacted(own(&hidden).into()));
                }
                Said::Nothing => {}
            }
        }
        if let Some(text) = bare {
            self.think(text, sink);
        }
    }

    fn read_pieces(&mut self, pieces: Vec<Piece<'_>>, sink: Sink<'_>) {
        for piece in pieces {
            match piece.thinking {
                Some(Content::Text(text)) => self.think(text, sink),
                Some(Content::Parts(thoughts)) => {
                    for text in thoughts.into_iter().filter_map(|thought| thought.text) {
                        self.think(text.0, sink);
                    }
                }
                None => {}
            }
            if let Some(text) = piece.text {
                self.tell(text.0, Event::Text, sink);
            }
        }
    }

    fn think(&mut self, text: Cow<'_, str>, sink: Sink<'_>) {
        if !text.is_empty() {
            self.thinks = true;
            sink(Event::Thought(text));
        }
    }

    fn tell<'a>(
        &mut self,
        text: Cow<'a, str>,
        event: impl FnOnce(Cow<'a, str>) -> Event<'a>,
        sink: Sink<'_>,
    ) {
        if !text.is_empty() {
            self.end_thought(sink);
            sink(event(text));
        }
    }

    fn end_thought(&mut self, sink: Sink<'_>) {
        if std::mem::take(&mut self.thinks) {
            sink(Event::Signature(own("").into()));
        }
    }

    fn close(&mut self, sink: Sink<'_>) {
        self.end_thought(sink);
        self.calls.finish(self.seed, sink);
    }
}

/// Whether an `error` is one: some providers send an empty one with every chunk.
fn is_told(error: &RawValue) -> bool {
    !matches!(error.get(), "null" | "false" | "0" | "\"\"" | "{}" | "[]")
}

/// OpenAI's reasons, and the words of those who do not translate their engine's.
fn finish_of(reason: &str) -> Finish {
    match reason {
        "eos" | "eos_token" | "end_turn" | "stop_sequence" | "STOP" | "COMPLETE" => Finish::Stop,
        "max_tokens" | "model_length" | "MAX_TOKENS" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "safety" | "SAFETY" | "refusal" | "sensitive" => Finish::ContentFilter,
        other => Finish::from_openai(other.as_bytes()),
    }
}
