//! Literals as examples write them: JSON, JavaScript objects, Python arguments, read as JSON.
//!
//! A name that stands for a value (`row`, `process.env.KEY`) is read as its own text, `...` as
//! nothing. Left out on purpose: expressions, escapes beyond those of JSON.

use serde_json::{Map, Value};

/// A value at the beginning of a text, and how many bytes it has.
pub(crate) fn value(text: &str) -> Option<(Value, usize)> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value()?;
    Some((value, reader.at))
}

/// Members without their braces, such as `"routing": {…}`, up to where they end.
pub(crate) fn members(text: &str) -> Option<(Value, usize)> {
    let mut reader = Reader { text, at: 0 };
    let members = reader.members(None, ':')?;
    Some((Value::Object(members), reader.at))
}

/// The arguments of a call, from its opening bracket on: one object, or named ones.
pub(crate) fn arguments(text: &str) -> Option<(Value, usize)> {
    let mut reader = Reader { text, at: 0 };
    if !reader.eat("(") {
        return None;
    }
    reader.skip();
    let value = if reader.rest().starts_with('{') {
        let value = reader.value()?;
        reader.eat(",");
        reader.eat(")").then_some(value)?
    } else {
        Value::Object(reader.members(Some(")"), '=')?)
    };
    Some((value, reader.at))
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// Passes spaces and comments.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let spaces = rest.len() - rest.trim_start().len();
            self.at += spaces;
            let is_comment = self.rest().starts_with("//") || self.rest().starts_with('#');
            if is_comment {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
            } else if spaces == 0 {
                return;
            }
        }
    }

    fn eat(&mut self, token: &str) -> bool {
        self.skip();
        let is_there = self.rest().starts_with(token);
        self.at += if is_there { token.len() } else { 0 };
        is_there
    }

    fn value(&mut self) -> Option<Value> {
        self.skip();
        match self.rest().chars().next()? {
            '{' => {
                self.at += 1;
                Some(Value::Object(self.members(Some("}"), ':')?))
            }
            '[' => self.list(),
            '"' | '\'' => Some(Value::String(self.text()?)),
            first if first.is_ascii_digit() || first == '-' => self.number(),
            _ => match self.name()? {
                "true" | "True" => Some(Value::Bool(true)),
                "false" | "False" => Some(Value::Bool(false)),
                "null" | "None" => Some(Value::Null),
                name => Some(Value::String(name.to_owned())),
            },
        }
    }

    fn list(&mut self) -> Option<Value> {
        self.at += 1;
        let mut list = Vec::new();
        while !self.eat("]") {
            if !self.eat("...") {
                list.push(self.value()?);
            }
            if !self.eat(",") {
                return self.eat("]").then_some(Value::Array(list));
            }
        }
        Some(Value::Array(list))
    }

    /// Members up to `end`, or as long as they are parted by commas.
    fn members(&mut self, end: Option<&str>, between: char) -> Option<Map<String, Value>> {
        let mut members = Map::new();
        while !end.is_some_and(|end| self.eat(end)) {
            self.skip();
            let is_quoted = self.rest().starts_with(['"', '\'']);
            let key = if is_quoted { self.text()? } else { self.name()?.to_owned() };
            if !self.eat(between.encode_utf8(&mut [0; 4])) {
                return None;
            }
            members.insert(key, self.value()?);
            if !self.eat(",") {
                return end.is_none_or(|end| self.eat(end)).then_some(members);
            }
        }
        Some(members)
    }

    fn text(&mut self) -> Option<String> {
        let quote = self.rest().chars().next()?;
        let inside = &self.rest()[1..];
        let mut escaped = false;
        let end = inside.find(|c| {
            let is_end = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            is_end
        })?;
        self.at += end + 2;
        let json = format!("\"{}\"", inside[..end].replace("\\'", "'"));
        serde_json::from_str(&json).ok()
    }

    fn number(&mut self) -> Option<Value> {
        let is_part = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
        let length = self.rest().find(|c| !is_part(c)).unwrap_or(self.rest().len());
        let number = serde_json::from_str(&self.rest()[..length]).ok()?;
        self.at += length;
        Some(number)
    }

    fn name(&mut self) -> Option<&'t str> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let length = self.rest().find(|c| !is_part(c)).unwrap_or(self.rest().len());
        let name = &self.rest()[..length];
        self.at += length;
        (!name.is_empty()).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn three_languages_read_alike() {
        let wanted =
            json!({ "model": "a/b", "stream": true, "list": [{ "role": "user", "n": 2 }] });
        let json = r#"{"model": "a/b", "stream": true, "list": [{"role": "user", "n": 2}]} end"#;
        let script = "({ model: 'a/b', stream: true, list: [{ role: 'user', n: 2 }], });";
        let python =
            "(\n model=\"a/b\",  # any\n stream=True,\n list=[{'role': 'user', 'n': 2}]\n)";
        assert_eq!(value(json), Some((wanted.clone(), json.len() - 4)));
        assert_eq!(arguments(script), Some((wanted.clone(), script.len() - 1)));
        assert_eq!(arguments(python), Some((wanted, python.len())));
    }

    #[test]
    fn names_stand_for_themselves_and_dots_for_nothing() {
        assert_eq!(
            arguments("({ apiKey: process.env.KEY, list: [...] })").unwrap().0,
            json!({ "apiKey": "process.env.KEY", "list": [] })
        );
        let text = "\"routing\": { \"currency\": \"USD\" }\n\nNext";
        assert_eq!(members(text).unwrap().0, json!({ "routing": { "currency": "USD" } }));
        assert_eq!(value("{ a: 1"), None);
        assert_eq!(arguments("(a, b)"), None);
    }
}
