//! The cells of this process: one for each purse and each key, for as long as it lives.
//!
//! Generations come and go; what a core holds of a purse must always be the same cell.

use std::sync::Arc;

use ledger::Purse;
use ledger::cell::{CreditCell, Pace};
use rustc_hash::FxHashMap;
use units::{AccountId, KeyId};

/// Every cell that was ever needed.
#[derive(Default)]
pub struct Cells {
    credit: FxHashMap<Purse, Arc<CreditCell>>,
    pace: FxHashMap<KeyId, Arc<Pace>>,
    free: FxHashMap<AccountId, Arc<Pace>>,
}

impl Cells {
    /// Adds a cell that was made before.
    pub fn add(&mut self, cell: Arc<CreditCell>) {
        self.credit.insert(cell.purse(), cell);
    }

    /// The credit cell of a purse.
    pub fn credit(&mut self, purse: Purse) -> Arc<CreditCell> {
        let made = || Arc::new(CreditCell::new(purse));
        Arc::clone(self.credit.entry(purse).or_insert_with(made))
    }

    /// Every credit cell.
    pub fn each_credit(&self) -> impl Iterator<Item = &Arc<CreditCell>> {
        self.credit.values()
    }

    /// The pace of an account's free requests.
    pub fn free(&mut self, account: AccountId) -> Arc<Pace> {
        Arc::clone(self.free.entry(account).or_default())
    }

    /// The pace of a key.
    pub fn pace(&mut self, key: KeyId) -> Arc<Pace> {
        Arc::clone(self.pace.entry(key).or_default())
    }
}
