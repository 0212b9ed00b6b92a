//! The documents of the services beside the project, and the figures that stand in them.
//!
//! They are read where they lie; where they are not at hand, what needs them is skipped, and says
//! so. A figure is a number that is not part of a name, a path or an example.

use std::fs;
use std::ops::Range;
use std::path::Path;

/// One document.
pub(crate) struct Document {
    /// Its file's name.
    pub(crate) name: String,
    /// What it says.
    pub(crate) text: String,
}

/// All documents, by name; `None` where they are not at hand.
pub(crate) fn all() -> Option<Vec<Document>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/services");
    let Ok(entries) = fs::read_dir(&folder) else {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is missing", folder.display());
        eprintln!("skipped: there are no documents in {}", folder.display());
        return None;
    };
    let mut documents: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let text = fs::read_to_string(&path).expect("a text");
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            Document { name, text }
        })
        .collect();
    documents.sort_by(|a, b| a.name.cmp(&b.name));
    Some(documents)
}

/// Those that tell of a service: they name its host.
pub(crate) fn of_host(host: &str) -> Option<Vec<Document>> {
    let mut documents = all()?;
    let address = format!("https://{host}");
    documents.retain(|document| document.text.contains(&address));
    assert!(!documents.is_empty(), "no document tells of {host}");
    Some(documents)
}

/// Where the figures of a text stand.
pub(crate) fn figures(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let is_part = |at: usize| {
        let is_inside = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
        is_inside(at) || (matches!(bytes.get(at), Some(b'.' | b',')) && is_inside(at + 1))
    };
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let end = (at..bytes.len()).find(|end| !is_part(*end)).unwrap_or(bytes.len());
        if end > at {
            if is_free(&text[..at], &text[end..]) {
                found.push(at..end);
            }
            at = end;
        }
        at += 1;
    }
    found
}

/// Whether what stands around a number does not make it a part of a name.
fn is_free(before: &str, after: &str) -> bool {
    let joins = |c: char| c.is_ascii_alphanumeric() || "-._/".contains(c);
    let is_joined = before.ends_with(joins) || before.ends_with('\u{2010}');
    // A line of a list begins with its number, and a unit ("1M", "5xx") is a name as well.
    let is_index = before.ends_with('[') && after.starts_with(']');
    let is_numbering = before.trim_end_matches(' ').ends_with('\n') && after.starts_with(". ");
    !is_joined
        && !after.starts_with(|c: char| c.is_ascii_alphabetic())
        && !is_numbering
        && !is_index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_names_paths_and_lists_are_no_figures() {
        let text =
            "GPT-5.5 of /v1 costs $1,050.25 per 1M, 5xx and 20% off\n  1. Mixtral-8x22B a[0] 3.";
        let found: Vec<_> = figures(text).into_iter().map(|at| &text[at]).collect();
        assert_eq!(found, ["1,050.25", "20", "3"]);
    }
}
