//! API keys: their rows, and the table in which a request's key is found.
//!
//! Purpose: a key is known by the SHA-256 of its text. The table stands in 4,096 shards by the
//! digest's first twelve bits, each a sorted slice; a change copies the shards it touches and
//! shares the rest, so that a new generation of a hundred thousand keys costs microseconds.
//! Invariants: a table never changes; lookups allocate and lock nothing.
//! Left out on purpose: what stands behind a digest is the data plane's (`K`), which keeps the
//! key's cells beside its row.

use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use units::{AccountId, KeyDigest, KeyId, UnixMillis, Usd};

/// What a key may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyClass {
    /// Inference and its account's own figures.
    #[default]
    Live,
    /// Making and changing keys; never inference.
    Management,
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
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixMillis>,
    /// The models it may name; every one where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_models: Option<Vec<String>>,
    /// The providers that may serve it; every one where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_providers: Option<Vec<String>>,
    /// Whether it is switched off.
    #[serde(default)]
    pub disabled: bool,
    /// When it was made.
    pub created_at: UnixMillis,
}

/// Shards of a table.
const SHARDS: usize = 4096;

/// The keys of one shard, sorted by digest.
type Shard<K> = Arc<[(KeyDigest, Arc<K>)]>;

/// A key set (`Some`) or removed (`None`).
type Change<K> = (KeyDigest, Option<Arc<K>>);

/// Every key by its digest; immutable, cheap to change into the next table.
pub struct KeyTable<K> {
    shards: Box<[Shard<K>]>,
    len: usize,
}

impl<K> KeyTable<K> {
    /// A table without keys.
    pub fn new() -> Self {
        let empty: Shard<K> = Arc::from(Vec::new());
        Self { shards: vec![empty; SHARDS].into(), len: 0 }
    }

    /// The key of a digest.
    pub fn get(&self, digest: &KeyDigest) -> Option<&Arc<K>> {
        let shard = self.shards.get(shard_of(digest))?;
        let place = shard.binary_search_by(|(known, _)| known.cmp(digest)).ok()?;
        shard.get(place).map(|(_, key)| key)
    }

    /// The next table: keys set (`Some`) or removed (`None`); of two changes to one digest the
    /// later counts. Only the touched shards are copied.
    #[must_use]
    pub fn with(&self, changes: impl Iterator<Item = (KeyDigest, Option<Arc<K>>)>) -> Self {
        let mut touched: FxHashMap<usize, Vec<Change<K>>> = FxHashMap::default();
        for (digest, key) in changes {
            touched.entry(shard_of(&digest)).or_default().push((digest, key));
        }
        let mut next = self.clone();
        for (place, changes) in touched {
            if let Some(shard) = next.shards.get_mut(place) {
                let changed = changed_shard(shard, changes);
                next.len = next.len + changed.len() - shard.len();
                *shard = changed;
            }
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
        self.shards.iter().flat_map(|shard| shard.iter().map(|(digest, key)| (digest, key)))
    }
}

impl<K> Clone for KeyTable<K> {
    fn clone(&self) -> Self {
        Self { shards: self.shards.clone(), len: self.len }
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

/// The first twelve bits of a digest.
const fn shard_of(digest: &KeyDigest) -> usize {
    (digest.0[0] as usize) << 4 | (digest.0[1] as usize) >> 4
}

/// A shard with its changes in it.
fn changed_shard<K>(shard: &Shard<K>, changes: Vec<Change<K>>) -> Shard<K> {
    let mut keys: Vec<(KeyDigest, Arc<K>)> = Vec::with_capacity(shard.len() + changes.len());
    keys.extend_from_slice(shard);
    for (digest, change) in changes {
        match (keys.binary_search_by(|(known, _)| known.cmp(&digest)), change) {
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

    /// Digests that crowd few shards, so that shards hold several keys.
    fn digest(number: u64) -> KeyDigest {
        let mut bytes = [0; 32];
        bytes[0] = (number % 3) as u8;
        bytes[24..].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
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
        let shared =
            table.shards.iter().zip(&next.shards).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
        assert_eq!((shared, table.len(), next.len()), (SHARDS - 1, 100, 99));
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
