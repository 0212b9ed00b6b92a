//! What the planes say to each other.
//!
//! Purpose: the messages of the link, and the [`Outbox`] by which a plane sends them. In `serve`
//! they cross a channel, otherwise a socket: the planes see no difference.
//! Invariants: a message promises only what is on disk. `Granted` is sent after the loan is in the
//! ledger's journal, a settlement after its records are in the data plane's, `Acknowledged` after
//! they are in the ledger's. Sequence numbers are marks: `seq` means everything below it. Each
//! side's messages arrive in order, but a link may fail and repeat what was not acknowledged; runs
//! carry their place, so a repeat changes nothing.
//! [`frame`] is their byte form for a socket. Left out on purpose: sockets, and what messages are
//! worth; `ledger` knows that.

pub mod frame;
mod outbox;
mod publication;
mod report;
mod to_control;
mod to_data;

pub use outbox::{LinkDown, Outbox};
pub use publication::{KeyChanges, Publication, PublishedCatalog};
pub use report::{
    CoreReport, End, EndCounts, EndpointReport, EndpointState, JournalReport, Paces, StatusReport,
    UsageRow,
};
pub use to_control::{Hello, ToControl, VERSION};
pub use to_data::{EpochMark, ToData};
