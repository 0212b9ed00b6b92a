//! What the ledger looks up besides money: keys by digest, the catalog's rows, offers' terms.
//!
//! The books keep these as opaque text; here they are read once into types. Invariants: derived
//! from the books and nothing else, but for the generation, which rises by one with each event
//! that data planes must hear of and stands in the checkpoint.

use std::collections::{BTreeMap, HashMap};

use catalog::keys::KeyRow;
use catalog::own_keys::OwnKeyRow;
use catalog::rows::CatalogRows;
use catalog::{CompileOptions, Compiled, OfferRow, compile};
use ledger::books::Books;
use ledger::event::{CreditKind, Event};
use link::KeyChanges;
use serde::Deserialize;
use units::{AccountId, KeyDigest, KeyId, OfferId, Usd};

use crate::plans::{self, AccountRow, NOTHING_SET, Plans};
use crate::refuse::Refusal;

/// What is looked up.
#[derive(Default)]
pub(crate) struct Register {
    pub(crate) generation: u64,
    plans: Plans,
    /// What was set for accounts, where anything was.
    accounts: HashMap<AccountId, AccountRow>,
    pub(crate) rows: CatalogRows,
    keys: BTreeMap<KeyId, KeyRow>,
    by_digest: HashMap<KeyDigest, KeyId>,
    by_account: BTreeMap<AccountId, Vec<KeyId>>,
    own_keys: BTreeMap<AccountId, Vec<OwnKeyRow>>,
    offers: Vec<OfferRow>,
}

/// What data planes must hear of an event.
pub(crate) enum News {
    /// Nothing.
    None,
    /// These keys changed.
    Keys(Vec<(KeyDigest, Option<KeyRow>)>),
    /// The own provider keys of an account are these now.
    OwnKeys(AccountId, Vec<OwnKeyRow>),
    /// The catalog changed.
    Catalog,
}

impl News {
    /// The key changes of a publication.
    pub(crate) fn keys(&self) -> KeyChanges {
        match self {
            Self::Keys(changes) => KeyChanges::Delta(changes.clone()),
            Self::None | Self::OwnKeys(..) | Self::Catalog => KeyChanges::Delta(Vec::new()),
        }
    }

    /// Whose own keys changed, with all that they are now.
    pub(crate) fn own_keys(&self) -> Vec<(AccountId, Vec<OwnKeyRow>)> {
        match self {
            Self::OwnKeys(account, rows) => vec![(*account, rows.clone())],
            _ => Vec::new(),
        }
    }
}

impl Register {
    /// The register of these books, at this generation, under these plans.
    ///
    /// # Errors
    /// Their text is not a row: something else wrote it.
    pub(crate) fn of(books: &Books, generation: u64, plans: Plans) -> Result<Self, String> {
        let mut register = Self { generation, plans, ..Self::default() };
        for (account, row) in books.account_rows() {
            register.put_account(account, row)?;
        }
        // In the order in which they were made, each goes to the end of its account's list.
        let mut keys: Vec<_> = books.keys().collect();
        keys.sort_unstable_by_key(|key| key.id);
        for key in keys {
            register.put_key(read(key.row)?);
        }
        for row in books.own_keys() {
            register.put_own_key(read(row)?);
        }
        for offer in 0..books.next_offer().0 {
            register.offers.push(read(books.offer(OfferId(offer)).unwrap_or_default())?);
        }
        if books.catalog().generation > 0 {
            register.rows = read(&books.catalog().rows_json)?;
        }
        Ok(register)
    }

    /// Takes an event that the books took.
    ///
    /// # Errors
    /// Its text is not a row: something else wrote it.
    pub(crate) fn apply(&mut self, event: &Event, books: &Books) -> Result<News, String> {
        let news = self.fold(event, books)?;
        if !matches!(news, News::None) {
            self.generation += 1;
        }
        Ok(news)
    }

    fn fold(&mut self, event: &Event, books: &Books) -> Result<News, String> {
        match event {
            Event::AccountChanged { account, row, .. } => {
                self.put_account(*account, row)?;
                Ok(self.news_of(*account, books))
            }
            Event::Credited { account, kind: CreditKind::TopUp, amount, .. } => {
                Ok(self.news_of_sale(*account, books, *amount))
            }
            Event::PaidBack { lot, amount, .. } => {
                let account = books.transaction(*lot).map(|row| row.account);
                Ok(account.map_or(News::None, |of| self.news_of_sale(of, books, -*amount)))
            }
            Event::KeyMade { row, .. } | Event::KeyChanged { row, .. } => {
                let row: KeyRow = read(row)?;
                let told = self.served(&row, books);
                self.put_key(row);
                Ok(News::Keys(vec![(told.digest, Some(told))]))
            }
            Event::KeyDeleted { key } => {
                let Some(row) = self.keys.remove(key) else { return Ok(News::None) };
                self.by_digest.remove(&row.digest);
                if let Some(keys) = self.by_account.get_mut(&row.account) {
                    keys.retain(|other| other != key);
                }
                Ok(News::Keys(vec![(row.digest, None)]))
            }
            Event::OwnKeySet { id, account, row } => {
                let rows = self.own_keys.entry(*account).or_default();
                rows.retain(|other| other.id != *id);
                if let Some(row) = row {
                    self.put_own_key(read(row)?);
                }
                Ok(News::OwnKeys(*account, self.own_keys_of(*account).to_vec()))
            }
            Event::CatalogApplied { rows_json, new_offers, .. } => {
                self.rows = read(rows_json)?;
                for (_, row) in new_offers {
                    self.offers.push(read(row)?);
                }
                Ok(News::Catalog)
            }
            _ => Ok(News::None),
        }
    }

    /// All keys of an account, of which something has changed.
    fn news_of(&self, account: AccountId, books: &Books) -> News {
        let keys = self.keys_of(account).map(|row| self.served(row, books));
        News::Keys(keys.map(|row| (row.digest, Some(row))).collect())
    }

    /// The same after so much was bought, if that changes what the account may have for nothing.
    fn news_of_sale(&self, account: AccountId, books: &Books, amount: Usd) -> News {
        let bought = books.account(account).map_or(Usd::ZERO, |view| plans::bought(&view));
        let before = bought.checked_sub(amount).unwrap_or(Usd::ZERO);
        if self.plans.free(before) == self.plans.free(bought) {
            return News::None;
        }
        self.news_of(account, books)
    }

    /// A key as data planes serve by it.
    pub(crate) fn served(&self, row: &KeyRow, books: &Books) -> KeyRow {
        match books.account(row.account) {
            Some(account) => self.plans.served(row, self.account_row(row.account), &account),
            None => KeyRow { disabled: true, ..row.clone() },
        }
    }

    /// What was set for an account.
    pub(crate) fn account_row(&self, account: AccountId) -> &AccountRow {
        self.accounts.get(&account).unwrap_or(&NOTHING_SET)
    }

    fn put_account(&mut self, account: AccountId, text: &str) -> Result<(), String> {
        let row = AccountRow::read(text)?;
        if row == NOTHING_SET {
            self.accounts.remove(&account);
        } else {
            self.accounts.insert(account, row);
        }
        Ok(())
    }

    fn put_key(&mut self, row: KeyRow) {
        self.by_digest.insert(row.digest, row.id);
        let keys = self.by_account.entry(row.account).or_default();
        if let Err(place) = keys.binary_search(&row.id) {
            keys.insert(place, row.id);
        }
        self.keys.insert(row.id, row);
    }

    fn put_own_key(&mut self, row: OwnKeyRow) {
        self.own_keys.entry(row.account).or_default().push(row);
    }

    /// The own provider keys of an account.
    pub(crate) fn own_keys_of(&self, account: AccountId) -> &[OwnKeyRow] {
        self.own_keys.get(&account).map_or(&[], Vec::as_slice)
    }

    /// Every account that has own provider keys, with all of them.
    pub(crate) fn own_keys(&self) -> Vec<(AccountId, Vec<OwnKeyRow>)> {
        let some = self.own_keys.iter().filter(|(_, rows)| !rows.is_empty());
        some.map(|(account, rows)| (*account, rows.clone())).collect()
    }

    /// The key of a digest.
    pub(crate) fn key(&self, digest: &KeyDigest) -> Option<&KeyRow> {
        self.keys.get(self.by_digest.get(digest)?)
    }

    /// The key of a number.
    pub(crate) fn key_numbered(&self, key: KeyId) -> Option<&KeyRow> {
        self.keys.get(&key)
    }

    /// Every key.
    pub(crate) fn keys(&self) -> impl ExactSizeIterator<Item = &KeyRow> {
        self.keys.values()
    }

    /// The keys of an account, in the order in which they were made.
    pub(crate) fn keys_of(&self, account: AccountId) -> impl Iterator<Item = &KeyRow> {
        let keys = self.by_account.get(&account).map(Vec::as_slice).unwrap_or_default();
        keys.iter().filter_map(|key| self.keys.get(key))
    }

    /// The terms of an offer.
    pub(crate) fn offer(&self, number: OfferId) -> Option<&OfferRow> {
        self.offers.get(number.0 as usize)
    }
}

/// A catalog's offers with their numbers.
pub(crate) struct Numbered {
    /// In the catalog's order.
    pub(crate) offers: Vec<OfferId>,
    /// Those never sold before, as text.
    pub(crate) new_offers: Vec<(OfferId, String)>,
    /// What is allowed but looks like a mistake.
    pub(crate) warnings: Vec<String>,
}

/// Compiles rows and numbers their offers: an equal one keeps its number, others get the next.
pub(crate) fn number(
    books: &Books,
    rows: &CatalogRows,
    multiplier: (u64, u64),
) -> Result<Numbered, Refusal> {
    let Compiled { catalog, warnings } =
        compile(rows, &CompileOptions { multiplier }).map_err(|complaints| {
            Refusal::Complaints(complaints.iter().map(ToString::to_string).collect())
        })?;
    let first = books.next_offer().0;
    let mut numbered = Numbered {
        offers: Vec::new(),
        new_offers: Vec::new(),
        warnings: warnings.iter().map(ToString::to_string).collect(),
    };
    let mut fresh: HashMap<String, OfferId> = HashMap::new();
    for offer in catalog.offers() {
        let text = serde_json::to_string(&offer)
            .map_err(|error| Refusal::Unavailable(error.to_string()))?;
        let known = books.offer_number(&text).or_else(|| fresh.get(&text).copied());
        let number = known.unwrap_or_else(|| {
            let number = OfferId(first + numbered.new_offers.len() as u32);
            numbered.new_offers.push((number, text.clone()));
            fresh.insert(text, number);
            number
        });
        numbered.offers.push(number);
    }
    Ok(numbered)
}

fn read<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}
