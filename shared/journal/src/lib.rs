//! The record of truth: append-only segments of checksummed batches, written by one thread.
//!
//! ```text
//!   journal ── write, sync, rotate: the one writer          checkpoint ── two snapshots, verified
//!      │            recovery: what a start finds                 │
//!      ▼                  ▼                                      │
//!   archive ── reads batches back ◀── segment, batch, scan       │
//!      └───────────────────────┬────────────────────────────────┘
//!                              ▼
//!   disk: plain (pwritev, fdatasync) | direct (glommio) | memory (loses and tears as told)
//! ```
//!
//! Invariants: after a crash the journal is a prefix of what was written, and holds everything
//! that was synced; a batch is there whole or not at all; what was durable and is damaged now is
//! an error that names file and offset, never skipped.
//! Payloads are opaque bytes: what a record means is the caller's. The thread that writes is the
//! caller's too, as are the decisions when to sync and what to remove.

mod archive;
mod batch;
pub mod checkpoint;
mod copy;
mod disk;
mod error;
mod group;
mod recovery;
mod scan;
mod segment;
mod writer;

pub use archive::{Archive, Batches, SegmentRange};
pub use batch::{Batch, BatchNumber, BatchPart, BatchPosition, RECORDS_BYTES_MAX};
pub use copy::copy;
#[cfg(feature = "glommio")]
pub use disk::glommio::{DirectDisk, DirectFile};
pub use disk::memory::{DiskFault, MemoryDisk, MemoryFile};
pub use disk::plain::PlainDisk;
pub use disk::{BLOCK_BYTES_MAX, Disk};
pub use error::JournalError;
pub use recovery::{Dropped, Recovery};
pub use writer::{Journal, JournalOptions};
