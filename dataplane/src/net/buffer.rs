//! Byte buffers of one core, and the shelves they come from.
//!
//! Purpose: a `Buffer` is a growable run of bytes with a read cursor; its memory is borrowed from a
//! per-core `Pool` of five sizes and goes back when the buffer is dropped or released.
//! Invariants: a buffer without bytes may own no memory at all, so an idle connection costs none;
//! a shelf never holds more than its bound, what does not fit is freed and counted; while the
//! kernel fills a buffer its memory is lent out and the buffer reads as empty.
//! Left out on purpose: an upper bound inside the buffer. Whoever reads knows what it may hold.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The sizes that are pooled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 4 KiB: heads, parked reads, streamed events.
    Small = 0,
    /// 16 KiB: busy streams, TLS records.
    Medium = 1,
    /// 64 KiB: bodies.
    Large = 2,
    /// 256 KiB: long bodies, whose pages would otherwise be faulted in for each of them.
    Huge = 3,
    /// 1 MiB: bodies with images.
    Vast = 4,
}

/// How many classes there are.
const CLASSES: usize = 5;

impl Class {
    const ALL: [Self; CLASSES] = [Self::Small, Self::Medium, Self::Large, Self::Huge, Self::Vast];

    /// Bytes a buffer of this class holds.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Small => 4 << 10,
            Self::Medium => 16 << 10,
            Self::Large => 64 << 10,
            Self::Huge => 256 << 10,
            Self::Vast => 1 << 20,
        }
    }

    /// The smallest class that holds `bytes`.
    fn fitting(bytes: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|class| bytes <= class.bytes())
    }

    fn of_capacity(bytes: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|class| bytes == class.bytes())
    }
}

/// How many unused buffers of each class a core keeps, from the smallest up.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits(pub [usize; CLASSES]);

impl Default for PoolLimits {
    /// 4 MiB of each class at most.
    fn default() -> Self {
        Self([1024, 256, 64, 16, 4])
    }
}

/// The buffers of one core.
pub struct Pool {
    shelves: [Shelf; CLASSES],
    oversized: Cell<u64>,
}

struct Shelf {
    unused: RefCell<Vec<Vec<u8>>>,
    bound: usize,
    allocated: Cell<u64>,
    freed: Cell<u64>,
}

/// What a pool has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolCounts {
    /// Allocations per class because its shelf was empty.
    pub allocated: [u64; CLASSES],
    /// Buffers freed per class because its shelf was full.
    pub freed: [u64; CLASSES],
    /// Allocations larger than the largest class.
    pub oversized: u64,
}

impl Pool {
    /// An empty pool that keeps at most `limits` unused buffers.
    pub fn new(limits: PoolLimits) -> Rc<Self> {
        let shelf = |bound| Shelf {
            unused: RefCell::new(Vec::new()),
            bound,
            allocated: Cell::new(0),
            freed: Cell::new(0),
        };
        Rc::new(Self { shelves: limits.0.map(shelf), oversized: Cell::new(0) })
    }

    /// A buffer that owns no memory yet.
    pub fn buffer(self: &Rc<Self>) -> Buffer {
        Buffer { bytes: Vec::new(), start: 0, pool: Rc::clone(self) }
    }

    /// A buffer with the memory of `class`.
    pub fn take(self: &Rc<Self>, class: Class) -> Buffer {
        Buffer { bytes: self.lend(class), start: 0, pool: Rc::clone(self) }
    }

    /// What happened so far, for the core's counters.
    pub fn counts(&self) -> PoolCounts {
        PoolCounts {
            allocated: Class::ALL.map(|class| self.shelf(class).allocated.get()),
            freed: Class::ALL.map(|class| self.shelf(class).freed.get()),
            oversized: self.oversized.get(),
        }
    }

    fn shelf(&self, class: Class) -> &Shelf {
        &self.shelves[class as usize]
    }

    fn lend(&self, class: Class) -> Vec<u8> {
        let shelf = self.shelf(class);
        let unused = shelf.unused.borrow_mut().pop();
        unused.unwrap_or_else(|| {
            bump(&shelf.allocated);
            Vec::with_capacity(class.bytes())
        })
    }

    /// Memory for `bytes`: pooled where a class fits, else plain and twice as much as asked.
    fn lend_fitting(&self, bytes: usize) -> Vec<u8> {
        if let Some(class) = Class::fitting(bytes) {
            return self.lend(class);
        }
        bump(&self.oversized);
        Vec::with_capacity(bytes.next_power_of_two())
    }

    fn put_back(&self, mut bytes: Vec<u8>) {
        let Some(class) = Class::of_capacity(bytes.capacity()) else { return };
        let shelf = self.shelf(class);
        let mut unused = shelf.unused.borrow_mut();
        if unused.len() < shelf.bound {
            bytes.clear();
            unused.push(bytes);
        } else {
            bump(&shelf.freed);
        }
    }
}

/// How much room the next read of a stream deserves, learned from the last.
#[derive(Clone, Copy, Default)]
pub struct Appetite(usize);

impl Appetite {
    const STEPS: [usize; 3] = [1, 8 << 10, 32 << 10];

    /// Room to make before a read: any for a trickle, more for a flood.
    pub fn bytes(self) -> usize {
        Self::STEPS[self.0]
    }

    /// Whether a trickle is expected, for which small memory suffices.
    pub fn is_small(self) -> bool {
        self.0 == 0
    }

    /// Learns from a read of `count` bytes into `room`.
    pub fn fed(&mut self, count: usize, room: usize) {
        if count == room {
            self.0 = (self.0 + 1).min(Self::STEPS.len() - 1);
        } else if count < self.bytes() / 4 {
            self.0 -= 1;
        }
    }
}

fn bump(counter: &Cell<u64>) {
    counter.set(counter.get() + 1);
}

/// Bytes between a read cursor and an append cursor.
///
/// ```text
///   0 ....... start =========== len ........ capacity
///     consumed        filled         room
/// ```
pub struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    pool: Rc<Pool>,
}

impl Buffer {
    /// An empty buffer of the same pool, without memory of its own.
    pub fn sibling(&self) -> Self {
        self.pool.buffer()
    }

    /// The bytes that were put in and not yet consumed.
    #[inline]
    pub fn filled(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// As [`Self::filled`], for edits in place.
    pub fn filled_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }

    /// How many bytes are filled.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether nothing is filled.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops `count` bytes from the front; all of them where fewer are filled.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.len(), "more consumed than filled");
        self.start = self.bytes.len().min(self.start + count);
        if self.start == self.bytes.len() {
            self.clear();
        }
    }

    /// Drops bytes from the end until `len` are left; nothing where fewer are filled.
    pub fn shorten(&mut self, len: usize) {
        if len == 0 {
            self.clear();
        } else {
            self.bytes.truncate(self.start + len);
        }
    }

    /// Drops the bytes from `from` to `to`, counted from the first filled one.
    #[inline]
    pub fn close_gap(&mut self, from: usize, to: usize) {
        if to >= self.len() {
            self.shorten(from);
        } else if from < to {
            self.bytes.drain(self.start + from..self.start + to);
        }
    }

    /// Drops every byte and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
    }

    /// Drops every byte and gives the memory back to the pool.
    pub fn release(&mut self) {
        self.clear();
        self.pool.put_back(std::mem::take(&mut self.bytes));
    }

    /// Trades the memory of an empty buffer for none, where it is more than the smallest.
    #[inline]
    pub fn shrink(&mut self) {
        if self.bytes.capacity() > Class::Small.bytes() && self.is_empty() {
            self.release();
        }
    }

    /// Bytes that fit behind the filled ones without moving anything.
    #[inline]
    pub fn room(&self) -> usize {
        self.bytes.capacity() - self.bytes.len()
    }

    /// Makes room for at least `count` more bytes: by moving the filled ones to the front where
    /// that suffices, else by moving to larger memory.
    #[inline]
    pub fn make_room(&mut self, count: usize) {
        if self.room() < count {
            self.move_for(count);
        }
    }

    #[cold]
    fn move_for(&mut self, count: usize) {
        if self.start > 0 && self.room() + self.start >= count {
            self.bytes.drain(..self.start);
        } else {
            let mut larger = self.pool.lend_fitting(self.len() + count);
            larger.extend_from_slice(self.filled());
            self.pool.put_back(std::mem::replace(&mut self.bytes, larger));
        }
        self.start = 0;
    }

    /// Appends `bytes`, growing as needed.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends all of `other` and empties it; an empty buffer trades memory instead of copying.
    pub(super) fn extend_or_swap(&mut self, other: &mut Self) {
        if self.is_empty() {
            std::mem::swap(&mut self.bytes, &mut other.bytes);
            std::mem::swap(&mut self.start, &mut other.start);
        } else {
            self.extend(other.filled());
        }
        other.release();
    }

    /// The vector behind the buffer, to append to and nothing else.
    ///
    /// Call [`Self::make_room`] first: what `Vec` allocates by itself is not pooled.
    #[inline]
    pub fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Hands the memory to the kernel; the buffer is empty until [`Self::receive`].
    pub(super) fn lend(&mut self) -> (Vec<u8>, usize) {
        (std::mem::take(&mut self.bytes), std::mem::take(&mut self.start))
    }

    /// Takes back what [`Self::lend`] gave.
    pub(super) fn receive(&mut self, bytes: Vec<u8>, start: usize) {
        self.bytes = bytes;
        self.start = start;
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.pool.put_back(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consumed_bytes_make_room_before_memory_grows() {
        let pool = Pool::new(PoolLimits::default());
        let mut buffer = pool.take(Class::Small);
        buffer.extend(&[7; 4000]);
        buffer.consume(3990);
        buffer.make_room(4000);
        assert_eq!(buffer.filled(), &[7; 10]);
        assert_eq!(buffer.room(), 4096 - 10);
        assert_eq!(pool.counts().allocated, [1, 0, 0, 0, 0]);
    }

    #[test]
    fn growth_moves_up_a_class_and_gives_the_old_memory_back() {
        let pool = Pool::new(PoolLimits::default());
        let mut buffer = pool.take(Class::Small);
        buffer.extend(&[1; 4096]);
        buffer.extend(&[2; 1]);
        assert_eq!((buffer.len(), buffer.room()), (4097, 16384 - 4097));
        drop(pool.take(Class::Small));
        assert_eq!(pool.counts().allocated, [1, 1, 0, 0, 0], "the small memory was reused");
        buffer.extend(&vec![3; 1 << 20]);
        assert_eq!(buffer.len(), 4097 + (1 << 20));
        assert_eq!(pool.counts().oversized, 1);
    }

    #[test]
    fn a_full_shelf_frees_and_counts() {
        let pool = Pool::new(PoolLimits([1, 0, 0, 0, 0]));
        let pair = (pool.take(Class::Small), pool.take(Class::Small));
        drop(pair);
        assert_eq!(pool.counts().freed, [1, 0, 0, 0, 0]);
    }

    #[test]
    fn an_empty_buffer_owns_no_memory() {
        let pool = Pool::new(PoolLimits::default());
        let mut buffer = pool.buffer();
        assert_eq!(buffer.room(), 0);
        buffer.extend(b"x");
        buffer.release();
        assert_eq!((buffer.room(), buffer.len()), (0, 0));
    }
}
