//! Where a command's product goes: standard output, or a file that appears only when it is whole.
//!
//! Invariants: a file is written beside its name, synced and renamed, so a reader sees the old one
//! or the new one; what is not a plain file (a pipe, a device) is written into, never replaced.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::config::Mistake;

/// A product being written.
pub struct Output {
    sink: BufWriter<Box<dyn Write>>,
    name: String,
    replacing: Option<Replacing>,
}

struct Replacing {
    file: File,
    unfinished: Unfinished,
    path: PathBuf,
}

/// A file that is removed unless it was finished.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It is not there any more when it has got its name.
        let _ = fs::remove_file(&self.0);
    }
}

impl Output {
    /// Opens a file, or standard output.
    ///
    /// # Errors
    /// The file cannot be made there.
    pub fn open(path: Option<&Path>) -> Result<Self, Mistake> {
        let Some(path) = path else {
            let sink = BufWriter::new(Box::new(io::stdout()) as Box<dyn Write>);
            return Ok(Self { sink, name: "standard output".to_owned(), replacing: None });
        };
        let name = path.display().to_string();
        Self::file(path, name.clone())
            .map_err(|fault| Mistake(format!("{name}: cannot be written: {fault}")))
    }

    fn file(path: &Path, name: String) -> io::Result<Self> {
        // A link stays one: what it points to is replaced.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
            let file = File::options().write(true).open(&path)?;
            return Ok(Self { sink: BufWriter::new(Box::new(file)), name, replacing: None });
        }
        let mut beside = path.clone().into_os_string();
        beside.push(format!(".unfinished-{}", std::process::id()));
        let unfinished = Unfinished(PathBuf::from(beside));
        let file = File::create(&unfinished.0)?;
        let sink = BufWriter::new(Box::new(file.try_clone()?) as Box<dyn Write>);
        Ok(Self { sink, name, replacing: Some(Replacing { file, unfinished, path }) })
    }

    /// Writes out what is left and gives the file its name.
    ///
    /// # Errors
    /// The disk's.
    pub fn finish(mut self) -> Result<(), Mistake> {
        let done = self.sink.flush().and_then(|()| match &self.replacing {
            Some(Replacing { file, unfinished, path }) => {
                file.sync_all()?;
                fs::rename(&unfinished.0, path)
            }
            None => Ok(()),
        });
        done.map_err(|fault| self.fault(&fault))
    }

    /// A fault of writing, with the file's name.
    pub fn fault(&self, fault: &io::Error) -> Mistake {
        Mistake(format!("{}: {fault}", self.name))
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_when_it_is_whole_and_not_before() {
        let folder = std::env::temp_dir().join(format!("tollgate-output-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("a.toml");
        fs::write(&path, "old").unwrap();
        let mut output = Output::open(Some(&path)).unwrap();
        output.write_all(b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        output.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");

        drop(Output::open(Some(&path)).unwrap());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "the unfinished one is gone");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert!(Output::open(Some(&folder.join("no/such/folder"))).is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
