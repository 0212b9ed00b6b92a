//! A data plane: a machine with its disks, and the process that runs on it now.
//!
//! Cells, spool, journal and borrower are the real ones; cores, rings and threads are steps that
//! the world takes in any order. `start` is what a start does, `requests` what the cores do,
//! `uplink` what comes from the ledger and goes there.
//!
//! ```text
//!   requests --ring--> turn: spool, journal --> uplink --wire--> ledger
//!   cells <---------- what is written            |
//!     +------ grants, recalls <------------------+
//! ```

mod requests;
mod start;
mod uplink;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use journal::{BatchNumber, DiskFault, Journal, JournalError, JournalOptions, MemoryDisk};
use ledger::cell::CreditCell;
use ledger::grants::Grants;
use ledger::outgoing::Outgoing;
use ledger::spool::Spool;
use ledger::{Page, Purse, Run};
use units::{DataPlaneId, Epoch, UnixMillis, Usd};

use crate::random::Random;
use crate::truth::{Name, Truth};
use requests::Request;
pub(crate) use requests::{Ask, Ending};
use start::Adopted;

/// Cores of a data plane.
pub(crate) const CORES: u16 = 2;
/// Slots of a core's ring.
const RING_SLOTS: usize = 12;
/// Records that a core hands over at once, at most.
const PAGE_RECORDS: u32 = 3;
/// Small segments, so that some are closed and removed.
pub(crate) const OPTIONS: JournalOptions = JournalOptions { segment_bytes: 1 << 10 };

/// The process died; whoever started it finds out with the next start.
#[derive(Debug)]
pub(crate) struct Crash;

impl From<JournalError> for Crash {
    /// Nothing on these disks is ever damaged but by the power cuts that a journal must stand.
    fn from(error: JournalError) -> Self {
        let is_damage =
            matches!(error, JournalError::Corrupt { .. } | JournalError::NotHeld { .. });
        assert!(!is_damage, "a journal cannot be read: {error}");
        Self
    }
}

/// A machine: what outlives its processes.
pub(crate) struct Machine {
    /// Which data plane runs on it.
    pub(crate) id: DataPlaneId,
    /// The journal of each epoch.
    pub(crate) disks: BTreeMap<Epoch, MemoryDisk>,
    /// The process, while it runs.
    pub(crate) process: Option<Process>,
}

/// A running data plane.
pub(crate) struct Process {
    /// Its name.
    pub(crate) name: Name,
    journal: Journal<MemoryDisk>,
    disk: MemoryDisk,
    spool: Spool,
    cells: BTreeMap<Purse, Arc<CreditCell>>,
    cores: Vec<Core>,
    /// Records of the batch that the disk did not take.
    stalled: Option<u32>,
    /// Which runs may leave.
    outgoing: Outgoing,
    /// Those that leave next.
    outbox: Vec<Run>,
    grants: Grants,
    /// Free credit that was set aside, as its lease may not be spent.
    aside: Vec<(Arc<CreditCell>, i64)>,
    is_fenced: bool,
    /// It was told something that is not written yet.
    is_told: bool,
    /// When the ledger was last heard of.
    heard: UnixMillis,
    needs: Vec<(Purse, Usd)>,
    adopted: Vec<Adopted>,
    is_welcome: bool,
    /// Open epochs of the last welcome, until their journals were looked for.
    unowned: Option<Vec<Epoch>>,
}

#[derive(Default)]
struct Core {
    ring: VecDeque<Entry>,
    next_seq: u64,
    requests: Vec<Request>,
}

enum Entry {
    Records(Page),
    Need(Purse, Usd),
}

impl Machine {
    /// A new machine.
    pub(crate) fn new(id: DataPlaneId) -> Self {
        Self { id, disks: BTreeMap::new(), process: None }
    }

    /// The process is gone: killed, or with the power of the machine.
    pub(crate) fn crash(&mut self, is_power_cut: bool) {
        self.process = None;
        for disk in self.disks.values_mut() {
            *disk = if is_power_cut { disk.after_power_cut() } else { disk.after_kill() };
        }
    }
}

impl Machine {
    /// Its disks are lost, and all that stood there; the epochs that nobody can tell of any more.
    pub(crate) fn lose_disks(&mut self) -> Vec<Name> {
        self.process = None;
        std::mem::take(&mut self.disks).into_keys().map(|epoch| (self.id, epoch)).collect()
    }
}

impl Process {
    /// One turn of the journal thread.
    pub(crate) fn turn(&mut self, random: &mut Random, truth: &mut Truth) -> Result<(), Crash> {
        let records = match self.stalled {
            Some(records) => records,
            None => {
                self.is_told = false;
                self.pour(random);
                self.spool.close()
            }
        };
        if records == 0 {
            self.spool.batch().1.written();
            return Ok(());
        }
        let number = self.journal.durable().next().get();
        let ends = (0..CORES).map(|ring| self.spool.end(ring)).collect();
        truth.attempt(self.name, number, ends);
        let (payload, mut waiting) = self.spool.batch();
        let tag = u64::from(self.name.1.0);
        let committed = self.journal.commit(tag, records, payload, || {
            waiting.written();
        });
        match committed {
            Err(JournalError::Full) => {
                self.stalled = Some(records);
                return Ok(());
            }
            committed => assert_eq!(committed?.number.get(), number),
        }
        self.stalled = None;
        truth.durable(self.name, number);
        let runs = self.spool.runs().into_iter();
        self.outbox.extend(runs.filter_map(|run| self.outgoing.committed(run)));
        let kept = self.spool.durable(number);
        self.spool.clear();
        if let Some(kept) = kept {
            self.journal.remove_below(BatchNumber::new(kept))?;
        }
        Ok(())
    }

    /// Drains the rings, or a part of one.
    fn pour(&mut self, random: &mut Random) {
        let Self { cores, spool, needs, .. } = self;
        for (number, core) in cores.iter_mut().enumerate() {
            let mut pour = spool.ring(number as u16).expect("every core has a ring");
            let most = if random.one_in(4) { random.below(3) } else { RING_SLOTS };
            for _ in 0..most {
                match core.ring.pop_front() {
                    Some(Entry::Records(mut page)) => pour.page(&mut page),
                    Some(Entry::Need(purse, amount)) => needs.push((purse, amount)),
                    None => break,
                }
            }
            pour.finish();
        }
    }

    /// Plans a fault of the journal's disk, soon.
    pub(crate) fn plan(&self, random: &mut Random, fault: DiskFault) {
        let soon = self.disk.operations() + 1 + random.below(6) as u64;
        self.disk.plan(soon, fault);
        if fault == DiskFault::NoRoom {
            // A full disk stays full for a while.
            (0..random.below(5) as u64).for_each(|more| self.disk.plan(soon + more, fault));
        }
    }

    fn cell(&mut self, purse: Purse) -> Arc<CreditCell> {
        let made = || Arc::new(CreditCell::new(purse));
        Arc::clone(self.cells.entry(purse).or_insert_with(made))
    }

    /// What a purse has here that a request could take.
    pub(crate) fn free(&self, purse: Purse) -> i64 {
        self.cells.get(&purse).map_or(0, |cell| cell.free())
    }

    /// What requests hold of a purse here, as its cell sees it.
    pub(crate) fn held(&self, purse: Purse) -> i64 {
        self.cells.get(&purse).map_or(0, |cell| cell.held())
    }

    /// Whether the disk has not taken a batch.
    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled.is_some()
    }

    /// Whether nothing runs, waits or is on its way to the disk or the ledger.
    pub(crate) fn is_quiet(&self) -> bool {
        let idle = |core: &Core| core.ring.is_empty() && core.requests.is_empty();
        self.cores.iter().all(idle)
            && self.stalled.is_none()
            && !self.is_told
            && self.outbox.is_empty()
            && self.outgoing.unsettled() == 0
            && self.needs.is_empty()
            && self.adopted.is_empty()
            && self.is_welcome
    }
}
