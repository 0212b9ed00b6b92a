//! The one race of the data plane: a read against a tick, for who minds something else meanwhile.
//!
//! Invariants: the read is never dropped by a tick, so nothing that it read is lost; the table of
//! deadlines is told of a tick once, however many reads there are until it comes.
//! Left out on purpose: what happens at a tick.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use super::deadline::Watch;

/// Which of the two came first.
#[derive(Debug, PartialEq, Eq)]
pub enum Race<T> {
    /// The read ended.
    Read(T),
    /// The tick came; the read stays parked and is to be awaited again.
    Tick,
}

/// A tick that one task waits for beside its reads, of which there may be many until it comes.
#[derive(Debug)]
pub struct Alarm {
    at_ms: u64,
    is_set: bool,
}

impl Alarm {
    /// The first tick at or after `at_ms`.
    pub const fn at(at_ms: u64) -> Self {
        Self { at_ms, is_set: false }
    }
}

/// Waits for `read` until the alarm's tick; the read is never dropped. *resumable*
///
/// `watch` is that of the other socket of the relay, whose own waiting is over meanwhile. An alarm
/// stays with its watch and its task: the table is told of it once.
pub fn read_or_tick<'r, F: Future>(
    mut read: Pin<&'r mut F>,
    watch: &'r Watch,
    alarm: &'r mut Alarm,
) -> impl Future<Output = Race<F::Output>> + use<'r, F> {
    poll_fn(move |cx| {
        if let Poll::Ready(output) = read.as_mut().poll(cx) {
            return Poll::Ready(Race::Read(output));
        }
        if alarm.is_set && watch.deadlines().clock().now_ms() < alarm.at_ms {
            return Poll::Pending;
        }
        alarm.is_set = true;
        watch.poll_nudge(alarm.at_ms, cx.waker()).map(|()| Race::Tick)
    })
}
