//! A whole message, and what streams have in common with it: the end and the usage.

use catalog::Dialect;
use units::{TokenClass, Tokens};

use super::json::{Object, each};
use crate::frames::Label;
use crate::intent::Finish;
use crate::message::{Block, Message};
use crate::signature::{into_id, marked};

/// Appends a whole answer as its client reads it.
pub(crate) fn write_whole(
    label: &Label<'_>,
    message: &Message,
    tokens: &Tokens,
    out: &mut Vec<u8>,
) {
    let mut object = Object::open(out);
    write_head(label, &mut object);
    each(
        message.blocks.iter().filter(|block| is_shown(block)),
        object.name("content"),
        write_block,
    );
    let end = Ending {
        finish: message.finish,
        stop: message.stop.as_deref(),
        calls_tools: message.calls_tools(),
        refusal: message.blocks.iter().find_map(|block| match block {
            Block::Refusal(text) => Some(text.as_str()),
            _ => None,
        }),
    };
    end.write(&mut object);
    write_usage(tokens, message.tier.as_deref(), object.name("usage"));
    object.close();
}

/// Writes what a message says of itself before its content.
pub(super) fn write_head(label: &Label<'_>, message: &mut Object<'_>) {
    if label.own_id {
        message.text("id", label.generation);
    } else {
        message.text("id", &["msg_", label.digits()].concat());
    }
    message.text("type", "message");
    message.text("role", "assistant");
    message.raw("model", label.model_json);
}

/// How an answer ends, as far as clients are told.
pub(super) struct Ending<'e> {
    pub(super) finish: Finish,
    pub(super) stop: Option<&'e str>,
    pub(super) calls_tools: bool,
    pub(super) refusal: Option<&'e str>,
}

impl Ending<'_> {
    /// Writes `stop_reason`, `stop_sequence` and, of a refusal, `stop_details`.
    pub(super) fn write(&self, object: &mut Object<'_>) {
        let is_refused = self.refusal.is_some() || self.finish == Finish::ContentFilter;
        let reason = match self.finish {
            Finish::Length => "max_tokens",
            _ if is_refused => "refusal",
            _ if self.calls_tools => "tool_use",
            _ if self.stop.is_some() => "stop_sequence",
            _ => "end_turn",
        };
        object.text("stop_reason", reason);
        match self.stop.filter(|_| reason == "stop_sequence") {
            Some(stop) => object.text("stop_sequence", stop),
            None => object.raw("stop_sequence", b"null"),
        }
        if reason == "refusal" {
            let mut details = Object::of("refusal", object.name("stop_details"));
            details.raw("category", b"null");
            match self.refusal {
                Some(text) => details.text("explanation", text),
                None => details.raw("explanation", b"null"),
            }
            details.close();
        }
    }
}

/// What Anthropic's word for an end means. A call that stands for an answer is none.
pub(super) fn finish_of(native: &str, calls_tools: bool) -> Finish {
    match native {
        "tool_use" if calls_tools => Finish::ToolCalls,
        "end_turn" | "stop_sequence" | "pause_turn" | "tool_use" => Finish::Stop,
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "refusal" => Finish::ContentFilter,
        _ => Finish::Other,
    }
}

/// Writes the usage of a message. `input_tokens` are those that no cache had a part in.
pub(super) fn write_usage(tokens: &Tokens, tier: Option<&str>, out: &mut Vec<u8>) {
    let count = |class: TokenClass| tokens[class];
    let (read, short) = (count(TokenClass::CacheRead), count(TokenClass::CacheWrite));
    let hour = count(TokenClass::CacheWrite1h);
    let written = short.saturating_add(hour);
    let cached = read.saturating_add(written);
    let mut usage = Object::open(out);
    usage.plain("input_tokens", tokens.input_total().saturating_sub(cached));
    usage.plain("cache_creation_input_tokens", written);
    usage.plain("cache_read_input_tokens", read);
    let mut lifetimes = Object::open(usage.name("cache_creation"));
    lifetimes.plain("ephemeral_5m_input_tokens", short);
    lifetimes.plain("ephemeral_1h_input_tokens", hour);
    lifetimes.close();
    usage.plain("output_tokens", tokens.output_total());
    if count(TokenClass::Reasoning) > 0 {
        let mut details = Object::open(usage.name("output_tokens_details"));
        details.plain("thinking_tokens", count(TokenClass::Reasoning));
        details.close();
    }
    if count(TokenClass::Search) > 0 {
        let mut searches = Object::open(usage.name("server_tool_use"));
        searches.plain("web_search_requests", count(TokenClass::Search));
        searches.close();
    }
    if let Some(tier) = tier {
        usage.text("service_tier", if tier == "default" { "standard" } else { tier });
    }
    usage.close();
}

/// The proof of a thought whose provider gives none: clients of this dialect keep no thought
/// without one.
pub(super) fn no_proof() -> String {
    marked(Dialect::OpenAi, "")
}

/// No block of this dialect holds a picture that a model made.
const fn is_shown(block: &Block) -> bool {
    !matches!(block, Block::Image { .. })
}

fn write_block(block: &Block, out: &mut Vec<u8>) {
    match block {
        Block::Text(text) | Block::Refusal(text) => {
            let mut object = Object::of("text", out);
            object.text("text", text);
            object.close();
        }
        Block::Thought { text, signature } => {
            let mut object = Object::of("thinking", out);
            object.text("thinking", text);
            match signature {
                Some(signature) => object.text("signature", signature),
                None => object.text("signature", &no_proof()),
            }
            object.close();
        }
        Block::Redacted(data) => {
            let mut object = Object::of("redacted_thinking", out);
            object.text("data", data);
            object.close();
        }
        Block::Call { id, name, arguments, signature } => {
            let mut object = Object::of("tool_use", out);
            object.text("id", &into_id(id, signature.as_deref()));
            object.text("name", name);
            object.raw("input", input_of(arguments).as_bytes());
            object.close();
        }
        Block::Image { .. } => {}
    }
}

/// A tool's input: an object, whatever a model that was cut short left of it.
fn input_of(arguments: &str) -> &str {
    let object = serde_json::from_str::<serde::de::IgnoredAny>(arguments);
    let is_object = object.is_ok() && arguments.trim_start().starts_with('{');
    if is_object { arguments } else { "{}" }
}
