//! What can go wrong with a journal, and whose move it is then.

use std::path::PathBuf;
use std::{error, fmt, io};

use crate::batch::{BatchNumber, RECORDS_BYTES_MAX};

/// Why a call on a journal, an archive or a checkpoint did not succeed.
#[derive(Debug)]
pub enum JournalError {
    /// Another process writes in this directory; it may only be draining.
    Locked {
        /// The directory.
        directory: PathBuf,
    },
    /// Something that was durable is damaged or missing. Nothing was changed; an operator decides.
    Corrupt {
        /// The file's name in the directory.
        file: String,
        /// Where in it, in bytes.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// No room on the disk. Nothing of the call counts; it may be repeated when there is room.
    Full,
    /// The disk failed. After a failed write or sync the journal must be rotated.
    Io {
        /// What was being done.
        doing: &'static str,
        /// The disk's error.
        source: io::Error,
    },
    /// An earlier write or sync failed: [`crate::Journal::rotate`] comes first.
    MustRotate,
    /// The disk failed again after a rotation. The journal takes no more batches.
    Broken {
        /// What failed the second time.
        cause: String,
    },
    /// The records are longer than a batch may be; the caller splits them.
    TooLarge {
        /// Their length in bytes.
        bytes: usize,
    },
    /// The batch was removed or not written yet.
    NotHeld {
        /// The number asked for.
        number: BatchNumber,
    },
}

impl JournalError {
    /// For `map_err` on a call of the disk.
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| {
            if crate::disk::is_full(&source) { Self::Full } else { Self::Io { doing, source } }
        }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { directory } => {
                write!(f, "{} is in use by another process", directory.display())
            }
            Self::Corrupt { file, offset, what } => {
                write!(f, "{file} is damaged at byte {offset}: {what}")
            }
            Self::Full => write!(f, "the disk has no room for the journal"),
            Self::Io { doing, source } => write!(f, "the disk failed to {doing}: {source}"),
            Self::MustRotate => {
                write!(f, "the journal must be rotated after a failure of the disk")
            }
            Self::Broken { cause } => {
                write!(f, "the journal is closed, the disk failed twice: {cause}")
            }
            Self::TooLarge { bytes } => {
                write!(f, "{bytes} bytes do not fit a batch of at most {RECORDS_BYTES_MAX}")
            }
            Self::NotHeld { number } => write!(f, "batch {number} is not in the journal"),
        }
    }
}

impl error::Error for JournalError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
