//! A messages request as Anthropic reads it: strictly.
//!
//! Order of what counts, which is also the order that caching follows: tools, system, messages.
//! Left out on purpose: the tools that Anthropic runs itself (they may be named and are never
//! called), containers, citations.

use serde_json::Value;

use super::blocks::Blocks;
use super::models::{self, Model, Version};
use super::{format, turns};
use crate::ask::{Ask, Function, Refused, Shape, Thoughts, refused, thinking_of};
use crate::dialect::Dialect;
use crate::fields::{Fields, Rules};
use crate::{json, tokens};

/// Least tokens of a thinking budget.
const BUDGET_MIN: u64 = 1024;
/// A budget of tokens is thought of to this part.
const BUDGET_PART: u64 = 32;

/// Beginnings of the types of tools that Anthropic runs, or knows, itself.
const OWN_TOOLS: &[&str] = &[
    "bash_",
    "code_execution_",
    "computer_",
    "memory_",
    "text_editor_",
    "tool_search_",
    "web_fetch_",
    "web_search_",
];

/// Reads and checks a body; `counting` is about its tokens only.
pub(crate) fn messages(
    body: &[u8],
    version: Version,
    counting: bool,
) -> Result<Ask<'static>, Refused> {
    let body = json::parse(body).map_err(|message| refused(message, None))?;
    let mut body = Fields::of(Rules::Anthropic, "", &body)?;
    let name = body.need_text("model")?.to_owned();
    let model = models::of(&name);
    let mut ask = Ask::of(Dialect::Anthropic, name.into());
    if !counting {
        // Without any output a request only fills the cache.
        ask.cap = Some(body.count("max_tokens", 0)?.ok_or_else(|| required("max_tokens"))?);
        settings(&mut body, &mut ask)?;
        sampling(&mut body, version, model)?;
    }
    let thinks = thinking(&mut body, &mut ask, model)?;
    let mut blocks = Blocks::default();
    let (functions, tool_choice) = tools(&mut body, &mut blocks)?;
    system(&mut body, &mut blocks)?;
    let messages = body.list("messages")?.ok_or_else(|| required("messages"))?;
    let told = turns::read(messages, &mut blocks, &turns::Rules { model, thinks, version })?;
    blocks.mark_here(&mut body)?;
    body.skip(&["speed", "user_profile_id", "workspace_id"]);
    body.end()?;
    let forced = matches!(tool_choice, Choice::Any { .. } | Choice::Tool(_));
    if thinks != Thinks::No && forced {
        let what = "tool_choice: thinking may not be enabled when a tool is forced";
        return Err(refused(what, None));
    }
    if forced {
        ask.thinking = 0;
    }
    ask.prompt = told.prompt;
    ask.answers_tool = told.answers_tool;
    ask.calls = if told.answers_tool { Vec::new() } else { called(functions, &tool_choice)? };
    ask.prompt_tokens = blocks.tokens + tokens::PER_REQUEST;
    ask.marked = blocks.marked()?;
    Ok(ask)
}

/// Whether the model is told to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thinks {
    No,
    /// Before every answer.
    Always,
    /// When it likes.
    Adaptive,
}

/// Which tool is to be called.
enum Choice {
    Auto,
    None,
    Any { parallel: bool },
    Tool(String),
}

fn required(name: &str) -> Refused {
    refused(format!("{name}: Field required"), None)
}

/// Members that a count of tokens does not have.
fn settings(body: &mut Fields<'_>, ask: &mut Ask<'_>) -> Result<(), Refused> {
    ask.stream = body.flag("stream")?.unwrap_or(false);
    for stop in body.texts("stop_sequences")? {
        if stop.trim().is_empty() {
            return Err(refused("stop_sequences: each must contain more than space", None));
        }
        ask.stop.push(stop.to_owned());
    }
    body.one_of("service_tier", &["auto", "standard_only"])?;
    body.skip(&["container", "diagnostics", "inference_geo"]);
    if let Some(mut metadata) = body.fields("metadata")? {
        metadata.text("user_id")?;
        metadata.end()?;
    }
    Ok(())
}

/// How the next token is chosen, which newer versions and models do in their own way.
fn sampling(body: &mut Fields<'_>, version: Version, model: Model) -> Result<(), Refused> {
    let names = ["temperature", "top_p", "top_k"];
    if let Some(name) = names.into_iter().find(|name| version == Version::Second && body.has(name))
    {
        return Err(body.wrong(name, "is not a parameter of this API version"));
    }
    let temperature = body.number("temperature", 1.0)?.is_some_and(|number| number < 1.0);
    let top_p = body.number("top_p", 1.0)?.is_some_and(|number| number < 0.99);
    let top_k = body.count("top_k", 0)?.is_some();
    if !model.tuned && (temperature || top_p || top_k) {
        let what = "temperature, top_p and top_k are not supported on this model";
        return Err(refused(what, None));
    }
    Ok(())
}

/// `thinking` and `output_config`, which decide together how long a model thinks.
fn thinking(body: &mut Fields<'_>, ask: &mut Ask<'_>, model: Model) -> Result<Thinks, Refused> {
    let mut effort = None;
    if let Some(mut config) = body.fields("output_config")? {
        effort = config.one_of("effort", &["low", "medium", "high", "xhigh", "max"])?;
        if let Some(format) = config.fields("format")? {
            ask.shape = Shape::Schema(format::schema(format)?);
        }
        config.end()?;
    }
    ask.thoughts = if model.shows { Thoughts::Told } else { Thoughts::Omitted };
    let usual = thinking_of(effort.unwrap_or("high"));
    let Some(mut thinking) = body.fields("thinking")? else {
        ask.thinking = if model.thinks { usual } else { 0 };
        return Ok(Thinks::No);
    };
    let thinks = match thinking.need_text("type")? {
        "disabled" if model.may_rest => Thinks::No,
        "adaptive" | "between_tools" => {
            ask.thinking = usual;
            Thinks::Adaptive
        }
        "enabled" if model.tuned => {
            let budget = thinking.count("budget_tokens", BUDGET_MIN)?;
            let budget = budget.ok_or_else(|| required("thinking.enabled.budget_tokens"))?;
            if ask.cap.is_some_and(|cap| budget >= cap) {
                let what = "max_tokens: must be greater than thinking.budget_tokens";
                return Err(refused(what, None));
            }
            ask.thinking = budget / BUDGET_PART;
            Thinks::Always
        }
        other => {
            let what = format!("{other:?} is not supported on this model");
            return Err(thinking.wrong("type", &what));
        }
    };
    if thinks != Thinks::No {
        match thinking.one_of("display", &["summarized", "omitted"])? {
            Some("omitted") => ask.thoughts = Thoughts::Omitted,
            Some(_) => ask.thoughts = Thoughts::Told,
            None => {}
        }
        check_sampling(body)?;
    }
    thinking.end()?;
    Ok(thinks)
}

/// While it thinks, a model is sampled in its own way.
fn check_sampling(body: &mut Fields<'_>) -> Result<(), Refused> {
    if body.number("temperature", 1.0)?.is_some_and(|number| number < 1.0) {
        return Err(body.wrong("temperature", "may only be 1 when thinking is enabled"));
    }
    if body.number("top_p", 1.0)?.is_some_and(|number| number < 0.95) {
        return Err(body.wrong("top_p", "must be at least 0.95 when thinking is enabled"));
    }
    match body.take("top_k") {
        Some(_) => Err(body.wrong("top_k", "must be unset when thinking is enabled")),
        None => Ok(()),
    }
}

fn system(body: &mut Fields<'_>, blocks: &mut Blocks) -> Result<(), Refused> {
    let Some(system) = body.take("system") else { return Ok(()) };
    match system {
        Value::String(text) => blocks.add_text("system", text),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let mut block = Fields::of(Rules::Anthropic, &format!("system.{index}"), item)?;
                if block.need_text("type")? != "text" {
                    return Err(block.wrong("type", "should be 'text'"));
                }
                blocks.text(block)?;
            }
            Ok(())
        }
        _ => Err(body.wrong("system", "should be a string or an array")),
    }
}

fn tools(body: &mut Fields<'_>, blocks: &mut Blocks) -> Result<(Vec<Function>, Choice), Refused> {
    let mut functions: Vec<Function> = Vec::new();
    let tools = body.list("tools")?;
    for (index, tool) in tools.into_iter().flatten().enumerate() {
        let mut fields = Fields::of(Rules::Anthropic, &format!("tools.{index}"), tool)?;
        blocks.tokens += tokens::count(&tool.to_string());
        let kind = fields.text("type")?.unwrap_or("custom");
        let name = fields.need_text("name")?.to_owned();
        if functions.iter().any(|function| function.name == name) {
            return Err(refused("tools: Tool names must be unique.", None));
        }
        blocks.mark_here(&mut fields)?;
        if kind != "custom" {
            if !OWN_TOOLS.iter().any(|known| kind.starts_with(known)) {
                return Err(fields.wrong("type", &format!("{kind:?} is not a known type")));
            }
            continue;
        }
        let parameters = format::custom_tool(fields, &name)?;
        functions.push(Function { name, parameters });
    }
    let Some(mut choice) = body.fields("tool_choice")? else {
        return Ok((functions, Choice::Auto));
    };
    if tools.is_none_or(Vec::is_empty) {
        return Err(refused("tool_choice: may only be given with tools", None));
    }
    let kind = choice.need_text("type")?;
    let read = match kind {
        "auto" => Choice::Auto,
        "none" => Choice::None,
        "any" => Choice::Any { parallel: true },
        "tool" => Choice::Tool(choice.need_text("name")?.to_owned()),
        other => return Err(choice.wrong("type", &format!("{other:?} is not known"))),
    };
    let single = kind != "none" && choice.flag("disable_parallel_tool_use")?.unwrap_or(false);
    choice.end()?;
    Ok(match read {
        Choice::Any { .. } => (functions, Choice::Any { parallel: !single }),
        other => (functions, other),
    })
}

/// The functions to call: one, or all (at most four) where any are wanted.
fn called(mut functions: Vec<Function>, choice: &Choice) -> Result<Vec<Function>, Refused> {
    let most = match choice {
        Choice::None => 0,
        Choice::Any { parallel: true } => 4,
        _ => 1,
    };
    if let Choice::Tool(name) = choice {
        functions.retain(|function| function.name == *name);
        if functions.is_empty() {
            return Err(refused(format!("Tool '{name}' not found in provided tools"), None));
        }
    }
    functions.truncate(most);
    Ok(functions)
}

#[cfg(test)]
mod tests;
