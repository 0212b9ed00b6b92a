//! The uplink thread: what ledger and publisher say comes in here, what is durable goes out.
//!
//! Owns the cells of all purses and the making of generations. Invariants: runs are shipped in the
//! order in which they were written; a generation is acknowledged only when every core serves from
//! it; names are resolved and files are read beside this thread, never on a core.
//! Left out on purpose: how messages travel.
//!
//! ```text
//!   control plane --Publish--> make a generation --> cores --applied--> Applied
//!                 --Granted, Denied--> journal thread --> cell, bells
//!                 --Recall--> cell --> journal thread --> Return among the records
//!   journal thread --Committed--> (gather a little) --> Settlement
//!                  --Need, Usage--> the same
//! ```

pub mod adopt;
mod cells;
mod make;
pub mod resolve;
mod ship;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use channel::{Doorbell, Mark, Publisher};
use ledger::Purse;
use link::{Outbox, Publication, StatusReport, ToControl, ToData};
use units::{DataPlaneId, Epoch, Usd};

use crate::local::published::Published;
use crate::messages::{LedgerAnswer, ToCommitter, ToJournal, ToUplink};
use adopt::{Adopted, directory_of};
use cells::Cells;
use make::Maker;
use ship::Shipment;

/// How long the thread waits for news while a generation is on its way to the cores.
const WHILE_APPLYING: Duration = Duration::from_millis(1);
/// How long it waits otherwise; also the pace of shipping.
const PACE: Duration = Duration::from_millis(50);
/// How often the control plane hears how this data plane is.
const STATUS_EVERY: Duration = Duration::from_millis(500);

/// How long purses that run short wait for what dead epochs still have of them.
const ADOPTION_WAIT: Duration = Duration::from_secs(1);

/// The cores, as the uplink sees them.
pub struct Cores {
    /// Where generations are published.
    pub publisher: Publisher<Published>,
    /// Which generation each core serves from.
    pub applied: Vec<Arc<Mark>>,
    /// What wakes each core.
    pub doorbells: Vec<Doorbell>,
}

/// What an uplink is made of.
pub struct Parts {
    /// This start of the data plane.
    pub epoch: Epoch,
    /// The way to the control plane.
    pub control: Outbox<ToControl>,
    /// The cores.
    pub cores: Cores,
    /// The way to the journal thread.
    pub journal: ToJournal,
    /// The way to the resolver.
    pub resolver: Sender<resolve::Order>,
    /// Where every epoch has its journal.
    pub journals: PathBuf,
    /// Dead epochs that are still to be settled.
    pub adopted: Vec<Adopted>,
    /// How the data plane is.
    pub status: Box<dyn Fn() -> StatusReport + Send>,
}

/// Everything the uplink thread owns.
pub struct Uplink {
    epoch: Epoch,
    control: Outbox<ToControl>,
    news: Receiver<ToUplink>,
    cores: Cores,
    journal: ToJournal,
    cells: Cells,
    maker: Maker,
    shipment: Shipment,
    journals: PathBuf,
    adopted: Vec<Adopted>,
    /// Purses that ran short while dead epochs still have some of them.
    needs: Vec<(Purse, Usd)>,
    begun: Instant,
    status: Box<dyn Fn() -> StatusReport + Send>,
    applying: Option<u64>,
    last_status: Instant,
}

impl Uplink {
    /// An uplink that has not yet said hello.
    pub fn new(parts: Parts, news: Receiver<ToUplink>) -> Self {
        let Parts { epoch, control, cores, journal, resolver, journals, adopted, status } = parts;
        Self {
            epoch,
            control,
            news,
            cores,
            journal,
            cells: Cells::default(),
            maker: Maker::new(resolver),
            shipment: Shipment::default(),
            journals,
            adopted,
            needs: Vec::new(),
            begun: Instant::now(),
            status,
            applying: None,
            last_status: Instant::now(),
        }
    }

    /// Runs until it is told to stop.
    pub fn run(mut self, dataplane: DataPlaneId) {
        self.say(ToControl::Hello { dataplane, epoch: self.epoch });
        loop {
            let pace = if self.applying.is_some() { WHILE_APPLYING } else { PACE };
            match self.news.recv_timeout(pace) {
                Ok(ToUplink::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(news) => self.take(news),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.look_after();
        }
        self.ship();
    }

    fn take(&mut self, news: ToUplink) {
        match news {
            ToUplink::Control(message) => self.obey(message),
            ToUplink::Committed(runs) => self.shipment.add(runs),
            ToUplink::Need(purse, amount) => self.needs.push((purse, amount)),
            ToUplink::Usage(rows, covered) => self.shipment.count(rows, covered),
            ToUplink::Resolved(resolved) => {
                if let Some(published) = self.maker.resolved(resolved) {
                    self.publish(published);
                }
            }
            ToUplink::Stop => {}
        }
    }

    fn obey(&mut self, message: ToData) {
        match message {
            ToData::Welcome { open_epochs } => self.welcome(&open_epochs),
            ToData::Publish(publication) => self.make(publication),
            ToData::Granted { purse, amount } => {
                self.pass_on(purse, LedgerAnswer::Granted(amount));
            }
            ToData::Denied { purse, unlent, elsewhere } => {
                self.pass_on(purse, LedgerAnswer::Denied(unlent, elsewhere));
            }
            ToData::Recall { purse, up_to } => self.give_back(purse, up_to),
            ToData::Acknowledged { epoch, ring, seq } if epoch == self.epoch => {
                self.journal.tell(ToCommitter::Acknowledged(ring, seq));
            }
            ToData::Acknowledged { epoch, ring, seq } => self.acknowledge(epoch, ring, seq),
        }
    }

    fn pass_on(&mut self, purse: Purse, answer: LedgerAnswer) {
        self.journal.tell(ToCommitter::Answered(self.cells.credit(purse), answer));
    }

    /// Takes free credit out of its cell at once, so that a lowered limit holds when it is
    /// published; the ledger has it back when the record is settled.
    fn give_back(&mut self, purse: Purse, up_to: Usd) {
        let cell = self.cells.credit(purse);
        let taken = cell.take_back(up_to.pico_i64().unwrap_or(i64::MAX));
        if taken > 0 {
            // Not lent to anyone for now: whoever needs it is to ask again.
            cell.answered(cell.unlent().saturating_add(taken), cell.elsewhere());
            let amount = Usd::from_pico(i128::from(taken));
            self.journal.tell(ToCommitter::Returned(purse, amount));
        }
    }

    /// Asks for what is needed; not while what dead epochs left is on its way back to the ledger.
    fn ask(&mut self) {
        if self.adopted.is_empty() || self.begun.elapsed() >= ADOPTION_WAIT {
            for (purse, amount) in std::mem::take(&mut self.needs) {
                self.say(ToControl::Need { purse, amount });
            }
        }
    }

    /// Ships what dead epochs left, from where the ledger has it.
    fn welcome(&mut self, open_epochs: &[link::EpochMark]) {
        for adopted in &mut self.adopted {
            let mark = open_epochs.iter().find(|mark| mark.epoch == adopted.epoch());
            let watermarks = mark.map(|mark| mark.watermarks.as_slice());
            for message in adopted.ship(watermarks) {
                // A link that is down says hello again, and then all of this is repeated.
                let _ = self.control.send(message);
            }
        }
        self.close_adopted();
        self.close_without_journal(open_epochs);
    }

    /// A journal is removed once the ledger has all of it. A process that died right after that
    /// could not say so any more.
    fn close_without_journal(&self, open_epochs: &[link::EpochMark]) {
        for epoch in open_epochs.iter().map(|mark| mark.epoch) {
            if epoch < self.epoch && !directory_of(&self.journals, epoch).exists() {
                self.say(ToControl::EpochDone { epoch });
            }
        }
    }

    fn acknowledge(&mut self, epoch: Epoch, ring: u16, seq: u64) {
        if let Some(adopted) = self.adopted.iter_mut().find(|known| known.epoch() == epoch) {
            adopted.acknowledge(ring, seq);
        }
        self.close_adopted();
    }

    fn close_adopted(&mut self) {
        let all = std::mem::take(&mut self.adopted).into_iter();
        let (done, open): (Vec<_>, Vec<_>) = all.partition(Adopted::is_done);
        self.adopted = open;
        for adopted in done {
            self.say(ToControl::EpochDone { epoch: adopted.epoch() });
            adopted.remove();
        }
    }

    fn make(&mut self, publication: Publication) {
        match self.maker.make(publication, &mut self.cells) {
            Ok(published) => self.publish(published),
            Err(complaint) => eprintln!("tollgate: a publication was not understood: {complaint}"),
        }
    }

    fn publish(&mut self, published: Published) {
        self.applying = Some(published.generation);
        self.cores.publisher.publish(Arc::new(published));
        self.wake_cores();
    }

    fn wake_cores(&self) {
        self.cores.doorbells.iter().for_each(Doorbell::ring);
    }

    fn look_after(&mut self) {
        self.ask();
        if let Some(generation) = self.applying
            && self.cores.applied.iter().all(|mark| mark.read() >= generation)
        {
            self.applying = None;
            self.say(ToControl::Applied { generation });
            self.cores.publisher.collect();
        }
        if self.shipment.is_due(PACE) {
            self.ship();
        }
        if self.last_status.elapsed() >= STATUS_EVERY {
            self.last_status = Instant::now();
            let status = (self.status)();
            self.say(ToControl::Status(status));
        }
    }

    fn ship(&mut self) {
        for message in self.shipment.take(self.epoch) {
            self.say(message);
        }
    }

    fn say(&self, message: ToControl) {
        // What a lost link loses is asked for or shipped again when it is back.
        let _ = self.control.send(message);
    }
}
