//! Laws that hold of every answer and every request, by dice.

use catalog::Dialect;
use units::Tokens;

use super::prompt::{read, write};
use super::stream::{ALL, Decoded, decode, encode, said};
use crate::dice::Dice;
use crate::openai_chat::Decoder;
use crate::prompt::*;
use crate::{Block, Event, Message};

const ROUNDS: u64 = 400;

fn gathered(events: &[Event<'_>]) -> Message {
    let mut message = Message::default();
    events.iter().for_each(|event| message.add(event));
    message
}

fn ids(message: &Message) -> Vec<String> {
    let blocks = message.blocks.iter();
    let ids = blocks.filter_map(|block| match block {
        Block::Call { id, .. } => Some(crate::signature::from_id(id.into()).0.into_owned()),
        _ => None,
    });
    ids.collect()
}

#[test]
fn every_answer_keeps_its_meaning_through_a_stream() {
    let mut dice = Dice(1);
    for round in 0..ROUNDS {
        let events = dice.answer(&[Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini]);
        let message = gathered(&events);
        let stream = encode(&events, &Tokens::ZERO, dice.is(2));
        let (again, _, _): Decoded = decode(&stream);
        assert_eq!(said(&again), said(&message), "{round}: {stream}");
        assert_eq!((again.finish, ids(&again)), (message.finish, ids(&message)), "{round}");
    }
}

#[test]
fn every_request_keeps_its_meaning_both_ways() {
    let mut dice = Dice(2);
    for round in 0..ROUNDS {
        let mut prompt = Prompt::default();
        if dice.is(2) {
            prompt.say(Role::System, Part::text(dice.text()));
        }
        for turn in 0..=dice.up_to(4) {
            prompt.say(Role::User, Part::text(dice.text()));
            prompt.say(Role::User, picture(&mut dice));
            prompt.say(Role::Assistant, Part::text(dice.text()));
            let calls = dice.up_to(3);
            for call in 0..calls {
                prompt.say(Role::Assistant, called(turn, call, &mut dice));
            }
            for call in 0..calls {
                prompt.say(Role::User, answered(turn, call, &mut dice));
            }
        }
        prompt.sampling.temperature = dice.is(2).then(|| dice.up_to(200) as f64 / 100.0);
        prompt.sampling.seed = dice.is(2).then_some(-7);
        prompt.stop = (0..dice.up_to(4)).map(|_| dice.text().into()).collect();
        prompt.tool_choice = Some(ToolChoice::Required).filter(|_| dice.is(2));
        let tool = Tool {
            name: "tool".into(),
            description: None,
            schema: None,
            strict: None,
            cache: None,
        };
        prompt.tools.push(tool);
        let (sent, dropped) = write(&prompt);
        let text = sent.to_string();
        assert_eq!(format!("{:?}", read(&text)), format!("{prompt:?}"), "{round}: {text}");
        assert_eq!(dropped, None);
    }
}

fn picture(dice: &mut Dice) -> Part<'static> {
    let source = if dice.is(2) {
        Source::Url("https://a/b.png".into())
    } else {
        Source::Data { media_type: "image/png".into(), data: "QUJD".into() }
    };
    let detail = dice.is(2).then(|| "low".into());
    Part::new(PartKind::Image { source, detail })
}

fn called(turn: u64, call: u64, dice: &mut Dice) -> Part<'static> {
    let arguments = serde_json::json!({ "x": dice.text() }).to_string().into();
    let (id, name) = (format!("call_{turn}_{call}").into(), "tool".into());
    Part::new(PartKind::Call(Call { id, name, arguments, signature: None }))
}

fn answered(turn: u64, call: u64, dice: &mut Dice) -> Part<'static> {
    let (id, name) = (format!("call_{turn}_{call}").into(), "tool".into());
    let parts = vec![Part::text(dice.text())];
    Part::new(PartKind::Answer(ToolAnswer { id, name, parts, is_error: false }))
}

#[test]
fn a_chunk_that_is_cut_is_a_fault_and_nothing_worse() {
    for stream in ALL {
        for json in stream.lines().filter_map(|line| line.strip_prefix("data: {")) {
            let json = format!("{{{json}");
            for end in 0..json.len() {
                let cut = &json.as_bytes()[..end];
                assert!(Decoder::new(true).event(cut, &mut |_| {}).is_err());
                let mut garbled = json.clone().into_bytes();
                garbled[end] = b'"';
                // Whatever it is taken for, it is taken calmly.
                let _ = Decoder::new(false).whole(&garbled, &mut |_| {});
            }
        }
    }
}
