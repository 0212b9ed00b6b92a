//! Values that JSON carries as the text they show: instants as RFC 3339, numbers by their names.
//!
//! For `#[serde(serialize_with = "...")]`, where a type's own form is another one.

use std::fmt::Display;

use serde::Serializer;

/// Serialises a value as the text it shows.
///
/// # Errors
/// The serializer's.
pub fn as_text<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

/// The same of a value that may be absent, which is null.
///
/// # Errors
/// The serializer's.
pub fn as_optional_text<T: Display, S: Serializer>(
    value: &Option<T>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.collect_str(value),
        None => to.serialize_none(),
    }
}
