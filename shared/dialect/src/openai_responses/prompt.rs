//! A request of the Responses API in no dialect.
//!
//! ```text
//!   instructions ------------------------> system
//!   message -----------------------------> system, user, assistant
//!   reasoning, function_call, images ----> assistant: all in a row are one turn
//!   function_call_output ----------------> user: all in a row are one turn
//! ```
//! Invariants: items of tools that a provider runs itself, and references to items that were kept
//! somewhere, are refused. What leans on kept answers was refused with the intent.

use std::borrow::Cow;

use catalog::Dialect;
use serde::Deserialize;
use wire::json::{ValueKind, members, unescape};

use crate::intent::RequestFault;
use crate::member::is_ours;
use crate::openai_chat::arguments_of;
use crate::openai_chat::options::{self, Format, ReasoningParam};
use crate::openai_chat::parts::{ContentPart, parts_of};
use crate::openai_responses::SEALED;
use crate::prompt::{Call, Part, PartKind, Prompt, Role, Source, ToolAnswer};
use crate::signature::{from_client, from_id};
use crate::typed::{Content, Text, value};

const PARAM: &str = "input";

/// Members that the gateway reads elsewhere, or that mean nothing to anybody else.
const PASSED_OVER: [&str; 16] = [
    "model",
    "stream",
    "stream_options",
    "max_output_tokens",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "store",
    "moderation",
    "background",
    "top_logprobs",
    "include",
    "previous_response_id",
    "conversation",
    "prompt",
    "client_metadata",
];

/// Reads a whole request.
pub fn read_prompt(body: &[u8]) -> Result<Prompt<'_>, RequestFault> {
    let mut prompt = Prompt::default();
    let mut input = None;
    for member in members(body) {
        let member = member.map_err(|_| no_input())?;
        let key = unescape(body, member.key).map_err(|_| no_input())?;
        let json = member.value.of(body);
        if member.kind == ValueKind::Null || is_ours(&key) || PASSED_OVER.contains(&&*key) {
            continue;
        }
        match &*key {
            "instructions" => {
                let text = value::<Text<'_>>("instructions", json)?.0;
                prompt.say(Role::System, Part::text(text));
            }
            // Behind the instructions, wherever it stands.
            "input" => input = Some(json),
            "text" => value::<TextParam<'_>>("text", json)?.read(&mut prompt)?,
            "reasoning" => {
                prompt.reasoning = value::<ReasoningParam<'_>>("reasoning", json)?.read()?;
            }
            // What is cut to fit elsewhere is refused here: no word is left out unasked.
            "truncation" if json == b"\"disabled\"" => {}
            _ => {
                if !options::take(&mut prompt, &key, json)? {
                    prompt.unsaid.push(key);
                }
            }
        }
    }
    match value("input", input.ok_or_else(no_input)?)? {
        Content::Text(text) => prompt.say(Role::User, Part::text(text)),
        Content::Parts(items) => {
            items.into_iter().try_for_each(|item: Item<'_>| item.read(&mut prompt))?;
        }
    }
    if prompt.turns.is_empty() && prompt.system.is_empty() {
        return Err(no_input());
    }
    Ok(prompt)
}

fn no_input() -> RequestFault {
    RequestFault::invalid(PARAM, "a request must have an `input`")
}

#[derive(Debug, Deserialize)]
struct TextParam<'a> {
    #[serde(borrow)]
    format: Option<Format<'a>>,
    verbosity: Option<Text<'a>>,
}

impl<'a> TextParam<'a> {
    fn read(self, prompt: &mut Prompt<'a>) -> Result<(), RequestFault> {
        if let Some(format) = self.format {
            prompt.shape = format.read("text.format")?;
        }
        prompt.verbosity = self.verbosity.map(|verbosity| verbosity.0);
        Ok(())
    }
}

/// An item of any type.
#[derive(Debug, Deserialize)]
struct Item<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Text<'a>>,
    role: Option<Text<'a>>,
    #[serde(borrow)]
    content: Option<Content<'a, ContentPart<'a>>>,
    call_id: Option<Text<'a>>,
    name: Option<Text<'a>>,
    arguments: Option<Text<'a>>,
    #[serde(borrow)]
    output: Option<Content<'a, ContentPart<'a>>>,
    summary: Option<Vec<Summary<'a>>>,
    encrypted_content: Option<Text<'a>>,
    result: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct Summary<'a> {
    #[serde(borrow)]
    text: Cow<'a, str>,
}

impl<'a> Item<'a> {
    fn read(self, prompt: &mut Prompt<'a>) -> Result<(), RequestFault> {
        match self.kind.as_ref().map_or("message", |kind| &*kind.0) {
            "message" => self.read_message(prompt),
            "function_call" => self.read_call(prompt),
            "function_call_output" => self.read_output(prompt),
            "reasoning" => {
                self.read_thought(prompt);
                Ok(())
            }
            "image_generation_call" => {
                let base64 = self.result.ok_or_else(|| lacks("result"))?.0;
                let media_type = picture_type(&base64).into();
                let source = Source::Data { media_type, data: base64 };
                let picture = PartKind::Image { source, detail: None };
                prompt.say(Role::Assistant, Part::new(picture));
                Ok(())
            }
            "item_reference" => {
                let message = "items are not kept here; send the item itself, not its id";
                Err(RequestFault::unsupported(PARAM, message))
            }
            other => {
                let message = format!("an item of type `{other}` cannot be sent to this model");
                Err(RequestFault::unsupported(PARAM, message))
            }
        }
    }

    fn read_message(self, prompt: &mut Prompt<'a>) -> Result<(), RequestFault> {
        let role = match self.role.as_ref().map(|role| &*role.0) {
            Some("system" | "developer") => Role::System,
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            _ => return Err(lacks("role")),
        };
        for part in parts_of(self.content.ok_or_else(|| lacks("content"))?, PARAM)? {
            if role == Role::System && !matches!(part.kind, PartKind::Text(_)) {
                let message = "instructions must be text; send images and files as the user";
                return Err(RequestFault::unsupported(PARAM, message));
            }
            prompt.say(role, part);
        }
        Ok(())
    }

    fn read_call(self, prompt: &mut Prompt<'a>) -> Result<(), RequestFault> {
        let (id, signature) = from_id(self.call_id.ok_or_else(|| lacks("call_id"))?.0);
        let name = self.name.ok_or_else(|| lacks("name"))?.0;
        let arguments = arguments_of(self.arguments.unwrap_or_default().0, PARAM)?;
        let call = Call { id, name, arguments, signature: signature.map(Cow::Owned) };
        prompt.say(Role::Assistant, Part::new(PartKind::Call(call)));
        Ok(())
    }

    fn read_output(self, prompt: &mut Prompt<'a>) -> Result<(), RequestFault> {
        let (id, _) = from_id(self.call_id.ok_or_else(|| lacks("call_id"))?.0);
        let name = prompt.called(&id).ok_or_else(|| {
            RequestFault::invalid(PARAM, format!("the output of `{id}` has no call before it"))
        })?;
        let mut parts = parts_of(self.output.ok_or_else(|| lacks("output"))?, PARAM)?;
        parts.retain(|part| !matches!(&part.kind, PartKind::Text(text) if text.is_empty()));
        let answer = ToolAnswer { id, name, parts, is_error: false };
        prompt.say(Role::User, Part::new(PartKind::Answer(answer)));
        Ok(())
    }

    /// A thought goes back by the proof that was sealed with it; without one it is nobody's.
    fn read_thought(self, prompt: &mut Prompt<'a>) {
        let Some(sealed) = self.encrypted_content.map(|sealed| sealed.0) else { return };
        let kind = match sealed.strip_prefix(SEALED) {
            Some(hidden) => {
                PartKind::Redacted(from_client(Dialect::OpenAi, Cow::Owned(hidden.to_owned())))
            }
            None => {
                let texts = self.summary.unwrap_or_default().into_iter().map(|it| it.text);
                let text = texts.reduce(|all, more| all + "\n\n" + more).unwrap_or_default();
                PartKind::Thought { text, signature: Some(from_client(Dialect::OpenAi, sealed)) }
            }
        };
        prompt.say(Role::Assistant, Part::new(kind));
    }
}

/// The media type of a picture, told by how its bytes begin.
fn picture_type(base64: &str) -> &'static str {
    match base64.get(..4) {
        Some("/9j/") => "image/jpeg",
        Some("UklG") => "image/webp",
        Some("R0lG") => "image/gif",
        _ => "image/png",
    }
}

fn lacks(member: &str) -> RequestFault {
    RequestFault::invalid(PARAM, format!("an item has no `{member}`"))
}
