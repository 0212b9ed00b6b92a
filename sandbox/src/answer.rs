//! What is answered: the choices, cut to the caller's cap, and what they cost.
//!
//! Pure: the same request, script and seed give the same answer. Invariants: a choice never has
//! more tokens than the cap unless the script says so; the usage is the sum of what the choices
//! hold. A tool call costs one token for its name and its arguments' tokens.

use serde_json::json;

use crate::ask::{Ask, Made, Shape};
use crate::dialect::Dialect;
use crate::schema;
use crate::script::{Length, Script};
use crate::text::{self, Dice};
use crate::tokens;
use crate::truth::Billed;

/// Tokens of an answer that nobody bounded: between these two.
const NATURAL: (u64, u64) = (60, 120);

/// Ends of Gemini's that leave nothing to read.
const MALFORMED: [&str; 2] = ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"];

/// Why a choice ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    Stop,
    /// One of the caller's stop sequences came up.
    Sequence,
    Length,
    ToolCalls,
    Error,
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
    /// The stop sequence that came up.
    pub stopped: Option<String>,
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
    let blocked = ask.dialect == Dialect::Gemini && !script.blocked.is_empty();
    let spoken = if blocked || matches!(ask.shape, Shape::Made(_)) { 0 } else { ask.choices };
    let choices: Vec<_> = (0..spoken)
        .map(|index| choice(ask, script, &mut Dice::new(seed.wrapping_add(index))))
        .collect();
    let billed = billed(ask, script, &choices);
    Answer { choices, billed }
}

fn billed(ask: &Ask<'_>, script: &Script, choices: &[Choice]) -> Billed {
    let prompt = ask.prompt_tokens;
    let cached = script.cached.map_or(0, |wished| wish_of(wished, prompt / 2, prompt));
    let mut room = prompt - cached;
    let (cache_write_1h, cache_write) = written(ask, script, cached);
    room -= cache_write_1h + cache_write;
    let audio = (ask.audio_tokens + script.media.audio_in).min(room);
    let painted = match ask.shape {
        Shape::Made(Made::Pictures(count)) => count * tokens::IMAGE,
        _ => 0,
    };
    let completion = painted + choices.iter().map(Choice::tokens).sum::<u64>();
    let reasoning: u64 = choices.iter().map(Choice::reasoning_tokens).sum();
    let audio_out = script.media.audio_out.min(completion - reasoning);
    Billed {
        prompt,
        cached,
        cache_write,
        cache_write_1h,
        audio,
        image: script.media.image_in.min(room - audio),
        completion,
        reasoning,
        audio_out,
        image_out: (painted + script.media.image_out).min(completion - reasoning - audio_out),
        searches: if ask.dialect == Dialect::Anthropic { script.searches } else { 0 },
    }
}

/// What is written to a cache, for an hour and for five minutes: what the script wishes, else what
/// is marked and was not read. Gemini writes without being told to, and without a price.
fn written(ask: &Ask<'_>, script: &Script, cached: u64) -> (u64, u64) {
    if ask.dialect == Dialect::Gemini {
        return (0, 0);
    }
    let usual = ask.prompt_tokens / 4;
    let room = ask.prompt_tokens - cached;
    let marked = ask.marked.one_hour.saturating_sub(cached);
    let one_hour = script.cache_write_1h.map_or(marked, |wished| wish_of(wished, usual, room));
    let room = room - one_hour;
    let marked = ask.marked.five_minutes.saturating_sub(cached.saturating_sub(ask.marked.one_hour));
    let wished = script.cache_write.map_or(marked, |wished| wish_of(wished, usual, room));
    (one_hour, wished.min(room))
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
    if !ask.calls.is_empty() && !MALFORMED.contains(&script.finish.as_str()) {
        return calling(ask, reasoning, room, dice);
    }
    if MALFORMED.contains(&script.finish.as_str()) {
        let text = String::new();
        return Choice { reasoning, text, calls: Vec::new(), finish: Finish::Stop, stopped: None };
    }
    let mut text = said(ask, script, dice);
    let found = |stop: &String| Some((text.find(stop.as_str())?, stop.clone()));
    let found = ask.stop.iter().filter_map(found).min_by_key(|(at, _)| *at);
    if let Some((at, _)) = &found {
        text.truncate(*at);
    }
    let kept = tokens::take(&text, room).len();
    let finish = match kept < text.len() {
        _ if script.finish_error => Finish::Error,
        true => Finish::Length,
        false if found.is_some() => Finish::Sequence,
        false => Finish::Stop,
    };
    text.truncate(kept);
    let stopped = found.map(|(_, stop)| stop).filter(|_| finish == Finish::Sequence);
    Choice { reasoning, text, calls: Vec::new(), finish, stopped }
}

/// What a model would think before it speaks.
fn reasoning(ask: &Ask<'_>, cap: u64, dice: &mut Dice) -> String {
    let tokens = ask.thinking.min(cap);
    if tokens == 0 { String::new() } else { text::exactly(&ask.prompt, tokens, dice) }
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
        (_, _) if ask.answers_tool && ask.shape == Shape::Text => {
            text::about_result(&ask.prompt, natural / 2, dice)
        }
        (Shape::Text | Shape::Made(_), _) => text::about(&ask.prompt, natural, dice),
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
        let id = format!("{}{:016x}", ask.dialect.call_prefix(), dice.roll());
        calls.push(Call { id, name: function.name.clone(), arguments });
    }
    Choice { reasoning, text: String::new(), calls, finish, stopped: None }
}

#[cfg(test)]
mod tests;
