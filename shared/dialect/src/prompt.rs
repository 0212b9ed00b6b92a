//! The prompt form: a request in no dialect, between four readers and three writers.
//!
//! Owns what a model is told and asked for; what is billed and routed by is the
//! [`Intent`](crate::Intent)'s. Borrowed from the client's body where possible.
//! Invariants: instructions that come first are `system`, later ones stand in the turns; no two
//! turns in a row have the same role; no text is empty; every result names a call before it, and
//! what cannot be said in any other dialect was refused by the reader.
//! Left out on purpose: the model, the output cap, streaming, which the upstream gets as priced.

use std::borrow::Cow;

use serde_json::value::RawValue;

/// A request, read.
#[derive(Debug, Default)]
pub struct Prompt<'a> {
    /// Instructions before everything else.
    pub system: Vec<Part<'a>>,
    /// What was said so far.
    pub turns: Vec<Turn<'a>>,
    /// The tools that may be called.
    pub tools: Vec<Tool<'a>>,
    /// Whether one must be.
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether several may be at once, where that is said.
    pub parallel_calls: Option<bool>,
    /// How words are drawn.
    pub sampling: Sampling,
    /// Texts at which the answer ends.
    pub stop: Vec<Cow<'a, str>>,
    /// What the answer must look like.
    pub shape: Shape<'a>,
    /// How much is thought before.
    pub reasoning: Option<Reasoning>,
    /// For whom it is asked.
    pub user: Option<Cow<'a, str>>,
    /// The service tier asked for, in OpenAI's words: `auto`, `default`, `flex`, `priority`.
    pub service_tier: Option<Cow<'a, str>>,
    /// How much is said: `low`, `medium`, `high`.
    pub verbosity: Option<Cow<'a, str>>,
    /// Members that shape an answer a little, which no other dialect has, by the names that the
    /// client gave them.
    pub unsaid: Vec<Cow<'a, str>>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Whoever runs the conversation, in its middle.
    System,
    /// The user, and the tools.
    User,
    /// The model.
    Assistant,
}

/// What one of them says at once.
#[derive(Debug)]
pub struct Turn<'a> {
    /// Who.
    pub role: Role,
    /// What.
    pub parts: Vec<Part<'a>>,
}

/// A part of a turn.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// What it is.
    pub kind: PartKind<'a>,
    /// Whether the provider is to keep everything up to here.
    pub cache: Option<Cache>,
}

/// What a part is.
#[derive(Clone, Debug)]
pub enum PartKind<'a> {
    /// Words; never empty.
    Text(Cow<'a, str>),
    /// A picture.
    Image {
        /// Where it is.
        source: Source<'a>,
        /// How closely to look: `low`, `high`, `auto`.
        detail: Option<Cow<'a, str>>,
    },
    /// A document.
    File {
        /// Its name, where it has one.
        name: Option<Cow<'a, str>>,
        /// Where it is.
        source: Source<'a>,
    },
    /// Sound.
    Audio {
        /// Its media type, such as `audio/wav`.
        media_type: Cow<'a, str>,
        /// Its bytes, in base64.
        data: Cow<'a, str>,
    },
    /// What the model thought, and the proof of it in the form of [`crate::signature`].
    Thought {
        /// Empty where it is not shown.
        text: Cow<'a, str>,
        /// None where it came without.
        signature: Option<Cow<'a, str>>,
    },
    /// A thought that only its maker can read.
    Redacted(Cow<'a, str>),
    /// The model called a tool.
    Call(Call<'a>),
    /// What a tool gave back.
    Answer(ToolAnswer<'a>),
}

/// Where bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// Here, in base64.
    Data {
        /// Their media type.
        media_type: Cow<'a, str>,
        /// The base64.
        data: Cow<'a, str>,
    },
    /// At an address.
    Url(Cow<'a, str>),
    /// Here, as plain text.
    Text(Cow<'a, str>),
}

/// A tool that the model called.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The call's name; unique in the conversation.
    pub id: Cow<'a, str>,
    /// The tool's name.
    pub name: Cow<'a, str>,
    /// The text of a JSON object.
    pub arguments: Cow<'a, str>,
    /// The proof of the thought that led to it, in the form of [`crate::signature`].
    pub signature: Option<Cow<'a, str>>,
}

/// What a tool gave back.
#[derive(Clone, Debug)]
pub struct ToolAnswer<'a> {
    /// The call's name.
    pub id: Cow<'a, str>,
    /// The tool's name, found by the reader.
    pub name: Cow<'a, str>,
    /// Texts, images and files.
    pub parts: Vec<Part<'a>>,
    /// Whether the tool failed.
    pub is_error: bool,
}

/// How long a provider is to keep what it read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// Five minutes, or what is usual.
    Short,
    /// An hour.
    Hour,
}

/// A tool that may be called.
#[derive(Clone, Debug)]
pub struct Tool<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// What it does.
    pub description: Option<Cow<'a, str>>,
    /// The JSON Schema of its arguments; none where it takes none.
    pub schema: Option<Cow<'a, RawValue>>,
    /// Whether calls must follow it to the letter.
    pub strict: Option<bool>,
    /// Whether the provider is to keep everything up to here.
    pub cache: Option<Cache>,
}

/// Whether a tool must be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice<'a> {
    /// As the model likes.
    Auto,
    /// No tool.
    None,
    /// Some tool.
    Required,
    /// This one.
    Named(Cow<'a, str>),
    /// As the model likes, or some one, but of these only.
    Allowed {
        /// The tools' names.
        names: Vec<Cow<'a, str>>,
        /// Whether one of them must be called.
        required: bool,
    },
}

/// How words are drawn; what is not said is left to the model.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sampling {
    /// From 0 to 2.
    pub temperature: Option<f64>,
    /// Of the likeliest words, those that make up so much.
    pub top_p: Option<f64>,
    /// Of the likeliest words, so many.
    pub top_k: Option<u64>,
    /// Words that came before are less likely.
    pub presence_penalty: Option<f64>,
    /// The more so the more often.
    pub frequency_penalty: Option<f64>,
    /// The same words for the same seed.
    pub seed: Option<i64>,
}

/// What an answer must look like.
#[derive(Clone, Debug, Default)]
pub enum Shape<'a> {
    /// Anything.
    #[default]
    Text,
    /// A JSON object.
    Json,
    /// JSON of a schema.
    Schema {
        /// What the schema is called.
        name: Option<Cow<'a, str>>,
        /// The JSON Schema.
        schema: Cow<'a, RawValue>,
        /// Whether to the letter.
        strict: Option<bool>,
    },
}

/// How much is thought before an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reasoning {
    /// How hard.
    pub effort: Effort,
    /// In so many tokens at most, where that is said.
    pub budget: Option<u64>,
    /// Whether the client wants to see it, where that is said.
    pub shown: Option<bool>,
}

/// How hard a model is to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Not at all.
    Off,
    /// As little as it can.
    Minimal,
    /// A little.
    Low,
    /// As usual.
    Medium,
    /// Hard.
    High,
    /// Harder than that.
    Max,
}

impl<'a> Prompt<'a> {
    /// Adds a part to what is said, in the turn that goes on or in a new one. Instructions that
    /// come before everything else join `system`; empty texts are left out.
    pub fn say(&mut self, role: Role, part: Part<'a>) {
        if matches!(&part.kind, PartKind::Text(text) if text.is_empty()) {
            return;
        }
        if role == Role::System && self.turns.is_empty() {
            self.system.push(part);
            return;
        }
        match self.turns.last_mut().filter(|turn| turn.role == role) {
            Some(turn) => turn.parts.push(part),
            None => self.turns.push(Turn { role, parts: vec![part] }),
        }
    }

    /// Whether anything of it is to be kept by its provider.
    pub fn is_marked(&self) -> bool {
        let said = self.turns.iter().flat_map(|turn| &turn.parts);
        let is_kept = |part: &Part<'_>| part.cache.is_some();
        self.system.iter().chain(said).any(is_kept)
            || self.tools.iter().any(|it| it.cache.is_some())
    }

    /// The calls of all turns, in order.
    pub fn calls(&self) -> impl Iterator<Item = &Call<'a>> {
        self.turns.iter().flat_map(|turn| &turn.parts).filter_map(|part| match &part.kind {
            PartKind::Call(call) => Some(call),
            _ => None,
        })
    }

    /// The name of the tool that a call before named; `None` where no call has this id.
    pub fn called(&self, id: &str) -> Option<Cow<'a, str>> {
        self.calls().filter(|call| call.id == id).last().map(|call| call.name.clone())
    }
}

impl<'a> Part<'a> {
    /// A part that is not kept.
    pub const fn new(kind: PartKind<'a>) -> Self {
        Self { kind, cache: None }
    }

    /// Words.
    pub fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::new(PartKind::Text(text.into()))
    }
}

impl Effort {
    /// Reads OpenAI's word.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "none" => Self::Off,
            "minimal" => Self::Minimal,
            "low" => Self::Low,
            "medium" => Self::Medium,
            "high" => Self::High,
            "xhigh" | "max" => Self::Max,
            _ => return None,
        })
    }

    /// The thinking tokens that it stands for, of an output cap; zero is off. The shares are those
    /// that OpenRouter documents; a budget below the 1,024 that Anthropic asks for is raised to it,
    /// or is none where the cap leaves no room.
    pub const fn budget(self, output_cap: u64) -> u64 {
        const LEAST: u64 = 1_024;
        let percent = match self {
            Self::Off => return 0,
            Self::Minimal => 10,
            Self::Low => 20,
            Self::Medium => 50,
            Self::High => 80,
            Self::Max => 95,
        };
        let share = output_cap / 100 * percent + output_cap % 100 * percent / 100;
        if share >= LEAST {
            share
        } else if output_cap > LEAST {
            LEAST
        } else {
            0
        }
    }
}
