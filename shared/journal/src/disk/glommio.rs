//! The same directory, written past the page cache: O_DIRECT through glommio's io_uring.
//!
//! The executor runs on the thread that owns the disk, which is the journal's own: a write goes
//! into the ring and is awaited in place, so nothing is handed between threads. Only what a commit
//! costs goes through it; files are made, read, cut and removed as on the plain disk.
//! Invariants: every write is whole blocks from an aligned buffer, so no block of a durable batch
//! is ever written again; the page cache never holds what was written, only what was read.
//! Left out on purpose: glommio's streams, which pad and later rewrite their last block.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice};
use std::path::Path;
use std::rc::Rc;

use ::glommio::io::{DmaFile, OpenOptions};
use ::glommio::{LocalExecutor, LocalExecutorBuilder, Placement};

use crate::disk::plain::PlainDisk;
use crate::disk::{BLOCK_BYTES_MAX, Disk};
use crate::error::JournalError;

/// What glommio sets aside for buffers, in bytes. It is locked memory, three times.
const BUFFERS_BYTES: usize = 1 << 20;

/// A directory that this process writes directly. It stays on the thread that opened it.
pub struct DirectDisk {
    plain: PlainDisk,
    executor: Rc<LocalExecutor>,
}

/// An open file of a [`DirectDisk`].
pub struct DirectFile {
    cached: File,
    writing: Writing,
}

enum Writing {
    /// Not made by this disk: what is left to write in it need not be fast.
    Cached,
    Direct {
        file: Rc<DmaFile>,
        executor: Rc<LocalExecutor>,
    },
}

impl DirectDisk {
    /// Takes the directory for writing; makes it when there is none.
    ///
    /// # Errors
    /// As [`PlainDisk::open`]; and the kernel's when it refuses io_uring, locked memory (512 KiB),
    /// or direct writes on this file system.
    pub fn open(directory: &Path) -> Result<Self, JournalError> {
        let plain = PlainDisk::open(directory)?;
        let executor = LocalExecutorBuilder::new(Placement::Unbound)
            .io_memory(BUFFERS_BYTES)
            .make()
            .map_err(|error| JournalError::io("start direct writes")(error.into()))?;
        let disk = Self { plain, executor: Rc::new(executor) };
        disk.prove().map_err(JournalError::io("write directly"))?;
        Ok(disk)
    }

    /// One direct write to a file of its own, so that a refusal shows at the start.
    fn prove(&self) -> io::Result<()> {
        let name = "direct.unfinished";
        let file = self.create(name, BLOCK_BYTES_MAX as u64)?;
        let block = [0; BLOCK_BYTES_MAX];
        self.write_at(&file, 0, &mut [IoSlice::new(&block)])?;
        drop(file);
        self.remove(name)
    }
}

impl Disk for DirectDisk {
    type File = DirectFile;

    fn block_bytes(&self) -> usize {
        BLOCK_BYTES_MAX
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.plain.list()
    }

    fn prepare(&self, bytes: u64) {
        self.plain.prepare(bytes);
    }

    fn lacks_room(&self) -> bool {
        self.plain.lacks_room()
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<DirectFile> {
        let cached = self.plain.create(name, bytes)?;
        let path = self.plain.path(name);
        let opened = self
            .executor
            .run(async move { OpenOptions::new().read(true).write(true).dma_open(path).await });
        let file = Rc::new(opened.map_err(io::Error::from)?);
        let executor = Rc::clone(&self.executor);
        Ok(DirectFile { cached, writing: Writing::Direct { file, executor } })
    }

    fn open(&self, name: &str) -> io::Result<DirectFile> {
        Ok(DirectFile { cached: self.plain.open(name)?, writing: Writing::Cached })
    }

    fn read_at(&self, file: &DirectFile, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.plain.read_at(&file.cached, offset, into)
    }

    fn write_at(
        &self,
        file: &DirectFile,
        offset: u64,
        parts: &mut [IoSlice<'_>],
    ) -> io::Result<()> {
        let Writing::Direct { file: direct, .. } = &file.writing else {
            return self.plain.write_at(&file.cached, offset, parts);
        };
        let length = parts.iter().map(|part| part.len()).sum();
        let mut buffer = direct.alloc_dma_buffer(length);
        let mut rest = &mut buffer.as_bytes_mut()[..length];
        for part in parts.iter() {
            let (here, behind) = rest.split_at_mut(part.len());
            here.copy_from_slice(part);
            rest = behind;
        }
        let written = self.executor.run(async { direct.write_at(buffer, offset).await });
        // A short write is a failure: what remains would no longer start on a block.
        if written.map_err(io::Error::from)? < length {
            return Err(ErrorKind::WriteZero.into());
        }
        Ok(())
    }

    fn sync(&self, file: &DirectFile) -> io::Result<()> {
        match &file.writing {
            Writing::Direct { file, .. } => {
                self.executor.run(async { file.fdatasync().await }).map_err(io::Error::from)
            }
            Writing::Cached => self.plain.sync(&file.cached),
        }
    }

    fn truncate(&self, file: &DirectFile, bytes: u64) -> io::Result<()> {
        self.plain.truncate(&file.cached, bytes)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.plain.remove(name)
    }

    fn replace(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        self.plain.replace(name, parts)
    }
}

impl Drop for Writing {
    /// Gives the descriptor back through the ring that it was opened with.
    fn drop(&mut self) {
        if let Self::Direct { file, executor } = self {
            let file = Rc::clone(file);
            // A close reports nothing that a sync has not.
            let _ = executor.run(file.close_rc());
        }
    }
}
