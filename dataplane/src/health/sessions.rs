//! Where sessions were served lately, so that they find their prompt caches again.
//!
//! A table of fixed size, one word for each place, without locks: a part of the session's number,
//! the endpoint's mark, and the minute. A session that falls on another's place takes it.
//! Left out on purpose: whether a session may stay where it was, which the planner decides.

use std::sync::atomic::{AtomicU64, Ordering};

use units::UnixMillis;

/// Sessions that are kept in mind.
const PLACES: usize = 1 << 16;
/// A session is forgotten after so many minutes without a request.
const IDLE_MIN: u16 = 10;

/// The places of sessions.
pub struct Sessions(Box<[AtomicU64]>);

impl Sessions {
    /// Of which none is known yet.
    pub fn new() -> Self {
        Self((0..PLACES).map(|_| AtomicU64::new(0)).collect())
    }

    /// The mark of the endpoint that served a session last.
    pub fn find(&self, session: u64, now: UnixMillis) -> Option<u32> {
        let known = self.place(session).load(Ordering::Relaxed);
        let is_its = known >> 48 == session >> 48;
        let idle = minute(now).wrapping_sub((known >> 32) as u16);
        (known != 0 && is_its && idle <= IDLE_MIN).then_some(known as u32)
    }

    /// An endpoint serves a session.
    pub fn keep(&self, session: u64, mark: u32, now: UnixMillis) {
        let word = session >> 48 << 48 | u64::from(minute(now)) << 32 | u64::from(mark);
        self.place(session).store(word, Ordering::Relaxed);
    }

    fn place(&self, session: u64) -> &AtomicU64 {
        &self.0[session as usize % PLACES]
    }
}

/// Minutes, as far as they are needed: they begin anew each month and a half.
const fn minute(now: UnixMillis) -> u16 {
    (now.0 / 60_000) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_found_where_it_was_for_some_minutes() {
        let (sessions, now) = (Sessions::new(), UnixMillis(1_700_000_000_000));
        let (one, other) = (0xabcd_0000_0000_0007, 0x1234_0000_0000_0007);
        assert_eq!(sessions.find(one, now), None);
        sessions.keep(one, 0xffff_0001, now);
        assert_eq!(sessions.find(one, now), Some(0xffff_0001));
        assert_eq!(sessions.find(other, now), None, "another on the same place");
        let idle = now.plus_ms(u64::from(IDLE_MIN) * 60_000);
        assert_eq!(sessions.find(one, idle), Some(0xffff_0001));
        assert_eq!(sessions.find(one, idle.plus_ms(60_000)), None);
        sessions.keep(other, 2, now);
        assert_eq!((sessions.find(one, now), sessions.find(other, now)), (None, Some(2)));
    }
}
