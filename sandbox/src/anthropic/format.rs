//! Schemas as Anthropic takes them: of an answer, and of a tool's input.

use serde_json::Value;

use crate::ask::{Refused, refused};
use crate::fields::Fields;

/// Longest name of a tool.
const NAME_MAX: usize = 128;

/// Words that a schema of an answer, or of a strict tool, may not use.
const UNSUPPORTED: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "oneOf",
];

/// `output_config.format`: the schema that the answer is to fit.
pub(super) fn schema(mut format: Fields<'_>) -> Result<Value, Refused> {
    if format.need_text("type")? != "json_schema" {
        return Err(format.wrong("type", "should be 'json_schema'"));
    }
    let schema = format.need("schema")?.clone();
    let at = format.path("schema");
    format.end()?;
    check(&schema, &at)?;
    Ok(schema)
}

/// A tool of the caller's; gives the schema of its input.
pub(super) fn custom_tool(mut tool: Fields<'_>, name: &str) -> Result<Value, Refused> {
    if !is_id(name) || name.len() > NAME_MAX {
        return Err(tool.wrong("custom.name", "should match '^[a-zA-Z0-9_-]{1,128}$'"));
    }
    tool.text("description")?;
    let schema = tool.need("input_schema")?;
    let at = tool.path("custom.input_schema");
    if schema.get("type").and_then(Value::as_str) != Some("object") {
        return Err(refused(format!("{at}.type: should be 'object'"), None));
    }
    if ["oneOf", "allOf", "anyOf"].iter().any(|word| schema.get(word).is_some()) {
        let what = format!("{at}: oneOf, allOf and anyOf are not supported at the top level");
        return Err(refused(what, None));
    }
    if tool.flag("strict")?.unwrap_or(false) {
        check(schema, &at)?;
    }
    tool.flag("eager_input_streaming")?;
    tool.flag("defer_loading")?;
    tool.skip(&["allowed_callers", "input_examples"]);
    tool.end()?;
    Ok(schema.clone())
}

/// Whether a name or an id holds only the letters it may hold.
pub(super) fn is_id(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !text.is_empty() && text.bytes().all(known)
}

/// Objects must be closed, and some words are not known.
fn check(schema: &Value, at: &str) -> Result<(), Refused> {
    match schema {
        Value::Object(members) => {
            if let Some(word) = UNSUPPORTED.iter().find(|word| members.contains_key(**word)) {
                return Err(refused(format!("{at}: property '{word}' is not supported"), None));
            }
            let is_object = members.get("type").and_then(Value::as_str) == Some("object");
            if is_object && members.get("additionalProperties") != Some(&Value::Bool(false)) {
                let what =
                    format!("{at}: for 'object' type, 'additionalProperties' must be set to false");
                return Err(refused(what, None));
            }
            for (name, part) in members {
                // What stands under these are names of the caller's, not words of a schema.
                match (name.as_str(), part) {
                    ("properties" | "$defs" | "definitions", Value::Object(named)) => {
                        named.values().try_for_each(|part| check(part, at))?;
                    }
                    ("enum" | "const" | "default" | "required" | "examples", _) => {}
                    _ => check(part, at)?,
                }
            }
            Ok(())
        }
        Value::Array(parts) => parts.iter().try_for_each(|part| check(part, at)),
        _ => Ok(()),
    }
}
