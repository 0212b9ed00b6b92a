//! What waits to go to the ledger: durable runs in order, and usage counts.
//!
//! Gathered for a moment, so that the ledger makes one event of many batches: neighbouring runs of
//! a ring are joined. Left out: what may leave, and what a lost link lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger::Run;
use link::{ToControl, UsageRow};
use units::Epoch;

/// A run is not joined beyond this size.
const RUN_BYTES_MAX: usize = 1 << 20;

/// Runs and counts on their way.
#[derive(Default)]
pub struct Shipment {
    runs: Vec<Gathered>,
    usage: Vec<UsageRow>,
    covered: Vec<(u16, u64)>,
    since: Option<Instant>,
}

struct Gathered {
    ring: u16,
    first_seq: u64,
    count: u32,
    bytes: usize,
    parts: Vec<Arc<[u8]>>,
}

impl Shipment {
    /// Adds runs that are on disk.
    pub fn add(&mut self, runs: Vec<Run>) {
        for run in runs {
            self.begin();
            let last = self.runs.iter_mut().rev().find(|known| known.ring == run.ring);
            match last {
                Some(last) if last.bytes < RUN_BYTES_MAX => last.join(run),
                _ => self.runs.push(Gathered::from(run)),
            }
        }
    }

    /// Adds usage counts for records of a ring below a sequence number.
    pub fn count(&mut self, mut rows: Vec<UsageRow>, covered: (u16, u64)) {
        self.begin();
        self.usage.append(&mut rows);
        self.covered.retain(|(ring, _)| *ring != covered.0);
        self.covered.push(covered);
    }

    /// Leaves out the runs: they are shipped again from elsewhere.
    pub fn forget_runs(&mut self) {
        self.runs.clear();
    }

    /// Whether something waits for longer than `pace`.
    pub fn is_due(&self, pace: Duration) -> bool {
        self.since.is_some_and(|since| since.elapsed() >= pace)
    }

    /// The messages that carry all of it.
    pub fn take(&mut self, epoch: Epoch) -> Vec<ToControl> {
        self.since = None;
        let mut messages = Vec::new();
        let runs: Vec<Run> = self.runs.drain(..).map(Run::from).collect();
        if !runs.is_empty() {
            messages.push(ToControl::Settlement { epoch, runs });
        }
        if !self.covered.is_empty() {
            let rows = std::mem::take(&mut self.usage);
            let covered = std::mem::take(&mut self.covered);
            messages.push(ToControl::Usage { rows, covered });
        }
        messages
    }

    fn begin(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }
}

impl Gathered {
    fn join(&mut self, run: Run) {
        debug_assert_eq!(self.first_seq + u64::from(self.count), run.first_seq);
        self.count += run.count;
        self.bytes += run.bytes.len();
        self.parts.push(run.bytes);
    }
}

impl From<Run> for Gathered {
    fn from(run: Run) -> Self {
        let Run { ring, first_seq, count, bytes } = run;
        Self { ring, first_seq, count, bytes: bytes.len(), parts: vec![bytes] }
    }
}

impl From<Gathered> for Run {
    fn from(run: Gathered) -> Self {
        let Gathered { ring, first_seq, count, parts, .. } = run;
        let bytes = match &parts[..] {
            [only] => Arc::clone(only),
            several => several.concat().into(),
        };
        Self { ring, first_seq, count, bytes }
    }
}
