//! What is answered: the choices, cut to the caller's cap, and what they cost.
//!
//! Pure: the same request, script and seed give the same answer. Invariants: a choice never has
//! more tokens than the cap unless the script says so; the usage is the sum of what the choices
//! hold. A tool call costs one token for its name and its arguments' tokens.

use serde_json::json;

use crate::ask::{Ask, Shape};
use crate::schema;
use crate::script::{Length, Script};
use crate::text::{self, Dice};
use crate::tokens;
use crate::truth::Billed;

/// Tokens of an answer that nobody bounded: between these two.
const NATURAL: (u64, u64) = (60, 120);

/// Why a choice ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    Stop,
    Length,
    ToolCalls,
    Error,
}

impl Finish {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::Error => "error",
        }
    }
}

/// One call of a tool.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub id: String,
    pub name: String,
    pub arguments: String,
}

/// One choice: text or calls, after some reasoning.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub reasoning: String,
    pub text: String,
    pub calls: Vec<Call>,
    pub finish: Finish,
}

impl Choice {
    pub(crate) fn reasoning_tokens(&self) -> u64 {
        tokens::count(&self.reasoning)
    }

    /// All tokens of the choice.
    pub(crate) fn tokens(&self) -> u64 {
        let calls: u64 = self.calls.iter().map(|call| 1 + tokens::count(&call.arguments)).sum();
        self.reasoning_tokens() + tokens::count(&self.text) + calls
    }
}

/// A whole answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub choices: Vec<Choice>,
    /// What it costs once all of it was generated.
    pub billed: Billed,
}

/// Makes the answer to a request.
pub(crate) fn compose(ask: &Ask<'_>, script: &Script, seed: u64) -> Answer {
    let choices: Vec<_> = (0..ask.choices)
        .map(|index| choice(ask, script, &mut Dice::new(seed.wrapping_add(index))))
        .collect();
    let prompt = ask.prompt_tokens;
    let cached = script.cached.map_or(0, |wished| wish_of(wished, prompt / 2, prompt));
    let room = prompt - cached;
    let cache_write = script.cache_write.map_or(0, |wished| wish_of(wished, prompt / 4, room));
    let audio = (ask.audio_tokens + script.media.audio_in).min(room - cache_write);
    let completion: u64 = choices.iter().map(Choice::tokens).sum();
    let reasoning: u64 = choices.iter().map(Choice::reasoning_tokens).sum();
    let audio_out = script.media.audio_out.min(completion - reasoning);
    let billed = Billed {
        prompt,
        cached,
        cache_write,
        audio,
        image: script.media.image_in.min(room - cache_write - audio),
        completion,
        reasoning,
        audio_out,
        image_out: script.media.image_out.min(completion - reasoning - audio_out),
    };
    Answer { choices, billed }
}

/// A wished count, or a usual one where none was named, within what there is.
fn wish_of(wished: u64, usual: u64, most: u64) -> u64 {
    if wished == u64::MAX { usual.min(most) } else { wished.min(most) }
}

fn choice(ask: &Ask<'_>, script: &Script, dice: &mut Dice) -> Choice {
    let cap = match script.length {
        Length::IgnoreCap(tokens) => tokens,
        _ => ask.cap.unwrap_or(u64::MAX),
    };
    let reasoning = reasoning(ask, cap, dice);
    let room = cap - tokens::count(&reasoning);
    if !ask.calls.is_empty() {
        return calling(ask, reasoning, room, dice);
    }
    let mut text = said(ask, script, dice);
    if let Some(stop) = ask.stop.iter().filter_map(|stop| text.find(stop.as_str())).min() {
        text.truncate(stop);
    }
    let kept = tokens::take(&text, room).len();
    let finish = match kept < text.len() {
        _ if script.finish_error => Finish::Error,
        true => Finish::Length,
        false => Finish::Stop,
    };
    text.truncate(kept);
    Choice { reasoning, text, calls: Vec::new(), finish }
}

/// What a model would think before it speaks.
fn reasoning(ask: &Ask<'_>, cap: u64, dice: &mut Dice) -> String {
    let tokens = match ask.reasoning.as_deref() {
        None | Some("none") => 0,
        Some("minimal") => 8,
        Some("low") => 24,
        Some("medium") => 64,
        Some(_) => 160,
    };
    if tokens == 0 { String::new() } else { text::exactly(&ask.prompt, tokens.min(cap), dice) }
}

fn said(ask: &Ask<'_>, script: &Script, dice: &mut Dice) -> String {
    let natural = NATURAL.0 + dice.below(NATURAL.1 - NATURAL.0 - 20);
    match (&ask.shape, script.length) {
        (_, Length::Exactly(tokens) | Length::IgnoreCap(tokens)) => {
            text::exactly(&ask.prompt, tokens, dice)
        }
        (Shape::Object, _) => {
            let answer = text::about(&ask.prompt, natural / 2, dice);
            json!({"answer": answer, "sure": true, "words": answer.split(' ').count()}).to_string()
        }
        (Shape::Schema(schema), _) => schema::value_of(schema, schema, dice).to_string(),
        (Shape::Text, _) if ask.answers_tool => text::about_result(&ask.prompt, natural / 2, dice),
        (Shape::Text, _) => text::about(&ask.prompt, natural, dice),
    }
}

/// Calls of the tools that were asked for, as far as the room goes.
fn calling(ask: &Ask<'_>, reasoning: String, mut room: u64, dice: &mut Dice) -> Choice {
    let mut calls = Vec::new();
    let mut finish = Finish::ToolCalls;
    for function in &ask.calls {
        if room == 0 {
            finish = Finish::Length;
            break;
        }
        let mut arguments = schema::object_of(&function.parameters, dice).to_string();
        let kept = tokens::take(&arguments, room - 1).len();
        if kept < arguments.len() {
            finish = Finish::Length;
        }
        arguments.truncate(kept);
        room -= 1 + tokens::count(&arguments);
        let id = format!("call_{:016x}", dice.roll());
        calls.push(Call { id, name: function.name.clone(), arguments });
    }
    Choice { reasoning, text: String::new(), calls, finish }
}

#[cfg(test)]
mod tests;
