//! Every file begins with a head that says what it is for.

use crate::source::{Complaint, Source};

const HEAD_LINES_MAX: usize = 25;
/// Shorter than this, a head only repeats the file's name.
const HEAD_CHARS_MIN: usize = 25;

pub(crate) fn check(source: &Source) -> Vec<Complaint> {
    let head: Vec<&str> =
        source.text.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim).collect();
    let said: usize = head.iter().map(|line| line.chars().count()).sum();
    let stub = head.first().is_some_and(|line| line.to_lowercase().starts_with("placeholder"));
    let what = match head.len() {
        0 => "begins without a `//!` head".to_owned(),
        lines if lines > HEAD_LINES_MAX => {
            format!("{lines} lines of head, at most {HEAD_LINES_MAX}")
        }
        _ if stub || said < HEAD_CHARS_MIN => "its head says nothing".to_owned(),
        _ => return Vec::new(),
    };
    vec![source.complain(1, what)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_empty_or_endless_head_is_found() {
        let count = |text: &str| check(&Source::rust("a.rs", text)).len();
        assert_eq!(count("//! Frames at any byte split, and what ends them.\n\nmod a;"), 0);
        for text in [
            "use std::fs;",
            "\n//! Too late: a blank line comes first, so it is no head.",
            "//! Placeholder head, to be written when there is time.",
            "//! Frames.",
        ] {
            assert_eq!(count(text), 1, "{text}");
        }
        assert_eq!(count(&"//! Line after line after line.\n".repeat(26)), 1);
    }
}
