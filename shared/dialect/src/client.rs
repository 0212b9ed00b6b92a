//! The dialects that clients speak.

use catalog::Dialect;

/// A client's dialect: how its request reads, and how it is to be answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ClientDialect {
    /// OpenAI chat completions.
    #[default]
    Chat,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Messages,
    /// Gemini `generateContent`.
    Gemini,
}

impl ClientDialect {
    /// Whether an upstream of this dialect understands a request as it came: then it is relayed,
    /// and otherwise translated.
    pub const fn is_spoken_by(self, upstream: Dialect) -> bool {
        matches!(
            (self, upstream),
            (Self::Chat, Dialect::OpenAi)
                | (Self::Messages, Dialect::Anthropic)
                | (Self::Gemini, Dialect::Gemini)
        )
    }
}
