//! The running epoch's records on their way to the ledger.
//!
//! What may leave is the rule of `ledger::outgoing`; here is the journal that is read back after a
//! lost link, and the gathering of neighbouring runs. Invariant: the journal is only looked at; its
//! own thread goes on writing it.

use std::path::PathBuf;
use std::time::Duration;

use journal::{Archive, BatchNumber, JournalError, PlainDisk};
use ledger::outgoing::Outgoing;
use ledger::{Run, run};
use link::{ToControl, UsageRow};
use units::Epoch;

use super::ship::Shipment;

/// Bytes read back in one step, so that other news are not kept waiting.
const STEP_BYTES: usize = 8 << 20;

/// What leaves, what waits, and what is to be read back.
pub struct Outbound {
    epoch: Epoch,
    directory: PathBuf,
    outgoing: Outgoing,
    shipment: Shipment,
    /// The batch from which the journal is read back.
    next: BatchNumber,
}

impl Outbound {
    /// An epoch's records, with its journal's directory, and where the rings of earlier processes
    /// end in it.
    pub fn new(epoch: Epoch, directory: PathBuf, older: &[(u16, u64)]) -> Self {
        let (outgoing, shipment) = (Outgoing::going_on(older), Shipment::default());
        Self { epoch, directory, outgoing, shipment, next: BatchNumber::FIRST }
    }

    /// Takes runs that have become durable.
    pub fn committed(&mut self, runs: Vec<Run>) {
        let leaving = runs.into_iter().filter_map(|run| self.outgoing.committed(run));
        self.shipment.add(leaving.collect());
    }

    /// Takes usage counts for records of a ring below a sequence number.
    pub fn count(&mut self, rows: Vec<UsageRow>, covered: (u16, u64)) {
        self.shipment.count(rows, covered);
    }

    /// The link is down: what waits would go nowhere, and is in the journal.
    pub fn adrift(&mut self) {
        self.outgoing.adrift();
        self.shipment = Shipment::default();
    }

    /// The link is up, and the ledger has the rings up to these marks.
    pub fn welcome(&mut self, watermarks: &[(u16, u64)]) {
        self.shipment.forget_runs();
        self.outgoing.welcome(watermarks);
        self.next = BatchNumber::FIRST;
    }

    /// The ledger has everything below `seq` of a ring.
    pub fn acknowledge(&mut self, ring: u16, seq: u64) {
        self.outgoing.acknowledge(ring, seq);
    }

    /// Records that the ledger does not have.
    pub fn unsettled(&self) -> u64 {
        self.outgoing.unsettled()
    }

    /// Whether something has waited for `pace`.
    pub fn is_due(&self, pace: Duration) -> bool {
        self.shipment.is_due(pace)
    }

    /// The messages that carry what waits.
    pub fn take(&mut self) -> Vec<ToControl> {
        self.shipment.take(self.epoch)
    }

    /// Reads a piece of the journal back, if that is to be done now.
    pub fn read_back(&mut self) {
        if !self.outgoing.wants_journal() {
            return;
        }
        // A segment may be removed while it is looked for; what failed is tried again, and what is
        // damaged stays unsettled, which is seen.
        if let Err(fault) = self.read_piece()
            && !matches!(fault, JournalError::NotHeld { .. })
        {
            notice::warn!("the journal cannot be read back: {fault}");
        }
    }

    fn read_piece(&mut self) -> Result<(), JournalError> {
        let (archive, _) = Archive::open(PlainDisk::look_at(&self.directory)?)?;
        let first = archive.segments().next().map_or(BatchNumber::FIRST, |segment| segment.first);
        let mut bytes = 0;
        for batch in archive.batches_from(self.next.max(first))? {
            let batch = batch?;
            // Not beyond it: what of it is not durable yet is looked at again.
            self.next = batch.position.number;
            for run in run::runs(&batch.records).map_while(Result::ok) {
                let leaving = self.outgoing.read_back(run);
                bytes += leaving.as_ref().map_or(0, |run| run.bytes.len());
                self.shipment.add(leaving.into_iter().collect());
            }
            if bytes >= STEP_BYTES || !self.outgoing.wants_journal() {
                break;
            }
        }
        Ok(())
    }
}
