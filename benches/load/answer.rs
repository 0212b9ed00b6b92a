//! Reading answers back: when one is whole, and whether it is the right one.
//!
//! Heads and chunks are read by a few lines of our own rather than by the product's crate: the
//! bench should not believe what it measures.

use crate::bodies::{self, EVENTS, Kind};

/// Whether `received` holds a whole answer.
pub(crate) fn is_whole(received: &[u8]) -> bool {
    let Some(head_len) = head_len(received) else {
        return false;
    };
    match content_length(&received[..head_len]) {
        Some(len) => received.len() >= head_len + len,
        None => received.ends_with(b"\r\n0\r\n\r\n"),
    }
}

/// Whether the last event of a stream that stays open has arrived.
pub(crate) fn has_opened(received: &[u8]) -> bool {
    find(received, bodies::event_choices(bodies::EVENTS_OPEN - 1).as_bytes()).is_some()
}

/// Says what is wrong with a whole answer.
pub(crate) fn check(kind: Kind, received: &[u8]) -> Result<(), String> {
    let head_len = head_len(received).unwrap_or_default();
    let (head, rest) = received.split_at(head_len);
    if !head.starts_with(b"HTTP/1.1 200") {
        return Err(shown("not a 200", received));
    }
    if !kind.is_stream() {
        let wanted = bodies::answer_body(kind);
        let choices = wanted.find("\"choices\"").unwrap_or_default();
        let end = wanted.find(",\"usage\"").unwrap_or(wanted.len());
        let right =
            rest == wanted.as_bytes() || find(rest, &wanted.as_bytes()[choices..end]).is_some();
        return if right { Ok(()) } else { Err(shown("another answer", received)) };
    }
    let body = joined_chunks(rest).ok_or_else(|| shown("broken chunks", received))?;
    check_stream(&body).map_err(|what| shown(&what, &body))
}

fn check_stream(body: &[u8]) -> Result<(), String> {
    let mut rest = body;
    for index in 0..EVENTS {
        let wanted = bodies::event_choices(index);
        let at = find(rest, wanted.as_bytes()).ok_or(format!("event {index} is missing"))?;
        rest = &rest[at + wanted.len()..];
    }
    let ended = find(rest, b"\"finish_reason\":\"stop\"").is_some();
    let marked = rest.ends_with(b"data: [DONE]\n\n");
    if ended && marked { Ok(()) } else { Err("the stream does not end".to_owned()) }
}

fn head_len(received: &[u8]) -> Option<usize> {
    find(received, b"\r\n\r\n").map(|at| at + 4)
}

fn content_length(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).ok()?;
    let mut fields = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    value.trim().parse().ok()
}

fn joined_chunks(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::with_capacity(rest.len());
    loop {
        let line_len = find(rest, b"\r\n")?;
        let size = std::str::from_utf8(&rest[..line_len]).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let start = line_len + 2;
        body.extend_from_slice(rest.get(start..start + size)?);
        rest = rest.get(start + size + 2..)?;
    }
}

pub(crate) fn find(within: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(within, wanted)
}

fn shown(what: &str, bytes: &[u8]) -> String {
    let most = bytes.len().min(600);
    format!("{what}: {}", String::from_utf8_lossy(&bytes[..most]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

    fn stream(leave_out: usize) -> Vec<u8> {
        let mut bytes = HEAD.as_bytes().to_vec();
        for index in (0..EVENTS).filter(|index| *index != leave_out) {
            bytes.extend(bodies::chunk(&bodies::event(Kind::Burst, index)));
        }
        bytes.extend(bodies::chunk(&bodies::stream_tail(Kind::Burst)));
        bytes.extend_from_slice(b"0\r\n\r\n");
        bytes
    }

    #[test]
    fn a_stream_with_an_event_missing_is_found_out() {
        let whole = stream(EVENTS);
        assert!(is_whole(&whole) && !is_whole(&whole[..whole.len() - 1]));
        assert_eq!(check(Kind::Burst, &whole), Ok(()));
        assert!(check(Kind::Burst, &stream(50)).is_err_and(|what| what.contains("event 50")));
    }

    #[test]
    fn another_answer_is_found_out() {
        let body = bodies::answer_body(Kind::Small);
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        assert!(is_whole(answer.as_bytes()));
        assert_eq!(check(Kind::Small, answer.as_bytes()), Ok(()));
        assert!(check(Kind::Small, answer.replace("good boy", "bad boy!").as_bytes()).is_err());
        assert!(check(Kind::Small, b"HTTP/1.1 402 No\r\ncontent-length: 0\r\n\r\n").is_err());
    }
}
