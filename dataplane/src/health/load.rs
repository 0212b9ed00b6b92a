//! How many requests an endpoint has, and how many it is known to take at once.
//!
//! The bound is learned as TCP learns its window: nothing bounds an endpoint that never said that
//! it has too much; when it does, the bound becomes a part of what it had just then; each round of
//! answers while the bound is in use raises it by one; and it is forgotten some minutes after the
//! last overload. Requests that were sent before the bound was lowered do not lower it again.
//! Invariants: the bound is advice. Who is full is asked last, and as the last one it is asked
//! whatever it has: the provider's own word is better than a guess.
//! Source: RFC 5681, 3.1 (additive increase, multiplicative decrease from what is in flight).

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use units::UnixMillis;

/// The bound is counted in shares of a request.
const SHARE: u32 = 256;
/// What is left of it after an overload: three quarters.
const LEFT: (u32, u32) = (3, 4);
/// It is never lower.
const LEAST: u32 = 4;
/// Nor higher: then it bounds nobody.
const MOST: u32 = 1 << 16;
/// Without an overload it is forgotten after so long.
const KNOWN_MS: u64 = 300_000;

const ORDER: Ordering = Ordering::Relaxed;

/// The load of one endpoint.
#[derive(Debug, Default)]
pub struct Load {
    in_flight: AtomicU32,
    /// Shares; zero where none is known.
    bound: AtomicU32,
    /// Unix milliseconds.
    lowered_at: AtomicU64,
}

impl Load {
    /// One request more.
    pub fn enter(&self) {
        self.in_flight.fetch_add(1, ORDER);
    }

    /// One less.
    pub fn leave(&self) {
        self.in_flight.fetch_sub(1, ORDER);
    }

    /// Requests that it has.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(ORDER)
    }

    /// Requests that it is known to take; `None` where that is not known.
    pub fn bound(&self) -> Option<u32> {
        Some(self.bound.load(ORDER) / SHARE).filter(|bound| *bound > 0)
    }

    /// Whether it has as many as it takes.
    pub fn is_full(&self) -> bool {
        self.bound().is_some_and(|bound| self.in_flight() >= bound)
    }

    /// It answered a request.
    pub fn answered(&self, now: UnixMillis) {
        let bound = self.bound.load(ORDER);
        if bound == 0 {
            return;
        }
        if now.since(UnixMillis(self.lowered_at.load(ORDER))) > KNOWN_MS || bound > MOST * SHARE {
            self.bound.store(0, ORDER);
        } else if self.in_flight() >= bound / SHARE / 2 {
            self.bound.fetch_add((SHARE * SHARE / bound).max(1), ORDER);
        }
    }

    /// A request that was sent then found it overloaded.
    pub fn overloaded(&self, sent: UnixMillis, now: UnixMillis) {
        let lowered = self.lowered_at.load(ORDER);
        let is_old = sent.0 <= lowered && lowered <= now.0;
        if is_old || self.lowered_at.compare_exchange(lowered, now.0, ORDER, ORDER).is_err() {
            return;
        }
        let had = self.in_flight().clamp(LEAST, MOST);
        let had = self.bound().map_or(had, |bound| had.min(bound));
        self.bound.store((had * LEFT.0 / LEFT.1).max(LEAST) * SHARE, ORDER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000_000_000);

    fn busy(requests: u32) -> Load {
        let load = Load::default();
        (0..requests).for_each(|_| load.enter());
        load
    }

    #[test]
    fn nothing_bounds_who_never_had_too_much() {
        let load = busy(10_000);
        (0..100).for_each(|_| load.answered(NOW));
        assert_eq!((load.bound(), load.is_full()), (None, false));
    }

    #[test]
    fn an_overload_lowers_the_bound_once_for_all_that_was_on_its_way() {
        let load = busy(100);
        let later = NOW.plus_ms(50);
        (0..20).for_each(|_| load.overloaded(NOW, later));
        assert_eq!((load.bound(), load.is_full()), (Some(75), true));
        (0..30).for_each(|_| load.leave());
        assert!(!load.is_full());
        load.overloaded(later.plus_ms(1), later.plus_ms(9));
        assert_eq!(load.bound(), Some(52), "of what it had: seventy");
        (0..70).for_each(|_| load.leave());
        load.overloaded(later.plus_ms(10), later.plus_ms(10));
        assert_eq!(load.bound(), Some(LEAST));
    }

    #[test]
    fn each_round_of_answers_raises_a_bound_in_use_by_one() {
        let load = busy(16);
        load.overloaded(NOW, NOW);
        assert_eq!(load.bound(), Some(12));
        (0..13).for_each(|_| load.answered(NOW));
        assert_eq!(load.bound(), Some(13));
        (0..11).for_each(|_| load.leave());
        (0..100).for_each(|_| load.answered(NOW));
        assert_eq!(load.bound(), Some(13), "it was not put to use");
        load.answered(NOW.plus_ms(KNOWN_MS + 1));
        assert_eq!(load.bound(), None, "it was forgotten");
    }
}
