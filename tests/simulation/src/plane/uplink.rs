//! What the data plane hears and says: the uplink thread, one message at a time.

use std::sync::Arc;

use ledger::contact;
use ledger::spool::LedgerAnswer;
use ledger::{Purse, Run};
use link::{EpochMark, Hello, ToControl, ToData};
use units::{Epoch, UnixMillis, Usd};

use super::start::durable_runs;
use super::{Crash, Machine, Process};
use crate::random::Random;
use crate::wire::Wire;

impl Machine {
    /// Takes a message of the ledger.
    pub(crate) fn obey(
        &mut self,
        message: ToData,
        now: UnixMillis,
        wire: &mut Wire,
    ) -> Result<(), Crash> {
        let Some(process) = self.process.as_mut() else { return Ok(()) };
        process.hear(now);
        match message {
            ToData::Welcome { open_epochs, lent } => {
                process.welcome(&open_epochs, wire)?;
                lent.into_iter().for_each(|(purse, total)| process.granted(purse, total));
            }
            ToData::Granted { purse, total, .. } => process.granted(purse, total),
            ToData::Denied { purse, unlent, elsewhere } => {
                process.answered(purse, LedgerAnswer::Denied(unlent, elsewhere));
            }
            ToData::Recall { purse, up_to } => process.give_back(purse, up_to),
            ToData::Acknowledged { epoch, ring, seq } => process.acknowledged(epoch, ring, seq),
            ToData::Publish(_) | ToData::Contact { .. } => {}
            ToData::Refused { why } | ToData::Busy { why } => {
                panic!("a data plane is refused: {why}")
            }
        }
        let process = self.process.as_mut().expect("it was there");
        let done = process.close_adopted(wire);
        done.iter().for_each(|epoch| drop(self.disks.remove(epoch)));
        if let Some(open) = process.unowned.take() {
            let owned = |epoch: &Epoch| self.disks.contains_key(epoch);
            let lost = open.into_iter().filter(|epoch| *epoch < process.name.1 && !owned(epoch));
            lost.for_each(|epoch| wire.say(ToControl::EpochDone { epoch }));
        }
        Ok(())
    }
}

impl Process {
    /// A new link: says who speaks.
    pub(crate) fn greet(&mut self, wire: &mut Wire) {
        let (dataplane, epoch) = self.name;
        self.adrift();
        // What was asked over the old link is not answered any more.
        self.cells.values().for_each(|cell| cell.unask());
        let directory = u64::from(dataplane.0);
        let (version, process, beside) = (link::VERSION, 0, Vec::new());
        let hello = Hello { version, dataplane, epoch, directory, process, beside };
        wire.say(ToControl::Hello(hello));
    }

    /// The link is down: what was on its way may be lost.
    fn adrift(&mut self) {
        self.is_welcome = false;
        self.outbox.clear();
        self.outgoing.adrift();
    }

    /// The ledger was heard of.
    pub(crate) fn hear(&mut self, now: UnixMillis) {
        self.heard = now;
    }

    /// Leaves leases alone that may not be spent: the ledger took them away, or has not been heard
    /// of for a day.
    pub(crate) fn look(&mut self, now: UnixMillis) {
        if self.is_fenced || !contact::may_spend(self.heard, now) {
            for cell in self.cells.values() {
                let taken = cell.take_back(i64::MAX);
                self.aside.extend((taken > 0).then(|| (Arc::clone(cell), taken)));
            }
        }
    }

    /// Ships some of what is durable, and asks for what is needed.
    pub(crate) fn ship(
        &mut self,
        now: UnixMillis,
        random: &mut Random,
        wire: &mut Wire,
    ) -> Result<(), Crash> {
        self.look(now);
        if !wire.is_up {
            self.adrift();
        }
        if !self.is_welcome {
            return Ok(());
        }
        if self.outgoing.wants_journal() {
            let runs = durable_runs(&self.journal)?.into_iter();
            self.outbox.extend(runs.filter_map(|run| self.outgoing.read_back(run)));
        }
        if self.adopted.is_empty() || random.one_in(4) {
            for (purse, amount) in self.needs.drain(..) {
                wire.say(ToControl::Need { purse, amount });
            }
        }
        let count = 1 + random.below(self.outbox.len());
        let runs: Vec<Run> = self.outbox.drain(..count.min(self.outbox.len())).collect();
        if !runs.is_empty() {
            wire.say(ToControl::Settlement { epoch: self.name.1, runs });
        }
        Ok(())
    }

    /// What the ledger has of every open epoch: ships what it lacks.
    fn welcome(&mut self, open_epochs: &[EpochMark], wire: &mut Wire) -> Result<(), Crash> {
        self.is_welcome = true;
        let marks = |epoch| {
            let mark = open_epochs.iter().find(|mark| mark.epoch == epoch);
            mark.map(|mark| mark.watermarks.as_slice())
        };
        self.outbox.clear();
        self.outgoing.welcome(marks(self.name.1).unwrap_or_default());
        self.is_fenced |= open_epochs.iter().any(|mark| mark.epoch == self.name.1 && mark.fenced);
        if !self.is_fenced {
            self.aside.drain(..).for_each(|(cell, amount)| cell.undo_excess(amount));
        }
        for adopted in &mut self.adopted {
            if let Some(message) = adopted.ship(marks(adopted.epoch))? {
                wire.say(message);
            }
        }
        self.unowned = Some(open_epochs.iter().map(|mark| mark.epoch).collect());
        Ok(())
    }

    fn granted(&mut self, purse: Purse, total: Usd) {
        if let Some(amount) = self.grants.take(purse, total) {
            self.answered(purse, LedgerAnswer::Granted(amount));
        }
    }

    fn answered(&mut self, purse: Purse, answer: LedgerAnswer) {
        let cell = self.cell(purse);
        self.spool.answer(cell, answer);
        self.is_told = true;
    }

    fn give_back(&mut self, purse: Purse, up_to: Usd) {
        let cell = self.cell(purse);
        let taken = cell.take_back(up_to.pico_i64().unwrap_or(i64::MAX));
        if taken > 0 {
            cell.answered(cell.unlent().saturating_add(taken), cell.elsewhere());
            self.spool.give_back(purse, Usd::from_pico(taken.into()));
            self.is_told = true;
        }
    }

    fn acknowledged(&mut self, epoch: Epoch, ring: u16, seq: u64) {
        if epoch == self.name.1 {
            self.outgoing.acknowledge(ring, seq);
            self.spool.acknowledge(ring, seq);
        } else if let Some(adopted) = self.adopted.iter_mut().find(|known| known.epoch == epoch) {
            adopted.remainder.acknowledge(ring, seq);
        }
    }

    fn close_adopted(&mut self, wire: &mut Wire) -> Vec<Epoch> {
        let done = self.adopted.extract_if(.., |adopted| adopted.remainder.is_done());
        let done: Vec<Epoch> = done.map(|adopted| adopted.epoch).collect();
        done.iter().for_each(|epoch| wire.say(ToControl::EpochDone { epoch: *epoch }));
        done
    }
}
