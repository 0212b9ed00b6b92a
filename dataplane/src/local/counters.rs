//! What a core counts: plain cells for itself, words that other threads may read for the report.
//!
//! Invariants: only the core writes; a reader may see counts of slightly different instants.
//! Left out on purpose: money, which only records tell.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ledger::record::Post;
use link::{End, EndCounts, UsageRow};
use rustc_hash::FxHashMap;
use units::{AccountId, OfferId, Tokens, Usd};

/// The counts that other threads read.
#[derive(Debug, Default)]
pub struct Shared {
    /// Requests since the start.
    pub requests: AtomicU64,
    /// Requests that hold credit now.
    pub running: AtomicU64,
    /// Open client connections.
    pub connections: AtomicU64,
    /// How requests ended.
    ends: [AtomicU64; End::COUNT],
}

impl Shared {
    /// How requests ended so far.
    pub fn ends(&self) -> EndCounts {
        EndCounts(self.ends.each_ref().map(|count| count.load(Ordering::Relaxed)))
    }
}

/// One core's counts.
#[derive(Default)]
pub struct Counters {
    shared: Arc<Shared>,
    next_request: Cell<u64>,
    running: Cell<usize>,
    drains: Cell<usize>,
    usage: RefCell<FxHashMap<(AccountId, OfferId, u32), Usage>>,
}

#[derive(Default)]
struct Usage {
    requests: u64,
    tokens: Tokens,
    charged: i128,
}

/// The right to read a stream on for a client that left; counts until it is dropped.
pub struct DrainPass<'c>(&'c Counters);

impl Counters {
    /// Counters whose shared half others hold too.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, ..Self::default() }
    }

    /// The number of a request that now begins.
    pub fn next_request(&self) -> u64 {
        let number = self.next_request.get() + 1;
        self.next_request.set(number);
        self.shared.requests.store(number, Ordering::Relaxed);
        number
    }

    /// Requests that hold credit.
    pub fn running(&self) -> usize {
        self.running.get()
    }

    /// Counts an opened hold.
    pub fn hold_opened(&self) {
        self.set_running(self.running.get() + 1);
    }

    /// Counts an ended hold.
    pub fn hold_ended(&self) {
        self.set_running(self.running.get() - 1);
    }

    /// Counts connections.
    pub fn set_connections(&self, count: usize) {
        self.shared.connections.store(count as u64, Ordering::Relaxed);
    }

    /// Counts an end.
    pub fn count(&self, end: End) {
        let count = &self.shared.ends[end as usize];
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Counts a refusal.
    pub fn count_refusal(&self, status: u16) {
        self.count(if status >= 500 { End::RefusedOurs } else { End::RefusedTheirs });
    }

    /// The right to drain, unless `most` do already.
    pub fn begin_drain(&self, most: usize) -> Option<DrainPass<'_>> {
        if self.drains.get() >= most {
            return None;
        }
        self.drains.set(self.drains.get() + 1);
        Some(DrainPass(self))
    }

    /// Adds a charged request to the usage counters.
    pub fn add_usage(&self, post: &Post, charged: Usd) {
        let place = (post.account, post.offer, post.created_at.day());
        let mut usage = self.usage.borrow_mut();
        let sums = usage.entry(place).or_default();
        sums.requests += 1;
        sums.tokens.add(&post.tokens);
        sums.charged = sums.charged.saturating_add(charged.pico());
    }

    /// Takes what was counted since the last time.
    pub fn take_usage(&self) -> Vec<UsageRow> {
        let usage = self.usage.take();
        let row = |((account, offer, day), sums): (_, Usage)| UsageRow {
            account,
            offer,
            day,
            requests: sums.requests,
            tokens: sums.tokens,
            charged: Usd::from_pico(sums.charged),
        };
        usage.into_iter().map(row).collect()
    }

    /// Takes counts back that found no room.
    pub fn return_usage(&self, rows: Vec<UsageRow>) {
        let mut usage = self.usage.borrow_mut();
        for row in rows {
            let sums = usage.entry((row.account, row.offer, row.day)).or_default();
            sums.requests += row.requests;
            sums.tokens.add(&row.tokens);
            sums.charged = sums.charged.saturating_add(row.charged.pico());
        }
    }

    fn set_running(&self, running: usize) {
        self.running.set(running);
        self.shared.running.store(running as u64, Ordering::Relaxed);
    }
}

impl Drop for DrainPass<'_> {
    fn drop(&mut self) {
        self.0.drains.set(self.0.drains.get() - 1);
    }
}
