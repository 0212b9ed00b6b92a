//! Event streams: what is in them at every split, whatever ends their lines.

use super::*;

/// What a stream shows to one who acts on it: kind, event and data of each frame.
type Seen = Vec<(FrameKind, String, String)>;

const STREAM: &str = "\u{feff}: open\n\ndata: {\"a\":1}\n\nevent: ping\ndata:x\nid: 7\n\n\
event: many\ndata: one\ndata\ndata:  three\n: note\n\nretry: 10\n\ndata: \u{2028}é\n\n\
database: no\neventual: no\n\ndata:\n\ndata: [DONE]\n\n";

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Scans a stream that arrives in pieces; also checks that frames cover it without a gap.
fn scan(pieces: &[&[u8]]) -> Seen {
    let mut scanner = FrameScanner::new(1000);
    let (mut buf, mut seen, mut covered) = (Vec::new(), Vec::new(), 0);
    for piece in pieces {
        buf.extend_from_slice(piece);
        while let Some(frame) = scanner.next(&buf).unwrap() {
            let data = text(&joined_data(&buf, &frame));
            seen.push((frame.kind, text(frame.event.of(&buf)), data));
            covered += frame.len;
            buf.drain(..frame.len);
        }
    }
    let total: usize = pieces.iter().map(|piece| piece.len()).sum();
    // Only the LF of a last CR LF may still wait for the frame that it stands before.
    assert!(total - covered <= 1, "{covered} of {total}");
    seen
}

fn expected() -> Seen {
    [
        (FrameKind::Comment, "", ""),
        (FrameKind::Data, "", "{\"a\":1}"),
        (FrameKind::Data, "ping", "x"),
        (FrameKind::MultiData, "many", "one\n\n three"),
        (FrameKind::Empty, "", ""),
        (FrameKind::Data, "", "\u{2028}é"),
        (FrameKind::Empty, "", ""),
        (FrameKind::Data, "", ""),
        (FrameKind::Data, "", "[DONE]"),
    ]
    .map(|(kind, event, data)| (kind, event.to_owned(), data.to_owned()))
    .into()
}

#[test]
fn every_line_end_and_every_split_shows_the_same_events() {
    for line_end in ["\n", "\r", "\r\n"] {
        let stream = STREAM.replace('\n', line_end);
        let stream = stream.as_bytes();
        assert_eq!(scan(&[stream]), expected(), "{line_end:?}");
        for split in 0..stream.len() {
            let seen = scan(&[&stream[..split], &stream[split..]]);
            assert_eq!(seen, expected(), "{line_end:?} at {split}");
        }
        assert_eq!(scan(&stream.chunks(1).collect::<Vec<_>>()), expected(), "{line_end:?}");
        assert_eq!(scan(&stream.chunks(3).collect::<Vec<_>>()), expected(), "{line_end:?}");
    }
}

#[test]
fn line_ends_may_be_mixed() {
    let seen = scan(&[b"data: a\r\ndata: b\rdata: c\n\r\ndata: d\r\rdata: e\n\n"]);
    let data: Vec<_> = seen.iter().map(|(_, _, data)| data.as_str()).collect();
    assert_eq!(data, ["a\nb\nc", "d", "e"]);
}

#[test]
fn an_event_is_given_with_its_blank_line_and_not_before() {
    let stream = b"data: a\r\n\r\n";
    let mut scanner = FrameScanner::new(100);
    for end in 0..10 {
        assert_eq!(scanner.next(&stream[..end]), Ok(None), "{end}");
    }
    // The CR already is a blank line; its LF goes with the next frame.
    assert!(!scanner.is_between_frames());
    let frame = scanner.next(&stream[..10]).unwrap().unwrap();
    assert!(!scanner.is_between_frames(), "an LF may have to be skipped");
    assert_eq!((frame.len, frame.data.of(stream)), (10, &b"a"[..]));
    assert_eq!(scanner.next(b"\n"), Ok(None));
    let frame = scanner.next(b"\ndata: b\n\n").unwrap().unwrap();
    assert_eq!((frame.len, frame.data.of(b"\ndata: b\n\n")), (10, &b"b"[..]));
    assert!(scanner.is_between_frames());
}

#[test]
fn a_byte_order_mark_counts_at_the_start_only() {
    let seen = scan(&["\u{feff}data: a\n\n\u{feff}data: b\n\n".as_bytes()]);
    let kinds: Vec<_> = seen.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(kinds, [FrameKind::Data, FrameKind::Empty]);
}

#[test]
fn long_events_are_refused_whole_or_in_pieces() {
    let stream = format!("data: {}\n\n", "x".repeat(92));
    let stream = stream.as_bytes();
    assert_eq!(stream.len(), 100);
    assert!(matches!(FrameScanner::new(100).next(stream), Ok(Some(_))));
    assert_eq!(FrameScanner::new(99).next(stream), Err(FrameFault::TooLong));
    let mut scanner = FrameScanner::new(50);
    assert_eq!(scanner.next(&stream[..50]), Ok(None));
    assert_eq!(scanner.next(&stream[..51]), Err(FrameFault::TooLong));
}

#[test]
fn data_without_its_blank_line_is_given_at_the_end_of_the_stream() {
    for rest in ["data: a", "data: a\n", "data: a\r\n", "event: x\ndata: a"] {
        let mut scanner = FrameScanner::new(100);
        assert_eq!(scanner.next(rest.as_bytes()), Ok(None));
        let frame = scanner.at_eof(rest.as_bytes()).unwrap();
        assert_eq!((frame.len, frame.data.of(rest.as_bytes())), (rest.len(), &b"a"[..]));
    }
    for rest in ["", ": bye", "event: x"] {
        let mut scanner = FrameScanner::new(100);
        assert_eq!(scanner.next(rest.as_bytes()), Ok(None));
        assert_eq!(scanner.at_eof(rest.as_bytes()), None);
    }
}

#[test]
fn bytes_that_are_not_utf8_pass() {
    let mut scanner = FrameScanner::new(100);
    let frame = scanner.next(b"data: \xff\xfe\n\n").unwrap().unwrap();
    assert_eq!(frame.data.of(b"data: \xff\xfe\n\n"), b"\xff\xfe");
}
