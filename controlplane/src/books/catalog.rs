//! Catalog writes: compiled, compared, numbered, booked as one event.
//!
//! Invariants: all or nothing, with every complaint at once; an edit that changes nothing books
//! nothing; an offer whose terms did not change keeps its number, so prices of old charges stay
//! what they were; where a master key is set, literal keys are written down sealed; a catalog that
//! no batch of the journal could hold is refused before that.

use catalog::rows::{CatalogRows, ProviderRow};
use ledger::event::Event;

use super::catalog_edit::{CatalogChange, CatalogEdit, difference};
use super::own_keys::{seal_refused, sealed_key};
use super::register::number;
use super::thread::{Ledger, refused};
use crate::refuse::Refusal;
use crate::store::embedded::EVENT_BYTES_MAX;

impl Ledger {
    pub(crate) fn edit_catalog(
        &mut self,
        edit: CatalogEdit,
        dry_run: bool,
    ) -> Result<CatalogChange, Refusal> {
        let before = self.opened_rows();
        let rows = edit.apply(&before)?;
        let changes = difference(&before, &rows);
        let rows = self.sealed_rows(rows)?;
        let numbered = number(&self.books, &rows, self.profile.multiplier)?;
        let repriced = numbered.offers != self.books.catalog().offers;
        if !changes.is_empty() || repriced || rows != self.register.rows {
            let applied = Event::CatalogApplied {
                rows_json: written(&rows)?,
                offers: numbered.offers,
                new_offers: numbered.new_offers,
            };
            check_length(&applied)?;
            if !dry_run {
                self.book(&applied).map_err(refused)?;
            }
        }
        let (generation, warnings) = (self.register.generation, numbered.warnings);
        Ok(CatalogChange { generation, changes, warnings })
    }

    /// The catalog with its literal keys as they were given; one that does not open stays sealed.
    pub(crate) fn opened_rows(&self) -> CatalogRows {
        let mut rows = self.register.rows.clone();
        let Some(master) = &self.master_keys else { return rows };
        for provider in &mut rows.provider {
            let purpose = ProviderRow::key_purpose(&provider.id);
            for key in provider.api_keys.iter_mut().filter(|key| seal::is_sealed(key)) {
                if let Ok(opened) = master.open(&purpose, key) {
                    *key = opened;
                }
            }
        }
        rows
    }

    /// The catalog with its literal keys as they are written down.
    fn sealed_rows(&self, mut rows: CatalogRows) -> Result<CatalogRows, Refusal> {
        for provider in &mut rows.provider {
            let purpose = ProviderRow::key_purpose(&provider.id);
            let known = self.register.rows.provider.iter().find(|row| row.id == provider.id);
            let before = known.map_or(&[][..], |row| &row.api_keys);
            for key in &mut provider.api_keys {
                let text = std::mem::take(key);
                let sealed = sealed_key(self.master_keys.as_ref(), &purpose, text, before);
                *key = sealed.map_err(seal_refused)?;
            }
        }
        Ok(rows)
    }

    /// Numbers the catalog again where the profile's multiplier now gives other prices.
    pub(crate) fn reprice(&mut self) -> Result<(), Refusal> {
        if self.books.catalog().generation == 0 {
            return Ok(());
        }
        self.edit_catalog(CatalogEdit::Whole(self.opened_rows()), false).map(drop)
    }
}

/// A catalog is one event, whole, with what is new of its offers.
fn check_length(applied: &Event) -> Result<(), Refusal> {
    let mut bytes = Vec::new();
    applied.encode(&mut bytes).map_err(|fault| Refusal::Unavailable(fault.to_string()))?;
    if bytes.len() <= EVENT_BYTES_MAX {
        return Ok(());
    }
    let what = "the catalog, with its new prices, as it would be written down,";
    Err(Refusal::TooLarge { what, limit: EVENT_BYTES_MAX })
}

fn written(rows: &CatalogRows) -> Result<String, Refusal> {
    serde_json::to_string(rows).map_err(|error| Refusal::Unavailable(error.to_string()))
}
