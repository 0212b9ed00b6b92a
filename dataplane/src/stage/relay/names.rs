//! The names under which the client gets an answer: the model that it asked for, and our own id
//! where its surface has one.

use dialect::Label;
use dialect::openai_chat::Rewrite;

use crate::answer_head::generation_text;
use crate::route::Surface;
use crate::stage::attempt::Request;

/// What replaces the provider's names.
pub(super) struct Ids<'a> {
    pub(super) model_json: &'a [u8],
    pub(super) id_json: Option<[u8; 38]>,
}

impl<'a> Ids<'a> {
    pub(super) fn of(request: &Request<'a>, endpoint: u32, surface: Surface) -> Self {
        let id_json = (surface == Surface::OpenRouter).then(|| quoted_generation(request));
        Self { model_json: request.model_json(endpoint), id_json }
    }

    pub(super) fn rewrite(&self, drop_usage: bool) -> Rewrite<'_> {
        let id_json = self.id_json.as_ref().map(|id| &id[..]);
        Rewrite { model_json: self.model_json, id_json, drop_usage }
    }
}

/// The names of an answer that is said in another dialect than chat.
pub(super) struct Names<'a> {
    pub(super) model_json: &'a [u8],
    generation: [u8; 36],
    own_id: bool,
    created: u64,
}

impl<'a> Names<'a> {
    pub(super) fn of(request: &Request<'a>, endpoint: u32, surface: Surface) -> Self {
        Self {
            model_json: request.model_json(endpoint),
            generation: generation_text(request.admission.generation),
            own_id: surface == Surface::OpenRouter,
            created: request.admission.created_at().0 / 1000,
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
