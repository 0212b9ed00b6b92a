//! What the data plane hears and says: the uplink thread, one message at a time.

use ledger::remainder::Remainder;
use ledger::spool::LedgerAnswer;
use ledger::{Purse, Run};
use link::{EpochMark, ToControl, ToData};
use units::{Epoch, Usd};

use super::start::durable_runs;
use super::{Crash, Machine, Process};
use crate::random::Random;
use crate::wire::Wire;

impl Machine {
    /// Takes a message of the ledger.
    pub(crate) fn obey(&mut self, message: ToData, wire: &mut Wire) -> Result<(), Crash> {
        let Some(process) = self.process.as_mut() else { return Ok(()) };
        match message {
            ToData::Welcome { open_epochs } => process.welcome(&open_epochs, wire)?,
            ToData::Granted { purse, amount } => {
                process.answered(purse, LedgerAnswer::Granted(amount));
            }
            ToData::Denied { purse, unlent, elsewhere } => {
                process.answered(purse, LedgerAnswer::Denied(unlent, elsewhere));
            }
            ToData::Recall { purse, up_to } => process.give_back(purse, up_to),
            ToData::Acknowledged { epoch, ring, seq } => process.acknowledged(epoch, ring, seq),
            ToData::Publish(_) => {}
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
        self.is_welcome = false;
        self.outbox.clear();
        // What was asked over the old link is not answered any more.
        self.cells.values().for_each(|cell| cell.unask());
        wire.say(ToControl::Hello { dataplane, epoch });
    }

    /// Ships some of what is durable, and asks for what is needed.
    pub(crate) fn ship(&mut self, random: &mut Random, wire: &mut Wire) {
        if !wire.is_up || !self.is_welcome {
            return;
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
    }

    /// What the ledger has of every open epoch: ships what it lacks.
    fn welcome(&mut self, open_epochs: &[EpochMark], wire: &mut Wire) -> Result<(), Crash> {
        self.is_welcome = true;
        let marks = |epoch| {
            let mark = open_epochs.iter().find(|mark| mark.epoch == epoch);
            mark.map(|mark| mark.watermarks.as_slice())
        };
        let mut remainder = Remainder::default();
        remainder.welcome(marks(self.name.1));
        let runs = durable_runs(&self.journal)?.into_iter();
        self.outbox = runs.filter_map(|run| remainder.lacking(run)).collect();
        for adopted in &mut self.adopted {
            if let Some(message) = adopted.ship(marks(adopted.epoch))? {
                wire.say(message);
            }
        }
        self.unowned = Some(open_epochs.iter().map(|mark| mark.epoch).collect());
        Ok(())
    }

    fn answered(&mut self, purse: Purse, answer: LedgerAnswer) {
        let cell = self.cell(purse);
        self.has_notes = true;
        self.spool.answer(cell, answer);
    }

    fn give_back(&mut self, purse: Purse, up_to: Usd) {
        let cell = self.cell(purse);
        let taken = cell.take_back(up_to.pico_i64().unwrap_or(i64::MAX));
        if taken > 0 {
            cell.answered(cell.unlent().saturating_add(taken), cell.elsewhere());
            self.has_notes = true;
            self.spool.give_back(purse, Usd::from_pico(taken.into()));
        }
    }

    fn acknowledged(&mut self, epoch: Epoch, ring: u16, seq: u64) {
        if epoch == self.name.1 {
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
