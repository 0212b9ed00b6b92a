//! Money, seen from outside: the real binary under load, crashes and faults, against the truth of
//! the provider behind it.
//!
//! Contents: `mixed` (everything at once, then exact books), `cent` (a thousand requests on one
//! cent), `crash` (kill -9 under load), `restart` (what stays, and how a process drains), `limits`
//! (keys' limits, what an admin's answer promises), `durable` (`before_final`),
//! `extractions` (asked again in one hold), `full_disk` (no room, then room again), `prices`,
//! `tiers` and `pinned` (which price is charged), `outcomes` (providers' counts), `partial`
//! (answers that died), `overrun` (limits ignored), `bound` (input beyond its bound), `caps`
//! (limits lowered), `ceilings` (price caps), `byok` (the fee of own keys), `proxy` (providers'
//! own paths),
//! `kept` (journal that is old goes), `leaving` (clients gone), `lots` (credit that ends and goes
//! back meanwhile), `repeats` (idempotency keys), `reconcile` (a provider's bill);
//! with planes in processes of their own: `planes` (two of one account),
//! `away` (no control plane), `fence` (one is lost), `hand_over` (one follows another), `lost`
//! (journals that are gone); `load` makes the requests.
//! Invariants: every loop is bounded; sums are compared to the picodollar.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::time::Duration;

mod away;
mod bound;
mod byok;
mod caps;
mod ceilings;
mod cent;
mod crash;
mod crash_apart;
mod durable;
mod extractions;
mod failing_disk;
mod fence;
mod full_disk;
mod hand_over;
mod kept;
mod leaving;
mod limits;
mod load;
mod lost;
mod lots;
mod mixed;
mod outcomes;
mod overrun;
mod partial;
mod pinned;
mod planes;
mod prices;
mod proxy;
mod reconcile;
mod repeats;
mod restart;
mod tiers;

/// By when what must happen has happened.
const SOON: Duration = Duration::from_secs(5);
