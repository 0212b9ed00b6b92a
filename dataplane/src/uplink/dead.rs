//! Epochs of this directory that no longer run: finished by us, or still by who drains them.
//!
//! Invariants: a journal goes when the ledger has all of it; an epoch that another process drains
//! is taken over when that process has ended.

use std::collections::BTreeSet;
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
    /// Those of them of which it was said that they cannot be read.
    unreadable: BTreeSet<Epoch>,
    begun: Instant,
}

impl Dead {
    /// What a start found.
    pub fn new(journals: PathBuf, folder: PathBuf, found: Found) -> Self {
        let Found { adopted, locked, .. } = found;
        let (draining, unreadable) = (locked, BTreeSet::new());
        Self { journals, folder, adopted, draining, unreadable, begun: Instant::now() }
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

    /// Takes over what others have drained; true if there was any. What cannot be read now is tried
    /// again.
    pub fn look(&mut self, now: UnixMillis) -> bool {
        let mut has_any = false;
        for epoch in std::mem::take(&mut self.draining) {
            match adopt_unlocked((&self.journals, &self.folder), vec![epoch], now) {
                Ok((_, locked)) if !locked.is_empty() => self.draining.extend(locked),
                Ok((adopted, _)) => {
                    self.adopted.extend(adopted);
                    has_any = true;
                }
                Err(fault) => {
                    if self.unreadable.insert(epoch) {
                        let epoch = epoch.0;
                        notice::warn!("epoch {epoch} cannot be taken over yet: {fault}");
                    }
                    self.draining.push(epoch);
                }
            }
        }
        has_any
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

#[cfg(test)]
mod tests {
    use std::fs;

    use journal::{Journal, JournalOptions, PlainDisk};

    use super::super::adopt::adopt_all;
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let name = format!("tollgate-dead-{}-{name}", std::process::id());
        std::env::temp_dir().join(name)
    }

    /// The empty journal of an epoch, held for as long as it is kept.
    fn journal(root: &std::path::Path, epoch: Epoch) -> Journal<PlainDisk> {
        let disk = PlainDisk::open(&directory_of(root, epoch)).unwrap();
        Journal::open(disk, JournalOptions { segment_bytes: 1 << 16 }).unwrap().0
    }

    #[test]
    fn an_epoch_that_cannot_be_read_is_not_forgotten() {
        let folder = folder("unread");
        let journals = folder.join("journal");
        let draining = journal(&journals, Epoch(3));
        let found = adopt_all(&journals, &folder, UnixMillis(0)).unwrap();
        assert_eq!(found.locked, [Epoch(3)]);
        let mut dead = Dead::new(journals.clone(), folder.clone(), found);
        assert!(!dead.look(UnixMillis(0)));
        // The process that drains it ends, and for a while its lock cannot be opened.
        drop(draining);
        let lock = directory_of(&journals, Epoch(3)).join("lock");
        fs::remove_file(&lock).unwrap();
        fs::create_dir(&lock).unwrap();
        assert!(!dead.look(UnixMillis(0)));
        fs::remove_dir(&lock).unwrap();
        assert!(dead.look(UnixMillis(0)) && !dead.look(UnixMillis(0)));
        let said = dead.welcome(Epoch(4), &[]);
        assert_eq!(said, [ToControl::EpochDone { epoch: Epoch(3) }]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_half_removed_journal_is_none() {
        let folder = folder("half");
        let journals = folder.join("journal");
        drop(journal(&journals, Epoch(3)));
        let (gone, kept) = (journals.join("gone-0000000002"), directory_of(&journals, Epoch(3)));
        fs::create_dir_all(gone.join("segment")).unwrap();
        let found = adopt_all(&journals, &folder, UnixMillis(0)).unwrap();
        assert_eq!((found.adopted.len(), found.newest, gone.exists()), (1, Epoch(3), false));
        let mut dead = Dead::new(journals.clone(), folder.clone(), found);
        assert_eq!(dead.welcome(Epoch(4), &[]).len(), 1);
        assert!(!kept.exists() && fs::read_dir(&journals).unwrap().next().is_none());
        fs::remove_dir_all(folder).unwrap();
    }
}
