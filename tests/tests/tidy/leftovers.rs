//! Nothing half done: no marks for later, no debug prints, no panics waiting outside tests.

use crate::source::{Complaint, Source};

/// Macros that stand for work not done.
const MACROS: [&str; 3] = ["todo", "unimplemented", "dbg"];
/// Calls that panic; allowed outside tests only beside a comment that says why they cannot.
const PANICS: [&str; 4] = ["unwrap", "expect", "unwrap_err", "expect_err"];

/// Macros that panic where their stream takes nothing, as with a full disk behind it.
const PRINTS: [&str; 4] = ["print", "println", "eprint", "eprintln"];

pub(crate) fn check(source: &Source) -> Vec<Complaint> {
    let mut complaints = marks(source);
    for word in source.words() {
        let line = source.line_of(word.at);
        if MACROS.contains(&word.text) && word.after().starts_with('!') {
            complaints.push(source.complain(line, format!("`{}!`", word.text)));
        }
        let prints = PRINTS.contains(&word.text) && word.after().starts_with('!');
        if prints && !source.is_test(line) && is_shipped(source) {
            let what = format!("`{}!`, which a full disk makes a panic: see `notice`", word.text);
            complaints.push(source.complain(line, what));
        }
        let is_call = word.before().ends_with('.') && word.after().starts_with('(');
        let excused = || source.is_test(line) || has_comment(source, line);
        if PANICS.contains(&word.text) && is_call && !excused() {
            let what = format!("`{}` outside tests, without its reason on the line", word.text);
            complaints.push(source.complain(line, what));
        }
    }
    complaints
}

/// Whether it is a part of what runs at an operator's.
fn is_shipped(source: &Source) -> bool {
    !source.for_tests && !source.path.starts_with("tests/") && !source.path.starts_with("benches/")
}

fn marks(source: &Source) -> Vec<Complaint> {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let lines = source.text.lines().enumerate();
    let marked = lines.filter(|(_, line)| {
        line.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| marks.contains(&word))
    });
    marked.map(|(number, _)| source.complain(number + 1, "a mark for later")).collect()
}

fn has_comment(source: &Source, line: usize) -> bool {
    let nth = |text: &str| text.lines().nth(line - 1).unwrap_or_default().trim_end().to_owned();
    nth(&source.text).rfind("//").is_some_and(|at| nth(&source.code).len() <= at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_found_and_excuses_are_heard() {
        let count = |text: &str| check(&Source::rust("wire/src/a.rs", text)).len();
        assert_eq!(count(concat!("// TO", "DO later")), 1);
        assert_eq!(count(concat!("fn f() { to", "do!() }")), 1);
        assert_eq!(count("fn f() { x.unwrap(); }"), 1);
        assert_eq!(count("fn f() { x.expect(\"// no comment\"); }"), 1);
        assert_eq!(count("fn f() { x.unwrap(); // x was checked above\n}"), 0);
        assert_eq!(count("#[test]\nfn f() { x.unwrap(); }"), 0);
        assert_eq!(count("fn f() { x.unwrap_or_default(); self.expect = 1; }"), 0);
        assert_eq!(count("fn f() { eprintln!(); }"), 1);
        assert_eq!(count("#[test]\nfn f() { eprintln!(); }"), 0);
        let of_a_tool = Source::rust("benches/load/a.rs", "fn f() { println!(); }");
        assert_eq!(check(&of_a_tool).len(), 0);
    }
}
