//! How other threads wake this core: one parked read on the doorbell's socket.
//!
//! Invariants: nothing foreign is ever awaited here; a ring carries no content, so any number of
//! rings may melt into one; whoever waits looks at its queue again after each wake-up.
//! Left out on purpose: queues. A bell says only that one of them may have something.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Poll, Waker};

use channel::DoorbellSocket;

use super::buffer::Pool;
use super::deadline::{Deadlines, Watch};
use super::socket::Socket;

/// The local side of a doorbell: tasks of this core wait on it.
pub struct Bell {
    rings: Cell<u64>,
    waiters: RefCell<Vec<Waker>>,
}

impl Default for Bell {
    fn default() -> Self {
        Self::new()
    }
}

impl Bell {
    /// A bell that has not rung.
    pub fn new() -> Self {
        Self { rings: Cell::new(0), waiters: RefCell::new(Vec::new()) }
    }

    /// How often it has rung: take it before looking at a queue, wait past it after.
    pub fn rings(&self) -> u64 {
        self.rings.get()
    }

    /// Wakes every local waiter; a task of this core may ring too.
    pub fn ring(&self) {
        self.rings.set(self.rings.get() + 1);
        let woken = self.waiters.take();
        woken.into_iter().for_each(Waker::wake);
    }

    /// Waits until the bell has rung more than `seen` times. *resumable*
    pub async fn wait_past(&self, seen: u64) {
        poll_fn(|cx| {
            if self.rings.get() > seen {
                return Poll::Ready(());
            }
            self.enlist(cx.waker());
            Poll::Pending
        })
        .await;
    }

    /// As [`Self::wait_past`], but gives up at the first tick at or after `at_ms`: false then.
    /// *resumable*
    pub async fn wait_until(&self, seen: u64, watch: &Watch, at_ms: u64) -> bool {
        poll_fn(|cx| {
            if self.rings.get() > seen {
                return Poll::Ready(true);
            }
            self.enlist(cx.waker());
            watch.poll_nudge(at_ms, cx.waker()).map(|()| false)
        })
        .await
    }

    fn enlist(&self, waker: &Waker) {
        let mut waiters = self.waiters.borrow_mut();
        if !waiters.iter().any(|enlisted| enlisted.will_wake(waker)) {
            waiters.push(waker.clone());
        }
    }
}

/// Rings `bell` whenever `doorbell` becomes readable; ends when its other end is dropped.
/// *abandon closes*
///
/// # Errors
/// The doorbell broke.
pub async fn listen(
    doorbell: DoorbellSocket,
    bell: Rc<Bell>,
    pool: &Rc<Pool>,
    deadlines: &Rc<Deadlines>,
) -> io::Result<()> {
    let (stream, reset) = doorbell.into_parts();
    let mut doorbell = Socket::from_unix(stream, deadlines)?;
    let mut rings = pool.buffer();
    while doorbell.read_into(&mut rings).await? > 0 {
        rings.clear();
        reset.clear();
        bell.ring();
    }
    Ok(())
}
