//! What is wrong with a catalog, said so that it can be mended.
//!
//! Purpose: one form for syntax, type and semantic mistakes: where, what, and the remedy.
//! Invariants: a place is a path into the tables (`model[3].endpoint[0].price.input`), so that the
//! admin API's JSON has one too; file, line and column are there where the text was a file's.
//! Left out on purpose: error codes; whoever reads a complaint is a person with an editor.

use std::borrow::Cow;
use std::fmt;

/// One step of a path into the catalog's tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key of a table.
    Key(Cow<'static, str>),
    /// An item of an array, from zero.
    Index(usize),
}

/// A path into the catalog's tables; empty is the whole catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place(Vec<Step>);

impl Place {
    /// The table number `index` of the array `key` (`provider`, `model`, `tier`).
    pub fn row(key: &'static str, index: usize) -> Self {
        Self(vec![Step::Key(Cow::Borrowed(key)), Step::Index(index)])
    }

    /// The key under this place.
    #[must_use]
    pub fn key(&self, key: impl Into<Cow<'static, str>>) -> Self {
        self.then(Step::Key(key.into()))
    }

    /// The item under this place.
    #[must_use]
    pub fn item(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }

    /// The steps from the outside in.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    fn then(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if place == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// One mistake, or one thing to be warned of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complaint {
    /// The file's name as it was given; empty where the rows did not come from a file.
    pub file: String,
    /// The line, from one.
    pub line: Option<u32>,
    /// The column in characters, from one.
    pub column: Option<u32>,
    /// The path into the tables.
    pub place: Place,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl Complaint {
    /// A complaint about `place`, not yet tied to a file.
    pub fn new(place: Place, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { place, what: what.into(), remedy: remedy.into(), ..Self::default() }
    }
}

impl fmt::Display for Complaint {
    /// `catalog.toml:12: what is wrong; what to do`, or with the path where there is no line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            f.write_str(&self.file)?;
            if let Some(line) = self.line {
                write!(f, ":{line}")?;
            }
            f.write_str(": ")?;
        }
        if self.line.is_none() && !self.place.steps().is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

impl std::error::Error for Complaint {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_shows_its_line_or_else_its_path() {
        let place = Place::row("model", 3).key("endpoint").item(0).key("price");
        let mut complaint = Complaint::new(place, "it is wrong", "mend it");
        assert_eq!(complaint.to_string(), "model[3].endpoint[0].price: it is wrong; mend it");
        (complaint.file, complaint.line) = ("catalog.toml".into(), Some(12));
        assert_eq!(complaint.to_string(), "catalog.toml:12: it is wrong; mend it");
    }
}
