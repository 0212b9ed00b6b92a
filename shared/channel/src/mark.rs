//! A number that only rises, such as how far the journal is on disk.
//!
//! Clones share the number. Invariant: what was written before `publish(n)` is seen by whoever
//! reads `n` or more. Left out on purpose: waiting for a value (pair it with a doorbell).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::sync::AtomicU64;

/// A shared number that starts at 0 and never falls.
#[derive(Clone)]
pub struct Mark {
    reached: Arc<AtomicU64>,
}

impl Mark {
    /// A mark at 0.
    pub fn new() -> Self {
        Self { reached: Arc::new(AtomicU64::new(0)) }
    }

    /// Raises the mark to `reached`; a lower number changes nothing.
    pub fn publish(&self, reached: u64) {
        self.reached.fetch_max(reached, Ordering::Release);
    }

    /// The highest number published.
    pub fn read(&self) -> u64 {
        self.reached.load(Ordering::Acquire)
    }
}

impl Default for Mark {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_mark_never_falls() {
        let mark = Mark::new();
        mark.publish(7);
        mark.clone().publish(3);
        assert_eq!(mark.read(), 7);
    }
}
