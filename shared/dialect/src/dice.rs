//! Answers by dice, for laws that hold of every answer.

use crate::event::Event;
use crate::intent::Finish;

/// Texts that are easily written wrong.
const TEXTS: [&str; 8] =
    ["a", "caf\u{e9} ", "\"q\" \\", "line\nline", "\u{1f600}", "</x>", "{\"k\":1}", "\u{1}\t"];

/// Seeded (splitmix64), so that a failure repeats.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn up_to(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % (most + 1)
    }

    pub(crate) fn is(&mut self, in_so_many: u64) -> bool {
        self.up_to(in_so_many - 1) == 0
    }

    pub(crate) fn text(&mut self) -> &'static str {
        TEXTS[self.up_to(TEXTS.len() as u64 - 1) as usize]
    }

    /// The events of an answer that came to its end; proofs are of `makers`.
    pub(crate) fn answer(&mut self, makers: &[catalog::Dialect]) -> Vec<Event<'static>> {
        let mut events = vec![Event::Begin { id: "x".into() }];
        let mut calls = 0;
        for _ in 0..self.up_to(6) {
            let place = self.up_to(makers.len() as u64 - 1) as usize;
            let proof = crate::signature::marked(makers[place], "{\"type\":\"Ab+/=\"}");
            match self.up_to(4) {
                0 => events.extend((0..=self.up_to(3)).map(|_| Event::Text(self.text().into()))),
                1 => events.push(Event::Refusal(self.text().into())),
                2 => {
                    let thoughts = self.up_to(2);
                    events.extend((0..thoughts).map(|_| Event::Thought(self.text().into())));
                    events.push(Event::Signature(proof.into()));
                }
                3 => {
                    let media_type = "image/png".into();
                    events.push(Event::Image { media_type, data: "QUJD".into() });
                }
                _ => {
                    calls += 1;
                    let signature = self.is(3).then(|| proof.into());
                    let id = format!("call_{calls}").into();
                    events.push(Event::Call { id, name: "tool".into(), signature });
                    let text = serde_json::json!({ "x": self.text() }).to_string();
                    let cut = text.floor_char_boundary(self.up_to(text.len() as u64) as usize);
                    let pieces = [&text[..cut], &text[cut..]];
                    let pieces = pieces.iter().filter(|piece| !piece.is_empty());
                    events.extend(pieces.map(|piece| Event::Arguments((*piece).to_owned().into())));
                }
            }
        }
        let finish = if calls > 0 { Finish::ToolCalls } else { Finish::Stop };
        events.push(Event::Finish { finish, native: "end".into(), stop: None });
        events
    }
}
