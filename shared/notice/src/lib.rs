//! What a process tells its operator: lines on standard error.
//!
//! Invariants: telling never fails and never panics: where nobody can read it any more (a disk that
//! is full, a pipe that is closed) the line is lost, and nothing else. A line is one write, so that
//! threads do not mix their words. What is left out by its level is not formatted.
//! Left out on purpose: files, a line for each request, and what a command was asked for, which
//! goes to standard output.

use std::fmt::Arguments;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use units::UnixMillis;

/// How much a line matters, or how much is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Level {
    /// Something does not work, and a person must look.
    Error,
    /// Something went wrong and goes on.
    Warn,
    /// What an operator would like to know.
    #[default]
    Info,
    /// What helps to find a mistake.
    Debug,
}

/// The form of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Form {
    /// For people: `tollgate: words`.
    #[default]
    Text,
    /// For machines: an object of `at` (RFC 3339), `level` and `message`.
    Json,
}

static LEVEL: AtomicU8 = AtomicU8::new(Level::Info as u8);
static FORM: AtomicU8 = AtomicU8::new(Form::Text as u8);

/// Sets what is told from now on, and how.
pub fn set(level: Level, form: Form) {
    LEVEL.store(level as u8, Ordering::Relaxed);
    FORM.store(form as u8, Ordering::Relaxed);
}

/// Tells of something that does not work: the words of `format!`.
#[macro_export]
macro_rules! error {
    ($($words:tt)*) => { $crate::tell($crate::Level::Error, ::std::format_args!($($words)*)) };
}

/// Tells of something that went wrong and goes on: the words of `format!`.
#[macro_export]
macro_rules! warn {
    ($($words:tt)*) => { $crate::tell($crate::Level::Warn, ::std::format_args!($($words)*)) };
}

/// Tells what happens: the words of `format!`.
#[macro_export]
macro_rules! info {
    ($($words:tt)*) => { $crate::tell($crate::Level::Info, ::std::format_args!($($words)*)) };
}

/// Tells what helps to find a mistake: the words of `format!`.
#[macro_export]
macro_rules! debug {
    ($($words:tt)*) => { $crate::tell($crate::Level::Debug, ::std::format_args!($($words)*)) };
}

/// Tells whoever runs a command something, as it stands: the words of `format!`.
#[macro_export]
macro_rules! say {
    ($($words:tt)*) => { $crate::line(::std::format_args!($($words)*)) };
}

/// Tells the operator something, unless that is less than is wished for.
pub fn tell(level: Level, words: Arguments<'_>) {
    if level as u8 > LEVEL.load(Ordering::Relaxed) {
        return;
    }
    if FORM.load(Ordering::Relaxed) == Form::Json as u8 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = UnixMillis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
        line(format_args!("{}", json(at, level, &words.to_string())));
    } else {
        line(format_args!("tollgate: {words}"));
    }
}

/// Writes one line to standard error, if that takes it.
pub fn line(words: Arguments<'_>) {
    let line = format!("{words}\n");
    let _ = io::stderr().write_all(line.as_bytes());
}

fn json(at: UnixMillis, level: Level, message: &str) -> serde_json::Value {
    serde_json::json!({ "at": at.to_string(), "level": level, "message": message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_machines_is_one_object_whatever_it_says() {
        let line =
            json(UnixMillis(951_782_400_000), Level::Warn, "a \"quote\"\nand more").to_string();
        let told =
            r#"{"at":"2000-02-29T00:00:00.000Z","level":"warn","message":"a \"quote\"\nand more"}"#;
        assert_eq!(line, told);
    }

    #[test]
    fn errors_matter_most() {
        assert!(Level::Error < Level::Warn && Level::Warn < Level::Info);
        assert_eq!((Level::default(), Form::default()), (Level::Info, Form::Text));
    }
}
