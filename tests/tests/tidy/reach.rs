//! No file that nothing imports: every module is reached from the root of its crate.

use std::collections::BTreeSet;

use toml::{Table, Value};

use crate::source::Complaint;
use crate::tree::Tree;

pub(crate) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<(String, String)> = roots(tree);
    while let Some((path, folder)) = open.pop() {
        let source = tree.rust().iter().find(|source| source.path == path);
        let Some(source) = source.filter(|_| reached.insert(path)) else {
            continue;
        };
        open.extend(source.modules().flat_map(|(name, _)| places_of(&folder, name)));
    }
    let lost = tree.rust().iter().filter(|source| !reached.contains(&source.path));
    lost.map(|source| source.complain(1, "no crate reaches this file")).collect()
}

/// Each crate root, and the folder in which its modules stand.
fn roots(tree: &Tree) -> Vec<(String, String)> {
    let manifests = tree.paths.iter().filter(|path| path.ends_with("/Cargo.toml"));
    let folders = manifests.map(|path| path.trim_end_matches("/Cargo.toml"));
    folders.flat_map(|folder| crate_roots(tree, folder)).collect()
}

fn crate_roots(tree: &Tree, folder: &str) -> Vec<(String, String)> {
    let named = named_targets(&tree.read(&format!("{folder}/Cargo.toml")), folder);
    let is_root = |path: &str| {
        let Some(inside) = path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')) else {
            return false;
        };
        let parts: Vec<&str> = inside.split('/').collect();
        match parts[..] {
            ["build.rs"] | ["src", "lib.rs" | "main.rs"] => true,
            ["src", "bin", _] | ["src", "bin", _, "main.rs"] => true,
            ["tests" | "benches" | "examples", _] => true,
            ["tests" | "benches" | "examples", _, "main.rs"] => true,
            _ => named.iter().any(|target| target == path),
        }
    };
    let paths = tree.paths.iter().filter(|path| path.ends_with(".rs") && is_root(path));
    paths.map(|path| (path.clone(), folder_of(path))).collect()
}

/// The targets whose path a manifest spells out.
fn named_targets(manifest: &str, folder: &str) -> Vec<String> {
    let manifest = manifest.parse::<Table>().unwrap_or_default();
    let tables =
        ["bin", "bench", "test", "example"].into_iter().filter_map(|kind| manifest.get(kind));
    let targets = tables.filter_map(Value::as_array).flatten();
    let paths = targets.filter_map(|target| target.get("path").and_then(Value::as_str));
    paths.map(|path| format!("{folder}/{path}")).collect()
}

/// Where a module may stand, with the folder of its own modules.
fn places_of(folder: &str, name: &str) -> [(String, String); 2] {
    let own = format!("{folder}/{name}");
    [(format!("{own}.rs"), own.clone()), (format!("{own}/mod.rs"), own)]
}

fn folder_of(path: &str) -> String {
    path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_nothing_imports_is_found() {
        let complaints = check(&Tree::of(&[
            ("a/Cargo.toml", "[[bin]]\nname = \"load\"\npath = \"load/main.rs\""),
            ("a/src/lib.rs", "mod one;\nmod two;\n// mod lost;"),
            ("a/src/one.rs", "mod deep;"),
            ("a/src/one/deep.rs", ""),
            ("a/src/two/mod.rs", ""),
            ("a/src/lost.rs", ""),
            ("a/load/main.rs", "mod driver;"),
            ("a/load/driver.rs", ""),
            ("a/load/stray.rs", ""),
            ("a/tests/outside.rs", ""),
        ]));
        let places: Vec<&str> = complaints.iter().map(|found| found.place.as_str()).collect();
        assert_eq!(places, ["a/src/lost.rs:1", "a/load/stray.rs:1"]);
    }
}
