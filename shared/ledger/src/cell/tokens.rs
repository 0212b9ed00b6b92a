//! The tokens a minute of a key, in two atomic words.
//!
//! Purpose: a leaky bucket of what was used, and beside it what running requests may still use.
//! A request reserves its expected tokens; when it has ended they leave the reserve and what it
//! truly used goes into the bucket.
//! Invariants: whatever threads do, nothing is let in while used and reserved tokens are more than
//! the limit together with what is asked for; two that ask at once may both be refused, never both
//! let in wrongly. An answer that used more than was expected is paid off by waiting, but for
//! [`DEBT_MINUTES`] at most, which also bounds what a clock set back can do.

use std::sync::atomic::{AtomicU64, Ordering};

const MINUTE_NS: u64 = 60_000_000_000;
/// The most that a key waits for what it has used.
const DEBT_MINUTES: u64 = 4;
/// The highest limit that is kept exactly enough.
pub const TPM_MAX: u64 = 1_000_000_000;

/// The tokens of one key.
#[derive(Debug, Default)]
pub(super) struct TokenCell {
    /// When all that was used has drained: nanoseconds since 1970.
    full_at: AtomicU64,
    /// Tokens that running requests may still use.
    reserved: AtomicU64,
}

/// How a key's tokens stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenVerdict {
    /// Tokens per minute.
    pub limit: u64,
    /// How many more may be asked for right now.
    pub remaining: u64,
    /// The Unix second by which all that was used until now has drained.
    pub reset_unix_s: u64,
    /// Milliseconds until a refused request may pass, if nothing else happens; at least one.
    pub retry_after_ms: u64,
}

impl TokenCell {
    /// Reserves tokens of a request; one that wants more than the whole limit needs all of it.
    ///
    /// # Errors
    /// How the tokens stand: there are too few now.
    pub(super) fn reserve(&self, tpm: u64, wanted: u64, now_us: u64) -> Result<u64, TokenVerdict> {
        let pace = Pace::new(tpm, now_us);
        let wanted = wanted.min(tpm);
        // Release, and acquire by whoever sees it, so that used tokens are seen before their
        // reserve is gone.
        let before = self.reserved.fetch_add(wanted, Ordering::AcqRel);
        let used = pace.used(self.full_at.load(Ordering::Acquire));
        let taken = used.saturating_add(before);
        if taken.saturating_add(wanted) <= tpm {
            return Ok(wanted);
        }
        self.reserved.fetch_sub(wanted, Ordering::AcqRel);
        Err(pace.verdict(used, before, wanted))
    }

    /// A request has ended: what it reserved is free, and what it used is counted.
    pub(super) fn end(&self, tpm: u64, reserved: u64, used: u64, now_us: u64) {
        if used > 0 {
            let pace = Pace::new(tpm, now_us);
            let later = |full_at| Some(pace.after(full_at, used));
            // The closure always gives a value.
            let _ = self.full_at.fetch_update(Ordering::AcqRel, Ordering::Acquire, later);
        }
        self.reserved.fetch_sub(reserved, Ordering::AcqRel);
    }

    /// How the tokens stand.
    pub(super) fn look(&self, tpm: u64, now_us: u64) -> TokenVerdict {
        let pace = Pace::new(tpm, now_us);
        let reserved = self.reserved.load(Ordering::Acquire);
        pace.verdict(pace.used(self.full_at.load(Ordering::Acquire)), reserved, 0)
    }
}

/// One limit at one instant, in nanoseconds.
struct Pace {
    tpm: u64,
    now: u64,
    interval: u64,
}

impl Pace {
    fn new(tpm: u64, now_us: u64) -> Self {
        let interval = MINUTE_NS.div_ceil(tpm.max(1));
        Self { tpm, now: now_us.saturating_mul(1000), interval }
    }

    fn clamp(&self, full_at: u64) -> u64 {
        full_at.clamp(self.now, self.now.saturating_add(DEBT_MINUTES * MINUTE_NS))
    }

    /// Tokens of the bucket that have not drained.
    fn used(&self, full_at: u64) -> u64 {
        (self.clamp(full_at) - self.now).div_ceil(self.interval)
    }

    fn after(&self, full_at: u64, used: u64) -> u64 {
        self.clamp(self.clamp(full_at).saturating_add(self.interval.saturating_mul(used)))
    }

    fn verdict(&self, used: u64, reserved: u64, wanted: u64) -> TokenVerdict {
        let taken = used.saturating_add(reserved);
        let beyond = taken.saturating_add(wanted).saturating_sub(self.tpm);
        let drains = beyond.min(used).saturating_mul(self.interval);
        let empty_at = self.now.saturating_add(used.saturating_mul(self.interval));
        TokenVerdict {
            limit: self.tpm,
            remaining: self.tpm.saturating_sub(taken),
            reset_unix_s: empty_at.div_ceil(1_000_000_000),
            retry_after_ms: drains.div_ceil(1_000_000).max(1),
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
    fn what_is_reserved_counts_until_its_end_and_what_was_used_drains_in_a_minute() {
        let cell = TokenCell::default();
        assert_eq!(cell.reserve(600, 500, NOW_US), Ok(500));
        let refused = cell.reserve(600, 101, NOW_US).unwrap_err();
        assert_eq!((refused.limit, refused.remaining), (600, 100));
        assert_eq!(cell.reserve(600, 100, NOW_US), Ok(100));
        cell.end(600, 500, 200, NOW_US);
        cell.end(600, 100, 0, NOW_US);
        assert_eq!(cell.look(600, NOW_US).remaining, 400);
        let refused = cell.reserve(600, 410, NOW_US).unwrap_err();
        assert_eq!(refused.retry_after_ms, 1000);
        assert_eq!(cell.reserve(600, 410, NOW_US + 1_000_000), Ok(410));
        assert_eq!(refused.reset_unix_s, NOW_US / 1_000_000 + 20);
    }

    #[test]
    fn a_request_above_the_limit_needs_all_of_it_and_its_debt_has_an_end() {
        let cell = TokenCell::default();
        assert_eq!(cell.reserve(100, 5000, NOW_US), Ok(100));
        assert!(cell.reserve(100, 1, NOW_US).is_err());
        cell.end(100, 100, 5000, NOW_US);
        let later = |minutes: u64| NOW_US + minutes * 60_000_000;
        assert!(cell.reserve(100, 1, later(DEBT_MINUTES - 1)).is_err());
        assert_eq!(cell.look(100, later(DEBT_MINUTES)).remaining, 100);
        let yesterday = NOW_US - 86_400_000_000;
        assert!(cell.reserve(100, 1, yesterday).is_err());
    }

    #[test]
    fn threads_together_reserve_no_more_than_the_limit() {
        let cell = TokenCell::default();
        let reserve = || (0..200).filter(|_| cell.reserve(1000, 7, NOW_US).is_ok()).count() as u64;
        let got: u64 = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(reserve)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert!(got * 7 <= 1000 && cell.look(1000, NOW_US).remaining == 1000 - got * 7, "{got}");
    }

    proptest! {
        /// Against a bucket in exact fractions: never more than the limit within it and reserved.
        #[test]
        fn the_bucket_never_overflows(
            tpm in 1..5000u64,
            steps in prop::collection::vec((0..3_000_000u64, 1..800u64, 0..800u64), 1..80),
        ) {
            let (cell, mut now_us, mut level) = (TokenCell::default(), NOW_US, 0u128);
            let (one, mut open) = (u128::from(MINUTE_NS.div_ceil(tpm)), Vec::new());
            for (step, wanted, used) in steps {
                now_us += step;
                level = level.saturating_sub(u128::from(step) * 1000);
                let reserved: u64 = open.iter().sum();
                let drained = level.div_ceil(one) as u64;
                let fits = drained + reserved + wanted.min(tpm) <= tpm;
                let verdict = cell.reserve(tpm, wanted, now_us);
                prop_assert_eq!(verdict.is_ok(), fits);
                open.extend(verdict);
                if step % 2 == 0 && !open.is_empty() {
                    let reserved = open.remove(0);
                    cell.end(tpm, reserved, used.min(reserved), now_us);
                    level += one * u128::from(used.min(reserved));
                }
            }
        }
    }
}
