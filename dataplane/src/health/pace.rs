//! How fast an endpoint is: latency and throughput of the last minutes, as percentiles.
//!
//! Counts in buckets that are an eighth of their own value wide, in two halves of five minutes that
//! take turns: what is told covers the last two and a half to five minutes, and is off by a
//! sixteenth at most.
//! Invariants: single words that all cores change; cores that clear a half at the same time may
//! lose a few counts, which are for choosing and not for money.

use std::sync::atomic::{AtomicU32, Ordering};

use catalog::route::Percentiles;
use units::UnixMillis;

/// A half of the window.
const HALF_MS: u64 = 150_000;
/// Buckets for each doubling.
const STEPS: u64 = 8;
const STEP_BITS: u32 = STEPS.trailing_zeros();
const BUCKETS: usize = 128;
/// Throughput is counted in tenths of a token a second.
const TENTHS: u64 = 10;

const ORDER: Ordering = Ordering::Relaxed;

/// The pace of one endpoint.
#[derive(Debug, Default)]
pub struct Pace {
    /// Milliseconds.
    latency: Window,
    /// Tenths of a token a second.
    throughput: Window,
}

impl Pace {
    /// So many milliseconds passed until its first event.
    pub fn began_after(&self, ms: u32, now: UnixMillis) {
        self.latency.note(u64::from(ms), now);
    }

    /// It made so many tokens in so many milliseconds.
    pub fn made(&self, tokens: u64, ms: u64, now: UnixMillis) {
        self.throughput.note(tokens.saturating_mul(1000 * TENTHS) / ms.max(1), now);
    }

    /// Microseconds to the first event.
    pub fn latency(&self, now: UnixMillis) -> Percentiles {
        let (counts, total) = self.latency.counts(now);
        let at_most = |percent: u64| nth(&counts, (total * percent).div_ceil(100));
        points([50, 75, 90, 99].map(|percent| at_most(percent).map(|ms| ms * 1000)))
    }

    /// Thousandths of a token a second: a percentile is what that share of requests gets at least.
    pub fn throughput(&self, now: UnixMillis) -> Percentiles {
        let (counts, total) = self.throughput.counts(now);
        let at_least = |percent: u64| nth(&counts, total * (100 - percent) / 100 + 1);
        let thousandths = 1000 / TENTHS;
        points([50, 75, 90, 99].map(|percent| at_least(percent).map(|rate| rate * thousandths)))
    }
}

fn points([p50, p75, p90, p99]: [Option<u64>; 4]) -> Percentiles {
    Percentiles { p50, p75, p90, p99 }
}

/// Counts of the last minutes.
#[derive(Debug, Default)]
struct Window {
    halves: [Half; 2],
}

#[derive(Debug)]
struct Half {
    /// Which half minute since 1970 it counts, from its first count on.
    number: AtomicU32,
    counts: [AtomicU32; BUCKETS],
}

impl Default for Half {
    fn default() -> Self {
        let counts = [const { AtomicU32::new(0) }; BUCKETS];
        Self { number: AtomicU32::new(0), counts }
    }
}

impl Window {
    fn note(&self, value: u64, now: UnixMillis) {
        let number = number_of(now);
        let half = &self.halves[number as usize % 2];
        let known = half.number.load(ORDER);
        if known != number && half.number.compare_exchange(known, number, ORDER, ORDER).is_ok() {
            half.counts.iter().for_each(|count| count.store(0, ORDER));
        }
        half.counts[bucket_of(value)].fetch_add(1, ORDER);
    }

    fn counts(&self, now: UnixMillis) -> ([u64; BUCKETS], u64) {
        let newest = number_of(now);
        let mut counts = [0; BUCKETS];
        for half in &self.halves {
            if newest.wrapping_sub(half.number.load(ORDER)) <= 1 {
                for (sum, count) in counts.iter_mut().zip(&half.counts) {
                    *sum += u64::from(count.load(ORDER));
                }
            }
        }
        (counts, counts.iter().sum())
    }
}

fn number_of(now: UnixMillis) -> u32 {
    (now.0 / HALF_MS) as u32
}

/// Small values each have their own bucket.
fn bucket_of(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let shift = value.ilog2() - STEP_BITS;
    let step = (value >> shift) % STEPS;
    ((u64::from(shift) + 1) * STEPS + step).min(BUCKETS as u64 - 1) as usize
}

/// The middle of a bucket.
fn value_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let shift = bucket / STEPS - 1;
    let least = (STEPS + bucket % STEPS) << shift;
    least + (1 << shift) / 2
}

/// The value that has so many before and at its place; `None` where there are fewer, or none.
fn nth(counts: &[u64; BUCKETS], wanted: u64) -> Option<u64> {
    let mut seen = 0;
    let bucket = counts.iter().position(|count| {
        seen += count;
        seen >= wanted.max(1)
    });
    bucket.map(value_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(300_000_000);

    #[test]
    fn a_bucket_is_never_far_from_its_values() {
        for value in (0..260_000).step_by(7) {
            let shown = value_of(bucket_of(value));
            assert!(shown.abs_diff(value) * 16 <= value, "{value} shows as {shown}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_those_of_the_last_minutes() {
        let pace = Pace::default();
        assert_eq!(pace.latency(NOW), Percentiles::NONE);
        (1..=100).for_each(|ms| pace.began_after(ms * 10, NOW));
        let near = |found: Option<u64>, ms: u64| {
            let found = found.unwrap() / 1000;
            assert!(found.abs_diff(ms) * 10 <= ms, "{found} for {ms}");
        };
        let told = pace.latency(NOW.plus_ms(HALF_MS));
        let told = [told.p50, told.p75, told.p90, told.p99];
        told.into_iter().zip([500, 750, 900, 990]).for_each(|(found, ms)| near(found, ms));
        pace.began_after(7, NOW.plus_ms(2 * HALF_MS));
        assert_eq!(pace.latency(NOW.plus_ms(2 * HALF_MS)).p99, Some(7_000));
        assert_eq!(pace.latency(NOW.plus_ms(4 * HALF_MS)), Percentiles::NONE);
    }

    #[test]
    fn a_percentile_of_throughput_is_what_so_many_get_at_least() {
        let pace = Pace::default();
        (0..90).for_each(|_| pace.made(500, 10_000, NOW));
        (0..10).for_each(|_| pace.made(50, 10_000, NOW));
        let told = pace.throughput(NOW);
        let rates = [told.p50, told.p90, told.p99].map(|rate| rate.unwrap_or(0) / 1000);
        assert_eq!(rates, [49, 49, 5], "fifty a second for nine of ten");
    }
}
