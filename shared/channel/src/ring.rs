//! A bounded record ring from one producer to one consumer, with slots reserved beforehand.
//!
//! Who must be able to say something later (the end of a hold) reserves the slots now, while it
//! can still refuse; what may be dropped goes into slots that nobody reserved. What is pushed at
//! once may be many records in one value, and fills as many slots.
//!
//! ```text
//!   capacity = slots filled + reserved + free               free is known to the producer alone
//! ```
//!
//! Invariants: values leave in the order in which they came; a reserved push always succeeds;
//! `try_push` never takes a reserved slot.
//! The producer remembers a lower bound of `free` and asks the consumer only when that is too
//! small, so that an ordinary reservation touches no memory of the consumer's.
//!
//! Values travel in boxes that come back to the producer, and so does what the consumer leaves in
//! them, such as the memory of a list. A ring for the worst hour is long, and whoever goes round in
//! it writes to ever new memory; the boxes in use at any time are few and stay in the cache.
//! Left out on purpose: waking the consumer, and cloning either side.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::sync::{ArrayQueue, AtomicU64};

/// Boxes that wait for their next value; more than these are freed.
const SPARE_MAX: usize = 256;

/// A value on its way, or what was left of one on the way back.
struct Place<T> {
    value: Option<T>,
    slots: usize,
}

/// A ring of `capacity` slots.
///
/// # Panics
/// When `capacity` is zero.
pub fn ring<T>(capacity: usize) -> (Producer<T>, Consumer<T>) {
    let queue = Arc::new(ArrayQueue::new(capacity));
    let spare = Arc::new(ArrayQueue::new(capacity.min(SPARE_MAX)));
    let freed = Arc::new(AtomicU64::new(0));
    let producer = Producer {
        queue: Arc::clone(&queue),
        spare: Arc::clone(&spare),
        freed: Arc::clone(&freed),
        filled: Cell::new(0),
        reserved: Cell::new(0),
        free_at_least: Cell::new(capacity),
    };
    (producer, Consumer { queue, spare, freed })
}

/// The side that writes: one thread at a time.
pub struct Producer<T> {
    queue: Arc<ArrayQueue<Box<Place<T>>>>,
    spare: Arc<ArrayQueue<Box<Place<T>>>>,
    /// Slots that the consumer has freed since the start.
    freed: Arc<AtomicU64>,
    /// Slots that were filled since the start.
    filled: Cell<u64>,
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

    /// Writes a value of so many records into slots reserved before. Does not fail. Answers with
    /// what the consumer left of an earlier value.
    ///
    /// # Panics
    /// When fewer slots are reserved, or for no slots: a record that must not be lost has no place,
    /// which is a fault of the calling code.
    pub fn push_reserved(&self, value: T, slots: usize) -> Option<T> {
        let reserved = self.reserved.get();
        assert!(reserved >= slots, "records were pushed without a reservation");
        self.reserved.set(reserved - slots);
        self.push(value, slots)
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
        self.push(value, 1);
        Ok(())
    }

    fn push(&self, value: T, slots: usize) -> Option<T> {
        assert!(slots > 0, "a value without records has no slot");
        let fresh = || Box::new(Place { value: None, slots: 0 });
        let mut place = self.spare.pop().unwrap_or_else(fresh);
        let left = place.value.replace(value);
        place.slots = slots;
        self.filled.set(self.filled.get() + slots as u64);
        let pushed = self.queue.push(place).is_ok();
        assert!(pushed, "a slot that was free is taken");
        left
    }

    /// Slots set aside and not used yet.
    pub fn reserved(&self) -> usize {
        self.reserved.get()
    }

    /// Slots filled, as far as the producer can tell now.
    pub fn len(&self) -> usize {
        (self.filled.get() - self.freed.load(Ordering::Acquire)) as usize
    }

    /// Whether the consumer has taken every record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Slots in all.
    pub fn capacity(&self) -> usize {
        self.queue.capacity()
    }

    fn has_free(&self, slots: usize) -> bool {
        if self.free_at_least.get() < slots {
            let used = self.len() + self.reserved.get();
            self.free_at_least.set(self.queue.capacity() - used);
        }
        self.free_at_least.get() >= slots
    }
}

/// The side that reads.
pub struct Consumer<T> {
    queue: Arc<ArrayQueue<Box<Place<T>>>>,
    spare: Arc<ArrayQueue<Box<Place<T>>>>,
    freed: Arc<AtomicU64>,
}

impl<T> Consumer<T> {
    /// Takes the oldest value: `take` sees it in its place, and what it leaves there goes back to
    /// the producer.
    pub fn pop_with<R>(&mut self, take: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut place = self.queue.pop()?;
        let taken = place.value.as_mut().map(take);
        self.freed.fetch_add(place.slots as u64, Ordering::Release);
        // More boxes than ever come into use at once are not kept.
        drop(self.spare.push(place));
        taken
    }

    /// Values in the ring: at least so many can be popped.
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

    fn pop<T: Copy>(consumer: &mut Consumer<T>) -> Option<T> {
        consumer.pop_with(|value| *value)
    }

    #[test]
    fn a_droppable_record_never_takes_a_reserved_slot() {
        let (producer, mut consumer) = ring(3);
        assert!(producer.reserve(2));
        assert_eq!(producer.try_push(1), Ok(()));
        assert_eq!(producer.try_push(2), Err(2));
        producer.push_reserved(3, 1);
        producer.push_reserved(4, 1);
        assert_eq!([(); 4].map(|()| pop(&mut consumer)), [Some(1), Some(3), Some(4), None]);
    }

    #[test]
    fn a_reservation_is_whole_or_refused() {
        let (producer, mut consumer) = ring(4);
        assert!(producer.reserve(3));
        assert!(!producer.reserve(2));
        assert_eq!(producer.reserved(), 3);
        producer.release(2);
        producer.push_reserved('a', 1);
        assert!(producer.reserve(3));
        assert!(!producer.reserve(1));
        assert_eq!(pop(&mut consumer), Some('a'));
        assert!(producer.reserve(1));
        assert_eq!((producer.reserved(), producer.len(), consumer.len()), (4, 0, 0));
    }

    #[test]
    fn a_value_fills_as_many_slots_as_it_has_records() {
        let (producer, mut consumer) = ring(4);
        assert!(producer.reserve(3));
        assert_eq!(producer.push_reserved("three", 3), None);
        assert_eq!((producer.len(), consumer.len(), producer.reserved()), (3, 1, 0));
        assert_eq!((producer.try_push("one"), producer.try_push("more")), (Ok(()), Err("more")));
        assert_eq!(pop(&mut consumer), Some("three"));
        assert!(producer.reserve(3) && !producer.reserve(1));
    }

    #[test]
    fn what_the_consumer_leaves_comes_back() {
        let (producer, mut consumer) = ring(2);
        assert!(producer.reserve(2));
        assert_eq!(producer.push_reserved(vec![1, 2, 3], 1), None);
        let seen = consumer.pop_with(|list| {
            let seen = list.clone();
            list.clear();
            seen
        });
        assert_eq!(seen, Some(vec![1, 2, 3]));
        let back = producer.push_reserved(vec![4], 1);
        assert!(back.is_some_and(|list| list.is_empty() && list.capacity() >= 3));
    }

    #[test]
    #[should_panic(expected = "without a reservation")]
    fn a_push_without_a_reservation_is_refused() {
        ring(1).0.push_reserved((), 1);
    }

    #[test]
    fn every_record_arrives_once_and_in_order() {
        let (producer, mut consumer) = ring(64);
        let core = thread::spawn(move || {
            let mut next = 0_u64;
            let mut dropped = 0;
            while next < 200_000 {
                if producer.reserve(3) {
                    producer.push_reserved(next, 1);
                    dropped += usize::from(producer.try_push(u64::MAX).is_err());
                    producer.push_reserved(next + 1, 2);
                    next += 2;
                } else {
                    thread::yield_now();
                }
            }
            dropped
        });
        let (mut expected, mut progress) = (0, 0);
        while expected < 200_000 {
            match pop(&mut consumer) {
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
