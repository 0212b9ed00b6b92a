//! What happens to a batch: written, synced, and then everything that waited for it.
//!
//! Order: journal, answers and link messages, view. While the disk is full the batch and what waits
//! for it are kept, and tried again with every turn. A journal that cannot be written halts the
//! ledger, and what waited is dropped: callers are refused, data planes send again. Checkpoints are
//! begun here and end on their own.
//!
//! ```text
//!   RUNNING --- full ---> STALLED (nothing new is taken in) --- room again ---> RUNNING
//!      +------- every other failure that lasts ---> HALTED
//! ```

use std::sync::mpsc;
use std::time::Instant;

use journal::JournalError;

use super::start::{self, Marks};
use super::thread::{After, Input, Ledger};
use crate::store::embedded::{BATCH_BYTES, Checkpointed};

impl Ledger {
    pub(super) fn commit_if_long(&mut self) {
        if self.batch.records.len() >= BATCH_BYTES {
            self.commit();
        }
    }

    /// Writes the batch, and then does what waited for it.
    pub(super) fn commit(&mut self) {
        let mut batch = std::mem::take(&mut self.batch);
        let mut stands = None;
        if self.halted.is_none() && batch.count > 0 {
            let first = self.order - u64::from(batch.count);
            match self.journal.commit(first, batch.count, &batch.records) {
                Ok(at) => {
                    stands = Some(at);
                    self.stall(false);
                }
                Err(JournalError::Full) => {
                    self.batch = batch;
                    self.stall(true);
                    return;
                }
                Err(error) => self.halt(format!("its journal cannot be written: {error}")),
            }
        }
        if self.halted.is_some() {
            self.after.clear();
            return;
        }
        for after in std::mem::take(&mut self.after) {
            self.let_go(after);
        }
        if let Some(at) = stands {
            self.days.note(self.now, at.number.get());
            self.add_to_view(&mut batch.projection, at);
        }
        // The next batch has the room of this one, unless that was for something rare.
        if self.batch.count == 0 && batch.records.capacity() <= 2 * BATCH_BYTES {
            batch.clear();
            self.batch = batch;
        }
    }

    fn stall(&mut self, is_stalled: bool) {
        if self.is_stalled != is_stalled {
            let what =
                if is_stalled { "has no room and takes nothing new" } else { "has room again" };
            notice::warn!("the disk of the ledger {what}");
        }
        self.is_stalled = is_stalled;
    }

    fn let_go(&mut self, after: After) {
        match after {
            After::Send { link, message } => self.links.send(link, message),
            After::Welcome { link } => self.welcome(link),
            After::Marks { link } => self.tell_marks(link),
            After::Publish { generation, news } => self.publish(generation, &news),
            After::Answer(answer) => answer(),
            After::AnswerWhenApplied { generation, answer } => {
                self.waiting.until_applied(generation, answer, &self.links, Instant::now());
            }
        }
    }

    pub(super) fn checkpoint_if_due(&mut self) {
        if self.journal.since_checkpoint < self.checkpoint_bytes {
            return;
        }
        let queue = self.queue.clone();
        let payload = self.checkpoint_payload();
        self.journal.begin_checkpoint(self.journal.durable(), payload, move |done| {
            // A thread that has ended needs no news of its checkpoint.
            let _ = queue.send(Input::Checkpointed(done));
        });
    }

    /// What a checkpoint at the last durable batch holds: the books, which have nothing beyond it.
    fn checkpoint_payload(&self) -> Vec<u8> {
        assert_eq!(self.batch.count, 0, "a checkpoint would be ahead of the journal");
        start::payload(&self.books, &Marks::of(self))
    }

    pub(crate) fn order(&self) -> u64 {
        self.order
    }

    /// Removes journal that neither a start nor the request log needs any more.
    pub(super) fn checkpointed(&mut self, done: Checkpointed) {
        match self.journal.end_checkpoint(done) {
            Ok(older) => {
                notice::debug!("a checkpoint is written; the older one is at batch {older}");
                let kept = self.days.first_kept(self.now, self.retention_days);
                if let Err(error) = self.journal.remove_below(older.min(kept)) {
                    notice::warn!("old journal segments stay: {error}");
                }
            }
            Err(why) => notice::warn!("no checkpoint was written: {why}"),
        }
    }

    /// The last acts: the view to disk, and a checkpoint, so that the next start has little to do.
    pub(super) fn close(mut self, checkpoint: bool) {
        self.commit();
        if self.halted.is_some() || self.is_stalled || !checkpoint {
            return;
        }
        self.view.flush();
        let (sender, written) = mpsc::channel();
        let payload = self.checkpoint_payload();
        let begun = self.journal.begin_checkpoint(self.journal.durable(), payload, move |done| {
            // The other end waits right below.
            let _ = sender.send(done);
        });
        if begun && let Ok(done) = written.recv() {
            self.checkpointed(done);
        }
    }
}
