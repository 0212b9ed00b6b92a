//! What OpenAI itself refuses and most providers of its dialect do not: only when it is wished.

use serde_json::Value;

use super::turns;
use crate::ask::{Refused, refused};
use crate::json;

/// Beginnings of the names of models that reason before they answer.
const REASONING: [&str; 4] = ["o1", "o3", "o4", "gpt-5"];

/// Every field that OpenAI knows.
const KNOWN: &[&str] = &[
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "moderation",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];

/// Refuses what OpenAI would.
pub(crate) fn check(body: &[u8]) -> Result<(), Refused> {
    let body = json::parse(body).map_err(|message| refused(message, None))?;
    let names = body.as_object().into_iter().flat_map(|members| members.keys());
    if let Some(name) = names.into_iter().find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(refused(format!("Unrecognized request argument supplied: {name}"), None));
    }
    for (name, most) in [("temperature", 2.0), ("top_p", 1.0)] {
        let number = body.get(name).and_then(Value::as_f64);
        if number.is_some_and(|number| !(0.0..=most).contains(&number)) {
            return Err(refused(format!("{name} must be between 0 and {most}"), Some(name)));
        }
    }
    check_model(&body)?;
    check_format(&body)?;
    for tool in body["tools"].as_array().into_iter().flatten() {
        if tool["function"]["strict"] == true {
            check_schema(&tool["function"]["parameters"])?;
        }
    }
    let parts = body["messages"].as_array().into_iter().flatten();
    let parts = parts.filter_map(|message| message["content"].as_array()).flatten();
    parts.into_iter().try_for_each(check_part)
}

/// Models that reason take another cap, and no sampling.
fn check_model(body: &Value) -> Result<(), Refused> {
    let model = body["model"].as_str().unwrap_or_default();
    let model = model.rsplit('/').next().unwrap_or_default();
    if !REASONING.iter().any(|part| model.starts_with(part)) {
        return Ok(());
    }
    if body.get("max_tokens").is_some() {
        let what = "'max_tokens' is not supported with this model. Use 'max_completion_tokens'.";
        return Err(refused(what, Some("max_tokens")));
    }
    match body.get("temperature").and_then(Value::as_f64) {
        Some(number) if number != 1.0 => {
            let what = "temperature: only the default (1) is supported with this model";
            Err(refused(what, Some("temperature")))
        }
        _ => Ok(()),
    }
}

fn check_format(body: &Value) -> Result<(), Refused> {
    let format = &body["response_format"];
    let wrong = |what: &str| Err(refused(what, Some("response_format")));
    match format["type"].as_str() {
        Some("json_object") => {
            let said = body["messages"].to_string().to_ascii_lowercase();
            match said.contains("json") {
                true => Ok(()),
                false => wrong("'messages' must contain the word 'json' in some form"),
            }
        }
        Some("json_schema") => {
            let named = &format["json_schema"];
            if !named["name"].as_str().is_some_and(turns::is_name) {
                return wrong("json_schema.name is missing, or no name");
            }
            if named["strict"] == true { check_schema(&named["schema"]) } else { Ok(()) }
        }
        _ => Ok(()),
    }
}

/// A strict schema: objects are closed, and every member is required.
fn check_schema(schema: &Value) -> Result<(), Refused> {
    let wrong = |what: String| Err(refused(what, Some("response_format")));
    match schema {
        Value::Object(members) => {
            if members.get("type").and_then(Value::as_str) == Some("object") {
                if members.get("additionalProperties") != Some(&Value::Bool(false)) {
                    return wrong("'additionalProperties' is required to be false".into());
                }
                let required = members.get("required").and_then(Value::as_array);
                let properties = members.get("properties").and_then(Value::as_object);
                for name in properties.into_iter().flat_map(|named| named.keys()) {
                    if !required.is_some_and(|all| all.iter().any(|one| one == name)) {
                        return wrong(format!("'required' must hold every property: {name}"));
                    }
                }
            }
            members.values().try_for_each(check_schema)
        }
        Value::Array(parts) => parts.iter().try_for_each(check_schema),
        _ => Ok(()),
    }
}

/// Parts hold what their type says.
fn check_part(part: &Value) -> Result<(), Refused> {
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let address = part["image_url"]["url"].as_str().unwrap_or_default();
    let fits = match part["type"].as_str().unwrap_or_default() {
        "text" => part["text"].is_string(),
        "image_url" => address.starts_with("http") || address.starts_with("data:image/"),
        "input_audio" => ["wav", "mp3"].iter().any(|kind| part["input_audio"]["format"] == *kind),
        "file" => is_text(&part["file"]["file_data"]) || is_text(&part["file"]["file_id"]),
        _ => true,
    };
    match fits {
        true => Ok(()),
        false => Err(refused(format!("a part that holds no {}", part["type"]), Some("messages"))),
    }
}
