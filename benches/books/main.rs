//! How long books of many records take to come back: after a kill, after a stop, and when the
//! view is gone. The real control plane, filled over its link by a data plane that is played here.
//!
//! Figures are measured in one run and printed; nothing is asserted about time. That the rebuilt
//! books are the same is asserted: the full audit compares their hashes.

#[path = "../benches/ledger_records/mod.rs"]
mod ledger_records;
mod plane;
mod settings;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tollgate_tests::config::Config;
use tollgate_tests::gateway::{Gateway, binary};

use plane::Plane;
use settings::Settings;

const ACCOUNTS: u64 = 64;
/// How long the control plane may be silent before the bench gives up.
const SILENCE: Duration = Duration::from_secs(60);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::from_arguments(std::env::args().skip(1))?;
    // No provider is ever asked.
    let mut control = Gateway::start(Config::simple("http://127.0.0.1:9/v1").control());
    let accounts: Vec<_> = (1..=ACCOUNTS)
        .map(|number| control.admin.customer(&format!("a{number}"), "100000"))
        .collect();
    let mut plane = Plane::link(&control.config.folder.join("link.sock"))?;
    plane.borrow(ACCOUNTS)?;
    let (took, rate) = fill(&mut plane, settings.records)?;
    let data = control.config.data_folder();
    println!("filled: {} records in {took:.1} s, {rate:.0} a second", settings.records);
    println!("journal: {:.2} GiB", bytes_of(&data.join("journal")) as f64 / f64::from(1 << 30));

    let spent = control.admin.account(&accounts[0].account).spent;
    control.kill();
    drop(plane);
    let after_kill = timed(|| control.restart());
    assert_eq!(control.admin.account(&accounts[0].account).spent, spent, "a kill lost charges");
    assert!(control.stop().success());
    let after_stop = timed(|| control.restart());
    assert!(control.stop().success());
    println!("ready after kill -9: {after_kill:.2} s; after a stop: {after_stop:.2} s");

    let begun = Instant::now();
    ledger(&["rebuild"], &control.config)?;
    let rebuilt = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    ledger(&["audit", "--full"], &control.config)?;
    let audited = begun.elapsed().as_secs_f64();
    println!("view deleted and built again, everything compared: {rebuilt:.1} s");
    println!("full audit alone: {audited:.1} s");
    Ok(())
}

/// Settles so many records; how long it took, and the records a second.
fn fill(plane: &mut Plane, records: u64) -> std::io::Result<(f64, f64)> {
    let begun = Instant::now();
    plane.settle(records)?;
    let took = begun.elapsed().as_secs_f64();
    Ok((took, records as f64 / took))
}

fn timed(what: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    what();
    begun.elapsed().as_secs_f64()
}

/// Runs a `tollgate ledger` command on the books of a control plane that has ended.
fn ledger(words: &[&str], config: &Config) -> Result<(), String> {
    let mut call = Command::new(binary());
    call.arg("ledger").args(words).arg("--data").arg(config.data_folder());
    let status = call.stdout(Stdio::null()).status().map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(format!("ledger {words:?} failed")) }
}

fn bytes_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(kind) if kind.is_dir() => bytes_of(&entry.path()),
        Ok(kind) => kind.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}
