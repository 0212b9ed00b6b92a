//! By dice: what was told comes back as it was told.

use super::*;
use crate::message::Block;
use crate::prompt::{
    Call, Effort, Part, PartKind, Prompt, Reasoning, Role, Shape, Source, Tool, ToolAnswer,
};

const ROUNDS: u64 = 400;

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

    fn is(&mut self) -> bool {
        self.up_to(1) == 0
    }

    fn text(&mut self) -> String {
        const WORDS: [&str; 6] = ["a", "\"q\" \\ \u{0}", "é\n", "𝄞", "{\"x\":1}", "data: "];
        (0..=self.up_to(2)).map(|_| WORDS[self.up_to(5) as usize]).collect()
    }

    fn proof(&mut self, mark: &str) -> Option<String> {
        self.is().then(|| format!("{mark}{}", self.up_to(99)))
    }

    fn object(&mut self) -> String {
        json!({ "k": self.text(), "n": self.up_to(9) }).to_string()
    }

    fn block(&mut self, number: u64) -> Block {
        match self.up_to(4) {
            0 => Block::Text(self.text()),
            1 => Block::Thought { text: self.text(), signature: self.proof("tg-a.") },
            2 => Block::Redacted(format!("tg-a.{}", self.up_to(99))),
            3 => Block::Image { media_type: "image/png".into(), data: "iVBO".into() },
            _ => Block::Call {
                id: format!("id_{number}"),
                name: "f".into(),
                arguments: self.object(),
                signature: self.proof("tg-g."),
            },
        }
    }
}

/// The events that make these blocks, texts and arguments in pieces.
fn events_of(blocks: &[Block]) -> Vec<Event<'static>> {
    let mut events = Vec::new();
    let pieces = |text: &str| {
        let (a, b) = text.split_at(text.ceil_char_boundary(text.len() / 2));
        [a.to_owned(), b.to_owned()].into_iter().filter(|piece| !piece.is_empty())
    };
    for block in blocks.iter().cloned() {
        match block {
            Block::Text(text) => {
                events.extend(pieces(&text).map(|more| Event::Text(more.into())));
            }
            Block::Refusal(text) => events.push(Event::Refusal(text.into())),
            Block::Thought { text, signature } => {
                events.extend(pieces(&text).map(|more| Event::Thought(more.into())));
                events.extend(signature.map(|proof| Event::Signature(proof.into())));
            }
            Block::Redacted(thought) => events.push(Event::Redacted(thought.into())),
            Block::Image { media_type, data } => {
                events.push(Event::Image { media_type: media_type.into(), data: data.into() });
            }
            Block::Call { id, name, arguments, signature } => {
                let signature = signature.map(Into::into);
                events.push(Event::Call { id: id.into(), name: name.into(), signature });
                events.extend(pieces(&arguments).map(|more| Event::Arguments(more.into())));
            }
        }
    }
    events
}

/// The blocks that a client's next request brings back of an answer's parts.
fn brought_back(parts: Vec<Value>) -> Vec<Block> {
    let body = json!({ "contents": [{ "role": "model", "parts": parts }] }).to_string();
    let prompt = read_prompt(body.as_bytes()).unwrap();
    let mut message = Message::default();
    for part in prompt.turns.into_iter().flat_map(|turn| turn.parts) {
        let text = |text: &Cow<'_, str>| text.to_string();
        let block = match &part.kind {
            PartKind::Text(more) => {
                message.add(&Event::Text(more.clone()));
                continue;
            }
            PartKind::Thought { text: told, signature } => {
                Block::Thought { text: text(told), signature: signature.as_ref().map(text) }
            }
            PartKind::Redacted(thought) => Block::Redacted(text(thought)),
            PartKind::Image { source: Source::Data { media_type, data }, .. } => {
                Block::Image { media_type: text(media_type), data: text(data) }
            }
            PartKind::Call(call) => Block::Call {
                id: text(&call.id),
                name: text(&call.name),
                arguments: text(&call.arguments),
                signature: call.signature.as_ref().map(text),
            },
            other => panic!("{other:?}"),
        };
        message.blocks.push(block);
    }
    message.blocks
}

fn parts_of(answer: &Value) -> Vec<Value> {
    answer["candidates"][0]["content"]["parts"].as_array().unwrap().clone()
}

#[test]
fn an_answer_of_any_maker_comes_back_as_it_was_told() {
    for round in 0..ROUNDS {
        let mut dice = Dice(round);
        let blocks: Vec<_> = (0..=dice.up_to(6)).map(|number| dice.block(number)).collect();
        let events = events_of(&blocks);
        let mut message = Message::default();
        events.iter().for_each(|event| message.add(event));
        let mut out = Vec::new();
        write_whole(&LABEL, &message, &Tokens::ZERO, &mut out);
        let whole: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(brought_back(parts_of(&whole)), message.blocks, "whole, {round}");
        let framing = Framing::Array { begun: false };
        let told = answers::encoded(&events, &Tokens::ZERO, framing);
        let chunks: Vec<Value> = serde_json::from_str(&told).unwrap();
        let parts = chunks.iter().flat_map(parts_of).collect();
        assert_eq!(brought_back(parts), message.blocks, "streamed, {round}");
    }
}

#[test]
fn a_usage_comes_back_as_it_was_told() {
    for round in 0..ROUNDS {
        let mut dice = Dice(round);
        let mut tokens = Tokens::ZERO;
        for class in [
            TokenClass::Input,
            TokenClass::CacheRead,
            TokenClass::AudioInput,
            TokenClass::ImageInput,
            TokenClass::Output,
            TokenClass::Reasoning,
            TokenClass::ImageOutput,
        ] {
            tokens[class] = dice.up_to(3) * dice.up_to(1_000);
        }
        let told = answers::encoded(&[], &tokens, Framing::Events);
        let usage = splits::decoded([told.as_bytes()]).into_iter().find_map(|event| match event {
            Event::Usage(usage) => Some(usage.unwrap()),
            _ => None,
        });
        let usage = usage.unwrap();
        assert_eq!((usage.tokens, usage.is_odd), (tokens, false), "{round}: {told}");
    }
}

fn prompt_of(dice: &mut Dice) -> Prompt<'static> {
    let mut prompt = Prompt::default();
    if dice.is() {
        prompt.say(Role::System, Part::text(dice.text()));
    }
    let mut number = 0;
    for _ in 0..=dice.up_to(3) {
        prompt.say(Role::User, Part::text(dice.text()));
        if dice.is() {
            let signature = Some("tg-g.AAAA".into());
            let text = dice.text().into();
            prompt.say(Role::Assistant, Part::new(PartKind::Thought { text, signature }));
        }
        prompt.say(Role::Assistant, Part::text(dice.text()));
        let calls = number..number + dice.up_to(2);
        for call in calls.clone() {
            let (id, name) = (format!("id_{call}").into(), format!("f_{call}").into());
            let (arguments, signature) = (dice.object().into(), dice.proof("tg-g."));
            let call = Call { id, name, arguments, signature: signature.map(Into::into) };
            prompt.say(Role::Assistant, Part::new(PartKind::Call(call)));
        }
        for call in calls.clone().rev() {
            let (id, name) = (format!("id_{call}").into(), format!("f_{call}").into());
            let parts = vec![Part::text(if dice.is() { dice.object() } else { dice.text() })];
            let answer = ToolAnswer { id, name, parts, is_error: dice.is() };
            prompt.say(Role::User, Part::new(PartKind::Answer(answer)));
        }
        number = calls.end;
    }
    let raw = |json: &str| serde_json::value::RawValue::from_string(json.to_owned()).unwrap();
    prompt.tools = vec![Tool {
        name: "f_0".into(),
        description: dice.is().then(|| "does f".into()),
        schema: dice.is().then(|| Cow::Owned(raw(r#"{"type":"object"}"#))),
        strict: None,
        cache: None,
    }];
    prompt.sampling.temperature = dice.is().then_some(0.5);
    prompt.reasoning =
        dice.is().then_some(Reasoning { effort: Effort::Low, budget: None, shown: Some(true) });
    if dice.is() {
        prompt.shape = Shape::Json;
    }
    prompt
}

#[test]
fn what_is_written_of_a_prompt_reads_as_that_prompt() {
    for round in 0..ROUNDS {
        let prompt = prompt_of(&mut Dice(round));
        let once = prompts::written(&prompt, "gemini-3-pro-preview").unwrap();
        let text = once.to_string();
        let again = read_prompt(text.as_bytes()).unwrap();
        assert_eq!(prompts::written(&again, "gemini-3-pro-preview").unwrap(), once, "{round}");
        assert!(again.unsaid.is_empty());
        let told = |prompt: &Prompt<'_>| -> Vec<(String, String)> {
            prompt.calls().map(|call| (call.id.to_string(), call.name.to_string())).collect()
        };
        assert_eq!(told(&again), told(&prompt));
    }
}
