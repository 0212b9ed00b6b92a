//! The copy of the sources that mutants are written into.
//!
//! Invariant: a file is written only where it differs, so that building again is quick; and what is
//! written is newer than anything built before, however coarse the clock of the file system.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::Failure;
use super::table::Mutant;

/// What the simulation is built from.
const FOLDERS: [&str; 6] = [
    "shared/units",
    "shared/catalog",
    "shared/ledger",
    "shared/journal",
    "shared/link",
    "tests/simulation",
];

/// The profile that mutants are built with: quick to build before quick to run.
const PROFILE: &str = "\n[profile.mutants]\ninherits = \"simulation\"\nopt-level = 1\n";

/// A small workspace below `target`.
pub(crate) struct Copy {
    root: PathBuf,
    folder: PathBuf,
}

impl Copy {
    /// Brings the copy up to date.
    pub(crate) fn make() -> Result<Self, Failure> {
        let root = root().canonicalize()?;
        let folder = root.join("target/mutants/tree");
        let copy = Self { root, folder };
        for folder in FOLDERS {
            copy.bring(Path::new(folder))?;
        }
        let manifest = fs::read_to_string(copy.root.join("Cargo.toml"))?;
        copy.write(Path::new("Cargo.toml"), &small_workspace(&manifest)?)?;
        let lock = fs::read_to_string(copy.root.join("Cargo.lock"))?;
        if !copy.folder.join("Cargo.lock").exists() {
            copy.write(Path::new("Cargo.lock"), &lock)?;
        }
        Ok(copy)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn target(&self) -> PathBuf {
        self.root.join("target/mutants/build")
    }

    /// Writes a mutant.
    pub(crate) fn apply(&self, mutant: &Mutant) -> Result<(), Failure> {
        let text = fs::read_to_string(self.root.join(mutant.file))?;
        let mutated = text.replacen(mutant.find, mutant.replace, 1);
        self.write(Path::new(mutant.file), &mutated)?;
        Ok(())
    }

    /// Takes it back.
    pub(crate) fn restore(&self, mutant: &Mutant) -> Result<(), Failure> {
        let text = fs::read_to_string(self.root.join(mutant.file))?;
        self.write(Path::new(mutant.file), &text)?;
        Ok(())
    }

    /// Copies what differs, and removes what is not there any more.
    fn bring(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(self.folder.join(folder))?;
        for entry in fs::read_dir(self.folder.join(folder))? {
            let entry = entry?;
            if !self.root.join(folder).join(entry.file_name()).exists() {
                let path = entry.path();
                if path.is_dir() { fs::remove_dir_all(path)? } else { fs::remove_file(path)? }
            }
        }
        for entry in fs::read_dir(self.root.join(folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.bring(&path)?;
            } else if let Ok(text) = fs::read_to_string(entry.path()) {
                self.write(&path, &text)?;
            }
        }
        Ok(())
    }

    fn write(&self, path: &Path, text: &str) -> io::Result<()> {
        let path = self.folder.join(path);
        if fs::read_to_string(&path).is_ok_and(|there| there == text) {
            return Ok(());
        }
        fs::write(&path, text)?;
        let file = fs::File::options().write(true).open(&path)?;
        file.set_modified(SystemTime::now() + Duration::from_secs(2))
    }
}

/// The tree that is copied.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// That a mutant's text is there, once.
pub(crate) fn check(root: &Path, mutant: &Mutant) -> Result<(), Failure> {
    let Mutant { name, file, find, .. } = mutant;
    let text = fs::read_to_string(root.join(file))?;
    let count = text.matches(find).count();
    let told = "bring the mutant up to date with the code";
    let wrong = || format!("`{name}`: {file} holds its text {count} times, {told}:\n{find}");
    if count == 1 { Ok(()) } else { Err(wrong().into()) }
}

/// The workspace's manifest with the copied members only.
fn small_workspace(manifest: &str) -> Result<String, Failure> {
    let (before, rest) = manifest.split_once("members = [").ok_or("there are no members")?;
    let (_, after) = rest.split_once(']').ok_or("the members have no end")?;
    let after = after.replace("default-members = [\"deploy\"]\n", "");
    let members: Vec<String> = FOLDERS.iter().map(|folder| format!("    {folder:?},\n")).collect();
    Ok(format!("{before}members = [\n{}]{after}{PROFILE}", members.concat()))
}
