//! Reading CSV as RFC 4180 has it: commas, quotes doubled inside quotes, lines of either ending.
//!
//! Left out on purpose: other separators and guessing; a file that is something else is said to be.

/// Why a text is not CSV.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The line, from one.
    pub line: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// The records of a text, each with the line that it begins on; empty lines are passed over.
pub fn records(text: &str) -> Result<Vec<(usize, Vec<String>)>, Broken> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut records = Vec::new();
    let mut reading = Reading { rest: text, line: 1 };
    while !reading.rest.is_empty() {
        let line = reading.line;
        let record = reading.record()?;
        if record.len() > 1 || !record[0].is_empty() {
            records.push((line, record));
        }
    }
    Ok(records)
}

struct Reading<'t> {
    rest: &'t str,
    line: usize,
}

impl Reading<'_> {
    fn record(&mut self) -> Result<Vec<String>, Broken> {
        let mut fields = Vec::new();
        loop {
            let field = if self.take("\"") { self.quoted()? } else { self.plain() };
            fields.push(field);
            if self.take(",") {
                continue;
            }
            let is_end = self.take("\r\n") || self.take("\n") || self.rest.is_empty();
            self.line += 1;
            return if is_end { Ok(fields) } else { Err(self.broken("text behind a quote")) };
        }
    }

    fn plain(&mut self) -> String {
        let end = self.rest.find([',', '\n']).unwrap_or(self.rest.len());
        let (field, rest) = self.rest.split_at(end);
        let field_end = if rest.starts_with('\n') { field.strip_suffix('\r') } else { None };
        let field = field_end.unwrap_or(field);
        self.rest = &self.rest[field.len()..];
        field.trim().to_owned()
    }

    fn quoted(&mut self) -> Result<String, Broken> {
        let mut field = String::new();
        loop {
            let Some(end) = self.rest.find('"') else { return Err(self.broken("an open quote")) };
            field.push_str(&self.rest[..end]);
            self.rest = &self.rest[end + 1..];
            if !self.take("\"") {
                self.line += field.matches('\n').count();
                return Ok(field);
            }
            field.push('"');
        }
    }

    fn take(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    const fn broken(&self, what: &'static str) -> Broken {
        Broken { line: self.line, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_commas_and_line_ends_are_read_as_the_standard_has_them() {
        let text = "\u{feff}a, b ,c\r\n\"x,\"\"y\"\"\",\"two\nlines\",\r\n\n1,2,3";
        let expected = [
            (1, vec!["a", "b", "c"]),
            (2, vec!["x,\"y\"", "two\nlines", ""]),
            (5, vec!["1", "2", "3"]),
        ];
        let read = records(text).unwrap();
        let read: Vec<(usize, Vec<&str>)> = read
            .iter()
            .map(|(line, fields)| (*line, fields.iter().map(String::as_str).collect()))
            .collect();
        assert_eq!(read, expected);
        assert_eq!(records("a\n\"b").unwrap_err().line, 2);
        assert_eq!(records("\"a\"b,c").unwrap_err().what, "text behind a quote");
        assert_eq!(records(""), Ok(vec![]));
    }
}
