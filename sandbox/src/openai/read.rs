//! A chat request as OpenAI reads it: parsed once, checked, its tokens counted.
//!
//! A duplicate of a field that matters is refused, as are types that OpenAI would not take, calls
//! without results and results without calls. Unknown fields are ignored, as most providers of
//! this dialect do; `strict` refuses what OpenAI itself does.

use std::borrow::Cow;
use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::turns;
use crate::ask::{Ask, Function, Refused, Shape, Thoughts, refused, thinking_of};
use crate::dialect::Dialect;
use crate::tokens;

/// Most choices of one request.
const CHOICES_MAX: u64 = 16;

/// Most stop sequences.
const STOPS_MAX: usize = 4;

/// The body of a chat request, borrowed from it where possible.
#[derive(Debug, Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow)]
    messages: Option<Vec<Message<'a>>>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<u64>,
    max_completion_tokens: Option<u64>,
    n: Option<u64>,
    seed: Option<i64>,
    stop: Option<Stop>,
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
    tool_choice: Option<Value>,
    parallel_tool_calls: Option<bool>,
    #[serde(borrow)]
    response_format: Option<&'a RawValue>,
    reasoning_effort: Option<String>,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) role: Cow<'a, str>,
    #[serde(borrow)]
    content: Option<Content<'a>>,
    #[serde(borrow)]
    pub(super) tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) tool_call_id: Option<Cow<'a, str>>,
}

/// A text, or parts. Read in one pass: prompts may be long.
#[derive(Debug)]
enum Content<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Part<'a>>),
}

#[derive(Debug, Deserialize)]
struct Part<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    text: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
struct Tool {
    function: Option<Function>,
}

#[derive(Debug, Deserialize)]
struct Format {
    #[serde(rename = "type")]
    kind: String,
    json_schema: Option<NamedSchema>,
}

#[derive(Debug, Deserialize)]
struct NamedSchema {
    #[serde(default)]
    schema: Value,
}

/// Reads and checks a body.
pub(crate) fn chat(body: &[u8]) -> Result<Ask<'_>, Refused> {
    let body: Body<'_> = serde_json::from_slice(body)
        .map_err(|error| refused(format!("could not read the body: {error}"), None))?;
    let messages = match &body.messages {
        Some(messages) if !messages.is_empty() => messages,
        _ => return Err(refused("messages must be an array, not empty", Some("messages"))),
    };
    let cap = body.max_completion_tokens.or(body.max_tokens);
    if cap == Some(0) {
        return Err(refused("the output cap must be at least 1", Some("max_tokens")));
    }
    let choices = body.n.unwrap_or(1);
    if !(1..=CHOICES_MAX).contains(&choices) {
        return Err(refused("n must be between 1 and 16", Some("n")));
    }
    turns::check(messages)?;
    let mut input = Input::of(messages)?;
    for raw in [body.tools, body.response_format].into_iter().flatten() {
        input.tokens += tokens::count(raw.get());
    }
    let answers_tool = messages.last().is_some_and(|last| last.role == "tool");
    let calls = calls(&body)?;
    let shape = shape(body.response_format)?;
    let missing = || refused("you must provide a model", Some("model"));
    let model = body.model.filter(|model| !model.is_empty()).ok_or_else(missing)?;
    Ok(Ask {
        stream: body.stream.unwrap_or(false),
        include_usage: body.stream_options.and_then(|o| o.include_usage).unwrap_or(false),
        cap,
        choices,
        seed: body.seed,
        stop: stops(body.stop)?,
        calls: if answers_tool { Vec::new() } else { calls },
        shape,
        thinking: body.reasoning_effort.as_deref().map_or(0, thinking_of),
        thoughts: Thoughts::Told,
        prompt: input.last,
        answers_tool,
        prompt_tokens: input.tokens,
        audio_tokens: input.audio,
        ..Ask::of(Dialect::OpenAi, model)
    })
}

/// What the messages count, and the text of the last one.
struct Input {
    tokens: u64,
    audio: u64,
    last: String,
}

impl Input {
    fn of(messages: &[Message<'_>]) -> Result<Self, Refused> {
        let mut input = Self { tokens: tokens::PER_REQUEST, audio: 0, last: String::new() };
        let mut after_tool = false;
        for message in messages {
            input.tokens += tokens::PER_MESSAGE;
            // Results of several calls are answered together.
            let is_tool = message.role == "tool";
            match is_tool && after_tool {
                true => input.last.push_str("; "),
                false => input.last.clear(),
            }
            after_tool = is_tool;
            if let Some(content) = &message.content {
                input.add_content(&message.role, content)?;
            }
            if let Some(calls) = message.tool_calls {
                input.tokens += tokens::count(calls.get());
            }
        }
        Ok(input)
    }

    fn add_content(&mut self, role: &str, content: &Content<'_>) -> Result<(), Refused> {
        let parts = match content {
            Content::Text(text) => {
                self.add_text(text);
                return Ok(());
            }
            Content::Parts(parts) => parts,
        };
        for part in parts {
            match (&*part.kind, role) {
                ("text", _) => self.add_text(part.text.as_deref().unwrap_or_default()),
                ("refusal", "assistant") => {}
                ("image_url", "user") => self.tokens += tokens::IMAGE,
                ("file", "user") => self.tokens += tokens::FILE,
                ("input_audio", "user") => {
                    self.tokens += tokens::AUDIO;
                    self.audio += tokens::AUDIO;
                }
                (kind, _) => {
                    let what = format!("a part of type {kind:?} in a message of role {role:?}");
                    return Err(refused(what, Some("messages")));
                }
            }
        }
        Ok(())
    }

    fn add_text(&mut self, text: &str) {
        self.tokens += tokens::count(text);
        self.last.push_str(text);
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Content<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or an array of parts")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Content<'de>, E> {
                Ok(Content::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Content<'de>, E> {
                Ok(Content::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Content<'de>, A::Error> {
                let mut parts = Vec::new();
                while let Some(part) = seq.next_element()? {
                    parts.push(part);
                }
                Ok(Content::Parts(parts))
            }
        }

        from.deserialize_any(Either)
    }
}

fn stops(stop: Option<Stop>) -> Result<Vec<String>, Refused> {
    let mut stops = match stop {
        None => Vec::new(),
        Some(Stop::One(stop)) => vec![stop],
        Some(Stop::Several(stops)) => stops,
    };
    if stops.len() > STOPS_MAX {
        return Err(refused("there are at most 4 stop sequences", Some("stop")));
    }
    stops.retain(|stop| !stop.is_empty());
    Ok(stops)
}

fn shape(raw: Option<&RawValue>) -> Result<Shape, Refused> {
    let Some(raw) = raw else { return Ok(Shape::Text) };
    let wrong = |_| refused("response_format is not understood", Some("response_format"));
    let format: Format = serde_json::from_str(raw.get()).map_err(wrong)?;
    match (format.kind.as_str(), format.json_schema) {
        ("text", _) => Ok(Shape::Text),
        ("json_object", _) => Ok(Shape::Object),
        ("json_schema", Some(named)) => Ok(Shape::Schema(named.schema)),
        _ => Err(refused("response_format is not understood", Some("response_format"))),
    }
}

/// The functions to call: one, or all of them (at most four) where a call is required and
/// parallel calls were not forbidden.
fn calls(body: &Body<'_>) -> Result<Vec<Function>, Refused> {
    let Some(tools) = body.tools else { return Ok(Vec::new()) };
    let wrong = |error| refused(format!("tools are not understood: {error}"), Some("tools"));
    let tools: Vec<Tool> = serde_json::from_str(tools.get()).map_err(wrong)?;
    let mut functions: Vec<_> = tools.into_iter().filter_map(|tool| tool.function).collect();
    if let Some(odd) = functions.iter().find(|function| !turns::is_name(&function.name)) {
        let what = format!("the tool name {:?} does not match ^[a-zA-Z0-9_-]{{1,64}}$", odd.name);
        return Err(refused(what, Some("tools")));
    }
    let choice = body.tool_choice.as_ref().unwrap_or(&Value::Null);
    let most = match choice.as_str() {
        Some("none") => 0,
        Some("required") if body.parallel_tool_calls.unwrap_or(true) => 4,
        _ => 1,
    };
    if let Some(name) = choice.pointer("/function/name").and_then(Value::as_str) {
        functions.retain(|function| function.name == name);
        if functions.is_empty() {
            return Err(refused("tool_choice names no tool of tools", Some("tool_choice")));
        }
    }
    functions.truncate(most);
    Ok(functions)
}

#[cfg(test)]
mod tests;
