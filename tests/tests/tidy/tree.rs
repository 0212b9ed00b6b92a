//! The files that are ours: everything below the root but build output, installed packages and
//! what a run leaves behind.

use std::fs;
use std::path::{Path, PathBuf};

use crate::source::{Complaint, Source};

/// Folders that hold nothing of ours, by name.
const FOREIGN: [&str; 7] =
    ["target", ".git", "node_modules", ".venv", "__pycache__", ".pytest_cache", "tollgate-data"];
/// Endings of files that are text.
const TEXT: [&str; 12] =
    ["rs", "toml", "md", "py", "mjs", "js", "json", "sh", "txt", "service", "css", "html"];

/// The tree, read once.
pub(crate) struct Tree {
    root: PathBuf,
    rust: Vec<Source>,
    other: Vec<Source>,
    /// Every path from the root, files and folders, sorted.
    pub(crate) paths: Vec<String>,
}

impl Tree {
    pub(crate) fn load() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
        let mut tree = Self { root, rust: Vec::new(), other: Vec::new(), paths: Vec::new() };
        tree.walk("");
        tree.finish()
    }

    /// A tree that exists only for a rule's own test.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let root = PathBuf::from("does-not-exist");
        let mut tree = Self { root, rust: Vec::new(), other: Vec::new(), paths: Vec::new() };
        for (path, text) in files {
            tree.add(path, text);
            tree.paths.extend(path.match_indices('/').map(|(at, _)| path[..at].to_owned()));
        }
        tree.finish()
    }

    /// Sorts the paths, and marks the files that only a `#[cfg(test)] mod` reaches.
    fn finish(mut self) -> Self {
        self.paths.sort();
        self.paths.dedup();
        let declared = |source: &Source| -> Vec<String> {
            let names = source.modules().filter(|(_, for_tests)| *for_tests);
            names.map(|(name, _)| format!("{}/{name}", source.module_folder())).collect()
        };
        let tests: Vec<String> = self.rust.iter().flat_map(declared).collect();
        for source in &mut self.rust {
            let path = source.path.trim_end_matches(".rs");
            let is_below = |test: &String| {
                path.strip_prefix(test.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            source.for_tests |= tests.iter().any(is_below);
        }
        self
    }

    pub(crate) fn rust(&self) -> &[Source] {
        &self.rust
    }

    pub(crate) fn each_rust(&self, rule: fn(&Source) -> Vec<Complaint>) -> Vec<Complaint> {
        self.rust.iter().flat_map(rule).collect()
    }

    pub(crate) fn each_script(&self, rule: fn(&Source) -> Vec<Complaint>) -> Vec<Complaint> {
        let is_script = |source: &&Source| {
            let name = source.path.rsplit('/').next().unwrap_or_default();
            [".py", ".mjs", ".js", ".sh"].iter().any(|end| name.ends_with(end)) || name == "run"
        };
        self.other.iter().filter(is_script).flat_map(rule).collect()
    }

    pub(crate) fn each_text(&self, rule: fn(&Source) -> Vec<Complaint>) -> Vec<Complaint> {
        self.rust.iter().chain(&self.other).flat_map(rule).collect()
    }

    /// A file's text; empty if there is no such file.
    pub(crate) fn read(&self, path: &str) -> String {
        let all = self.rust.iter().chain(&self.other);
        all.into_iter().find(|source| source.path == path).map_or_else(
            || fs::read_to_string(self.root.join(path)).unwrap_or_default(),
            |source| source.text.clone(),
        )
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.paths.iter().any(|known| known == path)
    }

    /// Whether the file may be run.
    pub(crate) fn is_executable(&self, path: &str) -> bool {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(self.root.join(path)).is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0)
    }

    fn walk(&mut self, folder: &str) {
        let entries = fs::read_dir(self.root.join(folder)).unwrap();
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            if FOREIGN.contains(&name.as_str()) {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                self.paths.push(path.clone());
                self.walk(&path);
            } else if let Ok(text) = fs::read_to_string(entry.path()) {
                self.add(&path, &text);
            } else {
                self.paths.push(path);
            }
        }
    }

    fn add(&mut self, path: &str, text: &str) {
        self.paths.push(path.to_owned());
        let (name, end) = (path.rsplit('/').next().unwrap(), path.rsplit('.').next().unwrap());
        if end == "rs" {
            self.rust.push(Source::rust(path, text));
        } else if TEXT.contains(&end) || ["run", "tidy"].contains(&name) {
            self.other.push(Source::plain(path, text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_tests_compile_is_marked() {
        let tree = Tree::of(&[
            ("a/src/lib.rs", "mod books;"),
            ("a/src/books.rs", "mod fold;\n#[cfg(test)]\nmod model;"),
            ("a/src/books/fold.rs", "mod model;"),
            ("a/src/books/model.rs", "mod plane;"),
            ("a/src/books/model/plane.rs", ""),
        ]);
        let marked: Vec<bool> = tree.rust().iter().map(|source| source.for_tests).collect();
        assert_eq!(marked, [false, false, false, true, true]);
    }
}
