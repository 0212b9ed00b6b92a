//! The dialects a provider may speak, and which request asks for which.
//!
//! ```text
//! POST …/chat/completions, …/completions, …/embeddings, …/images/generations, …/audio/…   OpenAI
//! POST …/messages, …/messages/count_tokens                                             Anthropic
//! POST …/models/{model}:generateContent, :streamGenerateContent, :countTokens             Gemini
//! ```

use serde::{Deserialize, Serialize};

use crate::voice::Voice;
use crate::{anthropic, gemini, openai};

/// A provider's way of speaking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialect {
    /// OpenAI's chat completions, and what stands beside them.
    #[default]
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
    /// Gemini's contents.
    Gemini,
}

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Chat,
    /// OpenAI's completions of before chat.
    Completion,
    Embeddings,
    Pictures,
    Speech,
    Transcript,
    Messages,
    CountMessages,
    Contents {
        model: String,
        stream: bool,
    },
    CountContents {
        model: String,
    },
}

impl Route {
    /// What a path asks for; `None` for paths that are no provider's.
    pub(crate) fn of(path: &[u8]) -> Option<Self> {
        let path = std::str::from_utf8(path).ok()?;
        if let Some((_, named)) = path.split_once("/models/") {
            return Self::of_model(named);
        }
        let ends: [(&str, Self); 9] = [
            ("/chat/completions", Self::Chat),
            ("/completions", Self::Completion),
            ("/embeddings", Self::Embeddings),
            ("/images/generations", Self::Pictures),
            ("/audio/speech", Self::Speech),
            ("/audio/transcriptions", Self::Transcript),
            ("/audio/translations", Self::Transcript),
            ("/messages", Self::Messages),
            ("/messages/count_tokens", Self::CountMessages),
        ];
        ends.into_iter().find(|(end, _)| path.ends_with(end)).map(|(_, route)| route)
    }

    /// `{model}:{verb}`. Names may hold slashes and colons, plain or percent-encoded.
    fn of_model(named: &str) -> Option<Self> {
        let (model, verb) = named.rsplit_once(':')?;
        let model = decoded(model);
        match verb {
            "generateContent" => Some(Self::Contents { model, stream: false }),
            "streamGenerateContent" => Some(Self::Contents { model, stream: true }),
            "countTokens" => Some(Self::CountContents { model }),
            _ => None,
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Messages | Self::CountMessages => Dialect::Anthropic,
            Self::Contents { .. } | Self::CountContents { .. } => Dialect::Gemini,
            _ => Dialect::OpenAi,
        }
    }
}

/// A percent-encoded text; what is no encoding stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An error that is about to be told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure<'a> {
    pub status: u16,
    pub message: &'a str,
    pub param: Option<&'a str>,
    pub request_id: &'a str,
    pub retry_after: Option<u64>,
    /// Whether the whole stands in an array of one, as some servers send it.
    pub in_array: bool,
}

impl<'a> Failure<'a> {
    pub(crate) fn new(status: u16, message: &'a str, request_id: &'a str) -> Self {
        Self { status, message, param: None, request_id, retry_after: None, in_array: false }
    }
}

impl Dialect {
    /// An error in the dialect's own form.
    pub(crate) fn error(self, failure: &Failure<'_>) -> Vec<u8> {
        match self {
            Self::OpenAi => openai::error(failure),
            Self::Anthropic => anthropic::error(failure),
            Self::Gemini => gemini::error(failure),
        }
    }

    /// An answer's id.
    pub(crate) fn id_of(self, number: &str) -> String {
        match self {
            Self::OpenAi => format!("chatcmpl-{number}"),
            Self::Anthropic => format!("msg_{number}"),
            Self::Gemini => number.to_owned(),
        }
    }

    /// How the ids of calls begin.
    pub(crate) const fn call_prefix(self) -> &'static str {
        match self {
            Self::OpenAi | Self::Gemini => "call_",
            Self::Anthropic => "toolu_",
        }
    }

    /// A header that every answer of the dialect has.
    pub(crate) const fn header(self) -> Option<&'static str> {
        match self {
            Self::OpenAi => Some("openai-version: 2020-10-01"),
            Self::Anthropic => Some("anthropic-organization-id: sandbox"),
            Self::Gemini => None,
        }
    }

    /// Whoever tells an answer as a stream.
    pub(crate) fn voice(self, completion: bool) -> Box<dyn Voice + Send> {
        match self {
            Self::OpenAi => Box::new(openai::Chunks { completion }),
            Self::Anthropic => Box::<anthropic::Blocks>::default(),
            Self::Gemini => Box::<gemini::Parts>::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_what_they_ask_for() {
        let contents = |model: &str, stream| Some(Route::Contents { model: model.into(), stream });
        for (path, route) in [
            ("/v1/chat/completions", Some(Route::Chat)),
            ("/x/v1/completions", Some(Route::Completion)),
            ("/v1/messages", Some(Route::Messages)),
            ("/v1/messages/count_tokens", Some(Route::CountMessages)),
            ("/v1beta/models/m:generateContent", contents("m", false)),
            ("/models/a%2fb:c:streamGenerateContent", contents("a/b:c", true)),
            ("/v1beta/models/fault/stall%3A2:generateContent", contents("fault/stall:2", false)),
            ("/v1beta/models/m", None),
            ("/v1/models", None),
            ("/health", None),
        ] {
            assert_eq!(Route::of(path.as_bytes()), route, "{path}");
        }
        assert_eq!(decoded("%zz%4"), "%zz%4");
    }
}
