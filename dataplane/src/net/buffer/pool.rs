//! The shelves that buffers come from and go back to.
//!
//! Invariants: a shelf holds memory of one size and never more of it than its bound; what does not
//! fit is freed, what no size fits is allocated plainly, and both are counted.
//! Left out on purpose: counting what is lent out. Whoever lends bounds its own connections.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::Buffer;

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

    pub(super) fn lend(&self, class: Class) -> Vec<u8> {
        let shelf = self.shelf(class);
        let unused = shelf.unused.borrow_mut().pop();
        unused.unwrap_or_else(|| {
            bump(&shelf.allocated);
            Vec::with_capacity(class.bytes())
        })
    }

    /// Memory for `bytes`: pooled where a class fits, else plain and twice as much as asked.
    pub(super) fn lend_fitting(&self, bytes: usize) -> Vec<u8> {
        if let Some(class) = Class::fitting(bytes) {
            return self.lend(class);
        }
        bump(&self.oversized);
        Vec::with_capacity(bytes.next_power_of_two())
    }

    pub(super) fn put_back(&self, mut bytes: Vec<u8>) {
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

fn bump(counter: &Cell<u64>) {
    counter.set(counter.get() + 1);
}
