//! The next segment's file, made while the present one fills.
//!
//! Filling 64 MiB with zeros takes as long as hundreds of commits, and the zeros are what keeps
//! commits short: on ext4 a sync into zeros took 49 us where one into reserved or sparse space
//! took 60 to 80. A thread writes them in pieces, each synced, so that a commit waits for one
//! piece at most.
//! Invariants: a spare is never found under a segment's name before it is whole and synced; what
//! is left of one is removed at the next start. A spare that failed is forgotten, but for the news
//! that there was no room: the segment is then made on the spot, and that error counts. The room is
//! taken before anything is written, so that a full disk costs no time and keeps what it has.

use std::cell::Cell;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use nix::fcntl::{FallocateFlags, fallocate};

use crate::disk::is_full;

/// Zeros are written and synced in pieces of this many bytes.
const PIECE_BYTES: usize = 1 << 20;

/// The place of one spare file.
pub(crate) struct Spare {
    path: PathBuf,
    making: Cell<Option<Making>>,
    lacks_room: Cell<bool>,
}

struct Making {
    bytes: u64,
    made: Made,
}

enum Made {
    Soon(JoinHandle<io::Result<File>>),
    Now(File),
}

impl Spare {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, making: Cell::new(None), lacks_room: Cell::new(false) }
    }

    /// Begins to make a file of `bytes` zeros, unless there is one.
    pub(crate) fn begin(&self, bytes: u64) {
        let making = self.making.take().or_else(|| {
            let path = self.path.clone();
            let options = OpenOptions::new().create(true).truncate(true).clone();
            let named = thread::Builder::new().name("journal-spare".to_owned());
            let thread = named.spawn(move || zeros(&path, options, bytes)).ok()?;
            Some(Making { bytes, made: Made::Soon(thread) })
        });
        self.making.set(making);
    }

    /// The spare, if it is one of `bytes`; waits for its end. It is still under its own path.
    pub(crate) fn take(&self, bytes: u64) -> Option<File> {
        let making = self.making.take()?;
        if making.bytes != bytes {
            self.making.set(Some(making));
            return None;
        }
        self.end(making.made)
    }

    /// Whether the last one that came to its end found no room.
    pub(crate) fn lacks_room(&self) -> bool {
        let making = self.making.take().and_then(|Making { bytes, made }| match made {
            Made::Soon(thread) if thread.is_finished() => {
                let file = self.end(Made::Soon(thread))?;
                Some(Making { bytes, made: Made::Now(file) })
            }
            made => Some(Making { bytes, made }),
        });
        self.making.set(making);
        self.lacks_room.get()
    }

    /// Waits for a spare, and notes whether there was room for it.
    fn end(&self, made: Made) -> Option<File> {
        let thread = match made {
            Made::Soon(thread) => thread,
            Made::Now(file) => return Some(file),
        };
        let made = thread.join().ok()?;
        self.lacks_room.set(made.as_ref().is_err_and(is_full));
        made.ok()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// A file of `bytes` zeros, synced; its directory is not.
pub(crate) fn zeros(path: &Path, mut options: OpenOptions, bytes: u64) -> io::Result<File> {
    let file = options.read(true).write(true).open(path)?;
    let filled = reserve(&file, bytes).and_then(|()| fill(&file, bytes));
    if let Err(error) = filled {
        // What it has taken is wanted elsewhere.
        fs::remove_file(path)?;
        return Err(error);
    }
    Ok(file)
}

/// Takes the room at once, where the file system can do that.
fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, bytes.cast_signed()) {
        Ok(()) | Err(nix::Error::EOPNOTSUPP | nix::Error::ENOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn fill(file: &File, bytes: u64) -> io::Result<()> {
    let zeros = vec![0; PIECE_BYTES];
    let mut offset = 0;
    while offset < bytes {
        let piece = (bytes - offset).min(PIECE_BYTES as u64);
        file.write_all_at(&zeros[..piece as usize], offset)?;
        file.sync_data()?;
        offset += piece;
    }
    file.sync_all()
}
