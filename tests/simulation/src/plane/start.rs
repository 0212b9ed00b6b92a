//! A start: dead epochs are read back, their holds ended, and a new epoch begun.

use journal::{BatchNumber, Journal, MemoryDisk};
use ledger::Run;
use ledger::borrower::Borrower;
use ledger::grants::Grants;
use ledger::outgoing::Outgoing;
use ledger::remainder::Remainder;
use ledger::run;
use ledger::spool::Spool;
use link::ToControl;
use units::{Epoch, UnixMillis};

use super::{CORES, Core, Crash, Machine, OPTIONS, Process};
use crate::random::Random;
use crate::truth::{Name, Truth};

/// A dead epoch on its way into the ledger.
pub(super) struct Adopted {
    pub(super) epoch: Epoch,
    journal: Journal<MemoryDisk>,
    pub(super) remainder: Remainder,
}

impl Machine {
    /// Starts a process, unless the disks fail meanwhile.
    pub(crate) fn start(
        &mut self,
        now: UnixMillis,
        random: &mut Random,
        truth: &mut Truth,
    ) -> Result<(), Crash> {
        let mut adopted = Vec::new();
        for (epoch, disk) in &self.disks {
            adopted.push(adopt((self.id, *epoch), disk, now, truth)?);
        }
        // The clock too, as no directory may be left of the newest epoch.
        let newest = self.disks.keys().last().map_or(0, |epoch| epoch.0);
        let epoch = Epoch((newest + 1).max(now.seconds() as u32));
        let disk = MemoryDisk::new(random.draw());
        self.disks.insert(epoch, disk.clone());
        let (journal, _) = Journal::open(disk.clone(), OPTIONS)?;
        self.process = Some(Process {
            name: (self.id, epoch),
            journal,
            disk,
            spool: Spool::new(usize::from(CORES)),
            cells: Default::default(),
            cores: (0..CORES).map(|_| Core::default()).collect(),
            stalled: None,
            outgoing: Outgoing::default(),
            outbox: Vec::new(),
            grants: Grants::default(),
            aside: Vec::new(),
            is_fenced: false,
            is_told: false,
            heard: now,
            needs: Vec::new(),
            adopted,
            is_welcome: false,
            unowned: None,
        });
        Ok(())
    }
}

fn adopt(
    name: Name,
    disk: &MemoryDisk,
    now: UnixMillis,
    truth: &mut Truth,
) -> Result<Adopted, Crash> {
    let (mut journal, recovery) = Journal::open(disk.clone(), OPTIONS)?;
    truth.recovered(name, recovery.last.get());
    let mut borrower = Borrower::default();
    let mut remainder = Remainder::default();
    let is_whole = recovery.first == BatchNumber::FIRST;
    for batch in journal.batches_from(recovery.first)? {
        for run in run::runs(&batch?.records) {
            let run = run.expect("what was written reads back");
            borrower.apply(&run).expect("an epoch's records make sense");
            remainder.note(&run);
        }
        if is_whole {
            borrower.check().expect("every prefix of a journal is closed");
        }
    }
    let ending = borrower.ends(now);
    if !ending.is_empty() {
        let mut payload = Vec::new();
        ending.iter().for_each(|run| run.encode(&mut payload));
        let count = ending.iter().map(|run| run.count).sum();
        journal.commit(u64::from(name.1.0), count, &payload, || {})?;
        ending.iter().for_each(|run| remainder.note(run));
    }
    Ok(Adopted { epoch: name.1, journal, remainder })
}

/// The runs of a journal's durable batches, oldest first.
pub(super) fn durable_runs(journal: &Journal<MemoryDisk>) -> Result<Vec<Run>, Crash> {
    let first = journal.segments().next().map_or(BatchNumber::FIRST, |segment| segment.first);
    let mut runs = Vec::new();
    for batch in journal.batches_from(first)? {
        let batch = batch?;
        if batch.position.number <= journal.durable() {
            runs.extend(run::runs(&batch.records).map(|run| run.expect("it was read before")));
        }
    }
    Ok(runs)
}

impl Adopted {
    /// What the ledger lacks, given what it has.
    pub(super) fn ship(
        &mut self,
        watermarks: Option<&[(u16, u64)]>,
    ) -> Result<Option<ToControl>, Crash> {
        if !self.remainder.welcome(watermarks) {
            return Ok(None);
        }
        let runs = durable_runs(&self.journal)?.into_iter();
        let runs = runs.filter_map(|run| self.remainder.lacking(run)).collect();
        Ok(Some(ToControl::Settlement { epoch: self.epoch, runs }))
    }
}
