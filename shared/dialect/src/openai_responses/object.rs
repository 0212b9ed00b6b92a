//! The response object, at any moment of an answer, and the items that it holds.
//!
//! Invariants: all members that its schema requires are there; `usage` is the last, where it is
//! known.

use std::io::Write;

use units::{TokenClass, Tokens};
use wire::splice::write_string;

use crate::frames::Label;
use crate::intent::Finish;

/// What differs among the response objects of one answer.
#[derive(Clone, Copy, Default)]
pub(super) struct Told<'t> {
    pub(super) status: &'static str,
    /// OpenAI's code, and the message.
    pub(super) error: Option<(&'static str, &'t str)>,
    /// Why it is incomplete.
    pub(super) reason: Option<&'static str>,
    /// The finished items, separated by commas.
    pub(super) items: &'t [u8],
    pub(super) tier: Option<&'static str>,
    pub(super) tokens: Option<&'t Tokens>,
}

impl Told<'_> {
    /// How an answer ended. One that did not come to its end failed.
    pub(super) fn finished(finish: Finish) -> Self {
        let incomplete =
            |reason| Self { status: "incomplete", reason: Some(reason), ..Self::default() };
        match finish {
            Finish::Stop | Finish::ToolCalls | Finish::Other => {
                Self { status: "completed", ..Self::default() }
            }
            Finish::Length => incomplete("max_output_tokens"),
            Finish::ContentFilter => incomplete("content_filter"),
            Finish::Error | Finish::None => {
                let error = Some(("server_error", "the provider's answer did not come to its end"));
                Self { status: "failed", error, ..Self::default() }
            }
        }
    }

    /// What the items of an answer that ended so are.
    pub(super) fn item_status(&self) -> &'static str {
        if self.status == "completed" { "completed" } else { "incomplete" }
    }

    /// Appends the object. `echo` is what it repeats of the request.
    pub(super) fn write(&self, label: &Label<'_>, echo: &[u8], out: &mut Vec<u8>) {
        let (prefix, id) =
            if label.own_id { ("", label.generation) } else { ("resp_", label.digits()) };
        // Writing into a vector does not fail, here and below.
        let _ = write!(out, r#"{{"id":"{prefix}{id}","object":"response","created_at":"#);
        let _ = write!(out, r#"{},"status":"{}","error":"#, label.created, self.status);
        match self.error {
            Some((code, message)) => {
                let _ = write!(out, r#"{{"code":"{code}","message":"#);
                write_string(message, out);
                out.push(b'}');
            }
            None => out.extend(b"null"),
        }
        out.extend(br#","incomplete_details":"#);
        match self.reason {
            Some(reason) => {
                let _ = write!(out, r#"{{"reason":"{reason}"}}"#);
            }
            None => out.extend(b"null"),
        }
        out.extend(br#","model":"#);
        out.extend_from_slice(label.model_json);
        out.extend_from_slice(echo);
        if let Some(tier) = self.tier {
            let _ = write!(out, r#","service_tier":"{tier}""#);
        }
        out.extend(br#","output":["#);
        out.extend_from_slice(self.items);
        out.push(b']');
        if let Some(tokens) = self.tokens {
            write_usage(tokens, out);
        }
        out.push(b'}');
    }
}

fn write_usage(tokens: &Tokens, out: &mut Vec<u8>) {
    let (input, output) = (tokens.input_total(), tokens.output_total());
    let (cached, reasoning) = (tokens[TokenClass::CacheRead], tokens[TokenClass::Reasoning]);
    let written = tokens[TokenClass::CacheWrite].saturating_add(tokens[TokenClass::CacheWrite1h]);
    let total = input.saturating_add(output);
    let _ = write!(out, r#","usage":{{"input_tokens":{input},"input_tokens_details":"#);
    let _ = write!(out, r#"{{"cached_tokens":{cached},"cache_write_tokens":{written}}},"#);
    let _ = write!(out, r#""output_tokens":{output},"output_tokens_details":"#);
    let _ = write!(out, r#"{{"reasoning_tokens":{reasoning}}},"total_tokens":{total}}}"#);
}

/// An item of the output.
pub(super) enum Item<'i> {
    /// What the model says; the parts, separated by commas.
    Message(&'i [u8]),
    /// What it thought, and what brings that back.
    Thought {
        text: &'i str,
        sealed: Option<&'i str>,
    },
    Call {
        id: &'i str,
        name: &'i str,
        arguments: &'i str,
    },
    /// A picture, once it is there.
    Picture(Option<&'i str>),
}

impl Item<'_> {
    /// Appends the item.
    pub(super) fn write(&self, id: &str, status: &str, out: &mut Vec<u8>) {
        let _ = write!(out, r#"{{"id":"{id}","type":"#);
        match self {
            Self::Message(parts) => {
                let _ = write!(out, r#""message","status":"{status}","role":"assistant","#);
                out.extend(br#""content":["#);
                out.extend_from_slice(parts);
                out.push(b']');
            }
            Self::Thought { text, sealed } => {
                out.extend(br#""reasoning","summary":["#);
                if !text.is_empty() {
                    write_summary(text, out);
                }
                out.push(b']');
                if let Some(sealed) = sealed {
                    out.extend(br#","encrypted_content":"#);
                    write_string(sealed, out);
                }
            }
            Self::Call { id, name, arguments } => {
                let _ = write!(out, r#""function_call","status":"{status}","call_id":"#);
                write_string(id, out);
                out.extend(br#","name":"#);
                write_string(name, out);
                out.extend(br#","arguments":"#);
                write_string(arguments, out);
            }
            Self::Picture(base64) => {
                let _ = write!(out, r#""image_generation_call","status":"{status}","result":"#);
                match base64 {
                    Some(base64) => write_string(base64, out),
                    None => out.extend(b"null"),
                }
            }
        }
        out.push(b'}');
    }
}

/// Appends a part of a summary.
pub(super) fn write_summary(text: &str, out: &mut Vec<u8>) {
    out.extend(br#"{"type":"summary_text","text":"#);
    write_string(text, out);
    out.push(b'}');
}

/// What a part of a message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Voice {
    #[default]
    Text,
    Refusal,
}

impl Voice {
    /// Its name in events, and its member in the event that ends it.
    pub(super) const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Text => ("response.output_text", "text"),
            Self::Refusal => ("response.refusal", "refusal"),
        }
    }

    /// Appends the part.
    pub(super) fn write(self, text: &str, out: &mut Vec<u8>) {
        let (_, member) = self.names();
        let kind = if self == Self::Text { "output_text" } else { "refusal" };
        let _ = write!(out, r#"{{"type":"{kind}","{member}":"#);
        write_string(text, out);
        if self == Self::Text {
            out.extend(br#","annotations":[],"logprobs":[]"#);
        }
        out.push(b'}');
    }
}
