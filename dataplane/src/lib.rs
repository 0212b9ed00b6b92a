//! The data plane: thread per core, from a client's bytes to a settled charge.
//!
//! Contents, from the kernel upwards: `net` owns the runtime, its sockets and their deadlines;
//! `upstream` speaks HTTP to whoever serves a request.

pub mod net;
pub mod upstream;
