//! A copy of a journal on another disk, while its writer may go on writing.
//!
//! Invariants: the copy ends with the last batch that the archive saw, so it is what the journal
//! was at that moment; it is durable when the call returns. Nothing of the original is changed.
//! Left out on purpose: reading the copy back, which whoever knows what a record means does.

use crate::archive::Archive;
use crate::batch::BatchNumber;
use crate::disk::Disk;
use crate::error::JournalError;
use crate::scan::{Walk, Window};
use crate::segment::Segment;

/// Read at once.
const PIECE_BYTES: usize = 1 << 20;

/// Copies every batch that `from` holds to `to`, which must hold no journal. Returns the last.
///
/// # Errors
/// The disks'; `Io` of kind `NotFound` where the writer removed a segment meanwhile: the copy is
/// then to be made again, from a new archive.
pub fn copy<S: Disk, T: Disk>(from: &Archive<S>, to: &T) -> Result<BatchNumber, JournalError> {
    let newest = from.segments.last().copied();
    for segment in &from.segments {
        let bytes = read_whole(&from.disk, *segment)?;
        let bytes = match newest == Some(*segment) {
            true => &bytes[..bytes.len().min(end_of(from, *segment)?)],
            false => &bytes,
        };
        to.replace(&segment.name(), &[bytes]).map_err(JournalError::io("copy a segment"))?;
    }
    Ok(from.last)
}

fn read_whole<D: Disk>(disk: &D, segment: Segment) -> Result<Vec<u8>, JournalError> {
    let read = || {
        let file = disk.open(&segment.name())?;
        let mut bytes = Vec::new();
        loop {
            let at = bytes.len();
            bytes.resize(at + PIECE_BYTES, 0);
            let count = disk.read_at(&file, at as u64, &mut bytes[at..])?;
            bytes.truncate(at + count);
            if count < PIECE_BYTES {
                return Ok(bytes);
            }
        }
    };
    read().map_err(JournalError::io("read a segment"))
}

/// Where the last batch of the archive ends in its segment, in bytes.
fn end_of<D: Disk>(from: &Archive<D>, segment: Segment) -> Result<usize, JournalError> {
    let walk = || {
        let mut window = Window::open(&from.disk, segment)?;
        let Some(head) = window.head(segment)? else { return Ok(0) };
        let mut walk = Walk::new(window, segment, head);
        walk.run_to(from.last)?;
        Ok(walk.offset as usize)
    };
    walk().map_err(JournalError::io("read a segment"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Journal, JournalOptions, MemoryDisk};

    const OPTIONS: JournalOptions = JournalOptions { segment_bytes: 4 << 10 };

    fn write(journal: &mut Journal<MemoryDisk>, numbers: std::ops::Range<u64>) {
        for number in numbers {
            journal.commit(number, 1, &number.to_le_bytes(), || {}).unwrap();
        }
    }

    #[test]
    fn a_copy_is_the_journal_as_it_was_then() {
        let (disk, target) = (MemoryDisk::new(1), MemoryDisk::new(2));
        let (mut journal, _) = Journal::open(disk.clone(), OPTIONS).unwrap();
        write(&mut journal, 1..30);
        let (archive, _) = Archive::open(disk).unwrap();
        write(&mut journal, 30..40);
        assert_eq!(copy(&archive, &target).unwrap(), BatchNumber::new(29));
        let (mut copied, recovery) = Journal::open(target, OPTIONS).unwrap();
        assert_eq!((recovery.last.get(), recovery.dropped), (29, None));
        let tags: Vec<u64> = copied
            .batches_from(BatchNumber::FIRST)
            .unwrap()
            .map(|batch| batch.unwrap().tag)
            .collect();
        assert_eq!(tags, (1..30).collect::<Vec<_>>());
        write(&mut copied, 30..35);
        assert_eq!(copied.durable().get(), 34);
    }
}
