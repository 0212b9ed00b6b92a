//! The ledger's rules: what money is where, and the only ways it moves.
//!
//! Purpose: accounts, leases, holds and their records as pure state machines. A data plane writes
//! [`record`]s into [`run`]s; the ledger writes [`event`]s, some of which carry such runs; and
//! [`books`] folds events into balances. [`cell`] is the atomics between the cores of one process.
//! Invariants: money moves in exactly one function, [`books::Books::apply`]; arithmetic is checked;
//! a refused event changes nothing; what is read from bytes is checked and never panics.
//! Left out on purpose: clocks, threads, disks and sockets. Time and bytes are handed in.

pub mod books;
pub mod borrower;
mod bytes;
pub mod cell;
pub mod contact;
pub mod desk;
pub mod event;
pub mod expiry;
pub mod grants;
pub mod late;
pub mod lender;
pub mod outgoing;
mod page;
pub mod postings;
mod purse;
pub mod record;
pub mod remainder;
pub mod run;
pub mod spool;

pub use books::{Books, audit};
pub use event::{Event, TransactionId};
pub use page::Page;
pub use purse::{Drawn, FREE_REQUEST, Purse};
pub use record::{Record, RecordFault};
pub use run::Run;
