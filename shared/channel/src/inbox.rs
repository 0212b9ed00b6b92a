//! A bounded queue from anyone to one thread that waits on a doorbell.
//!
//! Invariants: each value arrives once, or comes back to whoever sent it; the receiver is woken
//! after the value is there. Left out on purpose: order among several senders.

use std::sync::Arc;

use crate::doorbell::Doorbell;
use crate::sync::ArrayQueue;

/// An inbox of `capacity` places, whose owner hears of a value by `bell`.
///
/// # Panics
/// When `capacity` is zero.
pub fn inbox<T>(capacity: usize, bell: Doorbell) -> (Inlet<T>, Inbox<T>) {
    let queue = Arc::new(ArrayQueue::new(capacity));
    (Inlet { queue: Arc::clone(&queue), bell }, Inbox { queue })
}

/// The side that sends. Clones send to the same inbox.
pub struct Inlet<T> {
    queue: Arc<ArrayQueue<T>>,
    bell: Doorbell,
}

impl<T> Clone for Inlet<T> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue), bell: self.bell.clone() }
    }
}

impl<T> Inlet<T> {
    /// Sends a value, and wakes the receiver.
    ///
    /// # Errors
    /// The value itself, where the inbox is full.
    pub fn send(&self, value: T) -> Result<(), T> {
        self.queue.push(value)?;
        self.bell.ring();
        Ok(())
    }
}

/// The side that receives: one thread.
pub struct Inbox<T> {
    queue: Arc<ArrayQueue<T>>,
}

impl<T> Inbox<T> {
    /// The next value, if there is one.
    pub fn take(&self) -> Option<T> {
        self.queue.pop()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::doorbell::doorbell;

    #[test]
    fn what_is_sent_arrives_once_and_rings() {
        let (bell, socket) = doorbell().unwrap();
        let (inlet, inbox) = inbox(2, bell);
        assert_eq!(inlet.send(1), Ok(()));
        assert_eq!(inlet.clone().send(2), Ok(()));
        assert_eq!(inlet.send(3), Err(3), "a full inbox gives it back");
        let (mut stream, _) = socket.into_parts();
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 1);
        assert_eq!([inbox.take(), inbox.take(), inbox.take()], [Some(1), Some(2), None]);
    }
}
