//! How endpoints and provider keys do, learned from the requests that go to them anyway.
//!
//! Purpose: one board for all cores, single words in it. An endpoint that fails several times in a
//! row rests: others are asked first, and when its rest is over one request is its probe. One that
//! says it has too much is not given more while others can take it. A key that its provider refuses
//! or slows down rests by itself, and its endpoints with it once none of a provider's keys is left.
//! `part` says what can fail, `rest`, `load` and `pace` each keep one side of an endpoint's health,
//! `endpoint` puts them together, `visit` is a request's stay at one, `sessions` remembers who was
//! served where.
//! Invariants: whoever rests or is full is asked last, never not at all, so nothing here can refuse
//! a request; to look changes nothing, only a visit does; no locks; what finds no room on a board
//! is simply not known.
//! Left out on purpose: probes of our own, which would cost money.

mod board;
mod endpoint;
mod key;
mod load;
mod pace;
pub mod part;
mod rest;
pub mod retries;
pub mod sessions;
mod visit;

use std::sync::atomic::{AtomicU64, Ordering};

use catalog::{Endpoint, route};
use link::{EndpointReport, Paces};
use units::UnixMillis;

use crate::local::published::{Secret, Upstream};
use board::Board;
use endpoint::EndpointCell;
use key::KeyCell;
use pace::Pace;
use sessions::Sessions;
pub use visit::Visit;

/// Endpoints and keys that are kept in mind.
const ENDPOINTS: usize = 1 << 14;
const KEYS: usize = 1 << 11;
/// Endpoints whose pace is kept in mind, which takes two kilobytes each.
const PACES: usize = 1 << 12;

/// What is known of every endpoint and key.
pub struct Health {
    endpoints: Board<EndpointCell>,
    paces: Board<Pace>,
    keys: Board<KeyCell>,
    /// Where sessions were served.
    pub sessions: Sessions,
    /// Customers' own, apart: however many are refused, the operator's find room.
    own_keys: Board<KeyCell>,
    /// When the last rest of a key ends: while that is past, no key needs to be looked at.
    keys_rest_until: AtomicU64,
    /// Failures in a row after which an endpoint rests; 0: nobody ever rests.
    eject_after: u32,
}

impl Health {
    /// Of which nothing is known yet.
    pub fn new(eject_after: u32) -> Self {
        Self {
            endpoints: Board::new(ENDPOINTS),
            paces: Board::new(PACES),
            keys: Board::new(KEYS),
            own_keys: Board::new(KEYS),
            sessions: Sessions::new(),
            keys_rest_until: AtomicU64::new(0),
            eject_after,
        }
    }

    /// The board of a key, by its number.
    fn keys(&self, id: u64) -> &Board<KeyCell> {
        if Secret::is_own(id) { &self.own_keys } else { &self.keys }
    }

    /// How an endpoint does, in as much detail as is asked for. What is asked with a customer's own
    /// key (`upstream` is `None`) does not mind how the shared ones do.
    pub fn of(
        &self,
        endpoint: &Endpoint,
        upstream: Option<&Upstream>,
        (detail, now): (route::Detail, UnixMillis),
    ) -> route::Health {
        let mut health = route::Health::UNKNOWN;
        if self.eject_after > 0 {
            if let Some(cell) = self.endpoints.find(endpoint.identity) {
                health.condition = cell.condition(now);
                health.failures_permille = cell.failures_permille(now);
            }
            let until = self.keys_rest_until.load(Ordering::Relaxed);
            if upstream.is_some_and(|it| now.0 < until && self.all_rest(it, now)) {
                health.condition = route::Condition::Ejected;
            }
        }
        if detail == route::Detail::Pace
            && let Some(pace) = self.paces.find(endpoint.identity)
        {
            (health.latency, health.throughput) = (pace.latency(now), pace.throughput(now));
        }
        health
    }

    /// How some of the endpoints do that were ever asked, at most so many: those behind a place of
    /// the board, and the place to go on from next time.
    pub fn report(
        &self,
        (place, most): (usize, usize),
        now: UnixMillis,
    ) -> (Vec<EndpointReport>, usize) {
        let mut reports = Vec::new();
        let mut next = place;
        for (at, identity, cell) in self.endpoints.behind(place) {
            if reports.len() == most {
                break;
            }
            next = at + 1;
            let pace = self.paces.find(identity);
            let paces = pace.map_or_else(Paces::default, |pace| Paces {
                latency_us: pace.latency(now).points(),
                throughput: pace.throughput(now).points(),
            });
            reports.extend(cell.report((identity, paces), now));
        }
        (reports, next)
    }

    /// A provider refused a key, or asked to wait with it.
    pub fn refused(&self, key: u64, rest_ms: Option<u64>, now: UnixMillis) {
        if self.eject_after == 0 {
            return;
        }
        if let Some(cell) = self.keys(key).cell(key) {
            let until = cell.refused(rest_ms, now);
            if !Secret::is_own(key) {
                self.keys_rest_until.fetch_max(until, Ordering::Relaxed);
            }
        }
    }

    /// The key of a provider that a request with this number uses: each in its turn, those that
    /// rest not before all of them do.
    pub fn key(&self, upstream: &Upstream, number: u64, now: UnixMillis) -> Option<usize> {
        let keys = &upstream.secrets;
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
        let keys = &upstream.secrets;
        !keys.is_empty() && keys.iter().all(|key| self.rests(key.id(), now))
    }

    /// Whether a key is not to be used now while there are others.
    pub fn rests(&self, key: u64, now: UnixMillis) -> bool {
        self.keys(key).find(key).is_some_and(|cell| cell.rests(now))
    }
}

#[cfg(test)]
mod tests {
    use super::part::{Failure, Part};
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000_000_000);

    fn upstream(keys: &[&str]) -> Upstream {
        let secrets = keys.iter().map(|key| Secret::new("p", *key)).collect();
        let (way, needs_key) = (None, true);
        Upstream { way, needs_key, host: "".into(), base_path: "".into(), secrets }
    }

    fn endpoint() -> Endpoint {
        let rows = r#"{"provider":[{"id":"p","dialect":"openai","base_url":"https://p.test"}],
            "model":[{"id":"a/b","context":1000,"endpoint":[
              {"provider":"p","model":"m","list":{"input":"1","output":"1"}}]}]}"#;
        let rows = serde_json::from_str(rows).unwrap();
        catalog::compile(&rows, &Default::default()).unwrap().catalog.endpoints[0].clone()
    }

    fn condition(health: &Health, upstream: &Upstream, now: UnixMillis) -> route::Condition {
        health.of(&endpoint(), Some(upstream), (route::Detail::Condition, now)).condition
    }

    #[test]
    fn a_refused_key_rests_and_its_endpoints_with_the_last_one() {
        let (health, upstream) = (Health::new(5), upstream(&["a", "b"]));
        let condition = |now| condition(&health, &upstream, now);
        assert_eq!([0, 1, 2].map(|n| health.key(&upstream, n, NOW)), [Some(0), Some(1), Some(0)]);
        health.refused(upstream.secrets[0].id(), Some(2_000), NOW);
        assert_eq!([0, 1, 2].map(|n| health.key(&upstream, n, NOW)), [Some(1); 3]);
        assert_eq!(condition(NOW), route::Condition::Well);
        health.refused(upstream.secrets[1].id(), Some(9_000), NOW);
        assert_eq!(condition(NOW), route::Condition::Ejected);
        assert_eq!(health.key(&upstream, 1, NOW), Some(1), "the last one is asked all the same");
        assert_eq!(condition(NOW.plus_ms(2_000)), route::Condition::Well);
        assert_eq!(health.key(&upstream, 1, NOW.plus_ms(2_000)), Some(0));
    }

    #[test]
    fn a_visit_counts_while_it_lasts_and_tells_what_became_of_it() {
        let (health, upstream) = (Health::new(2), upstream(&[]));
        let endpoint = endpoint();
        let visit = || health.visit(&endpoint, true, NOW).unwrap();
        let told = |now| health.report((0, 9), now).0.remove(0);
        assert!(health.report((0, 9), NOW).0.is_empty());
        let first = visit();
        first.began(None, Some(200), NOW);
        first.finished(Some((500, 10_000)), NOW);
        assert_eq!((told(NOW).in_flight, told(NOW).requests), (1, 1));
        drop(first);
        assert_eq!((told(NOW).in_flight, told(NOW).paces.latency_us[0]), (0, Some(200_000)));
        let pace = health.of(&endpoint, Some(&upstream), (route::Detail::Pace, NOW));
        assert_eq!(pace.latency.p99, Some(200_000));
        (0..2).for_each(|_| visit().failed(Failure::at(Part::Connect), NOW));
        assert_eq!(condition(&health, &upstream, NOW), route::Condition::Ejected);
        assert_eq!(told(NOW).failures, [2, 0, 0]);
        let (all, next) = health.report((0, 1), NOW);
        assert_eq!((all.len(), health.report((next, 1), NOW).0.len()), (1, 0));
    }

    #[test]
    fn with_zero_nobody_ever_rests() {
        let (health, upstream) = (Health::new(0), upstream(&["a"]));
        assert_eq!(health.key(&self::upstream(&[]), 1, NOW), None);
        let overload = Failure { is_overload: true, ..Failure::at(Part::Begin) };
        (0..20).for_each(|_| health.visit(&endpoint(), true, NOW).unwrap().failed(overload, NOW));
        health.refused(upstream.secrets[0].id(), None, NOW);
        let known = health.of(&endpoint(), Some(&upstream), (route::Detail::Condition, NOW));
        assert_eq!(known, route::Health::UNKNOWN);
    }
}
