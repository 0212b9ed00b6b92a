//! The member scan, as it runs over every chunk of a stream: the top level alone, and down to the
//! text of the delta.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use wire::Span;
use wire::json::{Cursor, JsonFault, Member, ValueKind, elements, members, u64_value, unescape};

const CHUNK: &[u8] = b"{\"id\":\"chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG\",\
\"object\":\"chat.completion.chunk\",\"created\":1763683200,\"model\":\"gpt-5\",\
\"choices\":[{\"index\":0,\"delta\":{\"content\":\" Hello\"},\"finish_reason\":null}],\
\"usage\":null}";
const USAGE: &[u8] = b"{\"prompt_tokens\":1042,\"completion_tokens\":311,\"total_tokens\":1353,\
\"prompt_tokens_details\":{\"cached_tokens\":1024},\
\"completion_tokens_details\":{\"reasoning_tokens\":128}}";

/// The length of a chunk's text, each level looked into after it was stepped over.
fn text_by_members(chunk: &[u8]) -> Option<usize> {
    let choices = find(chunk, "choices")?.value.of(chunk);
    let (choice, _) = elements(choices).next()?.ok()?;
    let choice = choice.of(choices);
    let delta = find(choice, "delta")?.value.of(choice);
    let content = find(delta, "content")?;
    unescape(delta, content.content()).ok().map(|text| text.len())
}

fn find(text: &[u8], key: &str) -> Option<Member> {
    members(text).map_while(Result::ok).find(|member| member.is(text, key))
}

/// The bytes of all texts of a chunk, read once from its start to its end.
fn text_by_cursor(chunk: &[u8]) -> Result<usize, JsonFault> {
    let mut cursor = Cursor::new(chunk);
    let mut bytes = 0;
    cursor.enter()?;
    while let Some(key) = cursor.next_key()? {
        if key.of(chunk) == b"choices" && cursor.peek() == Some(ValueKind::Array) {
            cursor.enter()?;
            while cursor.next_item()? {
                bytes += text_of_choice(&mut cursor, chunk)?;
            }
        } else {
            cursor.skip()?;
        }
    }
    cursor.end().map(|()| bytes)
}

fn text_of_choice(cursor: &mut Cursor<'_>, chunk: &[u8]) -> Result<usize, JsonFault> {
    let mut bytes = 0;
    cursor.enter()?;
    while let Some(key) = cursor.next_key()? {
        if key.of(chunk) != b"delta" || cursor.peek() != Some(ValueKind::Object) {
            cursor.skip()?;
            continue;
        }
        cursor.enter()?;
        while cursor.next_key()?.is_some() {
            let (value, kind) = cursor.skip()?;
            bytes += if kind == ValueKind::String { value.len() - 2 } else { 0 };
        }
    }
    Ok(bytes)
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    assert_eq!(members(CHUNK).filter(Result::is_ok).count(), 6);
    assert_eq!(text_by_members(CHUNK), Some(6));
    assert_eq!(text_by_cursor(CHUNK), Ok(6));

    let mut group = criterion.benchmark_group("wire_json");
    group.throughput(Throughput::Bytes(CHUNK.len() as u64));
    group.bench_function("members_of_a_chunk", |bencher| {
        bencher.iter(|| members(black_box(CHUNK)).map_while(Result::ok).map(kept).sum::<usize>());
    });
    group.bench_function("text_of_a_chunk_by_members", |bencher| {
        bencher.iter(|| text_by_members(black_box(CHUNK)));
    });
    group.bench_function("text_of_a_chunk_by_cursor", |bencher| {
        bencher.iter(|| text_by_cursor(black_box(CHUNK)));
    });
    group.throughput(Throughput::Bytes(USAGE.len() as u64));
    group.bench_function("counts_of_a_usage", |bencher| {
        bencher.iter(|| {
            let counts = members(black_box(USAGE)).map_while(Result::ok);
            counts.filter_map(|count| u64_value(count.value.of(USAGE))).sum::<u64>()
        });
    });
    group.finish();

    let long = [&b"{\"content\":\""[..], &b"word ".repeat(20_000), b"\"}"].concat();
    let mut group = criterion.benchmark_group("wire_json");
    group.throughput(Throughput::Bytes(long.len() as u64));
    group.bench_function("a_string_of_100_kb", |bencher| {
        bencher.iter(|| members(black_box(&long)).map_while(Result::ok).count());
    });
    group.finish();
    criterion.final_summary();
}

fn kept(member: Member) -> usize {
    let Span { start, end } = black_box(member).value;
    (end - start) as usize
}
