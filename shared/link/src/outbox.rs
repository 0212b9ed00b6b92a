//! A way to the other side.
//!
//! Purpose: hides whether a message crosses a channel or a socket behind one call.
//! Invariants: sending never waits; what was taken is delivered in order, or the link goes down
//! and says so to both sides.

use std::fmt;
use std::sync::Arc;

/// The other side is not there: the message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkDown;

impl fmt::Display for LinkDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the link to the other plane is down")
    }
}

impl std::error::Error for LinkDown {}

/// Sends messages `M` to the other plane; clones send to the same.
pub struct Outbox<M> {
    push: Arc<dyn Fn(M) -> Result<(), LinkDown> + Send + Sync>,
}

impl<M> Outbox<M> {
    /// An outbox that hands each message to `push`, which must not wait.
    pub fn new(push: impl Fn(M) -> Result<(), LinkDown> + Send + Sync + 'static) -> Self {
        Self { push: Arc::new(push) }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// The link is down; whatever depends on the message is asked for again when it is back.
    pub fn send(&self, message: M) -> Result<(), LinkDown> {
        (self.push)(message)
    }
}

impl<M> Clone for Outbox<M> {
    fn clone(&self) -> Self {
        Self { push: Arc::clone(&self.push) }
    }
}

impl<M> fmt::Debug for Outbox<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outbox")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn messages_arrive_in_order_until_the_other_side_is_gone() {
        let (sender, receiver) = mpsc::channel();
        let outbox = Outbox::new(move |message: u8| sender.send(message).map_err(|_| LinkDown));
        assert_eq!((outbox.send(1), outbox.clone().send(2)), (Ok(()), Ok(())));
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1, 2]);
        drop(receiver);
        assert_eq!(outbox.send(3), Err(LinkDown));
    }
}
