//! What threads hand to each other without a lock.
//!
//! ```text
//!   publisher ── latest ──▶ cores        the newest whole value, old ones are skipped
//!   core      ── ring ────▶ journal      every record, in order, bounded, reserved beforehand
//!   journal   ── mark ────▶ cores        how far the journal is on disk
//!   anyone    ── inbox ───▶ a core               whole values, bounded, given back where full
//!   anyone    ── doorbell ▶ a thread that waits on sockets
//!   anyone    ── parker ──▶ a thread that waits on nothing else
//! ```
//!
//! Invariants: no call blocks but `Parker::park_timeout`; a wake-up is never lost, whatever was
//! written before it is seen by whoever wakes; no memory that a core lets go of is freed there.
//! Left out on purpose: many producers on one ring, shared maps, anything that awaits.
//!
//! The flags and counters are model-checked, in some twenty seconds:
//! ```sh
//! export RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom
//! cargo test -p channel --release --test loom
//! ```

mod doorbell;
mod inbox;
mod latest;
mod mark;
mod parker;
mod ring;
mod sync;

pub use doorbell::{Doorbell, DoorbellReset, DoorbellSocket, doorbell};
pub use inbox::{Inbox, Inlet, inbox};
pub use latest::{Publisher, Reader, latest};
pub use mark::Mark;
pub use parker::{Parker, Unparker, parker};
pub use ring::{Consumer, Producer, ring};

/// The bell's flag without its socket, for the model run: "must I wake?" and "clear".
#[cfg(loom)]
#[doc(hidden)]
pub fn model_bell() -> (impl Fn() -> bool, impl Fn()) {
    let rung = std::sync::Arc::new(doorbell::Rung::default());
    let ringer = std::sync::Arc::clone(&rung);
    (move || ringer.raise(), move || rung.lower())
}
