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

impl PaceLimits {
    /// The lower of both in each.
    #[must_use]
    pub fn within(&self, other: &Self) -> Self {
        Self {
            rpm: least(self.rpm, other.rpm),
            rpd: least(self.rpd, other.rpd),
            tpm: least(self.tpm, other.tpm),
            concurrency: least(self.concurrency, other.concurrency),
        }
    }
}

/// The lower of two limits, each of which may be none.
fn least<T: Ord>(left: Option<T>, right: Option<T>) -> Option<T> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.min(right)),
        (one, None) | (None, one) => one,
    }
}

/// How a key's requests stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Those of a minute.
    pub minute: RateVerdict,
    /// Those of the day, where they are limited.
    pub day: Option<DayVerdict>,
}

/// How a key's requests of a day stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayVerdict {
    /// Requests per UTC day.
    pub limit: u32,
    /// How many more would pass today.
    pub remaining: u32,
    /// The next midnight UTC: the Unix second at which `remaining` is the whole limit again.
    pub reset_unix_s: u64,
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
    /// Counts a request; how its key stands after it, and whether it may go on. `rpm_most` holds
    /// for a key without a limit of its own.
    pub fn request(
        &self,
        limits: &PaceLimits,
        rpm_most: u32,
        now_us: u64,
    ) -> (Standing, Result<(), Paced>) {
        let before = self.look(limits, rpm_most, now_us);
        if let Some(day) = before.day.filter(|day| day.remaining == 0) {
            return (before, Err(Paced::Day(day.limit, until_midnight(now_us))));
        }
        let rpm = limits.rpm.unwrap_or(rpm_most);
        let minute = self.rate.admit(rpm, now_us);
        if !minute.allowed {
            return (Standing { minute, ..before }, Err(Paced::Minute(rpm, minute.retry_after_ms)));
        }
        let Some(rpd) = limits.rpd else { return (Standing { minute, day: None }, Ok(())) };
        let counted = self.count_day(rpd, now_us);
        let day = Some(day_verdict(rpd, counted.unwrap_or(rpd), now_us));
        let passed = counted.map(drop).ok_or(Paced::Day(rpd, until_midnight(now_us)));
        (Standing { minute, day }, passed)
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

    /// Whether a request would pass now; none is counted.
    ///
    /// # Errors
    /// The limit that it would meet.
    pub fn check(&self, limits: &PaceLimits, rpm_most: u32, now_us: u64) -> Result<(), Paced> {
        let Standing { minute, day } = self.look(limits, rpm_most, now_us);
        if let Some(day) = day.filter(|day| day.remaining == 0) {
            return Err(Paced::Day(day.limit, until_midnight(now_us)));
        }
        if !minute.allowed {
            return Err(Paced::Minute(minute.limit, minute.retry_after_ms));
        }
        Ok(())
    }

    /// How a key stands, without counting a request.
    pub fn look(&self, limits: &PaceLimits, rpm_most: u32, now_us: u64) -> Standing {
        let minute = self.rate.look(limits.rpm.unwrap_or(rpm_most), now_us);
        let day = limits.rpd.map(|rpd| day_verdict(rpd, self.of_day(now_us), now_us));
        Standing { minute, day }
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

    /// Counts a request of today; how many it has had with this one. `None` where that would be
    /// too many.
    fn count_day(&self, rpd: u32, now_us: u64) -> Option<u32> {
        let today = day_of(now_us);
        let of_today = |word| {
            let (day, count) = parts(word);
            if day == today { count } else { 0 }
        };
        let counted = self.day.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            let count = of_today(word);
            (count < rpd).then(|| u64::from(today) << 32 | u64::from(count + 1))
        });
        counted.ok().map(|before| of_today(before) + 1)
    }
}

fn parts(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

fn day_of(now_us: u64) -> u32 {
    (now_us / DAY_US) as u32
}

fn day_verdict(limit: u32, counted: u32, now_us: u64) -> DayVerdict {
    let reset_unix_s = (now_us / DAY_US + 1) * (DAY_US / 1_000_000);
    DayVerdict { limit, remaining: limit.saturating_sub(counted), reset_unix_s }
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
mod tests;
