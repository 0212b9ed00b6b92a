//! A request as every dialect's reader leaves it: checked, its tokens counted.
//!
//! The readers use serde_json on purpose: the gateway in front edits and translates bodies with
//! code of its own, and a mistake of that code should meet a second opinion here.

use std::borrow::Cow;

use serde_json::Value;

use crate::dialect::Dialect;

/// A function that may be called.
#[derive(Clone, Debug, serde::Deserialize)]
pub(crate) struct Function {
    pub name: String,
    #[serde(default)]
    pub parameters: Value,
}

/// What an answer must look like.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    Text,
    /// Any JSON object.
    Object,
    /// JSON of this schema.
    Schema(Value),
    /// No words at all, but what this says.
    Made(Made),
}

/// What is made in place of words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Made {
    /// A vector for each input, each of so many numbers.
    Vectors { texts: Vec<String>, dimensions: usize, base64: bool },
    /// So many pictures.
    Pictures(u64),
    /// A sound.
    Speech,
    /// The words of a sound.
    Transcript,
}

/// How the events of a stream are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Joined {
    /// Server-sent events.
    #[default]
    Events,
    /// The elements of one JSON array.
    Array,
}

/// Whether the thoughts are part of the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Thoughts {
    /// Counted, not told.
    #[default]
    Hidden,
    Told,
    /// Told as a block without text, which is signed nevertheless.
    Omitted,
}

/// Tokens of the prompt that are marked to be cached, each for so long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marked {
    pub one_hour: u64,
    pub five_minutes: u64,
}

/// A request, checked.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub dialect: Dialect,
    pub model: Cow<'a, str>,
    pub stream: bool,
    pub joined: Joined,
    pub include_usage: bool,
    pub cap: Option<u64>,
    pub choices: u64,
    pub seed: Option<i64>,
    pub stop: Vec<String>,
    /// The tools to call now, all of which are called.
    pub calls: Vec<Function>,
    pub shape: Shape,
    /// Tokens to think before anything is said.
    pub thinking: u64,
    pub thoughts: Thoughts,
    /// The text of the last message, or of all tool results at the end.
    pub prompt: String,
    /// Whether the last message is a tool's result.
    pub answers_tool: bool,
    pub prompt_tokens: u64,
    pub audio_tokens: u64,
    pub marked: Marked,
    /// The service tier that was asked for and is served; empty for none.
    pub tier: String,
}

impl<'a> Ask<'a> {
    /// A request that says nothing yet.
    pub(crate) fn of(dialect: Dialect, model: Cow<'a, str>) -> Self {
        Self {
            dialect,
            model,
            stream: false,
            joined: Joined::Events,
            include_usage: false,
            cap: None,
            choices: 1,
            seed: None,
            stop: Vec::new(),
            calls: Vec::new(),
            shape: Shape::Text,
            thinking: 0,
            thoughts: Thoughts::Hidden,
            prompt: String::new(),
            answers_tool: false,
            prompt_tokens: 0,
            audio_tokens: 0,
            marked: Marked::default(),
            tier: String::new(),
        }
    }
}

/// Why a request is refused: a status, a message, and the field it is about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub status: u16,
    pub message: String,
    pub param: Option<&'static str>,
}

pub(crate) fn refused(message: impl Into<String>, param: Option<&'static str>) -> Refused {
    Refused { status: 400, message: message.into(), param }
}

/// Tokens that a model thinks at a level of effort.
pub(crate) fn thinking_of(level: &str) -> u64 {
    match level {
        "none" => 0,
        "minimal" => 8,
        "low" => 24,
        "medium" => 64,
        _ => 160,
    }
}
