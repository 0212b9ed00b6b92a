//! What was said so far, as an upstream of this dialect gets it.
//!
//! Invariants: roles take turns; results stand right behind their calls, all in one turn, in the
//! order of the calls; only Google's own proofs go back, each at the part that it came with, and
//! a call whose proof is lost says so where the model asks for one.
//! Instructions in the middle become what the user says: Google has no other place for them.

use std::borrow::Cow;
use std::collections::HashMap;

use catalog::Dialect;
use serde_json::value::RawValue;

use super::form::{Content, FunctionCall, FunctionResponse, Json, Many, Part as FormPart};
use super::model::Family;
use super::proof::NO_PROOF;
use crate::client::ClientDialect;
use crate::intent::RequestFault;
use crate::prompt::{Call, Part, PartKind, Prompt, Role, Source, ToolAnswer, Turn};
use crate::signature;

/// The instructions and the contents of a request.
type Written<'p> = (Option<Content<'p>>, Vec<Content<'p>>);

/// Lays out what was said.
pub(super) fn write<'p>(
    prompt: &'p Prompt<'_>,
    client: ClientDialect,
    family: Family,
) -> Result<Written<'p>, RequestFault> {
    let mut answers: HashMap<&str, &ToolAnswer<'_>> = HashMap::new();
    for part in prompt.turns.iter().flat_map(|turn| &turn.parts) {
        if let PartKind::Answer(answer) = &part.kind {
            answers.entry(&answer.id).or_insert(answer);
        }
    }
    let mut writer = Writer { answers, client, family, contents: Vec::new() };
    let system = writer.plain_parts(&prompt.system)?;
    for turn in &prompt.turns {
        match turn.role {
            Role::Assistant => writer.write_model(turn)?,
            Role::User | Role::System => {
                let parts = writer.plain_parts(&turn.parts)?;
                writer.push("user", parts);
            }
        }
    }
    if system.is_empty() {
        return Ok((None, writer.contents));
    }
    if writer.contents.is_empty() {
        // Instructions alone are no request to Google.
        writer.push("user", system);
        return Ok((None, writer.contents));
    }
    Ok((Some(Content { role: None, parts: Many(system) }), writer.contents))
}

struct Writer<'p, 'a> {
    /// What tools gave back, by the ids of their calls.
    answers: HashMap<&'p str, &'p ToolAnswer<'a>>,
    client: ClientDialect,
    family: Family,
    contents: Vec<Content<'p>>,
}

impl<'p> Writer<'p, '_> {
    fn push(&mut self, role: &'static str, mut parts: Vec<FormPart<'p>>) {
        let is_role =
            |content: &&mut Content<'_>| content.role.as_ref().is_some_and(|known| known.0 == role);
        match self.contents.last_mut().filter(is_role) {
            _ if parts.is_empty() => {}
            Some(content) => content.parts.0.append(&mut parts),
            None => {
                self.contents.push(Content { role: Some(role.into()), parts: Many(parts) });
            }
        }
    }

    /// What a user says, but for what tools gave back, which stands behind its calls.
    fn plain_parts(&self, parts: &'p [Part<'_>]) -> Result<Vec<FormPart<'p>>, RequestFault> {
        let mut written = Vec::with_capacity(parts.len());
        for part in parts {
            written.extend(self.plain_part(&part.kind)?);
        }
        Ok(written)
    }

    fn plain_part(&self, kind: &'p PartKind<'_>) -> Result<Option<FormPart<'p>>, RequestFault> {
        Ok(Some(match kind {
            PartKind::Text(text) => FormPart::text(&**text),
            PartKind::Image { source, .. } => self.image(source)?,
            PartKind::File { source, .. } => self.file(source)?,
            PartKind::Audio { media_type, data } => FormPart::blob(&**media_type, &**data),
            PartKind::Thought { .. }
            | PartKind::Redacted(_)
            | PartKind::Call(_)
            | PartKind::Answer(_) => return Ok(None),
        }))
    }

    fn image(&self, source: &'p Source<'_>) -> Result<FormPart<'p>, RequestFault> {
        match source {
            Source::Data { media_type, data } if !media_type.eq_ignore_ascii_case("image/gif") => {
                Ok(FormPart::blob(&**media_type, &**data))
            }
            Source::Data { .. } => {
                Err(self.refuse("this model sees no GIF; send the picture as PNG, JPEG or WebP"))
            }
            Source::Url(_) | Source::Text(_) => Err(self.refuse(
                "this model does not fetch pictures; send the picture itself as a data: URL",
            )),
        }
    }

    fn file(&self, source: &'p Source<'_>) -> Result<FormPart<'p>, RequestFault> {
        match source {
            Source::Data { media_type, data } => Ok(FormPart::blob(&**media_type, &**data)),
            Source::Text(text) => Ok(FormPart::text(&**text)),
            Source::Url(_) => Err(self.refuse(
                "this model does not fetch files; send the file itself as a data: URL, in base64",
            )),
        }
    }

    fn refuse(&self, message: &str) -> RequestFault {
        RequestFault::unsupported(self.client.input_member(), message)
    }

    /// What the model said, and behind it what its tools gave back.
    fn write_model(&mut self, turn: &'p Turn<'_>) -> Result<(), RequestFault> {
        let mut parts = Vec::with_capacity(turn.parts.len());
        let mut calls = Vec::new();
        // The proof of a thought goes with the text behind it, where Google had put it.
        let mut proof = None;
        for part in &turn.parts {
            match &part.kind {
                PartKind::Thought { text, signature } => {
                    let own = signature.as_deref().and_then(own_proof);
                    if own.is_some() {
                        parts.extend(proof.take().map(bare_proof));
                        if !text.is_empty() {
                            parts.push(FormPart::thought(&**text));
                        }
                        proof = own;
                    }
                }
                PartKind::Call(call) => {
                    parts.extend(proof.take().map(bare_proof));
                    parts.push(self.call(call, calls.is_empty())?);
                    calls.push(call);
                }
                other => {
                    let Some(mut part) = self.plain_part(other)? else { continue };
                    part.thought_signature = proof.take().map(Into::into);
                    parts.push(part);
                }
            }
        }
        parts.extend(proof.map(bare_proof));
        self.push("model", parts);
        self.write_answers(&calls)
    }

    fn call(&self, call: &'p Call<'_>, is_first: bool) -> Result<FormPart<'p>, RequestFault> {
        let arguments = match call.arguments.trim_ascii() {
            "" => "{}",
            arguments => arguments,
        };
        let args = object(arguments).ok_or_else(|| {
            let message = format!("the arguments of `{}` must be a JSON object", call.name);
            RequestFault { unsupported: false, ..self.refuse(&message) }
        })?;
        let proof = call.signature.as_deref().and_then(own_proof);
        let stand_in = (is_first && self.family.wants_proofs).then_some(NO_PROOF);
        Ok(FormPart {
            function_call: Some(FunctionCall {
                id: Some((&*call.id).into()),
                name: (&*call.name).into(),
                args: Some(Json(Cow::Borrowed(args))),
            }),
            thought_signature: proof.or(stand_in).map(Into::into),
            ..FormPart::default()
        })
    }

    /// The results of some calls, wherever they were told, with what they show behind them.
    fn write_answers(&mut self, calls: &[&Call<'_>]) -> Result<(), RequestFault> {
        let (mut results, mut shown) = (Vec::with_capacity(calls.len()), Vec::new());
        for call in calls {
            let Some(answer) = self.answers.get(&*call.id).copied() else { continue };
            results.push(result(answer));
            for part in &answer.parts {
                if !matches!(part.kind, PartKind::Text(_)) {
                    shown.extend(self.plain_part(&part.kind)?);
                }
            }
        }
        results.append(&mut shown);
        self.push("user", results);
        Ok(())
    }
}

/// What a tool gave back: an object as it is, and anything else as one.
fn result<'p>(answer: &'p ToolAnswer<'_>) -> FormPart<'p> {
    let texts = || {
        answer.parts.iter().filter_map(|part| match &part.kind {
            PartKind::Text(text) => Some(&**text),
            _ => None,
        })
    };
    let text = match (texts().next(), texts().nth(1)) {
        (one, None) => Cow::Borrowed(one.unwrap_or_default()),
        _ => Cow::Owned(texts().collect::<Vec<_>>().join("\n")),
    };
    let response = match (&text, answer.is_error) {
        (Cow::Borrowed(text), false) => object(text).map(Cow::Borrowed),
        _ => None,
    };
    let name = if answer.is_error { "error" } else { "result" };
    let response = response.or_else(|| wrapped(name, &text).map(Cow::Owned));
    FormPart {
        function_response: Some(FunctionResponse {
            id: Some((&*answer.id).into()),
            name: (&*answer.name).into(),
            response: response.map(Json),
            parts: Many::default(),
        }),
        ..FormPart::default()
    }
}

fn wrapped(name: &str, text: &str) -> Option<Box<RawValue>> {
    let text = serde_json::to_string(text).ok()?;
    RawValue::from_string(format!("{{\"{name}\":{text}}}")).ok()
}

/// The text as a JSON object, if it is one.
fn object(text: &str) -> Option<&RawValue> {
    let text = text.trim_ascii();
    serde_json::from_str(text).ok().filter(|_| text.starts_with('{'))
}

fn own_proof(marked: &str) -> Option<&str> {
    signature::of_maker(Dialect::Gemini, marked).filter(|proof| !proof.is_empty())
}

/// A proof without a part to stand at.
fn bare_proof(proof: &str) -> FormPart<'_> {
    FormPart { thought_signature: Some(proof.into()), ..FormPart::text("") }
}
