//! What is known of one endpoint.
//!
//! Figures fade: what failed counts half after ten seconds, so that an endpoint which is asked last
//! is asked first again.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use catalog::route::Condition;
use link::{EndpointReport, EndpointState, Paces};
use units::{OfferId, UnixMillis};

use crate::health::load::Load;
use crate::health::part::{Failure, Part, Parts};
use crate::health::rest::{Rests, Stand};

/// Failures are counted in shares of this, a request for a sixteenth.
const WHOLE: u32 = 1 << 16;
const SHARE: u32 = 16;
/// What failed counts half after so long.
const HALF_MS: u64 = 10_000;
/// More failures in a thousand are too many.
const DEGRADED_PERMILLE: u16 = 200;

const ORDER: Ordering = Ordering::Relaxed;

/// What is known of one endpoint.
#[derive(Debug, Default)]
pub struct EndpointCell {
    /// When it rests.
    pub rests: Rests,
    /// What it has to do.
    pub load: Load,
    failing: AtomicU32,
    failing_at: AtomicU64,
    /// The offer that was served last; prices change, the endpoint stays.
    offer: AtomicU32,
    requests: AtomicU64,
    failures: Parts<AtomicU64>,
}

impl EndpointCell {
    /// How it does. While it is half open it is as well as any, so that it is asked at all.
    pub fn condition(&self, now: UnixMillis) -> Condition {
        match self.rests.stand(now) {
            Stand::Resting => Condition::Ejected,
            _ if self.load.is_full() => Condition::Full,
            Stand::Awake if self.failures_permille(now) > DEGRADED_PERMILLE => Condition::Degraded,
            Stand::Awake | Stand::HalfOpen => Condition::Well,
        }
    }

    /// Failures in a thousand of its latest requests.
    pub fn failures_permille(&self, now: UnixMillis) -> u16 {
        (u64::from(self.faded(now)) * 1000 / u64::from(WHOLE)) as u16
    }

    /// Whether it takes a request that others could take as well; of an endpoint that is half open
    /// the request is then the probe.
    pub fn admits(&self, now: UnixMillis) -> bool {
        match self.rests.stand(now) {
            Stand::Awake => !self.load.is_full(),
            // Whoever planned it knew.
            Stand::Resting => true,
            Stand::HalfOpen => self.rests.probe(now),
        }
    }

    /// A request is on its way to it.
    pub fn enter(&self, offer: OfferId) {
        self.load.enter();
        self.requests.fetch_add(1, ORDER);
        if self.offer.load(ORDER) != offer.0 {
            self.offer.store(offer.0, ORDER);
        }
    }

    /// It began to answer.
    pub fn began(&self, now: UnixMillis) {
        self.load.answered(now);
        let was_resting = self.rests.stand(now) != Stand::Awake;
        self.rests.did(Part::Begin);
        if was_resting && self.rests.stand(now) == Stand::Awake {
            self.failing.store(0, ORDER);
        }
        if self.failing.load(ORDER) != 0 {
            self.note(false, now);
        }
    }

    /// It failed a request that was sent then.
    pub fn failed(
        &self,
        failure: Failure,
        (sent, now): (UnixMillis, UnixMillis),
        eject_after: u32,
    ) {
        self.failures[failure.part].fetch_add(1, ORDER);
        if eject_after == 0 {
            return;
        }
        self.note(true, now);
        if failure.is_overload {
            self.load.overloaded(sent, now);
        }
        self.rests.failed(failure.part, now, eject_after);
        if let Some(ms) = failure.pause_ms {
            self.rests.pause(failure.part, ms, now);
        }
    }

    /// How it does, for whoever looks on. `None` where nothing was ever sent to it.
    pub fn report(
        &self,
        (endpoint, paces): (u64, Paces),
        now: UnixMillis,
    ) -> Option<EndpointReport> {
        let requests = Some(self.requests.load(ORDER)).filter(|requests| *requests > 0)?;
        let state = match (self.rests.stand(now), self.condition(now)) {
            (Stand::Resting, _) => EndpointState::Resting,
            (Stand::HalfOpen, _) => EndpointState::HalfOpen,
            (_, Condition::Full) => EndpointState::Full,
            (_, Condition::Degraded) => EndpointState::Degraded,
            _ => EndpointState::Well,
        };
        Some(EndpointReport {
            endpoint,
            offer: OfferId(self.offer.load(ORDER)),
            state,
            in_flight: self.load.in_flight(),
            bound: self.load.bound(),
            requests,
            failures: self.failures.each().each_ref().map(|count| count.load(ORDER)),
            paces,
        })
    }

    fn faded(&self, now: UnixMillis) -> u32 {
        let failing = self.failing.load(ORDER);
        if failing == 0 {
            return 0;
        }
        let age = now.since(UnixMillis(self.failing_at.load(ORDER))) / HALF_MS;
        failing.checked_shr(age.min(31) as u32).unwrap_or(0)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::rest::REST_MS;

    const NOW: UnixMillis = UnixMillis(1_000_000_000);
    const FAILED: Failure = Failure::at(Part::Begin);

    fn fail(cell: &EndpointCell, times: usize) {
        (0..times).for_each(|_| cell.failed(FAILED, (NOW, NOW), 5));
    }

    #[test]
    fn failures_fade() {
        let cell = EndpointCell::default();
        let condition = |ms| cell.condition(NOW.plus_ms(ms));
        for _ in 0..3 {
            fail(&cell, 1);
            cell.began(NOW);
        }
        assert_eq!(condition(0), Condition::Well);
        fail(&cell, 2);
        assert_eq!(condition(0), Condition::Degraded);
        assert_eq!(condition(HALF_MS), Condition::Well);
        (0..200).for_each(|_| cell.began(NOW.plus_ms(HALF_MS)));
        assert_eq!(cell.failures_permille(NOW.plus_ms(HALF_MS)), 0);
    }

    #[test]
    fn who_comes_back_from_a_rest_is_well_and_admits_one_probe() {
        let cell = EndpointCell::default();
        fail(&cell, 5);
        assert_eq!(cell.condition(NOW), Condition::Ejected);
        assert!(cell.admits(NOW), "asked last, but asked");
        let back = NOW.plus_ms(REST_MS);
        assert_eq!(cell.condition(back), Condition::Well);
        assert_eq!([cell.admits(back), cell.admits(back)], [true, false]);
        cell.began(back);
        assert_eq!((cell.condition(back), cell.failures_permille(back)), (Condition::Well, 0));
        assert!(cell.admits(back) && cell.admits(back));
    }

    #[test]
    fn who_is_full_admits_nobody_that_could_go_elsewhere() {
        let cell = EndpointCell::default();
        (0..8).for_each(|_| cell.enter(OfferId(3)));
        let overload = Failure { is_overload: true, ..FAILED };
        cell.failed(overload, (NOW, NOW), 5);
        assert_eq!(cell.condition(NOW), Condition::Full);
        assert!(!cell.admits(NOW));
        let report = cell.report((1, Paces::default()), NOW).unwrap();
        assert_eq!((report.state, report.bound), (EndpointState::Full, Some(6)));
        assert_eq!((report.in_flight, report.requests, report.failures), (8, 8, [0, 1, 0]));
        (0..3).for_each(|_| cell.load.leave());
        assert!(cell.admits(NOW));
    }

    #[test]
    fn a_pause_that_is_asked_for_is_given() {
        let cell = EndpointCell::default();
        cell.failed(Failure { pause_ms: Some(9_000), ..FAILED }, (NOW, NOW), 5);
        assert_eq!(cell.condition(NOW.plus_ms(8_999)), Condition::Ejected);
        assert_eq!(cell.condition(NOW.plus_ms(9_000)), Condition::Well);
    }
}
