//! Bytes that are no acceptable request: status, code, and what becomes of the connection.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;
use tollgate_tests::client::{Answer, Client, request};
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::{CHAT, Stand, hello};

/// Sends bytes and checks the refusal, after which the connection must end.
#[track_caller]
fn refused_and_closed(stand: &Stand, bytes: &[u8], status: u16, code: &str) -> Answer {
    let mut client = stand.gateway.connect();
    client.send(bytes);
    let answer = client.read_answer().unwrap();
    check_refusal(&answer, Form::OpenAi, status, code);
    assert_eq!(answer.head.header("connection"), Some("close"));
    assert!(client.is_closed(), "{}", String::from_utf8_lossy(bytes));
    answer
}

/// A chat request with these further header lines, each with its CR LF, and a body.
fn chat(stand: &Stand, lines: &str, body: &str) -> Vec<u8> {
    let key = &stand.customer.key;
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {key}\r\n");
    format!("{head}{lines}\r\n{body}").into_bytes()
}

#[test]
fn what_no_two_readers_must_read_differently_is_refused() {
    let stand = Stand::start();
    let get = "GET /health HTTP/1.1\r\n";
    for bytes in [
        format!("{get}\r\n"),
        format!("{get}host: a\r\nhost: b\r\n\r\n"),
        format!("{get}host: a b\r\n\r\n"),
        format!("{get}host: t\nx: y\r\n\r\n"),
        format!("{get}host: t\r\nx : y\r\n\r\n"),
        format!("{get}host: t\r\n folded: y\r\n\r\n"),
        format!("{get}host: t\r\nx: a\x00b\r\n\r\n"),
        format!("{get}host: t\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc"),
        format!("{get}host: t\r\ncontent-length: +3\r\n\r\nabc"),
        format!("{get}host: t\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\nabc"),
        format!("{get}host: t\r\ntransfer-encoding: chunked, gzip\r\n\r\nabc"),
        "GET /health\r\nhost: t\r\n\r\n".to_owned(),
        "GET  /health HTTP/1.1\r\nhost: t\r\n\r\n".to_owned(),
        "GET /a b HTTP/1.1\r\nhost: t\r\n\r\n".to_owned(),
        "\x16\x03\x01\x02\x00\x01\x00\x01\u{7f}\x03\r\n\r\n".to_owned(),
    ] {
        refused_and_closed(&stand, bytes.as_bytes(), 400, "invalid_request");
    }
}

#[test]
fn what_is_not_spoken_here_is_said_so() {
    let stand = Stand::start();
    let body = hello().to_string();
    let gzip = chat(&stand, "transfer-encoding: gzip, chunked\r\n", "0\r\n\r\n");
    refused_and_closed(&stand, &gzip, 501, "not_implemented");
    let brew = b"BREW /v1/chat/completions HTTP/1.1\r\nhost: t\r\n\r\n";
    refused_and_closed(&stand, brew, 501, "not_implemented");
    let expects = format!("expect: 200-maybe\r\ncontent-length: {}\r\n", body.len());
    refused_and_closed(&stand, &chat(&stand, &expects, ""), 417, "expectation_failed");
    let http2 = b"GET /health HTTP/2.0\r\nhost: t\r\n\r\n";
    refused_and_closed(&stand, http2, 505, "not_implemented");
    for lines in ["content-type: text/plain\r\n", "content-encoding: gzip\r\n"] {
        let lines = format!("{lines}content-length: {}\r\n", body.len());
        let request = chat(&stand, &lines, &body);
        refused_and_closed(&stand, &request, 415, "unsupported_media_type");
    }
}

#[test]
fn a_path_has_its_methods_and_no_others() {
    let stand = Stand::start();
    for (method, path, allowed) in [
        ("GET", "/v1/chat/completions", "POST"),
        ("DELETE", "/api/v1/chat/completions", "POST"),
        ("POST", "/v1/models", "GET"),
        ("PUT", "/api/v1/models", "GET"),
        ("PATCH", "/v1/models/up/chat", "GET"),
        ("POST", "/api/v1/models/up/chat/endpoints", "GET"),
        ("POST", "/health", "GET"),
        ("DELETE", "/api/v1/balance", "GET"),
    ] {
        let answer = stand.send(&stand.request(method, path, b""));
        check_refusal(&answer, Form::of(path), 405, "method_not_allowed");
        let allow = answer.head.header("allow").unwrap_or_else(|| panic!("{method} {path}"));
        assert!(allow.contains(allowed), "{method} {path}: {allow}");
    }
    for path in ["/", "/v1", "/v1/", "/v1/nothing", "/api/v1/nothing", "/v1/chat/completions/"] {
        let answer = stand.get(path);
        check_refusal(&answer, Form::of(path), 404, "not_found");
        assert!(answer.head.header("x-ratelimit-limit").is_some(), "{path}: the key is known");
    }
}

#[test]
fn a_head_has_its_bounds() {
    let stand = Stand::limited("head_bytes = 2000\nhead_fields = 10\n");
    let long = format!("x-long: {}\r\ncontent-length: 0\r\n", "x".repeat(4000));
    refused_and_closed(&stand, &chat(&stand, &long, ""), 431, "headers_too_large");
    let endless = format!("GET /{} ", "x".repeat(4000));
    refused_and_closed(&stand, endless.as_bytes(), 431, "headers_too_large");
    let many = "x: y\r\n".repeat(12);
    refused_and_closed(&stand, &chat(&stand, &many, ""), 431, "headers_too_large");
}

#[test]
fn a_body_has_its_bounds_in_either_framing() {
    let stand = Stand::limited("body_bytes = 1000\n");
    let body = "x".repeat(1001);
    let length = format!("content-length: {}\r\n", body.len());
    refused_and_closed(&stand, &chat(&stand, &length, &body), 413, "payload_too_large");
    let huge = "content-length: 9999999999999999999\r\n";
    refused_and_closed(&stand, &chat(&stand, huge, "x"), 413, "payload_too_large");
    let chunks = format!("3e9\r\n{body}\r\n0\r\n\r\n");
    let chunked = chat(&stand, "transfer-encoding: chunked\r\n", &chunks);
    refused_and_closed(&stand, &chunked, 413, "payload_too_large");
}

#[test]
fn whoever_is_refused_while_sending_can_send_to_the_end_and_read_the_refusal() {
    let stand = Stand::start();
    let long = format!("{{\"model\":\"{}\"}}", "x".repeat(12 << 20));
    let whole = [("x-api-key", "sk-nobody")];
    let mut client = stand.gateway.connect();
    client.send(&request("POST", CHAT, &whole, long.as_bytes()));
    let answer = client.read_answer().unwrap();
    check_refusal(&answer, Form::OpenAi, 401, "invalid_api_key");
    assert!(client.is_closed());
    let small = Stand::limited("body_bytes = 1000\n");
    let mut client = small.gateway.connect();
    let _ = client.try_send(&small.request("POST", CHAT, &long.as_bytes()[..2 << 20]));
    let answer = client.read_answer().expect("the refusal arrives though the body was not read");
    check_refusal(&answer, Form::OpenAi, 413, "payload_too_large");
}

#[test]
fn a_body_must_be_framed_as_it_says() {
    let stand = Stand::start();
    for chunks in ["zz\r\n", "5\r\nhelloX", "-1\r\n", "0x5\r\nhello\r\n", "5 \nhello\r\n"] {
        let request = chat(&stand, "transfer-encoding: chunked\r\n", chunks);
        refused_and_closed(&stand, &request, 400, "invalid_request");
    }
    // No framing at all is no body.
    let mut client = stand.gateway.connect();
    client.send(&chat(&stand, "", ""));
    check_refusal(&client.read_answer().unwrap(), Form::OpenAi, 400, "invalid_json");
}

#[test]
fn who_is_slow_is_told_within_the_deadline() {
    let stand = Stand::limited("head_ms = 400\nbody_ms = 400\nidle_ms = 700\n");
    let whole = chat(&stand, "content-length: 100\r\n", "{\"model\"");
    for sent in [&whole[..30], &whole] {
        let mut client = stand.gateway.connect();
        let begun = Instant::now();
        client.send(sent);
        check_refusal(&client.read_answer().unwrap(), Form::OpenAi, 408, "timeout");
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(2), "{took:?}");
        assert!(client.is_closed());
    }
    drip(&mut stand.gateway.connect(), &whole);
    let mut silent = stand.gateway.connect();
    let begun = Instant::now();
    assert!(silent.is_closed(), "who says nothing at all gets no answer");
    assert!(begun.elapsed() < Duration::from_secs(2));
}

/// A byte now and then does not move the deadline of a head.
fn drip(client: &mut Client, bytes: &[u8]) {
    let begun = Instant::now();
    for byte in bytes {
        if client.try_send(&[*byte]).is_err() || begun.elapsed() > Duration::from_millis(700) {
            break;
        }
        sleep(Duration::from_millis(50));
    }
    check_refusal(&client.read_answer().unwrap(), Form::OpenAi, 408, "timeout");
}

#[test]
fn a_refusal_of_what_was_framed_well_keeps_the_connection() {
    let stand = Stand::start();
    let mut client = stand.gateway.connect();
    for _ in 0..3 {
        client.send(&stand.request("POST", CHAT, b"{"));
        check_refusal(&client.read_answer().unwrap(), Form::OpenAi, 400, "invalid_json");
        client.send(&stand.request("GET", CHAT, b""));
        check_refusal(&client.read_answer().unwrap(), Form::OpenAi, 405, "method_not_allowed");
        client.send(&stand.request("POST", "/v1/nothing", b"{\"a\":1}"));
        check_refusal(&client.read_answer().unwrap(), Form::OpenAi, 404, "not_found");
        client.send(&stand.request("POST", CHAT, hello().to_string().as_bytes()));
        assert_eq!(client.read_answer().unwrap().status(), 200);
    }
}

#[test]
fn whoever_is_refused_is_answered_once_and_what_follows_is_read() {
    let stand = Stand::start();
    let limited = stand.gateway.admin.make_key(&stand.customer.account, &json!({ "rpm": 1 }));
    let keeper = json!({ "class": "management" });
    let keeper = stand.gateway.admin.make_key(&stand.customer.account, &keeper);
    let poor = stand.gateway.admin.open_account("poor");
    let poor = stand.gateway.admin.make_key(&poor, &json!({}));
    assert_eq!(stand.gateway.chat(&limited, &hello()).status(), 200);
    let unknown = hello().to_string().replace("up/chat", "up/nothing");
    let good = hello().to_string();
    for (key, body, status) in [
        ("sk-nobody", &good, 401),
        (limited.as_str(), &good, 429),
        (keeper.as_str(), &good, 403),
        (poor.as_str(), &good, 402),
        (stand.customer.key.as_str(), &unknown, 400),
    ] {
        let refused = request("POST", CHAT, &[("x-api-key", key)], body.as_bytes());
        let next = stand.request("GET", "/health", b"");
        let mut client = stand.gateway.connect();
        client.send(&[refused.as_slice(), &next, &refused, &next].concat());
        for _ in 0..2 {
            assert_eq!(client.read_answer().unwrap().status(), status);
            assert_eq!(client.read_answer().unwrap().text(), "{\"status\":\"ok\"}", "{status}");
        }
        client.set_patience(Duration::from_millis(100));
        assert!(client.read_answer().is_err(), "{status}: nobody asked for more");
        // A body that is announced and not sent cannot be passed over.
        let mut client = stand.gateway.connect();
        client.send(&refused[..refused.len() - 1]);
        if status == 401 || status == 429 || status == 403 {
            let answer = client.read_answer().unwrap();
            assert_eq!(answer.status(), status);
            assert_eq!(answer.head.header("connection"), Some("close"));
            assert!(client.is_closed());
        }
    }
}
