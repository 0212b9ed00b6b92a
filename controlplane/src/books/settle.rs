//! Settlement: data planes' records into the books, and what is told them for it.
//!
//! A run is one event; the books check it whole. Invariants: a duplicate is acknowledged again and
//! books nothing; a run that leaves a gap is answered with where the ledger stands, so that the
//! data plane sends from there; a run that breaks a promise is refused, counted and never
//! acknowledged.

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
        let mut rings: Vec<u16> = Vec::new();
        for run in runs {
            let ring = run.ring;
            if !rings.contains(&ring) {
                rings.push(ring);
            }
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
        for ring in rings {
            let seq = self.watermark(dataplane, epoch, ring);
            let message = ToData::Acknowledged { epoch, ring, seq };
            self.after(After::Send { link, message });
        }
    }

    fn watermark(&self, dataplane: DataPlaneId, epoch: Epoch, ring: u16) -> u64 {
        let marks = self.books.watermarks(dataplane, epoch);
        marks.into_iter().find(|(other, _)| *other == ring).map_or(0, |(_, seq)| seq)
    }
}
