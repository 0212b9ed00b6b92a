//! Byte buffers of one core, and the shelves they come from.
//!
//! Purpose: a `Buffer` is a growable run of bytes with a read cursor; its memory is borrowed from a
//! per-core `Pool` of five sizes and goes back when the buffer is dropped or released.
//! Invariants: a buffer without bytes may own no memory at all, so an idle connection costs none;
//! a shelf never holds more than its bound, what does not fit is freed and counted; while the
//! kernel fills a buffer its memory is lent out and the buffer reads as empty.
//! Left out on purpose: an upper bound inside the buffer. Whoever reads knows what it may hold.

mod pool;
#[cfg(test)]
mod tests;

use std::rc::Rc;

pub use pool::{Class, Pool, PoolCounts, PoolLimits};

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

/// How much room the next read of a stream deserves, learned from the last.
#[derive(Clone, Copy, Default)]
pub struct Appetite(usize);

impl Appetite {
    const STEPS: [usize; 3] = [1, 8 << 10, 32 << 10];

    /// Room to make before a read: any for a trickle, more for a flood.
    pub fn bytes(self) -> usize {
        Self::STEPS[self.0]
    }

    /// Room to make for what may follow a read that filled its room.
    pub fn more(self) -> usize {
        Self::STEPS[(self.0 + 1).min(Self::STEPS.len() - 1)]
    }

    /// Whether a trickle is expected, for which small memory suffices.
    pub fn is_small(self) -> bool {
        self.0 == 0
    }

    /// Learns from a read of `count` bytes, and from whether it filled its room.
    pub fn fed(&mut self, count: usize, is_full: bool) {
        if is_full {
            self.0 = (self.0 + 1).min(Self::STEPS.len() - 1);
        } else if count < self.bytes() / 4 {
            self.0 -= 1;
        }
    }
}
