//! A whole request, to be said in another dialect: what was said so far.
//!
//! Owns the turns; what is asked for is read in `asked`. Invariants: a proof stands with the
//! thought, or the call, that it proves; every call has an id of its own, whether or not it came
//! with one, and every result finds its call by id or else by name, in order.

use std::borrow::Cow;

use catalog::Dialect;

use super::asked::{self, Request};
use super::calls::Calls;
use super::form::{Blob, Content, FileData, FunctionCall, FunctionResponse, Part as FormPart};
use super::proof::{self, Proof};
use crate::intent::RequestFault;
use crate::prompt::{Call, Part, PartKind, Prompt, Role, Source, ToolAnswer};
use crate::signature;

/// Reads a whole request.
pub fn read_prompt(body: &[u8]) -> Result<Prompt<'_>, RequestFault> {
    let mut request: Request<'_> = serde_json::from_slice(body).map_err(|fault| {
        RequestFault::invalid("contents", format!("it cannot be read: {fault}"))
    })?;
    let mut prompt = Prompt::default();
    if let Some(wrapped) = request.generate_content_request.take() {
        request = *wrapped;
    } else {
        prompt.unsaid = asked::unsaid(body);
    }
    let mut reader = Reader { prompt, calls: Calls::default() };
    if let Some(system) = request.system_instruction.take() {
        for part in system.parts.0 {
            reader.read_part(Role::System, part)?;
        }
    }
    for content in std::mem::take(&mut request.contents.0) {
        reader.read_content(content)?;
    }
    let mut prompt = reader.prompt;
    asked::read(request, &mut prompt)?;
    Ok(prompt)
}

/// Whether a file is in somebody's account at Google.
pub(super) fn is_of_an_account(uri: &str) -> bool {
    uri.starts_with("gs://")
        || uri.starts_with("files/")
        || uri.contains("://generativelanguage.googleapis.com/")
}

struct Reader<'a> {
    prompt: Prompt<'a>,
    calls: Calls<'a>,
}

impl<'a> Reader<'a> {
    fn read_content(&mut self, content: Content<'a>) -> Result<(), RequestFault> {
        let role = match content.role.as_ref().map_or("user", |role| &*role.0) {
            "model" => Role::Assistant,
            "user" | "function" | "tool" | "" => Role::User,
            other => {
                let message = format!("the role of a content is `user` or `model`, not `{other}`");
                return Err(RequestFault::invalid("contents", message));
            }
        };
        content.parts.0.into_iter().try_for_each(|part| self.read_part(role, part))
    }

    fn read_part(&mut self, role: Role, part: FormPart<'a>) -> Result<(), RequestFault> {
        let proof = part.thought_signature.as_ref().and_then(|told| proof::read(&told.0));
        if part.thought == Some(true) {
            self.read_thought(role, part.text.map(|text| text.0).unwrap_or_default(), proof);
            return Ok(());
        }
        if let Some(call) = part.function_call {
            return self.read_call(role, call, proof);
        }
        if let Some(proof) = proof {
            self.read_thought(role, Cow::Borrowed(""), Some(proof));
        }
        if let Some(text) = part.text {
            self.prompt.say(role, Part::text(text.0));
        } else if let Some(blob) = part.inline_data {
            self.prompt.say(role, Part::new(read_blob(blob)?));
        } else if let Some(file) = part.file_data {
            self.prompt.say(role, Part::new(read_file(file)?));
        } else if let Some(response) = part.function_response {
            self.read_response(response)?;
        } else if part.executable_code.is_some() || part.code_execution_result.is_some() {
            let message = "code that Google ran cannot be told to this model; leave its parts out";
            return Err(RequestFault::unsupported("contents", message));
        } else if part.thought_signature.is_none() {
            let message = "a part must be `text`, `inlineData`, `functionCall` or \
                           `functionResponse`";
            return Err(RequestFault::unsupported("contents", message));
        }
        Ok(())
    }

    /// More of a thought that goes on, the proof of one, or one that is not shown.
    fn read_thought(&mut self, role: Role, more: Cow<'a, str>, proof: Option<Proof>) {
        let proof = match proof {
            Some(Proof::Redacted(thought)) => {
                self.prompt.say(role, Part::new(PartKind::Redacted(thought.into())));
                return;
            }
            Some(Proof::Signature(proof)) => Some(Cow::Owned(proof)),
            None if more.is_empty() => return,
            None => None,
        };
        let turn = self.prompt.turns.last_mut().filter(|turn| turn.role == role);
        let last = turn.and_then(|turn| turn.parts.last_mut()).map(|part| &mut part.kind);
        if let Some(PartKind::Thought { text, signature: open @ None }) = last {
            text.to_mut().push_str(&more);
            *open = proof;
        } else {
            self.prompt.say(role, Part::new(PartKind::Thought { text: more, signature: proof }));
        }
    }

    fn read_call(
        &mut self,
        role: Role,
        call: FunctionCall<'a>,
        proof: Option<Proof>,
    ) -> Result<(), RequestFault> {
        let own = |proof: &str| signature::of_maker(Dialect::Gemini, proof).is_some();
        // Google proves calls; the proof of any other maker is of the thought before.
        let mut of_call = match proof {
            Some(Proof::Signature(proof)) if own(&proof) => Some(Cow::Owned(proof)),
            other => {
                self.read_thought(role, Cow::Borrowed(""), other);
                None
            }
        };
        let told = call.id.map(|id| id.0).filter(|id| !id.is_empty());
        let (bare, in_id) = told.clone().map_or((None, None), |id| {
            let (bare, proof) = signature::from_id(id);
            (Some(bare), proof)
        });
        of_call = of_call.or(in_id.map(Cow::Owned));
        let id = self.calls.free_id(bare);
        let arguments = call.args.map_or(Cow::Borrowed("{}"), |args| json_text(args.0));
        if !arguments.starts_with('{') {
            let message = "`args` of a `functionCall` must be an object";
            return Err(RequestFault::invalid("contents", message));
        }
        let name = call.name.0;
        self.calls.add(told, id.clone(), name.clone());
        let call = Call { id, name, arguments, signature: of_call };
        self.prompt.say(role, Part::new(PartKind::Call(call)));
        Ok(())
    }

    fn read_response(&mut self, response: FunctionResponse<'a>) -> Result<(), RequestFault> {
        let told = response.id.map(|id| id.0).filter(|id| !id.is_empty());
        let name = response.name.0;
        let Some((id, name)) = self.calls.answer(told.as_deref(), &name) else {
            let message = format!("a `functionResponse` of `{name}` answers no `functionCall`");
            return Err(RequestFault::invalid("contents", message));
        };
        let json = response.response.map_or(Cow::Borrowed("{}"), |json| json_text(json.0));
        let (text, is_error) = asked::read_result(json);
        let mut parts = Vec::new();
        if !text.is_empty() {
            parts.push(Part::text(text));
        }
        for part in response.parts.0 {
            if let Some(blob) = part.inline_data {
                parts.push(Part::new(read_blob(blob)?));
            } else if let Some(file) = part.file_data {
                parts.push(Part::new(read_file(file)?));
            }
        }
        let answer = ToolAnswer { id, name, parts, is_error };
        self.prompt.say(Role::User, Part::new(PartKind::Answer(answer)));
        Ok(())
    }
}

/// JSON as it was written.
pub(super) fn json_text(json: Cow<'_, serde_json::value::RawValue>) -> Cow<'_, str> {
    match json {
        Cow::Borrowed(json) => Cow::Borrowed(json.get()),
        Cow::Owned(json) => Cow::Owned(json.get().to_owned()),
    }
}

fn read_blob<'a>(blob: Blob<'a>) -> Result<PartKind<'a>, RequestFault> {
    let (media_type, data) = (blob.mime_type.0, plain_base64(blob.data.0));
    if media_type.starts_with("audio/") {
        return Ok(PartKind::Audio { media_type, data });
    }
    let is_image = media_type.starts_with("image/");
    refuse_video(&media_type)?;
    let source = Source::Data { media_type, data };
    Ok(match is_image {
        true => PartKind::Image { source, detail: None },
        false => PartKind::File { name: None, source },
    })
}

/// Base64 as every dialect reads it: Google takes the alphabet of URLs too, and its SDKs use it.
fn plain_base64(data: Cow<'_, str>) -> Cow<'_, str> {
    let is_short = !data.len().is_multiple_of(4);
    if !is_short && !data.contains(['-', '_']) {
        return data;
    }
    let mut plain = data.replace('-', "+").replace('_', "/");
    while !plain.len().is_multiple_of(4) {
        plain.push('=');
    }
    Cow::Owned(plain)
}

fn read_file<'a>(file: FileData<'a>) -> Result<PartKind<'a>, RequestFault> {
    let media_type = file.mime_type.map(|told| told.0).unwrap_or_default();
    refuse_video(&media_type)?;
    let uri = file.file_uri.0;
    let is_plain = uri.starts_with("https://") || uri.starts_with("http://");
    if !is_plain || is_of_an_account(&uri) || media_type.is_empty() {
        let message = "a file elsewhere cannot be read by this model; send it as `inlineData`";
        return Err(RequestFault::unsupported("contents", message));
    }
    if media_type.starts_with("audio/") {
        let message = "sound must be sent as `inlineData` to this model";
        return Err(RequestFault::unsupported("contents", message));
    }
    let source = Source::Url(uri);
    Ok(match media_type.starts_with("image/") {
        true => PartKind::Image { source, detail: None },
        false => PartKind::File { name: None, source },
    })
}

fn refuse_video(media_type: &str) -> Result<(), RequestFault> {
    if media_type.starts_with("video/") {
        let message = "video cannot be shown to this model; send pictures of it";
        return Err(RequestFault::unsupported("contents", message));
    }
    Ok(())
}
