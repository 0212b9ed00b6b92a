//! The provider simulator: a stand-in for an OpenAI-compatible provider.
//!
//! It gives plausible answers of exact length, at a pace, with exact usage; it misbehaves on
//! request in every way a provider was ever seen to ([`Handle::fault`], the header
//! `x-sandbox-fault`, or a model named `fault/<list>`; `GET /faults` names them all); and it logs
//! what it would bill, which is the truth that a gateway's books are held against.
//!
//! Contents: `server` (listener, handle), `connection`, `routes`, `client` (bytes in and out);
//! `chat` (one request), `ask` (what it says), `script` (what it wishes for), `answer` (what is
//! said back), `text`, `schema`, `tokens`; `stream`, `whole`, `tell`, `reply`, `render` (how it
//! leaves); `truth`, `site`, `settings`.
//! Left out on purpose: TLS, HTTP/2, prices, real tokenizers, remembering conversations.

mod answer;
mod ask;
mod chat;
mod client;
mod connection;
mod render;
mod reply;
mod routes;
mod schema;
mod script;
mod server;
mod settings;
mod site;
mod stream;
mod tell;
mod text;
pub mod tokens;
mod truth;
mod whole;

pub use server::{Handle, serve, spawn};
pub use settings::{Pace, Settings};
pub use site::Received;
pub use truth::{Billed, Outcome, Truth};
