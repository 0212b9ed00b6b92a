//! The idle upstream connections of one core, by endpoint.
//!
//! Invariants: a connection is in the pool or in an exchange, never in both; it comes back only
//! through `Body::reuse`, after a whole answer with nothing behind it; every other end of an
//! exchange drops it, which closes it. What was used last is taken first, so that the surplus ages
//! and goes. A connection on which the peer spoke or hung up while it was idle is never taken,
//! however short that was: what it said would be read as the answer to somebody else.
//! Left out on purpose: connections in use, of which the caps of a core keep count.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::endpoint::PoolKey;
use super::http1::Line;

/// Idle connections.
pub struct Connections {
    idle: RefCell<FxHashMap<PoolKey, VecDeque<Idle>>>,
    per_key: usize,
    idle_ms: u64,
    count: Cell<usize>,
}

struct Idle {
    line: Box<Line>,
    since_ms: u64,
}

impl Connections {
    /// An empty pool that keeps `per_key` connections to one endpoint, each for `idle_ms`.
    pub fn new(per_key: usize, idle_ms: u64) -> Self {
        Self { idle: RefCell::default(), per_key, idle_ms, count: Cell::new(0) }
    }

    /// How many connections are idle.
    pub fn count(&self) -> usize {
        self.count.get()
    }

    /// The connection that was put back last and is still good.
    pub(super) fn take(&self, key: PoolKey) -> Option<Box<Line>> {
        let mut idle = self.idle.borrow_mut();
        let waiting = idle.get_mut(&key)?;
        while let Some(Idle { line, since_ms }) = waiting.pop_back() {
            self.count.set(self.count.get() - 1);
            if !self.is_aged(since_ms, line.now_ms()) && line.socket.is_quiet() {
                return Some(line);
            }
        }
        None
    }

    /// Keeps a connection; the oldest of its key makes way.
    pub(super) fn keep(&self, line: Box<Line>) {
        if self.per_key == 0 {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        let waiting = idle.entry(line.key).or_default();
        if waiting.len() == self.per_key {
            waiting.pop_front();
        } else {
            self.count.set(self.count.get() + 1);
        }
        let since_ms = line.now_ms();
        waiting.push_back(Idle { line, since_ms });
    }

    /// Closes what has been idle for too long; call it every few seconds.
    pub fn sweep(&self, now_ms: u64) {
        let mut idle = self.idle.borrow_mut();
        for waiting in idle.values_mut() {
            while waiting.front().is_some_and(|oldest| self.is_aged(oldest.since_ms, now_ms)) {
                waiting.pop_front();
                self.count.set(self.count.get() - 1);
            }
        }
        idle.retain(|_, waiting| !waiting.is_empty());
    }

    /// Closes every idle connection.
    pub fn clear(&self) {
        self.idle.borrow_mut().clear();
        self.count.set(0);
    }

    fn is_aged(&self, since_ms: u64, now_ms: u64) -> bool {
        now_ms.saturating_sub(since_ms) >= self.idle_ms
    }
}
