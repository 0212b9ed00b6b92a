//! Requests and answers on the wire, seen from both ends: what goes through unchanged, what is
//! changed on purpose, and what no way of sending bytes may change.
//!
//! Contents: `request` (what the provider gets), `answer` (what the client gets), `usage` (who is
//! told the usage), `framing` (ways for a client to send and to read), `upstream` (ways for a
//! provider to answer), `failover` (another provider, or an error in the stream), `health`
//! (who is asked less for a while), `sessions` (who stays with whom), `silence` (signs of life and
//! deadlines), `leaving` (clients that go away), `scripted` (answers that only some
//! providers give); `look` takes answers apart, `trio` is
//! three providers of one model.
//! Invariant: what is compared are bytes, not what a reader makes of them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod answer;
mod endings;
mod failover;
mod framing;
mod health;
mod leaving;
mod look;
mod request;
mod scripted;
mod sessions;
mod silence;
mod trio;
mod upstream;
mod usage;
