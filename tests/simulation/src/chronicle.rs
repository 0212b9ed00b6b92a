//! What the ledger's journal must hold, batch by batch, as its writer saw it.
//!
//! After any crash the books must be what they were at some batch that was at least written, and
//! no older than the last of which anything was told. Each generation is settled once.

use std::collections::BTreeMap;
use std::hash::Hasher;

use ledger::books::{Books, Generation};
use rustc_hash::FxHasher;
use units::GenerationId;

use crate::truth::{Fate, Truth};

/// The batches of the ledger.
#[derive(Default)]
pub(crate) struct Chronicle {
    /// A digest of the books at each batch; batch `n` stands at `n - 1`.
    books: Vec<u64>,
    durable: u64,
    /// Every settled generation, and the batch that settled it.
    settled: BTreeMap<GenerationId, (u64, i64)>,
    /// Settled since the last check.
    fresh: Vec<GenerationId>,
}

/// A digest of all that the books are.
pub(crate) fn digest(books: &Books) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(&books.encode());
    hasher.finish()
}

impl Chronicle {
    /// A batch is about to be written, or to be tried again.
    pub(crate) fn attempt(&mut self, number: u64, books: &Books, settled: Vec<Generation>) {
        self.books.truncate(number as usize - 1);
        assert_eq!(self.books.len() as u64 + 1, number, "the ledger's journal skipped a batch");
        self.books.push(digest(books));
        for Generation { id, used, .. } in settled {
            let charged = used.charged;
            let earlier = self.settled.insert(id, (number, charged.pico() as i64));
            assert!(earlier.is_none(), "{id} is settled twice: {earlier:?}, then {charged}");
            self.fresh.push(id);
        }
    }

    /// A batch is said to be on disk.
    pub(crate) fn durable(&mut self, number: u64) {
        self.durable = number;
    }

    /// The ledger came back with these books after batch `last`.
    pub(crate) fn recovered(&mut self, last: u64, books: &Books) {
        let durable = self.durable;
        assert!(last >= durable, "batch {durable} was on disk, the ledger came back with {last}");
        assert!(self.is_known(last, books), "the books after batch {last} are not what they were");
        self.books.truncate(last as usize);
        self.durable = last;
        self.settled.retain(|_, (batch, _)| *batch <= last);
    }

    /// Whether the books were these after that batch.
    pub(crate) fn is_known(&self, last: u64, books: &Books) -> bool {
        match last.checked_sub(1) {
            None => books.encode() == Books::new().encode(),
            Some(place) => self.books.get(place as usize) == Some(&digest(books)),
        }
    }

    /// Whether damage to a copy of the disk was noticed, given what was read from it.
    pub(crate) fn stands_rot(&self, last: u64, books: &Books) -> bool {
        last + 1 >= self.durable && self.is_known(last, books)
    }

    /// Holds what was settled against what really happened; `is_all` where nothing is on its way.
    pub(crate) fn check(&mut self, truth: &Truth, is_all: bool) {
        if is_all {
            self.fresh = self.settled.keys().copied().collect();
        }
        for id in &self.fresh {
            let Some((_, charged)) = self.settled.get(id) else { continue };
            let deed = &truth.deeds[id];
            assert_ne!(deed.fate, Fate::Forgotten, "{id} has no trace, and is charged {charged}");
            assert_eq!(*charged, deed.charged(), "{id} is charged wrongly: {deed:?}");
        }
        self.fresh.clear();
        if is_all {
            for (id, deed) in &truth.deeds {
                let is_known = truth.welcomed.contains(&(id.dataplane, id.epoch));
                let leaves_trace = deed.fate != Fate::Forgotten && is_known;
                assert!(leaves_trace || deed.charged() == 0, "{id} costs and leaves no trace");
                assert!(!leaves_trace || self.settled.contains_key(id), "{id} was never settled");
            }
        }
    }

    /// Whether a generation is settled.
    pub(crate) fn is_settled(&self, id: &GenerationId) -> bool {
        self.settled.contains_key(id)
    }

    /// Batches so far.
    pub(crate) fn batches(&self) -> u64 {
        self.durable
    }

    /// A settled generation, by chance.
    pub(crate) fn any_settled(&self, draw: usize) -> Option<GenerationId> {
        let place = draw.checked_rem(self.settled.len())?;
        self.settled.keys().nth(place).copied()
    }
}
