//! What receipts cost the data path: SHA-256 of a request, and of an answer as it goes by.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dataplane::for_benches::{Digesting, digest};

fn digests(criterion: &mut Criterion) {
    let body = vec![b'x'; 100 << 10];
    for (name, size) in [("1 KB", 1 << 10), ("100 KB", 100 << 10)] {
        let mut group = criterion.benchmark_group("digest");
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(format!("a body of {name}"), |bencher| {
            bencher.iter(|| digest(black_box(&body[..size])));
        });
    }
    let mut digesting = Digesting::default();
    criterion.bench_function("digest: a chunk of 200 bytes", |bencher| {
        bencher.iter(|| digesting.add(black_box(&body[..200])));
    });
    criterion.bench_function("digest: begin, one chunk of 400 bytes, end", |bencher| {
        bencher.iter(|| {
            let mut digesting = Digesting::default();
            digesting.add(black_box(&body[..400]));
            digesting.finish()
        });
    });
}

criterion_group!(benches, digests);
criterion_main!(benches);
