//! Group commit: one batch onto the disk for good, whatever one failure of the disk takes.
//!
//! ```text
//!   write --> written() --> sync --> durable
//!     | failed: rotate, and the same batch again       a second failure: the journal is closed
//!     | no room: nothing counts, the caller tries the same batch again later
//! ```
//!
//! Invariant: `Ok` only after a sync that began after the batch was written. Between two commits
//! nothing is written that is not durable, so a rotation loses no batch but this one.

use crate::batch::BatchPosition;
use crate::disk::Disk;
use crate::error::JournalError;
use crate::writer::Journal;

impl<D: Disk> Journal<D> {
    /// Writes one batch as [`Self::write`] does, and makes it durable. `written` is called between
    /// the two; again, where the batch had to be written again. Answers where it stands.
    ///
    /// # Errors
    /// `Full`, after which the same batch is to be committed again, before any other; everything
    /// else closes the journal, or is the caller's fault (`TooLarge`).
    pub fn commit(
        &mut self,
        tag: u64,
        count: u32,
        records: &[u8],
        mut written: impl FnMut(),
    ) -> Result<BatchPosition, JournalError> {
        loop {
            let committed = self.write(tag, count, records).and_then(|position| {
                written();
                self.sync().map(|()| position)
            });
            match committed {
                Err(JournalError::Io { .. } | JournalError::MustRotate) => self.rotate()?,
                lasting => return lasting,
            }
        }
    }
}
