//! The whole money path under a seed: what a data plane and the ledger do with credit, on disks and
//! links that fail, held against an oracle after each step.
//!
//! Real: cells, records, runs, spool, borrower, remainder, desk, lender, books, events, journal,
//! recovery, checkpoints. Simulated: threads (as steps in any order), clock, disks, the link,
//! providers, people. Invariant: the same seed makes the same world, so a failure can be told by
//! its seed alone.
//!
//! ```text
//!   world ── steps ──▶ plane 1, plane 2 ◀── wire ──▶ control     chronicle: the ledger's batches
//!     └── after each: check ── against ──▶ truth (requests, orders) ◀──┘
//! ```
//! Left out on purpose: HTTP, prices, dialects. They decide a cost; here any cost will do.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a simulation that cannot go on has found something"
)]

mod chronicle;
mod control;
mod plane;
mod random;
mod records;
mod tally;
mod truth;
mod wire;
mod world;

pub use tally::Tally;
use world::World;

/// Plays one seed to its end, and counts what happened. Panics with what is wrong. With `is_told`
/// each step is printed.
pub fn play(seed: u64, is_told: bool) -> Tally {
    let mut world = World::new(seed, is_told);
    world.live();
    world.come_to_rest();
    world.tally()
}
