//! What admission pays on a core: a hold and its end on a credit cell, one step of a key's pace.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ledger::Purse;
use ledger::cell::{CreditCell, RateCell};
use units::AccountId;

fn cells(criterion: &mut Criterion) {
    let cell = CreditCell::new(Purse::Account(AccountId(1)));
    cell.grant(i64::MAX / 2);
    criterion.bench_function("cell: hold and end", |bencher| {
        bencher.iter(|| {
            let held = cell.try_hold(black_box(1000));
            cell.end_hold(1000, black_box(0));
            held
        });
    });
    let (rate, mut now_us) = (RateCell::new(), 1_800_000_000_000_000);
    criterion.bench_function("cell: rate admit", |bencher| {
        bencher.iter(|| {
            now_us += 100;
            rate.admit(black_box(600_000), now_us)
        });
    });
    let spent = RateCell::new();
    (0..60).for_each(|_| assert!(spent.admit(60, now_us).allowed));
    criterion.bench_function("cell: rate refuse", |bencher| {
        bencher.iter(|| spent.admit(black_box(60), now_us));
    });
}

criterion_group!(benches, cells);
criterion_main!(benches);
