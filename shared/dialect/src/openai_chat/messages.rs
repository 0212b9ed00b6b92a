//! The messages of a chat request as turns.
//!
//! ```text
//!   system, developer --> system, or a turn of its own once somebody spoke
//!   user ---------------> user
//!   assistant ----------> assistant: thoughts, then words, then calls
//!   tool, function -----> user: the answer of a call before
//! ```

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::details::{Detail, thoughts};
use super::parts::{ContentPart, parts_of};
use crate::intent::RequestFault;
use crate::prompt::{Call, Part, PartKind, Prompt, Role, ToolAnswer};
use crate::signature::{from_client, from_id};
use crate::typed::{Content, Lax, Text};

const PARAM: &str = "messages";

/// A message of any role.
#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow)]
    content: Option<Content<'a, ContentPart<'a>>>,
    name: Option<Text<'a>>,
    #[serde(default)]
    refusal: Lax<'a>,
    tool_calls: Option<Vec<ToolCall<'a>>>,
    tool_call_id: Option<Text<'a>>,
    function_call: Option<Function<'a>>,
    #[serde(default)]
    reasoning_content: Lax<'a>,
    #[serde(default)]
    reasoning: Lax<'a>,
    reasoning_details: Option<Vec<Detail<'a>>>,
    #[serde(borrow)]
    audio: Option<&'a RawValue>,
    /// What the model drew, as OpenRouter tells it.
    images: Option<Vec<ContentPart<'a>>>,
}

#[derive(Debug, Deserialize)]
struct ToolCall<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    id: Cow<'a, str>,
    function: Option<Function<'a>>,
    extra_content: Option<Extra<'a>>,
}

#[derive(Debug, Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    arguments: Cow<'a, str>,
}

/// What Google adds to a call.
#[derive(Debug, Deserialize)]
pub(super) struct Extra<'a> {
    #[serde(borrow)]
    google: Option<Google<'a>>,
}

#[derive(Debug, Deserialize)]
struct Google<'a> {
    #[serde(borrow, default)]
    thought_signature: Lax<'a>,
}

impl<'a> Extra<'a> {
    /// The proof of the thought that led to the call.
    pub(super) fn proof(self) -> Option<Cow<'a, str>> {
        self.google?.thought_signature.filled()
    }
}

impl<'a> Message<'a> {
    /// Adds what the message says.
    pub(super) fn read(self, prompt: &mut Prompt<'a>) -> Result<(), RequestFault> {
        match &*self.role {
            "system" | "developer" => self.read_words(Role::System, prompt),
            "user" => self.read_words(Role::User, prompt),
            "assistant" => self.read_assistant(prompt),
            "tool" | "function" => self.read_answer(prompt),
            other => {
                let message = format!("`{other}` is no role of a message");
                Err(RequestFault::invalid(PARAM, message))
            }
        }
    }

    fn read_words(self, role: Role, prompt: &mut Prompt<'a>) -> Result<(), RequestFault> {
        if self.name.is_some() {
            prompt.unsaid.push("name".into());
        }
        let content = self.content.ok_or_else(|| lacks("content"))?;
        for part in parts_of(content, PARAM)? {
            if role == Role::System && !matches!(part.kind, PartKind::Text(_)) {
                let message = "instructions must be text; send images and files as the user";
                return Err(RequestFault::unsupported(PARAM, message));
            }
            prompt.say(role, part);
        }
        Ok(())
    }

    fn read_assistant(self, prompt: &mut Prompt<'a>) -> Result<(), RequestFault> {
        if self.audio.is_some_and(|audio| audio.get() != "null") {
            let message = "a spoken answer cannot be sent to this model; send its transcript";
            return Err(RequestFault::unsupported(PARAM, message));
        }
        let details = thoughts(self.reasoning_details.unwrap_or_default());
        if details.is_empty() {
            let bare = self.reasoning_content.filled().or(self.reasoning.filled());
            if let Some(text) = bare {
                let thought = PartKind::Thought { text, signature: None };
                prompt.say(Role::Assistant, Part::new(thought));
            }
        }
        details.into_iter().for_each(|part| prompt.say(Role::Assistant, part));
        if let Some(content) = self.content {
            for part in parts_of(content, PARAM)? {
                prompt.say(Role::Assistant, part);
            }
        }
        if let Some(refusal) = self.refusal.filled() {
            prompt.say(Role::Assistant, Part::text(refusal));
        }
        for image in parts_of(Content::Parts(self.images.unwrap_or_default()), PARAM)? {
            prompt.say(Role::Assistant, image);
        }
        for call in self.tool_calls.unwrap_or_default() {
            let call = call.read()?;
            prompt.say(Role::Assistant, Part::new(PartKind::Call(call)));
        }
        if let Some(function) = self.function_call {
            let id = format!("call_{}", prompt.calls().count()).into();
            let call = function.called(id, None)?;
            prompt.say(Role::Assistant, Part::new(PartKind::Call(call)));
        }
        Ok(())
    }

    fn read_answer(self, prompt: &mut Prompt<'a>) -> Result<(), RequestFault> {
        let (id, name) = if self.role == "tool" {
            let id = self.tool_call_id.ok_or_else(|| lacks("tool_call_id"))?.0;
            let (id, _) = from_id(id);
            let name = prompt.called(&id).ok_or_else(|| unasked(&id))?;
            (id, name)
        } else {
            let name = self.name.ok_or_else(|| lacks("name"))?.0;
            let call = prompt.calls().filter(|call| call.name == name).last();
            let id = call.ok_or_else(|| unasked(&name))?.id.clone();
            (id, name)
        };
        let parts = self.content.map_or(Ok(Vec::new()), |content| parts_of(content, PARAM))?;
        let cache = parts.iter().find_map(|part| part.cache);
        let plain = |part: Part<'a>| Part::new(part.kind);
        let parts = parts.into_iter().map(plain).filter(is_said).collect();
        let kind = PartKind::Answer(ToolAnswer { id, name, parts, is_error: false });
        prompt.say(Role::User, Part { kind, cache });
        Ok(())
    }
}

impl<'a> ToolCall<'a> {
    fn read(self) -> Result<Call<'a>, RequestFault> {
        if !matches!(&*self.kind, "function" | "") {
            let message = format!("a call of type `{}` cannot be sent to this model", self.kind);
            return Err(RequestFault::unsupported(PARAM, message));
        }
        let function = self.function.ok_or_else(|| lacks("function"))?;
        if self.id.is_empty() {
            return Err(lacks("id"));
        }
        let (id, in_id) = from_id(self.id);
        let proof = self.extra_content.and_then(Extra::proof);
        let proof = proof.map(|proof| from_client(catalog::Dialect::Gemini, proof));
        function.called(id, proof.or(in_id.map(Cow::Owned)))
    }
}

impl<'a> Function<'a> {
    fn called(
        self,
        id: Cow<'a, str>,
        signature: Option<Cow<'a, str>>,
    ) -> Result<Call<'a>, RequestFault> {
        let arguments = arguments_of(self.arguments, PARAM)?;
        Ok(Call { id, name: self.name, arguments, signature })
    }
}

/// What a tool was called with: the text of a JSON object, where there is any.
pub(crate) fn arguments_of<'a>(
    text: Cow<'a, str>,
    param: &'static str,
) -> Result<Cow<'a, str>, RequestFault> {
    if text.trim().is_empty() {
        return Ok("{}".into());
    }
    let is_object = text.trim_start().starts_with('{');
    if is_object && serde_json::from_str::<IgnoredAny>(&text).is_ok() {
        return Ok(text);
    }
    let message = "the `arguments` of a call must be the text of a JSON object";
    Err(RequestFault::invalid(param, message))
}

fn is_said(part: &Part<'_>) -> bool {
    !matches!(&part.kind, PartKind::Text(text) if text.is_empty())
}

fn lacks(member: &str) -> RequestFault {
    RequestFault::invalid(PARAM, format!("a message has no `{member}`"))
}

fn unasked(name: &str) -> RequestFault {
    let message = format!("the tool's answer `{name}` has no call before it");
    RequestFault::invalid(PARAM, message)
}
