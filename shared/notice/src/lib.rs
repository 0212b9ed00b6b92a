//! What a process tells its operator: lines on standard error.
//!
//! Invariants: telling never fails and never panics: where nobody can read it any more (a disk that
//! is full, a pipe that is closed) the line is lost, and nothing else. A line is one write, so that
//! threads do not mix their words.
//! Left out on purpose: levels, files, and what a command was asked for, which goes to standard
//! output.

use std::fmt::Arguments;
use std::io::{self, Write};

/// Tells the operator something, in the program's name: the words of `format!`.
#[macro_export]
macro_rules! tell {
    ($($words:tt)*) => { $crate::say!("tollgate: {}", ::std::format_args!($($words)*)) };
}

/// Tells whoever runs a command something, as it stands: the words of `format!`.
#[macro_export]
macro_rules! say {
    ($($words:tt)*) => { $crate::line(::std::format_args!($($words)*)) };
}

/// Writes one line to standard error, if that takes it.
pub fn line(words: Arguments<'_>) {
    let line = format!("{words}\n");
    let _ = io::stderr().write_all(line.as_bytes());
}
