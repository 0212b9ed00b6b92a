//! Small files of a data plane that are there whole or not at all.
//!
//! Purpose: what a start needs when the control plane is away. Layout: the SHA-256 of the content,
//! then the content. Invariants: a file is replaced by renaming a synced one over it, and the
//! directory is synced after; content that does not match its sum is never used.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Bytes of the sum before the content.
pub const SUM_BYTES: usize = 32;

/// The sum of some content.
pub fn sum(content: &[u8]) -> [u8; SUM_BYTES] {
    Sha256::digest(content).into()
}

/// Replaces a file. Durable when it returns.
///
/// # Errors
/// The disk's; the file is then what it was.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let unfinished = path.with_extension("unfinished");
    let mut file = File::create(&unfinished)?;
    file.write_all(&sum(content))?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(unfinished, path)?;
    File::open(folder)?.sync_all()
}

/// Reads a file; `None` where there is none.
///
/// # Errors
/// The disk's; `InvalidData` if the content is not what was written.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => match bytes.split_first_chunk::<SUM_BYTES>() {
            Some((told, content)) if *told == sum(content) => Ok(Some(content.to_vec())),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "its content is damaged")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The mark of a data directory: made once, and kept.
///
/// # Errors
/// The disk's; `InvalidData` if the file is damaged.
pub fn mark(path: &Path) -> io::Result<u64> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "it is not a directory's mark");
    if let Some(content) = read(path)? {
        let bytes = <[u8; 8]>::try_from(content.as_slice()).map_err(|_| damaged())?;
        return Ok(u64::from_le_bytes(bytes));
    }
    // Zero says that there is none.
    let drawn = draw()? | 1;
    write(path, &drawn.to_le_bytes())?;
    Ok(drawn)
}

/// A number that nobody else draws.
///
/// # Errors
/// The system gives none.
pub fn draw() -> io::Result<u64> {
    let mut bytes = [0; 8];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_is_not_used_and_a_mark_stays() {
        let folder = std::env::temp_dir().join(format!("tollgate-kept-{}", std::process::id()));
        let path = folder.join("mark");
        let made = mark(&path).unwrap();
        assert!(made != 0 && mark(&path).unwrap() == made);
        assert_eq!(read(&folder.join("other")).unwrap(), None);
        let mut bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert_eq!(mark(&path).unwrap_err().kind(), io::ErrorKind::InvalidData, "byte {at}");
            bytes[at] ^= 1;
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
