//! The one place of this crate that reads a clock.
//!
//! Everything below is given its time, so that books and tests decide what "now" is.

use std::time::{SystemTime, UNIX_EPOCH};

use units::UnixMillis;

/// Milliseconds since 1970; zero on a machine whose clock stands before that.
pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
