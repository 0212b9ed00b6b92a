//! A bounded record ring from one producer to one consumer, with slots reserved beforehand.
//!
//! Who must be able to say something later (the end of a hold) reserves the slots now, while it
//! can still refuse; what may be dropped goes into slots that nobody reserved.
//!
//! ```text
//!   capacity = records in the ring + reserved + free        free is known to the producer alone
//! ```
//!
//! Invariants: records leave in the order in which they came; a reserved push always succeeds;
//! `try_push` never takes a reserved slot.
//! The producer remembers a lower bound of `free` and asks the queue only when that is too small,
//! so that an ordinary reservation touches no memory of the consumer's.
//!
//! Records travel in boxes that come back to the producer. A ring for the worst hour is long, and
//! whoever goes round in it writes to ever new memory; the boxes in use at any time are few and
//! stay in the cache.
//! Left out on purpose: waking the consumer, and cloning either side.

use std::cell::Cell;
use std::sync::Arc;

use crate::sync::ArrayQueue;

/// Empty boxes that wait for their next record; more than these are freed.
const SPARE_MAX: usize = 1024;

/// A record's place; empty on its way back.
type Place<T> = Box<Option<T>>;

/// A ring of `capacity` slots.
///
/// # Panics
/// When `capacity` is zero.
pub fn ring<T>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    let queue = Arc::new(ArrayQueue::new(capacity));
    let spare = Arc::new(ArrayQueue::new(capacity.min(SPARE_MAX)));
    let producer = Producer {
        queue: Arc::clone(&queue),
        spare: Arc::clone(&spare),
        reserved: Cell::new(0),
        free_at_least: Cell::new(capacity),
    };
    (producer, Consumer { queue, spare })
}

/// The side that writes: one thread at a time.
pub struct Producer<T> {
    queue: Arc<ArrayQueue<Place<T>>>,
    spare: Arc<ArrayQueue<Place<T>>>,
    reserved: Cell<usize>,
    free_at_least: Cell<usize>,
}

impl<T> Producer<T> {
    /// Sets `slots` aside for [`Self::push_reserved`]; `false`, and nothing is set aside, when
    /// fewer are free.
    #[must_use]
    pub fn reserve(&self, slots: usize) -> bool {
        if !self.has_free(slots) {
            return false;
        }
        self.free_at_least.set(self.free_at_least.get() - slots);
        self.reserved.set(self.reserved.get() + slots);
        true
    }

    /// Writes a record into a slot reserved before. Does not fail.
    ///
    /// # Panics
    /// When no slot is reserved: a record that must not be lost has no place, which is a fault of
    /// the calling code.
    pub fn push_reserved(&self, value: T) {
        let reserved = self.reserved.get();
        assert!(reserved > 0, "a record was pushed without a reservation");
        self.reserved.set(reserved - 1);
        let pushed = self.push(value).is_ok();
        assert!(pushed, "a reserved slot was taken");
    }

    /// Gives back reserved slots that will not be used.
    ///
    /// # Panics
    /// When fewer than `slots` are reserved.
    pub fn release(&self, slots: usize) {
        let reserved = self.reserved.get();
        assert!(reserved >= slots, "more slots were released than reserved");
        self.reserved.set(reserved - slots);
        self.free_at_least.set(self.free_at_least.get() + slots);
    }

    /// Writes a record that may be dropped, into a slot that nobody reserved.
    ///
    /// # Errors
    /// The record itself, when no such slot is free.
    pub fn try_push(&self, value: T) -> Result<(), T> {
        if !self.has_free(1) {
            return Err(value);
        }
        self.free_at_least.set(self.free_at_least.get() - 1);
        self.push(value)
    }

    fn push(&self, value: T) -> Result<(), T> {
        let mut place = self.spare.pop().unwrap_or_default();
        *place = Some(value);
        match self.queue.push(place).map_err(|back| *back) {
            Err(Some(value)) => Err(value),
            Ok(()) | Err(None) => Ok(()),
        }
    }

    /// Slots set aside and not used yet.
    pub fn reserved(&self) -> usize {
        self.reserved.get()
    }

    /// Records in the ring, as far as the producer can tell now.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether the consumer has taken every record.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Slots in all.
    pub fn capacity(&self) -> usize {
        self.queue.capacity()
    }

    fn has_free(&self, slots: usize) -> bool {
        if self.free_at_least.get() < slots {
            let used = self.queue.len() + self.reserved.get();
            self.free_at_least.set(self.queue.capacity() - used);
        }
        self.free_at_least.get() >= slots
    }
}

/// The side that reads.
pub struct Consumer<T> {
    queue: Arc<ArrayQueue<Place<T>>>,
    spare: Arc<ArrayQueue<Place<T>>>,
}

impl<T> Consumer<T> {
    /// The oldest record.
    pub fn pop(&mut self) -> Option<T> {
        let mut place = self.queue.pop()?;
        let value = place.take();
        // More empty boxes than ever come into use at once are not kept.
        drop(self.spare.push(place));
        value
    }

    /// Records in the ring: at least so many can be popped.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn a_droppable_record_never_takes_a_reserved_slot() {
        let (producer, mut consumer) = ring(3);
        assert!(producer.reserve(2));
        assert_eq!(producer.try_push(1), Ok(()));
        assert_eq!(producer.try_push(2), Err(2));
        producer.push_reserved(3);
        producer.push_reserved(4);
        assert_eq!([consumer.pop(), consumer.pop(), consumer.pop()], [Some(1), Some(3), Some(4)]);
        assert_eq!(consumer.pop(), None);
    }

    #[test]
    fn a_reservation_is_whole_or_refused() {
        let (producer, mut consumer) = ring(4);
        assert!(producer.reserve(3));
        assert!(!producer.reserve(2));
        assert_eq!(producer.reserved(), 3);
        producer.release(2);
        producer.push_reserved('a');
        assert!(producer.reserve(3));
        assert!(!producer.reserve(1));
        assert_eq!(consumer.pop(), Some('a'));
        assert!(producer.reserve(1));
        assert_eq!((producer.reserved(), producer.len(), consumer.len()), (4, 0, 0));
    }

    #[test]
    #[should_panic(expected = "without a reservation")]
    fn a_push_without_a_reservation_is_refused() {
        ring(1).0.push_reserved(());
    }

    #[test]
    fn every_record_arrives_once_and_in_order() {
        let (producer, mut consumer) = ring(64);
        let core = thread::spawn(move || {
            let mut next = 0_u64;
            let mut dropped = 0;
            while next < 200_000 {
                if producer.reserve(2) {
                    producer.push_reserved(next);
                    dropped += usize::from(producer.try_push(u64::MAX).is_err());
                    producer.push_reserved(next + 1);
                    next += 2;
                } else {
                    thread::yield_now();
                }
            }
            dropped
        });
        let (mut expected, mut progress) = (0, 0);
        while expected < 200_000 {
            match consumer.pop() {
                Some(u64::MAX) => progress += 1,
                Some(record) => {
                    assert_eq!(record, expected);
                    expected += 1;
                }
                None => thread::yield_now(),
            }
        }
        let dropped = core.join().unwrap();
        assert_eq!(progress + dropped, 100_000);
        assert!(consumer.is_empty());
    }
}
