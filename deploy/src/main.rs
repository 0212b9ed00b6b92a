//! The `tollgate` binary: reads the command line and composes both planes.
//!
//! Exit codes: 0 done, 1 refused or found wrong, 2 bad usage. Left out on purpose: everything that
//! is a plane's; what is here only joins parts.

mod catalog_file;
mod command;
mod config;
mod demo;
mod profile;
mod sandbox_alone;
mod serve;
mod signals;

use std::process::ExitCode;

fn main() -> ExitCode {
    command::run()
}
