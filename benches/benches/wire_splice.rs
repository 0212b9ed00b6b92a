//! Splicing a body: another model, another cap, usage asked for, a private member taken out.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use wire::json::{Member, members, trimmed};
use wire::splice::{Edits, write_string};

/// A chat body whose message has `len` bytes.
fn body(len: usize) -> Vec<u8> {
    let text = "x".repeat(len);
    format!(
        "{{\"model\":\"openai/gpt-5\",\"messages\":[{{\"role\":\"user\",\"content\":\"{text}\"}}],\
\"provider\":{{\"order\":[\"a\"]}},\"max_tokens\":4096,\"stream\":true}}"
    )
    .into_bytes()
}

fn splice(edits: &mut Edits, body: &[u8], found: &[Member], out: &mut Vec<u8>) {
    for member in found {
        match member.key.of(body) {
            b"model" => edits.replace(member.value, b"\"gpt-5\""),
            b"max_tokens" => edits.replace(member.value, b"512"),
            b"provider" => edits.remove(member),
            _ => {}
        }
    }
    edits.insert("stream_options", b"{\"include_usage\":true}");
    out.clear();
    edits.apply(body, trimmed(body), out);
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut edits = Edits::new();
    let mut out = Vec::new();
    let mut group = criterion.benchmark_group("wire_splice");
    for (name, len) in [("body_of_1_kb", 1_000), ("body_of_100_kb", 100_000)] {
        let body = body(len);
        let found: Vec<Member> = members(&body).map_while(Result::ok).collect();
        splice(&mut edits, &body, &found, &mut out);
        assert!(out.ends_with(b",\"stream_options\":{\"include_usage\":true}}"));
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| splice(&mut edits, black_box(&body), &found, &mut out));
        });
    }
    let text = "A sentence with \"quotes\" and a line's end.\n".repeat(24);
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("string_of_1_kb", |bencher| {
        bencher.iter(|| {
            out.clear();
            write_string(black_box(&text), &mut out);
        });
    });
    group.finish();
    criterion.final_summary();
}
