//! The playground's own account: a key that nobody has, and credit for one day at a time.
//!
//! Guests have no key and no account, and still every request is held and charged like any other.
//! What they may spend in a UTC day is a grant that ends with it, so that no counter can let them
//! spend more, and the books show what the playground costs.
//! Invariant: the account is known by its key's class, never by its name.

use catalog::keys::{KeyClass, KeyRow};
use ledger::event::{CreditKind, Event};
use units::{UnixMillis, Usd};

use super::keys::written;
use super::order::AccountOrder;
use super::thread::{Ledger, refused};
use crate::mint;
use crate::plans::Playground;
use crate::refuse::Refusal;

const NAME: &str = "playground";

impl Ledger {
    /// Brings the playground's account to what the profile says, at a start.
    pub(crate) fn keep_playground(&mut self) -> Result<(), Refusal> {
        let known = self.guest_key();
        let Some(terms) = self.profile.plans.playground.clone() else {
            return known.map_or(Ok(()), |row| {
                self.book(&Event::KeyDeleted { key: row.id }).map(drop).map_err(refused)
            });
        };
        match known {
            Some(row) => self.keep_guest_key(row, &terms)?,
            None => self.make_guest_key(&terms)?,
        }
        self.fund_playground()
    }

    fn guest_key(&self) -> Option<KeyRow> {
        let mut guests = self.register.keys().filter(|row| row.class == KeyClass::Guest);
        guests.next().cloned()
    }

    fn keep_guest_key(&mut self, old: KeyRow, terms: &Playground) -> Result<(), Refusal> {
        let row = with_terms(old.clone(), terms);
        if row != old {
            let (key, limit) = (row.id, row.limit);
            let changed = Event::KeyChanged { key, limit, row: written(&row)? };
            self.book(&changed).map_err(refused)?;
        }
        Ok(())
    }

    fn make_guest_key(&mut self, terms: &Playground) -> Result<(), Refusal> {
        let order = AccountOrder { name: NAME.to_owned(), signup: false };
        let account = self.open_account(order)?.id;
        // The text is forgotten: only the data plane's own look-up by class finds this key.
        let minted = mint::mint(&self.profile.live_prefix)
            .map_err(|error| Refusal::Unavailable(format!("no randomness: {error}")))?;
        let row = KeyRow {
            name: NAME.to_owned(),
            label: NAME.to_owned(),
            class: KeyClass::Guest,
            ..KeyRow::new(self.books.next_key(), minted.digest, account, self.now)
        };
        let row = with_terms(row, terms);
        let made = Event::KeyMade { key: row.id, account, limit: None, row: written(&row)? };
        self.book(&made).map_err(refused)?;
        Ok(())
    }

    /// Gives guests what they may spend today, once.
    pub(crate) fn fund_playground(&mut self) -> Result<(), Refusal> {
        let terms = self.profile.plans.playground.as_ref();
        let Some(amount) = terms.map(|terms| terms.spend_per_day) else { return Ok(()) };
        let Some(account) = self.guest_key().map(|row| row.account) else { return Ok(()) };
        let reference = format!("{NAME} {}", self.now.date());
        let is_given = self.books.transaction_by_reference(account, &reference).is_some();
        if is_given || amount.is_zero() {
            return Ok(());
        }
        let grant = Event::Credited {
            transaction: self.books.next_transaction(),
            account,
            kind: CreditKind::Grant,
            amount,
            fee: Usd::ZERO,
            method: String::new(),
            reference,
            expires_at: Some(UnixMillis::of_day(self.now.day() + 1)),
            refund_until: None,
            at: self.now,
        };
        self.book_transaction(&grant).map(drop).map_err(refused)
    }
}

/// The key as the profile wants it.
fn with_terms(row: KeyRow, terms: &Playground) -> KeyRow {
    KeyRow {
        rpm: Some(terms.rpm),
        rpd: terms.per_day,
        allowed_models: Some(terms.models.clone()),
        ..row
    }
}
