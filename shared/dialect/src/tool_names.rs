//! Names of tools that not every provider takes, and back again.
//!
//! A name is sent as it is where all take it: up to 64 letters, digits, `_` and `-`, of which the
//! first is a letter or `_`. Another goes under an alias, which begins like it and ends with its
//! hash, wherever the request names the tool; a call of the alias is told under the name.
//! Invariant: nothing is kept between request and answer; the client's body tells which alias is
//! whose.
//! Sources: OpenAI API reference, "Function"; Anthropic API reference, "Tool"; Gemini API,
//! `FunctionDeclaration`.

use std::borrow::Cow;

use wire::json::{ValueKind, elements, members, unescape};

use crate::event::Event;
use crate::message::{Block, Message};
use crate::prompt::{PartKind, Prompt, ToolChoice};
use crate::session::hash;

/// Longest name that every provider takes.
const NAME_BYTES_MAX: usize = 64;
/// Letters that an alias has in common with its name.
const KEPT_MAX: usize = 46;
/// Members in which tools stand.
const HOLDERS: [&str; 5] =
    ["tools", "functions", "function", "functionDeclarations", "function_declarations"];
/// How deep tools stand in a request.
const DEPTH_MAX: u32 = 5;

/// The names of a request's tools that go under an alias.
#[derive(Debug, Default)]
pub(crate) struct ToolNames(Vec<(String, String)>);

impl ToolNames {
    /// Those of the body that a client sent.
    pub(crate) fn of(body: &[u8]) -> Self {
        let mut names = Self::default();
        names.find(body, ValueKind::Object, DEPTH_MAX);
        names
    }

    /// An event under the name that the client gave.
    pub(crate) fn told<'e>(&self, event: &Event<'e>) -> Option<Event<'e>> {
        let Event::Call { id, name, signature } = event else { return None };
        let name = Cow::Owned(self.find_name(name)?.to_owned());
        Some(Event::Call { id: id.clone(), name, signature: signature.clone() })
    }

    /// A whole answer under the names that the client gave; `None` where it is that already.
    pub(crate) fn told_whole(&self, message: &Message) -> Option<Message> {
        let is_aliased = |block: &Block| match block {
            Block::Call { name, .. } => self.find_name(name).is_some(),
            _ => false,
        };
        if !message.blocks.iter().any(is_aliased) {
            return None;
        }
        let mut message = message.clone();
        for block in &mut message.blocks {
            if let Block::Call { name, .. } = block
                && let Some(original) = self.find_name(name)
            {
                original.clone_into(name);
            }
        }
        Some(message)
    }

    fn find_name(&self, alias: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == alias).map(|(_, name)| name.as_str())
    }

    fn find(&mut self, json: &[u8], kind: ValueKind, depth: u32) {
        if depth == 0 {
            return;
        }
        if kind == ValueKind::Array {
            for (item, kind) in elements(json).flatten() {
                self.find(item.of(json), kind, depth - 1);
            }
            return;
        }
        if kind != ValueKind::Object {
            return;
        }
        for member in members(json).flatten() {
            let key = unescape(json, member.key).unwrap_or_default();
            if HOLDERS.contains(&&*key) {
                self.find(member.value.of(json), member.kind, depth - 1);
            } else if key == "name" && member.kind == ValueKind::String {
                let name = unescape(json, member.content()).unwrap_or_default();
                self.0.extend(alias(&name).map(|alias| (alias, name.into_owned())));
            }
        }
    }
}

/// Puts the aliases in place of the names that need one, wherever a tool is named.
pub(crate) fn rename(prompt: &mut Prompt<'_>) {
    prompt.tools.iter_mut().for_each(|tool| put(&mut tool.name));
    match &mut prompt.tool_choice {
        Some(ToolChoice::Named(name)) => put(name),
        Some(ToolChoice::Allowed { names, .. }) => names.iter_mut().for_each(put),
        Some(ToolChoice::Auto | ToolChoice::None | ToolChoice::Required) | None => {}
    }
    for part in prompt.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        match &mut part.kind {
            PartKind::Call(call) => put(&mut call.name),
            PartKind::Answer(answer) => put(&mut answer.name),
            _ => {}
        }
    }
}

fn put(name: &mut Cow<'_, str>) {
    if let Some(alias) = alias(name) {
        *name = Cow::Owned(alias);
    }
}

/// The alias of a name; `None` where it needs none.
fn alias(name: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let begins_well = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
    let is_taken = name.len() <= NAME_BYTES_MAX
        && name.bytes().all(is_plain)
        && name.as_bytes().first().is_none_or(begins_well);
    if is_taken {
        return None;
    }
    let kept = name.chars().take(KEPT_MAX);
    let kept: String = kept
        .map(|it| u8::try_from(it).ok().filter(|it| is_plain(*it)).map_or('_', char::from))
        .collect();
    let first = if kept.as_bytes().first().is_some_and(begins_well) { "" } else { "_" };
    Some(format!("{first}{kept}_{:016x}", hash(name.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ClientDialect, translate::read_prompt};

    #[test]
    fn only_names_that_some_provider_refuses_get_an_alias() {
        for name in ["get_weather", "_a-1", &"x".repeat(64)] {
            assert_eq!(alias(name), None, "{name}");
        }
        let odd = ["mcp.server/tool", "1st", "größe", &"x".repeat(65), &"y".repeat(128)];
        let aliases: Vec<String> = odd.iter().map(|name| alias(name).unwrap()).collect();
        assert!(aliases[0].starts_with("mcp_server_tool_"), "{aliases:?}");
        for (place, one) in aliases.iter().enumerate() {
            assert_eq!(alias(one), None, "{one} is taken by all");
            assert!(!aliases[..place].contains(one));
        }
    }

    #[test]
    fn a_tool_has_one_alias_wherever_it_stands_and_its_name_comes_back() {
        let tool = "mcp.server/tool";
        for (client, body) in [
            (
                ClientDialect::Chat,
                r#"{"messages":[{"role":"user","content":"x"},{"role":"assistant","tool_calls":[
                {"id":"c","type":"function","function":{"name":"TOOL","arguments":"{}"}}]},
                {"role":"tool","tool_call_id":"c","content":"y"}],
                "tools":[{"type":"function","function":{"name":"TOOL"}}],
                "tool_choice":{"type":"function","function":{"name":"TOOL"}}}"#,
            ),
            (
                ClientDialect::Messages,
                r#"{"messages":[{"role":"user","content":"x"}],"tools":[{"name":"TOOL",
                "input_schema":{"type":"object"}}],"tool_choice":{"type":"tool","name":"TOOL"}}"#,
            ),
            (
                ClientDialect::Responses,
                r#"{"input":"x","tools":[{"type":"function","name":"TOOL"}]}"#,
            ),
            (
                ClientDialect::Gemini,
                r#"{"contents":[{"parts":[{"text":"x"}]}],
                "tools":[{"functionDeclarations":[{"name":"TOOL"}]}]}"#,
            ),
        ] {
            let body = body.replace("TOOL", tool);
            let mut prompt = read_prompt(client, body.as_bytes()).unwrap();
            rename(&mut prompt);
            let said = format!("{prompt:?}");
            let sent = prompt.tools[0].name.as_ref();
            assert!(!said.contains(tool) && sent != tool, "{client:?}: {said}");
            let names = ToolNames::of(body.as_bytes());
            let call = Event::Call { id: "c".into(), name: sent.into(), signature: None };
            let told = names.told(&call).unwrap();
            assert!(matches!(&told, Event::Call { name, .. } if name == tool), "{told:?}");
            let mut message = Message::default();
            message.add(&call);
            let message = names.told_whole(&message).unwrap();
            assert!(matches!(&message.blocks[0], Block::Call { name, .. } if name == tool));
        }
    }
}
