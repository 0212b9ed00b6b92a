//! How long a lease lives without news between its two sides.
//!
//! The borrower stops first, by its own clock, and the ledger reclaims later, by its own: so no
//! credit is spent here that is lent again there, as long as the two clocks run less than an hour
//! apart within a day. What is spent all the same (a clock that stood still) is written off.

use units::UnixMillis;

/// A borrower that has heard nothing for so long spends no more of its leases: 24 hours.
pub const BORROWER_STOPS_MS: u64 = 24 * 3_600_000;

/// A ledger that has heard nothing for so long takes the leases back: 25 hours.
pub const LENDER_RECLAIMS_MS: u64 = 25 * 3_600_000;

/// One that was heard of within so long is there, or is just being started again: 30 seconds.
pub const AWAY_MS: u64 = 30_000;

/// Whether what a data plane has borrowed may come back soon: it was heard of not long ago.
pub const fn is_there(heard: UnixMillis, now: UnixMillis) -> bool {
    now.0.saturating_sub(heard.0) < AWAY_MS
}

/// Whether a borrower that last heard of the ledger then may still spend its leases.
pub const fn may_spend(heard: UnixMillis, now: UnixMillis) -> bool {
    now.0.saturating_sub(heard.0) < BORROWER_STOPS_MS
}

/// Whether the ledger takes back the leases of a data plane that it last heard of then.
pub const fn is_lost(heard: UnixMillis, now: UnixMillis) -> bool {
    now.0.saturating_sub(heard.0) >= LENDER_RECLAIMS_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_borrower_stops_an_hour_before_the_ledger_reclaims() {
        let (heard, hour) = (UnixMillis(7), 3_600_000);
        let at = |hours: u64| UnixMillis(7 + hours * hour);
        assert!(may_spend(heard, UnixMillis(at(24).0 - 1)) && !may_spend(heard, at(24)));
        assert!(!is_lost(heard, UnixMillis(at(25).0 - 1)) && is_lost(heard, at(25)));
        assert!(may_spend(at(3), heard), "a clock that was set back forgives");
    }
}
