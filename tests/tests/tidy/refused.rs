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
/// Where `data` is a name that others gave: the field of an event stream, the rows of a list of the
/// admin API, the configuration's key for the port and for the directory.
const DATA: [&str; 5] = [
    "shared/wire/src/",
    "shared/dialect/src/",
    "dataplane/src/stage/",
    "controlplane/src/",
    "deploy/src/",
];

pub(crate) fn check(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for part in source.path.trim_end_matches(".rs").split('/') {
        if WORDS.contains(&part) {
            complaints.push(source.complain(1, format!("a file or folder called `{part}`")));
        }
    }
    for word in source.words() {
        let line = source.line_of(word.at);
        let named = word.text.to_ascii_lowercase();
        if !WORDS.contains(&named.as_str()) || !is_naming(word) {
            continue;
        }
        let is_given = DATA.iter().any(|place| source.path.starts_with(place));
        if named != "data" || !(is_given || source.is_test(line)) {
            complaints.push(source.complain(line, format!("`{}` names nothing", word.text)));
        }
    }
    complaints
}

/// Whether the word is a name being given here. A `core` may be a CPU's and a `process` the
/// system's: these two are refused only as the name of a module or a trait.
fn is_naming(word: Word<'_>) -> bool {
    let giver = GIVERS.iter().find(|giver| word.follows(giver));
    let after = word.after();
    let annotated = after.starts_with(':') && !after.starts_with("::");
    let in_list = word.before().ends_with(['(', ',', '{', '|', ']']) || word.follows("pub");
    let closure = word.before().ends_with('|') && after.starts_with(['|', ',']);
    if ["core", "process"].contains(&word.text.to_ascii_lowercase().as_str()) {
        return matches!(giver, Some(&"mod" | &"trait"));
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
            "mod process;",
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
            "fn f(process: u32) { let core = 3; }",
            "struct Core(usize);",
            "fn f() { into_inner() } // data: none",
        ] {
            assert_eq!(count(text), 0, "{text}");
        }
    }
}
