//! An extraction in no dialect: what a model is told, and what it is told when it was wrong.
//!
//! Invariants: the schema stands in the instructions too, for models that are shaped by nothing
//! else; [`ADDED_BYTES`] and [`CORRECTION_BYTES_MAX`] bound what is said beyond the request's own
//! bytes. A correction shows the last answer only, so that a request grows once, not each time.

use std::borrow::Cow;

use serde_json::value::RawValue;
use wire::json::{ValueKind, members, unescape};

use super::schema::ERRORS_BYTES_MAX;
use crate::intent::RequestFault;
use crate::prompt::{Effort, Part, Prompt, Reasoning, Role, Shape};
use crate::typed::{Text, value};

const TASK: &str = "You extract structured data. Answer with one JSON value that is valid against \
    the JSON Schema below and says only what the user's text says, and with nothing else: no words \
    around it, no code fence. Leave out optional members that the text says nothing of.";
const SCHEMA: &str = "The JSON Schema:\n";
const WRONG: &str = "That answer was not accepted:";
const WAS_CUT: &str = "(Only its beginning is shown above.)";
const AGAIN: &str = "Answer again with the whole JSON value, corrected, and with nothing else.";
/// What the schema is called where it needs a name.
const NAME: &str = "extraction";

/// Bytes that are said beside the request's own, and beside the schema, which is said twice more.
pub(super) const ADDED_BYTES: usize = TASK.len() + SCHEMA.len() + 256;
/// The most bytes of a correction beside the answer that it is about.
pub(super) const CORRECTION_BYTES_MAX: usize =
    WRONG.len() + WAS_CUT.len() + AGAIN.len() + ERRORS_BYTES_MAX + 128;

/// Reads a whole request.
pub(crate) fn read_prompt(body: &[u8]) -> Result<Prompt<'_>, RequestFault> {
    let mut prompt = Prompt::default();
    prompt.system.push(Part::text(TASK));
    let (mut schema, mut instructions) = (None, None);
    for member in members(body).flatten().filter(|member| member.kind != ValueKind::Null) {
        let key = unescape(body, member.key).unwrap_or_default();
        let json = member.value.of(body);
        let sampling = &mut prompt.sampling;
        match &*key {
            "input" => {
                let text: Text<'_> = value("input", json)?;
                prompt.say(Role::User, Part::text(text.0));
            }
            "schema" => schema = Some(value::<&RawValue>("schema", json)?),
            "instructions" => instructions = Some(value::<Text<'_>>("instructions", json)?.0),
            "temperature" => sampling.temperature = Some(value("temperature", json)?),
            "top_p" => sampling.top_p = Some(value("top_p", json)?),
            "seed" => sampling.seed = Some(value("seed", json)?),
            "user" => prompt.user = Some(value::<Text<'_>>("user", json)?.0),
            "service_tier" => {
                prompt.service_tier = Some(value::<Text<'_>>("service_tier", json)?.0);
            }
            "reasoning_effort" => prompt.reasoning = Some(read_effort(json)?),
            _ => {}
        }
    }
    if let Some(instructions) = instructions.filter(|text| !text.is_empty()) {
        prompt.system.push(Part::text(instructions));
    }
    let schema = schema.ok_or_else(|| RequestFault::invalid("schema", "`schema` is missing"))?;
    prompt.system.push(Part::text(Cow::Owned(format!("{SCHEMA}{}", schema.get()))));
    let (name, schema) = (Some(Cow::Borrowed(NAME)), Cow::Borrowed(schema));
    prompt.shape = Shape::Schema { name, schema, strict: None };
    Ok(prompt)
}

fn read_effort(json: &[u8]) -> Result<Reasoning, RequestFault> {
    let word: Text<'_> = value("reasoning_effort", json)?;
    let effort = Effort::from_name(&word.0).ok_or_else(|| {
        let message = "`reasoning_effort` must be one of `none` to `max`";
        RequestFault::invalid("reasoning_effort", message)
    })?;
    Ok(Reasoning { effort, budget: None, shown: None })
}

/// What a model is told of its answer.
pub(super) fn correction(errors: &[String], was_cut: bool) -> String {
    let mut words = WRONG.to_owned();
    for error in errors {
        words.push_str("\n- ");
        words.push_str(error);
    }
    words.push('\n');
    if was_cut {
        words.push_str(WAS_CUT);
        words.push('\n');
    }
    words.push_str(AGAIN);
    words
}

/// Adds an answer, and what was wrong with it.
pub(super) fn add_correction(prompt: &mut Prompt<'_>, said: String, words: String) {
    prompt.say(Role::Assistant, Part::text(Cow::Owned(said)));
    prompt.say(Role::User, Part::text(Cow::Owned(words)));
}
