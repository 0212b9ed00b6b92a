//! Checks of a model: its id, its sizes, what goes in and comes out.

use std::sync::Arc;

use super::{Compiler, json_text};
use crate::catalog::{Model, Target};
use crate::complaint::Place;
use crate::modality::Modalities;
use crate::rows::{ModelKind, ModelRow};

/// The longest id of a model.
const ID_MAX: usize = 256;

/// What a model can make that we can charge for.
const OUTPUTS: Modalities = Modalities::TEXT.with(Modalities::IMAGE).with(Modalities::AUDIO);

/// Whether a text can be the id of a model or tier: an author, a slash, and the rest, which may
/// hold slashes; nothing in it that a path or a header would have to escape.
pub(crate) fn is_named_id(id: &str) -> bool {
    let parts = id.split_once('/').is_some_and(|(author, slug)| {
        !author.is_empty() && !slug.is_empty() && !slug.starts_with('/') && !slug.ends_with('/')
    });
    let plain = |c: char| !c.is_control() && !c.is_whitespace() && !"?#%\\\"".contains(c);
    parts && id.len() <= ID_MAX && id.chars().all(plain)
}

impl Compiler<'_> {
    /// Checks a model with its endpoints and enters it.
    pub(super) fn model(&mut self, place: &Place, row: &ModelRow) {
        let index = self.catalog.models.len() as u32;
        self.check_named_id(place, "model", &row.id);
        self.enter_name(place, &row.id, Target::Model(index));
        let first = self.catalog.endpoints.len() as u32;
        let mut model = self.model_without_endpoints(place, index, row);
        for (number, endpoint) in row.endpoint.iter().enumerate() {
            self.endpoint(&place.key("endpoint").item(number), &model, endpoint);
        }
        if row.endpoint.is_empty() {
            let what = format!("model {:?} can be had nowhere", row.id);
            self.complain(place.clone(), what, "add a [[model.endpoint]] to it");
        }
        model.endpoints = first..self.catalog.endpoints.len() as u32;
        self.catalog.models.push(model);
    }

    fn model_without_endpoints(&mut self, place: &Place, index: u32, row: &ModelRow) -> Model {
        let slug = row.id.split_once('/').map_or(row.id.as_str(), |(_, slug)| slug);
        Model {
            index,
            id: row.id.as_str().into(),
            id_json: json_text(&row.id),
            name: row.name.as_deref().unwrap_or(slug).into(),
            description: row.description.as_deref().unwrap_or("").into(),
            kind: row.kind,
            context: self.checked_context(place, row),
            max_output: self.checked_output(place, row),
            input_modalities: self.modalities(place, row, "input_modalities", Modalities::ALL),
            output_modalities: self.modalities(place, row, "output_modalities", OUTPUTS),
            parameters: self.parameters(&row.parameters),
            listed: row.listed,
            endpoints: 0..0,
            created: row.created.unwrap_or(0),
            cost_rank: 0,
        }
    }

    /// An id of a model or tier.
    pub(super) fn check_named_id(&mut self, place: &Place, kind: &str, id: &str) {
        if !is_named_id(id) {
            let what = format!("the {kind} id {id:?} is not of the form author/name");
            let remedy = "write author/name without spaces, quotes, '?', '#', '%' and '\\'";
            self.complain(place.key("id"), what, remedy);
        }
    }

    fn checked_context(&mut self, place: &Place, row: &ModelRow) -> u64 {
        if row.context == 0 {
            let what = format!("model {:?} has a context of zero", row.id);
            self.complain(place.key("context"), what, "say how many tokens it takes and makes");
        }
        row.context
    }

    fn checked_output(&mut self, place: &Place, row: &ModelRow) -> u64 {
        let (id, context) = (&row.id, row.context);
        match (row.kind, row.max_output) {
            (ModelKind::Embedding, _) => 0,
            (ModelKind::Chat, None) => context,
            (ModelKind::Chat, Some(0)) => {
                let what = format!("model {id:?} has a max_output of zero");
                self.complain(place.key("max_output"), what, "leave it out or say how much");
                context
            }
            (ModelKind::Chat, Some(most)) if most > context => {
                let what = format!("model {id:?}: max_output {most} is more than the context");
                let remedy = format!("it is taken as the context, {context}");
                self.warn(place.key("max_output"), what, remedy);
                context
            }
            (ModelKind::Chat, Some(most)) => most,
        }
    }

    fn modalities(
        &mut self,
        place: &Place,
        row: &ModelRow,
        key: &'static str,
        known: Modalities,
    ) -> Modalities {
        let names =
            if key == "input_modalities" { &row.input_modalities } else { &row.output_modalities };
        let mut set = Modalities::default();
        for (index, name) in names.iter().enumerate() {
            match Modalities::named(name).filter(|one| known.has(*one)) {
                Some(one) => set = set.with(one),
                None => {
                    let what = format!("model {:?}: {name:?} is not one of its {key}", row.id);
                    let known: Vec<_> = known.names().collect();
                    let remedy = format!("use some of {}", known.join(", "));
                    self.complain(place.key(key).item(index), what, remedy);
                }
            }
        }
        if set.is_empty() { Modalities::TEXT } else { set }
    }

    /// One shared list for all models that have the same parameters.
    pub(super) fn parameters(&mut self, names: &[String]) -> Arc<[Box<str>]> {
        if let Some(list) = self.parameter_lists.get(names) {
            return list.clone();
        }
        let list: Arc<[Box<str>]> = names.iter().map(|name| name.as_str().into()).collect();
        self.parameter_lists.insert(names.to_vec(), list.clone());
        list
    }
}
