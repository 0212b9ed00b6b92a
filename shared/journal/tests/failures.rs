//! What the writer does when the disk fails or is full, and what checkpoints do when damaged.
#![cfg(test)]

use journal::checkpoint::{self, Checkpoint};
use journal::{
    BatchNumber, Disk, DiskFault, Journal, JournalError, JournalOptions, MemoryDisk,
    RECORDS_BYTES_MAX,
};

const OPTIONS: JournalOptions = JournalOptions { segment_bytes: 4 << 10 };

/// A journal with one durable batch and one written after it; the next operation runs into
/// `faults`, in their order.
fn failing(faults: &[DiskFault]) -> (MemoryDisk, Journal<MemoryDisk>) {
    let disk = MemoryDisk::new(7);
    let (mut journal, _) = Journal::open(disk.clone(), OPTIONS).unwrap();
    journal.write(1, 1, b"durable").unwrap();
    journal.sync().unwrap();
    journal.write(2, 1, b"written").unwrap();
    for (fault, number) in faults.iter().zip(disk.operations() + 1..) {
        disk.plan(number, *fault);
    }
    (disk, journal)
}

#[test]
fn after_a_failed_sync_nothing_is_taken_before_a_rotation() {
    let (disk, mut journal) = failing(&[DiskFault::Failure]);
    assert!(matches!(journal.sync(), Err(JournalError::Io { .. })));
    assert!(matches!(journal.sync(), Err(JournalError::MustRotate)));
    assert!(matches!(journal.write(3, 1, b""), Err(JournalError::MustRotate)));
    assert_eq!(journal.durable(), BatchNumber::FIRST);

    journal.rotate().unwrap();
    assert_eq!(journal.written(), BatchNumber::FIRST);
    let again = journal.write(2, 1, b"written").unwrap();
    assert_eq!((again.number, again.segment), (BatchNumber::new(2), 2));
    journal.sync().unwrap();
    let (journal, _) = Journal::open(disk.after_power_cut(), OPTIONS).unwrap();
    let batches: Result<Vec<_>, _> = journal.batches_from(BatchNumber::FIRST).unwrap().collect();
    let records: Vec<_> = batches.unwrap().into_iter().map(|batch| batch.records).collect();
    assert_eq!(records, [b"durable", b"written"]);
}

#[test]
fn a_second_failure_closes_the_journal_and_is_kept() {
    // Making the segment, writing and syncing its head, writing and syncing the batch.
    for second in 1..=5 {
        let (disk, mut journal) = failing(&[DiskFault::Failure]);
        assert!(journal.sync().is_err());
        disk.plan(disk.operations() + second, DiskFault::Failure);
        let rewritten = journal
            .rotate()
            .and_then(|()| journal.write(2, 1, b"written"))
            .and_then(|_| journal.sync());
        assert!(matches!(rewritten, Err(JournalError::Io { .. })), "{second}: {rewritten:?}");
        for _ in 0..2 {
            assert!(matches!(journal.sync(), Err(JournalError::Broken { .. })));
            assert!(matches!(journal.rotate(), Err(JournalError::Broken { .. })));
            assert!(matches!(journal.write(2, 1, b""), Err(JournalError::Broken { .. })));
        }
        assert_eq!(journal.durable(), BatchNumber::FIRST);
    }
}

#[test]
fn a_sync_that_succeeds_ends_the_trial() {
    let (disk, mut journal) = failing(&[DiskFault::Failure]);
    assert!(journal.sync().is_err());
    journal.rotate().unwrap();
    journal.write(2, 1, b"written").unwrap();
    journal.sync().unwrap();
    journal.write(3, 1, b"later").unwrap();
    disk.plan(disk.operations() + 1, DiskFault::Failure);
    assert!(journal.sync().is_err());
    assert!(journal.rotate().is_ok());
}

#[test]
fn what_a_start_finds_is_on_the_disk_even_after_a_failed_sync() {
    for seed in 0..20 {
        let disk = MemoryDisk::new(seed);
        let (mut journal, _) = Journal::open(disk.clone(), OPTIONS).unwrap();
        journal.write(1, 1, &[1; 2000]).unwrap();
        disk.plan(disk.operations() + 1, DiskFault::Failure);
        assert!(journal.sync().is_err());
        // The process ends; the kernel still shows what it could not write.
        let disk = disk.after_kill();
        let (journal, recovery) = Journal::open(disk.clone(), OPTIONS).unwrap();
        assert_eq!(recovery.last, BatchNumber::FIRST);
        drop(journal);
        let (journal, recovery) = Journal::open(disk.after_power_cut(), OPTIONS).unwrap();
        assert_eq!(recovery.last, BatchNumber::FIRST, "seed {seed}");
        assert!(journal.batches_from(BatchNumber::FIRST).unwrap().all(|batch| batch.is_ok()));
    }
}

#[test]
fn no_room_is_an_error_of_its_own_and_passes() {
    let (disk, mut journal) = failing(&[DiskFault::NoRoom]);
    assert!(matches!(journal.write(3, 1, b"third"), Err(JournalError::Full)));
    assert_eq!(journal.write(3, 1, b"third").unwrap().number, BatchNumber::new(3));
    // A new segment that finds no room leaves nothing behind, and the next try makes it.
    let before = disk.list().unwrap();
    disk.plan(disk.operations() + 2, DiskFault::NoRoom);
    assert!(matches!(journal.write(4, 1, &[4; 3000]), Err(JournalError::Full)));
    assert_eq!(disk.list().unwrap(), before);
    let position = journal.write(4, 1, &[4; 3000]).unwrap();
    journal.sync().unwrap();
    assert_eq!(journal.read_batch(position).unwrap().records, [4; 3000]);
    assert_eq!(journal.durable(), BatchNumber::new(4));
}

#[test]
fn what_a_failure_left_never_stands_for_the_newest_segment() {
    let (disk, mut journal) = failing(&[]);
    journal.sync().unwrap();
    disk.plan(disk.operations() + 1, DiskFault::NoRoom);
    disk.plan(disk.operations() + 2, DiskFault::Failure);
    assert!(matches!(journal.write(3, 1, &[3; 4000]), Err(JournalError::Full)));
    journal.remove_below(BatchNumber::new(3)).unwrap();
    let (_, recovery) = Journal::open(disk.after_power_cut(), OPTIONS).unwrap();
    assert_eq!(recovery.last, BatchNumber::new(2));
}

#[test]
fn records_beyond_the_bound_are_refused() {
    let (_, mut journal) = failing(&[]);
    let long = vec![0; RECORDS_BYTES_MAX + 1];
    assert!(matches!(journal.write(3, 1, &long), Err(JournalError::TooLarge { .. })));
    assert!(journal.write(3, 1, b"fits").is_ok());
}

#[test]
fn a_sync_of_nothing_new_does_not_touch_the_disk() {
    let (disk, mut journal) = failing(&[]);
    journal.sync().unwrap();
    let operations = disk.operations();
    journal.sync().unwrap();
    assert_eq!(disk.operations(), operations);
}

fn payload(found: Checkpoint) -> Result<Vec<u8>, String> {
    Ok(found.payload)
}

#[test]
fn a_checkpoint_that_means_nothing_is_passed_over_for_the_older_one() {
    let disk = MemoryDisk::new(1);
    for (number, text) in [(3, "three"), (9, "nine")] {
        checkpoint::write(&disk, BatchNumber::new(number), text.as_bytes()).unwrap();
    }
    let three = |found: Checkpoint| match &found.payload[..] {
        b"three" => Ok(3),
        _ => Err("another form".to_owned()),
    };
    let loaded = checkpoint::load(&disk, three).unwrap();
    assert_eq!(loaded.newest, Some((BatchNumber::new(3), 3)));
    let [passed_over] = &loaded.passed_over[..] else { panic!("{loaded:?}") };
    assert!(passed_over.name.contains('9') && passed_over.why == "another form");
}

#[test]
fn a_damaged_checkpoint_is_passed_over_for_the_older_one() {
    let disk = MemoryDisk::new(1);
    checkpoint::write(&disk, BatchNumber::new(3), b"three").unwrap();
    checkpoint::write(&disk, BatchNumber::new(9), b"nine").unwrap();
    let name = disk.list().unwrap().pop().unwrap();
    let whole = disk.contents(&name);
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        for damaged in [flipped, whole[..at].to_vec()] {
            disk.set_contents(&name, damaged);
            let loaded = checkpoint::load(&disk, payload).unwrap();
            assert_eq!(loaded.newest.unwrap().1, b"three", "at {at}");
            assert_eq!(loaded.passed_over[0].name, name);
        }
    }
    // The next one removes the damaged file, not the only other that is whole.
    let older = checkpoint::write(&disk, BatchNumber::new(12), b"twelve").unwrap();
    assert_eq!((older, disk.list().unwrap().len()), (BatchNumber::new(3), 2));
}

#[test]
fn a_power_cut_while_a_checkpoint_is_written_leaves_a_whole_one() {
    for seed in 0..50 {
        for operation in 1..=3 {
            let disk = MemoryDisk::new(seed);
            for number in 1..=2 {
                checkpoint::write(&disk, BatchNumber::new(number), b"before").unwrap();
            }
            disk.plan(disk.operations() + operation, DiskFault::PowerCut);
            let written = checkpoint::write(&disk, BatchNumber::new(3), b"after");
            let loaded = checkpoint::load(&disk.after_power_cut(), payload).unwrap();
            let (number, found) = loaded.newest.unwrap();
            let expected = if number.get() == 3 { "after" } else { "before" };
            assert_eq!(found, expected.as_bytes());
            assert!(number.get() == 3 || written.is_err());
        }
    }
}
