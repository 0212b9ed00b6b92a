//! The primitives under this crate, real ones or loom's.
//!
//! With `--cfg loom` every flag and counter is loom's, so that a model run visits the orders in
//! which threads can meet. The queue is then a locked stand-in of the same shape: crossbeam's own
//! algorithm is checked by its authors, what is checked here is what stands around it.

#[cfg(not(loom))]
pub(crate) use crossbeam_queue::ArrayQueue;
#[cfg(not(loom))]
pub(crate) use std::{
    sync::atomic::{AtomicBool, AtomicU8, AtomicU64, fence},
    thread::{Thread, current, park_timeout},
};

#[cfg(loom)]
pub(crate) use self::model::{ArrayQueue, park_timeout};
#[cfg(loom)]
pub(crate) use loom::{
    sync::atomic::{AtomicBool, AtomicU8, AtomicU64, fence},
    thread::{Thread, current},
};

#[cfg(loom)]
mod model {
    use std::collections::VecDeque;
    use std::time::Duration;

    use loom::sync::{Mutex, MutexGuard};

    /// Parks for ever: in a model a time-out would hide a lost wake-up.
    pub(crate) fn park_timeout(_timeout: Duration) {
        loom::thread::park();
    }

    pub(crate) struct ArrayQueue<T> {
        slots: Mutex<VecDeque<T>>,
        capacity: usize,
    }

    impl<T> ArrayQueue<T> {
        pub(crate) fn new(capacity: usize) -> Self {
            assert!(capacity > 0, "a queue needs a slot");
            Self { slots: Mutex::new(VecDeque::new()), capacity }
        }

        pub(crate) fn push(&self, value: T) -> Result<(), T> {
            let mut slots = self.locked();
            if slots.len() == self.capacity {
                return Err(value);
            }
            slots.push_back(value);
            Ok(())
        }

        pub(crate) fn force_push(&self, value: T) -> Option<T> {
            let mut slots = self.locked();
            let oldest = if slots.len() == self.capacity { slots.pop_front() } else { None };
            slots.push_back(value);
            oldest
        }

        pub(crate) fn pop(&self) -> Option<T> {
            self.locked().pop_front()
        }

        pub(crate) fn len(&self) -> usize {
            self.locked().len()
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.len() == 0
        }

        pub(crate) fn capacity(&self) -> usize {
            self.capacity
        }

        fn locked(&self) -> MutexGuard<'_, VecDeque<T>> {
            self.slots.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
        }
    }
}
