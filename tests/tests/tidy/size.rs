//! Small files, small functions, short lines: what fits a screen is read.

use crate::source::{Complaint, Source};
use crate::tree::Tree;

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_CHARS_MAX: usize = 100;
/// Characters of code around a literal that may make a test's line long.
const RECORDED_CODE_MAX: usize = 40;
/// Nearly all functions are below this; one in twenty may be longer.
const FUNCTION_LINES_USUAL: usize = 40;
const LONGER_PERCENT_MAX: usize = 5;

pub(crate) fn check(source: &Source) -> Vec<Complaint> {
    let mut complaints = check_lines(source);
    for function in source.functions() {
        if function.lines > FUNCTION_LINES_MAX {
            let (name, lines) = (function.name, function.lines);
            let what = format!("`{name}` has {lines} lines, at most {FUNCTION_LINES_MAX}");
            complaints.push(source.complain(function.line, what));
        }
    }
    complaints
}

/// The rules that hold in any language.
pub(crate) fn check_lines(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let count = source.text.lines().count();
    if count > FILE_LINES_MAX {
        let what = format!("{count} lines, at most {FILE_LINES_MAX}: is it two rooms?");
        complaints.push(source.complain(count, what));
    }
    for (number, line) in source.text.lines().enumerate() {
        let chars = line.chars().count();
        if chars > LINE_CHARS_MAX && !is_recorded(source, number + 1) {
            let what = format!("{chars} characters, at most {LINE_CHARS_MAX}");
            complaints.push(source.complain(number + 1, what));
        }
    }
    complaints
}

/// Whether a test's line is nearly all literal: bytes as they were seen are not broken up.
fn is_recorded(source: &Source, line: usize) -> bool {
    let code = source.code.lines().nth(line - 1).unwrap_or_default();
    let chars = code.chars().filter(|c| !c.is_whitespace()).count();
    let text = source.text.lines().nth(line - 1).unwrap_or_default().trim_start();
    source.is_test(line)
        && chars <= RECORDED_CODE_MAX
        && !code.is_empty()
        && !text.starts_with("//")
}

/// That 95 of 100 functions are short; names those that are not when too many are.
pub(crate) fn check_spread(tree: &Tree) -> Vec<Complaint> {
    let mut longer = Vec::new();
    let mut count = 0;
    for source in tree.rust() {
        for function in source.functions() {
            count += 1;
            if function.lines > FUNCTION_LINES_USUAL {
                let what = format!("`{}` has {} lines", function.name, function.lines);
                longer.push(source.complain(function.line, what));
            }
        }
    }
    if longer.len() * 100 <= count * LONGER_PERCENT_MAX { Vec::new() } else { longer }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize) -> String {
        format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines - 2))
    }

    #[test]
    fn a_long_function_file_or_line_is_found() {
        assert!(check(&Source::rust("a.rs", &function(70))).is_empty());
        assert_eq!(check(&Source::rust("a.rs", &function(71)))[0].place, "a.rs:1");
        assert_eq!(check_lines(&Source::plain("a.py", &"x\n".repeat(401))).len(), 1);
        assert!(check_lines(&Source::plain("a.py", &"é".repeat(100))).is_empty());
        assert_eq!(check_lines(&Source::plain("a.py", &"x".repeat(101))).len(), 1);
        let recorded = format!("let x = r#\"{}\"#;", "x".repeat(100));
        assert_eq!(check_lines(&Source::rust("src/a.rs", &recorded)).len(), 1);
        assert!(check_lines(&Source::rust("src/a/tests.rs", &recorded)).is_empty());
    }

    #[test]
    fn too_many_longish_functions_are_named() {
        let short = function(3).repeat(19);
        let with = |longer: usize| {
            check_spread(&Tree::of(&[("a.rs", &(short.clone() + &function(41).repeat(longer)))]))
        };
        assert_eq!(with(1).len(), 0);
        assert_eq!(with(2).len(), 2);
    }
}
