//! What data planes say, and what they are lent.
//!
//! ```text
//!   Hello ─▶ EpochOpened ─▶ Welcome + everything published
//!   Need ─▶ lender ─┬─ Lent, on disk ─▶ Granted
//!                   └─ Denied
//!   credit came in ─▶ Lent to whoever had some ─▶ Granted, before the credit is answered
//!   credit is wanted back ─▶ Recall ─▶ a Return among the settled records
//! ```
//!
//! Invariant: the book comes first; a grant leaves when its loan is on disk.

use ledger::Purse;
use ledger::desk;
use ledger::lender::{self, Answer, LendPolicy};
use link::{EpochMark, ToControl, ToData};
use units::{DataPlaneId, Epoch, Usd};

use super::counters::Counters;
use super::thread::{After, Ledger};

impl Ledger {
    /// Does what a message asks for.
    pub(crate) fn hear(&mut self, link: u64, message: ToControl) {
        match message {
            ToControl::Hello { dataplane, epoch } => self.hello(link, dataplane, epoch),
            ToControl::Need { purse, amount } => self.need(link, purse, amount),
            ToControl::Settlement { epoch, runs } => {
                self.settle(link, epoch, runs);
                self.retry_recalls();
            }
            ToControl::EpochDone { epoch } => self.epoch_done(link, epoch),
            ToControl::Applied { generation } => self.applied(link, generation),
            ToControl::Usage { rows, covered } => {
                if let Some(linked) = self.links.get(link) {
                    linked.counters.take(&rows, &covered);
                }
            }
            ToControl::Status(report) => {
                if let Some(linked) = self.links.get(link) {
                    linked.report = report;
                }
            }
        }
    }

    fn hello(&mut self, link: u64, dataplane: DataPlaneId, epoch: Epoch) {
        match desk::hello(self, dataplane, epoch) {
            Ok(is_new) => {
                self.links.greet(link, (dataplane, epoch), Counters::begin(is_new));
                self.after(After::Welcome { link });
            }
            Err(error) => {
                let (plane, start) = (dataplane.0, epoch.0);
                eprintln!("tollgate: epoch {start} of data plane {plane} is refused: {error}");
                self.links.drop_link(link);
            }
        }
    }

    /// What the ledger has of a data plane's open epochs.
    pub(crate) fn open_epochs(&self, dataplane: DataPlaneId) -> Vec<EpochMark> {
        let marks = self
            .books
            .open_epochs(dataplane)
            .map(|epoch| EpochMark { epoch, watermarks: self.books.watermarks(dataplane, epoch) });
        marks.collect()
    }

    /// One data plane that serves alone is lent all there is; several share.
    fn policy(&self) -> LendPolicy {
        if self.books.dataplanes().nth(1).is_some() { LendPolicy::Share } else { LendPolicy::All }
    }

    fn need(&mut self, link: u64, purse: Purse, amount: Usd) {
        let Some(linked) = self.links.get(link) else { return };
        let (dataplane, epoch) = (linked.dataplane, linked.epoch);
        let answer = lender::answer(&self.books, dataplane, epoch, purse, amount, self.policy());
        self.lend(link, (dataplane, epoch), purse, answer);
    }

    /// After credit came in: lends it on to every linked epoch that had some of the purse.
    pub(crate) fn lend_more(&mut self, purse: Purse) {
        let linked: Vec<_> =
            self.links.iter().map(|(link, l)| (link, l.dataplane, l.epoch)).collect();
        for (link, dataplane, epoch) in linked {
            let answer = lender::after_credit(&self.books, dataplane, epoch, purse, self.policy());
            self.lend(link, (dataplane, epoch), purse, answer);
        }
    }

    fn lend(&mut self, link: u64, name: (DataPlaneId, Epoch), purse: Purse, answer: Answer) {
        let message = match desk::lend(self, name, purse, answer) {
            Ok(Answer::Lend(amount)) => ToData::Granted { purse, amount },
            Ok(Answer::Deny { unlent, elsewhere }) => ToData::Denied { purse, unlent, elsewhere },
            Err(error) => {
                eprintln!("tollgate: a loan of {purse} was refused: {error}");
                return;
            }
        };
        self.after(After::Send { link, message });
    }

    /// Asks for credit back, so that `wanted` comes to be unlent; whether anybody can be asked.
    pub(crate) fn recall(&mut self, purse: Purse, wanted: Usd) -> bool {
        let mut asked = false;
        for (dataplane, epoch, up_to) in lender::recall(&self.books, purse, wanted) {
            if let Some(link) = self.links.of(dataplane, epoch) {
                asked = true;
                self.after(After::Send { link, message: ToData::Recall { purse, up_to } });
            }
        }
        asked
    }

    fn epoch_done(&mut self, link: u64, epoch: Epoch) {
        let Some(linked) = self.links.get(link) else { return };
        let dataplane = linked.dataplane;
        let running = linked.epoch;
        if epoch == running {
            self.refuse_message(dataplane, "its running epoch cannot be done");
            return;
        }
        match desk::close(self, (dataplane, epoch)) {
            Ok(purses) => purses.into_iter().for_each(|purse| self.lend_more(purse)),
            Err(error) => self.refuse_message(dataplane, &error.to_string()),
        }
    }

    pub(crate) fn refuse_message(&mut self, dataplane: DataPlaneId, why: &str) {
        self.figures.refused += 1;
        eprintln!("tollgate: data plane {} sent what cannot be: {why}", dataplane.0);
    }
}
