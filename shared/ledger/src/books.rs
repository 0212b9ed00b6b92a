//! The books: the fold of all events, and the only function that changes balances.
//!
//! Purpose: [`Books::apply`] takes one event, checks it whole, and then changes whatever it moves.
//! A refused event has changed nothing.
//! Invariants (checked in release too; a breach comes back as an error, never a panic):
//! * a hold ends once, by an end that names its account, key and amount;
//! * a run starts right after what was settled of its ring; one that was settled is a no-op;
//! * what an epoch settled and returned is within what it was lent;
//! * nothing is lent, adjusted away or expired beyond what an account has unlent;
//! * the refunds of a generation stay within its charge;
//! * a reference names one transaction for ever;
//! * every credit is a lot, and what became of it is its amount.
//!
//! ```text
//!            Credited, Refunded           Lent                     Post
//!   outside --------------------> unlent ------> lease of an epoch ------> spent
//!                                        <------
//!                                   Return, Returned, EpochClosed, EpochFenced
//! ```
//! Left out on purpose: generations (the view keeps them; here are only their daily sums, and the
//! refunds), clocks, and what a catalog or a key means.

pub mod audit;
mod checkpoint;
mod credit;
mod epoch;
mod error;
mod free;
mod generation;
mod lease;
mod lots;
#[cfg(test)]
mod model;
mod names;
mod rows;
mod settle;
mod statement;
#[cfg(test)]
pub(crate) mod tests;
mod transaction;
mod view;

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use units::{AccountId, DataPlaneId, GenerationId, KeyId};

use crate::event::{Event, TransactionId};
use crate::postings::Trial;

pub use checkpoint::CheckpointFault;
pub use error::{Blame, BooksError, Promise};
pub use generation::{EndKind, Generation};
pub use lots::Lot;
pub use rows::{CatalogBook, DaySum, Lease, OpenHold};
pub use statement::{RowEntry, RowPlace, StatementRow};
pub use transaction::{RefundSum, Transaction, TransactionKind};
pub use view::{AccountView, KeyView};

use epoch::DataPlaneBook;
use free::FreeBook;
use rows::{AccountBook, KeyBook, Lending, Offers};
use settle::Draft;

/// Everything the ledger knows.
#[derive(Clone, Debug, Default)]
pub struct Books {
    accounts: FxHashMap<AccountId, Box<AccountBook>>,
    keys: FxHashMap<KeyId, KeyBook>,
    transactions: Vec<Transaction>,
    references: FxHashMap<(AccountId, Box<str>), TransactionId>,
    refunds: FxHashMap<GenerationId, RefundSum>,
    /// By id, each with its account and its row.
    own_keys: BTreeMap<Box<str>, (AccountId, Box<str>)>,
    free: FreeBook,
    offers: Offers,
    catalog: CatalogBook,
    dataplanes: BTreeMap<DataPlaneId, DataPlaneBook>,
    lending: Lending,
    trial: Trial,
    draft: Draft,
}

/// What an event did, for whoever keeps a view of the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Nothing: it was applied before. It belongs in no journal.
    Nothing,
    /// An account began or changed.
    Account(AccountId),
    /// A key began, changed or ended.
    Key(KeyId),
    /// A catalog took over, as this generation of catalogs.
    Catalog(u64),
    /// A new row of an account's transactions.
    Transacted(Transaction),
    /// Nothing: this earlier transaction has the same reference. It belongs in no journal.
    Repeated(Transaction),
    /// An epoch began or ended, or credit was lent or returned: no balance changed.
    Lending,
    /// Records were settled; [`Books::ended`] has the generations that they ended.
    Settled {
        /// The accounts they moved, each once.
        accounts: Vec<AccountId>,
    },
}

impl Books {
    /// Empty books.
    pub fn new() -> Self {
        Self::default()
    }

    /// The generations that the last settlement ended, in the order of their ends.
    pub fn ended(&self) -> &[Generation] {
        &self.draft.ended
    }

    /// Applies one event, whole or not at all.
    ///
    /// # Errors
    /// Why the event cannot be true: see [`BooksError::blame`] for whose fault that is. The books
    /// are as they were.
    pub fn apply(&mut self, event: &Event) -> Result<Applied, BooksError> {
        match event {
            Event::AccountOpened { account, name, at } => self.open_account(*account, name, *at),
            Event::AccountChanged { account, name, disabled, row } => {
                self.change_account(*account, (name, row), *disabled)
            }
            Event::KeyMade { key, account, limit, row } => {
                self.make_key(*key, *account, *limit, row)
            }
            Event::KeyChanged { key, limit, row } => self.change_key(*key, *limit, row),
            Event::KeyDeleted { key } => self.delete_key(*key),
            Event::KeyPeriodBegan { key, .. } => self.begin_key_period(*key),
            Event::OwnKeySet { id, account, row } => self.set_own_key(id, *account, row.as_deref()),
            Event::FreeRequestsSet { requests, at } => self.set_free_requests(*requests, *at),
            Event::FreeRequestsBegan { at } => self.begin_free_requests(*at),
            Event::CatalogApplied { rows_json, offers, new_offers } => {
                self.apply_catalog(rows_json, offers, new_offers)
            }
            Event::Credited { .. }
            | Event::Expired { .. }
            | Event::Refunded { .. }
            | Event::PaidBack { .. } => self.transact(event),
            Event::EpochOpened { dataplane, epoch } => self.open_epoch(*dataplane, *epoch),
            Event::EpochClosed { dataplane, epoch } => self.close_epoch((*dataplane, *epoch)),
            Event::EpochFenced { dataplane, epoch } => self.fence_epoch((*dataplane, *epoch)),
            Event::DirectoryTaken { dataplane, directory } => {
                self.take_directory(*dataplane, *directory)
            }
            Event::Lent { dataplane, epoch, purse, amount } => {
                self.lend((*dataplane, *epoch), *purse, *amount)
            }
            Event::Returned { dataplane, epoch, purse, amount } => {
                self.reclaim((*dataplane, *epoch), *purse, *amount)
            }
            Event::Settled { dataplane, epoch, run } => self.settle((*dataplane, *epoch), run),
        }
    }
}
