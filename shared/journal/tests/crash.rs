//! Power cuts, kills and failing calls at random moments, by seed.
//!
//! The law: what a start recovers is a prefix of what was written, and holds all that was synced.
//! `JOURNAL_SEEDS=100000 cargo test -p journal --release --test crash` runs more seeds.
#![cfg(test)]

use journal::{
    BatchNumber, DiskFault, Journal, JournalError, JournalOptions, MemoryDisk, Recovery,
};

const OPTIONS: JournalOptions = JournalOptions { segment_bytes: 8 << 10 };
const LIVES: usize = 4;

#[test]
fn what_was_synced_is_recovered_and_the_rest_is_a_prefix() {
    let seeds = std::env::var("JOURNAL_SEEDS").map_or(2_000, |seeds| seeds.parse().unwrap());
    for seed in 0..seeds {
        let run = std::panic::catch_unwind(|| World::new(seed).run());
        assert!(run.is_ok(), "seed {seed}");
    }
}

/// A writer, and what it knows.
struct World {
    disk: MemoryDisk,
    random: u64,
    /// Every batch that was handed to a write, in order; batch n stands at n - 1.
    attempted: Vec<Vec<u8>>,
    durable: usize,
    /// Batches below were removed.
    first: usize,
    unique: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let disk = MemoryDisk::new(seed);
        let random = seed.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1;
        Self { disk, random, attempted: Vec::new(), durable: 0, first: 0, unique: 0 }
    }

    fn run(mut self) {
        for _ in 0..LIVES {
            self.plan_faults();
            if let Ok((journal, recovery)) = Journal::open(self.disk.clone(), OPTIONS) {
                // The power may have failed just before.
                if self.check(&journal, &recovery) {
                    self.live(journal);
                }
            }
            self.disk = if self.below(3) == 0 {
                self.disk.after_kill()
            } else {
                self.disk.after_power_cut()
            };
        }
        let (journal, recovery) = Journal::open(self.disk.clone(), OPTIONS).unwrap();
        assert!(self.check(&journal, &recovery));
    }

    fn plan_faults(&mut self) {
        for _ in 0..self.below(4) {
            let fault = [DiskFault::Failure, DiskFault::NoRoom][self.below(2)];
            let number = self.below(60) as u64 + 1;
            self.disk.plan(number, fault);
        }
        let number = self.below(80) as u64 + 1;
        self.disk.plan(number, DiskFault::PowerCut);
    }

    fn check(&mut self, journal: &Journal<MemoryDisk>, recovery: &Recovery) -> bool {
        let first = BatchNumber::new(self.first as u64 + 1);
        assert!(recovery.first <= first, "a segment was removed too early");
        let batches = journal.batches_from(recovery.first).unwrap();
        let batches: Vec<_> = match batches.collect() {
            Err(JournalError::Io { .. }) => return false,
            batches => batches.unwrap(),
        };
        let last = recovery.last.get() as usize;
        assert!(last >= self.durable, "{last} of {} durable batches", self.durable);
        assert_eq!(batches.len(), last + 1 - recovery.first.get() as usize);
        for batch in batches {
            let number = batch.position.number.get();
            assert_eq!(batch.records, self.attempted[number as usize - 1]);
            assert_eq!((batch.tag, batch.count), (number, 1));
            assert_eq!(journal.read_batch(batch.position).unwrap(), batch);
        }
        self.attempted.truncate(last);
        self.durable = last;
        true
    }

    fn live(&mut self, mut journal: Journal<MemoryDisk>) {
        for _ in 0..self.below(60) {
            let step = match self.below(10) {
                0..6 => self.write(&mut journal),
                6..9 => self.sync(&mut journal),
                _ => self.remove(&mut journal),
            };
            match step {
                Ok(()) | Err(JournalError::Full) => {}
                Err(_) if self.rewrite(&mut journal).is_ok() => {}
                Err(_) => break,
            }
            assert_eq!(journal.durable().get() as usize, self.durable);
        }
    }

    fn write(&mut self, journal: &mut Journal<MemoryDisk>) -> Result<(), JournalError> {
        let records = self.records();
        self.attempted.truncate(journal.written().get() as usize);
        self.attempted.push(records.clone());
        let written = journal.write(self.attempted.len() as u64, 1, &records);
        // Making room for a batch in a new segment syncs what came before it.
        self.durable = journal.durable().get() as usize;
        written.map(|_| ())
    }

    fn sync(&mut self, journal: &mut Journal<MemoryDisk>) -> Result<(), JournalError> {
        let synced = journal.sync();
        if synced.is_ok() {
            self.durable = journal.written().get() as usize;
        }
        synced
    }

    fn remove(&mut self, journal: &mut Journal<MemoryDisk>) -> Result<(), JournalError> {
        self.first = self.first.max(self.durable.saturating_sub(self.below(20)));
        journal.remove_below(BatchNumber::new(self.first as u64 + 1))
    }

    /// What a writer does after a failure: rotate, then write again what was not durable.
    fn rewrite(&mut self, journal: &mut Journal<MemoryDisk>) -> Result<(), JournalError> {
        journal.rotate()?;
        assert_eq!(journal.written(), journal.durable());
        for number in self.durable..self.attempted.len() {
            journal.write(number as u64 + 1, 1, &self.attempted[number])?;
            self.durable = journal.durable().get() as usize;
        }
        self.sync(journal)
    }

    fn records(&mut self) -> Vec<u8> {
        let length = match self.below(10) {
            0 => 0,
            1..8 => self.below(1_200),
            8 => self.below(7_000),
            _ => self.below(20_000),
        };
        self.unique += 1;
        let mut records = self.unique.to_le_bytes().repeat(length / 8 + 1);
        records.truncate(length);
        records
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as usize % bound
    }
}
