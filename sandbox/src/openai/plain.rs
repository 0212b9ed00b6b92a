//! OpenAI's requests beside chat: completions of before it, embeddings, pictures, sounds.

use serde_json::Value;

use crate::ask::{Ask, Made, Refused, Shape, refused};
use crate::dialect::Dialect;
use crate::{json, tokens};

/// Numbers in a vector when nobody says how many, and the most.
const DIMENSIONS: u64 = 1536;
const DIMENSIONS_MAX: u64 = 3072;
/// Most inputs of one request.
const INPUTS_MAX: usize = 2048;

pub(crate) fn completion(body: &[u8]) -> Result<Ask<'static>, Refused> {
    let (body, mut ask) = begun(body)?;
    let (texts, tokens) = inputs(&body, "prompt")?;
    ask.choices = texts.len() as u64 * count(&body, "n")?.unwrap_or(1);
    if !(1..=16).contains(&ask.choices) {
        return Err(refused("there must be 1 to 16 choices", Some("n")));
    }
    ask.prompt = texts.into_iter().next().unwrap_or_default();
    ask.prompt_tokens = tokens + tokens::PER_REQUEST;
    // The completions of before chat stop after 16 tokens where nobody says when.
    ask.cap = Some(count(&body, "max_tokens")?.unwrap_or(16).max(1));
    ask.seed = body.get("seed").and_then(Value::as_i64);
    ask.stream = body.get("stream").and_then(Value::as_bool).unwrap_or(false);
    let asked = body.pointer("/stream_options/include_usage");
    ask.include_usage = asked.and_then(Value::as_bool).unwrap_or(false);
    ask.stop = match body.get("stop") {
        Some(Value::String(stop)) => vec![stop.clone()],
        Some(Value::Array(stops)) => {
            stops.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    };
    Ok(ask)
}

pub(crate) fn embeddings(body: &[u8]) -> Result<Ask<'static>, Refused> {
    let (body, mut ask) = begun(body)?;
    let (texts, tokens) = inputs(&body, "input")?;
    let dimensions = count(&body, "dimensions")?.unwrap_or(DIMENSIONS);
    if !(1..=DIMENSIONS_MAX).contains(&dimensions) {
        return Err(refused("dimensions must be between 1 and 3072", Some("dimensions")));
    }
    let base64 = match body.get("encoding_format").and_then(Value::as_str) {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err(refused("float or base64", Some("encoding_format"))),
    };
    ask.prompt_tokens = tokens;
    ask.shape = Shape::Made(Made::Vectors { texts, dimensions: dimensions as usize, base64 });
    Ok(ask)
}

pub(crate) fn pictures(body: &[u8]) -> Result<Ask<'static>, Refused> {
    let (body, mut ask) = begun(body)?;
    ask.prompt_tokens = tokens::count(text(&body, "prompt")?);
    let pictures = count(&body, "n")?.unwrap_or(1);
    if !(1..=10).contains(&pictures) {
        return Err(refused("n must be between 1 and 10", Some("n")));
    }
    ask.shape = Shape::Made(Made::Pictures(pictures));
    Ok(ask)
}

pub(crate) fn speech(body: &[u8]) -> Result<Ask<'static>, Refused> {
    let (body, mut ask) = begun(body)?;
    ask.prompt_tokens = tokens::count(text(&body, "input")?);
    ask.shape = Shape::Made(Made::Speech);
    Ok(ask)
}

/// A sound to be written down. The form that it comes in is not read: every sound costs the same.
pub(crate) fn transcript(_body: &[u8]) -> Ask<'static> {
    Ask {
        prompt_tokens: tokens::AUDIO,
        audio_tokens: tokens::AUDIO,
        shape: Shape::Made(Made::Transcript),
        ..Ask::of(Dialect::OpenAi, "transcribe".into())
    }
}

/// The body, and a request for its model.
fn begun(body: &[u8]) -> Result<(Value, Ask<'static>), Refused> {
    let body = json::parse(body).map_err(|message| refused(message, None))?;
    let model = text(&body, "model")?.to_owned();
    Ok((body, Ask::of(Dialect::OpenAi, model.into())))
}

fn text<'b>(body: &'b Value, name: &'static str) -> Result<&'b str, Refused> {
    let text = body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.ok_or_else(|| refused(format!("{name} must be a text, not empty"), Some(name)))
}

fn count(body: &Value, name: &'static str) -> Result<Option<u64>, Refused> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let count = value.as_u64();
            count.map(Some).ok_or_else(|| refused(format!("{name} must be a count"), Some(name)))
        }
    }
}

/// Texts, or arrays of tokens, one or several; and how many tokens they have together.
fn inputs(body: &Value, name: &'static str) -> Result<(Vec<String>, u64), Refused> {
    let wrong = || refused(format!("{name} must be a text, texts, or tokens"), Some(name));
    let value = body.get(name).ok_or_else(wrong)?;
    let several = match value {
        Value::Array(items) if !items.iter().all(Value::is_u64) => items.as_slice(),
        Value::Array(items) if items.is_empty() => return Err(wrong()),
        one => std::slice::from_ref(one),
    };
    if several.len() > INPUTS_MAX {
        return Err(refused("there are at most 2048 inputs", Some(name)));
    }
    let (mut texts, mut total) = (Vec::new(), 0);
    for input in several {
        match input {
            Value::String(text) if !text.is_empty() => {
                total += tokens::count(text);
                texts.push(text.clone());
            }
            Value::Array(ids) if !ids.is_empty() && ids.iter().all(Value::is_u64) => {
                total += ids.len() as u64;
                texts.push(input.to_string());
            }
            _ => return Err(wrong()),
        }
    }
    Ok((texts, total))
}
