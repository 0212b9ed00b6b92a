//! The catalog that a start works with: the operator's file and, if asked for, the sandbox's rows.
//!
//! Invariants: a file with a mistake stops the start; the file is applied to an empty store only,
//! and a later difference is said, not applied. The sandbox's own rows follow its address.

use std::net::SocketAddr;
use std::path::Path;

use catalog::compile::{CompileOptions, Compiled};
use catalog::rows::{CatalogRows, EndpointRow, ModelRow};
use catalog::{Complaint, source};
use controlplane::{CatalogEdit, Commands};

use crate::config::Mistake;

/// The simulator's provider and model.
const SANDBOX: &str = include_str!("sandbox.toml");
/// What stands there for the simulator's address.
const NOWHERE: &str = "127.0.0.1:9";
/// Faults that stand behind a model of their own, `sandbox/fault/<name>`.
const FAULTS: [&str; 10] = [
    "status:400",
    "status:429",
    "status:500",
    "stall:3000",
    "cut",
    "reset-mid",
    "no-usage",
    "wrong-usage:negative",
    "error-in-200",
    "ignore-cap:400",
];

/// A catalog file's text, with the name that its mistakes are told under.
pub struct CatalogFile {
    /// The file's name as it was given.
    pub name: String,
    /// What it holds.
    pub text: String,
}

impl CatalogFile {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(path: &Path) -> Result<Self, Mistake> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|fault| Mistake(format!("{name}: cannot be read: {fault}")))?;
        Ok(Self { name, text })
    }

    /// Compiles it.
    ///
    /// # Errors
    /// Every mistake with its line.
    pub fn compile(
        &self,
        options: &CompileOptions,
    ) -> Result<(CatalogRows, Compiled), Vec<Complaint>> {
        source::compile_toml(&self.text, &self.name, options)
    }
}

/// Reads a catalog file and checks that it compiles.
///
/// # Errors
/// Every mistake, a line each.
pub fn read(path: &Path, options: &CompileOptions) -> Result<CatalogRows, Mistake> {
    let compiled = CatalogFile::read(path)?.compile(options);
    let (rows, compiled) = compiled.map_err(|complaints| Mistake::listed(&complaints))?;
    for warning in compiled.warnings {
        notice::warn!("{warning}");
    }
    Ok(rows)
}

/// The rows of the simulator at an address.
///
/// # Errors
/// Never in a build whose tests pass.
pub fn sandbox(address: SocketAddr) -> Result<CatalogRows, Mistake> {
    let mut rows = source::parse_toml(SANDBOX, "sandbox.toml")
        .map_err(|complaints| Mistake::listed(&complaints))?;
    for provider in &mut rows.provider {
        provider.base_url = provider.base_url.replace(NOWHERE, &address.to_string());
    }
    let chat = rows.model.iter().take(1);
    let failing: Vec<ModelRow> =
        chat.flat_map(|chat| FAULTS.map(|fault| failing_model(chat, fault))).collect();
    rows.model.extend(failing);
    Ok(rows)
}

fn failing_model(chat: &ModelRow, fault: &str) -> ModelRow {
    let endpoint = chat
        .endpoint
        .iter()
        .map(|endpoint| EndpointRow { model: format!("fault/{fault}"), ..endpoint.clone() });
    let name = fault.replace(':', "-");
    ModelRow {
        id: format!("sandbox/fault/{name}"),
        name: Some(format!("Sandbox, failing: {fault}")),
        listed: false,
        endpoint: endpoint.collect(),
        ..chat.clone()
    }
}

/// Puts the rows of a start into an empty store, or says how the store differs from the file.
/// The simulator's rows are always brought up to date.
///
/// # Errors
/// The ledger refuses, and says why.
pub fn apply(
    commands: &Commands,
    file: Option<&CatalogRows>,
    sandbox: Option<CatalogRows>,
) -> Result<(), controlplane::Refusal> {
    let ledger = commands.blocking();
    let mut stored = ledger.catalog()?;
    let is_empty = stored.provider.is_empty() && stored.model.is_empty();
    if let Some(file) = file {
        if is_empty {
            stored = file.clone();
        } else if differs(&stored, file) {
            notice::warn!(
                "the catalog file differs from the store, which is served; \
                 `tollgate apply` brings the store up to date"
            );
        }
    }
    let mut wanted = stored.clone();
    if let Some(sandbox) = sandbox {
        merge(&mut wanted, sandbox);
    }
    if wanted != ledger.catalog()? {
        ledger.edit_catalog(CatalogEdit::Whole(wanted), false)?;
    }
    Ok(())
}

/// Whether anything but the simulator's rows differs.
fn differs(stored: &CatalogRows, file: &CatalogRows) -> bool {
    let mut stored = stored.clone();
    let is_sandbox = |id: &str| id == "sandbox" || id.starts_with("sandbox-");
    stored.provider.retain(|row| !is_sandbox(&row.id) || file.provider.contains(row));
    stored.model.retain(|row| !row.id.starts_with("sandbox/") || file.model.contains(row));
    stored != *file
}

fn merge(rows: &mut CatalogRows, sandbox: CatalogRows) {
    for row in sandbox.provider {
        match rows.provider.iter_mut().find(|known| known.id == row.id) {
            Some(known) => *known = row,
            None => rows.provider.push(row),
        }
    }
    for row in sandbox.model {
        match rows.model.iter_mut().find(|known| known.id == row.id) {
            Some(known) => *known = row,
            None => rows.model.push(row),
        }
    }
}

#[cfg(test)]
mod tests {
    use catalog::compile::compile;

    use super::*;

    #[test]
    fn the_sandbox_rows_compile_and_show_a_model_of_each_dialect_and_kind() {
        let rows = sandbox("127.0.0.1:1234".parse().unwrap()).unwrap();
        let compiled = compile(&rows, &CompileOptions::default()).unwrap();
        assert_eq!(compiled.catalog.models.iter().filter(|model| model.listed).count(), 4);
        assert_eq!(compiled.warnings, []);
        assert!(compiled.catalog.model("sandbox/fault/status-500").is_some());
    }

    #[test]
    fn the_sandbox_is_no_difference() {
        let file = CatalogRows::default();
        let mut stored = file.clone();
        merge(&mut stored, sandbox("127.0.0.1:1".parse().unwrap()).unwrap());
        assert!(!differs(&stored, &file));
    }
}
