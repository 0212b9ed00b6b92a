//! API keys: their rows, and the table in which a request's key is found.
//!
//! Purpose: a key is known by the SHA-256 of its text. The table stands in 4,096 shards by the
//! digest's first twelve bits, 64 groups of 64, each shard a sorted slice. A change copies the
//! shards it touches and their groups' lists, and shares the rest: a new generation of a hundred
//! thousand keys costs microseconds.
//! Invariants: a table never changes; lookups allocate and lock nothing.
//! Left out on purpose: what stands behind a digest is the data plane's (`K`), which keeps the
//! key's cells beside its row.

use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use units::{AccountId, KeyDigest, KeyId, UnixMillis, Usd};

use crate::privacy::Privacy;

/// What a key may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyClass {
    /// Inference and its account's own figures.
    #[default]
    Live,
    /// Making and changing keys; never inference.
    Management,
    /// What guests of the playground run on: nobody has its text, and what paces it paces each
    /// guest.
    Guest,
}

/// Requests to models that cost nothing, of all keys of an account together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreeLimits {
    /// A minute; any number where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpm: Option<u32>,
    /// A UTC day.
    pub rpd: u32,
}

/// When a key's spend limit starts anew, at midnight UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitReset {
    /// Every day.
    Daily,
    /// Every Monday.
    Weekly,
    /// Every first of a month.
    Monthly,
}

/// One API key, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRow {
    /// Its number.
    pub id: KeyId,
    /// The SHA-256 of its text.
    pub digest: KeyDigest,
    /// Whose credit it spends.
    pub account: AccountId,
    /// What its owner calls it.
    pub name: String,
    /// Its text with the middle left out.
    pub label: String,
    /// What it may do.
    #[serde(default)]
    pub class: KeyClass,
    /// Most it may spend, in total or since the last reset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Usd>,
    /// When the limit starts anew; never where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_reset: Option<LimitReset>,
    /// Requests a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpm: Option<u32>,
    /// Tokens a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpm: Option<u64>,
    /// Requests a UTC day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpd: Option<u32>,
    /// Requests at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// Whether the operator gave it more of these than its account's plan has; else it never has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_raised: bool,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixMillis>,
    /// The models it may name; every one where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_models: Option<Vec<String>>,
    /// The providers that may serve it; every one where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_providers: Option<Vec<String>>,
    /// Which endpoints may see its requests.
    #[serde(default, skip_serializing_if = "Privacy::allows_all")]
    pub privacy: Privacy,
    /// What its account may have for nothing; said only where a key is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free: Option<FreeLimits>,
    /// Whether it is switched off.
    #[serde(default)]
    pub disabled: bool,
    /// When it was made.
    pub created_at: UnixMillis,
}

impl KeyRow {
    /// A live key without a name and without limits.
    pub const fn new(
        id: KeyId,
        digest: KeyDigest,
        account: AccountId,
        created_at: UnixMillis,
    ) -> Self {
        Self {
            id,
            digest,
            account,
            name: String::new(),
            label: String::new(),
            class: KeyClass::Live,
            limit: None,
            limit_reset: None,
            rpm: None,
            tpm: None,
            rpd: None,
            concurrency: None,
            is_raised: false,
            expires_at: None,
            allowed_models: None,
            allowed_providers: None,
            privacy: Privacy { deny_collection: false, zdr: false, regions: None },
            free: None,
            disabled: false,
            created_at,
        }
    }
}

/// Groups of a table, and shards of a group.
const FAN_OUT: usize = 64;

/// The keys of one shard, sorted by digest.
type Shard<K> = Arc<[(KeyDigest, Arc<K>)]>;

/// The shards of one group.
type Group<K> = Arc<[Shard<K>]>;

/// A key set (`Some`) or removed (`None`).
type Change<K> = (KeyDigest, Option<Arc<K>>);

/// Every key by its digest; immutable, cheap to change into the next table.
pub struct KeyTable<K> {
    groups: Box<[Group<K>]>,
    len: usize,
}

impl<K> KeyTable<K> {
    /// A table without keys.
    pub fn new() -> Self {
        let empty: Shard<K> = Arc::from(Vec::new());
        let group: Group<K> = vec![empty; FAN_OUT].into();
        Self { groups: vec![group; FAN_OUT].into(), len: 0 }
    }

    /// The key of a digest.
    pub fn get(&self, digest: &KeyDigest) -> Option<&Arc<K>> {
        let (group, shard) = place_of(digest);
        let shard = self.groups.get(group)?.get(shard)?;
        let place = find(shard, digest).ok()?;
        shard.get(place).map(|(_, key)| key)
    }

    /// The next table: keys set (`Some`) or removed (`None`); of two changes to one digest the
    /// later counts. Only the touched shards are copied.
    #[must_use]
    pub fn with(&self, changes: impl Iterator<Item = (KeyDigest, Option<Arc<K>>)>) -> Self {
        let mut touched: FxHashMap<(usize, usize), Vec<Change<K>>> = FxHashMap::default();
        for (digest, key) in changes {
            touched.entry(place_of(&digest)).or_default().push((digest, key));
        }
        let mut next = self.clone();
        for ((group, shard), changes) in touched {
            // Still shared with `self` when first touched, which copies the group's list once.
            let shard = &mut Arc::make_mut(&mut next.groups[group])[shard];
            let changed = changed_shard(shard, changes);
            next.len = next.len + changed.len() - shard.len();
            *shard = changed;
        }
        next
    }

    /// How many keys there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Every key, in the order of digests.
    pub fn iter(&self) -> impl Iterator<Item = (&KeyDigest, &Arc<K>)> {
        let shards = self.groups.iter().flat_map(|group| group.iter());
        shards.flat_map(|shard| shard.iter().map(|(digest, key)| (digest, key)))
    }
}

impl<K> Clone for KeyTable<K> {
    fn clone(&self) -> Self {
        Self { groups: self.groups.clone(), len: self.len }
    }
}

impl<K> Default for KeyTable<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> fmt::Debug for KeyTable<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyTable").field("len", &self.len).finish_non_exhaustive()
    }
}

impl<K> FromIterator<(KeyDigest, Arc<K>)> for KeyTable<K> {
    fn from_iter<I: IntoIterator<Item = (KeyDigest, Arc<K>)>>(keys: I) -> Self {
        Self::new().with(keys.into_iter().map(|(digest, key)| (digest, Some(key))))
    }
}

/// Group and shard: the first six bits of a digest and the next six.
const fn place_of(digest: &KeyDigest) -> (usize, usize) {
    let [first, second, ..] = digest.0;
    ((first >> 2) as usize, ((first & 3) << 4 | second >> 4) as usize)
}

/// Where a digest is in a shard, or where it would be.
///
/// Digests are evenly spread, so the bits after the shard's tell nearly where one is: the search
/// begins there and walks, which reads one or two cache lines where halving would read five.
fn find<K>(shard: &[(KeyDigest, Arc<K>)], digest: &KeyDigest) -> Result<usize, usize> {
    let [_, second, a, b, c, ..] = digest.0;
    let fraction = u32::from_be_bytes([second << 4 | a >> 4, a << 4 | b >> 4, b << 4 | c >> 4, 0]);
    let mut place = ((u64::from(fraction) * shard.len() as u64) >> 32) as usize;
    while place > 0 && shard.get(place - 1).is_some_and(|(known, _)| known >= digest) {
        place -= 1;
    }
    while shard.get(place).is_some_and(|(known, _)| known < digest) {
        place += 1;
    }
    match shard.get(place) {
        Some((known, _)) if known == digest => Ok(place),
        _ => Err(place),
    }
}

/// A shard with its changes in it.
fn changed_shard<K>(shard: &Shard<K>, changes: Vec<Change<K>>) -> Shard<K> {
    let mut keys: Vec<(KeyDigest, Arc<K>)> = Vec::with_capacity(shard.len() + changes.len());
    keys.extend_from_slice(shard);
    for (digest, change) in changes {
        match (find(&keys, &digest), change) {
            (Ok(place), Some(key)) => keys[place].1 = key,
            (Ok(place), None) => drop(keys.remove(place)),
            (Err(place), Some(key)) => keys.insert(place, (digest, key)),
            (Err(_), None) => {}
        }
    }
    keys.into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Digests that crowd few shards, half of them unevenly, so that searches walk both ways.
    fn digest(number: u64) -> KeyDigest {
        let mut bytes = [0; 32];
        bytes[0] = (number % 3) as u8;
        let at = if number.is_multiple_of(2) { 2 } else { 24 };
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        bytes[at..at + 8].copy_from_slice(&mixed);
        KeyDigest(bytes)
    }

    #[test]
    fn a_table_is_what_its_changes_made_it() {
        let mut table = KeyTable::<u64>::new();
        let mut model = BTreeMap::new();
        for round in 0..200_u64 {
            let changes: Vec<_> = (0..7)
                .map(|n| {
                    let number = (round * 7 + n) % 61;
                    (digest(number), (!(round + n).is_multiple_of(3)).then(|| Arc::new(round)))
                })
                .collect();
            for (digest, key) in &changes {
                match key {
                    Some(key) => model.insert(*digest, key.clone()),
                    None => model.remove(digest),
                };
            }
            table = table.with(changes.into_iter());
            assert_eq!(table.len(), model.len());
        }
        assert!(table.iter().eq(model.iter()));
        assert!((0..61).all(|n| table.get(&digest(n)) == model.get(&digest(n))));
    }

    #[test]
    fn a_change_shares_every_other_shard() {
        let table: KeyTable<u64> = (0..100).map(|n| (digest(n), Arc::new(n))).collect();
        let next = table.with(std::iter::once((digest(0), None)));
        let groups = || table.groups.iter().zip(&next.groups);
        let copied = groups().filter(|(a, b)| !Arc::ptr_eq(a, b)).count();
        let shards = groups().flat_map(|(a, b)| a.iter().zip(b.iter()));
        let changed = shards.filter(|(a, b)| !Arc::ptr_eq(a, b)).count();
        assert_eq!((copied, changed, table.len(), next.len()), (1, 1, 100, 99));
        assert!(table.get(&digest(0)).is_some() && next.get(&digest(0)).is_none());
    }

    #[test]
    fn a_key_row_reads_back() {
        let row: KeyRow = serde_json::from_str(&format!(
            r#"{{"id":1,"digest":"{}","account":"acct_0000000000000001","name":"n","label":"l",
                "class":"management","limit":"2.5","limit_reset":"weekly","created_at":5}}"#,
            digest(1)
        ))
        .unwrap();
        assert_eq!(row.limit_reset, Some(LimitReset::Weekly));
        let text = serde_json::to_string(&row).unwrap();
        assert_eq!(serde_json::from_str::<KeyRow>(&text).unwrap(), row);
    }
}
