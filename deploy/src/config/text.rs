//! A configuration's text: every mistake in it, each with its line and what to do about it.
//!
//! Each key is read by itself first, so that one bad value does not hide the next; the whole is
//! read when nothing was found. Invariant: what is found has the file's name and a line.

use std::fmt;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Error, ValueDeserializer};

use super::Config;

/// What is wrong, as `file:line: what; remedy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The file's name.
    pub file: String,
    /// The line, from one.
    pub line: usize,
    /// What is wrong, and the remedy.
    pub what: String,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

/// Reads a configuration's text.
///
/// # Errors
/// Every mistake in it.
pub fn parse(text: &str, name: &str) -> Result<Config, Vec<Found>> {
    let (document, broken) = DeTable::parse_recoverable(text);
    let found = |fault: &Error, otherwise: usize, what: String| Found {
        file: name.to_owned(),
        line: line_at(text, fault.span().map_or(otherwise, |span| span.start)),
        what,
    };
    let syntax = |fault: &Error| {
        let message = fault.message().replace('\n', " ");
        found(fault, 0, format!("this is not TOML: {message}; correct the syntax"))
    };
    if !broken.is_empty() {
        return Err(broken.iter().map(syntax).collect());
    }
    let mut mistakes = Vec::new();
    for (at, single) in singles(document.get_ref()) {
        let value = Spanned::new(0..text.len(), DeValue::Table(single));
        if let Err(fault) = Config::deserialize(ValueDeserializer::from(value)) {
            mistakes.push(found(&fault, at, with_remedy(fault.message())));
        }
    }
    if mistakes.is_empty() {
        let whole = Spanned::new(0..text.len(), DeValue::Table(document.into_inner()));
        return Config::deserialize(ValueDeserializer::from(whole))
            .map_err(|fault| vec![found(&fault, 0, with_remedy(fault.message()))]);
    }
    mistakes.sort_by_key(|mistake| mistake.line);
    Err(mistakes)
}

/// The document with a single key each, and where that key stands.
fn singles<'i>(document: &DeTable<'i>) -> Vec<(usize, DeTable<'i>)> {
    let mut singles = Vec::new();
    let mut add = |at: usize, key: &Spanned<_>, value: Spanned<DeValue<'i>>| {
        let mut single = DeTable::new();
        single.insert(key.clone(), value);
        singles.push((at, single));
    };
    for (section, value) in document {
        let start = section.span().start;
        match value.get_ref() {
            DeValue::Table(keys) if !keys.is_empty() => {
                for (key, below) in keys {
                    let mut single = DeTable::new();
                    single.insert(key.clone(), below.clone());
                    let single = Spanned::new(value.span(), DeValue::Table(single));
                    add(key.span().start, section, single);
                }
            }
            _ => add(start, section, value.clone()),
        }
    }
    singles
}

/// The line of an offset, from one.
pub fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

/// The line of a key of a table, or of the table where the key is left out.
pub fn line_of(text: &str, section: &str, key: &str) -> usize {
    let (document, _) = DeTable::parse_recoverable(text);
    let Some((name, value)) = document.get_ref().get_key_value(section) else { return 1 };
    let within = match value.get_ref() {
        DeValue::Table(keys) => keys.get_key_value(key).map(|(key, _)| key.span().start),
        _ => None,
    };
    line_at(text, within.unwrap_or(name.span().start))
}

/// A deserializer's message with what to do about it, judged by its words.
pub fn with_remedy(message: &str) -> String {
    let message = message.replace('\n', " ");
    let quoted = message.split('`').nth(1).unwrap_or_default();
    let remedy = if message.starts_with("unknown field") {
        format!("remove {quoted}, or correct its spelling")
    } else if message.starts_with("unknown variant") {
        "use one of those".to_owned()
    } else if message.starts_with("missing field") {
        format!("add {quoted} = …")
    } else if message.contains("socket address") {
        "write it like \"127.0.0.1:8080\"".to_owned()
    } else if message.starts_with("invalid") {
        "write what is expected there".to_owned()
    } else {
        "see the configuration in the README for what may stand here".to_owned()
    };
    format!("{message}; {remedy}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Cores;

    fn lines(text: &str) -> Vec<usize> {
        parse(text, "x").unwrap_err().iter().map(|found| found.line).collect()
    }

    #[test]
    fn no_text_is_a_configuration() {
        let config = parse("", "x").unwrap();
        assert_eq!(config.listen.data.port(), 8080);
        assert_eq!(config.dataplane.cores, Cores::Auto);
    }

    #[test]
    fn every_mistake_names_file_line_and_remedy() {
        let text = "[listen]\ndata = \"here\"\nadmin = 3\n\n[limits]\nhead_size = 3\n\
                    body_bytes = \"x\"\n[dataplane]\ncores = 0\n[unheard]\nof = 1\n";
        let found = parse(text, "my.toml").unwrap_err();
        assert_eq!(lines(text), [2, 3, 6, 7, 9, 10], "{found:?}");
        let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(shown.iter().all(|line| line.starts_with("my.toml:") && line.contains("; ")));
        assert!(shown[2].contains("head_size") && shown[5].contains("unheard"), "{shown:?}");
    }

    #[test]
    fn broken_syntax_has_its_line() {
        assert_eq!(lines("[listen]\ndata = \n"), [2]);
        assert_eq!(lines("listen = 1"), [1]);
    }

    #[test]
    fn a_key_or_its_table_has_a_line() {
        let text = "\n[brand]\nsandbox = true\nprofile = \"x\"\n";
        let line = |section, key| line_of(text, section, key);
        assert_eq!(line("brand", "profile"), 4);
        assert_eq!((line("brand", "catalog"), line("listen", "data")), (2, 1));
    }
}
