//! `tollgate import-prices`: a public price file to a catalog, what was left out said by reason.
//!
//! The catalog goes to a file or to standard output, the report to standard error. Left out on
//! purpose: reading prices and judging rows, which is the catalog's own.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use catalog::compile::parse_multiplier;
use catalog::import::{self, ImportOptions};
use clap::Args;

use crate::config::Mistake;
use crate::output::Output;

/// A public price file to a catalog.
#[derive(Args)]
pub struct ImportPrices {
    /// The price file, JSON.
    file: PathBuf,
    /// A provider to take; repeat for more, all unless said.
    #[arg(long = "provider", value_name = "P")]
    providers: Vec<String>,
    /// Write customers' prices as list price times this, such as 0.2.
    #[arg(long, value_name = "M", value_parser = multiplier)]
    multiplier: Option<(u64, u64)>,
    /// Join models of equal names into one of several endpoints.
    #[arg(long)]
    merge: bool,
    /// Take rows priced 0/0 too.
    #[arg(long)]
    allow_free: bool,
    /// More providers' addresses, JSON: {"providers": {id: {base_url, api_key_env, dialect}}}
    #[arg(long = "providers", value_name = "FILE")]
    addresses: Option<PathBuf>,
    /// The catalog file to write; standard output unless said.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

fn multiplier(text: &str) -> Result<(u64, u64), &'static str> {
    parse_multiplier(text).ok_or("a decimal above zero, such as 0.2 or 1.15")
}

/// `tollgate import-prices …`
///
/// # Errors
/// A file cannot be read, is not of its format, or holds nothing to take.
pub fn run(order: ImportPrices) -> Result<(), Mistake> {
    let prices = read(&order.file)?;
    let addresses = order.addresses.as_deref().map(read).transpose()?;
    let options = ImportOptions {
        providers: order.providers,
        multiplier: order.multiplier,
        merge: order.merge,
        allow_free: order.allow_free,
    };
    let imported = import::import(&prices, addresses.as_deref(), &options);
    let (rows, report) =
        imported.map_err(|complaint| Mistake(format!("{}: {complaint}", order.file.display())))?;
    notice::say!("{}", report.to_string().trim_end());
    if rows.model.is_empty() {
        let file = order.file.display();
        return Err(Mistake(format!("{file}: no row could be taken; the counts above say why")));
    }
    let replaced = order.output.as_deref().is_some_and(Path::exists);
    let mut output = Output::open(order.output.as_deref())?;
    let written = output.write_all(import::to_toml(&rows).as_bytes());
    written.map_err(|fault| output.fault(&fault))?;
    output.finish()?;
    if let Some(path) = &order.output {
        notice::say!("{} {}", if replaced { "replaced" } else { "wrote" }, path.display());
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, Mistake> {
    fs::read_to_string(path)
        .map_err(|fault| Mistake(format!("{}: cannot be read: {fault}", path.display())))
}
