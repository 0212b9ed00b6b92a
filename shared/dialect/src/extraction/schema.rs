//! A client's JSON Schema, compiled: what may be given, and what is wrong with an answer.
//!
//! Invariants: nothing is fetched, and patterns are matched in linear time. Whether an answer is
//! checked at all depends on its size and the schema's weight together, so that no schema keeps a
//! core busy for long.

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use super::survey::weigh;
use crate::intent::RequestFault;

/// The longest schema, in bytes.
const SCHEMA_BYTES_MAX: usize = 64 << 10;
/// A schema's weight times an answer's bytes may come to this.
const WORK_MAX: u64 = 1 << 24;
/// The errors that are told of one answer.
const ERRORS_MAX: usize = 8;
/// The longest of them, in bytes.
pub(super) const ERROR_BYTES_MAX: usize = 256;
/// The memory that a compiled pattern may take, in bytes.
const PATTERN_BYTES_MAX: usize = 64 << 10;

/// A schema, compiled.
#[derive(Debug)]
pub(super) struct Schema {
    validator: Validator,
    weight: u64,
}

impl Schema {
    /// Compiles the JSON text of a schema.
    ///
    /// # Errors
    /// It is none, leans on what is not in it, or is too much.
    pub(super) fn read(json: &[u8]) -> Result<Self, RequestFault> {
        if json.len() > SCHEMA_BYTES_MAX {
            return Err(wrong(format!("must have at most {SCHEMA_BYTES_MAX} bytes")));
        }
        let schema: Value = serde_json::from_slice(json).map_err(|it| wrong(it.to_string()))?;
        if !schema.is_object() {
            return Err(wrong("must be an object"));
        }
        let weight = weigh(&schema).map_err(wrong)?;
        let patterns =
            PatternOptions::regex().size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
        let compiled = jsonschema::options()
            .offline()
            .should_validate_formats(true)
            .with_pattern_options(patterns)
            .build(&schema);
        let validator = compiled.map_err(|fault| {
            wrong(format!("is no JSON Schema: {}", bounded(fault.masked_with("it").to_string())))
        })?;
        Ok(Self { validator, weight })
    }

    /// What is wrong with a JSON text; nothing where it is valid.
    pub(super) fn errors(&self, json: &str) -> Vec<String> {
        if self.weight.saturating_mul(json.len() as u64) > WORK_MAX {
            return vec!["it is too long to be checked against this schema".to_owned()];
        }
        let Ok(value) = serde_json::from_str::<Value>(json) else {
            return vec!["it is nested too deeply".to_owned()];
        };
        let told = self.validator.iter_errors(&value).take(ERRORS_MAX).map(|error| {
            let place = error.instance_path().as_str();
            let place = if place.is_empty() { String::new() } else { format!("at {place}: ") };
            bounded(format!("{place}{}", error.masked_with("it")))
        });
        told.collect()
    }
}

/// As much of an error as is told.
fn bounded(mut error: String) -> String {
    error.truncate(error.floor_char_boundary(ERROR_BYTES_MAX));
    error
}

fn wrong(what: impl AsRef<str>) -> RequestFault {
    RequestFault::invalid("schema", format!("`schema` {}", what.as_ref()))
}

/// The bytes that the errors of one answer can have.
pub(super) const ERRORS_BYTES_MAX: usize = (ERRORS_MAX + 1) * (ERROR_BYTES_MAX + 8);
