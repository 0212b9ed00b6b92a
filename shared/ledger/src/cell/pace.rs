//! Everything that paces one key: requests a minute and a day, tokens a minute, requests at once,
//! and the lower ceilings that a tier or a request itself sets.
//!
//! Purpose: one value for each key, shared by all cores of a process and by all generations of
//! what is published. A request is let in with [`Pace::request`], and again with [`Pace::begin`]
//! once it is known what it may use; what that answers must be ended.
//! Invariants: never one request too many, whatever threads do. What is not limited costs nothing.
//! Each ceiling counts the requests that are under it, and no others.
//! Left out on purpose: other processes, which pace for themselves.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::rate::{RateCell, RateVerdict};
use super::tokens::{TokenCell, TokenVerdict};

const DAY_US: u64 = 86_400_000_000;
/// Ceilings that a key may be under; of more tiers than these, some share one.
const CEILINGS: usize = 16;

/// What paces a key. What is `None` is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PaceLimits {
    /// Requests a minute.
    pub rpm: Option<u32>,
    /// Requests a UTC day.
    pub rpd: Option<u32>,
    /// Tokens a minute.
    pub tpm: Option<u64>,
    /// Requests at once.
    pub concurrency: Option<u32>,
}

/// The pace of one key.
#[derive(Debug, Default)]
pub struct Pace {
    rate: RateCell,
    tokens: TokenCell,
    /// The UTC day, and how many requests it has had.
    day: AtomicU64,
    running: AtomicU32,
    /// Made for the first request that is under one.
    ceilings: OnceLock<Box<[RateCell; CEILINGS]>>,
}

/// What sets a ceiling below the key's own limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ceiling {
    /// The request itself.
    Request,
    /// The tier that it asks for, by its place in the catalog.
    Tier(u32),
}

/// Which limit a request met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paced {
    /// Requests a minute, or a day: the limit, and milliseconds until one would pass.
    Minute(u32, u64),
    /// Requests a day: the limit, and milliseconds until midnight.
    Day(u32, u64),
    /// Tokens a minute.
    Tokens(TokenVerdict),
    /// Requests at once: the limit.
    AtOnce(u32),
}

impl Pace {
    /// Counts a request; what its key's head tells of the minute, and whether it may go on.
    /// `rpm_most` holds for a key without a limit of its own.
    pub fn request(
        &self,
        limits: &PaceLimits,
        rpm_most: u32,
        now_us: u64,
    ) -> (RateVerdict, Result<(), Paced>) {
        let rpm = limits.rpm.unwrap_or(rpm_most);
        if let Some(rpd) = limits.rpd
            && self.of_day(now_us) >= rpd
        {
            return (self.rate.look(rpm, now_us), Err(Paced::Day(rpd, until_midnight(now_us))));
        }
        let verdict = self.rate.admit(rpm, now_us);
        if !verdict.allowed {
            return (verdict, Err(Paced::Minute(rpm, verdict.retry_after_ms)));
        }
        let passed = match limits.rpd {
            Some(rpd) if !self.count_day(rpd, now_us) => {
                Err(Paced::Day(rpd, until_midnight(now_us)))
            }
            _ => Ok(()),
        };
        (verdict, passed)
    }

    /// Counts a request that is under a ceiling of so many a minute. A ceiling that changes scales
    /// what is in use of it.
    pub fn ceiling(&self, ceiling: Ceiling, rpm: u32, now_us: u64) -> RateVerdict {
        let cells = self.ceilings.get_or_init(Box::default);
        let place = match ceiling {
            Ceiling::Request => 0,
            Ceiling::Tier(tier) => 1 + tier as usize % (CEILINGS - 1),
        };
        cells[place].admit(rpm, now_us)
    }

    /// How the minute stands, without counting a request.
    pub fn look(&self, limits: &PaceLimits, rpm_most: u32, now_us: u64) -> RateVerdict {
        self.rate.look(limits.rpm.unwrap_or(rpm_most), now_us)
    }

    /// How the tokens of a key stand that has a limit of them.
    pub fn look_tokens(&self, limits: &PaceLimits, now_us: u64) -> Option<TokenVerdict> {
        limits.tpm.map(|tpm| self.tokens.look(tpm, now_us))
    }

    /// A request that will probably use so many tokens begins to run. `None` where nothing counts
    /// it.
    ///
    /// # Errors
    /// The limit that it met; nothing has changed.
    pub fn begin(
        self: &Arc<Self>,
        limits: &PaceLimits,
        tokens: u64,
        now_us: u64,
    ) -> Result<Option<Running>, Paced> {
        if limits.concurrency.is_none() && limits.tpm.is_none() {
            return Ok(None);
        }
        let before = self.running.fetch_add(1, Ordering::AcqRel);
        // From here on the count goes back by being dropped.
        let mut running = Running { pace: Arc::clone(self), tokens: None };
        if let Some(most) = limits.concurrency.filter(|most| before >= *most) {
            return Err(Paced::AtOnce(most));
        }
        if let Some(tpm) = limits.tpm {
            let reserved = self.tokens.reserve(tpm, tokens, now_us).map_err(Paced::Tokens)?;
            running.tokens = Some(Reserve { tpm, reserved });
        }
        Ok(Some(running))
    }

    fn of_day(&self, now_us: u64) -> u32 {
        let (day, count) = parts(self.day.load(Ordering::Relaxed));
        if day == day_of(now_us) { count } else { 0 }
    }

    fn count_day(&self, rpd: u32, now_us: u64) -> bool {
        let today = day_of(now_us);
        let counted = self.day.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            let (day, count) = parts(word);
            let count = if day == today { count } else { 0 };
            (count < rpd).then(|| u64::from(today) << 32 | u64::from(count + 1))
        });
        counted.is_ok()
    }
}

fn parts(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

fn day_of(now_us: u64) -> u32 {
    (now_us / DAY_US) as u32
}

fn until_midnight(now_us: u64) -> u64 {
    (DAY_US - now_us % DAY_US).div_ceil(1000)
}

/// A request that runs and is counted. One that is dropped has used nothing.
#[derive(Debug)]
#[must_use]
pub struct Running {
    pace: Arc<Pace>,
    tokens: Option<Reserve>,
}

#[derive(Clone, Copy, Debug)]
struct Reserve {
    tpm: u64,
    reserved: u64,
}

impl Running {
    /// It has ended, and used so many tokens.
    pub fn end(mut self, used: u64, now_us: u64) {
        self.give_back(used, now_us);
    }

    fn give_back(&mut self, used: u64, now_us: u64) {
        if let Some(Reserve { tpm, reserved }) = self.tokens.take() {
            self.pace.tokens.end(tpm, reserved, used, now_us);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.give_back(0, 0);
        self.pace.running.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const NOW_US: u64 = 20_000 * DAY_US + 86_399_000_000;

    #[test]
    fn a_day_has_its_requests_and_no_more_until_midnight() {
        let (pace, limits) = (Pace::default(), PaceLimits { rpd: Some(2), ..Default::default() });
        let ask = |now_us| pace.request(&limits, 1000, now_us).1;
        assert_eq!([ask(NOW_US), ask(NOW_US)], [Ok(()); 2]);
        assert_eq!(ask(NOW_US), Err(Paced::Day(2, 1000)));
        assert_eq!(pace.look(&limits, 1000, NOW_US).remaining, 998, "a refused one is not counted");
        assert_eq!(ask(NOW_US + 1_000_000), Ok(()));
    }

    #[test]
    fn threads_together_run_no_more_than_may_at_once() {
        let pace = Arc::new(Pace::default());
        let limits = PaceLimits { concurrency: Some(3), tpm: Some(100), ..Default::default() };
        let most = AtomicU32::new(0);
        let now = AtomicU32::new(0);
        let run = || {
            for _ in 0..500 {
                let Ok(running) = pace.begin(&limits, 1, NOW_US) else { continue };
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                now.fetch_sub(1, Ordering::SeqCst);
                drop(running);
            }
        };
        thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(run))));
        assert!((1..=3).contains(&most.into_inner()));
        assert_eq!(pace.look_tokens(&limits, NOW_US).unwrap().remaining, 100);
        let running: Vec<_> = (0..3).map(|_| pace.begin(&limits, 30, NOW_US).unwrap()).collect();
        assert_eq!(pace.begin(&limits, 1, NOW_US).unwrap_err(), Paced::AtOnce(3));
        drop(running);
        assert!(matches!(pace.begin(&limits, 200, NOW_US), Ok(Some(_))));
    }

    #[test]
    fn threads_together_pass_a_ceiling_no_more_often_than_it_says() {
        let pace = Pace::default();
        let passed: usize = thread::scope(|scope| {
            let ask = || {
                let asked = (0..50).map(|_| pace.ceiling(Ceiling::Request, 20, NOW_US));
                asked.filter(|verdict| verdict.allowed).count()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 20);
        let of_a_tier = pace.ceiling(Ceiling::Tier(0), 20, NOW_US);
        assert_eq!((of_a_tier.allowed, of_a_tier.remaining), (true, 19));
        assert_eq!(pace.look(&PaceLimits::default(), 7, NOW_US).remaining, 7);
    }

    #[test]
    fn what_has_no_limit_is_not_counted() {
        let pace = Arc::new(Pace::default());
        assert!(pace.begin(&PaceLimits::default(), 1, NOW_US).unwrap().is_none());
        assert_eq!(Arc::strong_count(&pace), 1);
        assert!(pace.request(&PaceLimits::default(), 9, NOW_US).1.is_ok());
        assert!(pace.ceilings.get().is_none(), "no memory is taken for ceilings that nobody has");
    }
}
