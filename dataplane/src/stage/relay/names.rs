//! The names under which the client gets an answer: the model that it asked for, and our own id
//! where its surface has one.

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

/// The generation's id as a JSON string.
pub(super) fn quoted_generation(request: &Request<'_>) -> [u8; 38] {
    let mut quoted = [b'"'; 38];
    quoted[1..37].copy_from_slice(&generation_text(request.admission.generation));
    quoted
}
