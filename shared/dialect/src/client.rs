//! The dialects that clients speak.

use catalog::{Dialect, ModelKind};

/// A client's dialect: how its request reads, and how it is to be answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ClientDialect {
    /// OpenAI chat completions.
    #[default]
    Chat,
    /// OpenAI's legacy completions of a prompt.
    Completions,
    /// OpenAI embeddings.
    Embeddings,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Messages,
    /// Gemini `generateContent`.
    Gemini,
    /// Extractions, which are ours alone.
    Extraction,
}

impl ClientDialect {
    /// In which a provider of this dialect is asked for an answer.
    pub const fn of(upstream: Dialect) -> Self {
        match upstream {
            Dialect::OpenAi => Self::Chat,
            Dialect::Anthropic => Self::Messages,
            Dialect::Gemini => Self::Gemini,
        }
    }

    /// Whether an upstream of this dialect understands a request as it came: then it is relayed,
    /// and otherwise translated.
    pub const fn is_spoken_by(self, upstream: Dialect) -> bool {
        matches!(
            (self, upstream),
            (Self::Chat | Self::Completions | Self::Embeddings, Dialect::OpenAi)
                | (Self::Messages, Dialect::Anthropic)
                | (Self::Gemini, Dialect::Gemini)
        )
    }

    /// The only upstream dialect in which it can be said; `None` where it is translated.
    pub const fn only_upstream(self) -> Option<Dialect> {
        match self {
            Self::Completions | Self::Embeddings => Some(Dialect::OpenAi),
            _ => None,
        }
    }

    /// What a model must do to be asked in it.
    pub const fn kind(self) -> ModelKind {
        match self {
            Self::Embeddings => ModelKind::Embedding,
            _ => ModelKind::Chat,
        }
    }

    /// The member of a request that holds what is asked.
    pub const fn input_member(self) -> &'static str {
        match self {
            Self::Chat | Self::Messages => "messages",
            Self::Completions => "prompt",
            Self::Embeddings | Self::Responses | Self::Extraction => "input",
            Self::Gemini => "contents",
        }
    }

    /// Whether its stream is OpenAI's chunks: there usage is told to who asks for it, and an error
    /// is a chunk.
    pub const fn has_chunks(self) -> bool {
        matches!(self, Self::Chat | Self::Completions | Self::Embeddings)
    }
}
