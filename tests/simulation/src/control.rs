//! The ledger: a machine with its disks, and the process that runs on it now.
//!
//! Books, desk, lender, journal and checkpoints are the real ones. Invariant, as in the ledger
//! thread: nothing leaves before the events it rests on are on disk. `orders` is what operators
//! ask for, `start` how the books come back.

mod orders;
mod start;

use std::collections::BTreeMap;

use journal::checkpoint;
use journal::{BatchNumber, DiskFault, Journal, JournalError, JournalOptions, MemoryDisk};
use ledger::books::{Applied, Books, BooksError};
use ledger::desk::{self, Booking};
use ledger::expiry::Expiries;
use ledger::lender::{self, Answer, LendPolicy};
use ledger::{Event, Purse};
use link::{EpochMark, Hello, ToControl, ToData};
use units::{UnixMillis, Usd};

use crate::chronicle::Chronicle;
use crate::plane::Crash;
use crate::random::Random;
use crate::records::usd;
use crate::truth::{Name, OrderState, Truth};
use crate::wire::Wire;

/// Small segments, so that some are closed and removed.
const OPTIONS: JournalOptions = JournalOptions { segment_bytes: 12 << 10 };

/// The ledger's machine.
pub(crate) struct Control {
    disk: MemoryDisk,
    checkpoints: MemoryDisk,
    /// The process, while it runs.
    pub(crate) process: Option<Ledger>,
}

/// A running ledger.
pub(crate) struct Ledger {
    /// The books.
    pub(crate) books: Books,
    journal: Journal<MemoryDisk>,
    disk: MemoryDisk,
    checkpoints: MemoryDisk,
    batch: Vec<u8>,
    count: u32,
    order: u64,
    after: Vec<After>,
    /// The links that said who they are: which epoch speaks over which link.
    links: BTreeMap<usize, (u64, Name)>,
    /// Negative adjustments that wait for credit.
    waiting: Vec<usize>,
    /// When each data plane was last heard of.
    heard: BTreeMap<usize, UnixMillis>,
    expiries: Expiries,
    /// What was settled in this batch.
    settled: Vec<ledger::books::Generation>,
    /// The disk did not take the batch.
    pub(crate) is_stalled: bool,
}

/// What waits for the disk.
enum After {
    Send(usize, u64, ToData),
    Marks(usize, u64),
    Told(usize, OrderState),
}

impl Control {
    /// A new machine.
    pub(crate) fn new(random: &mut Random) -> Self {
        let mut disk = || MemoryDisk::new(random.draw());
        Self { disk: disk(), checkpoints: disk(), process: None }
    }

    /// The process is gone: killed, or with the power of the machine.
    pub(crate) fn crash(&mut self, is_power_cut: bool) {
        self.process = None;
        for disk in [&mut self.disk, &mut self.checkpoints] {
            *disk = if is_power_cut { disk.after_power_cut() } else { disk.after_kill() };
        }
    }
}

impl Booking for Ledger {
    fn books(&self) -> &Books {
        &self.books
    }

    fn book(&mut self, event: &Event) -> Result<Applied, BooksError> {
        let applied = self.books.apply(event)?;
        match &applied {
            Applied::Nothing | Applied::Repeated(_) => return Ok(applied),
            Applied::Transacted(row) => self.expiries.note(row),
            Applied::Settled { .. } => self.settled.extend_from_slice(self.books.ended()),
            _ => {}
        }
        let at = self.batch.len();
        self.batch.extend_from_slice(&[0; 4]);
        event.encode(&mut self.batch).expect("an event can be written");
        let length = (self.batch.len() - at - 4) as u32;
        self.batch[at..at + 4].copy_from_slice(&length.to_le_bytes());
        self.count += 1;
        Ok(applied)
    }
}

impl Ledger {
    /// Does what a message asks for.
    pub(crate) fn hear(&mut self, plane: usize, wire: &Wire, now: UnixMillis, message: ToControl) {
        let link = wire.number;
        self.hear_of(plane, now);
        if let ToControl::Hello(Hello { dataplane, epoch, directory, .. }) = message {
            let taken = self.book(&Event::DirectoryTaken { dataplane, directory });
            taken.expect("a data plane keeps its directory");
            desk::hello(self, dataplane, epoch).expect("an epoch begins once");
            self.links.insert(plane, (link, (dataplane, epoch)));
            self.after.push(After::Marks(plane, link));
            return;
        }
        let Some((known, name)) = self.links.get(&plane).copied() else { return };
        if known != link {
            return;
        }
        match message {
            ToControl::Need { purse, amount } => {
                let answer = desk::need(self, name, purse, amount, LendPolicy::Share, |_| true);
                let lent = matches!(answer, Ok(Answer::Lend(lent)) if lent >= amount);
                self.tell_answer(plane, purse, answer);
                if !lent {
                    self.recall_from(purse, amount, |other| other != name);
                }
            }
            ToControl::Settlement { epoch, runs } => {
                let settlement = desk::settle(self, (name.0, epoch), runs);
                let refused = settlement.refused;
                assert!(refused.is_none(), "a true settlement is refused: {refused:?}");
                if settlement.has_gap {
                    self.after.push(After::Marks(plane, link));
                }
                self.end_returned(now);
                for (ring, seq) in settlement.marks {
                    let message = ToData::Acknowledged { epoch, ring, seq };
                    self.after.push(After::Send(plane, link, message));
                }
            }
            ToControl::EpochDone { epoch } => {
                let closed = desk::close(self, (name.0, epoch));
                let purses = closed.expect("an epoch that is done was opened");
                purses.into_iter().for_each(|purse| self.lend_more(purse));
            }
            _ => {}
        }
    }

    /// A data plane was heard of.
    pub(crate) fn hear_of(&mut self, plane: usize, now: UnixMillis) {
        self.heard.insert(plane, now);
    }

    /// After credit came in: lends it on to every linked epoch that had some of the purse.
    pub(crate) fn lend_more(&mut self, purse: Purse) {
        let linked: Vec<_> = self.links.iter().map(|(plane, (_, name))| (*plane, *name)).collect();
        for (plane, name) in linked {
            let policy = LendPolicy::Share;
            let answer = lender::after_credit(&self.books, name, purse, policy, |_| true);
            let answer = desk::lend(self, name, purse, answer);
            self.tell_answer(plane, purse, answer);
        }
    }

    fn tell_answer(&mut self, plane: usize, purse: Purse, answer: Result<Answer, BooksError>) {
        let Some((_, (dataplane, epoch))) = self.links.get(&plane) else { return };
        let total = self.books.lease(*dataplane, *epoch, purse).map_or(usd(0), |l| l.granted);
        let answer = match answer {
            // A lease that was taken away is not filled again.
            Err(BooksError::Fenced(..)) => return,
            answer => answer.expect("a lender lends what is there"),
        };
        let message = match answer {
            Answer::Lend(amount) => ToData::Granted { purse, amount, total },
            Answer::Deny { unlent, elsewhere } => ToData::Denied { purse, unlent, elsewhere },
        };
        self.send(plane, message);
    }

    fn send(&mut self, plane: usize, message: ToData) {
        if let Some((link, _)) = self.links.get(&plane) {
            self.after.push(After::Send(plane, *link, message));
        }
    }

    /// Asks for credit back, so that `wanted` comes to be unlent.
    pub(crate) fn recall(&mut self, purse: Purse, wanted: Usd) {
        self.recall_from(purse, wanted, |_| true);
    }

    /// The same, of linked epochs that `may_ask` names.
    fn recall_from(&mut self, purse: Purse, wanted: Usd, may_ask: impl Fn(Name) -> bool) {
        let links = self.links.clone();
        let plane_of = |name: Name| {
            links.iter().find(|(_, (_, linked))| *linked == name).map(|(plane, _)| *plane)
        };
        let asked = lender::recall(&self.books, purse, wanted, |dataplane, epoch| {
            may_ask((dataplane, epoch)) && plane_of((dataplane, epoch)).is_some()
        });
        for (dataplane, epoch, up_to) in asked {
            if let Some(plane) = plane_of((dataplane, epoch)) {
                self.send(plane, ToData::Recall { purse, up_to });
            }
        }
    }

    /// Writes the batch, and then does what waited for it.
    pub(crate) fn commit(
        &mut self,
        wires: &mut [Wire; 2],
        chronicle: &mut Chronicle,
        truth: &mut Truth,
    ) -> Result<(), Crash> {
        if self.count > 0 {
            let number = self.journal.durable().next().get();
            chronicle.attempt(number, &self.books, std::mem::take(&mut self.settled));
            match self.journal.commit(self.order, self.count, &self.batch, || {}) {
                Err(JournalError::Full) => {
                    self.is_stalled = true;
                    return Ok(());
                }
                committed => assert_eq!(committed?.number.get(), number),
            }
            self.is_stalled = false;
            chronicle.durable(number);
            self.order += u64::from(self.count);
            self.count = 0;
            self.batch.clear();
        }
        for after in std::mem::take(&mut self.after) {
            match after {
                After::Send(plane, link, message) => wires[plane].answer(link, message),
                After::Marks(plane, link) => {
                    let welcome = self.welcome(plane);
                    welcome.into_iter().for_each(|message| wires[plane].answer(link, message));
                }
                After::Told(order, state) => truth.orders[order].state = state,
            }
        }
        Ok(())
    }

    /// What the ledger has of a data plane, unless that was fenced meanwhile.
    fn welcome(&self, plane: usize) -> Option<ToData> {
        let (_, (dataplane, epoch)) = self.links.get(&plane)?;
        let mark = |epoch| {
            let watermarks = self.books.watermarks(*dataplane, epoch);
            EpochMark { epoch, watermarks, fenced: self.books.is_fenced(*dataplane, epoch) }
        };
        let leases = self.books.leases(*dataplane, *epoch);
        Some(ToData::Welcome {
            open_epochs: self.books.open_epochs(*dataplane).map(mark).collect(),
            lent: leases.map(|(purse, lease)| (purse, lease.granted)).collect(),
        })
    }

    /// Writes a checkpoint, and removes the journal that it makes needless.
    pub(crate) fn checkpoint(&mut self) -> Result<(), Crash> {
        let number = self.journal.durable();
        if self.count > 0 || number == BatchNumber::ZERO {
            return Ok(());
        }
        let mut payload = self.order.to_le_bytes().to_vec();
        payload.extend_from_slice(&self.books.encode());
        match checkpoint::write(&self.checkpoints, number, &payload) {
            Ok(older) => self.journal.remove_below(older)?,
            // Of a disk that fails there is no new checkpoint, and that is all.
            Err(JournalError::Full | JournalError::Io { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Plans a fault of one of the disks, soon.
    pub(crate) fn plan(&self, random: &mut Random, fault: DiskFault) {
        let disk = if random.one_in(4) { &self.checkpoints } else { &self.disk };
        let soon = disk.operations() + 1 + random.below(6) as u64;
        disk.plan(soon, fault);
    }

    /// Whether nothing waits.
    pub(crate) fn is_quiet(&self) -> bool {
        self.count == 0 && self.after.is_empty() && self.waiting.is_empty()
    }

    /// Whether a link has said who it is.
    pub(crate) fn knows(&self, plane: usize, wire: &Wire) -> bool {
        self.links.get(&plane).is_some_and(|(link, _)| *link == wire.number)
    }
}
