//! Customers' own provider keys as a core uses them: opened, in the order in which they are tried.
//!
//! Invariants: a key's text is shown nowhere and sent to its own provider only; one that does not
//! open is still there, so that what it bars stays barred. Those that are switched off are not.
//! Left out on purpose: when they come before the shared ones (`catalog::route`).

use std::sync::Arc;

use catalog::own_keys::OwnKeyRow;
use catalog::route;
use ledger::cell::CreditCell;
use seal::MasterKeys;
use units::{KeyId, UnixMillis};

use super::published::Secret;
use crate::health::Health;

/// The own provider keys of one account.
pub struct OwnKeys {
    keys: Vec<OwnKey>,
    /// The account's free requests lent to this process.
    pub free: Arc<CreditCell>,
}

struct OwnKey {
    provider: Box<str>,
    models: Option<Vec<String>>,
    users: Option<Vec<KeyId>>,
    is_fallback: bool,
    always_use: bool,
    secret: Option<Secret>,
}

/// For which request an own key is looked for.
#[derive(Clone, Copy)]
pub struct KeyUse<'a> {
    /// The API key that asks.
    pub key: KeyId,
    /// The provider, by id.
    pub provider: &'a str,
    /// The model, by id.
    pub model: &'a str,
    /// Whether those are meant that come after the shared ones.
    pub is_last: bool,
}

impl OwnKeys {
    /// An account's keys, with the master keys that open them; what does not open is said.
    pub fn open(
        mut rows: Vec<OwnKeyRow>,
        master: Option<&MasterKeys>,
        free: Arc<CreditCell>,
    ) -> Self {
        rows.retain(|row| !row.disabled);
        rows.sort_by_key(|row| (row.sort_order, row.created_at));
        let keys = rows.into_iter().map(|row| OwnKey::open(row, master)).collect();
        Self { keys, free }
    }

    /// Those that an API key may use, as a plan sees them.
    pub fn for_plan<'k>(
        &'k self,
        user: KeyId,
        reaches: impl Fn(&str) -> bool,
        (health, now): (&Health, UnixMillis),
    ) -> Vec<route::OwnKey<'k>> {
        let mine = self.keys.iter().filter(|key| key.is_for_user(user));
        mine.map(|key| route::OwnKey {
            provider: &key.provider,
            models: key.models.as_deref(),
            is_fallback: key.is_fallback,
            always_use: key.always_use,
            is_usable: key.secret.is_some() && reaches(&key.provider),
            rests: key.secret.as_ref().is_some_and(|secret| health.rests(secret.id(), now)),
        })
        .collect()
    }

    /// The key to send now: the first that does not rest, or the first of all.
    pub fn secret(&self, wanted: KeyUse<'_>, health: &Health, now: UnixMillis) -> Option<&Secret> {
        let mut secrets = self.keys.iter().filter_map(|key| key.secret_for(wanted));
        let first = secrets.next()?;
        let mut awake = std::iter::once(first).chain(secrets);
        Some(awake.find(|secret| !health.rests(secret.id(), now)).unwrap_or(first))
    }
}

impl OwnKey {
    fn open(row: OwnKeyRow, master: Option<&MasterKeys>) -> Self {
        let purpose = OwnKeyRow::purpose(row.account, &row.provider);
        let opened = master.map(|master| master.open(&purpose, &row.sealed));
        let secret = match opened {
            Some(Ok(text)) => Some(Secret::own(&row.provider, text)),
            Some(Err(why)) => {
                notice::warn!("own key {} of {} is not used: {why}", row.id, row.account);
                None
            }
            None => {
                notice::warn!(
                    "own key {} of {} is not used: this process has no master key; set [secrets] \
                     master_keys",
                    row.id,
                    row.account
                );
                None
            }
        };
        Self {
            provider: row.provider.into(),
            models: row.allowed_models,
            users: row.allowed_keys,
            is_fallback: row.is_fallback,
            always_use: row.always_use,
            secret,
        }
    }

    fn is_for_user(&self, user: KeyId) -> bool {
        self.users.as_ref().is_none_or(|users| users.contains(&user))
    }

    fn secret_for(&self, wanted: KeyUse<'_>) -> Option<&Secret> {
        let has_model = |models: &Vec<String>| models.iter().any(|model| model == wanted.model);
        let is_meant = *self.provider == *wanted.provider
            && self.is_fallback == wanted.is_last
            && self.is_for_user(wanted.key)
            && self.models.as_ref().is_none_or(has_model);
        self.secret.as_ref().filter(|_| is_meant)
    }
}

#[cfg(test)]
mod tests {
    use ledger::Purse;
    use units::AccountId;

    use super::*;

    const ACCOUNT: AccountId = AccountId(1);
    const NOW: UnixMillis = UnixMillis(1_000_000);

    fn master() -> MasterKeys {
        // The tests of one process run at once.
        let place = (std::process::id(), std::thread::current().id());
        let path = std::env::temp_dir().join(format!("tollgate-own-{}-{:?}", place.0, place.1));
        std::fs::write(&path, "5".repeat(64)).unwrap();
        let reference = format!("file:{}", path.display());
        let master = MasterKeys::read(&[reference]).unwrap().unwrap();
        std::fs::remove_file(path).unwrap();
        master
    }

    fn row(master: &MasterKeys, text: &str, sort_order: u32) -> OwnKeyRow {
        OwnKeyRow {
            id: text.to_owned(),
            account: ACCOUNT,
            provider: "p".to_owned(),
            name: None,
            label: String::new(),
            sealed: master.seal(&OwnKeyRow::purpose(ACCOUNT, "p"), text).unwrap(),
            is_fallback: false,
            always_use: false,
            disabled: false,
            sort_order,
            allowed_models: None,
            allowed_keys: None,
            created_at: UnixMillis(0),
        }
    }

    fn open(rows: Vec<OwnKeyRow>, master: Option<&MasterKeys>) -> OwnKeys {
        OwnKeys::open(rows, master, Arc::new(CreditCell::new(Purse::FreeRequests(ACCOUNT))))
    }

    fn wanted(key: u64, model: &str) -> KeyUse<'_> {
        KeyUse { key: KeyId(key), provider: "p", model, is_last: false }
    }

    #[test]
    fn keys_are_tried_in_their_order_and_those_that_rest_last() {
        let (master, health) = (master(), Health::new(5));
        let off = OwnKeyRow { disabled: true, ..row(&master, "off", 0) };
        let rows = vec![row(&master, "second", 2), off, row(&master, "first", 1)];
        let own = open(rows, Some(&master));
        let shown = || own.secret(wanted(1, "a/x"), &health, NOW).unwrap();
        assert_eq!(shown().reveal(), "first");
        health.refused(shown().id(), Some(5_000), NOW);
        assert_eq!(shown().reveal(), "second");
        health.refused(shown().id(), Some(5_000), NOW);
        assert_eq!(shown().reveal(), "first", "asked all the same");
    }

    #[test]
    fn a_key_is_for_its_models_and_its_users() {
        let (master, health) = (master(), Health::new(5));
        let bound = OwnKeyRow {
            allowed_models: Some(vec!["a/x".to_owned()]),
            allowed_keys: Some(vec![KeyId(1)]),
            ..row(&master, "bound", 0)
        };
        let own = open(vec![bound], Some(&master));
        let is_found = |wanted| own.secret(wanted, &health, NOW).is_some();
        assert!(is_found(wanted(1, "a/x")));
        assert!(!is_found(wanted(2, "a/x")) && !is_found(wanted(1, "a/y")));
        assert!(!is_found(KeyUse { is_last: true, ..wanted(1, "a/x") }));
        let planned = |user| own.for_plan(KeyId(user), |_| true, (&health, NOW)).len();
        assert_eq!((planned(1), planned(2)), (1, 0));
    }

    #[test]
    fn a_key_that_does_not_open_is_there_and_never_sent() {
        let (master, health) = (master(), Health::new(5));
        let strange = OwnKeyRow { account: AccountId(2), ..row(&master, "moved", 0) };
        for own in [open(vec![strange], Some(&master)), open(vec![row(&master, "x", 0)], None)] {
            assert!(own.secret(wanted(1, "a/x"), &health, NOW).is_none());
            let planned = own.for_plan(KeyId(1), |_| true, (&health, NOW));
            assert!(planned.len() == 1 && !planned[0].is_usable);
        }
    }
}
