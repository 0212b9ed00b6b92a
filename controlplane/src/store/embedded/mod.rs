//! The embedded store: our journal as truth, sled as view.
//!
//! ```text
//!   events ──▶ journal ──▶ checkpoint (books, register, marks)
//!                 └──▶ projection ──▶ view ──▶ lists and look-ups
//! ```
//!
//! The view says what there is and where; the records themselves are read from the journal.
//! A start is the newest checkpoint plus the batches behind it; the view is whatever it is, and is
//! brought up to the journal, or thrown away and built again.

mod build;
mod journal;
mod layout;
mod projection;
mod view;

pub(crate) use build::{build, catch_up};
pub(crate) use journal::{
    BATCH_BYTES, Checkpointed, EVENT_BYTES_MAX, EventMissing, Folders, LedgerJournal, ReadEvent,
    each_checkpoint, frame, frames, look_at, newest_checkpoint,
};
pub(crate) use layout::Usage;
pub(crate) use projection::{Chunks, Projection};
pub(crate) use view::{View, ViewError};
