//! A core's turn: all that it does between two waits for the kernel.
//!
//! Purpose: what is better done once for many requests than at each, which is to look at the clock,
//! and whatever is left for the end of the turn.
//! Invariants: one task of the core ends its turns; a turn that was opened ends after the tasks
//! that were ready then have run, and before the core waits; within a turn it is one time.
//! Left out on purpose: what is done at the end, which is the business of whoever awaits it.
//!
//! ```text
//!   at rest --open(), now_us()--> open --end() completes--> at rest
//! ```

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Instant;

/// The turns of one core.
pub struct Turn {
    is_open: Cell<bool>,
    now_us: Cell<Option<u64>>,
    closer: RefCell<Option<Waker>>,
    origin: Instant,
}

impl Turn {
    /// A core at rest.
    pub fn new() -> Rc<Self> {
        Rc::new(Self {
            is_open: Cell::new(false),
            now_us: Cell::new(None),
            closer: RefCell::new(None),
            origin: Instant::now(),
        })
    }

    /// Asks for the end of this turn.
    #[inline]
    pub fn open(&self) {
        if !self.is_open.replace(true)
            && let Some(closer) = self.closer.take()
        {
            // It is woken now and runs behind whatever is ready.
            closer.wake();
        }
    }

    /// Microseconds since the core started, as of the first look in this turn.
    #[inline]
    pub fn now_us(&self) -> u64 {
        self.now_us.get().unwrap_or_else(|| self.look())
    }

    fn look(&self) -> u64 {
        let now_us = u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.open();
        self.now_us.set(Some(now_us));
        now_us
    }

    /// Waits until a turn was opened and the tasks that were ready then have run. One task awaits
    /// it, again and again. *resumable*
    pub async fn end(&self) {
        poll_fn(|cx| {
            if self.is_open.take() {
                self.now_us.set(None);
                return Poll::Ready(());
            }
            self.closer.replace(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}
