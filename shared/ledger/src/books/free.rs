//! Requests on customers' own provider keys that cost no fee: so many for each account and month.
//!
//! They are lent, held, settled and returned like money, by the rules of any purse, so that each is
//! given away once, whatever cores, data planes and crashes do: what is lent is not there to be
//! lent again, and what is used of it is counted from the records that used it.
//! Invariants: used in a period and lent are together never more than the limit, unless that was
//! lowered. Left out on purpose: when a month begins, and what the fee is.

use rustc_hash::FxHashMap;
use units::{AccountId, UnixMillis, Usd};

use super::lease::EpochName;
use super::rows::{Lease, Leases, add, less};
use super::settle::within;
use super::{Applied, Books, BooksError};
use crate::purse::Purse;

/// The free requests of all accounts. Counts are amounts, as in any purse.
#[derive(Clone, Debug, Default)]
pub(super) struct FreeBook {
    /// How many an account has in a period.
    pub(super) limit: Usd,
    /// When the current period began, or the first was known of.
    pub(super) began: UnixMillis,
    pub(super) rows: FxHashMap<AccountId, FreeRow>,
}

/// Those of one account.
#[derive(Clone, Debug, Default)]
pub(super) struct FreeRow {
    /// All that were ever used.
    pub(super) used: Usd,
    /// Those of them that were used before the current period.
    pub(super) used_before: Usd,
    pub(super) leases: Leases,
}

impl FreeBook {
    /// What of an account's is neither used nor lent; below zero after the limit was lowered.
    pub(super) fn unlent(&self, account: AccountId) -> Result<Usd, BooksError> {
        let Some(row) = self.rows.get(&account) else { return Ok(self.limit) };
        let used = less(row.used, row.used_before)?;
        less(less(self.limit, used)?, row.leases.outstanding())
    }

    pub(super) fn leases(&self, account: AccountId) -> Option<&Leases> {
        self.rows.get(&account).map(|row| &row.leases)
    }

    /// All that is used of an account's, and its lease, after so many more are held and used.
    pub(super) fn after(
        &self,
        account: AccountId,
        name: EpochName,
        (held, used): (Usd, Usd),
    ) -> Result<(Usd, Lease), BooksError> {
        let purse = Purse::FreeRequests(account);
        let row = self.rows.get(&account).ok_or(BooksError::NoLease(purse))?;
        let lease = row.leases.get(name).ok_or(BooksError::NoLease(purse))?;
        let (settled, held) = (add(lease.settled, used)?, add(lease.held, held)?);
        let after = Lease { settled, held, ..*lease };
        within(purse, &after)?;
        Ok((add(row.used, used)?, after))
    }

    /// Writes what was worked out from [`Self::after`].
    pub(super) fn write(&mut self, account: AccountId, name: EpochName, used: Usd, after: Lease) {
        if let Some(row) = self.rows.get_mut(&account) {
            row.used = used;
            if let Some(lease) = row.leases.get_mut(name) {
                *lease = after;
            }
        }
    }
}

impl Books {
    pub(super) fn set_free_requests(
        &mut self,
        requests: u64,
        at: UnixMillis,
    ) -> Result<Applied, BooksError> {
        let limit = Usd::from_pico(i128::from(requests));
        if self.free.limit == limit {
            return Ok(Applied::Nothing);
        }
        if self.free.began == UnixMillis(0) {
            self.free.began = at;
        }
        self.free.limit = limit;
        Ok(Applied::Lending)
    }

    pub(super) fn begin_free_requests(&mut self, at: UnixMillis) -> Result<Applied, BooksError> {
        self.free.began = at;
        for row in self.free.rows.values_mut() {
            row.used_before = row.used;
        }
        Ok(Applied::Lending)
    }

    /// How many free requests an account has in a period.
    pub fn free_requests(&self) -> u64 {
        u64::try_from(self.free.limit.pico()).unwrap_or(0)
    }

    /// When the current period of free requests began, or the first was known of.
    pub const fn free_requests_began(&self) -> UnixMillis {
        self.free.began
    }

    /// How many of them an account has used in the current one.
    pub fn free_requests_used(&self, account: AccountId) -> u64 {
        let used =
            self.free.rows.get(&account).and_then(|row| less(row.used, row.used_before).ok());
        used.and_then(|used| u64::try_from(used.pico()).ok()).unwrap_or(0)
    }

    /// The accounts that were ever lent some, in order.
    pub fn free_request_accounts(&self) -> Vec<AccountId> {
        let mut accounts: Vec<AccountId> = self.free.rows.keys().copied().collect();
        accounts.sort_unstable();
        accounts
    }

    /// A customer's own provider key, or its end where the row is `None`.
    pub(super) fn set_own_key(
        &mut self,
        id: &str,
        account: AccountId,
        row: Option<&str>,
    ) -> Result<Applied, BooksError> {
        let owner = self.own_keys.get(id).map(|(owner, _)| *owner);
        if !self.accounts.contains_key(&account) || owner.is_some_and(|owner| owner != account) {
            return Err(BooksError::UnknownAccount(account));
        }
        match row {
            Some(row) => drop(self.own_keys.insert(id.into(), (account, row.into()))),
            None => drop(self.own_keys.remove(id)),
        }
        Ok(Applied::Account(account))
    }

    /// The rows of all customers' own provider keys, in the order of their ids.
    pub fn own_keys(&self) -> impl Iterator<Item = &str> {
        self.own_keys.values().map(|(_, row)| &**row)
    }
}
