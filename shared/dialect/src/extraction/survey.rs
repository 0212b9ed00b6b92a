//! How much work a schema is, found before it is compiled.
//!
//! The weight of a schema is what it has once each reference is written out: that many checks, at
//! most, meet each place of an answer. Invariants: a reference leads to a place of the same
//! schema, and never back to where it stands; names that would change what references mean are
//! refused. Places that hold data or names, not schemas, are not read as schemas.

use serde_json::{Map, Value};

/// The most that a schema may weigh.
const WEIGHT_MAX: u64 = 10_000;
/// How deep schemas may stand in each other, references written out.
const DEPTH_MAX: usize = 64;
/// The longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 512;
/// What a pattern weighs beside a plain check.
const PATTERN_WEIGHT: u64 = 8;

/// The weight of a schema.
///
/// # Errors
/// What is wrong with it, to be said behind its name.
pub(super) fn weigh(schema: &Value) -> Result<u64, String> {
    let mut survey = Survey { root: schema, open: Vec::new(), depth: 0, weight: 0 };
    survey.schema(schema)?;
    Ok(survey.weight)
}

struct Survey<'s> {
    root: &'s Value,
    /// The references that are being followed.
    open: Vec<&'s str>,
    depth: usize,
    weight: u64,
}

impl<'s> Survey<'s> {
    fn schema(&mut self, schema: &'s Value) -> Result<(), String> {
        self.add(1)?;
        let Value::Object(members) = schema else { return Ok(()) };
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("is nested deeper than {DEPTH_MAX}, references written out"));
        }
        for (key, value) in members {
            self.member(key, value)?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn member(&mut self, key: &'s str, value: &'s Value) -> Result<(), String> {
        match (key, value) {
            ("$ref", Value::String(reference)) => self.follow(reference),
            (
                "$id" | "id" | "$anchor" | "$dynamicRef" | "$dynamicAnchor" | "$recursiveRef",
                Value::String(_),
            ) => Err(format!("may not have `{key}`: refer to places as `#/$defs/…`")),
            ("properties" | "patternProperties" | "dependentSchemas", Value::Object(named)) => {
                self.each(named)
            }
            ("dependencies", Value::Object(named)) => self.each(named),
            // They weigh where they are referred to.
            ("$defs" | "definitions" | "default" | "examples", _) => Ok(()),
            ("enum" | "const", value) => self.data(value),
            ("allOf" | "anyOf" | "oneOf" | "prefixItems" | "items", Value::Array(schemas)) => {
                schemas.iter().try_for_each(|schema| self.schema(schema))
            }
            ("pattern", Value::String(pattern)) => self.pattern(pattern),
            (_, Value::Object(_) | Value::Bool(_)) => self.schema(value),
            _ => self.add(1),
        }
    }

    /// Schemas by name; the name is a pattern, or may be.
    fn each(&mut self, named: &'s Map<String, Value>) -> Result<(), String> {
        named.iter().try_for_each(|(name, schema)| {
            if name.len() > PATTERN_BYTES_MAX {
                return Err(format!("has a name of more than {PATTERN_BYTES_MAX} bytes"));
            }
            self.schema(schema)
        })
    }

    fn pattern(&mut self, pattern: &str) -> Result<(), String> {
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(format!("has a pattern of more than {PATTERN_BYTES_MAX} bytes"));
        }
        self.add(PATTERN_WEIGHT)
    }

    /// Data, which is compared.
    fn data(&mut self, value: &Value) -> Result<(), String> {
        self.add(1)?;
        match value {
            Value::Array(items) => items.iter().try_for_each(|item| self.data(item)),
            Value::Object(members) => members.values().try_for_each(|member| self.data(member)),
            _ => Ok(()),
        }
    }

    fn follow(&mut self, reference: &'s str) -> Result<(), String> {
        let told = &reference[..reference.floor_char_boundary(100)];
        let Some(pointer) = reference.strip_prefix('#').filter(|it| !it.contains('%')) else {
            return Err(format!("may refer to its own places only, as `#/$defs/…`: `{told}`"));
        };
        if self.open.contains(&reference) {
            return Err(format!("may not refer back to itself: `{told}`"));
        }
        let target = self.root.pointer(pointer);
        let target = target.ok_or_else(|| format!("refers to what it does not have: `{told}`"))?;
        self.open.push(reference);
        self.schema(target)?;
        self.open.pop();
        Ok(())
    }

    fn add(&mut self, weight: u64) -> Result<(), String> {
        self.weight += weight;
        if self.weight > WEIGHT_MAX {
            return Err(format!("weighs more than {WEIGHT_MAX} checks, references written out"));
        }
        Ok(())
    }
}
