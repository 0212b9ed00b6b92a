//! Event frames: one event of 200 bytes a read, and many events a read.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use wire::sse::FrameScanner;

/// An event of a chat stream, 200 bytes with its blank line.
fn event() -> Vec<u8> {
    let start = "data: {\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion.chunk\",\
\"created\":1763683200,\"model\":\"gpt\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"";
    let end = "\"},\"finish_reason\":null}]}\n\n";
    let padding = "x".repeat(200 - start.len() - end.len());
    format!("{start}{padding}{end}").into_bytes()
}

/// Scans all of `input`; gives the number of data bytes.
fn scan(scanner: &mut FrameScanner, mut input: &[u8]) -> usize {
    let mut data = 0;
    while let Ok(Some(frame)) = scanner.next(input) {
        data += frame.data.len();
        input = &input[frame.len..];
    }
    data
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let one = event();
    let many = one.repeat(64);
    let mut scanner = FrameScanner::new(1 << 20);
    assert_eq!(scan(&mut scanner, &many), 64 * 192);

    let mut group = criterion.benchmark_group("wire_sse");
    for (name, input) in [("event_of_200", &one), ("64_events_of_200", &many)] {
        group.throughput(Throughput::Bytes(input.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| scan(&mut scanner, black_box(input)));
        });
    }
    group.finish();
    criterion.final_summary();
}
