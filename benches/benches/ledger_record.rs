//! Records as bytes: what a core pays to write one down, and the fold to read it.

mod ledger_records;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ledger::{Page, Record};
use ledger_records::{hold, post};

fn records(criterion: &mut Criterion) {
    for (name, record) in [("hold", hold(7, 3)), ("post", post(7, 3, 123_456))] {
        criterion.bench_function(&format!("record: encode {name}"), |bencher| {
            let mut page = Page::default();
            bencher.iter(|| {
                page.clear();
                page.other(black_box(&record));
            });
        });
        let bytes = record.encode();
        criterion.bench_function(&format!("record: decode {name}"), |bencher| {
            bencher.iter(|| Record::decode(black_box(bytes.as_slice())));
        });
    }
}

criterion_group!(benches, records);
criterion_main!(benches);
