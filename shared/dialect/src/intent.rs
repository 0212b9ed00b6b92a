//! What a request asks for, in terms that are the same for every dialect.
//!
//! Owns the checked form of a request; the body's bytes stay with the caller, and spans point
//! into them. Left out: who may ask, and what it costs.

use std::fmt;

use catalog::route::{InputShape, Wishes};
use catalog::{Dialect, Parameters};
use wire::Span;
use wire::json::Member;

use crate::client::ClientDialect;
use crate::extraction::Extraction;

/// A checked request.
#[derive(Debug)]
pub struct Intent {
    /// The client's dialect.
    pub client: ClientDialect,
    /// The model as the client named it, unescaped.
    pub model: Box<str>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether the client asked for usage in the stream.
    pub include_usage: bool,
    /// The client's own limit of output tokens for each choice.
    pub output_limit: Option<u64>,
    /// The most of it that may be thought, where the client says so: an output cap leaves room for
    /// more than that, or is refused.
    pub thinking_budget: Option<u64>,
    /// How many choices (`n`).
    pub choices: u64,
    /// The service tier asked for, where one is.
    pub service_tier: Option<Box<str>>,
    /// What the input holds.
    pub input: InputShape,
    /// Bytes of the input that the answer may repeat: none of its model's making.
    pub echoed_bytes: u64,
    /// Whether spoken output is asked for.
    pub audio_output: bool,
    /// Whether the provider is asked to search the web.
    pub web_search: bool,
    /// Whether tools are given that the provider runs itself, and bills by the call.
    pub foreign_tools: bool,
    /// The parameters it sets that an endpoint may ignore: those that shape an answer and
    /// `reasoning`, and all that are known where it wishes that each is understood.
    pub parameters: Parameters,
    /// What it says of its route; `None` where it says nothing.
    pub wishes: Option<Box<Wishes>>,
    /// A number for the session that it says it belongs to: requests of the same one go where the
    /// ones before went, as far as that is left open.
    pub session: Option<u64>,
    /// The same for its prompt cache, where it names no session.
    pub cache_key: Option<u64>,
    /// A number for how its conversation begins, where it names neither: all turns have it in
    /// common.
    pub conversation: u64,
    /// Whether it goes on with a conversation: one that only begins has nothing cached.
    pub continues: bool,
    /// What of its dialect's betas the client asks for, as its header says it.
    pub betas: Option<Box<str>>,
    /// The schema that the answer must fit, of an extraction.
    pub extraction: Option<Box<Extraction>>,
    /// The version of its dialect that the client speaks, as its header says it; a date.
    pub version: Option<Box<str>>,
    /// Where the members stand that go upstream in another form.
    pub places: Places,
}

impl Intent {
    /// What nobody asked for yet. In a box, as it is filled in place and then goes from stage to
    /// stage.
    pub(crate) fn of(client: ClientDialect) -> Box<Self> {
        Box::new(Self {
            client,
            model: Box::default(),
            stream: false,
            include_usage: false,
            output_limit: None,
            thinking_budget: None,
            choices: 1,
            service_tier: None,
            input: InputShape::default(),
            echoed_bytes: 0,
            audio_output: false,
            web_search: false,
            foreign_tools: false,
            parameters: Parameters::NONE,
            wishes: None,
            session: None,
            cache_key: None,
            conversation: 0,
            continues: false,
            betas: None,
            extraction: None,
            version: None,
            places: Places::default(),
        })
    }
}

/// Where the members stand that are spliced.
#[derive(Debug, Default)]
pub struct Places {
    /// The whole object.
    pub object: Span,
    /// The value of `model`; absent where only `models` are named, or the path names it.
    pub model: Option<Span>,
    /// `max_tokens`, if present.
    pub max_tokens: Option<Member>,
    /// Gemini's `generationConfig`, if present.
    pub generation_config: Option<Member>,
    /// `max_completion_tokens`, if present.
    pub max_completion_tokens: Option<Member>,
    /// `stream_options`, if present.
    pub stream_options: Option<Member>,
    /// OpenRouter's `reasoning`, where nothing else says how hard to think.
    pub reasoning: Option<Member>,
    /// Members that are ours alone and never go upstream.
    pub private: Vec<Member>,
}

/// What the chosen endpoint needs changed in the body.
#[derive(Clone, Copy, Debug)]
pub struct UpstreamTerms<'a> {
    /// The dialect that it speaks.
    pub dialect: Dialect,
    /// The upstream's model id as a JSON string, quotes included.
    pub model_json: &'a [u8],
    /// The output cap to write, for each choice.
    pub output_cap: u64,
    /// Whether the cap goes into `max_completion_tokens` rather than `max_tokens`.
    pub cap_as_completion_tokens: bool,
    /// Whether the upstream understands `stream_options`.
    pub stream_usage: bool,
    /// Whether the model is asked to reason, unless the client says so itself.
    pub thinks: bool,
}

/// How a model's answer ended, as far as billing and logs care.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Finish {
    /// No end was seen.
    #[default]
    None,
    /// The model was done.
    Stop,
    /// The output limit was reached.
    Length,
    /// The model wants a tool called.
    ToolCalls,
    /// The provider withheld the answer.
    ContentFilter,
    /// The answer ended in an error.
    Error,
    /// Anything else.
    Other,
}

impl Finish {
    /// Reads OpenAI's `finish_reason`.
    pub fn from_openai(reason: &[u8]) -> Self {
        match reason {
            b"stop" => Self::Stop,
            b"length" => Self::Length,
            b"tool_calls" | b"function_call" => Self::ToolCalls,
            b"content_filter" => Self::ContentFilter,
            b"error" => Self::Error,
            _ => Self::Other,
        }
    }
}

/// What is wrong with a request: always the client's fault, never worth a retry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFault {
    /// The member at fault, where there is one.
    pub param: Option<&'static str>,
    /// What is wrong and what would be right.
    pub message: String,
    /// Whether the request is well formed but asks for what cannot be served.
    pub unsupported: bool,
}

impl RequestFault {
    /// A member with a wrong value.
    pub fn invalid(param: &'static str, message: impl Into<String>) -> Self {
        Self { param: Some(param), message: message.into(), unsupported: false }
    }

    /// A member that asks for what cannot be served.
    pub fn unsupported(param: &'static str, message: impl Into<String>) -> Self {
        Self { param: Some(param), message: message.into(), unsupported: true }
    }
}

impl fmt::Display for RequestFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RequestFault {}
