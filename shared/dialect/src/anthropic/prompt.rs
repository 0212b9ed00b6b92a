//! A Messages request in no dialect.
//!
//! Invariants: what no other dialect can say of a conversation is refused by its block's type; a
//! setting that shapes an answer only a little is told by its name.

use std::borrow::Cow;

use wire::json::{members, unescape};

use super::blocks::{Body, Choice, Metadata, ThinkingConfig, Tool as BodyTool};
use super::content::{Conversation, cache, invalid};
use super::request::openai_tier;
use crate::intent::RequestFault;
use crate::member::is_ours;
use crate::prompt::{Cache, Effort, Prompt, Reasoning, Role, Sampling, Shape, Tool, ToolChoice};

/// Members that are read, or were refused before.
const KNOWN: [&str; 22] = [
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "thinking",
    "output_config",
    "output_format",
    "metadata",
    "service_tier",
    "cache_control",
    "max_tokens",
    "stream",
    "speed",
    "container",
    "inference_geo",
    "fallbacks",
    "mcp_servers",
];

/// Reads a whole request.
pub fn read_prompt(body: &[u8]) -> Result<Prompt<'_>, RequestFault> {
    let mut read: Body<'_> = serde_json::from_slice(body).map_err(|fault| {
        let (line, column) = (fault.line(), fault.column());
        let message =
            format!("no Messages request: line {line}, column {column} is of a wrong type");
        RequestFault { param: None, message, unsupported: false }
    })?;
    let mut prompt = Prompt { unsaid: unknown_members(body), ..Prompt::default() };
    let mut conversation = Conversation::of(&mut prompt);
    if let Some(system) = read.system.take() {
        conversation.read(Role::System, system)?;
    }
    for turn in std::mem::take(&mut read.messages) {
        conversation.read(role(&turn.role)?, turn.content)?;
    }
    if let Some(mark) = &read.cache_control {
        mark_last(&mut prompt, cache(mark));
    }
    read_settings(read, &mut prompt)?;
    Ok(prompt)
}

fn read_settings<'a>(read: Body<'a>, prompt: &mut Prompt<'a>) -> Result<(), RequestFault> {
    let (temperature, top_p, top_k) = (read.temperature, read.top_p, read.top_k);
    prompt.sampling = Sampling { temperature, top_p, top_k, ..Sampling::default() };
    let stops = read.stop_sequences.unwrap_or_default();
    prompt.stop = stops.into_iter().map(|stop| stop.0).collect();
    let config = read.output_config;
    let effort = config.as_ref().and_then(|config| Effort::from_name(config.effort.as_deref()?));
    prompt.reasoning = reasoning(read.thinking.as_ref(), effort)?;
    let format = config.and_then(|config| config.format).or(read.output_format);
    if let Some(schema) = format.and_then(|format| format.schema) {
        let schema = Cow::Borrowed(schema);
        prompt.shape = Shape::Schema { name: None, schema, strict: Some(true) };
    }
    prompt.user = read.metadata.and_then(|Metadata { user_id }| Some(user_id?.0));
    prompt.service_tier = read.service_tier.map(|tier| Cow::Owned(openai_tier(&tier).to_owned()));
    for tool in read.tools.unwrap_or_default() {
        prompt.tools.push(read_tool(tool)?);
    }
    if let Some(choice) = read.tool_choice {
        prompt.parallel_calls = choice.disable_parallel_tool_use.map(|disabled| !disabled);
        prompt.tool_choice = Some(read_choice(choice)?);
    }
    Ok(())
}

fn role(name: &str) -> Result<Role, RequestFault> {
    match name {
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        "system" => Ok(Role::System),
        _ => Err(invalid("a message's `role` must be `user`, `assistant` or `system`")),
    }
}

fn read_tool(tool: BodyTool<'_>) -> Result<Tool<'_>, RequestFault> {
    if let Some(kind) = tool.kind.as_deref().filter(|kind| *kind != "custom") {
        let message = format!("the tool `{kind}` is Anthropic's own; give it an `input_schema`");
        return Err(RequestFault::unsupported("tools", message));
    }
    let name = tool.name.ok_or_else(|| RequestFault::invalid("tools", "a tool needs a `name`"))?;
    Ok(Tool {
        name: name.0,
        description: tool.description.map(|text| text.0),
        schema: tool.input_schema.map(Cow::Borrowed),
        strict: tool.strict,
        cache: tool.cache_control.as_ref().map(cache),
    })
}

fn read_choice(choice: Choice<'_>) -> Result<ToolChoice<'_>, RequestFault> {
    match (&*choice.kind, choice.name) {
        ("auto", _) => Ok(ToolChoice::Auto),
        ("any", _) => Ok(ToolChoice::Required),
        ("none", _) => Ok(ToolChoice::None),
        ("tool", Some(name)) => Ok(ToolChoice::Named(name.0)),
        _ => {
            let message = "`tool_choice` must be `auto`, `any`, `none`, or `tool` with a `name`";
            Err(RequestFault::invalid("tool_choice", message))
        }
    }
}

/// How hard the model is to think. A budget alone stands for an effort too.
fn reasoning(
    thinking: Option<&ThinkingConfig<'_>>,
    effort: Option<Effort>,
) -> Result<Option<Reasoning>, RequestFault> {
    let Some(thinking) = thinking else {
        return Ok(effort.map(|effort| Reasoning { effort, budget: None, shown: None }));
    };
    let shown = thinking.display.as_ref().map(|display| &**display != "omitted");
    let (effort, budget) = match &*thinking.kind {
        "disabled" => (Effort::Off, None),
        "enabled" => {
            let budget = thinking.budget_tokens.ok_or_else(|| {
                RequestFault::invalid("thinking", "`thinking` needs its `budget_tokens`")
            })?;
            (effort.unwrap_or(effort_of(budget)), Some(budget))
        }
        _ => (effort.unwrap_or(Effort::Medium), None),
    };
    Ok(Some(Reasoning { effort, budget, shown }))
}

const fn effort_of(budget: u64) -> Effort {
    match budget {
        0..4_096 => Effort::Low,
        4_096..16_384 => Effort::Medium,
        _ => Effort::High,
    }
}

/// A mark of the whole request is its last part's.
fn mark_last(prompt: &mut Prompt<'_>, mark: Cache) {
    let last = prompt.turns.last_mut().and_then(|turn| turn.parts.last_mut());
    if let Some(last) = last {
        last.cache = last.cache.or(Some(mark));
    }
}

fn unknown_members(body: &[u8]) -> Vec<Cow<'_, str>> {
    let names = members(body).flatten().filter_map(|member| unescape(body, member.key).ok());
    names.filter(|name| !is_ours(name) && !KNOWN.contains(&&**name)).collect()
}
