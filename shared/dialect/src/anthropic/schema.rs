//! A JSON Schema as Anthropic's structured outputs take it.
//!
//! They refuse a whole request for one keyword that they do not follow. Such keywords move into the
//! description, where the model reads them; every object is closed.
//! Invariant: members keep their order, which is the order in which a model writes its answer.
//! Source: Anthropic API, "Structured outputs", "JSON Schema limitations".

use wire::json::{Member, ValueKind, elements, members, unescape};
use wire::splice::write_string;

use super::json::{Object, each};

/// Keywords that are taken as they are.
const TAKEN: [&str; 9] =
    ["type", "enum", "const", "title", "required", "$ref", "default", "format", "minItems"];
/// Keywords that say nothing to a model.
const SILENT: [&str; 4] = ["additionalProperties", "$schema", "$id", "description"];
/// Formats of strings that are followed.
const FORMATS: [&str; 9] =
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6"];
/// Deeper schemas are taken as they are.
const DEPTH_MAX: u32 = 64;

/// Whether a schema is one of objects.
pub(super) fn is_of_object(schema: &[u8]) -> bool {
    let kind = members(schema).flatten().find(|member| member.is(schema, "type"));
    kind.is_none_or(|kind| kind.value.of(schema) == b"\"object\"")
}

/// Writes the schema of a tool's input, which must say that it is an object.
pub(super) fn write_input(schema: Option<&[u8]>, out: &mut Vec<u8>) {
    let Some(schema) = schema.filter(|schema| schema.first() == Some(&b'{')) else {
        out.extend_from_slice(br#"{"type":"object","properties":{}}"#);
        return;
    };
    let mut known = members(schema).flatten();
    if known.any(|member| member.is(schema, "type")) {
        out.extend_from_slice(schema);
        return;
    }
    let mut edits = wire::splice::Edits::new();
    edits.insert("type", br#""object""#);
    edits.apply(schema, wire::json::trimmed(schema), out);
}

/// Writes a schema in the part of JSON Schema that is followed to the letter.
pub(super) fn write_strict(schema: &[u8], out: &mut Vec<u8>) {
    write_level(schema, 0, out);
}

fn write_level(schema: &[u8], depth: u32, out: &mut Vec<u8>) {
    if schema.first() != Some(&b'{') || depth > DEPTH_MAX {
        out.extend_from_slice(schema);
        return;
    }
    let mut object = Object::open(out);
    let mut rest = String::new();
    let mut description = None;
    let mut is_object = false;
    for member in members(schema).flatten() {
        let value = member.value.of(schema);
        let key = unescape(schema, member.key).unwrap_or_default();
        is_object |= key == "properties" || (key == "type" && value == b"\"object\"");
        match (&*key, member.kind) {
            ("properties" | "$defs" | "definitions", ValueKind::Object) => {
                let mut named = Object::open(object.name(&key));
                for schema in members(value).flatten() {
                    let name = String::from_utf8_lossy(schema.key.of(value));
                    write_level(schema.value.of(value), depth + 1, named.name(&name));
                }
                named.close();
            }
            ("items", ValueKind::Object) => write_level(value, depth + 1, object.name("items")),
            ("anyOf" | "oneOf", ValueKind::Array) => {
                write_each(value, depth, object.name("anyOf"));
            }
            ("allOf", ValueKind::Array) => write_each(value, depth, object.name("allOf")),
            ("description", ValueKind::String) => {
                description = unescape(schema, member.content()).ok();
            }
            (key, _) if is_taken(key, &member, schema) => object.raw(key, value),
            (key, _) if SILENT.contains(&key) => {}
            (key, _) => {
                let separator = if rest.is_empty() { "" } else { ", " };
                let value = String::from_utf8_lossy(value);
                rest.push_str(&format!("{separator}{key}: {value}"));
            }
        }
    }
    if is_object {
        object.plain("additionalProperties", false);
    }
    let told = match (description, rest.is_empty()) {
        (told, true) => told.map(|told| told.into_owned()),
        (None, false) => Some(format!("({rest})")),
        (Some(told), false) => Some(format!("{told} ({rest})")),
    };
    if let Some(told) = told {
        write_string(&told, object.name("description"));
    }
    object.close();
}

fn write_each(schemas: &[u8], depth: u32, out: &mut Vec<u8>) {
    let items = elements(schemas).flatten();
    each(items, out, |(item, _), out| write_level(item.of(schemas), depth + 1, out));
}

fn is_taken(key: &str, member: &Member, schema: &[u8]) -> bool {
    let value = member.value.of(schema);
    match key {
        "format" => {
            let known = FORMATS.iter().map(|known| format!("\"{known}\""));
            known.into_iter().any(|known| known.as_bytes() == value)
        }
        "minItems" => matches!(value, b"0" | b"1"),
        key => TAKEN.contains(&key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_followed_moves_into_the_description() {
        let mut out = Vec::new();
        write_strict(
            br##"{"$schema":"x","type":"object","properties":{"z":{"type":"integer","minimum":1,
            "maximum":9,"description":"A \"z\""},"a":{"oneOf":[{"type":"string","format":"uri"},
            {"type":"string","format":"color"}]},"l":{"type":"array","minItems":3,
            "items":{"$ref":"#/$defs/p"}}},"required":["z"],"additionalProperties":true,
            "$defs":{"p":{"properties":{}}}}"##,
            &mut out,
        );
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                r##"{"type":"object","properties":{"z":{"type":"integer","##,
                r##""description":"A \"z\" (minimum: 1, maximum: 9)"},"##,
                r##""a":{"anyOf":[{"type":"string","format":"uri"},"##,
                r##"{"type":"string","description":"(format: \"color\")"}]},"##,
                r##""l":{"type":"array","items":{"$ref":"#/$defs/p"},"description":"(minItems: 3)"}},"##,
                r##""required":["z"],"$defs":{"p":{"properties":{},"additionalProperties":false}},"##,
                r##""additionalProperties":false}"##,
            )
        );
    }

    #[test]
    fn an_input_is_always_of_an_object() {
        for (schema, written) in [
            (None, r#"{"type":"object","properties":{}}"#),
            (Some("null"), r#"{"type":"object","properties":{}}"#),
            (Some("{}"), r#"{"type":"object"}"#),
            (Some(r#"{"type":"object","x":1}"#), r#"{"type":"object","x":1}"#),
            (Some(r#"{"anyOf":[]}"#), r#"{"anyOf":[],"type":"object"}"#),
        ] {
            let mut out = Vec::new();
            write_input(schema.map(str::as_bytes), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), written);
        }
    }
}
