//! A latest-value cell: one publisher, readers that see the newest value and skip the rest.
//!
//! Every reader has a slot of its own, so cores never meet on one. The publisher keeps an `Arc` of
//! each value until it is the last to hold it: a reader that drops a value lowers a count, and the
//! memory is freed by the publisher's thread at its next [`Publisher::collect`] or `publish`.
//!
//! Invariants: a reader never sees an older value after a newer one; a value published before a
//! reader's `take` began is seen by it, unless a newer one is.
//! Left out on purpose: waking the reader (a doorbell does that), more than one publisher.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::sync::{ArrayQueue, AtomicU64};

/// A publisher with its first reader; [`Publisher::add_reader`] makes the others.
pub fn latest<T: Send + Sync>() -> (Publisher<T>, Reader<T>) {
    let mut publisher = Publisher { slots: Vec::new(), held: Cell::new(Vec::new()) };
    let reader = publisher.add_reader();
    (publisher, reader)
}

/// The side that replaces the value. It may move between threads, but serves one at a time.
pub struct Publisher<T> {
    slots: Vec<Arc<Slot<T>>>,
    /// Every value that a reader may still hold, in the order of publication.
    held: Cell<Vec<Arc<T>>>,
}

impl<T: Send + Sync> Publisher<T> {
    /// Another reader. It sees the newest value published so far, if there is one.
    pub fn add_reader(&mut self) -> Reader<T> {
        let slot = Arc::new(Slot { value: ArrayQueue::new(1), published: AtomicU64::new(0) });
        if let Some(newest) = self.held.get_mut().last() {
            slot.put(Arc::clone(newest));
        }
        self.slots.push(Arc::clone(&slot));
        Reader { slot, seen: 0 }
    }

    /// Makes `value` the newest for every reader, and frees what no reader holds any more.
    pub fn publish(&self, value: Arc<T>) {
        for slot in &self.slots {
            slot.put(Arc::clone(&value));
        }
        let mut held = self.held.take();
        held.retain(|old| !Arc::ptr_eq(old, &value));
        held.push(value);
        self.held.set(held);
        self.collect();
    }

    /// Frees old values that no reader holds; returns how many old ones are still held.
    /// The newest is always kept.
    pub fn collect(&self) -> usize {
        let mut held = self.held.take();
        let newest = held.pop();
        held.retain(|value| Arc::strong_count(value) > 1);
        let old = held.len();
        held.extend(newest);
        self.held.set(held);
        old
    }
}

/// The side that follows the value.
pub struct Reader<T> {
    slot: Arc<Slot<T>>,
    seen: u64,
}

impl<T: Send + Sync> Reader<T> {
    /// The newest value, if there is one that this reader has not taken yet. One atomic load when
    /// there is nothing new.
    pub fn take(&mut self) -> Option<Arc<T>> {
        let published = self.slot.published.load(Ordering::Acquire);
        if published == self.seen {
            return None;
        }
        self.seen = published;
        self.slot.value.pop()
    }
}

struct Slot<T> {
    value: ArrayQueue<Arc<T>>,
    /// Raised after each value is in place, so that a reader does not touch the queue for nothing.
    published: AtomicU64,
}

impl<T> Slot<T> {
    fn put(&self, value: Arc<T>) {
        drop(self.value.force_push(value));
        self.published.fetch_add(1, Ordering::Release);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::thread::{self, ThreadId};

    struct FreedBy(Arc<std::sync::Mutex<Vec<ThreadId>>>);

    impl Drop for FreedBy {
        fn drop(&mut self) {
            let freed_by = thread::current().id();
            self.0.lock().into_iter().for_each(|mut list| list.push(freed_by));
        }
    }

    #[test]
    fn a_reader_sees_the_newest_value_once() {
        let (publisher, mut reader) = latest();
        assert_eq!(reader.take(), None);
        publisher.publish(Arc::new(1));
        publisher.publish(Arc::new(2));
        assert_eq!(reader.take().as_deref(), Some(&2));
        assert_eq!(reader.take(), None);
    }

    #[test]
    fn a_late_reader_starts_with_the_newest_value() {
        let (mut publisher, _first) = latest();
        publisher.publish(Arc::new(1));
        publisher.publish(Arc::new(2));
        assert_eq!(publisher.add_reader().take().as_deref(), Some(&2));
    }

    #[test]
    fn a_value_that_comes_back_is_held_once() {
        let (publisher, mut reader) = latest();
        let [one, two] = [Arc::new(1), Arc::new(2)];
        for value in [&one, &two, &two, &one] {
            publisher.publish(Arc::clone(value));
            assert_eq!(reader.take().as_deref(), Some(&**value));
        }
        assert_eq!((Arc::strong_count(&one), Arc::strong_count(&two)), (2, 2));
        drop(two);
        assert_eq!((publisher.collect(), Arc::strong_count(&one)), (0, 2));
    }

    #[test]
    fn old_values_are_freed_by_the_publisher_alone() {
        let freed = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (mut publisher, first) = latest();
        let readers = [first, publisher.add_reader(), publisher.add_reader()];
        let stop = Arc::new(AtomicUsize::new(0));
        let cores = readers.map(|mut reader| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                let mut current = None;
                while stop.load(Ordering::Acquire) == 0 {
                    current = reader.take().or(current);
                }
            })
        });
        for _ in 0..20_000 {
            publisher.publish(Arc::new(FreedBy(Arc::clone(&freed))));
        }
        stop.store(1, Ordering::Release);
        cores.into_iter().for_each(|core| core.join().unwrap());
        assert_eq!(publisher.collect(), 0);
        let freed = freed.lock().unwrap();
        assert_eq!(freed.len(), 19_999);
        assert!(freed.iter().all(|thread| *thread == thread::current().id()));
    }

    #[test]
    fn values_never_go_back() {
        let (publisher, mut reader) = latest();
        let core = thread::spawn(move || {
            let mut newest = 0;
            while newest < 100_000 {
                if let Some(value) = reader.take() {
                    assert!(*value > newest);
                    newest = *value;
                }
            }
        });
        (1..=100_000_u64).for_each(|value| publisher.publish(Arc::new(value)));
        core.join().unwrap();
    }
}
