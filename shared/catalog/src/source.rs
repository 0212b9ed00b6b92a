//! Reading a catalog from TOML, with the line of every mistake.
//!
//! Purpose: each `[[provider]]`, `[[model]]` and `[[tier]]` is read by itself, so that one bad
//! table does not hide the next; mistakes found by `compile` are traced back to their lines.
//! Invariants: every complaint from here has the file's name, and a line wherever the text has
//! one for it.
//! Left out on purpose: reading files; the caller has the text.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use crate::compile::{CompileOptions, Compiled, compile};
use crate::complaint::{Complaint, Place, Step};
use crate::rows::CatalogRows;

pub use crate::toml_text::to_toml;

/// Reads a catalog.
///
/// # Errors
/// Every table that is not one, each with its first mistake: bad syntax, unknown or missing keys,
/// values of the wrong kind.
pub fn parse_toml(text: &str, file_name: &str) -> Result<CatalogRows, Vec<Complaint>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { lines: Lines::of(text), file: file_name, complaints: Vec::new() };
    for error in errors {
        let what = format!("this is not TOML: {}", error.message());
        reader.complain(Place::default(), error.span(), what, "correct the syntax".to_owned());
    }
    if !reader.complaints.is_empty() {
        return Err(reader.complaints);
    }
    let mut rows = CatalogRows::default();
    for (key, value) in document.into_inner() {
        match key.as_ref().as_ref() {
            "provider" => rows.provider = reader.tables("provider", value),
            "model" => rows.model = reader.tables("model", value),
            "tier" => rows.tier = reader.tables("tier", value),
            unknown => {
                let what = format!("the key {unknown:?} is unknown");
                let remedy = "a catalog holds [[provider]], [[model]] and [[tier]]".to_owned();
                reader.complain(Place::default(), Some(key.span()), what, remedy);
            }
        }
    }
    if reader.complaints.is_empty() { Ok(rows) } else { Err(reader.sorted()) }
}

/// Reads a catalog and compiles it.
///
/// # Errors
/// What [`parse_toml`] finds wrong; where that is nothing, what [`compile`] does, by line.
pub fn compile_toml(
    text: &str,
    file_name: &str,
    options: &CompileOptions,
) -> Result<(CatalogRows, Compiled), Vec<Complaint>> {
    let rows = parse_toml(text, file_name)?;
    match compile(&rows, options) {
        Ok(mut compiled) => {
            locate(text, file_name, &mut compiled.warnings);
            Ok((rows, compiled))
        }
        Err(mut complaints) => {
            locate(text, file_name, &mut complaints);
            Err(complaints)
        }
    }
}

/// Gives complaints about the rows of a text the lines that their places stand at: that of the
/// key, or where it is absent that of the table it is missing from.
pub fn locate(text: &str, file_name: &str, complaints: &mut [Complaint]) {
    if complaints.is_empty() {
        return;
    }
    let (document, _) = DeTable::parse_recoverable(text);
    let lines = Lines::of(text);
    for complaint in complaints {
        file_name.clone_into(&mut complaint.file);
        if let Some(offset) = offset_of(document.get_ref(), &complaint.place) {
            let (line, column) = lines.position(offset);
            (complaint.line, complaint.column) = (Some(line), Some(column));
        }
    }
}

/// Where the last step of a place that the document has begins.
fn offset_of(document: &DeTable<'_>, place: &Place) -> Option<usize> {
    let mut steps = place.steps().iter();
    let Some(Step::Key(first)) = steps.next() else { return None };
    let (key, mut value) = document.get_key_value(first.as_ref())?;
    let mut offset = key.span().start;
    for step in steps {
        let (start, below) = match (step, value.get_ref()) {
            (Step::Key(key), DeValue::Table(table)) => match table.get_key_value(key.as_ref()) {
                Some((key, below)) => (key.span().start, below),
                None => break,
            },
            (Step::Index(index), DeValue::Array(items)) => match items.get(*index) {
                Some(below) => (below.span().start, below),
                None => break,
            },
            _ => break,
        };
        (offset, value) = (start, below);
    }
    Some(offset)
}

/// Reads tables and collects what is wrong with them.
struct Reader<'t> {
    lines: Lines<'t>,
    file: &'t str,
    complaints: Vec<Complaint>,
}

impl Reader<'_> {
    /// Every table of an array of tables that can be read.
    fn tables<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        value: Spanned<DeValue<'_>>,
    ) -> Vec<T> {
        let span = value.span();
        let DeValue::Array(items) = value.into_inner() else {
            let what = format!("{key:?} is not an array of tables");
            self.complain(Place::default(), Some(span), what, format!("write [[{key}]]"));
            return Vec::new();
        };
        let mut rows = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let span = item.span();
            match T::deserialize(ValueDeserializer::from(item)) {
                Ok(row) => rows.push(row),
                Err(error) => {
                    let message = error.message();
                    let at = error.span().unwrap_or(span);
                    let place = Place::row(key, index);
                    self.complain(place, Some(at), message.to_owned(), remedy_of(message));
                }
            }
        }
        rows
    }

    fn complain(&mut self, place: Place, at: Option<Range<usize>>, what: String, remedy: String) {
        let position = at.map(|span| self.lines.position(span.start));
        self.complaints.push(Complaint {
            file: self.file.to_owned(),
            line: position.map(|(line, _)| line),
            column: position.map(|(_, column)| column),
            place,
            what,
            remedy,
        });
    }

    fn sorted(mut self) -> Vec<Complaint> {
        self.complaints.sort_by_key(|complaint| (complaint.line, complaint.column));
        self.complaints
    }
}

/// What to do about an error of the deserializer, judged by its words.
fn remedy_of(message: &str) -> String {
    let quoted = message.split('`').nth(1).unwrap_or_default();
    if message.starts_with("unknown field") {
        format!("remove {quoted}, or correct its spelling")
    } else if message.starts_with("unknown variant") {
        "use one of those".to_owned()
    } else if message.starts_with("missing field") {
        format!("add {quoted} = …")
    } else if message.contains("invalid type: floating point") {
        "write amounts in quotes, so that none is ever rounded".to_owned()
    } else if message.contains("invalid type") || message.contains("invalid value") {
        "write what is expected there".to_owned()
    } else {
        "write it like \"1.25\", with at most six decimals".to_owned()
    }
}

/// Where lines begin, to turn offsets into positions.
struct Lines<'t> {
    starts: Vec<usize>,
    text: &'t str,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        let after = |(place, byte): (usize, u8)| (byte == b'\n').then_some(place + 1);
        let starts = std::iter::once(0).chain(text.bytes().enumerate().filter_map(after));
        Self { starts: starts.collect(), text }
    }

    /// Line and column from one; the column in characters.
    fn position(&self, offset: usize) -> (u32, u32) {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count());
        (line as u32, column as u32 + 1)
    }
}

#[cfg(test)]
mod tests;
