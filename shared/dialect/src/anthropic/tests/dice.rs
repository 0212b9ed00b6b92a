//! Answers by dice: what is written for a client reads as what it was.

use units::{TokenClass, Tokens};

use super::answered::{encoded, events_of, read_strictly, whole_of};
use super::streamed::read;
use crate::signature::{from_id, into_id};
use crate::{Block, Event, Finish, Message};

const ROUNDS: usize = 400;

/// Seeded (splitmix64), so that a failure repeats.
struct Dice(u64);

impl Dice {
    fn up_to(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % (most + 1)
    }

    fn text(&mut self) -> String {
        const LETTERS: [&str; 8] = ["a", "\"", "\\", "\n", "é", "\u{1f30d}", "\u{1}", " x"];
        (0..=self.up_to(5)).map(|_| LETTERS[self.up_to(7) as usize]).collect()
    }

    fn proof(&mut self) -> String {
        ["tg-g.", "tg-o.", "tg-a."][self.up_to(2) as usize].to_owned() + &self.text()
    }

    fn events(&mut self) -> Vec<Event<'static>> {
        let mut events = Vec::new();
        for number in 0..=self.up_to(9) {
            match self.up_to(6) {
                0 | 1 => events.push(Event::Text(self.text().into())),
                2 | 3 => events.push(Event::Thought(self.text().into())),
                4 => events.push(Event::Signature(self.proof().into())),
                5 => events.push(Event::Redacted(self.proof().into())),
                _ => self.call(number, &mut events),
            }
        }
        events
    }

    fn call(&mut self, number: u64, events: &mut Vec<Event<'static>>) {
        let signature = (self.up_to(1) == 0).then(|| self.proof().into());
        let id = format!("call_{number}").into();
        events.push(Event::Call { id, name: "f".into(), signature });
        for more in ["{\"a\":", "[1,2", "]}"].into_iter().take(3 * self.up_to(1) as usize) {
            events.push(Event::Arguments(more.into()));
        }
    }

    fn tokens(&mut self) -> Tokens {
        let mut tokens = Tokens::ZERO;
        for class in TokenClass::ALL {
            tokens[class] = self.up_to(1) * self.up_to(5_000);
        }
        // Not told apart in this dialect.
        for class in [TokenClass::AudioInput, TokenClass::ImageInput, TokenClass::Request] {
            tokens[class] = 0;
        }
        tokens[TokenClass::AudioOutput] = 0;
        tokens[TokenClass::ImageOutput] = 0;
        tokens
    }
}

/// An answer as a client of this dialect keeps it: proofs of calls in their ids, no thought
/// without a proof.
fn kept(message: &Message) -> Vec<Block> {
    let mut blocks = message.blocks.clone();
    for block in &mut blocks {
        match block {
            Block::Thought { signature: signature @ None, .. } => {
                *signature = Some("tg-o.".to_owned());
            }
            Block::Call { id, arguments, signature, .. } => {
                *id = into_id(id, signature.take().as_deref());
                if arguments == "{}" {
                    arguments.clear();
                }
            }
            _ => {}
        }
    }
    blocks
}

/// The same as it was read: every proof marked once more.
fn unmarked(message: &Message) -> Vec<Block> {
    let mut blocks = message.blocks.clone();
    for block in &mut blocks {
        if let Block::Thought { signature: Some(proof), .. } | Block::Redacted(proof) = block {
            *proof = proof.strip_prefix("tg-a.").unwrap().to_owned();
        }
    }
    blocks
}

#[test]
fn what_is_written_reads_as_it_was() {
    let mut dice = Dice(7);
    for _ in 0..ROUNDS {
        let (events, tokens) = (dice.events(), dice.tokens());
        let mut message = Message::default();
        events.iter().for_each(|event| message.add(event));
        let finish = if message.calls_tools() { Finish::ToolCalls } else { Finish::Stop };
        message.finish = finish;
        let stream = encoded(&events, finish, &tokens);
        read_strictly(&stream);
        let streamed = read([stream.as_slice()]);
        assert_eq!(unmarked(&streamed.message), kept(&message), "{events:?}");
        assert_eq!(streamed.message.finish, finish);
        assert_eq!(streamed.tokens(), tokens, "{events:?}");
        let whole = whole_of(&message, &tokens);
        let (again, usage) = events_of(&whole);
        assert_eq!(unmarked(&again), kept(&message), "{events:?}");
        assert_eq!(usage.unwrap().unwrap().tokens, tokens);
    }
}

#[test]
fn what_a_client_sends_back_is_what_was_said() {
    let mut dice = Dice(8);
    for _ in 0..ROUNDS {
        let mut message = Message::default();
        dice.events().iter().for_each(|event| message.add(event));
        let whole = whole_of(&message, &Tokens::ZERO);
        let whole: serde_json::Value = serde_json::from_slice(&whole).unwrap();
        let turn = serde_json::json!({"role": "assistant", "content": whole["content"]});
        let body = serde_json::json!({"messages": [turn]}).to_string();
        let prompt = super::read_prompt(body.as_bytes()).unwrap();
        for call in prompt.calls() {
            let said = message.blocks.iter().any(|block| {
                matches!(block, Block::Call { id, signature, .. }
                    if *id == call.id && signature.as_deref() == call.signature.as_deref())
            });
            assert!(said, "{call:?} of {message:?}");
            assert_eq!(from_id(call.id.clone()).1, None);
        }
        let proofs =
            prompt.turns.iter().flat_map(|turn| &turn.parts).filter_map(|part| match &part.kind {
                crate::prompt::PartKind::Thought { text, signature } => {
                    Some((text.to_string(), signature.as_ref().map(ToString::to_string)))
                }
                _ => None,
            });
        let expected = kept(&message).into_iter().filter_map(|block| match block {
            Block::Thought { text, signature } => Some((text, signature)),
            _ => None,
        });
        assert!(proofs.eq(expected), "{message:?}");
    }
}
