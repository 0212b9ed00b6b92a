//! Thoughts in OpenRouter's form, `reasoning_details`: of an answer, and on their way back.
//!
//! What an upstream of this dialect told with a thought (a signature, an id, a format) is its
//! proof, as the JSON of the detail without its text; a thought that came bare has an empty one.
//! Source: OpenRouter API, "Reasoning tokens".

use std::borrow::Cow;

use catalog::Dialect;
use serde::{Deserialize, Serialize};

use crate::prompt::{Part, PartKind};
use crate::signature::{from_client, marked, of_maker};
use crate::typed::Text;

const TEXT: &str = "reasoning.text";
const ENCRYPTED: &str = "reasoning.encrypted";

/// One of the details.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Detail<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<Text<'a>>,
}

/// What a detail says.
pub(super) enum Said<'a> {
    /// A thought, and its proof, bare; the text may be empty.
    Thought(Cow<'a, str>, Option<String>),
    /// A thought that only its maker can read, bare.
    Redacted(String),
    /// Nothing that is known.
    Nothing,
}

impl<'a> Detail<'a> {
    /// A thought that goes back to an upstream of this dialect.
    pub(super) fn returned(text: &'a str, proof: &'a str) -> Option<Self> {
        let mut detail: Self = serde_json::from_str(proof).ok()?;
        if !text.is_empty() {
            let place = if detail.kind == TEXT { &mut detail.text } else { &mut detail.summary };
            *place = Some(Text(text.into()));
        }
        Some(detail)
    }

    /// What an upstream tells, with proofs in the form in which they go back.
    pub(super) fn said(mut self) -> Said<'a> {
        let text = self.text.take().or(self.summary.take()).unwrap_or_default().0;
        if self.kind == ENCRYPTED {
            return Said::Redacted(self.json());
        }
        let is_told = |told: &Option<Text<'_>>| told.as_ref().is_some_and(|it| !it.0.is_empty());
        if is_told(&self.signature) {
            let proof = self.json();
            return Said::Thought(text, Some(proof));
        }
        if text.is_empty() { Said::Nothing } else { Said::Thought(text, None) }
    }

    fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Who made an unmarked proof.
    fn maker(&self) -> Dialect {
        match self.format.as_ref().map(|format| &*format.0) {
            Some(format) if format.starts_with("anthropic") => Dialect::Anthropic,
            Some(format) if format.starts_with("google") => Dialect::Gemini,
            _ => Dialect::OpenAi,
        }
    }
}

/// The thoughts that a client sends back, pieces of one joined.
pub(super) fn thoughts(details: Vec<Detail<'_>>) -> Vec<Part<'_>> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    for mut detail in details {
        let maker = detail.maker();
        if detail.kind == ENCRYPTED {
            let Some(sealed) = detail.data else { continue };
            parts.push(Part::new(PartKind::Redacted(from_client(maker, sealed.0))));
            continue;
        }
        let more = detail.text.take().or(detail.summary.take()).unwrap_or_default().0;
        let proof = detail.signature.take().filter(|proof| !proof.0.is_empty());
        let proof = proof.map(|proof| from_client(maker, proof.0));
        match parts.last_mut().map(|part| &mut part.kind) {
            Some(PartKind::Thought { text, signature: open @ None }) => {
                text.to_mut().push_str(&more);
                *open = proof;
            }
            _ if more.is_empty() && proof.is_none() => {}
            _ => parts.push(Part::new(PartKind::Thought { text: more, signature: proof })),
        }
    }
    parts
}

/// A bare proof of this dialect, marked.
pub(super) fn own(proof: &str) -> String {
    marked(Dialect::OpenAi, proof)
}

/// The bare proof, where an upstream of this dialect made it.
pub(super) fn bare(proof: &str) -> Option<&str> {
    of_maker(Dialect::OpenAi, proof)
}
