//! Four thousand models: those of the public price file where it stands beside the checkout, else
//! of our fixture, repeated under further names until there are enough.

use std::path::Path;

use catalog::import::{ImportOptions, import};
use catalog::rows::CatalogRows;

const FIXTURE: &str = include_str!("../../../shared/catalog/fixtures/prices.json");
const MODELS: usize = 4000;

/// The price file's text.
pub(crate) fn price_file() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/model-prices.json");
    std::fs::read_to_string(path).unwrap_or_else(|_| FIXTURE.to_owned())
}

/// Four thousand models of what a price file holds.
pub(crate) fn four_thousand(json: &str) -> CatalogRows {
    let imported = import(json, None, &ImportOptions::default());
    let (mut rows, report) = imported.unwrap_or_default();
    assert!(report.chat > 0, "the price file has no models");
    let once = rows.model.clone();
    for round in 1.. {
        if rows.model.len() >= MODELS {
            break;
        }
        rows.model.extend(once.iter().cloned().map(|mut model| {
            model.id = format!("{}@copy{round}", model.id);
            model
        }));
    }
    rows.model.truncate(MODELS);
    rows
}
