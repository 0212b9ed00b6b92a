//! What events put into the view.
//!
//! A pure function of the journal: the same events give the same view, however the writes are cut.
//! Of settled records only their ends go in, gathered by account and by bucket of holds, so that
//! sled never sees a write for each request; the records are read where they stand in the journal.
//! Transactions are not here: the books keep all of them.

use std::collections::BTreeMap;

use journal::BatchPosition;
use ledger::event::Event;
use ledger::record::Post;
use ledger::{Record, RecordFault, Run};
use units::{AccountId, DataPlaneId, Epoch, GenerationId};

use super::layout::{self, End, HourKey, Usage, UsageKey};
use crate::books::Place;

/// What one or more events add.
#[derive(Default)]
pub(crate) struct Projection {
    /// Keys with their values, each written once and never changed.
    pub(crate) entries: Vec<(Vec<u8>, Vec<u8>)>,
    /// Ends of generations by account, oldest first.
    pub(crate) ends: BTreeMap<AccountId, Vec<End>>,
    /// Added to what stands there.
    pub(crate) usage: BTreeMap<UsageKey, Usage>,
    /// The same by the hour.
    pub(crate) hours: BTreeMap<HourKey, Usage>,
    /// Settlements with ends, by the number of their event, whose batch is not written yet.
    settlements: Vec<u64>,
    /// About how many bytes all that is.
    pub(super) weight: usize,
}

impl Projection {
    /// Adds the event that is number `order` of all.
    pub(crate) fn add(&mut self, order: u64, event: &Event) -> Result<(), RecordFault> {
        match event {
            Event::Settled { dataplane, epoch, run } => {
                self.settled(order, *dataplane, *epoch, run)
            }
            _ => Ok(()),
        }
    }

    /// Tells where the batch stands that holds the events added so far.
    pub(crate) fn stands(&mut self, at: BatchPosition) {
        for order in std::mem::take(&mut self.settlements) {
            self.put(layout::settlement(order), layout::position(at));
        }
    }

    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.weight += key.len() + value.len();
        self.entries.push((key, value));
    }

    /// Adds what later events add.
    pub(super) fn merge(&mut self, mut later: Self) {
        self.entries.append(&mut later.entries);
        self.weight += later.weight;
        for (account, mut ends) in later.ends {
            self.ends.entry(account).or_default().append(&mut ends);
        }
        for (key, usage) in later.usage {
            self.usage.entry(key).or_default().add(&usage);
        }
        for (key, usage) in later.hours {
            self.hours.entry(key).or_default().add(&usage);
        }
    }

    fn settled(
        &mut self,
        order: u64,
        dataplane: DataPlaneId,
        epoch: Epoch,
        run: &Run,
    ) -> Result<(), RecordFault> {
        let place = |seq| GenerationId { dataplane, epoch, ring: run.ring, seq };
        let mut position = 0;
        let mut buckets: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        let mut tally = None;
        for entry in run.records() {
            let entry = entry?;
            if !entry.ends_a_hold() {
                continue;
            }
            let Some((account, hold_seq)) = self.ended(&entry.decode()?, &mut tally) else {
                continue;
            };
            let end = End { place: Place { order, position }, at: place(entry.seq) };
            position += 1;
            self.ends.entry(account).or_default().push(end);
            let bucket = buckets.entry(hold_seq / layout::BUCKET).or_default();
            bucket.extend_from_slice(&layout::pair(hold_seq, entry.seq));
        }
        tally.inspect(|tally: &Tally| self.count(tally));
        if position > 0 {
            self.settlements.push(order);
            self.weight += position as usize * layout::END_BYTES;
        }
        for (bucket, pairs) in buckets {
            let bucket = layout::bucket(place(bucket * layout::BUCKET));
            self.put(layout::ended(&bucket, order), pairs);
        }
        Ok(())
    }

    /// Whose hold a record ends, and which, with its use counted; `None` where it ends nothing.
    fn ended(&mut self, record: &Record, tally: &mut Option<Tally>) -> Option<(AccountId, u64)> {
        match record {
            Record::Post(post) => {
                let next = Tally::of(post);
                match tally {
                    Some(tally) if tally.is_of(&next) => tally.used.add(&next.used),
                    _ => {
                        tally.replace(next).inspect(|last| self.count(last));
                    }
                }
                Some((post.account, post.hold_seq))
            }
            Record::Void(void) => Some((void.account, void.hold_seq)),
            Record::Hold(_)
            | Record::Progress(_)
            | Record::Grant { .. }
            | Record::Return { .. } => None,
        }
    }

    fn count(&mut self, tally: &Tally) {
        let Tally { by_day, by_hour, used } = tally;
        self.usage.entry(*by_day).or_default().add(used);
        self.hours.entry(*by_hour).or_default().add(used);
    }
}

/// The use of neighbouring posts that count alike, as nearly all do.
struct Tally {
    by_day: UsageKey,
    by_hour: HourKey,
    used: Usage,
}

impl Tally {
    fn of(post: &Post) -> Self {
        let (account, key, offer) = (post.account, post.key, post.offer);
        let (day, hour) = (post.created_at.day(), post.created_at.hour());
        let used = Usage {
            requests: 1,
            charged: post.charged().unwrap_or(post.charge),
            list_cost: post.provider_cost(),
            own_cost: post.own_cost(),
            tokens: post.tokens,
        };
        let by_day = UsageKey { account, key, day, offer };
        Self { by_day, by_hour: HourKey { account, hour, offer, key }, used }
    }

    fn is_of(&self, other: &Self) -> bool {
        (self.by_day, self.by_hour) == (other.by_day, other.by_hour)
    }
}

/// Ends gathered into whole chunks, as the view must have them.
#[derive(Default)]
pub(crate) struct Chunks(BTreeMap<AccountId, Vec<End>>);

impl Chunks {
    /// Adds an account's next ends; answers the chunks that are full now.
    pub(crate) fn add(&mut self, account: AccountId, ends: Vec<End>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let open = self.0.entry(account).or_default();
        open.extend(ends);
        let mut full = Vec::new();
        while open.len() >= layout::CHUNK {
            let rest = open.split_off(layout::CHUNK);
            full.extend(entry(account, &std::mem::replace(open, rest)));
        }
        full
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
