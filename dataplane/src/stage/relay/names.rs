//! The names under which the client gets an answer: the model that it asked for, and our own id
//! where its surface has one.

use catalog::rows::Dialect;
use dialect::openai_chat::Rewrite;
use dialect::{ClientDialect, Label, rename};

use crate::answer_head::generation_text;
use crate::route::Surface;
use crate::stage::attempt::Request;

/// What replaces the provider's names.
pub(super) struct Ids<'a> {
    pub(super) model_json: &'a [u8],
    renames: bool,
    pub(super) is_plain: bool,
    pub(super) id_json: Option<[u8; 38]>,
}

impl<'a> Ids<'a> {
    pub(super) fn of(request: &Request<'a>, endpoint: u32, surface: Surface) -> Self {
        let id_json = (surface == Surface::OpenRouter).then(|| quoted_generation(request));
        let is_plain = request.intent.client == ClientDialect::Completions;
        let (model_json, renames) = (request.model_json(endpoint), !request.plan.is_bound);
        Self { model_json, renames, is_plain, id_json }
    }

    pub(super) fn rewrite(&self, drop_usage: bool) -> Rewrite<'_> {
        let id_json = self.id_json.as_ref().map(|id| &id[..]);
        let model_json = self.renames.then_some(self.model_json);
        Rewrite { model_json, id_json, drop_usage }
    }
}

/// The names of an answer that is said in another dialect than chat.
pub(super) struct Names<'a> {
    pub(super) model_json: &'a [u8],
    /// Whether the provider's name of the model is replaced.
    renames: bool,
    generation: [u8; 36],
    own_id: bool,
    created: u64,
}

impl<'a> Names<'a> {
    pub(super) fn of(request: &Request<'a>, endpoint: u32, surface: Surface) -> Self {
        Self {
            model_json: request.model_json(endpoint),
            renames: !request.plan.is_bound,
            generation: generation_text(request.admission.generation),
            own_id: surface == Surface::OpenRouter,
            created: request.admission.created_at().0 / 1000,
        }
    }

    /// Appends what a provider of this dialect said, under the name that its model has here.
    pub(super) fn put(&self, dialect: Dialect, json: &[u8], out: &mut Vec<u8>) {
        match self.renames {
            true => rename(dialect, json, self.model_json, out),
            false => out.extend_from_slice(json),
        }
    }

    pub(super) fn label(&self) -> Label<'_> {
        Label {
            generation: std::str::from_utf8(&self.generation).unwrap_or_default(),
            model_json: self.model_json,
            own_id: self.own_id,
            created: self.created,
        }
    }
}

/// The generation's id as a JSON string.
pub(super) fn quoted_generation(request: &Request<'_>) -> [u8; 38] {
    let mut quoted = [b'"'; 38];
    quoted[1..37].copy_from_slice(&generation_text(request.admission.generation));
    quoted
}
