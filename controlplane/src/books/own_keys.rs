//! Customers' own provider keys: made, changed, removed, shown; and which requests on them are
//! free.
//!
//! Invariants: a key's text is sealed before anything is booked, and is in no answer and no event;
//! a key of another account is as unknown as one that never was; where no master key is set none is
//! taken. The free requests count anew on the first of a month, UTC.
//! Left out on purpose: their use, which is the data plane's, and the fee, which a profile sets.

use catalog::own_keys::OwnKeyRow;
use ledger::Purse;
use ledger::event::Event;
use seal::{MasterKeys, SealFault};
use units::{AccountId, KeyDigest, KeyId};

use super::command::Owner;
use super::own_key_order::{OwnKeyOrder, OwnKeyPatch};
use super::period;
use super::shown::OwnKeyView;
use super::thread::{Ledger, refused};
use crate::receive::Change;
use crate::refuse::Refusal;
use crate::settings::Secret;

/// Own keys of one account.
const KEYS_MAX: usize = 100;
/// API keys that one may be bound to, and models.
const ALLOWED_MAX: usize = 100;
const NAME_CHARS_MAX: usize = 255;
const SECRET_BYTES_MAX: usize = 4096;
/// Shorter keys show nothing of themselves.
const SHOWN_FROM: usize = 16;

const NO_MASTER_KEY: &str = "own provider keys are not kept here: the operator has set no master \
                             key; set `master_keys = [\"env:NAME\"]` under [secrets], to 64 hex \
                             digits such as `openssl rand -hex 32` makes, and start again";

impl Ledger {
    /// An account's own keys, by provider and in the order in which they are tried.
    pub(crate) fn own_keys(&self, account: AccountId) -> Vec<OwnKeyView> {
        let mut rows: Vec<&OwnKeyRow> = self.register.own_keys_of(account).iter().collect();
        rows.sort_by_key(|row| (&row.provider, row.sort_order, row.created_at));
        rows.into_iter().map(|row| self.own_key_view(row)).collect()
    }

    pub(crate) fn own_key(&self, account: AccountId, id: &str) -> Result<OwnKeyView, Refusal> {
        Ok(self.own_key_view(self.own_key_row(account, id)?))
    }

    pub(crate) fn make_own_key(
        &mut self,
        account: AccountId,
        order: OwnKeyOrder,
    ) -> Result<OwnKeyView, Refusal> {
        self.account(account)?;
        let rows = self.register.own_keys_of(account);
        if rows.len() >= KEYS_MAX {
            let message = format!("an account has at most {KEYS_MAX} own keys; delete one");
            return Err(Refusal::Conflict(message));
        }
        let beside = rows.iter().filter(|row| row.provider == order.provider);
        let next = beside.map(|row| row.sort_order.saturating_add(1)).max().unwrap_or(0);
        let (label, sealed) = self.sealed(account, &order.provider, &order.key.0)?;
        let row = OwnKeyRow {
            id: uuid()?,
            account,
            provider: order.provider,
            name: order.name,
            label,
            sealed,
            is_fallback: order.is_fallback,
            always_use: order.always_use,
            disabled: order.disabled,
            sort_order: order.sort_order.unwrap_or(next),
            allowed_models: order.allowed_models,
            allowed_keys: self.key_numbers(account, order.allowed_api_key_hashes)?,
            created_at: self.now,
        };
        self.put_own_key(row)
    }

    pub(crate) fn change_own_key(
        &mut self,
        account: AccountId,
        id: &str,
        patch: OwnKeyPatch,
    ) -> Result<OwnKeyView, Refusal> {
        let old = self.own_key_row(account, id)?.clone();
        let (label, sealed) = match patch.key {
            Some(key) => self.sealed(account, &old.provider, &key.0)?,
            None => (old.label, old.sealed),
        };
        let hashes = patch.allowed_api_key_hashes;
        let allowed_keys = match hashes {
            Change::Keep => old.allowed_keys,
            hashes => self.key_numbers(account, hashes.over(None))?,
        };
        self.put_own_key(OwnKeyRow {
            label,
            sealed,
            allowed_keys,
            name: patch.name.over(old.name),
            is_fallback: patch.is_fallback.unwrap_or(old.is_fallback),
            always_use: patch.always_use.unwrap_or(old.always_use),
            disabled: patch.disabled.unwrap_or(old.disabled),
            sort_order: patch.sort_order.unwrap_or(old.sort_order),
            allowed_models: patch.allowed_models.over(old.allowed_models),
            ..old
        })
    }

    pub(crate) fn delete_own_key(&mut self, account: AccountId, id: &str) -> Result<(), Refusal> {
        let id = self.own_key_row(account, id)?.id.clone();
        self.book(&Event::OwnKeySet { id, account, row: None }).map(drop).map_err(refused)
    }

    fn put_own_key(&mut self, row: OwnKeyRow) -> Result<OwnKeyView, Refusal> {
        self.check_own_key(&row)?;
        let text = serde_json::to_string(&row);
        let text = text.map_err(|error| Refusal::Unavailable(error.to_string()))?;
        let (id, account) = (row.id.clone(), row.account);
        self.book(&Event::OwnKeySet { id, account, row: Some(text) }).map_err(refused)?;
        Ok(self.own_key_view(&row))
    }

    fn check_own_key(&self, row: &OwnKeyRow) -> Result<(), Refusal> {
        if !self.register.rows.provider.iter().any(|known| known.id == row.provider) {
            let message = format!("provider {:?} is not one of the catalog's", row.provider);
            return Err(Refusal::invalid("provider", message));
        }
        if row.name.as_ref().is_some_and(|name| name.chars().count() > NAME_CHARS_MAX) {
            let message = format!("name is at most {NAME_CHARS_MAX} characters");
            return Err(Refusal::invalid("name", message));
        }
        if let Some(models) = &row.allowed_models {
            check_count("allowed_models", models.len())?;
            let known = |id: &String| self.register.rows.model.iter().any(|row| row.id == *id);
            if let Some(unknown) = models.iter().find(|id| !known(id)) {
                let message = format!("allowed_models names {unknown:?}, which is not a model");
                return Err(Refusal::invalid("allowed_models", message));
            }
        }
        Ok(())
    }

    /// The numbers of API keys of the account.
    fn key_numbers(
        &self,
        account: AccountId,
        hashes: Option<Vec<KeyDigest>>,
    ) -> Result<Option<Vec<KeyId>>, Refusal> {
        let Some(hashes) = hashes else { return Ok(None) };
        check_count("allowed_api_key_hashes", hashes.len())?;
        let owner = Owner::Account(account);
        let number = |hash: &KeyDigest| {
            let row = self.register.key(hash).filter(|row| owner.sees(row.account));
            row.map(|row| row.id).ok_or_else(|| {
                let message = format!("{hash} is no API key of this account");
                Refusal::invalid("allowed_api_key_hashes", message)
            })
        };
        hashes.iter().map(number).collect::<Result<_, _>>().map(Some)
    }

    fn own_key_row(&self, account: AccountId, id: &str) -> Result<&OwnKeyRow, Refusal> {
        let found = self.register.own_keys_of(account).iter().find(|row| row.id == id);
        found.ok_or_else(|| Refusal::not_found("own key", id))
    }

    fn own_key_view(&self, row: &OwnKeyRow) -> OwnKeyView {
        let hash = |key: &KeyId| self.register.key_numbered(*key).map(|row| row.digest);
        let hashes = |keys: &Vec<KeyId>| keys.iter().filter_map(hash).collect();
        OwnKeyView {
            id: row.id.clone(),
            workspace_id: None,
            provider: row.provider.clone(),
            name: row.name.clone(),
            label: row.label.clone(),
            disabled: row.disabled,
            is_fallback: row.is_fallback,
            always_use: row.always_use,
            allowed_models: row.allowed_models.clone(),
            allowed_api_key_hashes: row.allowed_keys.as_ref().map(hashes),
            allowed_user_ids: None,
            sort_order: row.sort_order,
            created_at: row.created_at,
        }
    }

    /// What is shown and what is kept of a key.
    fn sealed(
        &self,
        account: AccountId,
        provider: &str,
        key: &Secret,
    ) -> Result<(String, String), Refusal> {
        let text = key.reveal().trim();
        let is_sendable = text.bytes().all(|byte| (0x21..0x7f).contains(&byte));
        if text.is_empty() || text.len() > SECRET_BYTES_MAX || !is_sendable {
            let message = format!(
                "key is a provider's API key: 1 to {SECRET_BYTES_MAX} characters without spaces"
            );
            return Err(Refusal::invalid("key", message));
        }
        let master = self.master_keys.as_ref().ok_or(Refusal::NotSetUp(NO_MASTER_KEY))?;
        let sealed = master.seal(&OwnKeyRow::purpose(account, provider), text);
        Ok((label(text), sealed.map_err(|fault| Refusal::Unavailable(fault.to_string()))?))
    }

    /// Books what the profile says of free requests, where that is news.
    pub(crate) fn set_free_requests(&mut self) -> Result<(), Refusal> {
        let requests = self.profile.terms.byok.free_requests;
        if self.books.free_requests() != requests {
            self.book(&Event::FreeRequestsSet { requests, at: self.now }).map_err(refused)?;
        }
        Ok(())
    }

    /// Begins the month of free requests that has come, if one has.
    pub(crate) fn begin_free_requests(&mut self) {
        let began = period::month_start(self.books.free_requests_began().day());
        let accounts = self.books.free_request_accounts();
        if period::month_start(self.now.day()) <= began || accounts.is_empty() {
            return;
        }
        // Nothing in it can be refused.
        if self.book(&Event::FreeRequestsBegan { at: self.now }).is_ok() {
            accounts.into_iter().for_each(|account| self.lend_more(Purse::FreeRequests(account)));
        }
    }
}

fn check_count(param: &str, count: usize) -> Result<(), Refusal> {
    if (1..=ALLOWED_MAX).contains(&count) {
        return Ok(());
    }
    let message = format!("{param} names 1 to {ALLOWED_MAX}; null is no restriction");
    Err(Refusal::invalid(param, message))
}

/// The ends of a key that is long enough to keep the rest to itself.
fn label(text: &str) -> String {
    if text.len() < SHOWN_FROM {
        return "...".to_owned();
    }
    format!("{}...{}", &text[..3], &text[text.len() - 4..])
}

/// A random UUID (RFC 9562, version 4).
fn uuid() -> Result<String, Refusal> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Refusal::Unavailable(format!("no randomness: {error}")))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    Ok(parts.join("-"))
}

/// Why secrets cannot be sealed or opened, as a refusal.
pub(crate) fn seal_refused(fault: SealFault) -> Refusal {
    Refusal::Unavailable(fault.to_string())
}

/// A provider's key as it is to be written down: sealed, where there is a master key; the same as
/// before, where that is what was sealed before.
pub(crate) fn sealed_key(
    master: Option<&MasterKeys>,
    purpose: &str,
    key: String,
    before: &[String],
) -> Result<String, SealFault> {
    let is_literal = !key.starts_with("env:") && !key.starts_with("file:");
    let Some(master) = master.filter(|_| is_literal && !seal::is_sealed(&key)) else {
        return Ok(key);
    };
    let same = |old: &&String| master.open(purpose, old).is_ok_and(|opened| opened == key);
    match before.iter().find(same) {
        Some(old) => Ok(old.clone()),
        None => master.seal(purpose, &key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_keeps_the_middle_to_itself() {
        assert_eq!(label("sk-proj-0123456789AbCd"), "sk-...AbCd");
        assert_eq!(label("short"), "...");
    }

    #[test]
    fn ids_are_uuids_and_differ() {
        let (one, other) = (uuid().unwrap(), uuid().unwrap());
        assert!(one != other && one.len() == 36 && one.as_bytes()[14] == b'4', "{one}");
    }
}
