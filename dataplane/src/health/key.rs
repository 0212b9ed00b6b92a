//! How one key of a provider does: whether it is refused, or asked to wait.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use units::UnixMillis;

/// A rest where the provider does not say how long; doubled with each one in a row.
const REST_MS: u64 = 1_000;
const REST_MS_MAX: u64 = 60_000;
/// The longest rest that a provider may ask for.
const ASKED_MS_MAX: u64 = 600_000;

const ORDER: Ordering = Ordering::Relaxed;

/// What is known of one key.
#[derive(Debug, Default)]
pub struct KeyCell {
    refusals_in_a_row: AtomicU32,
    rests_until: AtomicU64,
}

impl KeyCell {
    /// The provider refused it, and may have said for how long; answers when its rest ends.
    pub fn refused(&self, rest_ms: Option<u64>, now: UnixMillis) -> u64 {
        let before = self.refusals_in_a_row.fetch_add(1, ORDER).min(16);
        let own = (REST_MS << before).min(REST_MS_MAX);
        let until = now.plus_ms(rest_ms.map_or(own, |asked| asked.min(ASKED_MS_MAX))).0;
        self.rests_until.store(until, ORDER);
        until
    }

    /// It was good for an answer.
    pub fn answered(&self) {
        if self.refusals_in_a_row.load(ORDER) != 0 {
            self.refusals_in_a_row.store(0, ORDER);
            self.rests_until.store(0, ORDER);
        }
    }

    /// Whether it rests. A clock that was set back does not make a rest longer.
    pub fn rests(&self, now: UnixMillis) -> bool {
        let left = self.rests_until.load(ORDER).saturating_sub(now.0);
        left > 0 && left <= ASKED_MS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_double_unless_the_provider_says_how_long() {
        let (cell, now) = (KeyCell::default(), UnixMillis(1_000_000_000));
        let rest = |asked| cell.refused(asked, now) - now.0;
        assert_eq!([rest(None), rest(None), rest(Some(7)), rest(None)], [1_000, 2_000, 7, 8_000]);
        assert!((0..40).all(|_| rest(None) <= REST_MS_MAX));
        assert_eq!((rest(None), rest(Some(u64::MAX / 2))), (REST_MS_MAX, ASKED_MS_MAX));
        assert!(cell.rests(now) && !cell.rests(now.plus_ms(ASKED_MS_MAX)));
        assert!(!cell.rests(UnixMillis(1_000)));
        cell.answered();
        assert!(!cell.rests(now) && rest(None) == REST_MS);
    }
}
