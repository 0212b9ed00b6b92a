//! From a public price file to catalog rows.
//!
//! Purpose: reads a JSON object of rows by model name, each with prices in USD a token as JSON
//! numbers, sizes, modalities and capabilities, and makes models that compile.
//! Invariants: number texts are read digit by digit, no float on the way; what a row charges for
//! and our classes cannot express is never passed over in silence: it is left out and counted, or
//! the whole row is; what comes out compiles without complaint.
//! Left out on purpose: batch prices, off-peak hours, regional surcharges (counted).

mod merge;
mod price;
mod providers;
mod report;
mod row;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::compile::{CompileOptions, compile};
use crate::complaint::{Complaint, Place};
use crate::rows::{CatalogRows, ModelRow};

pub use crate::source::to_toml;
pub use report::{ImportReport, LeftOut, Simplified};

/// What to import and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// Only these providers; all where empty.
    pub providers: Vec<String>,
    /// Write prices as list x numerator / denominator; only list prices where absent.
    pub multiplier: Option<(u64, u64)>,
    /// Join models of equal names into one of several endpoints.
    pub merge: bool,
    /// Take rows priced 0/0 too.
    pub allow_free: bool,
}

/// Reads a price file; `providers_json` adds to the known providers.
///
/// # Errors
/// Where a text is not of its format, an option makes no sense, or a provider's address is one
/// that a catalog may not have. Single rows never fail: they are left out and counted.
pub fn import(
    json: &str,
    providers_json: Option<&str>,
    options: &ImportOptions,
) -> Result<(CatalogRows, ImportReport), Complaint> {
    let known = providers::provider_rows(providers_json)?;
    check(options, |id| known.contains_key(id))?;
    let file: Fields<'_> = serde_json::from_str(json).map_err(|error| {
        let what = format!("the price file: {error}");
        Complaint::new(Place::default(), what, "give a JSON object of rows by model name")
    })?;
    let mut report = ImportReport::default();
    let mut models: Vec<ModelRow> = Vec::new();
    let mut ids = BTreeSet::new();
    for (name, row) in &file.0 {
        let read = row::model_row(name, row, &known, options, &mut report);
        match read.and_then(|model| unseen(model, &mut ids)) {
            Ok(model) => models.push(model),
            Err(reason) => report.leave_out(reason),
        }
    }
    if options.merge {
        models = merge::merge(models);
    }
    let used: BTreeSet<&str> =
        models.iter().flat_map(|model| &model.endpoint).map(|e| e.provider.as_str()).collect();
    let provider = known.into_iter().filter(|(id, _)| used.contains(id.as_str()));
    let provider = provider.map(|(_, row)| row).collect();
    let rows = CatalogRows { provider, model: models, tier: Vec::new() };
    report.count(&rows);
    match compile(&rows, &CompileOptions::default()) {
        Ok(_) => Ok((rows, report)),
        Err(mut complaints) => Err(complaints.swap_remove(0)),
    }
}

fn check(options: &ImportOptions, known: impl Fn(&str) -> bool) -> Result<(), Complaint> {
    let complain = |what: String, remedy| Err(Complaint::new(Place::default(), what, remedy));
    if let Some(id) = options.providers.iter().find(|id| !known(id)) {
        let what = format!("the provider {id:?} is unknown");
        return complain(what, "correct it, or add it with --providers FILE");
    }
    match options.multiplier {
        Some((0, _) | (_, 0)) => complain(
            "the multiplier is zero".to_owned(),
            "give one above zero, such as 0.2 or 1.15",
        ),
        _ => Ok(()),
    }
}

fn unseen(model: ModelRow, ids: &mut BTreeSet<String>) -> Result<ModelRow, LeftOut> {
    if ids.insert(model.id.clone()) { Ok(model) } else { Err(LeftOut::SameId) }
}

/// The members of a JSON object in their order, values unread.
struct Fields<'j>(Vec<(Cow<'j, str>, &'j RawValue)>);

impl<'j> Fields<'j> {
    /// The text of a member's value; `None` where it is absent or `null`.
    fn text(&self, name: &str) -> Option<&'j str> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        Some(value.get()).filter(|text| *text != "null")
    }

    /// A member's value, where it is of the kind asked for.
    fn value<T: Deserialize<'j>>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.text(name)?).ok()
    }
}

impl<'de: 'j, 'j> Deserialize<'de> for Fields<'j> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::with_capacity(map.size_hint().unwrap_or(32));
                while let Some(key) = map.next_key::<Key<'de>>()? {
                    fields.push((key.0, map.next_value()?));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// A member's name, borrowed where it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Key<'j>(#[serde(borrow)] Cow<'j, str>);

#[cfg(test)]
mod tests;
