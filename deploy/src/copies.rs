//! `tollgate backup` and `tollgate restore`: a data directory copied while it is in use, and back.
//!
//! Invariant: neither writes into a directory that holds something, and neither reports a copy that
//! was not read back.

use std::path::{Path, PathBuf};

use clap::Args;
use controlplane::backup::{self, Copied};
use serde_json::json;

use crate::config::Mistake;
use crate::progress::Progress;
use crate::say;

/// Copy the data directory into DIR, also while it is in use.
#[derive(Args)]
pub struct Copy {
    /// The directory of the copy.
    directory: PathBuf,
    /// The data directory.
    #[arg(long, default_value = "tollgate-data")]
    data: PathBuf,
    /// Tell it as JSON.
    #[arg(long)]
    json: bool,
}

/// `tollgate backup DIR`
///
/// # Errors
/// What is in the way, or cannot be read.
pub fn backup(order: &Copy) -> Result<(), Mistake> {
    run("backing up", &order.data, &order.directory, order.json)
}

/// `tollgate restore DIR`
///
/// # Errors
/// The data directory holds something, or the copy is no good.
pub fn restore(order: &Copy) -> Result<(), Mistake> {
    run("restoring", &order.directory, &order.data, order.json)
}

fn run(what: &'static str, from: &Path, to: &Path, is_json: bool) -> Result<(), Mistake> {
    let progress = Progress::begin(what);
    let copied = backup::copy(from, to).map_err(Mistake)?;
    drop(progress);
    let Copied { batch, events, accounts } = copied;
    let place = to.display();
    if is_json {
        let copied = json!({ "batch": batch, "events": events, "accounts": accounts });
        say(&copied.to_string());
    } else {
        say(&format!("{place}: {events} events of {accounts} accounts, read back and audited"));
    }
    Ok(())
}
