//! The bytes on the wire: bytes in, facts out, no input or output of its own.
//!
//! Purpose: HTTP/1.1 heads and bodies, server-sent events and JSON texts, read strictly where they
//! come from outside and written plainly where they go out.
//! Invariants: no parser keeps the bytes it read, it answers with [`Span`]s into the caller's
//! buffer; "more bytes are needed" and "this is broken" are different answers; every byte split of
//! an input gives the answer of the whole; no input makes a parser panic, recurse or allocate
//! without bound.
//! Left out on purpose: HTTP/2 (a library's work), sockets, clocks, and what any field means.

pub mod body;
pub mod decimal;
pub mod gate;
pub mod head;
pub mod json;
mod span;
pub mod splice;
pub mod sse;

pub use span::Span;
