//! The members of a request as they are read whole: borrowed from the body where they can be.
//!
//! Blocks of every type are one struct, as their members' names do not clash: an enum chosen by
//! `type` would copy each block before it is read.
//! Left out on purpose: what the members mean.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::typed::{self, Text};

/// What is said: a text, or blocks.
pub(super) type Content<'a> = typed::Content<'a, Block<'a>>;

/// A request.
#[derive(Deserialize)]
pub(super) struct Body<'a> {
    #[serde(borrow)]
    pub(super) messages: Vec<Turn<'a>>,
    pub(super) system: Option<Content<'a>>,
    pub(super) tools: Option<Vec<Tool<'a>>>,
    pub(super) tool_choice: Option<Choice<'a>>,
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_k: Option<u64>,
    pub(super) stop_sequences: Option<Vec<Text<'a>>>,
    pub(super) thinking: Option<ThinkingConfig<'a>>,
    pub(super) output_config: Option<OutputConfig<'a>>,
    /// What `output_config.format` was called before.
    pub(super) output_format: Option<Format<'a>>,
    pub(super) metadata: Option<Metadata<'a>>,
    pub(super) service_tier: Option<Text<'a>>,
    pub(super) cache_control: Option<CacheControl<'a>>,
}

/// A message.
#[derive(Deserialize)]
pub(super) struct Turn<'a> {
    #[serde(borrow)]
    pub(super) role: Text<'a>,
    pub(super) content: Content<'a>,
}

/// A block of any type.
#[derive(Deserialize)]
pub(super) struct Block<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    pub(super) text: Option<Text<'a>>,
    pub(super) thinking: Option<Text<'a>>,
    pub(super) signature: Option<Text<'a>>,
    pub(super) data: Option<Text<'a>>,
    pub(super) id: Option<Text<'a>>,
    pub(super) name: Option<Text<'a>>,
    pub(super) input: Option<&'a RawValue>,
    pub(super) tool_use_id: Option<Text<'a>>,
    pub(super) content: Option<Content<'a>>,
    pub(super) is_error: Option<bool>,
    /// An object, but for a search result, where it is an address.
    pub(super) source: Option<&'a RawValue>,
    pub(super) title: Option<Text<'a>>,
    pub(super) context: Option<Text<'a>>,
    pub(super) cache_control: Option<CacheControl<'a>>,
}

/// Where the bytes of an image or a document are.
#[derive(Deserialize)]
pub(super) struct Source<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    pub(super) media_type: Option<Text<'a>>,
    pub(super) data: Option<Text<'a>>,
    pub(super) url: Option<Text<'a>>,
    pub(super) content: Option<Content<'a>>,
}

/// How long the provider is to keep everything up to a block.
#[derive(Deserialize)]
pub(super) struct CacheControl<'a> {
    #[serde(borrow)]
    pub(super) ttl: Option<Text<'a>>,
}

/// A tool.
#[derive(Deserialize)]
pub(super) struct Tool<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Option<Text<'a>>,
    pub(super) name: Option<Text<'a>>,
    pub(super) description: Option<Text<'a>>,
    pub(super) input_schema: Option<&'a RawValue>,
    pub(super) strict: Option<bool>,
    pub(super) cache_control: Option<CacheControl<'a>>,
}

/// Whether a tool must be called.
#[derive(Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    pub(super) name: Option<Text<'a>>,
    pub(super) disable_parallel_tool_use: Option<bool>,
}

/// Whether, and how long, the model is to think.
#[derive(Deserialize)]
pub(super) struct ThinkingConfig<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    pub(super) budget_tokens: Option<u64>,
    pub(super) display: Option<Text<'a>>,
}

/// What the answer is to be like.
#[derive(Deserialize)]
pub(super) struct OutputConfig<'a> {
    #[serde(borrow)]
    pub(super) effort: Option<Text<'a>>,
    pub(super) format: Option<Format<'a>>,
}

/// The schema of an answer.
#[derive(Deserialize)]
pub(super) struct Format<'a> {
    #[serde(borrow)]
    pub(super) schema: Option<&'a RawValue>,
}

/// Of whom the request is.
#[derive(Deserialize)]
pub(super) struct Metadata<'a> {
    #[serde(borrow)]
    pub(super) user_id: Option<Text<'a>>,
}
