//! When an endpoint rests, and who asks it first afterwards.
//!
//! ```text
//!   awake --failures in a row, or "come back later"--> resting --time is over--> half open
//!     ^                                                   ^                        |
//!     |                                                   +-- a failure: longer ---+
//!     +--------------- an answer that gets past the part it failed at -------------+
//! ```
//! While it is half open one request at a time is its probe.
//! Invariants: single words that all cores change; of two cores that see the same failure one
//! counts it as a rest. A clock that is set back makes no rest longer.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

use units::UnixMillis;

use crate::health::part::{Part, Parts};

/// The first rest; each further one is longer by as much.
pub const REST_MS: u64 = 30_000;
/// The longest, also of those that a provider asks for.
pub const REST_MS_MAX: u64 = 300_000;
/// A probe that says nothing for so long makes room for the next.
pub const PROBE_MS: u64 = 5_000;

const ORDER: Ordering = Ordering::Relaxed;

/// Whether an endpoint is to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// Yes.
    Awake,
    /// Others before it.
    Resting,
    /// By one request at a time.
    HalfOpen,
}

/// The rests of one endpoint.
#[derive(Debug, Default)]
pub struct Rests {
    failures_in_a_row: Parts<AtomicU32>,
    in_a_row: AtomicU32,
    /// Unix milliseconds; zero while it is awake.
    until: AtomicU64,
    /// The part that it failed at.
    failed_at: AtomicU8,
    /// Until then a probe is on its way.
    probed_until: AtomicU64,
}

impl Rests {
    /// How it stands.
    pub fn stand(&self, now: UnixMillis) -> Stand {
        match self.until.load(ORDER) {
            0 => Stand::Awake,
            until if is_ahead(until, now, REST_MS_MAX) => Stand::Resting,
            _ => Stand::HalfOpen,
        }
    }

    /// Takes the place of the one probe, if it is free.
    pub fn probe(&self, now: UnixMillis) -> bool {
        let until = self.probed_until.load(ORDER);
        let next = now.plus_ms(PROBE_MS).0;
        !is_ahead(until, now, PROBE_MS)
            && self.probed_until.compare_exchange(until, next, ORDER, ORDER).is_ok()
    }

    /// It did a part of its work, and what comes before that.
    pub fn did(&self, part: Part) {
        for done in Part::ALL.into_iter().filter(|done| *done <= part) {
            let count = &self.failures_in_a_row[done];
            if count.load(ORDER) != 0 {
                count.store(0, ORDER);
            }
        }
        if self.until.load(ORDER) != 0 && self.failed_at.load(ORDER) <= part as u8 {
            self.in_a_row.store(0, ORDER);
            self.probed_until.store(0, ORDER);
            self.until.store(0, ORDER);
        }
    }

    /// It failed at a part, and rests if that was once too often.
    pub fn failed(&self, part: Part, now: UnixMillis, eject_after: u32) {
        let until = self.until.load(ORDER);
        let in_a_row = self.failures_in_a_row[part].fetch_add(1, ORDER).saturating_add(1);
        let rests = match self.stand(now) {
            Stand::Awake => in_a_row >= eject_after,
            Stand::Resting => false,
            Stand::HalfOpen => true,
        };
        if rests {
            let longer = u64::from(self.in_a_row.load(ORDER)) + 1;
            self.rest(until, part, REST_MS.saturating_mul(longer), now);
        }
    }

    /// It asked to be left alone for so long.
    pub fn pause(&self, part: Part, ms: u64, now: UnixMillis) {
        let until = self.until.load(ORDER);
        if until < now.plus_ms(ms).0 {
            self.rest(until, part, ms, now);
        }
    }

    fn rest(&self, before: u64, part: Part, ms: u64, now: UnixMillis) {
        let until = now.plus_ms(ms.min(REST_MS_MAX)).0;
        if self.until.compare_exchange(before, until, ORDER, ORDER).is_ok() {
            self.in_a_row.fetch_add(1, ORDER);
            self.failed_at.store(part as u8, ORDER);
            self.probed_until.store(0, ORDER);
        }
    }
}

/// Whether an instant is yet to come, and not farther than anything set it.
fn is_ahead(instant: u64, now: UnixMillis, most: u64) -> bool {
    now.0 < instant && instant - now.0 <= most
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000_000_000);

    fn after(ms: u64) -> UnixMillis {
        NOW.plus_ms(ms)
    }

    #[test]
    fn failures_in_a_row_make_it_rest_until_a_probe_is_answered() {
        let rests = Rests::default();
        (0..4).for_each(|_| rests.failed(Part::Begin, NOW, 5));
        assert_eq!(rests.stand(NOW), Stand::Awake);
        rests.failed(Part::Begin, NOW, 5);
        assert_eq!(rests.stand(after(REST_MS - 1)), Stand::Resting);
        assert_eq!(rests.stand(after(REST_MS)), Stand::HalfOpen);
        let probes = [0, 0, PROBE_MS - 1, PROBE_MS].map(|ms| rests.probe(after(REST_MS + ms)));
        assert_eq!(probes, [true, false, false, true], "one at a time, a silent one gives way");
        rests.failed(Part::Begin, after(REST_MS), 5);
        assert_eq!(rests.stand(after(3 * REST_MS - 1)), Stand::Resting, "twice as long");
        assert_eq!(rests.stand(after(3 * REST_MS)), Stand::HalfOpen);
        rests.did(Part::Begin);
        assert_eq!(rests.stand(after(3 * REST_MS)), Stand::Awake);
        (0..5).for_each(|_| rests.failed(Part::Begin, NOW, 5));
        assert_eq!(rests.stand(after(REST_MS)), Stand::HalfOpen, "the first rest again");
    }

    #[test]
    fn each_part_of_the_work_is_judged_by_itself() {
        let rests = Rests::default();
        for _ in 0..5 {
            rests.did(Part::Begin);
            rests.failed(Part::Finish, NOW, 5);
        }
        assert_eq!(rests.stand(NOW), Stand::Resting, "it begins every answer and ends none");
        rests.did(Part::Begin);
        assert_eq!(rests.stand(NOW), Stand::Resting);
        rests.did(Part::Finish);
        assert_eq!(rests.stand(NOW), Stand::Awake);
        for part in [Part::Connect, Part::Begin].repeat(4) {
            rests.failed(part, NOW, 5);
        }
        assert_eq!(rests.stand(NOW), Stand::Awake);
    }

    #[test]
    fn what_fails_while_it_rests_makes_no_rest_longer() {
        let rests = Rests::default();
        (0..50).for_each(|ms| rests.failed(Part::Connect, after(ms), 5));
        assert_eq!(rests.stand(after(4 + REST_MS)), Stand::HalfOpen);
        let back = UnixMillis(NOW.0 - 10 * REST_MS_MAX);
        assert_eq!(rests.stand(back), Stand::HalfOpen, "the clock was set back");
    }

    #[test]
    fn a_pause_is_as_long_as_asked_within_bounds() {
        let rests = Rests::default();
        rests.pause(Part::Begin, 7_000, NOW);
        rests.pause(Part::Begin, 1_000, NOW);
        assert_eq!(rests.stand(after(6_999)), Stand::Resting);
        assert_eq!(rests.stand(after(7_000)), Stand::HalfOpen);
        rests.pause(Part::Begin, u64::MAX, NOW);
        assert_eq!(rests.stand(after(REST_MS_MAX)), Stand::HalfOpen);
    }
}
