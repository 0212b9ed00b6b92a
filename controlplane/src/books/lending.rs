//! What data planes say, and what they are lent.
//!
//! ```text
//!   Hello ─▶ DirectoryTaken, EpochOpened ─▶ Welcome + everything published
//!         ├─ another directory, another version ─▶ Refused
//!         └─ another link lives that it does not know of ─▶ Busy
//!   Need ─▶ lender ─┬─ Lent, on disk ─▶ Granted
//!                   └─ Denied, and Recall to others that have some
//!   credit came in ─▶ Lent to whoever had some ─▶ Granted, before the credit is answered
//!   credit is wanted back ─▶ Recall ─▶ a Return among the settled records
//! ```
//!
//! Invariants: the book comes first; a grant leaves when its loan is on disk; who was not heard of
//! for longer than its leases live loses them.

use std::time::Instant;

use ledger::Purse;
use ledger::books::BooksError;
use ledger::desk;
use ledger::event::Event;
use ledger::lender::{self, Answer, LendPolicy};
use link::{EpochMark, Hello, ToControl, ToData, VERSION};
use units::{DataPlaneId, Epoch, Usd};

use super::counters::Counters;
use super::thread::{After, Ledger, refused};
use super::waiting::Wanted;
use crate::refuse::Refusal;

impl Ledger {
    /// Does what a message asks for.
    pub(crate) fn hear(&mut self, link: u64, message: ToControl) {
        self.links.hear(link, self.now);
        match message {
            ToControl::Hello(hello) => self.greet(link, hello),
            ToControl::Need { purse, amount } => self.need(link, purse, amount),
            ToControl::Settlement { epoch, .. } | ToControl::EpochDone { epoch }
                if self.links.is_run_by_another(link, epoch) =>
            {
                self.put_off(link, epoch);
            }
            ToControl::Settlement { epoch, runs } => {
                self.settle(link, epoch, runs);
                self.retry_recalls();
                self.retry_wants();
            }
            ToControl::EpochDone { epoch } => self.epoch_done(link, epoch),
            ToControl::Applied { generation } => self.applied(link, generation),
            ToControl::Usage { rows, covered } => {
                if let Some(linked) = self.links.get(link) {
                    linked.counters.take(&rows, &covered);
                }
            }
            ToControl::Status { report, said } => {
                let now = self.now;
                if let Some(linked) = self.links.get(link) {
                    if report.journal.unsettled == 0 {
                        linked.told_to = now;
                    }
                    linked.take_report(report);
                }
                let shared = self.is_shared();
                self.links.send(link, ToData::Contact { said, shared });
            }
        }
    }

    fn greet(&mut self, link: u64, hello: Hello) {
        if let Err(why) = self.recognise(&hello) {
            return self.refuse(link, why);
        }
        if let Some(epoch) = self.links.copied(link, &hello) {
            return self.put_off(link, epoch);
        }
        match desk::hello(self, hello.dataplane, hello.epoch) {
            Ok(is_new) => {
                self.links.greet(link, hello, Counters::begin(is_new), self.now);
                self.after(After::Welcome { link });
            }
            Err(error) => self.refuse(link, error.to_string()),
        }
    }

    fn refuse(&mut self, link: u64, why: String) {
        notice::warn!("a data plane was not let in: {why}");
        self.links.turn_away(link, ToData::Refused { why });
    }

    /// Ends a link that would speak for what another link runs. If that is gone, though nobody has
    /// noticed yet, the next attempt finds it so.
    fn put_off(&mut self, link: u64, epoch: Epoch) {
        let why = format!(
            "another process runs epoch {} of this data plane: stop one of the two, or give the \
             copy of its data directory another [dataplane] id",
            epoch.0
        );
        notice::warn!("a data plane was put off: {why}");
        self.links.turn_away(link, ToData::Busy { why });
    }

    /// Books whose directory it is that says hello; or why that cannot be let in.
    fn recognise(&mut self, hello: &Hello) -> Result<(), String> {
        let Hello { version, dataplane, directory, .. } = *hello;
        if version != VERSION {
            return Err(format!(
                "it speaks version {version} of the link, this control plane {VERSION}; run the \
                 same tollgate on both"
            ));
        }
        let taken = self.book(&Event::DirectoryTaken { dataplane, directory });
        taken.map(drop).map_err(|error| error.to_string())
    }

    /// What the ledger has of a data plane's open epochs.
    pub(crate) fn open_epochs(&self, dataplane: DataPlaneId) -> Vec<EpochMark> {
        let mark = |epoch| EpochMark {
            epoch,
            watermarks: self.books.watermarks(dataplane, epoch),
            fenced: self.books.is_fenced(dataplane, epoch),
        };
        self.books.open_epochs(dataplane).map(mark).collect()
    }

    /// One process that serves alone is lent all there is; several share.
    fn policy(&self) -> LendPolicy {
        let several = self.books.dataplanes().nth(1).is_some() || self.is_shared();
        if several { LendPolicy::Share } else { LendPolicy::All }
    }

    /// Whether several processes borrow now.
    fn is_shared(&self) -> bool {
        self.links.iter().nth(1).is_some()
    }

    fn need(&mut self, link: u64, purse: Purse, amount: Usd) {
        let Some(linked) = self.links.get(link) else { return };
        let (dataplane, epoch) = (linked.dataplane, linked.epoch);
        let answer = self.lender_answer((dataplane, epoch), purse, amount);
        self.lend(link, (dataplane, epoch), purse, answer);
        if !matches!(answer, Answer::Lend(lent) if lent >= amount) {
            self.want(dataplane, epoch, purse, amount);
        }
    }

    fn lender_answer(&self, name: (DataPlaneId, Epoch), purse: Purse, amount: Usd) -> Answer {
        let is_there = |plane| self.links.is_there(plane, self.now);
        lender::answer(&self.books, name, purse, amount, self.policy(), is_there)
    }

    /// Asks the others for what one epoch lacks, and remembers to lend it on.
    fn want(&mut self, dataplane: DataPlaneId, epoch: Epoch, purse: Purse, amount: Usd) {
        if self.recall_from(purse, amount, |name| name != (dataplane, epoch)) {
            let wanted = Wanted { dataplane, epoch, purse, amount, since: Instant::now() };
            self.waiting.until_lent(wanted);
        }
    }

    /// Lends on what came back of what was wanted.
    fn retry_wants(&mut self) {
        for wanted in self.waiting.wants(Instant::now()) {
            let Wanted { dataplane, epoch, purse, amount, .. } = wanted;
            let Some(link) = self.links.of(dataplane, epoch) else { continue };
            match self.lender_answer((dataplane, epoch), purse, amount) {
                Answer::Deny { .. } => self.waiting.until_lent(wanted),
                lend => self.lend(link, (dataplane, epoch), purse, lend),
            }
        }
    }

    /// After credit came in: lends it on to every linked epoch that had some of the purse.
    pub(crate) fn lend_more(&mut self, purse: Purse) {
        let linked: Vec<_> =
            self.links.iter().map(|(link, l)| (link, l.dataplane, l.epoch)).collect();
        for (link, dataplane, epoch) in linked {
            let (name, policy) = ((dataplane, epoch), self.policy());
            let is_there = |plane| self.links.is_there(plane, self.now);
            let answer = lender::after_credit(&self.books, name, purse, policy, is_there);
            self.lend(link, name, purse, answer);
        }
    }

    fn lend(&mut self, link: u64, name: (DataPlaneId, Epoch), purse: Purse, answer: Answer) {
        let message = match desk::lend(self, name, purse, answer) {
            Ok(Answer::Lend(amount)) => {
                let lease = self.books.lease(name.0, name.1, purse);
                let total = lease.map_or(amount, |lease| lease.granted);
                ToData::Granted { purse, amount, total }
            }
            Ok(Answer::Deny { unlent, elsewhere }) => ToData::Denied { purse, unlent, elsewhere },
            Err(error) => {
                notice::error!("a loan of {purse} was refused: {error}");
                return;
            }
        };
        self.after(After::Send { link, message });
    }

    /// Asks for credit back, so that `wanted` comes to be unlent; whether anybody can be asked.
    pub(crate) fn recall(&mut self, purse: Purse, wanted: Usd) -> bool {
        self.recall_from(purse, wanted, |_| true)
    }

    /// The same, of linked epochs that `may_ask` names.
    fn recall_from(
        &mut self,
        purse: Purse,
        wanted: Usd,
        may_ask: impl Fn((DataPlaneId, Epoch)) -> bool,
    ) -> bool {
        let link_of = |plane, epoch| self.links.of(plane, epoch);
        let asked = lender::recall(&self.books, purse, wanted, |plane, epoch| {
            may_ask((plane, epoch)) && link_of(plane, epoch).is_some()
        });
        let asked: Vec<(u64, Usd)> = asked
            .into_iter()
            .filter_map(|(plane, epoch, up_to)| Some((link_of(plane, epoch)?, up_to)))
            .collect();
        for (link, up_to) in &asked {
            let message = ToData::Recall { purse, up_to: *up_to };
            self.after(After::Send { link: *link, message });
        }
        !asked.is_empty()
    }

    fn epoch_done(&mut self, link: u64, epoch: Epoch) {
        let Some(linked) = self.links.get(link) else { return };
        let dataplane = linked.dataplane;
        let running = linked.epoch;
        if epoch == running {
            self.refuse_message(dataplane, "its running epoch cannot be done");
            return;
        }
        let open = self.books.open_holds(dataplane, epoch).count();
        if open > 0 {
            let (plane, epoch) = (dataplane.0, epoch.0);
            notice::warn!(
                "data plane {plane} has lost the journal of epoch {epoch}: {open} of its \
                 requests are free"
            );
        }
        match desk::close(self, (dataplane, epoch)) {
            Ok(purses) => purses.into_iter().for_each(|purse| self.lend_more(purse)),
            Err(error) => self.refuse_message(dataplane, &error.to_string()),
        }
    }

    /// Takes back what a data plane that is gone had borrowed, what its open holds need included.
    pub(crate) fn fence(&mut self, dataplane: DataPlaneId) -> Result<(), Refusal> {
        if !self.books.dataplanes().any(|known| known == dataplane) {
            return Err(Refusal::not_found("data plane", dataplane.0));
        }
        if self.links.is_linked(dataplane) {
            let message = "the data plane is linked: stop it before it is fenced";
            return Err(Refusal::Conflict(message.into()));
        }
        self.fence_epochs(dataplane).map_err(refused)
    }

    fn fence_epochs(&mut self, dataplane: DataPlaneId) -> Result<(), BooksError> {
        let epochs: Vec<Epoch> = self.books.open_epochs(dataplane).collect();
        for epoch in epochs {
            let purses = desk::fence(self, (dataplane, epoch))?;
            purses.into_iter().for_each(|purse| self.lend_more(purse));
        }
        Ok(())
    }

    /// Fences the data planes whose leases have outlived the last contact with them.
    pub(crate) fn reclaim_lost(&mut self) {
        let lost: Vec<DataPlaneId> = self
            .books
            .dataplanes()
            .filter(|plane| {
                let mut open = self.books.open_epochs(*plane);
                let has_leases = open.any(|epoch| !self.books.is_fenced(*plane, epoch));
                has_leases && self.links.is_lost(*plane, self.now)
            })
            .collect();
        for plane in lost {
            notice::warn!(
                "data plane {} was not heard of for 25 hours: its leases are taken back",
                plane.0
            );
            if let Err(error) = self.fence_epochs(plane) {
                notice::error!("data plane {} cannot be fenced: {error}", plane.0);
            }
        }
    }

    pub(crate) fn refuse_message(&mut self, dataplane: DataPlaneId, why: &str) {
        self.figures.refused += 1;
        notice::error!("data plane {} sent what cannot be: {why}", dataplane.0);
    }
}
