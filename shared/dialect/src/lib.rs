//! Provider dialects: what a request asks for, what an answer used, how an error looks.
//!
//! Purpose: everything the data plane must understand of a body, and nothing more. The same
//! dialect on both sides is a relay: a body keeps its bytes but for the few members that are
//! billed or routed by, which are spliced at offsets.
//! Invariants: pure (bytes in, values out); what the upstream is sent has exactly the model,
//! limits and streaming that [`Intent`] says; usage becomes one vector of disjoint classes.
//! Left out on purpose: prices, routing, sockets.

pub mod openai_chat;

mod intent;
mod refusal;
mod session;
mod usage;
mod wishes;

pub use intent::{Finish, Intent, RequestFault, UpstreamTerms};
pub use refusal::{ErrorForm, Origin, Refusal, openai_error_body, upstream_message};
pub use session::{hash, session};
pub use usage::{
    MessagesUsage, Usage, UsageFault, chat_usage, embeddings_usage, gemini_usage, responses_usage,
};
