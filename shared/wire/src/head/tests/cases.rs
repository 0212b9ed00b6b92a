//! Heads and what becomes of them: 200 is accepted, everything else is the status of the refusal.

/// A head as an SDK sends it, with a query.
pub(super) const SDK_HEAD: &[u8] = b"POST /v1/chat/completions?key=a?b HTTP/1.1\r\n\
Host: gateway.example:8080\r\n\
Accept-Encoding: gzip, deflate\r\n\
Connection: keep-alive\r\n\
Accept: application/json\r\n\
Content-Type: application/json\r\n\
User-Agent: OpenAI/Python 2.8.1\r\n\
X-Stainless-Lang: python\r\n\
X-Stainless-Package-Version: 2.8.1\r\n\
X-Stainless-OS: Linux\r\n\
X-Stainless-Arch: x64\r\n\
X-Stainless-Runtime: CPython\r\n\
X-Stainless-Runtime-Version: 3.12.4\r\n\
Authorization: Bearer sk-test-0123456789\r\n\
X-Stainless-Async: false\r\n\
x-stainless-retry-count: 0\r\n\
x-stainless-read-timeout: 600\r\n\
Content-Length: 1042\r\n\r\n";

/// Requests, by request line, host, framing, fields and lines.
#[rustfmt::skip]
pub(super) const REQUESTS: &[(u16, &[u8])] = &[
    // Request lines.
    (200, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (200, b"GET / HTTP/1.0\r\n\r\n"),
    (200, b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
    (200, b"DELETE /a//b/../%2e?q=[1]&r=\"|\" HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    (400, b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    (400, b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"GET / a HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"GET /\r\nHost: a\r\n\r\n"),
    (400, b"GET / http/1.1\r\nHost: a\r\n\r\n"),
    (400, b"GET / HTTP/1.1x\r\nHost: a\r\n\r\n"),
    (400, b"GET / HTTP/1\r\nHost: a\r\n\r\n"),
    (505, b"GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
    (505, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    (505, b"GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
    (501, b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (501, b"get / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (501, b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (501, b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
    (400, b"G(ET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    // Targets.
    (200, b"GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n"),
    (200, b"GET https://a:1/ HTTP/1.1\r\nHost: a:1\r\n\r\n"),
    (400, b"GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"GET http://a/x HTTP/1.0\r\n\r\n"),
    (400, b"GET http://u@a/x HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"GET ftp://a/x HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"GET a:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"GET x HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"GET /#part HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
    // Hosts.
    (200, b"GET / HTTP/1.1\r\nhOST:   a-b_c.example:65535  \r\n\r\n"),
    (200, b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    (400, b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: :80\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a:\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n"),
    // Lengths.
    (200, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
    (200, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0009999999999999999\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5.0\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\ncontent-length: 6\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 00000000000000000005\r\n\r\n"),
    // Codings.
    (200, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
    (200, b"POST / HTTP/1.1\r\nHost: a\r\ntransfer-ENCODING:\tCHUNKED \r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\n"),
    (400, b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost:a\r\nTransfer-Encoding:chunked\r\n\
Transfer-Encoding:chunked\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost:a\r\nTransfer-Encoding:chunked\r\nTransfer-Encoding:x\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: , chunked\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\x00\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n"),
    (501, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"),
    (501, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
    (501, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n"),
    (501, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n"),
    // Expectations.
    (200, b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"),
    (417, b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n"),
    (417, b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue, x\r\n\r\n"),
    (417, b"POST / HTTP/1.1\r\nHost: a\r\nExpect:\r\n\r\n"),
    // Names and values.
    (200, b"GET / HTTP/1.1\r\nHost: a\r\nX: a\tb \x80\xff\r\nY:\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\r\nX\t: 1\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\r\nX(Y): 1\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\r\nX\x80: 1\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\r\nX\0: 1\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x7fb\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x1bb\r\n\r\n"),
    // Lines.
    (400, b"GET / HTTP/1.1\nHost: a\n\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\r\n\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\r\n\r\n"),
    (400, b"GET / HTTP/1.1\rHost: a\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\t2\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n"),
];

/// Responses, and whether they are accepted.
#[rustfmt::skip]
pub(super) const RESPONSES: &[(bool, &[u8])] = &[
    (true, b"HTTP/1.1 200 OK\r\n\r\n"),
    (true, b"HTTP/1.1 200\r\n\r\n"),
    (true, b"HTTP/1.1 200 \r\n\r\n"),
    (true, b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n"),
    (true, b"HTTP/1.1 999 Odd\r\nTransfer-Encoding: chunked\r\n\r\n"),
    (true, b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"),
    (false, b"HTTP/2.0 200 OK\r\n\r\n"),
    (false, b"HTTP/1.2 200 OK\r\n\r\n"),
    (false, b"http/1.1 200 OK\r\n\r\n"),
    (false, b"\r\nHTTP/1.1 200 OK\r\n\r\n"),
    (false, b"HTTP/1.1 20 OK\r\n\r\n"),
    (false, b"HTTP/1.1 099 Odd\r\n\r\n"),
    (false, b"HTTP/1.1 2000 OK\r\n\r\n"),
    (false, b"HTTP/1.1  200 OK\r\n\r\n"),
    (false, b"HTTP/1.1 200 O\0K\r\n\r\n"),
    (false, b"HTTP/1.1 200 OK\n\n"),
    (false, b"HTTP/1.1 200 OK\r\nX : 1\r\n\r\n"),
    (false, b"HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\n\r\n"),
    (false, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
    (false, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n"),
    (false, b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
    (false, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"),
    (false, b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    (false, b"HTTP/1.1 304 N\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
];
