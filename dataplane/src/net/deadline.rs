//! Time on one core: a coarse clock, deadlines that close sockets, and nudges.
//!
//! Purpose: one ticker task wakes every few dozen milliseconds, refreshes the clock, and shuts down
//! each watched socket whose deadline has passed; the read or write parked on it then ends by its
//! ordinary path and finds `expired()` true. It also wakes tasks that asked for a nudge.
//! Invariants: no timer per operation and none inside the runtime, whose park would pay for it at
//! every turn; arming a deadline writes a few words; deadlines are late or early by at most one
//! tick, as the clock is, unless they need not be that exact; no waker is dropped or woken while
//! the table is borrowed.
//! Left out on purpose: cancelling. A deadline ends the socket, and what waited is told so.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use monoio::net::UnixStream;
use nix::sys::socket::{Shutdown, shutdown};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use units::UnixMillis;

/// No deadline.
const NEVER: u64 = u64::MAX;

/// A watch that stands for no socket: it can only nudge.
const NO_SOCKET: RawFd = -1;

/// The wall clock in milliseconds as of the last tick of any core.
static LAST_TICK: AtomicU64 = AtomicU64::new(0);

/// The wall clock as of the last tick of any core: what cores count together is at one time for all
/// of them.
#[inline]
pub fn last_tick() -> UnixMillis {
    UnixMillis(LAST_TICK.load(Ordering::Relaxed))
}

/// The time as of the last tick.
pub struct Clock {
    origin: Instant,
    now_ms: Cell<u64>,
    wall: Cell<UnixMillis>,
}

impl Clock {
    fn new() -> Self {
        let clock =
            Self { origin: Instant::now(), now_ms: Cell::new(0), wall: Cell::new(UnixMillis(0)) };
        clock.refresh();
        clock
    }

    /// Milliseconds since this core started, as of the last tick; never goes back.
    #[inline]
    pub fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    /// The wall clock as of the last tick.
    #[inline]
    pub fn wall(&self) -> UnixMillis {
        self.wall.get()
    }

    /// Reads both clocks.
    pub fn refresh(&self) {
        let since_start = self.origin.elapsed().as_millis();
        self.now_ms.set(u64::try_from(since_start).unwrap_or(NEVER - 1));
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall_ms = u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX);
        self.wall.set(UnixMillis(wall_ms));
        LAST_TICK.store(wall_ms, Ordering::Relaxed);
    }
}

/// Every watched socket of one core, and its clock.
pub struct Deadlines {
    clock: Clock,
    table: RefCell<Table>,
}

/// Slots in columns: a tick scans `next` alone.
#[derive(Default)]
struct Table {
    /// The earlier of the slot's deadline and nudge.
    next: Vec<u64>,
    slots: Vec<Slot>,
    unused: Vec<usize>,
}

struct Slot {
    close_at: u64,
    nudge_at: u64,
    socket: RawFd,
    waits: Waits,
    expired: bool,
    waker: Option<Waker>,
}

/// What a socket's deadline waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waits {
    /// For an operation of either kind: it closes the socket.
    Any,
    /// For a next request: it closes the socket, and drain may do so before.
    Idle,
    /// For the rest of a message: it ends the reading and leaves room for an answer.
    Reading,
}

impl Deadlines {
    /// An empty table; run [`ticker`] beside it.
    pub fn new() -> Rc<Self> {
        Rc::new(Self { clock: Clock::new(), table: RefCell::default() })
    }

    /// This core's clock.
    #[inline]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Watches a socket until the watch is dropped, which must be before the socket is.
    pub(super) fn watch(self: &Rc<Self>, socket: RawFd) -> Watch {
        let slot = self.table.borrow_mut().insert(socket);
        Watch { owner: Rc::clone(self), slot, about: Cell::new(NEVER) }
    }

    /// Watches a connection that is being made; the watch must go first.
    pub(crate) fn watch_socket(self: &Rc<Self>, begun: &socket2::Socket) -> Watch {
        self.watch(begun.as_raw_fd())
    }

    /// A watch of no socket: it can only nudge.
    pub fn nudge(self: &Rc<Self>) -> Watch {
        self.watch(NO_SOCKET)
    }

    /// Completes at the first tick at or after `at_ms`. *resumable*
    pub async fn sleep_until(self: &Rc<Self>, at_ms: u64) {
        let watch = self.watch(NO_SOCKET);
        poll_fn(|cx| watch.poll_nudge(at_ms, cx.waker())).await;
    }

    /// Completes after `ms`, late by at most a tick. *resumable*
    pub async fn sleep(self: &Rc<Self>, ms: u64) {
        self.sleep_until(self.clock.now_ms().saturating_add(ms)).await;
    }

    /// Half-closes every socket that idles (see [`Watch::arm_idle`]): its parked read ends.
    pub fn shut_idle(&self) {
        let table = self.table.borrow();
        for slot in table.slots.iter().filter(|slot| slot.waits == Waits::Idle) {
            // A socket that is already gone needs no closing.
            let _ = shutdown(slot.socket, Shutdown::Read);
        }
    }

    /// Refreshes the clock, closes what is overdue and wakes who asked for it.
    pub fn tick(&self) {
        self.clock.refresh();
        let woken = self.table.borrow_mut().sweep(self.clock.now_ms());
        woken.into_iter().for_each(Waker::wake);
    }
}

impl Table {
    fn insert(&mut self, socket: RawFd) -> usize {
        let fresh = Slot {
            close_at: NEVER,
            nudge_at: NEVER,
            socket,
            waits: Waits::Any,
            expired: false,
            waker: None,
        };
        if let Some(slot) = self.unused.pop() {
            self.slots[slot] = fresh;
            return slot;
        }
        self.slots.push(fresh);
        self.next.push(NEVER);
        self.slots.len() - 1
    }

    fn remove(&mut self, slot: usize) -> Option<Waker> {
        self.next[slot] = NEVER;
        self.unused.push(slot);
        self.slots[slot].waits = Waits::Any;
        self.slots[slot].waker.take()
    }

    /// Asks for a nudge; returns the waker that was there, to be dropped outside the borrow.
    fn nudge(&mut self, slot: usize, at_ms: u64, waker: &Waker) -> Option<Waker> {
        let entry = &mut self.slots[slot];
        entry.nudge_at = at_ms;
        self.next[slot] = entry.earliest();
        if entry.waker.as_ref().is_some_and(|old| old.will_wake(waker)) {
            return None;
        }
        entry.waker.replace(waker.clone())
    }

    fn sweep(&mut self, now_ms: u64) -> Vec<Waker> {
        let mut woken = Vec::new();
        for slot in 0..self.next.len() {
            if self.next[slot] <= now_ms {
                woken.extend(self.slots[slot].pass(now_ms));
                self.next[slot] = self.slots[slot].earliest();
            }
        }
        woken
    }
}

impl Slot {
    fn earliest(&self) -> u64 {
        self.close_at.min(self.nudge_at)
    }

    /// Does what is due; returns whom to wake.
    fn pass(&mut self, now_ms: u64) -> Option<Waker> {
        if self.close_at <= now_ms {
            self.close_at = NEVER;
            self.expired = true;
            let side = if self.waits == Waits::Reading { Shutdown::Read } else { Shutdown::Both };
            // A socket that is already gone needs no closing.
            let _ = shutdown(self.socket, side);
        }
        if self.nudge_at <= now_ms {
            self.nudge_at = NEVER;
            return self.waker.take();
        }
        None
    }
}

/// A time between `ms` from now and a sixteenth of that later: the same for a while.
pub fn about(now_ms: u64, ms: u64) -> u64 {
    // The last of as many milliseconds as the next power of two behind a thirty-second has.
    let slack = u64::MAX.checked_shr((ms / 32).leading_zeros()).unwrap_or(0);
    now_ms.saturating_add(ms) | slack
}

/// One socket's place in the table.
pub struct Watch {
    owner: Rc<Deadlines>,
    slot: usize,
    /// The deadline in the table, where [`Self::arm_about`] set it.
    about: Cell<u64>,
}

impl Watch {
    /// Closes the socket at the first tick `ms` from now or later, unless disarmed before.
    #[inline]
    pub fn arm(&self, ms: u64) {
        self.set(self.owner.clock.now_ms().saturating_add(ms), Waits::Any);
    }

    /// As [`Self::arm`], late by up to a sixteenth of `ms`: armed again and again, as by each piece
    /// of a stream, the table hears of it now and then only.
    #[inline]
    pub fn arm_about(&self, ms: u64) {
        let close_at = about(self.owner.clock.now_ms(), ms);
        if self.about.get() != close_at {
            self.set(close_at, Waits::Any);
            self.about.set(close_at);
        }
    }

    /// As [`Self::arm`], but only the reading ends: who was too slow can still be told so.
    #[inline]
    pub fn arm_reading(&self, ms: u64) {
        self.set(self.owner.clock.now_ms().saturating_add(ms), Waits::Reading);
    }

    /// As [`Self::arm`], for a connection between two requests: drain may end it at once.
    #[inline]
    pub fn arm_idle(&self, ms: u64) {
        self.set(self.owner.clock.now_ms().saturating_add(ms), Waits::Idle);
    }

    /// Closes nothing any more.
    #[inline]
    pub fn disarm(&self) {
        self.set(NEVER, Waits::Any);
    }

    #[inline]
    fn set(&self, close_at: u64, waits: Waits) {
        self.about.set(NEVER);
        let table = &mut *self.owner.table.borrow_mut();
        let slot = &mut table.slots[self.slot];
        slot.close_at = close_at;
        slot.waits = waits;
        table.next[self.slot] = slot.earliest();
    }

    /// Whether a deadline closed this socket, or ended its reading.
    pub fn expired(&self) -> bool {
        self.owner.table.borrow().slots[self.slot].expired
    }

    /// Whether a deadline ended its reading and nothing else.
    pub(super) fn ended_reading(&self) -> bool {
        let slot = &self.owner.table.borrow().slots[self.slot];
        slot.expired && slot.waits == Waits::Reading
    }

    /// The table this watch stands in.
    pub fn deadlines(&self) -> &Rc<Deadlines> {
        &self.owner
    }

    pub(super) fn poll_nudge(&self, at_ms: u64, waker: &Waker) -> Poll<()> {
        if self.owner.clock.now_ms() >= at_ms {
            return Poll::Ready(());
        }
        let replaced = self.owner.table.borrow_mut().nudge(self.slot, at_ms, waker);
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let waker = self.owner.table.borrow_mut().remove(self.slot);
        drop(waker);
    }
}

/// Ticks for ever; returns only when the kernel's timer fails. *abandon closes*
pub async fn ticker(deadlines: Rc<Deadlines>, period: Duration) -> io::Error {
    match tick_all(&deadlines, period).await {
        Ok(never) => match never {},
        Err(fault) => fault,
    }
}

async fn tick_all(deadlines: &Deadlines, period: Duration) -> io::Result<Infallible> {
    let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
    let every = Expiration::Interval(TimeSpec::from_duration(period));
    timer.set(every, TimerSetTimeFlags::empty())?;
    // The runtime waits for readiness on sockets only; it asks nothing else of the descriptor.
    let polled: OwnedFd = timer.as_fd().try_clone_to_owned()?;
    let polled = UnixStream::from_std(StdUnixStream::from(polled))?;
    loop {
        polled.readable(false).await?;
        match timer.wait() {
            Ok(()) | Err(nix::errno::Errno::EAGAIN) => deadlines.tick(),
            Err(errno) => return Err(errno.into()),
        }
    }
}
