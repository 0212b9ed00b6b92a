//! Values that fit a JSON schema, roughly: right types, required members, ranges, enums.
//!
//! Invariants: what is written is valid JSON, and bounded whatever the schema says (depth, items,
//! text length). Left out on purpose: `pattern`, `not`, `if`; a value may miss those.

use serde_json::{Map, Value, json};

use crate::text::Dice;

const DEPTH_MAX: u32 = 12;
const ITEMS_MAX: u64 = 16;
const TEXT_MAX: u64 = 2048;

const WORDS: &[&str] = &["amber", "caf\u{e9}", "harbor", "lantern", "meadow", "\u{6771}\u{4eac}"];

/// A value of this schema; `root` is where `$ref` points into.
pub(crate) fn value_of(schema: &Value, root: &Value, dice: &mut Dice) -> Value {
    fill(schema, root, dice, 0)
}

/// An object of this schema: what a tool's arguments must be.
pub(crate) fn object_of(schema: &Value, dice: &mut Dice) -> Value {
    match fill(schema, schema, dice, 0) {
        Value::Object(members) => Value::Object(members),
        _ => json!({}),
    }
}

fn fill(schema: &Value, root: &Value, dice: &mut Dice, depth: u32) -> Value {
    if depth > DEPTH_MAX {
        return Value::Null;
    }
    if let Some(constant) = schema.get("const") {
        return constant.clone();
    }
    if let Some(choices) = schema.get("enum").and_then(Value::as_array).filter(|c| !c.is_empty()) {
        return dice.pick(choices).clone();
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let pointer = target.strip_prefix('#').unwrap_or(target);
        return fill(root.pointer(pointer).unwrap_or(&Value::Null), root, dice, depth + 1);
    }
    for combined in ["anyOf", "oneOf"] {
        if let Some(first) = schema.get(combined).and_then(|of| of.get(0)) {
            return fill(first, root, dice, depth + 1);
        }
    }
    if let Some(all) = schema.get("allOf").and_then(Value::as_array) {
        return merged(all, root, dice, depth);
    }
    match kind(schema) {
        "object" => object(schema, root, dice, depth),
        "array" => array(schema, root, dice, depth),
        "integer" | "number" => number(schema, dice),
        "boolean" => Value::Bool(dice.below(2) == 0),
        "null" => Value::Null,
        _ => text(schema, dice),
    }
}

/// The first type that is not null; guessed from the keywords where none is given.
fn kind(schema: &Value) -> &str {
    let named = match schema.get("type") {
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").or(Some("null"))
        }
        other => other.and_then(Value::as_str),
    };
    let guessed = || match schema {
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "string",
    };
    named.unwrap_or_else(guessed)
}

fn object(schema: &Value, root: &Value, dice: &mut Dice, depth: u32) -> Value {
    let mut members = Map::new();
    let empty = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    let required = schema.get("required").and_then(Value::as_array);
    match required {
        Some(names) => {
            for name in names.iter().filter_map(Value::as_str) {
                let of = properties.get(name).unwrap_or(&Value::Null);
                members.insert(name.to_owned(), fill(of, root, dice, depth + 1));
            }
        }
        None => {
            for (name, of) in properties {
                members.insert(name.clone(), fill(of, root, dice, depth + 1));
            }
        }
    }
    Value::Object(members)
}

fn merged(all: &[Value], root: &Value, dice: &mut Dice, depth: u32) -> Value {
    let mut members = Map::new();
    for part in all {
        match fill(part, root, dice, depth + 1) {
            Value::Object(more) => members.extend(more),
            other => return other,
        }
    }
    Value::Object(members)
}

fn array(schema: &Value, root: &Value, dice: &mut Dice, depth: u32) -> Value {
    let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
    let most = bound("maxItems").unwrap_or(ITEMS_MAX).min(ITEMS_MAX);
    let least = bound("minItems").unwrap_or(2).min(most);
    let items = schema.get("items").unwrap_or(&Value::Null);
    Value::Array((0..least).map(|_| fill(items, root, dice, depth + 1)).collect())
}

/// A whole number within the bounds (a whole number is a number, too).
fn number(schema: &Value, dice: &mut Dice) -> Value {
    let bound = |name: &str| {
        schema.get(name).and_then(|bound| bound.as_i64().or_else(|| Some(bound.as_f64()? as i64)))
    };
    let after = bound("exclusiveMinimum").map(|least| least.saturating_add(1));
    let before = bound("exclusiveMaximum").map(|most| most.saturating_sub(1));
    let most = bound("maximum").or(before);
    let least = bound("minimum").or(after).unwrap_or_else(|| most.unwrap_or(1).min(1));
    let most = most.unwrap_or_else(|| least.saturating_add(40)).max(least);
    let step = bound("multipleOf").filter(|step| *step > 0).unwrap_or(1);
    let span = most.abs_diff(least).saturating_add(1);
    let any = least.saturating_add_unsigned(dice.below(span.max(1)));
    let below = any.div_euclid(step) * step;
    json!(if below < least { below.saturating_add(step) } else { below })
}

fn text(schema: &Value, dice: &mut Dice) -> Value {
    let word = *dice.pick(WORDS);
    let plain = match schema.get("format").and_then(Value::as_str) {
        Some("date-time") => "2026-01-31T12:00:00Z",
        Some("date") => "2026-01-31",
        Some("time") => "12:00:00Z",
        Some("email") => "someone@example.com",
        Some("uri" | "url") => "https://example.com/",
        Some("uuid") => "123e4567-e89b-42d3-a456-426614174000",
        _ => word,
    };
    let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
    let least = bound("minLength").unwrap_or(0).min(TEXT_MAX) as usize;
    let most = bound("maxLength").unwrap_or(TEXT_MAX).min(TEXT_MAX) as usize;
    let padding = std::iter::repeat_n('x', least.saturating_sub(plain.chars().count()));
    Value::String(plain.chars().chain(padding).take(most.max(least)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(schema: &Value) -> Value {
        value_of(schema, schema, &mut Dice::new(5))
    }

    #[test]
    fn required_members_have_their_types() {
        let value = filled(&json!({
            "type": "object",
            "properties": {
                "city": {"type": "string", "minLength": 30},
                "unit": {"enum": ["C", "F"]},
                "days": {"type": ["null", "integer"], "minimum": 3, "maximum": 3},
                "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "minItems": 3},
                "never": {"type": "string"},
            },
            "required": ["city", "unit", "days", "tags"],
            "$defs": {"tag": {"anyOf": [{"type": "boolean"}, {"type": "null"}]}},
        }));
        assert_eq!(value["city"].as_str().map(|city| city.chars().count()), Some(30));
        assert!(["C", "F"].contains(&value["unit"].as_str().unwrap()));
        assert_eq!(value["days"], 3);
        assert!(value["tags"].as_array().unwrap().iter().all(Value::is_boolean));
        assert_eq!(value.as_object().unwrap().len(), 4);
    }

    #[test]
    fn a_schema_without_end_ends() {
        let endless = json!({"type": "object", "required": ["next"],
            "properties": {"next": {"$ref": "#"}}});
        assert!(filled(&endless).to_string().len() < 1000);
    }

    #[test]
    fn numbers_stay_in_range() {
        for (schema, range) in [
            (json!({"type": "number", "exclusiveMinimum": 4, "maximum": 6}), 5..=6),
            (json!({"type": "integer", "multipleOf": 7, "minimum": 8, "maximum": 20}), 14..=14),
            (json!({"type": "integer", "maximum": -3}), -3..=-3),
        ] {
            assert!(range.contains(&filled(&schema).as_i64().unwrap()), "{schema}");
        }
    }
}
