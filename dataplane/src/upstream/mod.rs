//! HTTP to whoever serves a request: dial or reuse, send, read the head, pull the body.
//!
//! In the order a request meets them: `endpoint` says where, `pool` keeps idle connections, `dial`
//! makes new ones, `http1` speaks, `body` hands out what comes back, `fault` says what went wrong.
//!
//! ```text
//!   Connection --send--> Sent --head--> Response --into_body--> Body --reuse--> pool
//!        each step consumes the one before; dropping any of them closes the connection
//! ```
//!
//! Left out on purpose: which endpoint (the plan), whether to try again (the exchange), names (they
//! are resolved elsewhere; only addresses come here).

pub mod body;
pub mod dial;
pub mod endpoint;
pub mod fault;
pub mod http1;
pub mod pool;
