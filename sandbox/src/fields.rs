//! The members of an object, taken one by one; what was not taken at the end was not known.
//!
//! Owns how a dialect names what is wrong with a member. A null counts as absent, as it does for
//! the providers. Under Gemini's rules a member may be spelled `camelCase` or `snake_case`, and a
//! count may be a whole number of any spelling, as in protobuf's JSON.

use serde_json::{Map, Value};

use crate::ask::{Refused, refused};

/// Whose rules hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    Anthropic,
    Gemini,
}

/// An object that is being read.
#[derive(Debug)]
pub(crate) struct Fields<'v> {
    rules: Rules,
    /// Where the object stands, as the provider would write it; empty for the body itself.
    at: String,
    members: &'v Map<String, Value>,
    taken: Vec<&'v str>,
}

impl<'v> Fields<'v> {
    pub(crate) fn of(rules: Rules, at: &str, value: &'v Value) -> Result<Self, Refused> {
        let Value::Object(members) = value else {
            return Err(wrong(rules, at, "should be an object"));
        };
        Ok(Self { rules, at: at.to_owned(), members, taken: Vec::new() })
    }

    /// Takes a member of any kind.
    pub(crate) fn take(&mut self, name: &str) -> Option<&'v Value> {
        let mut found = self.members.get_key_value(name);
        if found.is_none() && self.rules == Rules::Gemini {
            found = self.members.get_key_value(&snake(name));
        }
        let (key, value) = found?;
        self.taken.push(key);
        Some(value).filter(|value| !value.is_null())
    }

    pub(crate) fn need(&mut self, name: &str) -> Result<&'v Value, Refused> {
        self.take(name).ok_or_else(|| self.wrong(name, "is required"))
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<Option<&'v str>, Refused> {
        self.as_kind(name, "should be a string", Value::as_str)
    }

    pub(crate) fn need_text(&mut self, name: &str) -> Result<&'v str, Refused> {
        self.text(name)?.ok_or_else(|| self.wrong(name, "is required"))
    }

    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>, Refused> {
        self.as_kind(name, "should be a boolean", Value::as_bool)
    }

    pub(crate) fn list(&mut self, name: &str) -> Result<Option<&'v Vec<Value>>, Refused> {
        self.as_kind(name, "should be an array", Value::as_array)
    }

    pub(crate) fn integer(&mut self, name: &str) -> Result<Option<i64>, Refused> {
        let rules = self.rules;
        self.as_kind(name, "should be a whole number", |value| match value {
            Value::String(digits) if rules == Rules::Gemini => digits.parse().ok(),
            Value::Number(number) if rules == Rules::Gemini => number
                .as_i64()
                .or_else(|| number.as_f64().filter(|n| n.fract() == 0.0).map(|n| n as i64)),
            other => other.as_i64(),
        })
    }

    /// A whole number of at least `least`.
    pub(crate) fn count(&mut self, name: &str, least: u64) -> Result<Option<u64>, Refused> {
        let Some(number) = self.integer(name)? else { return Ok(None) };
        match u64::try_from(number) {
            Ok(number) if number >= least => Ok(Some(number)),
            _ => Err(self.wrong(name, &format!("should be at least {least}"))),
        }
    }

    /// A number within a range.
    pub(crate) fn number(&mut self, name: &str, most: f64) -> Result<Option<f64>, Refused> {
        let number = self.as_kind(name, "should be a number", Value::as_f64)?;
        match number {
            Some(number) if !(0.0..=most).contains(&number) => {
                Err(self.wrong(name, &format!("should be between 0 and {most}")))
            }
            _ => Ok(number),
        }
    }

    pub(crate) fn texts(&mut self, name: &str) -> Result<Vec<&'v str>, Refused> {
        let Some(list) = self.list(name)? else { return Ok(Vec::new()) };
        let texts = list.iter().map(Value::as_str).collect::<Option<_>>();
        texts.ok_or_else(|| self.wrong(name, "should hold strings only"))
    }

    /// An object within this one.
    pub(crate) fn fields(&mut self, name: &str) -> Result<Option<Self>, Refused> {
        let Some(value) = self.take(name) else { return Ok(None) };
        Self::of(self.rules, &self.path(name), value).map(Some)
    }

    /// One of these words.
    pub(crate) fn one_of(
        &mut self,
        name: &str,
        words: &[&str],
    ) -> Result<Option<&'v str>, Refused> {
        match self.text(name)? {
            Some(word) if !words.contains(&word) => {
                Err(self.wrong(name, &format!("should be one of {}", words.join(", "))))
            }
            word => Ok(word),
        }
    }

    /// Takes members that say nothing here.
    pub(crate) fn skip(&mut self, names: &[&str]) {
        for name in names {
            self.take(name);
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
            || (self.rules == Rules::Gemini && self.members.contains_key(&snake(name)))
    }

    /// Where a member stands.
    pub(crate) fn path(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at) }
    }

    pub(crate) fn wrong(&self, name: &str, what: &str) -> Refused {
        wrong(self.rules, &self.path(name), what)
    }

    /// Refuses what nobody took.
    pub(crate) fn end(self) -> Result<(), Refused> {
        let Some(name) = self.members.keys().find(|name| !self.taken.contains(&name.as_str()))
        else {
            return Ok(());
        };
        Err(match self.rules {
            Rules::Anthropic => {
                refused(format!("{}: Extra inputs are not permitted", self.path(name)), None)
            }
            Rules::Gemini => {
                let at =
                    if self.at.is_empty() { String::new() } else { format!(" at '{}'", self.at) };
                let what = format!(
                    "Invalid JSON payload received. Unknown name \"{name}\"{at}: Cannot find field."
                );
                refused(what, None)
            }
        })
    }

    fn as_kind<T>(
        &mut self,
        name: &str,
        what: &str,
        read: impl FnOnce(&'v Value) -> Option<T>,
    ) -> Result<Option<T>, Refused> {
        let Some(value) = self.take(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| self.wrong(name, what))
    }
}

fn wrong(rules: Rules, at: &str, what: &str) -> Refused {
    let at = if at.is_empty() { "the body" } else { at };
    match rules {
        Rules::Anthropic => refused(format!("{at}: {what}"), None),
        Rules::Gemini => refused(format!("Invalid value at '{at}': {what}"), None),
    }
}

fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
