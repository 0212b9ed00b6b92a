//! The uplink thread: what ledger and publisher say comes in here, what is durable goes out.
//!
//! Owns the leases and the making of generations. Invariants: runs are shipped in the order in
//! which they were written; a generation is acknowledged only when every core serves from it; names
//! are resolved and files are read beside this thread, never on a core; every welcome begins the
//! conversation anew, from what both sides have on disk.
//! Left out on purpose: how messages travel (`dial`, or a channel).
//!
//! ```text
//!   control plane --Publish--> make a generation --> cores --applied--> Applied
//!                 --Granted, Denied--> journal thread --> cell, bells
//!                 --Recall--> cell --> journal thread --> Return among the records
//!                 --Welcome--> what is missing there is read back from the journals
//!   journal thread --Committed--> Settlement
//!                  --Usage--> (gather a little) --> Usage
//!                  --Need--> Need
//! ```

pub mod adopt;
mod cells;
mod dead;
pub mod dial;
mod leases;
mod make;
mod outbound;
mod parts;
pub mod resolve;
pub mod saved;
mod ship;
pub mod standing;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use channel::Doorbell;
use ledger::Purse;
use link::{EpochMark, Hello, KeyChanges, Outbox, Publication, StatusReport, ToControl, ToData};
use units::Usd;

use crate::local::published::Published;
use crate::messages::{LinkGauge, Notice, ToCommitter, ToJournal, ToUplink};
use crate::running::now;
pub use dead::Dead;
use leases::Leases;
use make::Maker;
pub use outbound::Outbound;
pub use parts::{Cores, Parts};
use saved::Saver;

/// How long the thread waits for news while a generation is on its way to the cores.
const WHILE_APPLYING: Duration = Duration::from_millis(1);
/// How long it waits otherwise; also the pace of shipping.
const PACE: Duration = Duration::from_millis(50);
/// How often the control plane hears how this data plane is.
const STATUS_EVERY: Duration = Duration::from_millis(500);
/// How often the leases and dead epochs are looked after.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A control plane that was silent for so long is away.
const AWAY: Duration = Duration::from_secs(3);
/// Who is put off for so long runs on a copy of a directory.
const BUSY_MAX: Duration = Duration::from_secs(10);
/// How often the last contact is written down.
const HEARD_EVERY: Duration = Duration::from_secs(30);

/// Everything the uplink thread owns.
pub struct Uplink {
    hello: Hello,
    control: Outbox<ToControl>,
    news: Receiver<ToUplink>,
    cores: Cores,
    journal: ToJournal,
    leases: Leases,
    maker: Maker,
    outbound: Outbound,
    dead: Dead,
    saver: Option<Saver>,
    fallback: Option<(Instant, Publication)>,
    /// Purses that ran short while dead epochs still have some of them.
    needs: Vec<(Purse, Usd)>,
    status: Box<dyn FnMut() -> StatusReport + Send>,
    notices: Sender<Notice>,
    gauge: Arc<LinkGauge>,
    applying: Option<u64>,
    last: Last,
}

/// When what happens now and then happened last.
struct Last {
    status: Instant,
    look: Instant,
    read_back: Instant,
    contact: Option<Instant>,
    heard: Option<Instant>,
    /// The first of some attempts in a row that were put off.
    busy: Option<Instant>,
}

impl Uplink {
    /// An uplink that has not yet said hello.
    pub fn new(parts: Parts, news: Receiver<ToUplink>) -> Self {
        let Parts { hello, control, cores, journal, resolver, outbound, dead, .. } = parts;
        let begun = Instant::now();
        Self {
            hello,
            control,
            news,
            cores,
            leases: Leases::new(journal.clone(), parts.heard, parts.leases),
            journal,
            maker: Maker::new(resolver, parts.master_keys),
            outbound,
            dead,
            saver: parts.saver,
            fallback: parts.fallback,
            needs: Vec::new(),
            status: parts.status,
            notices: parts.notices,
            gauge: parts.gauge,
            applying: None,
            last: Last {
                status: begun,
                look: begun,
                read_back: begun,
                contact: None,
                heard: None,
                busy: None,
            },
        }
    }

    /// Runs until it is told to stop.
    pub fn run(mut self) {
        self.greet();
        loop {
            let pace = if self.applying.is_some() { WHILE_APPLYING } else { PACE };
            match self.news.recv_timeout(pace) {
                Ok(ToUplink::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(news) => self.take(news),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.look_after();
        }
        self.finish();
    }

    fn take(&mut self, news: ToUplink) {
        match news {
            ToUplink::Control(message) => self.obey(message),
            ToUplink::Committed(runs) => {
                self.outbound.committed(runs);
                self.ship();
            }
            ToUplink::Need(purse, amount) => self.needs.push((purse, amount)),
            ToUplink::Usage(rows, covered) => self.outbound.count(rows, covered),
            ToUplink::Resolved(resolved) => {
                if let Some(published) = self.maker.resolved(resolved) {
                    self.publish(published);
                }
            }
            ToUplink::Share => self.leases.give_half(),
            ToUplink::Retire => self.leases.retire(),
            ToUplink::Stop => {}
        }
    }

    fn obey(&mut self, message: ToData) {
        self.last.contact = Some(Instant::now());
        self.gauge.is_up.store(true, Ordering::Relaxed);
        match message {
            ToData::Welcome { open_epochs, lent } => self.welcome(&open_epochs, lent),
            ToData::Refused { why } => self.notify(Notice::Refused(why)),
            ToData::Busy { why } => self.wait_its_turn(why),
            ToData::Contact { said, shared } => {
                self.leases.hear(said, now());
                self.leases.share(shared);
                self.keep_contact();
            }
            ToData::Publish(publication) => self.make(publication),
            ToData::Granted { purse, total, .. } => self.leases.granted(purse, total),
            ToData::Denied { purse, unlent, elsewhere } => {
                self.leases.denied(purse, unlent, elsewhere);
            }
            ToData::Recall { purse, up_to } => self.leases.give_back(purse, up_to),
            ToData::Acknowledged { epoch, ring, seq } if epoch == self.hello.epoch => {
                self.outbound.acknowledge(ring, seq);
                self.journal.tell(ToCommitter::Acknowledged(ring, seq));
            }
            ToData::Acknowledged { epoch, ring, seq } => {
                let said = self.dead.acknowledge(epoch, ring, seq);
                self.say_all(said);
            }
        }
    }

    /// Another process has a link under our number. One of our own directory ends within seconds.
    fn wait_its_turn(&mut self, why: String) {
        if self.last.busy.get_or_insert_with(Instant::now).elapsed() >= BUSY_MAX {
            self.notify(Notice::Refused(why));
        }
    }

    /// The ledger says where it stands: what it lacks is shipped from there.
    fn welcome(&mut self, open_epochs: &[EpochMark], lent: Vec<(Purse, Usd)>) {
        self.last.busy = None;
        let own = open_epochs.iter().find(|mark| mark.epoch == self.hello.epoch);
        let watermarks = own.map_or(&[][..], |mark| mark.watermarks.as_slice());
        self.outbound.welcome(watermarks);
        let settled = watermarks.iter().map(|&(ring, seq)| ToCommitter::Acknowledged(ring, seq));
        settled.for_each(|mark| self.journal.tell(mark));
        if self.leases.welcome(own.is_some_and(|mark| mark.fenced)) {
            let what = "is fenced: what it has not settled is written off";
            notice::warn!("epoch {} {what}", self.hello.epoch.0);
            self.notify(Notice::Fenced);
        }
        for (purse, total) in lent {
            self.leases.granted(purse, total);
        }
        let said = self.dead.welcome(self.hello.epoch, open_epochs);
        self.say_all(said);
        // The answer says that leases may be spent, and from when on.
        self.report();
    }

    /// Asks for what is needed; not while what dead epochs left is on its way back to the ledger.
    fn ask(&mut self) {
        if self.needs.is_empty() || self.dead.holds_back() {
            return;
        }
        let needs = std::mem::take(&mut self.needs);
        if !self.leases.is_fenced() {
            needs.into_iter().for_each(|(purse, amount)| {
                self.say(ToControl::Need { purse, amount });
            });
        }
    }

    fn make(&mut self, publication: Publication) {
        self.fallback = None;
        let is_change = matches!(publication.keys, KeyChanges::Delta(_));
        let kept = self.saver.as_ref().map(|_| publication.clone());
        match self.maker.make(publication, &mut self.leases.cells) {
            Ok(published) => {
                if let (Some(saver), Some(kept)) = (&self.saver, kept) {
                    saver.keep(kept);
                }
                self.publish(published);
            }
            Err(complaint) => {
                notice::warn!("a publication was not understood: {complaint}");
                if is_change {
                    // As if no generation were known: all of it comes.
                    self.say(ToControl::Applied { generation: 0 });
                }
            }
        }
    }

    /// Serves from what was published before this start, if nothing newer came in time.
    fn fall_back(&mut self) {
        let Some((_, publication)) = self.fallback.take_if(|(at, _)| *at <= Instant::now()) else {
            return;
        };
        notice::warn!("the control plane is away; serving from the last publication");
        match self.maker.make(publication, &mut self.leases.cells) {
            Ok(published) => self.publish(published),
            Err(complaint) => notice::warn!("the last publication is of no use: {complaint}"),
        }
    }

    /// A generation waits a moment for names that are new in it.
    fn publish(&mut self, published: Published) {
        if !self.maker.has_names() {
            return;
        }
        self.applying = Some(published.generation);
        self.cores.publisher.publish(Arc::new(published));
        self.wake_cores();
    }

    fn wake_cores(&self) {
        self.cores.doorbells.iter().for_each(Doorbell::ring);
    }

    fn look_after(&mut self) {
        self.fall_back();
        if let Some(published) = self.maker.overdue() {
            self.publish(published);
        }
        self.ask();
        if let Some(generation) = self.applying
            && self.cores.applied.iter().all(|mark| mark.read() >= generation)
        {
            self.applying = None;
            self.say(ToControl::Applied { generation });
            self.cores.publisher.collect();
        }
        if is_due(&mut self.last.read_back, PACE) {
            self.outbound.read_back();
        }
        if self.outbound.is_due(PACE) {
            self.ship();
        }
        if is_due(&mut self.last.status, STATUS_EVERY) {
            self.gauge.unsettled.store(self.outbound.unsettled(), Ordering::Relaxed);
            let is_up = self.last.contact.is_some_and(|contact| contact.elapsed() < AWAY);
            self.gauge.is_up.store(is_up, Ordering::Relaxed);
            self.report();
        }
        if is_due(&mut self.last.look, LOOK_EVERY) {
            self.look();
        }
    }

    fn report(&mut self) {
        let (report, said) = ((self.status)(), now());
        self.say(ToControl::Status { report, said });
    }

    fn look(&mut self) {
        self.leases.look(now());
        if self.dead.look(now()) {
            // What the ledger has of an epoch that has just ended comes with another welcome.
            self.greet();
        }
    }

    fn greet(&mut self) {
        self.say(ToControl::Hello(self.hello.clone()));
    }

    /// Writes down now and then that there was contact: the next start may spend what this one
    /// leaves for as long as that.
    fn keep_contact(&mut self) {
        let is_written = self.last.heard.is_some_and(|heard| heard.elapsed() < HEARD_EVERY);
        if let Some(saver) = self.saver.as_ref().filter(|_| !is_written) {
            self.last.heard = Some(Instant::now());
            saver.heard(self.leases.heard());
        }
    }

    /// The last words: what is durable and not shipped yet. What a lost link keeps from arriving
    /// stands in the journal for the next start.
    fn finish(&mut self) {
        while let Ok(news) = self.news.try_recv() {
            self.take(news);
        }
        self.ship();
        if let Some(saver) = self.saver.take() {
            saver.finish();
        }
    }

    fn ship(&mut self) {
        let said = self.outbound.take();
        self.say_all(said);
    }

    fn say_all(&mut self, messages: Vec<ToControl>) {
        messages.into_iter().for_each(|message| self.say(message));
    }

    fn say(&mut self, message: ToControl) {
        if self.control.send(message).is_err() {
            // What a lost link loses is asked for or shipped again with the next welcome.
            self.last.contact = None;
            self.gauge.is_up.store(false, Ordering::Relaxed);
            self.outbound.adrift();
            self.dead.adrift();
        }
    }

    fn notify(&self, notice: Notice) {
        // A composition that has gone needs to know nothing.
        let _ = self.notices.send(notice);
    }
}

/// Whether it is time again; then it is counted from now.
fn is_due(last: &mut Instant, pace: Duration) -> bool {
    let is_due = last.elapsed() >= pace;
    if is_due {
        *last = Instant::now();
    }
    is_due
}

#[cfg(test)]
mod tests;
