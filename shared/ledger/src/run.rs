//! Runs: neighbouring records of one ring, the unit of batches and of settlement.
//!
//! Purpose: the payload of a data plane's journal batch is a sequence of runs, one for each ring
//! that had records; the same bytes are shipped to the ledger as they are.
//! Layout: ring `u16`, first sequence number `u64`, count `u32`, length `u32` (little-endian), then
//! the records, each behind its `u16` length.
//! Invariants: the records of a run have the sequence numbers `first_seq .. first_seq + count`;
//! an empty run is never written.

use std::sync::Arc;

use crate::bytes::{Reader, RecordFault};
use crate::page::Page;
use crate::record::Record;

/// The ring of the journal thread's own records, grants and returns; cores count from 0.
pub const LEASE_RING: u16 = u16::MAX;

/// Bytes before the records of a run.
const HEAD_BYTES: usize = 18;

/// Bytes before each record.
pub(crate) const LENGTH_BYTES: usize = 2;

/// Neighbouring records of one ring of one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The ring.
    pub ring: u16,
    /// The sequence number of the first record.
    pub first_seq: u64,
    /// How many records follow each other.
    pub count: u32,
    /// The records, each a `u16` length and its bytes.
    pub bytes: Arc<[u8]>,
}

impl Run {
    /// A run of these records.
    pub fn of<'r>(
        ring: u16,
        first_seq: u64,
        records: impl IntoIterator<Item = &'r Record>,
    ) -> Self {
        let mut page = Page::default();
        records.into_iter().for_each(|record| page.other(record));
        Self { ring, first_seq, count: page.count(), bytes: page.bytes().into() }
    }

    /// The sequence number after the last record; saturates.
    pub const fn end_seq(&self) -> u64 {
        self.first_seq.saturating_add(self.count as u64)
    }

    /// The records, checked one by one.
    pub fn records(&self) -> RunReader<'_> {
        RunReader { run: self, next: 0, place: 0, over: false }
    }

    /// The part from a sequence number on; `None` if the run ends before it.
    pub fn from_seq(self, from: u64) -> Option<Self> {
        if from <= self.first_seq {
            return Some(self);
        }
        let mut bytes = Vec::new();
        let mut count = 0;
        for entry in self.records().map_while(Result::ok).filter(|entry| entry.seq >= from) {
            bytes.extend_from_slice(&(entry.bytes.len() as u16).to_le_bytes());
            bytes.extend_from_slice(entry.bytes);
            count += 1;
        }
        (count > 0).then(|| Self { first_seq: from, count, bytes: bytes.into(), ..self })
    }

    /// Appends the run to a batch payload.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.ring.to_le_bytes());
        out.extend_from_slice(&self.first_seq.to_le_bytes());
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&(self.bytes.len() as u32).to_le_bytes());
        out.extend_from_slice(&self.bytes);
    }
}

/// Reads one run from the front.
pub(crate) fn read(from: &mut Reader<'_>) -> Result<Run, RecordFault> {
    let ring = u16::from_le_bytes(from.array()?);
    let first_seq = u64::from_le_bytes(from.array()?);
    let count = u32::from_le_bytes(from.array()?);
    let length = u32::from_le_bytes(from.array()?);
    if first_seq.checked_add(u64::from(count)).is_none() {
        return Err(RecordFault::BadValue("sequence"));
    }
    Ok(Run { ring, first_seq, count, bytes: from.take(length as usize)?.into() })
}

/// The runs of a batch payload, in order; ends after the first fault.
pub fn runs(payload: &[u8]) -> impl Iterator<Item = Result<Run, RecordFault>> {
    let mut from = Reader::new(payload);
    let mut broken = false;
    std::iter::from_fn(move || {
        if broken || from.left() == 0 {
            return None;
        }
        let run = read(&mut from);
        broken = run.is_err();
        Some(run)
    })
}

/// Writes one run straight into a batch payload.
pub struct RunWriter<'b> {
    out: &'b mut Vec<u8>,
    start: usize,
    count: u32,
}

impl<'b> RunWriter<'b> {
    /// Begins a run at the end of `out`.
    pub fn begin(out: &'b mut Vec<u8>, ring: u16, first_seq: u64) -> Self {
        let start = out.len();
        out.extend_from_slice(&ring.to_le_bytes());
        out.extend_from_slice(&first_seq.to_le_bytes());
        out.extend_from_slice(&[0; 8]);
        Self { out, start, count: 0 }
    }

    /// Adds the next records of the ring.
    pub fn push(&mut self, page: &Page) {
        self.out.extend_from_slice(page.bytes());
        self.count += page.count();
    }

    /// Ends the run and answers how many records it has. A run without records leaves no trace.
    pub fn finish(self) -> u32 {
        if self.count == 0 {
            self.out.truncate(self.start);
            return 0;
        }
        let length = (self.out.len() - self.start - HEAD_BYTES) as u32;
        let head = &mut self.out[self.start..self.start + HEAD_BYTES];
        head[10..14].copy_from_slice(&self.count.to_le_bytes());
        head[14..18].copy_from_slice(&length.to_le_bytes());
        self.count
    }
}

/// One record of a run, not yet decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEntry<'r> {
    /// Its sequence number.
    pub seq: u64,
    /// Its bytes.
    pub bytes: &'r [u8],
}

impl RunEntry<'_> {
    /// The record.
    ///
    /// # Errors
    /// As of [`Record::decode`].
    pub fn decode(&self) -> Result<Record, RecordFault> {
        Record::decode(self.bytes)
    }

    /// How many bytes of [`Run::bytes`] it takes, its length before it counted.
    pub const fn taken(&self) -> usize {
        LENGTH_BYTES + self.bytes.len()
    }

    /// Whether the record ends a hold; it need not be decoded to know that.
    pub fn ends_a_hold(&self) -> bool {
        Record::ends_a_hold(self.bytes)
    }
}

/// The records of a run, in order; ends after the first fault. That a run holds as many records as
/// it says is checked at its end.
pub struct RunReader<'r> {
    run: &'r Run,
    next: u32,
    place: usize,
    over: bool,
}

impl<'r> Iterator for RunReader<'r> {
    type Item = Result<RunEntry<'r>, RecordFault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        if self.next == self.run.count {
            self.over = true;
            return (self.place < self.run.bytes.len()).then_some(Err(RecordFault::Surplus));
        }
        let entry = self.entry();
        self.over = entry.is_err();
        Some(entry)
    }
}

impl<'r> RunReader<'r> {
    fn entry(&mut self) -> Result<RunEntry<'r>, RecordFault> {
        let rest = self.run.bytes.get(self.place..).ok_or(RecordFault::Truncated)?;
        let mut from = Reader::new(rest);
        let length = u16::from_le_bytes(from.array()?);
        let bytes = from.take(usize::from(length))?;
        self.place += LENGTH_BYTES + bytes.len();
        let seq = self.run.first_seq.saturating_add(u64::from(self.next));
        self.next += 1;
        Ok(RunEntry { seq, bytes })
    }
}

#[cfg(test)]
mod tests {
    use units::{AccountId, Usd};

    use super::*;
    use crate::Purse;

    fn grants(count: u64) -> Vec<Record> {
        let purse = |id| Purse::Account(AccountId(id));
        (0..count).map(|id| Record::Grant { purse: purse(id), amount: Usd::from_pico(7) }).collect()
    }

    #[test]
    fn runs_read_back_from_a_payload() {
        let (first, second) = (Run::of(3, 10, &grants(4)), Run::of(LEASE_RING, 0, &grants(1)));
        let mut payload = Vec::new();
        first.encode(&mut payload);
        RunWriter::begin(&mut payload, 9, 9).finish();
        second.encode(&mut payload);
        let read: Result<Vec<Run>, RecordFault> = runs(&payload).collect();
        assert_eq!(read.unwrap(), [first.clone(), second]);
        let entries: Vec<RunEntry> = first.records().map(Result::unwrap).collect();
        assert_eq!(entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [10, 11, 12, 13]);
        assert_eq!(entries[2].decode(), Ok(grants(4)[2].clone()));
    }

    #[test]
    fn every_cut_of_a_payload_is_noticed() {
        let mut payload = Vec::new();
        Run::of(3, 10, &grants(4)).encode(&mut payload);
        for end in 1..payload.len() {
            assert!(runs(&payload[..end]).any(|run| run.is_err()), "cut at {end}");
        }
    }

    #[test]
    fn a_run_with_another_count_than_it_says_is_noticed() {
        for count in [3, 5] {
            let run = Run { count, ..Run::of(0, 0, &grants(4)) };
            assert_eq!(run.records().filter(Result::is_err).count(), 1, "{count}");
        }
    }
}
