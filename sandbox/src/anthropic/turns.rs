//! Turns: who speaks after whom, and that every call has its result.
//!
//! ```text
//! user -> assistant -> user -> …          messages of one role after the other are one turn
//!         calls     -> all of their results, before anything else
//! ```

use serde_json::Value;

use super::blocks::Blocks;
use super::models::{Model, Version};
use super::read::Thinks;
use crate::ask::{Refused, refused};
use crate::fields::{self, Fields};
use crate::tokens;

/// What decides on how messages may look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub model: Model,
    pub thinks: Thinks,
    pub version: Version,
}

/// What the messages say.
#[derive(Debug)]
pub(super) struct Told {
    /// The text of the last turn.
    pub prompt: String,
    pub answers_tool: bool,
}

/// The turn that is being read.
#[derive(Debug)]
struct Turn {
    version: Version,
    user: bool,
    /// Where its first message stands.
    first: usize,
    blocks: usize,
    begins_with_thought: bool,
    calls: Vec<String>,
    results: Vec<String>,
    /// Whether something other than a result came up.
    other: bool,
}

/// Reads all messages.
pub(super) fn read(
    messages: &[Value],
    blocks: &mut Blocks,
    rules: &Rules,
) -> Result<Told, Refused> {
    let mut turns: Vec<Turn> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let at = format!("messages.{index}");
        let mut message = Fields::of(fields::Rules::Anthropic, &at, message)?;
        blocks.tokens += tokens::PER_MESSAGE;
        let user = match message.need_text("role")? {
            "user" => true,
            "assistant" => false,
            "system" if rules.model.system_turns => {
                let after_user = turns.last().is_some_and(|turn| turn.user);
                if !after_user {
                    let what = "a system message must come right after a user's";
                    return Err(message.wrong("role", what));
                }
                blocks.system(&at, message)?;
                continue;
            }
            "system" => {
                return Err(message.wrong("role", "role 'system' is not supported on this model"));
            }
            _ => return Err(message.wrong("role", "Input should be 'user' or 'assistant'")),
        };
        if turns.last().is_none_or(|turn| turn.user != user) {
            turns.push(Turn::new(rules.version, user, index));
            blocks.said.clear();
        }
        let is_last = index + 1 == messages.len();
        let content = message.need("content")?;
        message.end()?;
        if let Some(turn) = turns.last_mut() {
            turn.read(&at, content, blocks, is_last)?;
        }
    }
    check(&turns, rules)?;
    let answers_tool = turns.last().is_some_and(|turn| !turn.results.is_empty());
    Ok(Told { prompt: std::mem::take(&mut blocks.said), answers_tool })
}

impl Turn {
    fn new(version: Version, user: bool, first: usize) -> Self {
        Self {
            version,
            user,
            first,
            blocks: 0,
            begins_with_thought: false,
            calls: Vec::new(),
            results: Vec::new(),
            other: false,
        }
    }

    fn read(
        &mut self,
        at: &str,
        content: &Value,
        blocks: &mut Blocks,
        is_last: bool,
    ) -> Result<(), Refused> {
        let may_be_empty = is_last && !self.user;
        let empty = || {
            let what = "all messages must have non-empty content, but for a last assistant one";
            Err(refused(format!("{at}: {what}"), None))
        };
        match content {
            Value::String(text) if text.is_empty() && !may_be_empty => empty(),
            Value::String(text) => {
                self.blocks += 1;
                self.other = true;
                if !self.user && is_last && text.ends_with(char::is_whitespace) {
                    let what = "final assistant content cannot end with trailing whitespace";
                    return Err(refused(format!("messages: {what}"), None));
                }
                if text.is_empty() { Ok(()) } else { blocks.add_text(at, text) }
            }
            Value::Array(items) if items.is_empty() && !may_be_empty => empty(),
            Value::Array(items) => items.iter().enumerate().try_for_each(|(index, item)| {
                self.block(&format!("{at}.content.{index}"), item, blocks)
            }),
            _ => Err(refused(format!("{at}.content: should be a string or an array"), None)),
        }
    }

    fn block(&mut self, at: &str, item: &Value, blocks: &mut Blocks) -> Result<(), Refused> {
        let mut block = Fields::of(fields::Rules::Anthropic, at, item)?;
        let kind = block.need_text("type")?;
        self.blocks += 1;
        match (kind, self.user) {
            ("tool_result", true) if self.other => {
                Err(refused(format!("{at}: tool_result blocks come before all others"), None))
            }
            ("tool_result", true) => {
                // Results of several calls are answered together.
                if !self.results.is_empty() {
                    blocks.said.push_str("; ");
                }
                self.results.push(blocks.tool_result(block)?);
                Ok(())
            }
            (_, true) => {
                self.other = true;
                let cited = item.get("citations").and_then(Value::as_array);
                if self.version == Version::Second && cited.is_some_and(|cited| !cited.is_empty()) {
                    return Err(block.wrong("citations", "may not stand in a user's turn"));
                }
                blocks.plain(kind, block)
            }
            ("thinking" | "redacted_thinking", false) => {
                self.begins_with_thought |= self.blocks == 1;
                match kind {
                    "thinking" => blocks.thinking(block),
                    _ => blocks.redacted(block),
                }
            }
            ("tool_use", false) => {
                let id = blocks.tool_use(block)?;
                if self.calls.contains(&id) {
                    return Err(refused(format!("{at}: `tool_use` ids must be unique"), None));
                }
                self.calls.push(id);
                Ok(())
            }
            ("text", false) => blocks.text(block),
            ("server_tool_use" | "web_search_tool_result", false) => {
                blocks.tokens += tokens::count(&item.to_string());
                Ok(())
            }
            (other, false) => Err(block.wrong("type", &format!("{other:?} may not stand here"))),
        }
    }
}

fn check(turns: &[Turn], rules: &Rules) -> Result<(), Refused> {
    if turns.first().is_none_or(|turn| !turn.user) {
        return Err(refused("messages: first message must use the \"user\" role", None));
    }
    let prefilled = turns.last().is_some_and(|turn| !turn.user && turn.calls.is_empty());
    if prefilled && (!rules.model.prefill || rules.thinks != Thinks::No) {
        let what = "This model does not support assistant message prefill. The conversation must \
                    end with a user message.";
        return Err(refused(what, None));
    }
    // What was thought counts since a person spoke last.
    let spoken = turns.iter().rposition(|turn| turn.user && turn.results.is_empty());
    let no_results = Vec::new();
    for (index, turn) in turns.iter().enumerate() {
        let at = turn.first;
        let results = turns.get(index + 1).map_or(&no_results, |next| &next.results);
        if let Some(open) = turn.calls.iter().find(|call| !results.contains(call)) {
            let what = format!(
                "messages.{at}: `tool_use` ids were found without `tool_result` blocks \
                 immediately after: {open}"
            );
            return Err(refused(what, None));
        }
        let calls = index.checked_sub(1).map_or(&no_results, |before| &turns[before].calls);
        for (place, result) in turn.results.iter().enumerate() {
            if !calls.contains(result) || turn.results[..place].contains(result) {
                let what = format!(
                    "messages.{at}: unexpected `tool_use_id` found in `tool_result` blocks: \
                     {result}"
                );
                return Err(refused(what, None));
            }
        }
        let current = spoken.is_none_or(|spoken| index > spoken);
        if rules.thinks == Thinks::Always && current && !turn.user && !turn.begins_with_thought {
            let what = format!(
                "messages.{at}: when `thinking` is enabled, an assistant turn must start with a \
                 thinking block"
            );
            return Err(refused(what, None));
        }
    }
    Ok(())
}
