//! Extractions: JSON of a schema, drawn from a text.
//!
//! ```text
//!   { model, input, schema, … } --read--> Intent + Extraction --> Prompt --> any upstream
//!   Message --judge--> Fits:  { id, model, output, usage }
//!                      Wrong: a correction joins the prompt, and the model is asked again
//! ```
//! A client's dialect of its own: no upstream speaks it, so each request goes through the prompt
//! and each answer through the event form. Invariants: an unknown member is refused by its name;
//! what is given as `output` was valid against the schema; what a correction adds to a request is
//! bounded before anything is held for it.
//! Left out on purpose: how often a model is asked again, and what that costs.

mod answer;
mod prompt;
mod request;
mod schema;
mod survey;
#[cfg(test)]
mod tests;

use std::cell::RefCell;

use crate::intent::Finish;
use crate::message::{Block, Message};
use crate::prompt::Prompt;

pub(crate) use answer::write_whole;
pub(crate) use prompt::read_prompt;
pub(crate) use request::read_intent;
use schema::Schema;

/// The longest answer that is told again to the model that gave it, in bytes.
const SAID_BYTES_MAX: usize = 8 << 10;
/// Bytes that a token of an answer may have, where that bounds the answer.
const BYTES_PER_TOKEN_MAX: u64 = 8;

/// What an extraction asks for beside an answer.
#[derive(Debug)]
pub struct Extraction {
    schema: Schema,
    /// How much of an answer is told again.
    said_max: usize,
    correction: RefCell<Option<Correction>>,
}

/// What was wrong with an answer.
#[derive(Clone, Debug)]
struct Correction {
    said: String,
    words: String,
}

/// What an answer is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds JSON of the schema.
    Fits,
    /// It does not.
    Wrong(Wrong),
}

/// Why an answer is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What it says.
    pub said: String,
    /// What is wrong with that: a few sentences, each bounded.
    pub errors: Vec<String>,
    /// Whether asking again would change nothing: the model refused, or its provider did.
    pub is_final: bool,
}

impl Extraction {
    fn new(schema: Schema, output_limit: Option<u64>) -> Self {
        let most = output_limit.map(|limit| limit.saturating_mul(BYTES_PER_TOKEN_MAX));
        let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        Self { schema, said_max: most.min(SAID_BYTES_MAX), correction: RefCell::new(None) }
    }

    /// The most bytes that a correction adds to the request.
    fn correction_max(&self) -> u64 {
        (self.said_max + prompt::CORRECTION_BYTES_MAX) as u64
    }

    /// Judges an answer.
    pub fn judge(&self, message: &Message) -> Verdict {
        let said = answer::said(message);
        let refusal = message.blocks.iter().find_map(|block| match block {
            Block::Refusal(why) => Some(why),
            _ => None,
        });
        if refusal.is_some() || message.finish == Finish::ContentFilter {
            let errors = vec!["the model refused to answer".to_owned()];
            let said = refusal.cloned().unwrap_or(said);
            return Verdict::Wrong(Wrong { said, errors, is_final: true });
        }
        let mut errors = match answer::json(&said) {
            Ok(json) => self.schema.errors(json),
            Err(why) => vec![why],
        };
        if errors.is_empty() {
            return Verdict::Fits;
        }
        if message.finish == Finish::Length {
            errors.insert(0, "it was cut off at its limit: say less, or allow more".to_owned());
        }
        Verdict::Wrong(Wrong { said, errors, is_final: false })
    }

    /// Has the next request say what was wrong with an answer; it replaces what was said before.
    pub fn correct(&self, wrong: &Wrong) {
        let end = wrong.said.floor_char_boundary(self.said_max);
        let said = wrong.said[..end].to_owned();
        let words = prompt::correction(&wrong.errors, end < wrong.said.len());
        *self.correction.borrow_mut() = Some(Correction { said, words });
    }

    /// The bytes that the correction adds to the request that is made now.
    pub fn correction_bytes(&self) -> u64 {
        let bytes = |it: &Correction| (it.said.len() + it.words.len()) as u64;
        self.correction.borrow().as_ref().map_or(0, bytes)
    }

    /// Adds the correction to a prompt, if there is one.
    pub(crate) fn add_correction(&self, prompt: &mut Prompt<'_>) {
        if let Some(Correction { said, words }) = self.correction.borrow().clone() {
            prompt::add_correction(prompt, said, words);
        }
    }
}
