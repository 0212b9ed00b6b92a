//! A directory of ordinary files: `pwritev` through the page cache, then `fdatasync`.
//!
//! Invariants: one process writes in a directory, held by a lock on the file `lock` that the
//! kernel lets go of when the process ends; segments are filled with zeros beforehand, so that a
//! later `fdatasync` has no metadata to write; after a rename or a removal the directory
//! itself is synced.
//! Left out on purpose: `sync_file_range`, which flushes no drive's cache.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::sys::uio::pwritev;

use crate::disk::Disk;
use crate::disk::spare::{self, Spare};
use crate::error::JournalError;

const LOCK: &str = "lock";
const UNFINISHED: &str = ".unfinished";

/// A directory, held by this process or only looked at.
pub struct PlainDisk {
    directory: PathBuf,
    handle: File,
    /// Open and locked for as long as this process may write.
    lock: Option<File>,
    spare: Spare,
}

impl PlainDisk {
    /// Takes the directory for writing; makes it when there is none.
    ///
    /// # Errors
    /// `Locked` when another holder writes in it, in this process or in another; the disk's.
    pub fn open(directory: &Path) -> Result<Self, JournalError> {
        fs::create_dir_all(directory).map_err(JournalError::io("make the directory"))?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(directory.join(LOCK))
            .map_err(JournalError::io("open the lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(JournalError::Locked { directory: directory.to_owned() });
            }
            Err(TryLockError::Error(source)) => {
                return Err(JournalError::io("take the lock")(source));
            }
        }
        let disk = Self { lock: Some(lock), ..Self::look_at(directory)? };
        disk.tidy().map_err(JournalError::io("clear the directory"))?;
        Ok(disk)
    }

    /// Looks at a directory that another process may be writing in. Writes fail.
    ///
    /// # Errors
    /// The disk's; `NotFound` in it when there is no such directory.
    pub fn look_at(directory: &Path) -> Result<Self, JournalError> {
        let handle = File::open(directory).map_err(JournalError::io("open the directory"))?;
        let spare = Spare::new(directory.join(format!("spare{UNFINISHED}")));
        Ok(Self { directory: directory.to_owned(), handle, lock: None, spare })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The lock is what makes writing lawful.
    fn check_held(&self) -> io::Result<()> {
        self.lock.as_ref().map(|_| ()).ok_or(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    /// Removes what an earlier process did not finish, and makes the directory's name durable.
    fn tidy(&self) -> io::Result<()> {
        for name in self.list()?.iter().filter(|name| name.ends_with(UNFINISHED)) {
            fs::remove_file(self.path(name))?;
        }
        self.handle.sync_all()?;
        match self.directory.canonicalize()?.parent() {
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    }
}

impl Disk for PlainDisk {
    type File = File;

    fn block_bytes(&self) -> usize {
        512
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn prepare(&self, bytes: u64) {
        self.spare.begin(bytes);
    }

    fn lacks_room(&self) -> bool {
        self.spare.lacks_room()
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<File> {
        self.check_held()?;
        let path = self.path(name);
        let file = match self.spare.take(bytes) {
            Some(_) if path.exists() => return Err(io::ErrorKind::AlreadyExists.into()),
            Some(file) => {
                fs::rename(self.spare.path(), path)?;
                file
            }
            None => spare::zeros(&path, OpenOptions::new().create_new(true).clone(), bytes)?,
        };
        self.handle.sync_all()?;
        Ok(file)
    }

    fn open(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().read(true).write(self.lock.is_some()).open(self.path(name))
    }

    fn read_at(&self, file: &File, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            match file.read_at(&mut into[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(
        &self,
        file: &File,
        mut offset: u64,
        mut parts: &mut [IoSlice<'_>],
    ) -> io::Result<()> {
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            match pwritev(file, parts, offset.cast_signed()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    offset += written as u64;
                    IoSlice::advance_slices(&mut parts, written);
                }
                Err(nix::Error::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn truncate(&self, file: &File, bytes: u64) -> io::Result<()> {
        file.set_len(bytes)?;
        file.sync_all()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.check_held()?;
        fs::remove_file(self.path(name))?;
        self.handle.sync_all()
    }

    fn replace(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        self.check_held()?;
        let unfinished = self.path(&format!("{name}{UNFINISHED}"));
        let mut file = File::create(&unfinished)?;
        parts.iter().try_for_each(|part| file.write_all(part))?;
        file.sync_all()?;
        fs::rename(unfinished, self.path(name))?;
        self.handle.sync_all()
    }
}
