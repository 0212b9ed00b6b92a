//! The pace of a key: requests per minute, in one atomic word.
//!
//! Purpose: the generic cell rate algorithm (ITU-T I.371, in its virtual scheduling form). The word
//! is the instant at which the key's allowance will be full again; each request moves it one
//! interval (a minute / limit) later, and passes if that stays within a minute of now. So a key of
//! 60 a minute may send 60 at once and then one a second.
//! Invariants: never one request too many, whatever threads do (the interval is rounded up to a
//! whole nanosecond); `remaining` is how many would pass right now; at `reset_unix_s` it is full.
//! A refused request changes nothing, but that a clock set back is taken note of.

use std::sync::atomic::{AtomicU64, Ordering};

const MINUTE_NS: u64 = 60_000_000_000;

/// The pace of one key.
#[derive(Debug, Default)]
pub struct RateCell {
    /// When the allowance is full again: nanoseconds since 1970.
    full_at: AtomicU64,
}

/// What the limiter says of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateVerdict {
    /// Whether the request may pass.
    pub allowed: bool,
    /// Requests per minute.
    pub limit: u32,
    /// How many more would pass right now.
    pub remaining: u32,
    /// The Unix second by which `remaining` is the whole limit again.
    pub reset_unix_s: u64,
    /// Milliseconds until a request would pass; 0 if one was allowed.
    pub retry_after_ms: u64,
}

impl RateCell {
    /// A full allowance.
    pub const fn new() -> Self {
        Self { full_at: AtomicU64::new(0) }
    }

    /// Counts one request against `rpm` a minute, at `now_us` microseconds since 1970.
    ///
    /// The limit may change between calls: it scales what is in use. A limit of 0 lets nothing
    /// pass. A clock that jumps back by more than a minute finds an empty allowance, not a locked
    /// one.
    pub fn admit(&self, rpm: u32, now_us: u64) -> RateVerdict {
        let pace = Pace::new(rpm, now_us);
        let mut stored = self.full_at.load(Ordering::Relaxed);
        loop {
            let full_at = pace.clamp(stored);
            let moved = full_at.saturating_add(pace.interval);
            let allowed = rpm > 0 && moved.saturating_sub(pace.now) <= pace.window;
            if !allowed && full_at >= stored {
                return pace.verdict(false, full_at);
            }
            let (next, order) = (if allowed { moved } else { full_at }, Ordering::Relaxed);
            match self.full_at.compare_exchange_weak(stored, next, order, order) {
                Ok(_) => return pace.verdict(allowed, next),
                Err(now) => stored = now,
            }
        }
    }

    /// What the allowance is at `now_us`, without counting a request.
    pub fn look(&self, rpm: u32, now_us: u64) -> RateVerdict {
        let pace = Pace::new(rpm, now_us);
        let full_at = pace.clamp(self.full_at.load(Ordering::Relaxed));
        let allowed = pace.left(full_at) > 0;
        pace.verdict(allowed, full_at)
    }
}

/// One limit at one instant, in nanoseconds.
struct Pace {
    rpm: u32,
    now: u64,
    interval: u64,
    window: u64,
}

impl Pace {
    fn new(rpm: u32, now_us: u64) -> Self {
        let interval = MINUTE_NS.div_ceil(u64::from(rpm.max(1)));
        let window = interval * u64::from(rpm.max(1));
        Self { rpm, now: now_us.saturating_mul(1000), interval, window }
    }

    /// The stored instant as it counts now: a full allowance saves nothing up.
    fn clamp(&self, full_at: u64) -> u64 {
        full_at.clamp(self.now, self.now.saturating_add(self.window))
    }

    fn left(&self, full_at: u64) -> u32 {
        if self.rpm == 0 {
            return 0;
        }
        ((self.window - (full_at - self.now)) / self.interval) as u32
    }

    fn verdict(&self, allowed: bool, full_at: u64) -> RateVerdict {
        let next = full_at.saturating_add(self.interval);
        let next = next.saturating_sub(self.now.saturating_add(self.window));
        let wait = if self.rpm == 0 { MINUTE_NS } else { next };
        RateVerdict {
            allowed,
            limit: self.rpm,
            remaining: self.left(full_at),
            reset_unix_s: full_at.div_ceil(1_000_000_000),
            retry_after_ms: if allowed { 0 } else { wait.div_ceil(1_000_000) },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    const NOW_US: u64 = 1_800_000_000_000_000;

    #[test]
    fn a_burst_of_the_limit_then_one_an_interval() {
        let cell = RateCell::new();
        for left in (0..60).rev() {
            let verdict = cell.admit(60, NOW_US);
            assert!(verdict.allowed && verdict.remaining == left && verdict.retry_after_ms == 0);
        }
        let refused = cell.admit(60, NOW_US);
        assert_eq!((refused.allowed, refused.remaining, refused.retry_after_ms), (false, 0, 1000));
        assert_eq!(refused.reset_unix_s, NOW_US / 1_000_000 + 60);
        assert!(!cell.admit(60, NOW_US + 999_999).allowed);
        assert!(cell.admit(60, NOW_US + 1_000_000).allowed);
        assert!(!cell.admit(60, NOW_US + 1_000_000).allowed);
    }

    #[test]
    fn nothing_passes_a_limit_of_zero_and_a_clock_set_back_locks_nobody_out() {
        assert!(!RateCell::new().admit(0, NOW_US).allowed);
        let cell = RateCell::new();
        assert!(cell.admit(60, NOW_US).allowed);
        let earlier = NOW_US - 3_600_000_000;
        assert!(!cell.admit(60, earlier).allowed);
        assert!(cell.admit(60, earlier + 1_000_000).allowed);
    }

    #[test]
    fn threads_together_get_exactly_the_limit() {
        for limit in [1, 7, 1000] {
            let cell = RateCell::new();
            let passed: usize = thread::scope(|scope| {
                let admit = || (0..limit).filter(|_| cell.admit(limit, NOW_US).allowed).count();
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(admit)).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).sum()
            });
            assert_eq!(passed, limit as usize);
        }
    }

    proptest! {
        /// Against a leaky bucket in exact fractions of a request: level in 1/60e9 of one.
        #[test]
        fn the_limiter_is_a_leaky_bucket_that_tells_the_truth(
            limit in 1..2000u32, steps in prop::collection::vec(0..20_000_000u64, 1..200),
        ) {
            let cell = RateCell::new();
            let (mut now_us, mut level) = (NOW_US, 0u128);
            let one = u128::from(MINUTE_NS.div_ceil(u64::from(limit)));
            for step in steps {
                now_us += step * u64::from(step % 3 == 0);
                let leaked = u128::from(step * u64::from(step % 3 == 0)) * 1000;
                level = level.saturating_sub(leaked);
                let room = (one * u128::from(limit) - level) / one;
                let verdict = cell.admit(limit, now_us);
                prop_assert_eq!(verdict.allowed, room > 0);
                level += one * u128::from(verdict.allowed);
                prop_assert_eq!(u128::from(verdict.remaining), room.saturating_sub(1));
                let after = cell.look(limit, verdict.reset_unix_s * 1_000_000);
                prop_assert_eq!(after.remaining, limit);
                if !verdict.allowed {
                    let retry_us = now_us + verdict.retry_after_ms * 1000;
                    prop_assert!(cell.look(limit, retry_us).allowed);
                }
            }
        }
    }
}
