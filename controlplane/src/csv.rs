//! Fields of CSV (RFC 4180), safe to open in a spreadsheet.
//!
//! Invariant: no field is a formula: text that a spreadsheet would calculate gets a quote in front.
//! Plain decimals are left as they are, minus sign included, so that amounts stay numbers.

use units::Usd;

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A field, quoted where it must be.
pub fn field(text: &str) -> String {
    let is_formula = text.starts_with(FORMULA) && text.parse::<Usd>().is_err();
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// A line of fields, with its end.
pub fn line<T: AsRef<str>>(fields: impl IntoIterator<Item = T>) -> String {
    let fields: Vec<String> = fields.into_iter().map(|text| field(text.as_ref())).collect();
    fields.join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_quoted_where_it_must_be() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"no\"\n", "\"say \"\"no\"\"\n\""),
            ("", ""),
        ] {
            assert_eq!(field(text), expected);
        }
        assert_eq!(line(["a", "b,c"]), "a,\"b,c\"\r\n");
    }

    #[test]
    fn nothing_is_a_formula() {
        for text in ["=1+1", "+1", "-1-1", "@SUM(A1)", "\tx", "\r=1", "=cmd|' /C calc'!A0"] {
            assert!(field(text).trim_start_matches('"').starts_with('\''), "{text}");
        }
        assert_eq!((field("-0.5"), field("12")), ("-0.5".into(), "12".into()));
    }
}
