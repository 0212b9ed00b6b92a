//! Epochs of this directory that no longer run: finished by us, or still by who drains them.
//!
//! Invariants: a journal goes when the ledger has all of it; an epoch that another process drains
//! is taken over when that process has ended.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use link::{EpochMark, ToControl};
use units::{Epoch, UnixMillis};

use super::adopt::{Adopted, Found, adopt_unlocked, directory_of};

/// How long purses that run short wait for what dead epochs still have of them.
const ADOPTION_WAIT: Duration = Duration::from_secs(1);

/// The epochs before the running one.
pub struct Dead {
    journals: PathBuf,
    folder: PathBuf,
    adopted: Vec<Adopted>,
    draining: Vec<Epoch>,
    begun: Instant,
}

impl Dead {
    /// What a start found.
    pub fn new(journals: PathBuf, folder: PathBuf, found: Found) -> Self {
        let Found { adopted, locked, .. } = found;
        Self { journals, folder, adopted, draining: locked, begun: Instant::now() }
    }

    /// Whether credit should not be asked for yet, as it is on its way back to the ledger.
    pub fn holds_back(&self) -> bool {
        !self.adopted.is_empty() && self.begun.elapsed() < ADOPTION_WAIT
    }

    /// Takes what the ledger has of each epoch; what to say to it.
    pub fn welcome(&mut self, running: Epoch, open_epochs: &[EpochMark]) -> Vec<ToControl> {
        for adopted in &mut self.adopted {
            let mark = open_epochs.iter().find(|mark| mark.epoch == adopted.epoch());
            if mark.is_some_and(|mark| mark.fenced) {
                let epoch = adopted.epoch().0;
                notice::warn!("epoch {epoch} is fenced: what it had left is written off");
            }
            adopted.welcome(mark.map(|mark| mark.watermarks.as_slice()));
        }
        let mut said = self.go_on();
        // A journal is removed once the ledger has all of it. A process that died right after that
        // could not say so any more.
        let lost = open_epochs
            .iter()
            .map(|mark| mark.epoch)
            .filter(|epoch| *epoch < running && !directory_of(&self.journals, *epoch).exists());
        said.extend(lost.map(|epoch| ToControl::EpochDone { epoch }));
        said
    }

    /// The link is down.
    pub fn adrift(&mut self) {
        self.adopted.iter_mut().for_each(Adopted::adrift);
    }

    /// The ledger has everything below `seq` of a ring; what to say to it.
    pub fn acknowledge(&mut self, epoch: Epoch, ring: u16, seq: u64) -> Vec<ToControl> {
        if let Some(adopted) = self.adopted.iter_mut().find(|known| known.epoch() == epoch) {
            adopted.acknowledge(ring, seq);
        }
        self.go_on()
    }

    /// Takes over what others have drained; true if there was any.
    pub fn look(&mut self, now: UnixMillis) -> bool {
        if self.draining.is_empty() {
            return false;
        }
        let draining = std::mem::take(&mut self.draining);
        match adopt_unlocked((&self.journals, &self.folder), draining.clone(), now) {
            Ok((adopted, locked)) => {
                let has_any = adopted.len() + locked.len() < draining.len() || !adopted.is_empty();
                self.adopted.extend(adopted);
                self.draining = locked;
                has_any
            }
            Err(fault) => {
                notice::warn!("a drained epoch cannot be taken over: {fault}");
                false
            }
        }
    }

    fn go_on(&mut self) -> Vec<ToControl> {
        let mut said = Vec::new();
        let all = std::mem::take(&mut self.adopted).into_iter();
        let (done, open): (Vec<_>, Vec<_>) = all.partition(Adopted::is_done);
        self.adopted = open;
        for adopted in done {
            said.push(ToControl::EpochDone { epoch: adopted.epoch() });
            adopted.remove();
        }
        said.extend(self.adopted.iter_mut().filter_map(Adopted::piece));
        said
    }
}
