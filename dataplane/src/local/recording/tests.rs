//! What readers of a recording get, and when.

use super::*;

fn begun(most: usize, budget: usize) -> (Rc<Recording>, Writer) {
    let (recording, writer) = Recording::begin(&Rc::new(Budget::new(budget)), most);
    writer.begin(b"head", true);
    (recording, writer)
}

/// What a reader has read, and how it ended.
fn read(reader: &mut Reader) -> (Vec<u8>, Piece) {
    let mut read = Vec::new();
    loop {
        match reader.next() {
            Piece::Head(head, body) => read.extend([head, body.unwrap_or_default()].concat()),
            Piece::Bytes(bytes) => read.extend(bytes),
            end => return (read, end),
        }
    }
}

#[test]
fn a_reader_gets_what_was_published_from_the_beginning() {
    let (recording, writer) = begun(100, 100);
    writer.body(b"one");
    let mut early = recording.read();
    assert!(matches!(early.next(), Piece::Nothing), "nothing was published");
    writer.publish();
    writer.body(b"two");
    assert_eq!(read(&mut early).0, b"headone");
    writer.finish();
    writer.publish();
    assert!(matches!(read(&mut early), (rest, Piece::End) if rest == b"two"));
    assert!(matches!(read(&mut recording.read()), (all, Piece::End) if all == b"headonetwo"));
    assert!(recording.is_kept_whole());
}

#[test]
fn an_outgrown_recording_serves_its_readers_and_no_others() {
    for (most, budget) in [(20, 1000), (1000, 20)] {
        let (recording, writer) = begun(most, budget);
        let mut reader = recording.read();
        for _ in 0..100 {
            writer.body(b"0123456789");
            writer.publish();
            assert!(matches!(read(&mut reader).1, Piece::Nothing));
        }
        assert!(!recording.takes_readers() && !recording.is_kept_whole());
        assert!(recording.budget.used() <= 2 * most + 10);
        drop(reader);
        writer.body(b"0123456789");
        assert_eq!(recording.budget.used(), 4, "nobody reads, nothing is kept");
    }
}

#[test]
fn a_writer_that_goes_away_breaks_what_was_not_finished() {
    let (recording, writer) = begun(100, 100);
    writer.body(b"one");
    writer.publish();
    let mut reader = recording.read();
    drop(writer);
    assert!(matches!(read(&mut reader), (part, Piece::Broken) if part == b"headone"));
    let budget = Rc::clone(&recording.budget);
    drop((recording, reader));
    assert_eq!(budget.used(), 0);
}
