//! Wakes a thread that waits on sockets, such as a core of the data plane.
//!
//! The bell is one end of a socket pair; the sleeper waits for its end to become readable like
//! any other socket. A byte is written only if none has been since the sleeper last looked:
//!
//! ```text
//!   ringer:  publish something; fence; rung? ── yes ▶ done, the byte is on its way
//!                                       └ no ─▶ set rung, write one byte
//!   sleeper: read what is there; clear rung; fence; look at everything; wait again
//! ```
//!
//! Invariants: what was published before a ring is seen by the look after the next clear; at
//! most two bytes are ever unread, so a write cannot find the socket full.
//! Left out on purpose: which thing was published. The sleeper looks at everything.

use std::io::{self, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::sync::{AtomicBool, fence};

/// A bell and the socket on which it is heard.
///
/// # Errors
/// When the kernel gives no socket pair.
pub fn doorbell() -> io::Result<(Doorbell, DoorbellSocket)> {
    let (ringer, sleeper) = UnixStream::pair()?;
    ringer.set_nonblocking(true)?;
    sleeper.set_nonblocking(true)?;
    let rung = Arc::new(Rung::default());
    let socket = DoorbellSocket { stream: sleeper, reset: DoorbellReset(Arc::clone(&rung)) };
    Ok((Doorbell { rung, stream: Arc::new(ringer) }, socket))
}

/// The button. Clones ring the same bell.
#[derive(Clone)]
pub struct Doorbell {
    rung: Arc<Rung>,
    stream: Arc<UnixStream>,
}

impl Doorbell {
    /// Wakes the sleeper, unless it is already on its way. Never blocks; a sleeper that is gone is
    /// not an error.
    pub fn ring(&self) {
        if !self.rung.raise() {
            return;
        }
        loop {
            match (&*self.stream).write(&[1]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A full socket is a readable one, and a closed one has nobody to wake.
                Ok(_) | Err(_) => return,
            }
        }
    }
}

/// The sleeper's side, not yet taken apart for a runtime.
pub struct DoorbellSocket {
    stream: UnixStream,
    reset: DoorbellReset,
}

impl DoorbellSocket {
    /// The non-blocking stream to wait on, and what to clear after each read of it.
    pub fn into_parts(self) -> (UnixStream, DoorbellReset) {
        (self.stream, self.reset)
    }
}

/// Lets the bell be rung again.
pub struct DoorbellReset(Arc<Rung>);

impl DoorbellReset {
    /// To be called after the stream was read and before looking at what was published.
    pub fn clear(&self) {
        self.0.lower();
    }
}

/// Whether the sleeper has been called since it last looked.
pub(crate) struct Rung(AtomicBool);

impl Default for Rung {
    fn default() -> Self {
        Self(AtomicBool::new(false))
    }
}

impl Rung {
    /// Whether the caller is the one who must wake the sleeper.
    pub(crate) fn raise(&self) -> bool {
        // Pairs with the fence in `lower`: either the load sees the cleared flag, or the look that
        // follows the clearing sees what the caller published.
        fence(Ordering::SeqCst);
        !self.0.load(Ordering::Relaxed) && !self.0.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn lower(&self) {
        self.0.store(false, Ordering::Release);
        fence(Ordering::SeqCst);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::io::Read;
    use std::sync::atomic::AtomicU64;
    use std::thread;

    #[test]
    fn many_rings_are_one_byte_until_cleared() {
        let (bell, socket) = doorbell().unwrap();
        let (mut stream, reset) = socket.into_parts();
        let mut bytes = [0; 8];
        assert_eq!(stream.read(&mut bytes).unwrap_err().kind(), ErrorKind::WouldBlock);
        bell.ring();
        bell.clone().ring();
        assert_eq!(stream.read(&mut bytes).unwrap(), 1);
        bell.ring();
        assert_eq!(stream.read(&mut bytes).unwrap_err().kind(), ErrorKind::WouldBlock);
        reset.clear();
        bell.ring();
        assert_eq!(stream.read(&mut bytes).unwrap(), 1);
    }

    #[test]
    fn a_gone_sleeper_is_not_an_error() {
        let (bell, socket) = doorbell().unwrap();
        drop(socket);
        bell.ring();
    }

    #[test]
    fn no_ring_is_lost() {
        let (bell, socket) = doorbell().unwrap();
        let (mut stream, reset) = socket.into_parts();
        stream.set_nonblocking(false).unwrap();
        let posted = Arc::new(AtomicU64::new(0));
        let ringers = [(); 2].map(|()| {
            let (bell, posted) = (bell.clone(), Arc::clone(&posted));
            thread::spawn(move || {
                for _ in 0..50_000 {
                    posted.fetch_add(1, Ordering::Relaxed);
                    bell.ring();
                }
            })
        });
        while posted.load(Ordering::Relaxed) < 100_000 {
            assert_ne!(stream.read(&mut [0; 8]).unwrap(), 0);
            reset.clear();
        }
        ringers.into_iter().for_each(|ringer| ringer.join().unwrap());
    }
}
