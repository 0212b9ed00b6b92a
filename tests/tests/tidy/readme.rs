//! The README is run by people who believe it: its commands exist, and its map is the tree's.

use toml::{Table, Value};

use crate::source::Complaint;
use crate::tree::Tree;

const README: &str = "README.md";
const SUBCOMMANDS: [&str; 6] = ["run", "build", "test", "bench", "fmt", "clippy"];
/// Top-level folders that the map need not show.
const UNMAPPED: [&str; 2] = [".ci", ".cargo"];

pub(crate) fn check(tree: &Tree) -> Vec<Complaint> {
    let text = tree.read(README);
    let mut complaints = Vec::new();
    for (number, line) in commands(&text) {
        if let Some(what) = command_fault(tree, line) {
            complaints.push(Complaint { place: format!("{README}:{number}"), what });
        }
    }
    complaints.extend(
        missing(tree, &text).into_iter().map(|what| Complaint { place: README.to_owned(), what }),
    );
    complaints
}

/// The lines of the fenced blocks marked `sh`, with their numbers.
fn commands(text: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        match line.trim() {
            "```sh" => fenced = true,
            "```" => fenced = false,
            command if fenced && !command.is_empty() => found.push((number + 1, command)),
            _ => {}
        }
    }
    found
}

fn command_fault(tree: &Tree, line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["cargo", subcommand, ref rest @ ..] => {
            if !SUBCOMMANDS.contains(&subcommand) {
                return Some(format!("`cargo {subcommand}` is no command of ours"));
            }
            let pairs = rest.windows(2).take_while(|pair| pair[0] != "--");
            pairs.filter_map(|pair| target_fault(tree, pair[0], pair[1])).next()
        }
        [script, ..] if script.starts_with("tests/") || script.starts_with("deploy/") => {
            let runs = tree.has(script) && tree.is_executable(script);
            (!runs).then(|| format!("`{script}` cannot be run"))
        }
        _ => None,
    }
}

/// What is wrong with a target that a cargo command names.
fn target_fault(tree: &Tree, flag: &str, name: &str) -> Option<String> {
    let kind = match flag {
        "-p" | "--package" => "package",
        "--bin" | "--test" | "--bench" => flag.trim_start_matches('-'),
        _ => return None,
    };
    let manifests = tree.paths.iter().filter(|path| path.ends_with("Cargo.toml"));
    let known =
        manifests.filter_map(|path| tree.read(path).parse::<Table>().ok()).any(|manifest| {
            let value = manifest.get(kind);
            let is_named = |table: &Value| table.get("name").and_then(Value::as_str) == Some(name);
            value.is_some_and(|value| match value {
                Value::Array(targets) => targets.iter().any(is_named),
                table => is_named(table),
            })
        });
    let by_place = ["tests", "benches"].iter().any(|folder| {
        tree.paths.iter().any(|path| {
            path.ends_with(&format!("{folder}/{name}.rs"))
                || path.ends_with(&format!("{folder}/{name}/main.rs"))
        })
    });
    let found = known || (kind != "package" && by_place);
    (!found).then(|| format!("there is no {kind} `{name}`"))
}

/// What the README has to hold and does not.
fn missing(tree: &Tree, text: &str) -> Vec<String> {
    let mut missing = Vec::new();
    for command in ["cargo run --release", "tests/run"] {
        if !commands(text).iter().any(|(_, line)| *line == command) {
            missing.push(format!("does not show the command `{command}`"));
        }
    }
    let folders = tree.paths.iter().filter(|path| !path.contains('/') && !path.contains('.'));
    let folders =
        folders.filter(|path| tree.paths.iter().any(|p| p.starts_with(&format!("{path}/"))));
    for folder in folders.filter(|folder| !UNMAPPED.contains(&folder.as_str())) {
        if !text.contains(&format!("{folder}/")) {
            missing.push(format!("its map leaves out `{folder}/`"));
        }
    }
    if !tree.read(".ci/run").contains("tests/run") {
        missing.push("names a test command that .ci/run does not call".to_owned());
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "```sh\ncargo run --release\n```\n\n```sh\ntests/run\n```\n`shared/`";

    fn tree(readme: &'static str) -> Tree {
        Tree::of(&[
            (README, readme),
            (".ci/run", "exec tests/run"),
            ("shared/a/Cargo.toml", "[package]\nname = \"a\"\n[[bin]]\nname = \"load\""),
            ("shared/a/tests/tidy/main.rs", ""),
        ])
    }

    #[test]
    fn a_command_that_does_not_exist_is_found() {
        let fault = |line: &str| command_fault(&tree(""), line).is_some();
        for good in ["cargo run -p a --bin load -- --bin x", "cargo test --test tidy", "curl x"] {
            assert!(!fault(good), "{good}");
        }
        for bad in ["cargo run -p b", "cargo run --bin low", "cargo tidy", "tests/gone"] {
            assert!(fault(bad), "{bad}");
        }
    }

    #[test]
    fn a_readme_that_leaves_something_out_is_found() {
        assert_eq!(missing(&tree(GOOD), GOOD), Vec::<String>::new());
        assert_eq!(missing(&tree(""), "").len(), 3);
    }
}
