//! The keys and values of the view.
//!
//! ```text
//!   m2                                               -> the last batch in it
//!   b dataplane epoch ring first_seq                 -> a block: where these records stand
//!   g account !order !position                       -> a chunk of 256 ends of generations
//!   e dataplane epoch ring hold_seq/1024 order       -> (hold_seq, end_seq) of holds that ended
//!   u account key day offer                          -> usage counters
//!   h account hour offer key                         -> the same by the hour
//! ```
//!
//! `order` numbers the ledger's events; `!order` counts down, so that a scan reads newest first.
//! One tree holds all, because only within one tree does sled apply a batch whole. Nothing is
//! written per request but its place: records stand in the journal alone, and an account's ends in
//! chunks under the key of their first, however the writes were cut.

use journal::{BatchNumber, BatchPart, BatchPosition};
use ledger::books::{DaySum, Generation};

use crate::books::Place;
use units::{AccountId, DataPlaneId, Epoch, GenerationId, KeyId, OfferId, TokenClass, Tokens, Usd};

/// Holds of one ring that share an index entry.
pub(super) const BUCKET: u64 = 1024;

/// How far the view has come; another number with every change of what is below.
pub(super) const APPLIED: &[u8] = b"m2";

/// A key in the making.
pub(super) struct Key(Vec<u8>);

impl Key {
    fn of(family: u8) -> Self {
        Self(vec![family])
    }

    fn with(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn with_ring(self, dataplane: DataPlaneId, epoch: Epoch, ring: u16) -> Self {
        let this = self.with(&dataplane.0.to_be_bytes()).with(&epoch.0.to_be_bytes());
        this.with(&ring.to_be_bytes())
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Records that follow each other in a ring, and where they stand in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) first_seq: u64,
    /// The batch that they were settled with.
    pub(crate) at: BatchPosition,
    pub(crate) part: BatchPart,
}

/// The key of the block that begins at a place.
pub(super) fn block(place: GenerationId) -> Vec<u8> {
    let key = Key::of(b'b').with_ring(place.dataplane, place.epoch, place.ring);
    key.with(&place.seq.to_be_bytes()).bytes()
}

/// Where a block stands.
pub(super) fn block_value(at: BatchPosition, part: BatchPart) -> Vec<u8> {
    let mut out = [at.number.get(), at.segment, at.offset].map(u64::to_be_bytes).concat();
    out.extend([part.start, part.length, part.checksum].into_iter().flat_map(u32::to_be_bytes));
    out
}

/// Reads a block; `None` for those of another ring than a place's.
pub(super) fn read_block(key: &[u8], value: &[u8], place: GenerationId) -> Option<Block> {
    let ring = Key::of(b'b').with_ring(place.dataplane, place.epoch, place.ring).bytes();
    let first_seq = key.strip_prefix(ring.as_slice())?.try_into().ok().map(u64::from_be_bytes)?;
    let (words, halves) = value.split_at_checked(24)?;
    let (&[number, segment, offset], []) = words.as_chunks() else { return None };
    let (&[start, length, checksum], []) = halves.as_chunks() else { return None };
    let [number, segment, offset] = [number, segment, offset].map(u64::from_be_bytes);
    let [start, length, checksum] = [start, length, checksum].map(u32::from_be_bytes);
    let at = BatchPosition { number: BatchNumber::new(number), segment, offset };
    Some(Block { first_seq, at, part: BatchPart { start, length, checksum } })
}

/// The bucket of a hold, as a prefix.
pub(super) fn bucket(hold: GenerationId) -> Vec<u8> {
    let key = Key::of(b'e').with_ring(hold.dataplane, hold.epoch, hold.ring);
    key.with(&(hold.seq / BUCKET).to_be_bytes()).bytes()
}

/// One event's part of a bucket.
pub(super) fn ended(bucket: &[u8], order: u64) -> Vec<u8> {
    Key(bucket.to_vec()).with(&order.to_be_bytes()).bytes()
}

/// Which event's part of a bucket that is.
pub(super) fn ended_by(key: &[u8]) -> Option<u64> {
    key.last_chunk().copied().map(u64::from_be_bytes)
}

/// The beginning of the chunks of an account from an event on, newest first.
pub(super) fn listed(account: AccountId, order: u64) -> Vec<u8> {
    let key = Key::of(b'g').with(&account.0.to_be_bytes());
    key.with(&(u64::MAX - order).to_be_bytes()).bytes()
}

/// Ends of one account's generations that stand together.
pub(super) const CHUNK: usize = 256;
pub(super) const END_BYTES: usize = 28;

/// Where a generation of an account ended, and as which event's which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) place: Place,
    pub(crate) at: GenerationId,
}

/// The key of the chunk that begins with an end.
pub(super) fn chunk(account: AccountId, first: Place) -> Vec<u8> {
    Key(listed(account, first.order)).with(&(u32::MAX - first.position).to_be_bytes()).bytes()
}

/// Appends ends to a chunk.
pub(super) fn push_ends<'e>(chunk: &mut Vec<u8>, ends: impl IntoIterator<Item = &'e End>) {
    for end in ends {
        chunk.extend_from_slice(&end.place.order.to_be_bytes());
        chunk.extend_from_slice(&end.place.position.to_be_bytes());
        chunk.extend_from_slice(&end.at.number().to_be_bytes());
    }
}

/// How many ends a chunk has.
pub(super) fn chunk_len(bytes: &[u8]) -> usize {
    bytes.len() / END_BYTES
}

/// The ends of a chunk, oldest first.
pub(super) fn ends(bytes: &[u8]) -> impl DoubleEndedIterator<Item = End> + '_ {
    let (places, _) = bytes.as_chunks::<END_BYTES>();
    places.iter().filter_map(|bytes| {
        let (order, rest) = bytes.split_first_chunk()?;
        let (position, at) = rest.split_first_chunk()?;
        Some(End {
            place: Place {
                order: u64::from_be_bytes(*order),
                position: u32::from_be_bytes(*position),
            },
            at: GenerationId::from_number(u128::from_be_bytes(at.try_into().ok()?)),
        })
    })
}

/// Whose use, on which day, of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct UsageKey {
    pub(crate) account: AccountId,
    pub(crate) key: KeyId,
    pub(crate) day: u32,
    pub(crate) offer: OfferId,
}

impl UsageKey {
    /// Where a generation is counted.
    pub(super) fn of(generation: &Generation) -> Self {
        let Generation { account, key, offer, created_at, .. } = *generation;
        Self { account, key, day: created_at.day(), offer }
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        let day = Self::day_bytes(self.account, self.key, self.day);
        Key(day).with(&self.offer.0.to_be_bytes()).bytes()
    }

    /// The beginning of all keys of a day.
    pub(super) fn day_bytes(account: AccountId, key: KeyId, day: u32) -> Vec<u8> {
        let of = Key::of(b'u').with(&account.0.to_be_bytes()).with(&key.0.to_be_bytes());
        of.with(&day.to_be_bytes()).bytes()
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(b"u")?;
        let (account, rest) = rest.split_first_chunk()?;
        let (key, rest) = rest.split_first_chunk()?;
        let (day, rest) = rest.split_first_chunk()?;
        Some(Self {
            account: AccountId(u64::from_be_bytes(*account)),
            key: KeyId(u64::from_be_bytes(*key)),
            day: u32::from_be_bytes(*day),
            offer: OfferId(u32::from_be_bytes(rest.try_into().ok()?)),
        })
    }
}

/// Whose use, in which hour since 1970, of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HourKey {
    pub(crate) account: AccountId,
    pub(crate) hour: u32,
    pub(crate) offer: OfferId,
    pub(crate) key: KeyId,
}

impl HourKey {
    /// Where a generation is counted.
    pub(super) fn of(generation: &Generation) -> Self {
        let Generation { account, key, offer, created_at, .. } = *generation;
        Self { account, hour: created_at.hour(), offer, key }
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        let hour = Key(Self::hour_bytes(self.account, self.hour));
        hour.with(&self.offer.0.to_be_bytes()).with(&self.key.0.to_be_bytes()).bytes()
    }

    /// The beginning of all keys of an hour.
    pub(super) fn hour_bytes(account: AccountId, hour: u32) -> Vec<u8> {
        Key::of(b'h').with(&account.0.to_be_bytes()).with(&hour.to_be_bytes()).bytes()
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(b"h")?;
        let (account, rest) = rest.split_first_chunk()?;
        let (hour, rest) = rest.split_first_chunk()?;
        let (offer, rest) = rest.split_first_chunk()?;
        Some(Self {
            account: AccountId(u64::from_be_bytes(*account)),
            hour: u32::from_be_bytes(*hour),
            offer: OfferId(u32::from_be_bytes(*offer)),
            key: KeyId(u64::from_be_bytes(rest.try_into().ok()?)),
        })
    }
}

/// What was used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) requests: u64,
    pub(crate) charged: Usd,
    pub(crate) list_cost: Usd,
    pub(crate) own_cost: Usd,
    pub(crate) tokens: Tokens,
}

impl Usage {
    const BYTES: usize = 8 + 3 * 16 + 8 * TokenClass::COUNT;

    /// What one generation used.
    pub(super) fn of(generation: &Generation) -> Self {
        let DaySum { requests, tokens, charged, list_cost, own_cost, .. } = generation.used;
        Self { requests, charged, list_cost, own_cost, tokens }
    }

    /// Adds another use; saturates, which the audit would show.
    pub(crate) fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.charged = [self.charged, other.charged].into_iter().sum();
        self.list_cost = [self.list_cost, other.list_cost].into_iter().sum();
        self.own_cost = [self.own_cost, other.own_cost].into_iter().sum();
        self.tokens.add(&other.tokens);
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::BYTES);
        out.extend_from_slice(&self.requests.to_be_bytes());
        out.extend_from_slice(&self.charged.pico().to_be_bytes());
        out.extend_from_slice(&self.list_cost.pico().to_be_bytes());
        out.extend_from_slice(&self.own_cost.pico().to_be_bytes());
        for count in self.tokens.counts() {
            out.extend_from_slice(&count.to_be_bytes());
        }
        out
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (requests, rest) = bytes.split_first_chunk()?;
        let (charged, rest) = rest.split_first_chunk()?;
        let (list_cost, rest) = rest.split_first_chunk()?;
        let (own_cost, rest) = rest.split_first_chunk()?;
        let (places, odd) = rest.as_chunks::<8>();
        let counts: Vec<u64> = places.iter().map(|place| u64::from_be_bytes(*place)).collect();
        let counts: [u64; TokenClass::COUNT] = counts.try_into().ok()?;
        odd.is_empty().then_some(Self {
            requests: u64::from_be_bytes(*requests),
            charged: Usd::from_pico(i128::from_be_bytes(*charged)),
            list_cost: Usd::from_pico(i128::from_be_bytes(*list_cost)),
            own_cost: Usd::from_pico(i128::from_be_bytes(*own_cost)),
            tokens: Tokens::from_counts(counts),
        })
    }
}

/// Pairs of words, as an `e` value holds them.
pub(super) fn pairs(bytes: &[u8]) -> impl Iterator<Item = (u64, u64)> + '_ {
    let (places, _) = bytes.as_chunks::<16>();
    places.iter().map(|place| {
        let number = u128::from_be_bytes(*place);
        ((number >> 64) as u64, number as u64)
    })
}

/// One such pair.
pub(super) fn pair(first: u64, second: u64) -> [u8; 16] {
    (u128::from(first) << 64 | u128::from(second)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_sort_newest_first() {
        assert!([9, 2, 1].map(|order| listed(AccountId(7), order)).is_sorted());
        assert!(listed(AccountId(7), 0) < listed(AccountId(8), u64::MAX));
    }

    #[test]
    fn a_chunk_reads_back_and_sorts_by_its_first() {
        let end = |order, position| End {
            place: Place { order, position },
            at: GenerationId { seq: order, ..GenerationId::default() },
        };
        let mut bytes = Vec::new();
        push_ends(&mut bytes, &[end(5, 0), end(5, 1), end(9, 0)]);
        assert_eq!(chunk_len(&bytes), 3);
        assert_eq!(ends(&bytes).collect::<Vec<_>>(), [end(5, 0), end(5, 1), end(9, 0)]);
        let key = |order, position| chunk(AccountId(1), Place { order, position });
        assert!(key(9, 0) < key(5, 1) && key(5, 1) < key(5, 0));
    }

    #[test]
    fn usage_reads_back() {
        let key = UsageKey { account: AccountId(1), key: KeyId(2), day: 3, offer: OfferId(4) };
        assert_eq!(UsageKey::read(&key.bytes()), Some(key));
        let UsageKey { account, key, offer, .. } = key;
        let hour = HourKey { account, hour: 3, offer, key };
        assert_eq!(HourKey::read(&hour.bytes()), Some(hour));
        let mut usage = Usage { requests: 1, charged: Usd::from_pico(-5), ..Usage::default() };
        usage.tokens[TokenClass::Output] = 9;
        assert_eq!(Usage::read(&usage.bytes()), Some(usage));
    }

    #[test]
    fn a_block_reads_back_in_its_own_ring_only() {
        let place = GenerationId { ring: 2, seq: 77, ..GenerationId::default() };
        let at = BatchPosition { number: BatchNumber::new(1), segment: 2, offset: 3 };
        let part = BatchPart { start: 4, length: 5, checksum: 6 };
        let (key, value) = (block(place), block_value(at, part));
        let read = |value, place| read_block(&key, value, place);
        let later = GenerationId { seq: 99, ..place };
        assert_eq!(read(&value, later), Some(Block { first_seq: 77, at, part }));
        assert_eq!(read(&value, GenerationId { ring: 3, ..place }), None);
        assert!((0..value.len()).all(|end| read(&value[..end], later).is_none()));
    }
}
