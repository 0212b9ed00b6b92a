//! The admin API's JSON as people read it: tables of many, lines of one.
//!
//! Invariants: amounts are shown digit by digit as the server wrote them; what a customer named
//! cannot move the cursor of the operator's terminal.

use serde_json::Value;

/// A column: its title, and the path of its value.
pub type Column = (&'static str, &'static str);

/// One of each: a line for every value that is there.
pub fn lines(of: &Value, columns: &[Column]) -> String {
    let width = columns.iter().map(|(title, _)| title.len()).max().unwrap_or(0);
    let present = columns.iter().filter_map(|(title, path)| {
        let value = of.pointer(path).filter(|value| !value.is_null())?;
        Some(format!("{title:width$}  {}", text(value)))
    });
    present.collect::<Vec<_>>().join("\n")
}

/// Many: a line for each, amounts and counts to the right.
pub fn table(of: &[Value], columns: &[Column]) -> String {
    let cell = |row: &Value, path: &str| row.pointer(path).map_or_else(|| "-".to_owned(), text);
    let mut rows = vec![columns.iter().map(|(title, _)| (*title).to_owned()).collect::<Vec<_>>()];
    rows.extend(of.iter().map(|row| columns.iter().map(|(_, path)| cell(row, path)).collect()));
    let widths = (0..columns.len()).map(|at| {
        let cells = rows.iter().map(|row| row[at].chars().count());
        let is_number = |row: &Vec<String>| row[at] == "-" || row[at].parse::<f64>().is_ok();
        (cells.max().unwrap_or(0), rows.len() > 1 && rows[1..].iter().all(is_number))
    });
    let widths: Vec<(usize, bool)> = widths.collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, (width, to_the_right))| {
            if *to_the_right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A value in a line.
pub fn text(value: &Value) -> String {
    let shown = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    shown.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COLUMNS: [Column; 3] = [("name", "/name"), ("left", "/money/left"), ("note", "/note")];

    #[test]
    fn a_table_is_aligned_and_amounts_stand_to_the_right() {
        let rows = [
            json!({"name": "a", "money": {"left": "0.1"}, "note": null}),
            json!({"name": "long", "money": {"left": "12.25"}}),
        ];
        let expected = "name   left  note\na       0.1     -\nlong  12.25     -";
        assert_eq!(table(&rows, &COLUMNS), expected);
        assert_eq!(table(&[], &COLUMNS), "name  left  note");
    }

    #[test]
    fn lines_leave_out_what_is_not_there() {
        let one = json!({"name": "x", "note": ["a", "b"]});
        assert_eq!(lines(&one, &COLUMNS), "name  x\nnote  a, b");
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(text(&json!("a\u{1b}[2Jb\n")), "a\u{fffd}[2Jb\u{fffd}");
    }
}
