//! What a core pays to hand a record over, to look for a new snapshot, and to wake a thread.
//!
//! `cargo bench -p tollgate-benches --bench channel_handover`

use std::hint::black_box;
use std::sync::Arc;

use channel::{doorbell, latest, parker, ring};
use criterion::{Criterion, criterion_group, criterion_main};

/// The size of a record that carries a settled request.
type Record = [u64; 32];

fn hand_over(c: &mut Criterion) {
    let mut group = c.benchmark_group("channel");
    let (producer, mut consumer) = ring::<Record>(4096);
    group.bench_function("ring: reserve, push, pop", |b| {
        b.iter(|| {
            assert!(producer.reserve(1));
            producer.push_reserved(black_box([7; 32]), 1);
            consumer.pop_with(|record| *record)
        });
    });
    group.bench_function("ring: push droppable, pop", |b| {
        b.iter(|| {
            let _ = black_box(producer.try_push(black_box([7; 32])));
            consumer.pop_with(|record| *record)
        });
    });
    let (publisher, mut reader) = latest::<u64>();
    group.bench_function("latest: nothing new", |b| b.iter(|| reader.take()));
    group.bench_function("latest: publish, take", |b| {
        b.iter(|| {
            publisher.publish(Arc::new(black_box(7)));
            reader.take()
        });
    });
    group.finish();
}

fn wake(c: &mut Criterion) {
    let mut group = c.benchmark_group("channel");
    let (_parker, unparker) = parker();
    group.bench_function("parker: wake who was called", |b| b.iter(|| unparker.wake()));
    if let Ok((bell, _socket)) = doorbell() {
        group.bench_function("doorbell: ring when rung", |b| b.iter(|| bell.ring()));
    }
    group.finish();
}

criterion_group!(benches, hand_over, wake);
criterion_main!(benches);
