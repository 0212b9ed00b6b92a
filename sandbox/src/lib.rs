//! The provider simulator: a stand-in for a provider that speaks OpenAI's dialect, Anthropic's or
//! Gemini's.
//!
//! It gives plausible answers of exact length, at a pace, with exact usage; it is as strict with
//! requests as the real providers; it misbehaves on request in every way a provider was ever seen
//! to ([`Handle::fault`], the header `x-sandbox-fault`, or a model named `fault/<list>` or
//! `fault/<list>@<model>`; `GET /faults` names them all); and it logs what it would bill, which is
//! the truth that a gateway's books are held against.
//!
//! Contents: `server` (listener, handle), `connection`, `routes`, `client` (bytes in and out);
//! `dialect` (paths, errors), `openai`, `anthropic`, `gemini` (reading and writing each); `chat`
//! (one request), `ask` (what it says), `script` (what it wishes for), `answer` (what is said
//! back), `text`, `schema`, `tokens`, `signature`; `stream`, `whole`, `tell`, `voice`, `frames`,
//! `reply` (how it leaves); `fields`, `json`, `base64`; `truth`, `site`, `settings`.
//! Left out on purpose: TLS, HTTP/2, prices, real tokenizers, remembering conversations.

mod answer;
mod anthropic;
mod ask;
mod base64;
mod chat;
mod client;
mod connection;
mod dialect;
mod fields;
mod frames;
mod gemini;
mod json;
mod openai;
mod reply;
mod routes;
mod schema;
mod script;
mod server;
mod settings;
mod signature;
mod site;
mod stream;
mod tell;
mod text;
pub mod tokens;
mod truth;
mod voice;
mod whole;

pub use dialect::Dialect;
pub use server::{Handle, serve, spawn};
pub use settings::{Pace, Settings};
pub use site::Received;
pub use truth::{Billed, Outcome, Truth};
