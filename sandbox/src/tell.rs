//! A choice told step by step: the order of a stream's deltas.
//!
//! ```text
//! Role -> Reasoning* -> Text*                     -> end
//!                   \-> (CallOpen -> Arguments*)* -> end
//! ```
//! Invariant: the steps of a choice hold exactly the choice's tokens.

use crate::answer::Choice;
use crate::tokens;

/// A step of a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delta<'a> {
    /// The beginning, and whether text follows.
    Role {
        text: bool,
    },
    Reasoning(&'a str),
    Text(&'a str),
    CallOpen {
        index: usize,
        id: &'a str,
        name: &'a str,
    },
    CallArguments {
        index: usize,
        fragment: &'a str,
    },
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Role,
    Reasoning,
    Text,
    CallOpen(usize),
    CallArguments(usize),
    End,
}

/// Tells one choice.
#[derive(Debug)]
pub(crate) struct Teller<'a> {
    choice: &'a Choice,
    stage: Stage,
    rest: &'a str,
    /// Tokens told so far.
    pub(crate) told: u64,
}

impl<'a> Teller<'a> {
    pub(crate) fn new(choice: &'a Choice) -> Self {
        Self { choice, stage: Stage::Role, rest: "", told: 0 }
    }

    /// Tells the text again, for answers without end.
    pub(crate) fn again(&mut self) {
        self.stage = Stage::Text;
        self.rest = &self.choice.text;
    }

    /// The next step, of at most `most` tokens, and how many it has.
    pub(crate) fn next(&mut self, most: u64) -> Option<(Delta<'a>, u64)> {
        loop {
            match self.stage {
                Stage::Role => {
                    self.enter(Stage::Reasoning, &self.choice.reasoning);
                    return Some((Delta::Role { text: self.choice.calls.is_empty() }, 0));
                }
                Stage::Reasoning => match self.fragment(most) {
                    Some((text, tokens)) => return Some((Delta::Reasoning(text), tokens)),
                    None => self.enter(Stage::Text, &self.choice.text),
                },
                Stage::Text => match self.fragment(most) {
                    Some((text, tokens)) => return Some((Delta::Text(text), tokens)),
                    None => self.enter(Stage::CallOpen(0), ""),
                },
                Stage::CallOpen(index) => {
                    let Some(call) = self.choice.calls.get(index) else {
                        self.enter(Stage::End, "");
                        continue;
                    };
                    self.enter(Stage::CallArguments(index), &call.arguments);
                    self.told += 1;
                    return Some((Delta::CallOpen { index, id: &call.id, name: &call.name }, 1));
                }
                Stage::CallArguments(index) => match self.fragment(most) {
                    Some((fragment, tokens)) => {
                        return Some((Delta::CallArguments { index, fragment }, tokens));
                    }
                    None => self.enter(Stage::CallOpen(index + 1), ""),
                },
                Stage::End => return None,
            }
        }
    }

    fn enter(&mut self, stage: Stage, text: &'a str) {
        self.stage = stage;
        self.rest = text;
    }

    fn fragment(&mut self, most: u64) -> Option<(&'a str, u64)> {
        let fragment = tokens::take(self.rest, most);
        if fragment.is_empty() {
            return None;
        }
        self.rest = &self.rest[fragment.len()..];
        let tokens = tokens::count(fragment);
        self.told += tokens;
        Some((fragment, tokens))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::{Call, Finish};

    #[test]
    fn the_steps_hold_the_choices_tokens() {
        let call = |name: &str, arguments: &str| Call {
            id: "call_1".into(),
            name: name.into(),
            arguments: arguments.into(),
        };
        let talking = Choice {
            reasoning: "thinking".into(),
            text: "caf\u{e9} \u{6771}\u{4eac}!".into(),
            calls: Vec::new(),
            finish: Finish::Stop,
            stopped: None,
        };
        let calling = Choice {
            reasoning: String::new(),
            text: String::new(),
            calls: vec![call("a", "{}"), call("b", r#"{"n":123456}"#)],
            finish: Finish::ToolCalls,
            stopped: None,
        };
        for (choice, most) in [(&talking, 1), (&talking, 3), (&calling, 1), (&calling, 100)] {
            let mut teller = Teller::new(choice);
            let (mut sum, mut said) = (0, String::new());
            while let Some((delta, tokens)) = teller.next(most) {
                sum += tokens;
                if let Delta::Text(text) = delta {
                    said.push_str(text);
                }
            }
            assert_eq!((sum, teller.told, said), (choice.tokens(), sum, choice.text.clone()));
        }
    }
}
