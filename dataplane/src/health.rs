//! How endpoints and provider keys do, learned from the requests that go to them anyway.
//!
//! Purpose: one board for all cores, single words in it. An endpoint that fails several times in a
//! row rests: others are asked first, and when its rest is over one request is its probe. A key
//! that its provider refuses or slows down rests by itself, and its endpoints with it once none of
//! a provider's keys is left.
//! Invariants: whoever rests is asked last, never not at all, so nothing here can refuse a request;
//! no locks; what finds no room on a board is simply not known.
//! Left out on purpose: probes of our own, which would cost money.

mod board;
mod endpoint;
mod key;
pub mod retries;

use std::sync::atomic::{AtomicU64, Ordering};

use catalog::route;
use units::{OfferId, UnixMillis};

use crate::local::published::Upstream;
use board::Board;
pub use endpoint::EndpointCell;
use key::KeyCell;

/// Endpoints and keys that are kept in mind.
const ENDPOINTS: usize = 1 << 14;
const KEYS: usize = 1 << 11;

/// What is known of every endpoint and key.
pub struct Health {
    endpoints: Board<EndpointCell>,
    keys: Board<KeyCell>,
    /// When the last rest of a key ends: while that is past, no key needs to be looked at.
    keys_rest_until: AtomicU64,
    /// Failures in a row after which an endpoint rests; 0: nobody ever rests.
    eject_after: u32,
}

impl Health {
    /// Of which nothing is known yet.
    pub fn new(eject_after: u32) -> Self {
        let (endpoints, keys) = (Board::new(ENDPOINTS), Board::new(KEYS));
        Self { endpoints, keys, keys_rest_until: AtomicU64::new(0), eject_after }
    }

    /// How an endpoint does, for the plan of one request: the first to ask when its rest is over
    /// finds it well.
    pub fn of(&self, offer: OfferId, upstream: &Upstream, now: UnixMillis) -> route::Health {
        let cell = self.endpoints.find(id_of(offer));
        let health = cell.map_or(route::Health::UNKNOWN, |cell| cell.health(now));
        self.with_keys(health, upstream, now)
    }

    /// The same for a plan that nobody will follow.
    pub fn look(&self, offer: OfferId, upstream: &Upstream, now: UnixMillis) -> route::Health {
        let cell = self.endpoints.find(id_of(offer));
        let health = cell.map_or(route::Health::UNKNOWN, |cell| cell.look(now));
        self.with_keys(health, upstream, now)
    }

    fn with_keys(
        &self,
        mut health: route::Health,
        upstream: &Upstream,
        now: UnixMillis,
    ) -> route::Health {
        if now.0 < self.keys_rest_until.load(Ordering::Relaxed) && self.all_rest(upstream, now) {
            health.condition = route::Condition::Ejected;
        }
        health
    }

    /// An endpoint's cell; `None` where there is no room for one more, or nobody ever rests.
    pub fn endpoint(&self, offer: OfferId) -> Option<&EndpointCell> {
        if self.eject_after == 0 { None } else { self.endpoints.cell(id_of(offer)) }
    }

    /// An endpoint failed.
    pub fn failed(&self, offer: OfferId, now: UnixMillis) {
        if let Some(cell) = self.endpoint(offer) {
            cell.failed(now, self.eject_after);
        }
    }

    /// An endpoint began to answer a request with this key.
    pub fn answered(&self, offer: OfferId, key: Option<u64>, now: UnixMillis) {
        if let Some(cell) = self.endpoint(offer) {
            cell.answered(now);
        }
        if let Some(cell) = key.and_then(|key| self.keys.find(key)) {
            cell.answered();
        }
    }

    /// A provider refused a key, or asked to wait with it.
    pub fn refused(&self, key: u64, rest_ms: Option<u64>, now: UnixMillis) {
        if self.eject_after == 0 {
            return;
        }
        if let Some(cell) = self.keys.cell(key) {
            let until = cell.refused(rest_ms, now);
            self.keys_rest_until.fetch_max(until, Ordering::Relaxed);
        }
    }

    /// The key of a provider that a request with this number uses: each in its turn, those that
    /// rest not before all of them do.
    pub fn key(&self, upstream: &Upstream, number: u64, now: UnixMillis) -> Option<usize> {
        let keys = &upstream.authorizations;
        let turn = number.checked_rem(keys.len() as u64)? as usize;
        if now.0 >= self.keys_rest_until.load(Ordering::Relaxed) {
            return Some(turn);
        }
        let turns = (turn..keys.len()).chain(0..turn);
        let mut awake = turns.filter(|place| !self.rests(keys[*place].id(), now));
        Some(awake.next().unwrap_or(turn))
    }

    /// Whether none of a provider's keys is to be used now.
    pub fn all_rest(&self, upstream: &Upstream, now: UnixMillis) -> bool {
        let keys = &upstream.authorizations;
        !keys.is_empty() && keys.iter().all(|key| self.rests(key.id(), now))
    }

    fn rests(&self, key: u64, now: UnixMillis) -> bool {
        self.keys.find(key).is_some_and(|cell| cell.rests(now))
    }
}

/// Never zero, as the first offer's number may be.
fn id_of(offer: OfferId) -> u64 {
    u64::from(offer.0) + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::published::Secret;

    fn upstream(keys: &[&str]) -> Upstream {
        let authorizations = keys.iter().map(|key| Secret::new("p", *key)).collect();
        Upstream { way: None, host: "".into(), base_path: "".into(), authorizations }
    }

    #[test]
    fn a_refused_key_rests_and_its_endpoints_with_the_last_one() {
        let (health, now) = (Health::new(5), UnixMillis(1_000_000));
        let upstream = upstream(&["a", "b"]);
        let condition = |now| health.of(OfferId(0), &upstream, now).condition;
        assert_eq!([0, 1, 2].map(|n| health.key(&upstream, n, now)), [Some(0), Some(1), Some(0)]);
        health.refused(upstream.authorizations[0].id(), Some(2_000), now);
        assert_eq!([0, 1, 2].map(|n| health.key(&upstream, n, now)), [Some(1); 3]);
        assert_eq!(condition(now), route::Condition::Well);
        health.refused(upstream.authorizations[1].id(), Some(9_000), now);
        assert_eq!(condition(now), route::Condition::Ejected);
        assert_eq!(health.key(&upstream, 1, now), Some(1), "the last one is asked all the same");
        assert_eq!(condition(now.plus_ms(2_000)), route::Condition::Well);
        assert_eq!(health.key(&upstream, 1, now.plus_ms(2_000)), Some(0));
    }

    #[test]
    fn with_zero_nobody_ever_rests() {
        let (health, now) = (Health::new(0), UnixMillis(1_000_000));
        let upstream = upstream(&["a"]);
        assert_eq!(health.key(&self::upstream(&[]), 1, now), None);
        (0..20).for_each(|_| health.failed(OfferId(3), now));
        health.refused(upstream.authorizations[0].id(), None, now);
        let known = health.of(OfferId(3), &upstream, now);
        assert_eq!(known, route::Health::UNKNOWN);
    }
}
