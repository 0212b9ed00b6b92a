//! Where two dialects meet: the one place that knows which module reads and writes which.
//!
//! ```text
//!   request:  client's body --read_prompt--> Prompt --write_upstream--> upstream's body
//!   answer:   upstream's bytes --Decoder--> Event... --Encoder--> client's bytes
//!                                             |
//!                                             +--> Message --write_whole--> client's body
//! ```
//! Where client and upstream speak alike nothing of a request or an answer is made anew: a body is
//! spliced, an event renamed, and the decoder is the meter's alone.

use catalog::Dialect;
use units::Tokens;
use wire::gate::TopLevel;

use crate::client::ClientDialect;
use crate::dropped::Dropped;
use crate::event::{DecodeFault, Event, Progress, Sink};
use crate::frames::{End, Frames, Label, StreamError};
use crate::intent::{Intent, RequestFault, UpstreamTerms};
use crate::message::Message;
use crate::prompt::Prompt;
use crate::refusal::{ErrorForm, Refusal};
use crate::tool_names::{self, ToolNames};
use crate::{
    anthropic, extraction, gemini, openai_chat, openai_completions, openai_embeddings,
    openai_responses,
};

/// What the path says of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked<'p> {
    /// The client's dialect.
    pub client: ClientDialect,
    /// The model, where the path names it (Gemini).
    pub model: Option<&'p str>,
    /// Whether the path asks for a stream (Gemini).
    pub stream: bool,
    /// Whether its input is to be counted only (Gemini).
    pub counts: bool,
}

/// Reads what a gated request asks for.
///
/// # Errors
/// The client's fault.
pub fn read_intent(
    asked: Asked<'_>,
    top: &TopLevel,
    body: &[u8],
) -> Result<Box<Intent>, RequestFault> {
    match asked.client {
        ClientDialect::Chat => openai_chat::read_intent(top, body),
        ClientDialect::Completions => openai_completions::read_intent(top, body),
        ClientDialect::Embeddings => openai_embeddings::read_intent(top, body),
        ClientDialect::Responses => openai_responses::read_intent(top, body),
        ClientDialect::Messages => anthropic::read_intent(top, body),
        ClientDialect::Gemini => gemini::read_intent(asked, top, body),
        ClientDialect::Extraction => extraction::read_intent(top, body),
    }
}

/// Reads the whole of a request, to be said in another dialect.
///
/// # Errors
/// The client's fault: it is malformed, or asks for what no other dialect can say.
pub fn read_prompt(client: ClientDialect, body: &[u8]) -> Result<Prompt<'_>, RequestFault> {
    match client {
        ClientDialect::Chat => openai_chat::read_prompt(body),
        ClientDialect::Completions | ClientDialect::Embeddings => {
            let message = "such requests are said in one dialect only; ask in a chat instead";
            Err(RequestFault::unsupported("model", message))
        }
        ClientDialect::Responses => openai_responses::read_prompt(body),
        ClientDialect::Messages => anthropic::read_prompt(body),
        ClientDialect::Gemini => gemini::read_prompt(body),
        ClientDialect::Extraction => extraction::read_prompt(body),
    }
}

/// Writes the body that the upstream gets: the client's, spliced, where both speak alike, and
/// otherwise what it says in the upstream's dialect.
///
/// # Errors
/// The client's fault: it cannot be read, or cannot be said to this upstream. Another upstream may
/// do.
pub fn write_upstream(
    intent: &Intent,
    body: &[u8],
    terms: &UpstreamTerms<'_>,
    out: &mut Vec<u8>,
) -> Result<Dropped, RequestFault> {
    if intent.client.is_spoken_by(terms.dialect) {
        match (terms.dialect, intent.client) {
            (Dialect::OpenAi, ClientDialect::Completions) => {
                openai_completions::write_upstream(intent, body, terms, out);
            }
            (Dialect::OpenAi, ClientDialect::Embeddings) => {
                openai_embeddings::write_upstream(intent, body, terms, out);
            }
            (Dialect::OpenAi, _) => openai_chat::write_upstream(intent, body, terms, out),
            (Dialect::Anthropic, _) => anthropic::write_upstream(intent, body, terms, out),
            (Dialect::Gemini, _) => gemini::write_upstream(intent, body, terms, out),
        }
        return Ok(Dropped::default());
    }
    if intent.choices > 1 {
        let param = if intent.client == ClientDialect::Gemini { "candidateCount" } else { "n" };
        let message =
            format!("several choices at once cannot be asked of this model; leave `{param}` out");
        return Err(RequestFault::unsupported(param, message));
    }
    let mut prompt = read_prompt(intent.client, body)?;
    if let Some(extraction) = &intent.extraction {
        extraction.add_correction(&mut prompt);
    }
    tool_names::rename(&mut prompt);
    let mut dropped = Dropped::default();
    prompt.unsaid.iter().for_each(|name| dropped.add(name));
    if terms.dialect != Dialect::Anthropic && prompt.is_marked() {
        dropped.add("cache_control");
    }
    match terms.dialect {
        Dialect::OpenAi => {
            openai_chat::write_prompt(&prompt, intent, terms, &mut dropped, out)?;
        }
        Dialect::Anthropic => {
            anthropic::write_prompt(&prompt, intent, terms, &mut dropped, out)?;
        }
        Dialect::Gemini => gemini::write_prompt(&prompt, intent, terms, &mut dropped, out)?,
    }
    Ok(dropped)
}

/// Reads what a provider answers.
#[derive(Debug)]
pub enum Decoder {
    /// OpenAI's chunks and completions.
    Chat(openai_chat::Decoder),
    /// Anthropic's events and messages.
    Messages(anthropic::Decoder),
    /// Gemini's responses.
    Gemini(gemini::Decoder),
}

impl Decoder {
    /// Of a provider whose input count includes cached tokens, or not.
    pub fn new(upstream: Dialect, cache_included: bool) -> Self {
        match upstream {
            Dialect::OpenAi => Self::Chat(openai_chat::Decoder::new(cache_included)),
            Dialect::Anthropic => Self::Messages(anthropic::Decoder::default()),
            Dialect::Gemini => Self::Gemini(gemini::Decoder::default()),
        }
    }

    /// Reads the data of the next event of a stream.
    ///
    /// # Errors
    /// It is no part of an answer.
    pub fn event(&mut self, data: &[u8], sink: Sink<'_>) -> Result<Progress, DecodeFault> {
        match self {
            Self::Chat(decoder) => decoder.event(data, sink),
            Self::Messages(decoder) => decoder.event(data, sink),
            Self::Gemini(decoder) => decoder.event(data, sink),
        }
    }

    /// Reads a whole answer.
    ///
    /// # Errors
    /// It is none.
    pub fn whole(&mut self, json: &[u8], sink: Sink<'_>) -> Result<(), DecodeFault> {
        match self {
            Self::Chat(decoder) => decoder.whole(json, sink),
            Self::Messages(decoder) => decoder.whole(json, sink),
            Self::Gemini(decoder) => decoder.whole(json, sink),
        }
    }

    /// Appends the events that end a relayed answer which is cut at its limit, in the provider's
    /// own dialect: what is open is closed. Chat's own stream has a writer of its own.
    pub fn write_cut(&self, label: &Label<'_>, tokens: &Tokens, frames: &mut Frames<'_>) {
        match self {
            Self::Chat(_) => {}
            Self::Messages(decoder) => decoder.write_cut(tokens, frames),
            Self::Gemini(_) => gemini::write_cut(label, tokens, frames),
        }
    }
}

/// Writes an answer as its client reads it.
#[derive(Debug)]
pub struct Encoder {
    tongue: Tongue,
    names: ToolNames,
}

#[derive(Debug)]
enum Tongue {
    /// OpenAI's chunks.
    Chat(openai_chat::Encoder),
    /// OpenAI's response events.
    Responses(Box<openai_responses::Encoder>),
    /// Anthropic's events.
    Messages(anthropic::Encoder),
    /// Gemini's responses.
    Gemini(gemini::Encoder),
}

impl Encoder {
    /// For a client that sent this body, which some dialects repeat in their answers.
    pub fn new(client: ClientDialect, body: &[u8]) -> Self {
        let tongue = match client {
            // Extractions are not streamed, nor are embeddings.
            ClientDialect::Chat
            | ClientDialect::Completions
            | ClientDialect::Embeddings
            | ClientDialect::Extraction => Tongue::Chat(openai_chat::Encoder::default()),
            ClientDialect::Responses => {
                Tongue::Responses(Box::new(openai_responses::Encoder::new(body)))
            }
            ClientDialect::Messages => Tongue::Messages(anthropic::Encoder::default()),
            ClientDialect::Gemini => Tongue::Gemini(gemini::Encoder::default()),
        };
        Self { tongue, names: ToolNames::of(body) }
    }

    /// Appends what stands before everything else. `input` is the count of input tokens as far as
    /// it is known.
    pub fn begin(&mut self, label: &Label<'_>, input: u64, frames: &mut Frames<'_>) {
        match &mut self.tongue {
            Tongue::Chat(encoder) => encoder.begin(label, frames),
            Tongue::Responses(encoder) => encoder.begin(label, frames),
            Tongue::Messages(encoder) => encoder.begin(label, input, frames),
            Tongue::Gemini(_) => {}
        }
    }

    /// Appends one event. A finish is kept for the end.
    pub fn event(&mut self, label: &Label<'_>, event: &Event<'_>, frames: &mut Frames<'_>) {
        let renamed = self.names.told(event);
        let event = renamed.as_ref().unwrap_or(event);
        match &mut self.tongue {
            Tongue::Chat(encoder) => encoder.event(label, event, frames),
            Tongue::Responses(encoder) => encoder.event(label, event, frames),
            Tongue::Messages(encoder) => encoder.event(event, frames),
            Tongue::Gemini(encoder) => encoder.event(label, event, frames),
        }
    }

    /// Appends the end of the answer.
    pub fn end(&mut self, label: &Label<'_>, end: End<'_>, frames: &mut Frames<'_>) {
        match &mut self.tongue {
            Tongue::Chat(encoder) => encoder.end(label, end, frames),
            Tongue::Responses(encoder) => encoder.end(label, end, frames),
            Tongue::Messages(encoder) => encoder.end(end, frames),
            Tongue::Gemini(encoder) => encoder.end(label, end, frames),
        }
    }

    /// Appends an error, which ends the stream.
    pub fn fail(&mut self, label: &Label<'_>, error: &StreamError<'_>, frames: &mut Frames<'_>) {
        match &mut self.tongue {
            Tongue::Responses(encoder) => encoder.fail(label, error, frames),
            Tongue::Chat(_) => openai_chat::write_error(label, error, frames),
            Tongue::Messages(_) => anthropic::write_error(error, frames),
            Tongue::Gemini(_) => gemini::write_error(error, frames),
        }
    }
}

/// Appends a whole answer as its client reads it. `body` is what the client had sent.
pub fn write_whole(
    (client, body): (ClientDialect, &[u8]),
    label: &Label<'_>,
    message: &Message,
    tokens: &Tokens,
    out: &mut Vec<u8>,
) {
    let renamed =
        if message.calls_tools() { ToolNames::of(body).told_whole(message) } else { None };
    let message = renamed.as_ref().unwrap_or(message);
    match client {
        ClientDialect::Chat | ClientDialect::Completions | ClientDialect::Embeddings => {
            openai_chat::write_whole(label, message, tokens, out);
        }
        ClientDialect::Responses => {
            openai_responses::write_whole(body, label, message, tokens, out);
        }
        ClientDialect::Messages => anthropic::write_whole(label, message, tokens, out),
        ClientDialect::Gemini => gemini::write_whole(label, message, tokens, out),
        ClientDialect::Extraction => extraction::write_whole(label, message, tokens, out),
    }
}

/// Appends a relayed answer, or an event of one, with the provider's name of the model replaced.
/// Chat has a faster way of its own.
pub fn rename(dialect: Dialect, json: &[u8], model_json: &[u8], out: &mut Vec<u8>) {
    match dialect {
        Dialect::OpenAi => out.extend_from_slice(json),
        Dialect::Anthropic => anthropic::rename(json, model_json, out),
        Dialect::Gemini => gemini::rename(json, model_json, out),
    }
}

/// The error object in the client's form. `request` is the id of the answer that carries it.
pub fn error_body(
    client: ClientDialect,
    refusal: &Refusal,
    form: ErrorForm,
    request: &str,
) -> Vec<u8> {
    match client {
        ClientDialect::Chat
        | ClientDialect::Completions
        | ClientDialect::Embeddings
        | ClientDialect::Extraction
        | ClientDialect::Responses => crate::refusal::openai_error_body(refusal, form),
        ClientDialect::Messages => anthropic::error_body(refusal, request),
        ClientDialect::Gemini => gemini::error_body(refusal),
    }
}

/// Appends the request by which an upstream counts the input of a request; false where its dialect
/// has none.
///
/// # Errors
/// As [`write_upstream`].
pub fn write_count_request(
    intent: &Intent,
    body: &[u8],
    terms: &UpstreamTerms<'_>,
    out: &mut Vec<u8>,
) -> Result<bool, RequestFault> {
    match terms.dialect {
        Dialect::OpenAi => return Ok(false),
        Dialect::Anthropic => anthropic::write_count_request(intent, body, terms, out)?,
        Dialect::Gemini => gemini::write_count_request(intent, body, terms, out)?,
    }
    Ok(true)
}

/// The count that an upstream answered; `None` where it is none.
pub fn read_count(upstream: Dialect, json: &[u8]) -> Option<u64> {
    match upstream {
        Dialect::OpenAi => None,
        Dialect::Anthropic => anthropic::read_count(json),
        Dialect::Gemini => gemini::read_count(json),
    }
}

/// A count as the client reads it.
pub fn count_body(client: ClientDialect, tokens: u64) -> Vec<u8> {
    match client {
        ClientDialect::Gemini => gemini::count_body(tokens),
        _ => anthropic::count_body(tokens),
    }
}
