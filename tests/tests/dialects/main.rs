//! Every client dialect against every upstream dialect, seen from outside: what is charged, what
//! the client is told, and how it ends.
//!
//! Contents: `speech` (how each client asks and what it reads), `shop` (one model of each upstream
//! dialect), `money` (each pair charges what its provider would, in every class), `endings`
//! (limits, failures, clients that leave), `refused` (errors in the caller's form), `counts`
//! (tokens counted beforehand), `names` (tools that a provider cannot name), `versions` (of
//! Anthropic's interface). Left out on purpose: what official SDKs make of it, which their own
//! tests show.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod counts;
mod endings;
mod money;
mod names;
mod refused;
mod shop;
mod speech;
mod versions;
