//! The only place that spawns: every task has a name, a gate pass and a panic fence.
//!
//! Invariants: a panic in one task ends that task and nothing else (the runtime itself would lose
//! the whole core); no handle of a task is kept, so none can be aborted or awaited; a task ends
//! because what it waits for is closed. The gate counts tasks in flight; once closed it gives no
//! more passes, and drain waits until the last pass is back.
//! Left out on purpose: what a panic means for money. Whoever fences a request recovers its hold.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use pin_project_lite::pin_project;

use super::ring::{Driver, driver};

/// Starts `task` on this core. It ends by its own path, or at a panic, which the gate counts.
pub fn spawn(name: &'static str, pass: Pass, task: impl Future<Output = ()> + 'static) {
    // The handle detaches when dropped; the pass is what others may wait for.
    drop(monoio::spawn(Task { fenced: fence(name, task), pass: Some(pass) }));
}

pin_project! {
    struct Task<F> {
        #[pin]
        fenced: Fence<F>,
        pass: Option<Pass>,
    }
}

impl<F: Future<Output = ()>> Future for Task<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let task = self.project();
        let ended = ready!(task.fenced.poll(cx));
        if let (Err(Panicked { .. }), Some(pass)) = (ended, task.pass.take()) {
            bump(&pass.gate.panics);
        }
        Poll::Ready(())
    }
}

/// A panic was caught; its message went to the panic hook and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panicked {
    /// The name of what panicked.
    pub name: &'static str,
}

/// Runs `future` and turns a panic while it is polled into a value. *abandon closes*
///
/// The future is never polled again after a panic.
pub fn fence<F: Future>(name: &'static str, future: F) -> Fence<F> {
    Fence { future, name }
}

pin_project! {
    /// A future behind a fence, exactly as large as the future and its name: an async function
    /// around it would keep it twice, as its argument and as what it polls.
    pub struct Fence<F> {
        #[pin]
        future: F,
        name: &'static str,
    }
}

impl<F: Future> Future for Fence<F> {
    type Output = Result<F::Output, Panicked>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let fence = self.project();
        match catch_unwind(AssertUnwindSafe(|| fence.future.poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(_) => Poll::Ready(Err(Panicked { name: fence.name })),
        }
    }
}

/// Lets every other task that is ready run, and the kernel tell of new events. *resumable*
///
/// The runtime's own way to yield puts a task first in line again. Here a new task, which stands at
/// the end of the line, wakes this one. On a ring the read that follows waits for its completion
/// and gives way by that.
pub(super) async fn give_way() {
    if driver() == Driver::Uring {
        return;
    }
    let mut has_waited = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        let waker = cx.waker().clone();
        drop(monoio::spawn(async move { waker.wake() }));
        Poll::Pending
    })
    .await;
}

/// Counts the tasks of one kind, and stops new ones when closed.
///
/// ```text
///   open --close()--> closed --last pass back--> empty
/// ```
#[derive(Clone)]
pub struct Gate(Rc<Counts>);

struct Counts {
    closed: Cell<bool>,
    passes: Cell<usize>,
    panics: Cell<u64>,
    waiter: RefCell<Option<Waker>>,
}

/// The right to run one task; gives itself back when dropped.
pub struct Pass {
    gate: Rc<Counts>,
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// An open gate without passes.
    pub fn new() -> Self {
        Self(Rc::new(Counts {
            closed: Cell::new(false),
            passes: Cell::new(0),
            panics: Cell::new(0),
            waiter: RefCell::new(None),
        }))
    }

    /// A pass, unless the gate is closed.
    pub fn pass(&self) -> Option<Pass> {
        if self.0.closed.get() {
            return None;
        }
        self.0.passes.set(self.0.passes.get() + 1);
        Some(Pass { gate: Rc::clone(&self.0) })
    }

    /// Gives no more passes.
    pub fn close(&self) {
        self.0.closed.set(true);
    }

    /// Whether [`Self::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.0.closed.get()
    }

    /// Passes that are out.
    pub fn passes(&self) -> usize {
        self.0.passes.get()
    }

    /// Tasks that ended in a panic.
    pub fn panics(&self) -> u64 {
        self.0.panics.get()
    }

    /// Waits until no pass is out. One waiter at a time. *resumable*
    pub async fn empty(&self) {
        poll_fn(|cx| {
            if self.0.passes.get() == 0 {
                return Poll::Ready(());
            }
            self.0.waiter.replace(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let left = self.gate.passes.get() - 1;
        self.gate.passes.set(left);
        if left == 0
            && let Some(waiter) = self.gate.waiter.take()
        {
            waiter.wake();
        }
    }
}

fn bump(counter: &Cell<u64>) {
    counter.set(counter.get() + 1);
}
