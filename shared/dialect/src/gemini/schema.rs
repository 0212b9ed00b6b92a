//! Google's own kind of schema as JSON Schema.
//!
//! Google's kind is a part of OpenAPI 3.0: types in capitals, `nullable`, counts as strings,
//! formats that name number types, and an order of properties. Invariants: what is JSON Schema
//! already stays as it was written; names of properties are never taken for keywords; the order of
//! members stays. Source: Gemini API reference, `Schema`; JSON Schema 2020-12.

use serde_json::value::RawValue;
use wire::json::{Member, ValueKind, elements, members, unescape};

/// What a schema is.
#[derive(Debug)]
pub(super) enum Kind {
    /// JSON Schema as it stands.
    JsonSchema,
    /// Google's kind, and what it says in JSON Schema.
    Made(Box<RawValue>),
    /// No schema.
    Broken,
}

/// Reads a schema of either kind.
pub(super) fn to_json_schema(schema: &[u8]) -> Kind {
    if schema.first() != Some(&b'{') {
        return Kind::Broken;
    }
    let mut out = Vec::with_capacity(schema.len());
    write_schema(schema, &mut out);
    if out == schema {
        return Kind::JsonSchema;
    }
    let made = String::from_utf8(out).ok().and_then(|text| RawValue::from_string(text).ok());
    made.map_or(Kind::Broken, Kind::Made)
}

fn write_schema(schema: &[u8], out: &mut Vec<u8>) {
    let nullable = members(schema)
        .flatten()
        .any(|member| member.is(schema, "nullable") && member.kind == ValueKind::True);
    let mut object = Object::new(out);
    for member in members(schema).flatten() {
        let key = unescape(schema, member.key).unwrap_or_default();
        let value = member.value.of(schema);
        match &*key {
            "nullable" | "propertyOrdering" | "property_ordering" | "example" => {}
            "format" if is_number_format(value) => {}
            "type" => write_type(value, member.kind, nullable, &mut object),
            "enum" if nullable => {
                let list = value.strip_suffix(b"]").unwrap_or(value);
                object.add("enum", |out| {
                    out.extend_from_slice(list);
                    let is_empty = list.trim_ascii_end() == b"[";
                    out.extend_from_slice(if is_empty { b"null]" } else { b",null]" });
                });
            }
            "items" | "additionalProperties" | "additional_properties" if is_object(&member) => {
                object.add(camel(&key), |out| write_schema(value, out));
            }
            "properties" | "defs" | "$defs" if is_object(&member) => {
                object.add(camel(&key), |out| write_named(value, out));
            }
            "anyOf" | "any_of" | "prefixItems" | "prefix_items" | "oneOf" | "allOf"
                if member.kind == ValueKind::Array =>
            {
                let with_null = nullable && matches!(&*key, "anyOf" | "any_of");
                object.add(camel(&key), |out| write_list(value, with_null, out));
            }
            count if is_count(count) => object.add(camel(count), |out| {
                out.extend_from_slice(member.content().of(schema));
            }),
            other if camel(other) != other => {
                object.add(camel(other), |out| out.extend_from_slice(value));
            }
            _ => object.add_raw(member.key.of(schema), |out| out.extend_from_slice(value)),
        }
    }
    object.close();
}

/// Writes a type in small letters, and beside `null` where that is one.
fn write_type(value: &[u8], kind: ValueKind, nullable: bool, object: &mut Object<'_>) {
    let small = value.to_ascii_lowercase();
    match kind {
        ValueKind::String if small == b"\"type_unspecified\"" => {}
        ValueKind::String if nullable => object.add("type", |out| {
            out.push(b'[');
            out.extend_from_slice(&small);
            out.extend_from_slice(b",\"null\"]");
        }),
        _ => object.add("type", |out| out.extend_from_slice(&small)),
    }
}

/// Writes an object of schemas.
fn write_named(schemas: &[u8], out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    for member in members(schemas).flatten() {
        let value = member.value.of(schemas);
        object.add_raw(member.key.of(schemas), |out| match is_object(&member) {
            true => write_schema(value, out),
            false => out.extend_from_slice(value),
        });
    }
    object.close();
}

/// Writes a list of schemas.
fn write_list(schemas: &[u8], with_null: bool, out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, (item, kind)) in elements(schemas).flatten().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        match kind {
            ValueKind::Object => write_schema(item.of(schemas), out),
            _ => out.extend_from_slice(item.of(schemas)),
        }
    }
    if with_null {
        out.extend_from_slice(br#",{"type":"null"}"#);
    }
    out.push(b']');
}

fn is_object(member: &Member) -> bool {
    member.kind == ValueKind::Object
}

/// Formats that say how a number is held, or that there is an `enum`.
fn is_number_format(value: &[u8]) -> bool {
    matches!(value, br#""int32""# | br#""int64""# | br#""float""# | br#""double""# | br#""enum""#)
}

/// Keywords whose numbers are strings in ProtoJSON.
fn is_count(key: &str) -> bool {
    matches!(
        camel(key),
        "maxItems" | "minItems" | "maxLength" | "minLength" | "maxProperties" | "minProperties"
    )
}

/// A keyword as JSON Schema spells it.
fn camel(key: &str) -> &str {
    match key {
        "any_of" => "anyOf",
        "prefix_items" => "prefixItems",
        "additional_properties" => "additionalProperties",
        "max_items" => "maxItems",
        "min_items" => "minItems",
        "max_length" => "maxLength",
        "min_length" => "minLength",
        "max_properties" => "maxProperties",
        "min_properties" => "minProperties",
        "defs" => "$defs",
        "ref" => "$ref",
        other => other,
    }
}

/// An object half written.
struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> Object<'o> {
    fn new(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_empty: true }
    }

    fn add(&mut self, key: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.add_raw(key.as_bytes(), write);
    }

    /// Adds a member whose key is escaped already.
    fn add_raw(&mut self, key: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        self.out.extend_from_slice(if self.is_empty { b"\"" } else { b",\"" });
        self.is_empty = false;
        self.out.extend_from_slice(key);
        self.out.extend_from_slice(b"\":");
        write(self.out);
    }

    fn close(self) {
        self.out.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(schema: &str) -> String {
        match to_json_schema(schema.as_bytes()) {
            Kind::JsonSchema => schema.to_owned(),
            Kind::Made(made) => made.get().to_owned(),
            Kind::Broken => "broken".to_owned(),
        }
    }

    #[test]
    fn googles_schemas_become_json_schema_in_their_own_order() {
        for (own, json_schema) in [
            (r#"{"type":"STRING"}"#, r#"{"type":"string"}"#),
            (
                r#"{"type":"OBJECT","properties":{"type":{"type":"INTEGER","format":"int64"},
                "a":{"type":"STRING","nullable":true,"enum":["x"]}},"required":["type"],
                "propertyOrdering":["a","type"]}"#,
                r#"{"type":"object","properties":{"type":{"type":"integer"},"a":{"type":["string","null"],"enum":["x",null]}},"required":["type"]}"#,
            ),
            (
                r#"{"type":"ARRAY","items":{"type":"NUMBER"},"minItems":"2","max_items":"3"}"#,
                r#"{"type":"array","items":{"type":"number"},"minItems":2,"maxItems":3}"#,
            ),
            (
                r#"{"any_of":[{"type":"STRING"},{"type":"BOOLEAN"}],"nullable":true}"#,
                r#"{"anyOf":[{"type":"string"},{"type":"boolean"},{"type":"null"}]}"#,
            ),
        ] {
            assert_eq!(made(own), json_schema);
        }
    }

    #[test]
    fn json_schema_stays_as_it_was_written() {
        let schema = r#"{"$defs":{"a":{"const":1}},"type":["string","null"],"x":{"nullable":1}}"#;
        assert!(matches!(to_json_schema(schema.as_bytes()), Kind::JsonSchema));
        assert_eq!(made("7"), "broken");
    }
}
