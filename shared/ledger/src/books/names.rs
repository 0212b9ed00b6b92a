//! What has names rather than money: accounts, keys, catalogs.

use std::sync::Arc;

use units::{AccountId, KeyId, OfferId, UnixMillis, Usd};

use super::rows::{AccountBook, KeyBook, Leases};
use super::{Applied, Books, BooksError};

impl Books {
    pub(super) fn open_account(
        &mut self,
        account: AccountId,
        name: &str,
        at: UnixMillis,
    ) -> Result<Applied, BooksError> {
        if self.accounts.contains_key(&account) {
            return Err(BooksError::Exists("account"));
        }
        let opened = AccountBook { name: name.into(), opened_at: at, ..AccountBook::default() };
        self.accounts.insert(account, Box::new(opened));
        Ok(Applied::Account(account))
    }

    pub(super) fn change_account(
        &mut self,
        account: AccountId,
        (name, row): (&str, &str),
        disabled: bool,
    ) -> Result<Applied, BooksError> {
        let book = self.accounts.get_mut(&account).ok_or(BooksError::UnknownAccount(account))?;
        (book.name, book.row) = (name.into(), row.into());
        book.disabled = disabled;
        Ok(Applied::Account(account))
    }

    pub(super) fn make_key(
        &mut self,
        key: KeyId,
        account: AccountId,
        limit: Option<Usd>,
        row: &str,
    ) -> Result<Applied, BooksError> {
        if self.keys.contains_key(&key) {
            return Err(BooksError::Exists("key"));
        }
        if !self.accounts.contains_key(&account) {
            return Err(BooksError::UnknownAccount(account));
        }
        let nothing = Usd::ZERO;
        let made = KeyBook {
            account,
            limit: checked_limit(limit)?,
            used: nothing,
            used_before: nothing,
            own_cost: nothing,
            leases: Leases::default(),
            row: Some(row.into()),
        };
        self.keys.insert(key, made);
        Ok(Applied::Key(key))
    }

    pub(super) fn change_key(
        &mut self,
        key: KeyId,
        limit: Option<Usd>,
        row: &str,
    ) -> Result<Applied, BooksError> {
        let limit = checked_limit(limit)?;
        let book = self.live_key(key)?;
        book.limit = limit;
        book.row = Some(row.into());
        Ok(Applied::Key(key))
    }

    /// The row goes; the money stays, as holds of the key may still settle.
    pub(super) fn delete_key(&mut self, key: KeyId) -> Result<Applied, BooksError> {
        self.live_key(key)?.row = None;
        Ok(Applied::Key(key))
    }

    pub(super) fn begin_key_period(&mut self, key: KeyId) -> Result<Applied, BooksError> {
        let book = self.live_key(key)?;
        book.used_before = book.used;
        Ok(Applied::Key(key))
    }

    pub(super) fn apply_catalog(
        &mut self,
        rows_json: &str,
        offers: &[OfferId],
        new_offers: &[(OfferId, String)],
    ) -> Result<Applied, BooksError> {
        let known = self.offers.texts.len();
        for ((found, text), expected) in new_offers.iter().zip(known as u64..) {
            if u64::from(found.0) != expected {
                let found = u64::from(found.0);
                return Err(BooksError::OutOfOrder { what: "offer", expected, found });
            }
            if self.offers.numbers.contains_key(text.as_str()) {
                return Err(BooksError::Exists("offer"));
            }
        }
        let count = known + new_offers.len();
        if let Some(unknown) = offers.iter().find(|offer| offer.0 as usize >= count) {
            return Err(BooksError::UnknownOffer(*unknown));
        }
        for (_, text) in new_offers {
            self.offers.push(Arc::from(text.as_str()));
        }
        self.catalog.generation += 1;
        self.catalog.rows_json = rows_json.to_owned();
        self.catalog.offers = offers.to_vec();
        Ok(Applied::Catalog(self.catalog.generation))
    }

    fn live_key(&mut self, key: KeyId) -> Result<&mut KeyBook, BooksError> {
        let book = self.keys.get_mut(&key).filter(|book| book.row.is_some());
        book.ok_or(BooksError::UnknownKey(key))
    }
}

fn checked_limit(limit: Option<Usd>) -> Result<Option<Usd>, BooksError> {
    match limit {
        Some(limit) if limit.is_negative() => Err(BooksError::BadAmount(limit)),
        limit => Ok(limit),
    }
}
