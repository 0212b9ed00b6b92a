//! Which journal batch each day began with, so that old segments can go by age.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use units::UnixMillis;

/// The first batch of each UTC day that had any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Days(BTreeMap<u32, u64>);

impl Days {
    /// A batch was written now.
    pub(crate) fn note(&mut self, now: UnixMillis, batch: u64) {
        self.0.entry(now.day()).or_insert(batch);
    }

    /// The first batch to keep when `days` are kept; older days are forgotten.
    pub(crate) fn first_kept(&mut self, now: UnixMillis, days: u32) -> u64 {
        self.0 = self.0.split_off(&now.day().saturating_sub(days));
        self.0.values().next().copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_retention_may_go() {
        let day = |day: u64| UnixMillis(day * 86_400_000);
        let mut days = Days::default();
        for (on, batch) in [(100, 5), (100, 6), (101, 9), (103, 20)] {
            days.note(day(on), batch);
        }
        assert_eq!(days.first_kept(day(103), 400), 5);
        assert_eq!(days.first_kept(day(103), 2), 9);
        assert_eq!(days.first_kept(day(200), 2), 0);
    }
}
