//! What a commit costs: one write and one sync of 1, 64 and 1,024 records of 256 bytes.
//!
//! `cargo bench -p tollgate-benches --bench journal_commit --features glommio`
//! The files lie under the target directory, so the figures are those of its disk.

use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use journal::{Disk, Journal, JournalError, JournalOptions, PlainDisk};

const RECORD_BYTES: usize = 256;
const RECORDS: [usize; 3] = [1, 64, 1024];

fn commit(c: &mut Criterion) {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("journal-commit");
    report(c, "plain", || PlainDisk::open(&directory.join("plain")));
    #[cfg(feature = "glommio")]
    report(c, "direct", || journal::DirectDisk::open(&directory.join("direct")));
    let _ = std::fs::remove_dir_all(&directory);
}

fn report<D: Disk>(c: &mut Criterion, name: &str, disk: impl Fn() -> Result<D, JournalError>) {
    let mut group = c.benchmark_group("journal");
    for records in RECORDS {
        let opened = disk().and_then(|disk| Journal::open(disk, JournalOptions::default()));
        let mut journal = match opened {
            Ok((journal, _)) => journal,
            Err(error) => return println!("journal/{name} is left out: {error}"),
        };
        let batch = vec![7; records * RECORD_BYTES];
        group.throughput(Throughput::Elements(records as u64));
        group.bench_function(BenchmarkId::new(format!("commit, {name}"), records), |b| {
            b.iter_custom(|commits| (0..commits).map(|_| commit_one(&mut journal, &batch)).sum());
        });
    }
    group.finish();
}

fn commit_one<D: Disk>(journal: &mut Journal<D>, batch: &[u8]) -> Duration {
    let start = Instant::now();
    let committed = journal.write(0, 1, batch).and_then(|_| journal.sync());
    let taken = start.elapsed();
    let removed = journal.remove_below(journal.durable());
    assert!(committed.is_ok() && removed.is_ok(), "{committed:?} {removed:?}");
    taken
}

criterion_group!(benches, commit);
criterion_main!(benches);
