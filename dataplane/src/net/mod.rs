//! The runtime and its sockets: the only place, beside `upstream`, that knows monoio.
//!
//! The three rules behind every file here: a connection is owned by one task that waits for it, or
//! it is closed; a buffer is in our hand or in the kernel's, and a type says which; nothing is
//! cancelled, things are closed, and what waited on them ends by its ordinary path.
//!
//! The doc of each async function ends with what dropping it half-way means: *whole* (do not: it
//! finishes what it began or the core is lost), *abandon closes* (the socket is closed),
//! *resumable* (nothing is lost, call it again).

pub mod bell;
pub mod buffer;
pub mod deadline;
mod link;
pub mod listener;
pub mod passage;
pub mod race;
pub mod ring;
pub mod socket;
pub mod task;
pub mod tls;
pub mod trust;
pub mod turn;
