//! A disk in memory that loses, tears and fails as told: for tests and the simulation.
//!
//! ```text
//!   write_at ──▶ what reads see ── sync ──▶ what survives a power cut
//!                                  └ failed: the writes are forgotten, reads still show them
//! ```
//!
//! At a power cut each 512-byte sector that was written since the last sync keeps, by the seed,
//! any of the contents it had since then, or a torn mix of two. Calls that are durable when they
//! return are whole or undone when the power fails within them.
//! Every call that changes something counts as one operation; a fault is planned for the n-th.
//! Invariant: the same seed and the same calls give the same disk.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::Disk;

const SECTOR_BYTES: usize = 512;

/// What an operation can run into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// The power fails within the operation; every later one fails until the restart.
    PowerCut,
    /// The operation fails with an I/O error; a sync forgets what it should have written.
    Failure,
    /// The operation finds no room.
    NoRoom,
}

/// A directory in memory. Clones are the same directory.
#[derive(Clone)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
}

/// An open file of a [`MemoryDisk`].
#[derive(Clone, Debug)]
pub struct MemoryFile {
    name: String,
}

struct State {
    files: BTreeMap<String, Content>,
    operations: u64,
    faults: BTreeMap<u64, DiskFault>,
    dark: bool,
    random: u64,
}

#[derive(Clone, Default)]
struct Content {
    /// What reads see.
    seen: Vec<u8>,
    /// What a power cut leaves for certain.
    kept: Vec<u8>,
    /// Sectors as they were written since the last sync, oldest first.
    pending: Vec<(usize, Vec<u8>)>,
}

impl MemoryDisk {
    /// An empty directory; `seed` decides what a power cut leaves.
    pub fn new(seed: u64) -> Self {
        Self::from_files(BTreeMap::new(), seed)
    }

    /// Plans a fault for operation `number`, counted from 1.
    pub fn plan(&self, number: u64, fault: DiskFault) {
        self.state().faults.insert(number, fault);
    }

    /// Operations so far.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// The disk after the power came back: what was synced, and by chance some of the rest.
    #[must_use]
    pub fn after_power_cut(&self) -> Self {
        let mut state = self.state();
        let mut files = state.files.clone();
        for content in files.values_mut() {
            content.settle(&mut state.random);
        }
        Self::from_files(files, state.random)
    }

    /// The disk after the process was killed: everything written is there.
    #[must_use]
    pub fn after_kill(&self) -> Self {
        let state = self.state();
        Self::from_files(state.files.clone(), state.random)
    }

    /// The bytes of a file, as a reader sees them; empty when there is none.
    pub fn contents(&self, name: &str) -> Vec<u8> {
        self.state().files.get(name).map(|content| content.seen.clone()).unwrap_or_default()
    }

    /// Puts a file there as it shall be found, synced.
    pub fn set_contents(&self, name: &str, bytes: Vec<u8>) {
        self.state().files.insert(name.to_owned(), Content::synced(bytes));
    }

    fn from_files(files: BTreeMap<String, Content>, random: u64) -> Self {
        let faults = BTreeMap::new();
        let state = State { files, operations: 0, faults, dark: false, random };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an operation that `change`s files. When the power fails within it, a coin decides
    /// whether it was done.
    fn operate<T>(&self, change: impl FnOnce(&mut Files) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state();
        match state.next_fault()? {
            None => change(&mut state.files),
            Some(DiskFault::PowerCut) => {
                if chance(&mut state.random, 2) {
                    let _ = change(&mut state.files);
                }
                Err(dark())
            }
            Some(DiskFault::Failure) => Err(failure()),
            Some(DiskFault::NoRoom) => Err(ErrorKind::StorageFull.into()),
        }
    }
}

type Files = BTreeMap<String, Content>;

impl Disk for MemoryDisk {
    type File = MemoryFile;

    fn block_bytes(&self) -> usize {
        SECTOR_BYTES
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let state = self.state().lit()?;
        Ok(state.files.keys().cloned().collect())
    }

    /// Making a file takes no time here.
    fn prepare(&self, _bytes: u64) {}

    fn lacks_room(&self) -> bool {
        false
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<MemoryFile> {
        self.operate(|files| {
            if files.contains_key(name) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            files.insert(name.to_owned(), Content::synced(vec![0; bytes as usize]));
            Ok(MemoryFile { name: name.to_owned() })
        })
    }

    fn open(&self, name: &str) -> io::Result<MemoryFile> {
        content(&mut self.state().lit()?.files, name)?;
        Ok(MemoryFile { name: name.to_owned() })
    }

    fn read_at(&self, file: &MemoryFile, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state().lit()?;
        let seen = &content(&mut state.files, &file.name)?.seen;
        let rest = seen.get(offset as usize..).unwrap_or_default();
        let read = rest.len().min(into.len());
        into[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write_at(
        &self,
        file: &MemoryFile,
        offset: u64,
        parts: &mut [IoSlice<'_>],
    ) -> io::Result<()> {
        let bytes = parts.iter().map(|part| &**part).collect::<Vec<_>>().concat();
        let mut state = self.state();
        let fault = state.next_fault()?;
        if fault != Some(DiskFault::NoRoom) {
            content(&mut state.files, &file.name)?.write(offset as usize, &bytes);
        }
        match fault {
            None => Ok(()),
            Some(DiskFault::PowerCut) => Err(dark()),
            Some(DiskFault::Failure) => Err(failure()),
            Some(DiskFault::NoRoom) => Err(ErrorKind::StorageFull.into()),
        }
    }

    fn sync(&self, file: &MemoryFile) -> io::Result<()> {
        let mut state = self.state();
        let fault = state.next_fault()?;
        let State { files, random, .. } = &mut *state;
        let content = content(files, &file.name)?;
        match fault {
            None => {
                content.keep_pending();
                Ok(())
            }
            Some(DiskFault::PowerCut) => Err(dark()),
            Some(DiskFault::Failure | DiskFault::NoRoom) => {
                let seen = content.seen.clone();
                content.settle(random);
                content.seen = seen;
                Err(failure())
            }
        }
    }

    fn truncate(&self, file: &MemoryFile, bytes: u64) -> io::Result<()> {
        self.operate(|files| {
            let content = content(files, &file.name)?;
            content.keep_pending();
            content.seen.resize(bytes as usize, 0);
            content.kept.resize(bytes as usize, 0);
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.operate(|files| files.remove(name).map(|_| ()).ok_or(ErrorKind::NotFound.into()))
    }

    fn replace(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        self.operate(|files| {
            files.insert(name.to_owned(), Content::synced(parts.concat()));
            Ok(())
        })
    }
}

impl State {
    fn next_fault(&mut self) -> io::Result<Option<DiskFault>> {
        if self.dark {
            return Err(dark());
        }
        self.operations += 1;
        let fault = self.faults.get(&self.operations).copied();
        self.dark = fault == Some(DiskFault::PowerCut);
        Ok(fault)
    }
}

impl Content {
    fn synced(bytes: Vec<u8>) -> Self {
        Self { kept: bytes.clone(), seen: bytes, pending: Vec::new() }
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        self.seen.resize(self.seen.len().max(end), 0);
        self.seen[offset..end].copy_from_slice(bytes);
        for sector in offset / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES) {
            let from = sector * SECTOR_BYTES;
            let to = (from + SECTOR_BYTES).min(self.seen.len());
            self.pending.push((from, self.seen[from..to].to_vec()));
        }
    }

    /// What a sync does. Sectors that an earlier one forgot stay forgotten.
    fn keep_pending(&mut self) {
        for (from, sector) in self.pending.drain(..) {
            self.kept.resize(self.kept.len().max(from + sector.len()), 0);
            self.kept[from..from + sector.len()].copy_from_slice(&sector);
        }
    }

    /// Lets chance decide which pending sectors reached the medium, and forgets the others.
    fn settle(&mut self, random: &mut u64) {
        for (from, sector) in self.pending.drain(..) {
            let whole = chance(random, 2);
            let torn = !whole && chance(random, 4);
            let length = if torn { draw(random) as usize % sector.len() } else { sector.len() };
            if whole || torn {
                self.kept.resize(self.kept.len().max(from + sector.len()), 0);
                self.kept[from..from + length].copy_from_slice(&sector[..length]);
            }
        }
        self.seen.clone_from(&self.kept);
    }
}

/// A guard of a disk that has power.
trait Lit: Sized {
    fn lit(self) -> io::Result<Self>;
}

impl Lit for MutexGuard<'_, State> {
    fn lit(self) -> io::Result<Self> {
        if self.dark { Err(dark()) } else { Ok(self) }
    }
}

fn content<'f>(files: &'f mut Files, name: &str) -> io::Result<&'f mut Content> {
    files.get_mut(name).ok_or_else(|| ErrorKind::NotFound.into())
}

fn dark() -> io::Error {
    io::Error::other("the power is off")
}

fn failure() -> io::Error {
    nix::Error::EIO.into()
}

fn chance(random: &mut u64, one_in: u64) -> bool {
    draw(random).is_multiple_of(one_in)
}

/// The next number of the sequence (splitmix64).
fn draw(random: &mut u64) -> u64 {
    *random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*random ^ (*random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
