//! Checks of a tier: its id and the models behind it.

use super::{Compiler, json_text};
use crate::catalog::{Target, Tier};
use crate::complaint::Place;
use crate::rows::{TierRow, TierStatus};

impl Compiler<'_> {
    /// Checks a tier and enters it.
    pub(super) fn tier(&mut self, place: &Place, row: &TierRow) {
        let index = self.catalog.tiers.len() as u32;
        self.check_named_id(place, "tier", &row.id);
        self.enter_name(place, &row.id, Target::Tier(index));
        let models = self.tier_models(place, row);
        if row.status == TierStatus::Available && row.models.is_empty() {
            let what = format!("tier {:?} is available but has no models", row.id);
            self.complain(place.clone(), what, "add models, or set status = \"planned\"");
        }
        if row.band.is_some_and(|[low, high]| low > high) {
            let what = format!("tier {:?}: its band ends below where it begins", row.id);
            self.complain(place.key("band"), what, "write the lower price first");
        }
        if row.rpm == Some(0) {
            let what = format!("tier {:?} allows no requests a minute", row.id);
            self.complain(place.key("rpm"), what, "leave rpm out or allow some");
        }
        let text = |text: &Option<String>| text.as_deref().map(Into::into);
        self.catalog.tiers.push(Tier {
            id: row.id.as_str().into(),
            id_json: json_text(&row.id),
            status: row.status,
            level: text(&row.level),
            model_family: text(&row.model_family),
            use_case: text(&row.use_case),
            band: row.band,
            rpm: row.rpm,
            models,
        });
    }

    fn tier_models(&mut self, place: &Place, row: &TierRow) -> Vec<u32> {
        let mut models = Vec::with_capacity(row.models.len());
        for (number, id) in row.models.iter().enumerate() {
            match self.catalog.names.get(id.as_str()) {
                Some(Target::Model(index)) => models.push(*index),
                _ => {
                    let what = format!("tier {:?} names an unknown model {id:?}", row.id);
                    let remedy = "name a [[model]] of this catalog, or add it";
                    self.complain(place.key("models").item(number), what, remedy);
                }
            }
        }
        models
    }
}
