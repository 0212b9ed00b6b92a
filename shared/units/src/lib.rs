//! The units everything else counts in.
//!
//! Purpose: money in picodollars, prices per token, the token vector, ids and instants, each as a
//! type of its own so that no two can be confused.
//! Invariants: no floats; arithmetic is checked and says so in its result; time is given, never
//! read; a value that parsed is valid for ever.
//! Left out on purpose: clocks, randomness, currencies other than the US dollar.

mod id;
mod instant;
mod money;
mod price;
mod text;
mod tokens;

pub use id::{
    AccountId, DataPlaneId, Epoch, GenerationId, KeyDigest, KeyId, OfferId, ParseIdError,
};
pub use instant::UnixMillis;
pub use money::{ParseUsdError, Usd};
pub use price::Price;
pub use text::{as_optional_text, as_text};
pub use tokens::{TokenClass, Tokens};
