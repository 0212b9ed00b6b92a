//! The key table: a look-up among a hundred thousand keys, and the next table after one change.

mod key_digest;

use std::hint::black_box;
use std::sync::Arc;

use catalog::KeyTable;
use criterion::Criterion;
use units::KeyDigest;

use key_digest::key_digest;

const KEYS: u64 = 100_000;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let table: KeyTable<u64> = (1..=KEYS).map(|n| (key_digest(n), Arc::new(n))).collect();
    let digests: Vec<KeyDigest> = (1..=KEYS).map(key_digest).collect();
    assert_eq!(table.len(), digests.len());

    let mut group = criterion.benchmark_group("catalog_keys");
    let mut next = 0;
    group.bench_function("get_of_100000", |bencher| {
        bencher.iter(|| {
            next = (next + 40_009) % digests.len();
            table.get(black_box(&digests[next])).map(|key| **key)
        });
    });
    let absent = key_digest(0);
    group.bench_function("get_what_is_not_there", |bencher| {
        bencher.iter(|| table.get(black_box(&absent)).is_none());
    });
    group.bench_function("change_one_of_100000", |bencher| {
        bencher.iter(|| {
            next = (next + 40_009) % digests.len();
            table.with(std::iter::once((digests[next], Some(Arc::new(0)))))
        });
    });
    group.finish();
    criterion.final_summary();
}
