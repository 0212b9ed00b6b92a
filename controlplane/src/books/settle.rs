//! Settlement: data planes' records into the books, and what is told them for it.
//!
//! A run is one event; the books check it whole. Invariants: a duplicate is acknowledged again and
//! books nothing; a run that leaves a gap is answered with where the ledger stands, so that the
//! data plane sends from there; a run that breaks a promise is refused, counted and never
//! acknowledged.

use std::collections::BTreeMap;

use ledger::Run;
use ledger::books::{Applied, BooksError};
use ledger::event::Event;
use link::ToData;
use units::{DataPlaneId, Epoch};

use super::thread::{After, Ledger};

impl Ledger {
    /// Takes the runs of one message.
    pub(crate) fn settle(&mut self, link: u64, epoch: Epoch, runs: Vec<Run>) {
        let Some(linked) = self.links.get(link) else { return };
        let dataplane = linked.dataplane;
        let mut rings: BTreeMap<u16, u64> = BTreeMap::new();
        let is_over = self.is_over(dataplane, epoch);
        for run in runs {
            let end = rings.entry(run.ring).or_default();
            *end = run.end_seq().max(*end);
            let count = u64::from(run.count);
            match self.book(&Event::Settled { dataplane, epoch, run }) {
                Ok(Applied::Settled { .. }) => self.figures.records += count,
                Ok(_) => {}
                Err(BooksError::Gap { .. }) => {
                    // The first run of a gap tells where to go on; those behind it are repeated.
                    self.after(After::Marks { link });
                    break;
                }
                Err(error) => {
                    self.refuse_message(dataplane, &error.to_string());
                    break;
                }
            }
        }
        for (ring, end) in rings {
            let seq = if is_over { end } else { self.watermark(dataplane, epoch, ring) };
            let message = ToData::Acknowledged { epoch, ring, seq };
            self.after(After::Send { link, message });
        }
    }

    /// Whether an epoch was closed: all that it could settle was settled.
    fn is_over(&self, dataplane: DataPlaneId, epoch: Epoch) -> bool {
        let begun = epoch < self.books.next_epoch(dataplane);
        begun && !self.books.open_epochs(dataplane).any(|open| open == epoch)
    }

    fn watermark(&self, dataplane: DataPlaneId, epoch: Epoch, ring: u16) -> u64 {
        let marks = self.books.watermarks(dataplane, epoch);
        marks.into_iter().find(|(other, _)| *other == ring).map_or(0, |(_, seq)| seq)
    }
}
