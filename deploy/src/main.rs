//! The `tollgate` binary: reads the command line and composes both planes.
//!
//! `serve` runs a machine, `dataplane` and `controlplane` a part of one; `check`, `import-prices`
//! and `receipt` work on files, `admin` asks a server that runs. Left out on purpose: everything
//! that is a plane's; what is here only joins parts.

#![expect(
    unreachable_pub,
    reason = "modules are private; pub marks what one offers to its neighbours"
)]

mod admin;
mod catalog_file;
mod check;
mod command;
mod config;
mod control_alone;
mod copies;
mod data_alone;
mod demo;
mod handover;
mod import_prices;
mod output;
mod plane_port;
mod profile;
mod progress;
mod sandbox_alone;
mod serve;
mod signals;

use std::io::Write;
use std::process::ExitCode;

/// Every request takes a few small pieces of memory and gives them back, often on another thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    take_small_pages();
    command::run()
}

/// Has memory come in small pages. The allocator would ask for huge ones, of which the kernel
/// clears two megabytes at a time, and of which many open streams keep more than they use.
fn take_small_pages() {
    // A kernel that has no huge pages refuses this.
    let _ = nix::sys::prctl::set_thp_disable(true);
}

/// Says something on standard output; nobody reading it is no reason to stop.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
