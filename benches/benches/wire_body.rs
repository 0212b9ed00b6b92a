//! Bodies: the chunked coding of a stream, one read a chunk and many chunks a read.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use wire::body::{BodyDecoder, chunk_head};
use wire::head::Framing;

/// A chunk of an event of 200 bytes.
fn chunk() -> Vec<u8> {
    let mut chunk = Vec::new();
    chunk_head(200, &mut chunk);
    chunk.resize(chunk.len() + 200, b'x');
    chunk.extend_from_slice(b"\r\n");
    chunk
}

/// Decodes all of `input`; gives the number of body bytes.
fn decode(decoder: &mut BodyDecoder, mut input: &[u8]) -> usize {
    let mut body = 0;
    while let Ok(decoded) = decoder.decode(input) {
        if decoded.consumed == 0 {
            break;
        }
        body += decoded.body.len();
        input = &input[decoded.consumed..];
    }
    body
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let one = chunk();
    let many = one.repeat(64);
    let mut decoder = BodyDecoder::new(Framing::Chunked);
    assert_eq!(decode(&mut decoder, &many), 64 * 200);

    let mut group = criterion.benchmark_group("wire_body");
    for (name, input) in [("chunk_of_200", &one), ("64_chunks_of_200", &many)] {
        group.throughput(Throughput::Bytes(input.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| decode(&mut decoder, black_box(input)));
        });
    }
    group.finish();
    criterion.final_summary();
}
