//! Settlement: data planes' records into the books, and what is told them for it.
//!
//! The rules are `ledger::desk`'s. Here a gap is answered with where the ledger stands, so that the
//! data plane sends from there; what was refused is counted, and said.

use ledger::Run;
use ledger::books::{Applied, Books, BooksError};
use ledger::desk::{self, Booking};
use ledger::event::Event;
use link::ToData;
use units::Epoch;

use super::thread::{After, Ledger};

impl Booking for Ledger {
    fn books(&self) -> &Books {
        &self.books
    }

    fn book(&mut self, event: &Event) -> Result<Applied, BooksError> {
        let applied = Self::book(self, event)?;
        if let (Event::Settled { dataplane, epoch, .. }, Applied::Settled { .. }) =
            (event, &applied)
            && let Some(last) = self.books.ended().last()
        {
            self.links.told((*dataplane, *epoch), last.created_at);
        }
        Ok(applied)
    }
}

impl Ledger {
    /// Takes the runs of one message.
    pub(crate) fn settle(&mut self, link: u64, epoch: Epoch, runs: Vec<Run>) {
        let Some(linked) = self.links.get(link) else { return };
        let dataplane = linked.dataplane;
        let settlement = desk::settle(self, (dataplane, epoch), runs);
        self.figures.records += settlement.records;
        if settlement.has_gap {
            self.waiting.note_gap(link);
        }
        if let Some(error) = settlement.refused {
            self.refuse_message(dataplane, &error.to_string());
        }
        for (ring, seq) in settlement.marks {
            self.after(After::Send { link, message: ToData::Acknowledged { epoch, ring, seq } });
        }
    }
}
