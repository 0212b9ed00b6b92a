//! The gate over request bodies: a short question, a long conversation, a wall of numbers.
//!
//! Beside it the tape that simd-json makes of a copy of the same body, as it writes into what it
//! reads: the way that the gate would take if that were the faster one for chats.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use simd_json::{Buffers, Tape};
use wire::gate::{Gate, GateLimits};

const TURN: &str = "{\"role\":\"user\",\"content\":\"The quick brown fox\\njumps over the lazy \
dog, and says: \\\"this is the sentence that comes again and again\\\", until the turn is long \
enough to look like one that a person might have typed into a box, or pasted from a page.\"}";

/// A chat body of at least `len` bytes.
fn chat(len: usize) -> Vec<u8> {
    let mut body = String::from("{\"model\":\"openai/gpt-5\",\"messages\":[");
    body.push_str("{\"role\":\"system\",\"content\":\"Be brief.\"}");
    while body.len() + 120 < len {
        body.push(',');
        body.push_str(TURN);
    }
    body.push_str("],\"max_completion_tokens\":1024,\"temperature\":0.7,\"stream\":true,");
    body.push_str("\"stream_options\":{\"include_usage\":true}}");
    body.into_bytes()
}

/// An embedding body whose input is token numbers.
fn numbers(len: usize) -> Vec<u8> {
    let items = "12345,".repeat(len / 6);
    format!("{{\"model\":\"e\",\"input\":[{items}0]}}").into_bytes()
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let limits = GateLimits::default();
    let mut gate = Gate::new();
    let mut group = criterion.benchmark_group("wire_gate");
    let bodies = [
        ("chat_of_1_kb", chat(1_000)),
        ("chat_of_100_kb", chat(100_000)),
        ("numbers_of_100_kb", numbers(100_000)),
    ];
    for (name, body) in &bodies {
        assert!(gate.check(body, &limits).is_ok(), "{name}");
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(*name, |bencher| {
            bencher.iter(|| {
                if let Ok(top) = gate.check(black_box(body), &limits) {
                    gate.reuse(black_box(top));
                }
            });
        });
        let (mut copy, mut buffers) = (Vec::new(), Buffers::default());
        let mut tape = Tape(Vec::new());
        group.bench_function(format!("tape_of_{name}"), |bencher| {
            bencher.iter(|| {
                copy.clear();
                copy.extend_from_slice(black_box(body));
                let mut made = std::mem::replace(&mut tape, Tape(Vec::new())).reset();
                let read = simd_json::fill_tape(&mut copy, &mut buffers, &mut made);
                tape = made.reset();
                black_box(read).is_ok()
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
