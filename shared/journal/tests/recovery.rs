//! What a start makes of every kind of damage, on a disk whose bytes the test can set.
#![cfg(test)]

use journal::{BatchNumber, Disk, Journal, JournalError, JournalOptions, MemoryDisk, Recovery};

const OPTIONS: JournalOptions = JournalOptions { segment_bytes: 4 << 10 };

/// A journal of three batches of different lengths in one segment, each synced on its own.
fn three_batches() -> (MemoryDisk, String, Vec<Vec<u8>>) {
    let disk = MemoryDisk::new(1);
    let (mut journal, _) = Journal::open(disk.clone(), OPTIONS).unwrap();
    let batches = vec![vec![1; 600], vec![2; 90], vec![3; 700]];
    for batch in &batches {
        journal.write(7, 1, batch).unwrap();
        journal.sync().unwrap();
    }
    let name = disk.list().unwrap().pop().unwrap();
    (disk, name, batches)
}

/// Where a batch of `three_batches` begins and its padding begins and ends.
const PLACES: [(usize, usize, usize); 3] =
    [(512, 1160, 1536), (1536, 1674, 2048), (2048, 2796, 3072)];

fn open(disk: &MemoryDisk) -> Result<(Journal<MemoryDisk>, Recovery), JournalError> {
    Journal::open(disk.clone(), OPTIONS)
}

fn read_all(journal: &Journal<MemoryDisk>) -> Vec<Vec<u8>> {
    let batches = journal.batches_from(BatchNumber::FIRST).unwrap();
    batches.map(|batch| batch.unwrap().records).collect()
}

#[test]
fn a_journal_cut_anywhere_is_a_prefix() {
    let (disk, name, batches) = three_batches();
    let whole = disk.contents(&name);
    for length in 0..3200 {
        let copy = MemoryDisk::new(2);
        copy.set_contents(&name, whole[..length].to_vec());
        let (journal, recovery) = open(&copy).unwrap();
        // A batch needs its records, not its padding.
        let expected = PLACES.iter().filter(|place| place.1 <= length).count();
        assert_eq!(read_all(&journal), batches[..expected], "cut at {length}");
        assert_eq!(recovery.last, BatchNumber::new(expected as u64));
    }
}

#[test]
fn a_flipped_bit_in_the_last_batch_drops_it_whole() {
    let (disk, name, batches) = three_batches();
    for at in PLACES[2].0..PLACES[2].1 {
        let copy = damaged_copy(&disk, &name, at);
        let (journal, recovery) = open(&copy).unwrap();
        assert_eq!(read_all(&journal), batches[..2], "flipped at {at}");
        let dropped = recovery.dropped.unwrap();
        assert_eq!((dropped.file.as_str(), dropped.offset), (name.as_str(), 2048));
    }
}

#[test]
fn a_flipped_bit_in_an_earlier_batch_refuses_the_start() {
    let (disk, name, _) = three_batches();
    for place in &PLACES[..2] {
        for at in place.0..place.1 {
            match open(&damaged_copy(&disk, &name, at)).map(|_| ()) {
                Err(JournalError::Corrupt { file, offset, .. }) => {
                    assert_eq!((file, offset), (name.clone(), place.0 as u64), "at {at}");
                }
                other => panic!("flipped at {at}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_flipped_bit_in_padding_harms_nothing() {
    let (disk, name, batches) = three_batches();
    for place in &PLACES {
        for at in place.1..place.2 {
            let (journal, _) = open(&damaged_copy(&disk, &name, at)).unwrap();
            assert_eq!(read_all(&journal), batches);
        }
    }
}

#[test]
fn a_flipped_bit_in_the_head_of_a_segment_refuses_the_start() {
    let (disk, name, _) = three_batches();
    for at in 0..36 {
        let opened = open(&damaged_copy(&disk, &name, at)).map(|_| ());
        assert!(matches!(opened, Err(JournalError::Corrupt { offset: 0, .. })), "at {at}");
    }
}

#[test]
fn a_refused_start_changes_nothing() {
    let (disk, name, _) = three_batches();
    let copy = damaged_copy(&disk, &name, 1600);
    let before = copy.contents(&name);
    assert!(open(&copy).is_err());
    assert_eq!((copy.contents(&name), copy.operations()), (before, 0));
}

#[test]
fn unsynced_batches_behind_a_lost_one_are_dropped_not_refused() {
    let disk = MemoryDisk::new(1);
    let (mut journal, _) = open(&disk).unwrap();
    journal.write(0, 1, b"kept").unwrap();
    journal.sync().unwrap();
    let lost = journal.write(0, 1, b"lost").unwrap();
    journal.write(0, 1, b"arrived").unwrap();
    let name = disk.list().unwrap().pop().unwrap();
    let copy = damaged_copy(&disk, &name, lost.offset as usize);
    let (journal, recovery) = open(&copy).unwrap();
    assert_eq!(read_all(&journal), [b"kept".to_vec()]);
    assert_eq!(recovery.dropped.unwrap().offset, lost.offset);
}

#[test]
fn a_damaged_older_segment_is_found_when_it_is_read() {
    let disk = MemoryDisk::new(1);
    let (mut journal, _) = open(&disk).unwrap();
    for _ in 0..40 {
        journal.write(0, 1, &[5; 1000]).unwrap();
        journal.sync().unwrap();
    }
    let names = disk.list().unwrap();
    assert!(names.len() > 3);
    let copy = damaged_copy(&disk, &names[0], 700);
    let (journal, _) = open(&copy).unwrap();
    let mut read = journal.batches_from(BatchNumber::FIRST).unwrap();
    match read.next() {
        Some(Err(JournalError::Corrupt { file, offset: 512, .. })) => assert_eq!(file, names[0]),
        other => panic!("{other:?}"),
    }
    assert!(read.next().is_none());
    copy.remove(&names[1]).unwrap();
    copy.set_contents(&names[0], disk.contents(&names[0]));
    let (journal, _) = open(&copy).unwrap();
    let last = journal.batches_from(BatchNumber::FIRST).unwrap().last().unwrap();
    assert!(matches!(last, Err(JournalError::Corrupt { .. })), "a missing segment: {last:?}");
}

#[test]
fn restarts_leave_no_empty_segments_and_no_reserved_space() {
    let (disk, _, batches) = three_batches();
    for _ in 0..5 {
        let (journal, recovery) = open(&disk).unwrap();
        assert_eq!((read_all(&journal), recovery.dropped), (batches.clone(), None));
    }
    let names = disk.list().unwrap();
    assert_eq!(names.len(), 2);
    assert_eq!(disk.contents(&names[0]).len(), 3072);
}

fn damaged_copy(disk: &MemoryDisk, name: &str, at: usize) -> MemoryDisk {
    let copy = disk.after_kill();
    let mut bytes = copy.contents(name);
    bytes[at] ^= 1 << (at % 8);
    copy.set_contents(name, bytes);
    copy
}
