//! The schemas that Gemini knows: a part of OpenAPI's in `parameters` and `responseSchema`, any
//! JSON schema beside them.

use serde_json::Value;

use crate::ask::Refused;
use crate::fields::{Fields, Rules};

const NAME_MAX: usize = 64;
const DEPTH_MAX: usize = 32;

/// The schema under either name; both at once are too many.
pub(super) fn either(
    fields: &mut Fields<'_>,
    typed: &str,
    free: &str,
) -> Result<Option<Value>, Refused> {
    let at = fields.path(typed);
    match (fields.take(typed), fields.take(free)) {
        (Some(_), Some(_)) => Err(fields.wrong(free, &format!("may not be set beside {typed}"))),
        (Some(schema), None) => {
            check(&at, schema, 0)?;
            Ok(Some(plain(schema)))
        }
        (None, free) => Ok(free.cloned()),
    }
}

/// Whether a function may have this name.
pub(super) fn is_function(name: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_:.-".contains(&byte);
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first && name.len() <= NAME_MAX && name.bytes().all(known)
}

/// Checks a schema of the part of OpenAPI that is known.
fn check(at: &str, schema: &Value, depth: usize) -> Result<(), Refused> {
    let mut fields = Fields::of(Rules::Gemini, at, schema)?;
    if depth > DEPTH_MAX {
        return Err(fields.wrong("items", "is nested too deeply"));
    }
    let kind = fields.text("type")?.map(str::to_ascii_uppercase).unwrap_or_default();
    let kinds = ["STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL", ""];
    if !kinds.contains(&kind.as_str()) {
        return Err(fields.wrong("type", &format!("{kind:?} is not known")));
    }
    for name in ["title", "description", "pattern"] {
        fields.text(name)?;
    }
    check_format(&mut fields, &kind)?;
    fields.flag("nullable")?;
    if !fields.texts("enum")?.is_empty() && kind != "STRING" {
        return Err(fields.wrong("enum", "only allowed for STRING type"));
    }
    let counts =
        ["minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength"];
    for name in counts {
        fields.count(name, 0)?;
    }
    fields.skip(&["minimum", "maximum", "example", "default"]);
    fields.texts("propertyOrdering")?;
    match fields.take("items") {
        Some(items) => check(&fields.path("items"), items, depth + 1)?,
        None if kind == "ARRAY" => return Err(fields.wrong("items", "missing field.")),
        None => {}
    }
    for (index, of) in fields.list("anyOf")?.into_iter().flatten().enumerate() {
        check(&format!("{}[{index}]", fields.path("any_of")), of, depth + 1)?;
    }
    check_properties(&mut fields, &kind, depth)?;
    fields.end()
}

fn check_format(fields: &mut Fields<'_>, kind: &str) -> Result<(), Refused> {
    let format = fields.text("format")?;
    let known: &[&str] = match kind {
        "STRING" => &["enum", "date-time"],
        "NUMBER" => &["float", "double"],
        "INTEGER" => &["int32", "int64"],
        _ => return Ok(()),
    };
    match format {
        Some(format) if !known.contains(&format) => {
            let what = format!("only {} are supported for {kind} type", known.join(" and "));
            Err(fields.wrong("format", &what))
        }
        _ => Ok(()),
    }
}

fn check_properties(fields: &mut Fields<'_>, kind: &str, depth: usize) -> Result<(), Refused> {
    let properties = fields.take("properties");
    let properties = properties.and_then(Value::as_object).filter(|named| !named.is_empty());
    if kind == "OBJECT" && properties.is_none() {
        return Err(fields.wrong("properties", "should be non-empty for OBJECT type"));
    }
    for (name, of) in properties.into_iter().flatten() {
        check(&format!("{}[{name}]", fields.path("properties")), of, depth + 1)?;
    }
    for name in fields.texts("required")? {
        if properties.is_none_or(|named| !named.contains_key(name)) {
            return Err(fields.wrong("required", &format!("{name}: property is not defined")));
        }
    }
    Ok(())
}

/// The same with types in small letters, as JSON schemas have them, so that values can be made.
fn plain(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| match (name.as_str(), value) {
                ("type", Value::String(kind)) => (name.clone(), kind.to_ascii_lowercase().into()),
                ("any_of", value) => ("anyOf".to_owned(), plain(value)),
                ("enum" | "required" | "default" | "example", value) => {
                    (name.clone(), value.clone())
                }
                (_, value) => (name.clone(), plain(value)),
            };
            Value::Object(members.iter().map(member).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(plain).collect()),
        other => other.clone(),
    }
}
