//! Words that name nothing: whoever reaches for one has not yet found the thing's name.
//!
//! Only what we name is judged (definitions, bindings, fields, files), not what others named and
//! we use, such as `std::process`.

use crate::source::{Complaint, Source, Word};

const WORDS: [&str; 14] = [
    "manager", "handler", "helper", "helpers", "util", "utils", "common", "core", "inner", "data",
    "info", "ctx", "service", "process",
];
/// What comes before a name that is being given.
const GIVERS: [&str; 13] = [
    "fn", "struct", "enum", "union", "trait", "type", "mod", "const", "static", "let", "mut",
    "ref", "for",
];
/// Names that are not ours to choose: where, which, and whose they are.
const GIVEN: [(&str, &str, &str); 2] = [
    ("shared/wire/src/sse", "data", "the field's name in the specification of event streams"),
    ("deploy/src/settings", "data", "the configuration's key for the data port"),
];

pub(crate) fn check(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for part in source.path.trim_end_matches(".rs").split('/') {
        if WORDS.contains(&part) {
            complaints.push(source.complain(1, format!("a file or folder called `{part}`")));
        }
    }
    for word in source.words() {
        let lower = word.text.to_ascii_lowercase();
        let given =
            || GIVEN.iter().any(|(at, name, _)| source.path.starts_with(at) && *name == lower);
        if WORDS.contains(&lower.as_str()) && is_naming(word) && !given() {
            let line = source.line_of(word.at);
            complaints.push(source.complain(line, format!("`{}` names nothing", word.text)));
        }
    }
    complaints
}

/// Whether the word is a name being given here. A variable `core` is a CPU core, and may be.
fn is_naming(word: Word<'_>) -> bool {
    let giver = GIVERS.iter().find(|giver| word.follows(giver));
    let after = word.after();
    let annotated = after.starts_with(':') && !after.starts_with("::");
    let in_list = word.before().ends_with(['(', ',', '{', '|', ']']) || word.follows("pub");
    let closure = word.before().ends_with('|') && after.starts_with(['|', ',']);
    if word.text == "core" {
        return matches!(giver, Some(&"fn" | &"mod" | &"struct" | &"trait"));
    }
    giver.is_some() || (annotated && in_list) || closure
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        check(&Source::rust("dataplane/src/pool.rs", text)).len()
    }

    #[test]
    fn refused_names_are_found_where_they_are_given() {
        for text in [
            "struct Manager;",
            "fn process() {}",
            "mod util;",
            "struct A { pub inner: u8 }",
            "fn f(ctx: &A) {}",
            "fn f() { let mut data = 1; }",
            "fn f() { a.map(|info| info); }",
            "mod core;",
        ] {
            assert_eq!(count(text), 1, "{text}");
        }
        assert_eq!(check(&Source::rust("wire/src/common/a.rs", "")).len(), 1);
    }

    #[test]
    fn names_of_others_are_left_alone() {
        for text in [
            "fn f() { std::process::exit(1) }",
            "use tower::service;",
            "fn f() { frame.data }",
            "fn f() { let core = 3; }",
            "fn f() { into_inner() } // data: none",
        ] {
            assert_eq!(count(text), 0, "{text}");
        }
    }
}
