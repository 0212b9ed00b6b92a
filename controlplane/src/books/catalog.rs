//! Catalog writes: compiled, compared, numbered, booked as one event.
//!
//! Invariants: all or nothing, with every complaint at once; an edit that changes nothing books
//! nothing; an offer whose terms did not change keeps its number, so prices of old charges stay
//! what they were; a catalog that no batch of the journal could hold is refused before that.

use catalog::rows::CatalogRows;
use ledger::event::Event;

use super::catalog_edit::{CatalogChange, CatalogEdit, difference};
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
        let rows = edit.apply(&self.register.rows)?;
        let changes = difference(&self.register.rows, &rows);
        let numbered = number(&self.books, &rows, self.profile.multiplier)?;
        let repriced = numbered.offers != self.books.catalog().offers;
        if !changes.is_empty() || repriced {
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

    /// Numbers the catalog again where the profile's multiplier now gives other prices.
    pub(crate) fn reprice(&mut self) -> Result<(), Refusal> {
        if self.books.catalog().generation == 0 {
            return Ok(());
        }
        self.edit_catalog(CatalogEdit::Whole(self.register.rows.clone()), false).map(drop)
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
