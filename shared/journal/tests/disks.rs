//! The laws of a journal on every disk that can keep one.
#![cfg(test)]

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use journal::{
    Archive, Batch, BatchNumber, BatchPart, Disk, Journal, JournalError, JournalOptions,
    MemoryDisk, PlainDisk, checkpoint,
};

const OPTIONS: JournalOptions = JournalOptions { segment_bytes: 64 << 10 };

#[test]
fn a_memory_disk_keeps_the_laws() {
    let disk = MemoryDisk::new(1);
    keeps_the_laws(|| disk.clone());
}

#[test]
fn a_plain_disk_keeps_the_laws() {
    let directory = Directory::new();
    keeps_the_laws(|| PlainDisk::open(&directory.0).unwrap());
}

#[cfg(feature = "glommio")]
#[test]
fn a_direct_disk_keeps_the_laws() {
    let directory = Directory::new();
    match journal::DirectDisk::open(&directory.0) {
        Ok(disk) => drop(disk),
        Err(error) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("{error}"),
        Err(error) => return eprintln!("skipped: no direct disk here: {error}"),
    }
    keeps_the_laws(|| journal::DirectDisk::open(&directory.0).unwrap());
}

#[cfg(feature = "glommio")]
#[test]
fn a_journal_moves_between_plain_and_direct_disks() {
    let directory = Directory::new();
    let Ok(disk) = journal::DirectDisk::open(&directory.0) else {
        return eprintln!("skipped: no direct disk here");
    };
    let mut expected = fill(&mut Journal::open(disk, OPTIONS).unwrap().0, 20);
    let plain = PlainDisk::open(&directory.0).unwrap();
    let (mut journal, _) = Journal::open(plain, OPTIONS).unwrap();
    expected.extend(fill(&mut journal, 20));
    drop(journal);
    let disk = journal::DirectDisk::open(&directory.0).unwrap();
    assert_eq!(read_all(&Journal::open(disk, OPTIONS).unwrap().0), expected);
}

/// Writes, restarts, removes and reads back; `disk` opens the same directory each time.
fn keeps_the_laws<D: Disk>(disk: impl Fn() -> D) {
    let (mut journal, recovery) = Journal::open(disk(), OPTIONS).unwrap();
    assert_eq!((recovery.first, recovery.last), (BatchNumber::FIRST, BatchNumber::ZERO));
    let mut expected = fill(&mut journal, 100);
    assert!(journal.segments().count() > 5);
    assert_eq!(read_all(&journal), expected);
    drop(journal);

    let (mut journal, recovery) = Journal::open(disk(), OPTIONS).unwrap();
    assert_eq!((recovery.last.get(), recovery.dropped), (100, None));
    assert_eq!(read_all(&journal), expected);
    let long = vec![9; 3 << 20];
    let position = journal.write(5, 1, &long).unwrap();
    journal.sync().unwrap();
    assert_eq!(journal.read_batch(position).unwrap().records, long);
    let part = BatchPart::of(500, &long[500..700]);
    assert_eq!(journal.read_part(position, part).unwrap(), long[500..700]);
    let beyond = BatchPart { length: u32::MAX >> 4, ..part };
    let other = BatchPart { checksum: !part.checksum, ..part };
    for wrong in [beyond, other] {
        let read = journal.read_part(position, wrong);
        assert!(matches!(read, Err(JournalError::Corrupt { .. })), "{read:?}");
    }
    expected.push(long);

    journal.remove_below(BatchNumber::new(50)).unwrap();
    let first = journal.segments().next().unwrap().first;
    assert!(first > BatchNumber::FIRST && first <= BatchNumber::new(50));
    let gone = journal.batches_from(BatchNumber::FIRST).map(|_| ());
    assert!(matches!(gone, Err(JournalError::NotHeld { .. })));
    drop(journal);

    let (archive, recovery) = Archive::open(disk()).unwrap();
    assert_eq!((recovery.first, recovery.last.get()), (first, 101));
    let tail: Vec<_> = archive.batches_from(BatchNumber::new(90)).unwrap().collect();
    assert_eq!(tail.len(), 12);
    assert_eq!(tail.last().unwrap().as_ref().unwrap().records, expected[100]);
    assert_eq!(archive.batches_from(BatchNumber::new(102)).unwrap().count(), 0);
    drop(tail);
    drop(archive);
    keeps_checkpoints(&disk());
}

fn keeps_checkpoints(disk: &impl Disk) {
    for number in 1..=4 {
        let payload = vec![number as u8; 2_500_000];
        let older = checkpoint::write(disk, BatchNumber::new(number), &payload).unwrap();
        assert_eq!(older.get(), number - 1);
        let loaded = checkpoint::load(disk, |found| Ok(found.payload)).unwrap();
        assert_eq!(loaded.newest, Some((BatchNumber::new(number), payload)));
    }
    let names = disk.list().unwrap();
    assert_eq!(names.iter().filter(|name| name.ends_with(".checkpoint")).count(), 2);
}

fn fill<D: Disk>(journal: &mut Journal<D>, batches: usize) -> Vec<Vec<u8>> {
    let records: Vec<_> = (0..batches).map(|at| vec![at as u8; at * 97 % 9_000]).collect();
    for (at, records) in records.iter().enumerate() {
        let position = journal.write(at as u64, 1, records).unwrap();
        assert_eq!(journal.written(), position.number);
        if at % 3 == 0 {
            journal.sync().unwrap();
            assert_eq!(journal.durable(), position.number);
        }
    }
    journal.sync().unwrap();
    records
}

fn read_all<D: Disk>(journal: &Journal<D>) -> Vec<Vec<u8>> {
    let batches = journal.batches_from(BatchNumber::FIRST).unwrap();
    let batches: Vec<Batch> = batches.map(Result::unwrap).collect();
    for batch in &batches {
        assert_eq!(journal.read_batch(batch.position).unwrap(), *batch);
    }
    batches.into_iter().map(|batch| batch.records).collect()
}

#[test]
fn a_directory_has_one_writer() {
    let directory = Directory::new();
    let writer = PlainDisk::open(&directory.0).unwrap();
    let second = PlainDisk::open(&directory.0).map(|_| ());
    assert!(matches!(second, Err(JournalError::Locked { directory: d }) if d == directory.0));
    let (mut journal, _) = Journal::open(writer, OPTIONS).unwrap();
    journal.write(0, 1, b"seen by who looks").unwrap();
    let (archive, _) = Archive::open(PlainDisk::look_at(&directory.0).unwrap()).unwrap();
    assert_eq!(archive.batches_from(BatchNumber::FIRST).unwrap().count(), 1);
    let looking = PlainDisk::look_at(&directory.0).unwrap();
    assert!(looking.create("new", 512).is_err() && looking.remove("lock").is_err());
    assert!(looking.replace("lock", &[b"new"]).is_err());
    assert!(Journal::open(looking, OPTIONS).is_err());
    drop(journal);
    assert!(PlainDisk::open(&directory.0).is_ok());
}

#[test]
fn what_was_left_unfinished_is_cleared() {
    let directory = Directory::new();
    drop(PlainDisk::open(&directory.0).unwrap());
    fs::write(directory.0.join("spare.unfinished"), b"half").unwrap();
    fs::write(directory.0.join("7.checkpoint.unfinished"), b"half").unwrap();
    let names = PlainDisk::open(&directory.0).unwrap().list().unwrap();
    assert_eq!(names, ["lock"]);
}

/// A directory of the test's own, removed at its end.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("journal-{}-{number}", std::process::id());
        Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
