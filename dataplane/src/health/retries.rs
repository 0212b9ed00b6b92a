//! The budget of second tries of a core: a share of its requests and a few a second beside, so
//! that providers which are down are not asked several times as much.
//!
//! Source: Finagle's retry budget, which saves up for ten seconds.

use std::cell::Cell;

/// What one retry costs; requests and time are counted in shares of it.
const RETRY: u64 = 1_000;
/// Budget is saved up for so many seconds.
const SAVED_S: u64 = 10;
/// And for so many requests.
const SAVED_REQUESTS: u64 = 1_000;

/// What is left to be tried again.
pub struct Retries {
    balance: Cell<u64>,
    counted_ms: Cell<u64>,
    each_request: u64,
    each_second: u64,
    most: u64,
}

impl Retries {
    /// A full budget: retries for so many of a hundred requests, and so many a second.
    pub fn new(percent: u32, each_second: u32) -> Self {
        let each_request = u64::from(percent) * RETRY / 100;
        let each_second = u64::from(each_second) * RETRY;
        let most = each_second * SAVED_S + each_request * SAVED_REQUESTS;
        let balance = Cell::new(each_second * SAVED_S);
        Self { balance, counted_ms: Cell::new(0), each_request, each_second, most }
    }

    /// A request came.
    pub fn earn(&self) {
        self.balance.set((self.balance.get() + self.each_request).min(self.most));
    }

    /// Takes one retry; false where none is left.
    pub fn take(&self, now_ms: u64) -> bool {
        let passed = now_ms.saturating_sub(self.counted_ms.replace(now_ms)).min(SAVED_S * 1000);
        let earned = passed * self.each_second / 1000;
        let balance = (self.balance.get() + earned).min(self.most);
        let left = balance.checked_sub(RETRY);
        self.balance.set(left.unwrap_or(balance));
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_share_of_requests_and_a_few_a_second() {
        let retries = Retries::new(20, 10);
        let taken = |now_ms| (0..100_000).take_while(|_| retries.take(now_ms)).count();
        assert_eq!(taken(0), 100, "saved up for ten seconds");
        (0..1000).for_each(|_| retries.earn());
        assert_eq!(taken(0), 200);
        assert_eq!((taken(1_000), taken(1_100), taken(1_000_000)), (10, 1, 100));
        (0..100_000).for_each(|_| retries.earn());
        assert_eq!(taken(1_000_000), 300, "no more is saved up");
        assert!(!Retries::new(0, 0).take(5));
    }
}
