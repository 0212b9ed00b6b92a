//! What events put into the view.
//!
//! A pure function of the journal: the same events give the same view, however the writes are cut.
//! Of settled records their ends go in, gathered by account and by bucket of holds, so that sled
//! never sees a write for each request; and where they stand in the journal, by the block.
//! Transactions are not here: the books keep all of them.

use std::collections::BTreeMap;

use journal::{BatchPart, BatchPosition};
use ledger::Run;
use ledger::books::{EndKind, Generation};
use ledger::event::Event;
use units::{AccountId, GenerationId};

use super::journal::ReadEvent;
use super::layout::{self, End, HourKey, Usage, UsageKey};
use crate::books::Place;

/// The most bytes of a block: what is read for one record of it.
const BLOCK_BYTES: usize = 16 << 10;

/// What one or more events add.
#[derive(Default)]
pub(crate) struct Projection {
    /// Keys with their values, each written once and never changed.
    pub(crate) entries: Vec<(Vec<u8>, Vec<u8>)>,
    /// Ends of generations with their accounts, each account's oldest first.
    pub(crate) ends: Vec<(AccountId, End)>,
    /// Added to what stands there.
    pub(crate) usage: BTreeMap<UsageKey, Usage>,
    /// The same by the hour.
    pub(crate) hours: BTreeMap<HourKey, Usage>,
    /// Blocks by their keys, in a batch that is not written yet.
    blocks: Vec<(Vec<u8>, BatchPart)>,
    /// About how many bytes all that is.
    pub(super) weight: usize,
}

impl Projection {
    /// Adds what event number `order` ended, a settlement: the generations, and the run that tells
    /// of them, whose bytes end at byte `end` of the batch.
    pub(crate) fn add(&mut self, order: u64, ended: &[Generation], (run, end): (&Run, usize)) {
        let Some(first) = ended.first() else { return };
        self.place(first.id, run, end - run.bytes.len());
        self.weight += ended.len() * layout::END_BYTES;
        self.list(order, ended);
        self.index(order, ended);
        self.count(ended);
    }

    /// Adds an event that is read back.
    pub(crate) fn add_read(&mut self, read: &ReadEvent) -> Result<(), String> {
        if let Event::Settled { run, .. } = &read.event {
            let ended = Generation::all_of(&read.event).map_err(|fault| fault.to_string())?;
            self.add(read.order, &ended, (run, read.end));
        }
        Ok(())
    }

    /// Tells where the batch stands that holds the events added so far.
    pub(crate) fn stands(&mut self, at: BatchPosition) {
        for (key, part) in self.blocks.drain(..) {
            put(&mut self.entries, &mut self.weight, key, layout::block_value(at, part));
        }
    }

    /// Takes what later events add; their room stays with them.
    pub(super) fn merge(&mut self, later: &mut Self) {
        self.entries.append(&mut later.entries);
        self.ends.append(&mut later.ends);
        self.weight += std::mem::take(&mut later.weight);
        for (key, usage) in std::mem::take(&mut later.usage) {
            self.usage.entry(key).or_default().add(&usage);
        }
        for (key, usage) in std::mem::take(&mut later.hours) {
            self.hours.entry(key).or_default().add(&usage);
        }
    }

    /// Forgets everything; the room stays.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.ends.clear();
        self.blocks.clear();
        self.usage.clear();
        self.hours.clear();
        self.weight = 0;
    }

    /// The blocks of a run whose bytes begin at byte `start` of the batch.
    fn place(&mut self, ring: GenerationId, run: &Run, start: usize) {
        let mut add = |first_seq, from: usize, to: usize| {
            let key = layout::block(GenerationId { seq: first_seq, ..ring });
            self.blocks.push((key, BatchPart::of(start + from, &run.bytes[from..to])));
        };
        let (mut first_seq, mut from, mut to) = (run.first_seq, 0, 0);
        for entry in run.records().map_while(Result::ok) {
            let next = to + entry.taken();
            if next - from > BLOCK_BYTES && to > from {
                add(first_seq, from, to);
                (first_seq, from) = (entry.seq, to);
            }
            to = next;
        }
        add(first_seq, from, to);
    }

    /// Each account's ends.
    fn list(&mut self, order: u64, ended: &[Generation]) {
        let end = |(generation, position): (&Generation, u32)| End {
            place: Place { order, position },
            at: GenerationId { seq: generation.end_seq, ..generation.id },
        };
        let numbered = ended.iter().zip(0..);
        self.ends.extend(numbered.map(|numbered| (numbered.0.account, end(numbered))));
    }

    /// Where the end of each hold is.
    fn index(&mut self, order: u64, ended: &[Generation]) {
        let mut buckets: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        let is_near = |left: &Generation, right: &Generation| {
            left.id.seq / layout::BUCKET == right.id.seq / layout::BUCKET
        };
        for near in ended.chunk_by(is_near) {
            let pairs = buckets.entry(layout::bucket(near[0].id)).or_default();
            for Generation { id, end_seq, .. } in near {
                pairs.extend_from_slice(&layout::pair(id.seq, *end_seq));
            }
        }
        for (bucket, pairs) in buckets {
            let key = layout::ended(&bucket, order);
            put(&mut self.entries, &mut self.weight, key, pairs);
        }
    }

    /// What was used, by the day and by the hour.
    fn count(&mut self, ended: &[Generation]) {
        let charged = |generation: &Generation| generation.kind != EndKind::Voided;
        let is_alike = |left: &Generation, right: &Generation| {
            HourKey::of(left) == HourKey::of(right) && charged(left) == charged(right)
        };
        for alike in ended.chunk_by(is_alike).filter(|alike| charged(&alike[0])) {
            let mut used = Usage::default();
            alike.iter().for_each(|generation| used.add(&Usage::of(generation)));
            self.usage.entry(UsageKey::of(&alike[0])).or_default().add(&used);
            self.hours.entry(HourKey::of(&alike[0])).or_default().add(&used);
        }
    }
}

fn put(entries: &mut Vec<(Vec<u8>, Vec<u8>)>, weight: &mut usize, key: Vec<u8>, value: Vec<u8>) {
    *weight += key.len() + value.len();
    entries.push((key, value));
}

/// Ends gathered into whole chunks, as the view must have them.
#[derive(Default)]
pub(crate) struct Chunks(BTreeMap<AccountId, Vec<End>>);

impl Chunks {
    /// Adds an account's next end; answers with the chunk if that is full now.
    pub(crate) fn add(&mut self, account: AccountId, end: End) -> Option<(Vec<u8>, Vec<u8>)> {
        let open = self.0.entry(account).or_default();
        open.push(end);
        let full = (open.len() == layout::CHUNK).then(|| std::mem::take(open));
        full.and_then(|ends| entry(account, &ends))
    }

    /// The chunks that are not full: the beginnings of what the view has.
    pub(crate) fn rest(self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.0.into_iter().filter_map(|(account, ends)| entry(account, &ends)).collect()
    }
}

fn entry(account: AccountId, ends: &[End]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut value = Vec::new();
    layout::push_ends(&mut value, ends);
    Some((layout::chunk(account, ends.first()?.place), value))
}
