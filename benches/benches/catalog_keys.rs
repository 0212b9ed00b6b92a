//! The key table: a look-up among a hundred thousand keys, and the next table after one change.

use std::hint::black_box;
use std::sync::Arc;

use catalog::KeyTable;
use criterion::Criterion;
use units::KeyDigest;

const KEYS: u64 = 100_000;

/// A digest that looks like a hash: splitmix64, four words of it.
fn digest(number: u64) -> KeyDigest {
    let mut bytes = [0; 32];
    for (word, chunk) in (0..).zip(bytes.chunks_exact_mut(8)) {
        let seed = number.wrapping_mul(4).wrapping_add(word);
        let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        chunk.copy_from_slice(&(z ^ z >> 31).to_le_bytes());
    }
    KeyDigest(bytes)
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let table: KeyTable<u64> = (1..=KEYS).map(|n| (digest(n), Arc::new(n))).collect();
    let digests: Vec<KeyDigest> = (1..=KEYS).map(digest).collect();
    assert_eq!(table.len(), digests.len());

    let mut group = criterion.benchmark_group("catalog_keys");
    let mut next = 0;
    group.bench_function("get_of_100000", |bencher| {
        bencher.iter(|| {
            next = (next + 40_009) % digests.len();
            table.get(black_box(&digests[next])).map(|key| **key)
        });
    });
    let absent = digest(0);
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
