//! How the ledger comes back: newest checkpoint, then the journal behind it.

use journal::{BatchNumber, Journal, JournalError, MemoryDisk, checkpoint};
use ledger::Event;
use ledger::books::Books;
use ledger::expiry::Expiries;

use super::{Control, Ledger, OPTIONS};
use crate::plane::Crash;

/// Books that were read back.
pub(crate) struct Found {
    /// The books.
    pub(crate) books: Books,
    /// The number of the next event.
    pub(crate) order: u64,
    /// The last batch that is in them.
    pub(crate) last: u64,
}

/// Folds what two disks hold; `ignoring` the checkpoints where the whole journal is to be read.
///
/// # Errors
/// What cannot be read, in words.
pub(crate) fn fold_of(
    journal: &Journal<MemoryDisk>,
    checkpoints: Option<&MemoryDisk>,
) -> Result<Found, JournalError> {
    let stored = match checkpoints {
        Some(disk) => checkpoint::load(disk, |found| Ok(found.payload))?.newest,
        None => None,
    };
    let (mut books, mut order, from) = match stored {
        Some((number, payload)) => {
            let (order, books) = payload.split_first_chunk().expect("it was written whole");
            let books = Books::decode(books).expect("a checkpoint that was proved reads");
            (books, u64::from_le_bytes(*order), number.next())
        }
        None => (Books::new(), 0, BatchNumber::FIRST),
    };
    let mut last = from.get() - 1;
    for batch in journal.batches_from(from)? {
        let batch = batch?;
        assert_eq!(batch.tag, order, "events are numbered in a row");
        let mut rest = &batch.records[..];
        while let Some((length, behind)) = rest.split_first_chunk::<4>() {
            let (event, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
            let event = Event::decode(event).expect("an event reads back");
            books.apply(&event).expect("what was booked can be booked again");
            order += 1;
            rest = behind;
        }
        last = batch.position.number.get();
    }
    Ok(Found { books, order, last })
}

impl Control {
    /// Starts the process, unless the disks fail meanwhile. Answers with the last batch it found.
    pub(crate) fn start(&mut self) -> Result<u64, Crash> {
        let (journal, recovery) = Journal::open(self.disk.clone(), OPTIONS)?;
        let found = fold_of(&journal, Some(&self.checkpoints))?;
        if recovery.first == BatchNumber::FIRST {
            let whole = fold_of(&journal, None)?;
            assert!(whole.books.encode() == found.books.encode(), "a checkpoint differs");
        }
        assert_eq!(found.last, recovery.last.get(), "a batch was passed over");
        self.process = Some(Ledger {
            expiries: Expiries::of(&found.books),
            books: found.books,
            journal,
            disk: self.disk.clone(),
            checkpoints: self.checkpoints.clone(),
            batch: Vec::new(),
            count: 0,
            order: found.order,
            after: Vec::new(),
            links: Default::default(),
            waiting: Vec::new(),
            heard: Default::default(),
            settled: Vec::new(),
            is_stalled: false,
        });
        Ok(found.last)
    }

    /// Flips one bit somewhere on the journal's disk, and starts on that: it must be noticed, or
    /// change nothing but the last batch, which may pass for one that was torn.
    pub(crate) fn rot(&self, random: &mut crate::random::Random) -> Option<(u64, Books)> {
        let disk = self.disk.after_kill();
        let names = journal::Disk::list(&disk).ok()?;
        let name = &names[random.below(names.len())];
        let mut bytes = disk.contents(name);
        let at = random.below(bytes.len());
        *bytes.get_mut(at)? ^= 1 << random.below(8);
        disk.set_contents(name, bytes);
        let (journal, _) = Journal::open(disk, OPTIONS).ok()?;
        let found = fold_of(&journal, Some(&self.checkpoints)).ok()?;
        Some((found.last, found.books))
    }
}
