//! The provider keys of a generation: the operator's, and customers' own.
//!
//! Invariants: secrets are read and opened here and shown nowhere; one that cannot be is left out,
//! and said so without a letter of it.

use std::sync::Arc;

use catalog::Provider;
use catalog::own_keys::OwnKeyRow;
use catalog::rows::ProviderRow;
use ledger::Purse;
use seal::MasterKeys;
use units::AccountId;

use crate::local::own_keys::OwnKeys;
use crate::local::published::{OwnKeyTable, Secret};
use crate::uplink::cells::Cells;

/// What a publication says of customers' own keys.
pub(super) struct OwnKeyNews {
    /// The accounts whose keys are told, whole.
    pub(super) accounts: Vec<(AccountId, Vec<OwnKeyRow>)>,
    /// Whether no other account has any.
    pub(super) is_all: bool,
    /// Their fee, where the catalog is told.
    pub(super) fee: Option<(u64, u64)>,
}

/// Customers' own keys after what is told, given those before.
pub(super) fn own_keys(
    before: Option<&Arc<OwnKeyTable>>,
    told: OwnKeyNews,
    master: Option<&MasterKeys>,
    cells: &mut Cells,
) -> Arc<OwnKeyTable> {
    let OwnKeyNews { accounts, is_all, fee } = told;
    if let Some(before) = before.filter(|_| accounts.is_empty() && !is_all && fee.is_none()) {
        return Arc::clone(before);
    }
    let mut table = before.map(|before| OwnKeyTable::clone(before)).unwrap_or_default();
    table.fee = fee.unwrap_or(table.fee);
    if is_all {
        table.accounts.clear();
    }
    for (account, rows) in accounts {
        if rows.is_empty() {
            table.accounts.remove(&account);
            continue;
        }
        let free = cells.credit(Purse::FreeRequests(account));
        table.accounts.insert(account, Arc::new(OwnKeys::open(rows, master, free)));
    }
    Arc::new(table)
}

/// The provider's keys; those that cannot be read are left out, and said so.
pub(super) fn secrets_of(provider: &Provider, master: Option<&MasterKeys>) -> Vec<Secret> {
    let mut secrets = Vec::new();
    for reference in &provider.api_keys {
        let opened = opened(provider, reference, master);
        match opened.and_then(|reference| read_secret(&reference)) {
            Ok(Some(key)) => secrets.push(Secret::new(&provider.id, key)),
            Ok(None) => {}
            Err(what) => notice::warn!("a key of provider {}: {what}", provider.id),
        }
    }
    secrets
}

/// A reference as it is, or the key that is sealed.
fn opened(
    provider: &Provider,
    reference: &str,
    master: Option<&MasterKeys>,
) -> Result<String, String> {
    if !seal::is_sealed(reference) {
        return Ok(reference.to_owned());
    }
    let master = master.ok_or("it is sealed, and no [secrets] master_keys are set")?;
    let purpose = ProviderRow::key_purpose(&provider.id);
    master.open(&purpose, reference).map_err(|fault| fault.to_string())
}

/// The secret behind `env:NAME`, `file:PATH` or itself; `None` where the variable is not set.
fn read_secret(reference: &str) -> Result<Option<String>, String> {
    let text = if let Some(name) = reference.strip_prefix("env:") {
        match std::env::var(name) {
            Ok(value) => value,
            Err(_) => return Ok(None),
        }
    } else if let Some(path) = reference.strip_prefix("file:") {
        std::fs::read_to_string(path).map_err(|fault| format!("{path} cannot be read: {fault}"))?
    } else {
        reference.to_owned()
    };
    let key = text.trim();
    let is_sendable = !key.is_empty() && key.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    if is_sendable { Ok(Some(key.to_owned())) } else { Err("it is not a key".to_owned()) }
}
