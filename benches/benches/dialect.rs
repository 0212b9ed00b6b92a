//! What a streamed chunk costs: relayed as it is, recognised by its pattern, and translated from
//! every upstream dialect into every client's.
//!
//! One text chunk each, of the kind that makes up nearly all of a stream; the frame scan is in all
//! of them but the pattern's, which does without. Left out on purpose: sockets, see `load`.

use std::hint::black_box;

use catalog::rows::Dialect;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dialect::openai_chat::{ChunkReader, Event, Pattern, Rewrite};
use dialect::{ClientDialect, Decoder, Encoder, Frames, Framing, Label, rename};
use wire::sse::FrameScanner;

const MODEL: &[u8] = b"\"maker/model\"";
const REWRITE: Rewrite<'_> = Rewrite { model_json: Some(MODEL), id_json: None, drop_usage: true };
const LABEL: Label<'_> = Label {
    generation: "gen-00000000000000000000000000000001",
    model_json: MODEL,
    own_id: false,
    created: 1_790_000_000,
};

const CHAT: &[u8] = br#"data: {"id":"chatcmpl-8a1f","object":"chat.completion.chunk","created":1790000000,"model":"m-1","choices":[{"index":0,"delta":{"content":" sunshine"},"finish_reason":null}]}

"#;
const MESSAGES: &[u8] = br#"event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" sunshine"}}

"#;
const GEMINI: &[u8] = br#"data: {"candidates":[{"content":{"parts":[{"text":" sunshine"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":4,"totalTokenCount":13},"modelVersion":"g-1","responseId":"r-1"}

"#;

const UPSTREAMS: [(&str, Dialect, &[u8]); 3] = [
    ("chat", Dialect::OpenAi, CHAT),
    ("messages", Dialect::Anthropic, MESSAGES),
    ("gemini", Dialect::Gemini, GEMINI),
];
const CLIENTS: [(&str, ClientDialect); 4] = [
    ("chat", ClientDialect::Chat),
    ("responses", ClientDialect::Responses),
    ("messages", ClientDialect::Messages),
    ("gemini", ClientDialect::Gemini),
];

/// The data of the one frame, as the relay finds it.
fn data<'f>(scanner: &mut FrameScanner, frame: &'f [u8]) -> &'f [u8] {
    match scanner.next(frame) {
        Ok(Some(found)) => &frame[found.data.range()],
        _ => &[],
    }
}

fn relayed(c: &mut Criterion) {
    let mut group = c.benchmark_group("dialect_relayed");
    group.throughput(Throughput::Elements(1));
    let mut out = Vec::with_capacity(1024);
    let mut scanner = FrameScanner::new(1 << 20);
    let mut reader = ChunkReader::default();
    group.bench_function("chat", |b| {
        b.iter(|| {
            out.clear();
            let json = data(&mut scanner, black_box(CHAT));
            if let Ok(answer) = reader.read(json) {
                answer.rewrite(json, &REWRITE, &mut out);
            }
            out.len()
        });
    });
    let mut pattern = Pattern::default();
    let json = data(&mut scanner, CHAT);
    if let Ok(answer) = reader.read(json) {
        pattern.learn(Event { lead: b"data: ", json, trail: b"\n\n" }, &answer, &REWRITE);
    }
    assert!(pattern.front(CHAT).is_some(), "the pattern knows what it learnt");
    group.bench_function("chat_pattern", |b| {
        b.iter(|| {
            out.clear();
            if let Some(event) = pattern.front(black_box(CHAT)) {
                pattern.show(&event, &mut out);
            }
            out.len()
        });
    });
    for (name, upstream, frame) in &UPSTREAMS[1..] {
        let mut decoder = Decoder::new(*upstream, true);
        group.bench_function(*name, |b| {
            b.iter(|| {
                out.clear();
                let json = data(&mut scanner, black_box(frame));
                let mut events = 0;
                let read = decoder.event(json, &mut |_| events += 1);
                rename(*upstream, json, MODEL, &mut out);
                (read.is_ok(), events, out.len())
            });
        });
    }
    group.finish();
}

fn translated(c: &mut Criterion) {
    let mut group = c.benchmark_group("dialect_translated");
    group.throughput(Throughput::Elements(1));
    for (from, upstream, frame) in UPSTREAMS {
        for (to, client) in CLIENTS {
            if client.is_spoken_by(upstream) {
                continue;
            }
            let mut scanner = FrameScanner::new(1 << 20);
            let mut decoder = Decoder::new(upstream, true);
            let mut encoder = Encoder::new(client, b"{}");
            let (mut out, mut framing) = (Vec::with_capacity(4096), Framing::Events);
            encoder.begin(&LABEL, 9, &mut Frames { out: &mut out, framing: &mut framing });
            let mut said = 0;
            group.bench_function(format!("{from}_to_{to}"), |b| {
                b.iter(|| {
                    out.clear();
                    // The encoder of responses repeats the whole text at its end.
                    said += 1;
                    if said % 4096 == 0 {
                        encoder = Encoder::new(client, b"{}");
                    }
                    let json = data(&mut scanner, black_box(frame));
                    let mut frames = Frames { out: &mut out, framing: &mut framing };
                    let read = decoder.event(json, &mut |event| {
                        encoder.event(&LABEL, &event, &mut frames);
                    });
                    (read.is_ok(), out.len())
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, relayed, translated);
criterion_main!(benches);
