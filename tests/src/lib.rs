//! The harness of the outside tests: they see Tollgate only as its operators and customers do.
//!
//! Contents: `config` writes what an operator writes, `gateway` runs the real binary on it,
//! `admin` and `client` talk to its two ports, `upstream` is the provider behind it, which fails
//! as told and knows what it would bill, `stand` puts these together, `refusal` says what every
//! error must look like, and `checker` holds the books against that truth.
//! Invariants: every wait has an end; every process started here is ended here, by its own id.
//! Left out on purpose: anything of the planes themselves. What cannot be seen from outside is
//! tested where it lives.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a harness that cannot go on fails the test that uses it"
)]

pub mod admin;
pub mod checker;
pub mod client;
pub mod config;
pub mod gateway;
pub mod refusal;
pub mod stand;
pub mod upstream;

use std::time::{Duration, Instant};

/// Asks `what` again and again until it answers; panics with `why` after `most`.
pub fn wait_for<T>(why: &str, most: Duration, mut what: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + most;
    loop {
        if let Some(found) = what() {
            return found;
        }
        assert!(Instant::now() < until, "waited {most:?} in vain: {why}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
