//! Heads: the tables of what is accepted and refused, every byte split, and what is read from them.

mod cases;

use super::*;
use cases::{REQUESTS, RESPONSES, SDK_HEAD};

const LIMITS: HeadLimits = HeadLimits { bytes: 2048, fields: 24 };

fn request(text: &[u8]) -> Result<Parsed<RequestHead>, HeadFault> {
    RequestHead::parse(text, &LIMITS)
}

fn accepted(text: &[u8]) -> RequestHead {
    match request(text) {
        Ok(Parsed::Complete(head)) => head,
        other => panic!("{}: {other:?}", text.escape_ascii()),
    }
}

fn response(text: &[u8]) -> ResponseHead {
    match ResponseHead::parse(text, &LIMITS, false) {
        Ok(Parsed::Complete(head)) => head,
        other => panic!("{}: {other:?}", text.escape_ascii()),
    }
}

/// 200 for a complete head, 100 for a partial one, else the fault's status.
fn verdict<T>(parsed: &Result<Parsed<T>, HeadFault>) -> u16 {
    match parsed {
        Ok(Parsed::Complete(_)) => 200,
        Ok(Parsed::Partial) => 100,
        Err(fault) => fault.status(),
    }
}

#[test]
fn requests_are_accepted_or_refused_as_the_table_says() {
    for (expected, text) in REQUESTS {
        assert_eq!(verdict(&request(text)), *expected, "{}", text.escape_ascii());
    }
}

#[test]
fn responses_are_accepted_or_refused_as_the_table_says() {
    for (expected, text) in RESPONSES {
        let parsed = ResponseHead::parse(text, &LIMITS, false);
        assert_eq!(parsed.is_ok(), *expected, "{}", text.escape_ascii());
        assert!(!matches!(parsed, Ok(Parsed::Partial)), "{}", text.escape_ascii());
    }
}

#[test]
fn a_prefix_is_partial_or_already_has_the_verdict_of_the_whole() {
    for (expected, text) in REQUESTS {
        for end in 0..text.len() {
            let verdict = verdict(&request(&text[..end]));
            assert!(
                verdict == 100 || (verdict == *expected && *expected != 200),
                "{verdict} at {end} of {}",
                text.escape_ascii()
            );
        }
    }
    for (expected, text) in RESPONSES {
        for end in 0..text.len() {
            let parsed = ResponseHead::parse(&text[..end], &LIMITS, false);
            assert!(matches!(parsed, Ok(Parsed::Partial)) || (parsed.is_err() && !expected));
        }
    }
}

#[test]
fn no_change_of_one_byte_panics_or_moves_a_span_outside() {
    for place in 0..SDK_HEAD.len() {
        for byte in [0, b'\r', b'\n', b' ', b':', b',', 0x7f, 0x80, 0xff, b'a', b'0'] {
            let mut text = SDK_HEAD.to_vec();
            text[place] = byte;
            if let Ok(Parsed::Complete(head)) = RequestHead::parse(&text, &HeadLimits::default()) {
                assert!(head.len <= text.len());
                let fields: usize = head.headers(&text).map(|(name, _)| name.len().min(1)).sum();
                assert_eq!(fields, head.headers(&text).count(), "no name is empty");
            }
        }
    }
}

#[test]
fn bytes_behind_the_head_change_nothing() {
    let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\n\n\0bad: \r\n";
    assert_eq!(accepted(text).len, 27);
}

#[test]
fn an_sdk_head_is_read() {
    let head = accepted(SDK_HEAD);
    assert_eq!(head.method, Method::Post);
    assert_eq!(head.method_span.of(SDK_HEAD), b"POST");
    assert_eq!(head.path(SDK_HEAD), b"/v1/chat/completions");
    assert_eq!(head.query(SDK_HEAD), Some(&b"key=a?b"[..]));
    assert_eq!(head.framing, Framing::Length(1042));
    assert_eq!(head.len, SDK_HEAD.len());
    assert!(head.keep_alive && !head.expect_continue);
    assert_eq!(head.header(SDK_HEAD, "authorization"), Some(&b"Bearer sk-test-0123456789"[..]));
    assert_eq!(head.header(SDK_HEAD, "x-stainless-os"), Some(&b"Linux"[..]));
    assert_eq!(head.header(SDK_HEAD, "x-absent"), None);
    let first = head.headers(SDK_HEAD).next();
    assert_eq!(first, Some((&b"Host"[..], &b"gateway.example:8080"[..])));
}

#[test]
fn more_fields_than_are_kept_in_place_are_all_found() {
    let mut text = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
    for count in 0..90 {
        text.extend_from_slice(format!("x-{count}: {count}\r\n").as_bytes());
    }
    text.extend_from_slice(b"\r\n");
    let limits = HeadLimits { bytes: 4096, fields: 91 };
    let Ok(Parsed::Complete(head)) = RequestHead::parse(&text, &limits) else {
        panic!("91 fields are allowed");
    };
    assert_eq!(head.headers(&text).count(), 91);
    assert_eq!(head.header(&text, "x-89"), Some(&b"89"[..]));
    let tight = HeadLimits { fields: 90, ..limits };
    assert_eq!(RequestHead::parse(&text, &tight).err(), Some(HeadFault::TooManyFields));
}

#[test]
fn the_byte_limit_counts_the_blank_line() {
    let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let parse = |bytes| RequestHead::parse(text, &HeadLimits { bytes, fields: 9 });
    assert_eq!(verdict(&parse(text.len())), 200);
    assert_eq!(parse(text.len() - 1).err(), Some(HeadFault::TooLong));
    let endless = [b'a'; 70_000];
    let unbounded = HeadLimits { bytes: usize::MAX, fields: usize::MAX };
    assert_eq!(RequestHead::parse(&endless, &unbounded).err(), Some(HeadFault::TooLong));
}

#[test]
fn an_absolute_target_counts_as_its_path() {
    let text = b"GET HTTP://A.example:80/v1/models?x=1 HTTP/1.1\r\nHost: a.Example:80\r\n\r\n";
    let head = accepted(text);
    assert_eq!(head.target.of(text), b"/v1/models?x=1");
    assert_eq!(head.path(text), b"/v1/models");
}

#[test]
fn reuse_follows_version_and_connection() {
    let reused = |version: &str, fields: &str| {
        let text = format!("GET / HTTP/1.{version}\r\nHost: a\r\n{fields}\r\n");
        accepted(text.as_bytes()).keep_alive
    };
    assert!(reused("1", ""));
    assert!(reused("1", "Connection: x-private\r\n"));
    assert!(!reused("1", "Connection: close\r\n"));
    assert!(!reused("1", "Connection: x, CLOSE ,y\r\n"));
    assert!(!reused("1", "Connection: keep-alive\r\nConnection: close\r\n"));
    assert!(!reused("0", ""));
    assert!(reused("0", "Connection: Keep-Alive\r\n"));
    assert!(!reused("0", "Connection: keep-alive, close\r\n"));
}

#[test]
fn expectations_are_for_one_one_only() {
    let waits = |version: &str| {
        let text = format!("POST / HTTP/1.{version}\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n");
        accepted(text.as_bytes()).expect_continue
    };
    assert!(waits("1"));
    assert!(!waits("0"));
}

#[test]
fn response_bodies_end_as_status_and_request_say() {
    let framing = |status: &str, fields: &str, was_head: bool| {
        let text = format!("HTTP/1.1 {status} Text\r\n{fields}\r\n");
        match ResponseHead::parse(text.as_bytes(), &LIMITS, was_head) {
            Ok(Parsed::Complete(head)) => (head.framing, head.keep_alive),
            other => panic!("{other:?}"),
        }
    };
    let length = "Content-Length: 5\r\n";
    let chunked = "Transfer-Encoding: Chunked\r\n";
    assert_eq!(framing("200", length, false), (Framing::Length(5), true));
    assert_eq!(framing("200", chunked, false), (Framing::Chunked, true));
    assert_eq!(framing("200", "", false), (Framing::UntilClose, false));
    assert_eq!(framing("200", length, true), (Framing::None, true));
    for bodiless in ["100", "103", "204", "304"] {
        assert_eq!(framing(bodiless, length, false), (Framing::None, true));
        assert_eq!(framing(bodiless, "", false), (Framing::None, true));
    }
}

#[test]
fn interim_responses_come_one_by_one() {
    let text = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let interim = response(text);
    assert_eq!((interim.status, interim.framing), (100, Framing::None));
    let last = response(&text[interim.len..]);
    assert_eq!((last.status, last.framing), (200, Framing::Length(2)));
    assert_eq!(last.header(&text[interim.len..], "content-length"), Some(&b"2"[..]));
}

#[test]
fn a_head_is_small_enough_to_keep() {
    assert!(size_of::<RequestHead>() <= 384, "{}", size_of::<RequestHead>());
}
