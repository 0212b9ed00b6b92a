//! Puts a plain thread to sleep until there is work, such as the journal thread.
//!
//! ```text
//!              park                    wake (unparks the thread)
//!    AWAKE ───────────▶ ASLEEP ────────────────────────────▶ CALLED
//!      │ ▲                 │ time-out, spurious                │ ▲
//!      │ └─────────────────┴──────────── park returns ─────────┘ │
//!      └───────────────────────── wake ──────────────────────────┘
//! ```
//!
//! Invariants: a wake-up is never lost, for a call that comes while the thread is awake makes its
//! next park return at once; after a park returns, everything written before the wake-ups that it
//! consumed is seen. A call to a thread that was called already costs a fence and one load.
//! Left out on purpose: more than one sleeping thread for a parker.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::sync::{AtomicU8, Thread, current, fence, park_timeout};

const AWAKE: u8 = 0;
const ASLEEP: u8 = 1;
const CALLED: u8 = 2;

/// The two sides of one thread's sleep.
pub fn parker() -> (Parker, Unparker) {
    let shared = Arc::new(Shared { state: AtomicU8::new(AWAKE), sleeper: OnceLock::new() });
    (Parker { shared: Arc::clone(&shared) }, Unparker { shared })
}

/// The sleeper's side. The thread that parks first is the one that is woken ever after.
pub struct Parker {
    shared: Arc<Shared>,
}

impl Parker {
    /// Sleeps until woken, at most for `timeout`; may return early. Returns at once when there was
    /// a wake-up since the last return. Answers whether there was one.
    pub fn park_timeout(&mut self, timeout: Duration) -> bool {
        self.shared.sleeper.get_or_init(current);
        let slept =
            self.shared.state.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire);
        if slept.is_ok() {
            park_timeout(timeout);
        }
        let state = self.shared.state.swap(AWAKE, Ordering::AcqRel);
        // Pairs with the fence in `wake`: either that load sees AWAKE, or what its caller wrote is
        // seen from here on.
        fence(Ordering::SeqCst);
        state == CALLED
    }
}

/// The button. Clones wake the same thread.
#[derive(Clone)]
pub struct Unparker {
    shared: Arc<Shared>,
}

impl Unparker {
    /// Wakes the thread, or makes its next park return at once. Never blocks.
    pub fn wake(&self) {
        fence(Ordering::SeqCst);
        if self.shared.state.load(Ordering::Relaxed) == CALLED {
            return;
        }
        if self.shared.state.swap(CALLED, Ordering::AcqRel) == ASLEEP
            && let Some(sleeper) = self.shared.sleeper.get()
        {
            sleeper.unpark();
        }
    }
}

struct Shared {
    state: AtomicU8,
    /// Written before the state is first ASLEEP.
    sleeper: OnceLock<Thread>,
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;
    use std::thread;
    use std::time::Instant;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_call_before_the_park_is_kept() {
        let (mut parker, unparker) = parker();
        let start = Instant::now();
        unparker.wake();
        unparker.wake();
        assert!(parker.park_timeout(LONG));
        assert!(start.elapsed() < LONG);
    }

    #[test]
    fn a_park_without_a_call_ends_at_its_time() {
        let (mut parker, _unparker) = parker();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(5) {
            assert!(!parker.park_timeout(Duration::from_millis(5)));
        }
    }

    #[test]
    fn no_call_is_lost() {
        let (mut parker, unparker) = parker();
        let posted = Arc::new(AtomicU64::new(0));
        let callers = [(); 2].map(|()| {
            let (unparker, posted) = (unparker.clone(), Arc::clone(&posted));
            thread::spawn(move || {
                for _ in 0..50_000 {
                    posted.fetch_add(1, Ordering::Relaxed);
                    unparker.wake();
                }
            })
        });
        let start = Instant::now();
        while posted.load(Ordering::Relaxed) < 100_000 {
            parker.park_timeout(LONG);
        }
        assert!(start.elapsed() < LONG);
        callers.into_iter().for_each(|caller| caller.join().unwrap());
    }
}
