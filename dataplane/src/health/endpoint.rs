//! How one endpoint does.
//!
//! ```text
//!   well --failures in a row--> resting --time is over--> one request probes it
//!    ^ \--some of the latest--> degraded --time---> well     |
//!    +--------------- an answer ---------------- resting <---+ a failure: longer
//! ```
//!
//! Figures fade: what failed counts half after ten seconds, so that an endpoint which is asked last
//! is asked first again. Latency and throughput are running means that stand for the half.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use catalog::route::{Condition, Health, Percentiles};
use units::UnixMillis;

/// The first rest; each further one is longer by as much.
const REST_MS: u64 = 30_000;
const REST_MS_MAX: u64 = 300_000;
/// A probe that says nothing for so long makes room for the next.
const PROBE_MS: u64 = 5_000;
/// Failures are counted in shares of this, a request for a sixteenth.
const WHOLE: u32 = 1 << 16;
const SHARE: u32 = 16;
/// What failed counts half after so long.
const HALF_MS: u64 = 10_000;
/// More failures in a thousand are too many.
const DEGRADED_PERMILLE: u16 = 200;

/// What is known of one endpoint.
#[derive(Debug, Default)]
pub struct EndpointCell {
    failures_in_a_row: AtomicU32,
    rests: AtomicU32,
    /// Unix milliseconds; zero where it does not rest.
    rests_until: AtomicU64,
    is_probed: AtomicBool,
    failing: AtomicU32,
    failing_at: AtomicU64,
    latency_us: AtomicU64,
    rate: AtomicU64,
}

const ORDER: Ordering = Ordering::Relaxed;

impl EndpointCell {
    /// How it does; whoever asks first when a rest is over finds it well, and is its probe.
    pub fn health(&self, now: UnixMillis) -> Health {
        self.seen(self.is_resting(now), now)
    }

    /// The same for one who will not ask it anything.
    pub fn look(&self, now: UnixMillis) -> Health {
        self.seen(now.0 < self.rests_until.load(ORDER), now)
    }

    fn seen(&self, is_resting: bool, now: UnixMillis) -> Health {
        let known = |figure: u64| Some(figure).filter(|figure| *figure > 0);
        let failures = u64::from(self.faded(now)) * 1000 / u64::from(WHOLE);
        let failures_permille = failures as u16;
        let condition = if is_resting {
            Condition::Ejected
        } else if failures_permille > DEGRADED_PERMILLE && !self.is_probed.load(ORDER) {
            Condition::Degraded
        } else {
            Condition::Well
        };
        Health {
            condition,
            failures_permille,
            latency: Percentiles { p50: known(self.latency_us.load(ORDER)), ..Percentiles::NONE },
            throughput: Percentiles { p50: known(self.rate.load(ORDER)), ..Percentiles::NONE },
        }
    }

    /// It began to answer.
    pub fn answered(&self, now: UnixMillis) {
        self.failures_in_a_row.store(0, ORDER);
        if self.rests_until.load(ORDER) != 0 {
            self.rests_until.store(0, ORDER);
            self.rests.store(0, ORDER);
            self.is_probed.store(false, ORDER);
            self.failing.store(0, ORDER);
        }
        if self.failing.load(ORDER) != 0 {
            self.note(false, now);
        }
    }

    /// It failed.
    pub fn failed(&self, now: UnixMillis, eject_after: u32) {
        self.note(true, now);
        let in_a_row = self.failures_in_a_row.fetch_add(1, ORDER) + 1;
        let was_probed = self.is_probed.swap(false, ORDER);
        let is_awake = self.rests_until.load(ORDER) == 0;
        if was_probed || (is_awake && in_a_row >= eject_after) {
            let rests = u64::from(self.rests.fetch_add(1, ORDER)) + 1;
            let rest_ms = REST_MS.saturating_mul(rests).min(REST_MS_MAX);
            self.rests_until.store(now.plus_ms(rest_ms).0, ORDER);
        }
    }

    /// So many milliseconds passed until its first event.
    pub fn began_after(&self, ms: u32) {
        blend(&self.latency_us, u64::from(ms).saturating_mul(1000).max(1));
    }

    /// It made so many tokens in so many milliseconds.
    pub fn made(&self, tokens: u64, ms: u64) {
        blend(&self.rate, (tokens.saturating_mul(1_000_000) / ms.max(1)).max(1));
    }

    /// Whether it rests, for one who asks now.
    fn is_resting(&self, now: UnixMillis) -> bool {
        let until = self.rests_until.load(ORDER);
        if until == 0 {
            return false;
        }
        // A clock that was set back does not make a rest longer.
        if now.0 < until && until - now.0 <= REST_MS_MAX {
            return true;
        }
        let next = now.plus_ms(PROBE_MS).0;
        let is_first = self.rests_until.compare_exchange(until, next, ORDER, ORDER).is_ok();
        if is_first {
            self.is_probed.store(true, ORDER);
        }
        !is_first
    }

    fn faded(&self, now: UnixMillis) -> u32 {
        let age = now.since(UnixMillis(self.failing_at.load(ORDER))) / HALF_MS;
        self.failing.load(ORDER).checked_shr(age.min(31) as u32).unwrap_or(0)
    }

    /// Two cores that note at once may count once: these are figures for a choice, not for money.
    fn note(&self, is_failure: bool, now: UnixMillis) {
        let before = self.faded(now);
        let after = before - before / SHARE + if is_failure { WHOLE / SHARE } else { 0 };
        // What is left of old failures goes at last, too.
        self.failing.store(if after < SHARE { 0 } else { after }, ORDER);
        self.failing_at.store(now.0, ORDER);
    }
}

/// A running mean: the newest counts for an eighth.
fn blend(mean: &AtomicU64, newest: u64) {
    let before = mean.load(ORDER);
    let after = if before == 0 { newest } else { before - before / 8 + newest / 8 };
    mean.store(after.max(1), ORDER);
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000_000_000);

    fn condition(cell: &EndpointCell, after_ms: u64) -> Condition {
        cell.health(NOW.plus_ms(after_ms)).condition
    }

    #[test]
    fn failures_in_a_row_make_it_rest_until_a_probe_is_answered() {
        let cell = EndpointCell::default();
        (0..4).for_each(|_| cell.failed(NOW, 5));
        assert_eq!(condition(&cell, 0), Condition::Degraded);
        cell.failed(NOW, 5);
        assert_eq!(condition(&cell, REST_MS - 1), Condition::Ejected);
        assert_eq!(condition(&cell, REST_MS), Condition::Well, "the probe");
        assert_eq!(condition(&cell, REST_MS), Condition::Ejected, "everybody else");
        cell.failed(NOW.plus_ms(REST_MS), 5);
        assert_eq!(condition(&cell, 3 * REST_MS - 1), Condition::Ejected, "twice as long");
        assert_eq!(condition(&cell, 3 * REST_MS), Condition::Well);
        cell.answered(NOW.plus_ms(3 * REST_MS));
        assert_eq!([(); 3].map(|()| condition(&cell, 3 * REST_MS)), [Condition::Well; 3]);
        (0..5).for_each(|_| cell.failed(NOW.plus_ms(4 * REST_MS), 5));
        assert_eq!(condition(&cell, 5 * REST_MS), Condition::Well, "the first rest again");
    }

    #[test]
    fn a_probe_that_says_nothing_makes_room_for_the_next() {
        let cell = EndpointCell::default();
        cell.failed(NOW, 1);
        assert_eq!(condition(&cell, REST_MS), Condition::Well);
        assert_eq!(condition(&cell, REST_MS + PROBE_MS - 1), Condition::Ejected);
        assert_eq!(condition(&cell, REST_MS + PROBE_MS), Condition::Well);
    }

    #[test]
    fn what_fails_while_it_rests_makes_no_rest_longer() {
        let cell = EndpointCell::default();
        (0..50).for_each(|n| cell.failed(NOW.plus_ms(n), 5));
        assert_eq!(condition(&cell, 50 + REST_MS), Condition::Well);
        let back = UnixMillis(NOW.0 - 10 * REST_MS_MAX);
        cell.failed(NOW.plus_ms(51 + REST_MS), 5);
        assert_eq!(cell.health(back).condition, Condition::Well, "the clock was set back");
    }

    #[test]
    fn failures_fade() {
        let cell = EndpointCell::default();
        for _ in 0..3 {
            cell.failed(NOW, 5);
            cell.answered(NOW);
        }
        assert_eq!(condition(&cell, 0), Condition::Well);
        (0..2).for_each(|_| cell.failed(NOW, 5));
        assert_eq!(condition(&cell, 0), Condition::Degraded);
        assert_eq!(condition(&cell, HALF_MS), Condition::Well);
        (0..200).for_each(|_| cell.answered(NOW.plus_ms(HALF_MS)));
        assert_eq!(cell.health(NOW.plus_ms(HALF_MS)).failures_permille, 0);
    }

    #[test]
    fn latency_and_rate_follow_what_is_measured() {
        let cell = EndpointCell::default();
        assert_eq!(cell.health(NOW).latency, Percentiles::NONE);
        (0..60).for_each(|_| cell.began_after(200));
        (0..60).for_each(|_| cell.made(500, 10_000));
        let health = cell.health(NOW);
        assert_eq!((health.latency.p50, health.throughput.p50), (Some(200_000), Some(50_000)));
        (0..60).for_each(|_| cell.began_after(20));
        assert!(cell.health(NOW).latency.p50.is_some_and(|us| us < 21_000));
    }
}
