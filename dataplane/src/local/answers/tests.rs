//! Which part a request has: the first, a repeat, or none.

use units::{DataPlaneId, Epoch};

use super::*;
use crate::local::recording::Piece;

const ASKED: Asked = Asked { body: [1; 32], path: 1 };

fn answers() -> Rc<Answers> {
    Answers::new(&Limits {
        replay_bytes: 100,
        replay_answer_bytes: 40,
        replay_ms: 1000,
        replay_keys: 3,
        ..Limits::default()
    })
}

fn generation(seq: u64) -> GenerationId {
    GenerationId { dataplane: DataPlaneId(1), epoch: Epoch(1), ring: 0, seq }
}

fn name(number: u8) -> Name {
    [number; 32]
}

fn first(answers: &Rc<Answers>, number: u8, now_ms: u64) -> (First, Writer) {
    match answers.part(name(number), ASKED, now_ms) {
        Ok(Part::First(first, writer)) => {
            writer.set_generation(generation(u64::from(number)));
            writer.begin(b"head", true);
            (first, writer)
        }
        _ => panic!("not the first"),
    }
}

/// The first request of a key is answered with so many bytes and charged.
fn answer(answers: &Rc<Answers>, number: u8, bytes: usize, now_ms: u64) {
    let (first, writer) = first(answers, number, now_ms);
    writer.body(&vec![b'x'; bytes]);
    writer.finish();
    writer.publish();
    first.charged(now_ms);
}

/// What a repeat is told.
fn repeat(answers: &Rc<Answers>, number: u8, now_ms: u64) -> Result<(usize, bool), Refused> {
    match answers.part(name(number), ASKED, now_ms) {
        Ok(Part::Repeat(mut reader, has_ended)) => {
            let mut bytes = 0;
            while let Piece::Head(_, _) | Piece::Bytes(_) = {
                let piece = reader.next();
                if let Piece::Bytes(some) = &piece {
                    bytes += some.len();
                }
                piece
            } {}
            Ok((bytes, has_ended))
        }
        Ok(Part::First(..)) => panic!("a fresh try"),
        Err(refused) => Err(refused),
    }
}

#[test]
fn a_repeat_joins_and_later_ones_replay_until_time_is_up() {
    let answers = answers();
    let (begun, writer) = first(&answers, 1, 0);
    writer.body(b"some");
    writer.publish();
    assert_eq!(repeat(&answers, 1, 1), Ok((4, false)));
    writer.body(b"more");
    writer.finish();
    writer.publish();
    begun.charged(10);
    drop(writer);
    assert_eq!(repeat(&answers, 1, 1009), Ok((8, true)));
    let gone = Err(Refused::NotKept(Some(generation(1))));
    assert_eq!(repeat(&answers, 1, 1010), gone);
    assert_eq!(repeat(&answers, 1, KEY_MS), gone);
    assert_eq!(answers.budget.used(), 0);
    drop(first(&answers, 1, 10 + KEY_MS));
}

#[test]
fn a_key_asks_for_one_thing() {
    let answers = answers();
    let (begun, writer) = first(&answers, 1, 0);
    for asked in [Asked { body: [2; 32], ..ASKED }, Asked { path: 2, ..ASKED }] {
        let refused = answers.part(name(1), asked, 1);
        assert_eq!(refused.err(), Some(Refused::OtherBody));
    }
    drop((begun, writer));
    let (begun, _writer) = first(&answers, 1, 2);
    drop(begun);
}

#[test]
fn what_was_not_charged_is_forgotten_and_what_was_not_finished_is_not_kept() {
    let answers = answers();
    drop(first(&answers, 1, 0));
    let (begun, writer) = first(&answers, 1, 1);
    drop(writer);
    begun.charged(2);
    assert_eq!(repeat(&answers, 1, 3), Err(Refused::NotKept(Some(generation(1)))));
}

#[test]
fn an_answer_that_is_too_large_is_not_kept_while_it_runs_and_after() {
    let answers = answers();
    let (begun, writer) = first(&answers, 1, 0);
    writer.body(&[b'x'; 50]);
    writer.publish();
    let refused = Err(Refused::NotKept(Some(generation(1))));
    assert_eq!(repeat(&answers, 1, 1), refused);
    writer.finish();
    begun.charged(2);
    assert_eq!(repeat(&answers, 1, 3), refused);
}

#[test]
fn room_is_made_by_the_oldest_answers_and_keys() {
    let answers = answers();
    for number in 1..=3 {
        answer(&answers, number, 20, u64::from(number));
    }
    assert_eq!(repeat(&answers, 1, 5), Err(Refused::NotKept(Some(generation(1)))));
    assert_eq!(repeat(&answers, 3, 5), Ok((20, true)));
    answer(&answers, 4, 20, 6);
    answer(&answers, 5, 20, 7);
    drop(first(&answers, 1, 8));
    assert!(answers.table.borrow().entries.len() <= 3);
}
