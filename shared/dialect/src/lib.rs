//! Provider dialects: what a request asks for, what an answer used, how an error looks.
//!
//! Purpose: everything the data plane must understand of a body, and nothing more. The same
//! dialect on both sides is a relay: a body keeps its bytes but for the few members that are
//! billed or routed by, which are spliced at offsets. Two dialects meet in one form of a request
//! (`prompt`) and one of an answer (`event`); `translate` names who reads and writes which.
//! Invariants: pure (bytes in, values out); what the upstream is sent has exactly the model,
//! limits and streaming that [`Intent`] says; usage becomes one vector of disjoint classes.
//! Left out on purpose: prices, routing, sockets.

pub mod anthropic;
pub mod extraction;
pub mod gemini;
pub mod openai_chat;
pub mod openai_completions;
pub mod openai_embeddings;
pub mod openai_responses;
pub mod prompt;
pub mod signature;

mod client;
#[cfg(test)]
mod dice;
mod dropped;
mod event;
mod frames;
mod intent;
mod member;
mod message;
mod plain;
mod private;
mod refusal;
mod session;
mod tool_names;
mod translate;
mod typed;
mod usage;
mod wishes;

pub use client::ClientDialect;
pub use dropped::Dropped;
pub use event::{DecodeFault, Event, Progress, Sink};
pub use frames::{End, Frames, Framing, Label, StreamError};
pub use intent::{Finish, Intent, RequestFault, UpstreamTerms};
pub use message::{Block, Message};
pub use refusal::{ErrorForm, Origin, Refusal, openai_error_body, upstream_message};
pub use session::{hash, session};
pub use translate::{
    Asked, Decoder, Encoder, count_body, error_body, read_count, read_intent, read_prompt, rename,
    write_count_request, write_upstream, write_whole,
};
pub use usage::{
    MessagesUsage, Usage, UsageFault, chat_usage, embeddings_usage, gemini_usage, responses_usage,
};
