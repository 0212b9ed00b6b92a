//! Heads: a request as an SDK sends it, as a browser-like client with many fields sends it, and a
//! provider's answer; with and without the look-ups that follow.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use wire::head::{HeadLimits, Parsed, RequestHead, ResponseHead};

const REQUEST: &[u8] = b"POST /v1/chat/completions HTTP/1.1\r\n\
Host: gateway.example:8080\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n\
Accept: application/json\r\nContent-Type: application/json\r\n\
User-Agent: OpenAI/Python 2.8.1\r\nX-Stainless-Lang: python\r\n\
X-Stainless-Package-Version: 2.8.1\r\nX-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\n\
X-Stainless-Runtime: CPython\r\nX-Stainless-Runtime-Version: 3.12.4\r\n\
Authorization: Bearer sk-tg-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGH\r\n\
X-Stainless-Async: false\r\nx-stainless-retry-count: 0\r\nx-stainless-read-timeout: 600\r\n\
Content-Length: 1042\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nDate: Fri, 21 Nov 2025 00:00:00 GMT\r\n\
Content-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\
Connection: keep-alive\r\nopenai-processing-ms: 231\r\nx-request-id: req_0123456789abcdef\r\n\
x-ratelimit-limit-requests: 10000\r\nx-ratelimit-remaining-requests: 9999\r\n\
Strict-Transport-Security: max-age=31536000\r\nServer: edge\r\n\r\n";

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let limits = HeadLimits::default();
    assert!(matches!(RequestHead::parse(REQUEST, &limits), Ok(Parsed::Complete(_))));
    assert!(matches!(ResponseHead::parse(RESPONSE, &limits, false), Ok(Parsed::Complete(_))));

    let mut group = criterion.benchmark_group("wire_head");
    group.throughput(Throughput::Bytes(REQUEST.len() as u64));
    group.bench_function("request", |bencher| {
        bencher.iter(|| RequestHead::parse(black_box(REQUEST), &limits).map(black_box));
    });
    group.bench_function("request_and_six_lookups", |bencher| {
        let names = ["authorization", "x-api-key", "x-goog-api-key", "content-type", "accept"];
        bencher.iter(|| {
            let Ok(Parsed::Complete(head)) = RequestHead::parse(black_box(REQUEST), &limits) else {
                return 0;
            };
            let found = names.iter().filter_map(|name| head.header(REQUEST, name));
            found.map(<[u8]>::len).sum::<usize>() + head.path(REQUEST).len()
        });
    });
    group.throughput(Throughput::Bytes(RESPONSE.len() as u64));
    group.bench_function("response", |bencher| {
        bencher.iter(|| ResponseHead::parse(black_box(RESPONSE), &limits, false).map(black_box));
    });
    group.finish();
    criterion.final_summary();
}
