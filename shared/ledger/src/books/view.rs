//! What the books say, for everyone who does not change them.

use serde::Serialize;
use units::{
    AccountId, DataPlaneId, Epoch, GenerationId, KeyId, OfferId, UnixMillis, Usd, as_text,
};

use super::Books;
use super::epoch::EpochBook;
use super::lots::Lot;
use super::rows::{AccountBook, CatalogBook, DaySum, KeyBook, Lease, OpenHold};
use super::transaction::{RefundSum, Transaction};
use crate::event::TransactionId;
use crate::postings::Trial;
use crate::purse::Purse;

/// An account, as everyone may see it. Amounts are USD.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountView {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// Whether it is disabled.
    pub disabled: bool,
    /// What else was set for it, which an API tells in its own words.
    #[serde(skip)]
    pub row: String,
    /// When it was opened.
    #[serde(serialize_with = "as_text")]
    pub created_at: UnixMillis,
    /// Credit in, less settled charges.
    pub balance: Usd,
    /// What open holds need, wherever it is lent.
    pub held: Usd,
    /// Balance less held.
    pub available: Usd,
    /// All settled charges, refunded or not.
    pub spent: Usd,
    /// Money paid in.
    pub topped_up: Usd,
    /// Credit given.
    pub granted: Usd,
    /// Corrections, of either sign.
    pub adjusted: Usd,
    /// Charges that went back.
    pub refunded: Usd,
    /// Credit that ended unused.
    pub expired: Usd,
    /// Credit that went back to who paid it.
    pub paid_back: Usd,
    /// What was paid above the credit of top-ups; no part of the balance.
    pub fees: Usd,
    /// What requests cost above their holds that nobody paid.
    pub written_off: Usd,
    /// What of the balance is not lent to any data plane; nothing that an API tells.
    #[serde(skip)]
    pub unlent: Usd,
}

/// A key's money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyView<'b> {
    /// Its id.
    pub id: KeyId,
    /// Whose it is.
    pub account: AccountId,
    /// What it may spend in a period.
    pub limit: Option<Usd>,
    /// What it was ever charged.
    pub used: Usd,
    /// What of that fell into the current period.
    pub used_in_period: Usd,
    /// What providers ever charged its customer for it.
    pub own_cost: Usd,
    /// Its row.
    pub row: &'b str,
}

impl Books {
    /// An account, if there is one.
    pub fn account(&self, id: AccountId) -> Option<AccountView> {
        self.accounts.get(&id).map(|book| account_view(id, book))
    }

    /// Every account's id, in order.
    pub fn account_ids(&self) -> Vec<AccountId> {
        let mut ids: Vec<AccountId> = self.accounts.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// What was set for each account for which anything ever was, in no order.
    pub fn account_rows(&self) -> impl Iterator<Item = (AccountId, &str)> {
        let rows = self.accounts.iter().map(|(id, book)| (*id, &*book.row));
        rows.filter(|(_, row)| !row.is_empty())
    }

    /// What an account used: by day of admission and offer, in that order.
    pub fn days(&self, account: AccountId) -> &[(u32, OfferId, DaySum)] {
        self.accounts.get(&account).map_or(&[], |book| &book.days)
    }

    /// An account's lots in spending order, with all charges drawn; used up ones too.
    pub fn lots(&self, account: AccountId) -> Vec<Lot> {
        let Some(book) = self.accounts.get(&account) else { return Vec::new() };
        let mut lots = book.lots.clone();
        lots.draw(book.sums.spent);
        let mut rows: Vec<Lot> = lots.open.into_iter().chain(lots.done).collect();
        rows.sort_unstable_by_key(Lot::rank);
        rows
    }

    /// What is left of the lot that a transaction began, with all charges drawn.
    pub fn left_of(&self, lot: TransactionId) -> Usd {
        let left = || {
            let row = self.transaction(lot).filter(|row| row.lot == Some(lot))?;
            let book = self.accounts.get(&row.account)?;
            let pending = book.lots.pending(book.sums.spent).ok()?;
            Some(book.lots.left_of(row.rank(), pending))
        };
        left().unwrap_or(Usd::ZERO)
    }

    /// What customers have refunded to themselves on an account since an instant.
    pub fn flagged_since(&self, account: AccountId, since: UnixMillis) -> Usd {
        let rows = self.accounts.get(&account).map_or(&[][..], |book| &book.transactions);
        let newest = rows.iter().rev().take_while(|(day, _)| *day >= since.day());
        let flagged = newest.filter_map(|(_, id)| self.transaction(*id));
        let flagged = flagged.filter(|row| row.flagged && row.at > since);
        flagged.map(|row| row.amount).sum()
    }

    /// Whether customers may refund so much more of an account's charges to themselves: all that
    /// they have since an instant stays within a budget.
    pub fn may_flag(
        &self,
        account: AccountId,
        amount: Usd,
        budget: Usd,
        since: UnixMillis,
    ) -> bool {
        let after = self.flagged_since(account, since).checked_add(amount);
        after.is_some_and(|after| after <= budget)
    }

    /// A key, if there is one that was not deleted.
    pub fn key(&self, id: KeyId) -> Option<KeyView<'_>> {
        self.keys.get(&id).and_then(|book| key_view(id, book))
    }

    /// Every key that was not deleted, in no order.
    pub fn keys(&self) -> impl Iterator<Item = KeyView<'_>> {
        self.keys.iter().filter_map(|(id, book)| key_view(*id, book))
    }

    /// The number for the next key.
    pub fn next_key(&self) -> KeyId {
        KeyId(self.keys.keys().max().map_or(1, |last| last.0.saturating_add(1)))
    }

    /// A transaction, if there is one.
    pub fn transaction(&self, id: TransactionId) -> Option<&Transaction> {
        let place = id.0.checked_sub(1)?;
        self.transactions.get(usize::try_from(place).ok()?)
    }

    /// All transactions, in order.
    pub fn transactions(&self) -> &[Transaction] {
        &self.transactions
    }

    /// The number for the next transaction.
    pub fn next_transaction(&self) -> TransactionId {
        TransactionId(self.transactions.len() as u64 + 1)
    }

    /// The transaction of an account that has this reference: a credit, or one paid back.
    pub fn transaction_by_reference(
        &self,
        account: AccountId,
        reference: &str,
    ) -> Option<&Transaction> {
        let id = self.references.get(&(account, reference.into()))?;
        self.transaction(*id)
    }

    /// What of a generation's charge went back, if anything did.
    pub fn refunds(&self, generation: GenerationId) -> Option<&RefundSum> {
        self.refunds.get(&generation)
    }

    /// Whether the generation's hold was settled and has ended. Of closed epochs every number is
    /// taken for a generation.
    pub fn is_settled(&self, generation: GenerationId) -> bool {
        let GenerationId { dataplane, epoch, ring, seq } = generation;
        if self.is_closed((dataplane, epoch)) {
            return true;
        }
        let ring = self.epoch(dataplane, epoch).and_then(|book| book.rings.get(&ring));
        ring.is_some_and(|ring| seq < ring.next_seq && !ring.open.contains_key(&seq))
    }

    /// An offer's text, if there is such an offer.
    pub fn offer(&self, id: OfferId) -> Option<&str> {
        self.offers.texts.get(id.0 as usize).map(AsRef::as_ref)
    }

    /// The number of the offer that has exactly this text.
    pub fn offer_number(&self, text: &str) -> Option<OfferId> {
        self.offers.numbers.get(text).copied()
    }

    /// The number for the next new offer.
    pub fn next_offer(&self) -> OfferId {
        OfferId(self.offers.texts.len() as u32)
    }

    /// The catalog that is served.
    pub const fn catalog(&self) -> &CatalogBook {
        &self.catalog
    }

    /// The data planes that ever opened an epoch.
    pub fn dataplanes(&self) -> impl Iterator<Item = DataPlaneId> + '_ {
        self.dataplanes.keys().copied()
    }

    /// The number for a data plane's next epoch; the first is 1.
    pub fn next_epoch(&self, dataplane: DataPlaneId) -> Epoch {
        let last = self.dataplanes.get(&dataplane).map_or(Epoch(0), |plane| plane.last_epoch);
        Epoch(last.0.saturating_add(1))
    }

    /// A data plane's epochs that are not closed, in order.
    pub fn open_epochs(&self, dataplane: DataPlaneId) -> impl Iterator<Item = Epoch> + '_ {
        self.dataplanes.get(&dataplane).into_iter().flat_map(|plane| plane.open.keys().copied())
    }

    /// Whether an epoch's leases were taken back, and it is not closed yet.
    pub fn is_fenced(&self, dataplane: DataPlaneId, epoch: Epoch) -> bool {
        self.epoch(dataplane, epoch).is_some_and(|book| book.fenced)
    }

    /// The rings of an open epoch with their marks: everything below is settled.
    pub fn watermarks(&self, dataplane: DataPlaneId, epoch: Epoch) -> Vec<(u16, u64)> {
        let rings = self.epoch(dataplane, epoch).into_iter().flat_map(|book| &book.rings);
        rings.map(|(ring, book)| (*ring, book.next_seq)).collect()
    }

    /// What is lent to an open epoch, in no order.
    pub fn leases(
        &self,
        dataplane: DataPlaneId,
        epoch: Epoch,
    ) -> impl Iterator<Item = (Purse, &Lease)> {
        let purses = self.epoch(dataplane, epoch).into_iter().flat_map(|book| &book.purses);
        purses.filter_map(move |purse| Some((*purse, self.lease(dataplane, epoch, *purse)?)))
    }

    /// What one purse has lent to one open epoch.
    pub fn lease(&self, dataplane: DataPlaneId, epoch: Epoch, purse: Purse) -> Option<&Lease> {
        self.purse_leases(purse).and_then(|leases| leases.get((dataplane, epoch)))
    }

    /// The holds of an open epoch whose end was not seen, in no order.
    pub fn open_holds(
        &self,
        dataplane: DataPlaneId,
        epoch: Epoch,
    ) -> impl Iterator<Item = (GenerationId, &OpenHold)> {
        let rings = self.epoch(dataplane, epoch).into_iter().flat_map(|book| &book.rings);
        rings.flat_map(move |(ring, book)| {
            let id = move |seq: u64| GenerationId { dataplane, epoch, ring: *ring, seq };
            book.open.iter().map(move |(seq, hold)| (id(*seq), hold))
        })
    }

    /// What a purse has that is not lent, never below zero; `None` if there is no such purse.
    pub fn unlent(&self, purse: Purse) -> Option<Usd> {
        let unlent = match purse {
            Purse::Account(account) => Some(self.accounts.get(&account)?.sums.unlent),
            Purse::Key(key) => self.keys.get(&key)?.unlent().ok()?,
            Purse::FreeRequests(account) => self.free.unlent(account).ok(),
        };
        unlent.map(|unlent| unlent.max(Usd::ZERO))
    }

    /// How much more is lent of a purse than it may spend, as after a limit was lowered; zero where
    /// nothing is, or where there is no such purse.
    pub fn overlent(&self, purse: Purse) -> Usd {
        let unlent = match purse {
            Purse::Account(account) => self.accounts.get(&account).map(|row| row.sums.unlent),
            Purse::Key(key) => self.keys.get(&key).and_then(|row| row.unlent().ok().flatten()),
            Purse::FreeRequests(account) => self.free.unlent(account).ok(),
        };
        unlent.filter(|unlent| unlent.is_negative()).map_or(Usd::ZERO, |unlent| -unlent)
    }

    /// What of a purse is lent to each open epoch, zero left out, in the order of lending.
    pub fn lent(&self, purse: Purse) -> impl Iterator<Item = (DataPlaneId, Epoch, Lease)> + '_ {
        let leases = self.purse_leases(purse).into_iter().flat_map(|leases| &leases.rows);
        let out = leases.filter(|(_, lease)| !lease.outstanding().is_zero());
        out.map(|((dataplane, epoch), lease)| (*dataplane, *epoch, *lease))
    }

    /// The totals of double entry.
    pub const fn trial(&self) -> &Trial {
        &self.trial
    }

    fn epoch(&self, dataplane: DataPlaneId, epoch: Epoch) -> Option<&EpochBook> {
        self.dataplanes.get(&dataplane).and_then(|plane| plane.open.get(&epoch))
    }
}

fn account_view(id: AccountId, book: &AccountBook) -> AccountView {
    let sums = &book.sums;
    let balance = sums.balance().unwrap_or(Usd::ZERO);
    AccountView {
        id,
        name: book.name.to_string(),
        disabled: book.disabled,
        row: book.row.to_string(),
        created_at: book.opened_at,
        balance,
        held: sums.held,
        available: balance.checked_sub(sums.held).unwrap_or(Usd::ZERO),
        spent: sums.spent,
        topped_up: sums.topped_up,
        granted: sums.granted,
        adjusted: sums.adjusted,
        refunded: sums.refunded,
        expired: sums.expired,
        paid_back: sums.paid_back,
        fees: sums.fees,
        written_off: sums.written_off,
        unlent: sums.unlent,
    }
}

fn key_view(id: KeyId, book: &KeyBook) -> Option<KeyView<'_>> {
    Some(KeyView {
        id,
        account: book.account,
        limit: book.limit,
        used: book.used,
        own_cost: book.own_cost,
        used_in_period: book.used.checked_sub(book.used_before).unwrap_or(Usd::ZERO),
        row: book.row.as_deref()?,
    })
}
