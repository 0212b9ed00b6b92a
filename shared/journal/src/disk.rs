//! What the journal asks of a disk: one directory of files.
//!
//! Invariants every implementation keeps:
//! * `create`, `truncate`, `remove` and `replace` are durable when they return, directory included;
//! * `write_at` is not: until a `sync` returned, a crash may keep or lose any of its sectors;
//! * an error of `write_at` or `sync` says nothing about what is on the disk, and a later success
//!   says nothing about the earlier call;
//! * space that ran out is [`std::io::ErrorKind::StorageFull`] or `QuotaExceeded`.
//!
//! Left out on purpose: locking (opening a real directory takes its lock) and asynchrony (the
//! journal has a thread of its own).

#[cfg(feature = "glommio")]
pub(crate) mod glommio;
pub(crate) mod memory;
pub(crate) mod plain;
mod spare;

use std::io::{self, IoSlice};

/// The largest alignment that a disk may ask for, in bytes.
pub const BLOCK_BYTES_MAX: usize = 4096;

/// A block of nothing.
pub(crate) static ZEROS: [u8; BLOCK_BYTES_MAX] = [0; BLOCK_BYTES_MAX];

/// A directory on a disk. Used by one thread at a time.
pub trait Disk {
    /// An open file.
    type File;

    /// What every batch is aligned and padded to, in bytes: a power of two, at least a sector
    /// (512) so that no write touches a sector of a durable batch.
    fn block_bytes(&self) -> usize;

    /// The names of all files.
    ///
    /// # Errors
    /// The disk's.
    fn list(&self) -> io::Result<Vec<String>>;

    /// A hint that a file of `bytes` will be created soon: a disk on which that takes time begins
    /// now, beside its other work.
    fn prepare(&self, bytes: u64);

    /// Whether the file that was last prepared for found no room. Said until one did.
    fn lacks_room(&self) -> bool;

    /// A new file of `bytes` zeros, whose later writes and syncs need no new space.
    ///
    /// # Errors
    /// The disk's; `AlreadyExists` when there is a file of that name. A file may be left behind.
    fn create(&self, name: &str, bytes: u64) -> io::Result<Self::File>;

    /// An existing file.
    ///
    /// # Errors
    /// The disk's; `NotFound` when there is none.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Fills `into` from `offset`; returns how many bytes there were, fewer only at the end.
    ///
    /// # Errors
    /// The disk's.
    fn read_at(&self, file: &Self::File, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Writes all `parts`, one after the other, at `offset`. Offset and sum of lengths are
    /// multiples of the block.
    ///
    /// # Errors
    /// The disk's; how much was written is then unknown.
    fn write_at(&self, file: &Self::File, offset: u64, parts: &mut [IoSlice<'_>])
    -> io::Result<()>;

    /// Makes everything written to `file` durable.
    ///
    /// # Errors
    /// The disk's; what was written since the last success may then be lost for good.
    fn sync(&self, file: &Self::File) -> io::Result<()>;

    /// Cuts the file to `bytes` and makes all of the rest durable.
    ///
    /// # Errors
    /// The disk's.
    fn truncate(&self, file: &Self::File, bytes: u64) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// The disk's.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Writes a small file whole: afterwards, or after a crash, `name` holds either what it held
    /// before or all of `parts`.
    ///
    /// # Errors
    /// The disk's.
    fn replace(&self, name: &str, parts: &[&[u8]]) -> io::Result<()>;
}

/// Whether the disk had no room, which may pass, rather than a fault, which does not.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
