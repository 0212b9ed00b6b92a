//! Streams in pieces: however they are cut, the events and the usage are the same.

use wire::sse::{FrameScanner, joined_data};

use super::*;

/// The streams that are known by heart.
pub(super) const STREAMS: [&str; 4] = [
    include_str!("../../../tests/golden/gemini/parallel_calls.sse"),
    include_str!("../../../tests/golden/gemini/text_with_proof.sse"),
    include_str!("../../../tests/golden/gemini/blocked.sse"),
    include_str!("../../../tests/golden/gemini/malformed_call.sse"),
];

/// The events of a stream that comes in these pieces.
pub(super) fn decoded<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<Event<'static>> {
    let mut scanner = FrameScanner::new(1 << 20);
    let mut decoder = AnyDecoder::new(Dialect::Gemini, true);
    let (mut buffer, mut events) = (Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        while let Some(frame) = scanner.next(&buffer).unwrap() {
            let data = joined_data(&buffer, &frame).into_owned();
            decoder.event(&data, &mut |event| events.push(owned(event))).unwrap();
            buffer.drain(..frame.len);
        }
    }
    assert!(buffer.trim_ascii().is_empty());
    events
}

/// An event that owns what it says.
pub(super) fn owned(event: Event<'_>) -> Event<'static> {
    let text = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
    match event {
        Event::Begin { id } => Event::Begin { id: text(id) },
        Event::Text(more) => Event::Text(text(more)),
        Event::Refusal(more) => Event::Refusal(text(more)),
        Event::Thought(more) => Event::Thought(text(more)),
        Event::Signature(proof) => Event::Signature(text(proof)),
        Event::Redacted(thought) => Event::Redacted(text(thought)),
        Event::Call { id, name, signature } => {
            Event::Call { id: text(id), name: text(name), signature: signature.map(text) }
        }
        Event::Arguments(more) => Event::Arguments(text(more)),
        Event::Image { media_type, data } => {
            Event::Image { media_type: text(media_type), data: text(data) }
        }
        Event::Finish { finish, native, stop } => {
            Event::Finish { finish, native: text(native), stop: stop.map(text) }
        }
        Event::Tier(tier) => Event::Tier(text(tier)),
        Event::Usage(usage) => Event::Usage(usage),
    }
}

#[test]
fn every_byte_split_of_a_stream_gives_the_same_events() {
    for stream in STREAMS {
        let whole = decoded([stream.as_bytes()]);
        assert!(whole.iter().any(|event| matches!(event, Event::Finish { .. })));
        assert!(whole.iter().any(|event| matches!(event, Event::Usage(Ok(_)))));
        for at in 0..stream.len() {
            let (before, after) = stream.as_bytes().split_at(at);
            assert_eq!(decoded([before, after]), whole, "split at {at}");
        }
        assert_eq!(decoded(stream.as_bytes().chunks(1)), whole);
        let with_returns = stream.replace('\n', "\r\n");
        assert_eq!(decoded(with_returns.as_bytes().chunks(7)), whole);
    }
}
