//! A request of another dialect as a chat request.
//!
//! Invariants: exactly one output cap, the priced one; results stand right behind the turn of
//! their calls; what cannot be said is refused or listed as dropped. Cache marks are so dropped:
//! upstreams of this dialect keep prefixes by themselves, and most refuse a part with a member
//! that they do not know. Of the tools only those that may be called are given.

use serde::Serialize;
use serde_json::value::RawValue;

use super::turns::{Said, turns_of};
use crate::dropped::Dropped;
use crate::intent::{Intent, RequestFault, UpstreamTerms};
use crate::prompt::{Effort, Prompt, Shape, Tool, ToolChoice};
use crate::session::hash;

/// Most stop sequences that OpenAI takes.
const STOPS_MAX: usize = 4;

#[derive(Serialize)]
struct Body<'p> {
    model: &'p RawValue,
    messages: Vec<Said<'p>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Offered<'p>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<Choice<'p>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parallel_tool_calls: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Format<'p>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(flatten)]
    drawn: Drawn<'p>,
}

/// How words are drawn, and the rest that is passed on as it is.
#[derive(Serialize)]
struct Drawn<'p> {
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'p [std::borrow::Cow<'p, str>],
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verbosity: Option<&'p str>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
#[serde(tag = "type", rename = "function")]
struct Offered<'p> {
    function: Function<'p>,
}

#[derive(Serialize)]
struct Function<'p> {
    name: &'p str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<&'p RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Choice<'p> {
    Word(&'static str),
    Named {
        #[serde(rename = "type")]
        kind: &'static str,
        function: Named<'p>,
    },
}

#[derive(Serialize)]
struct Named<'p> {
    name: &'p str,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Format<'p> {
    JsonObject,
    JsonSchema { json_schema: Schema<'p> },
}

#[derive(Serialize)]
struct Schema<'p> {
    name: &'p str,
    schema: &'p RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    strict: Option<bool>,
}

/// Writes what a request of another dialect says.
///
/// # Errors
/// It cannot be said in this dialect.
pub fn write_prompt(
    prompt: &Prompt<'_>,
    intent: &Intent,
    terms: &UpstreamTerms<'_>,
    dropped: &mut Dropped,
    out: &mut Vec<u8>,
) -> Result<(), RequestFault> {
    let (max_tokens, max_completion_tokens) = if terms.cap_as_completion_tokens {
        (None, Some(terms.output_cap))
    } else {
        (Some(terms.output_cap), None)
    };
    let asks_usage = intent.stream && terms.stream_usage;
    let tools = offered(prompt);
    let has_tools = !tools.is_empty();
    let body = Body {
        model: crate::typed::value("model", terms.model_json)?,
        messages: turns_of(prompt)?,
        max_tokens,
        max_completion_tokens,
        stream: intent.stream,
        stream_options: asks_usage.then_some(StreamOptions { include_usage: true }),
        tools,
        tool_choice: prompt.tool_choice.as_ref().filter(|_| has_tools).map(choice),
        parallel_tool_calls: prompt.parallel_calls.filter(|_| has_tools),
        response_format: format(&prompt.shape),
        reasoning_effort: effort(prompt, terms),
        drawn: drawn(prompt, dropped)?,
    };
    // What a prompt holds can all be written, and a vector takes it.
    serde_json::to_writer(out, &body)
        .map_err(|fault| RequestFault::invalid("messages", fault.to_string()))
}

/// The tools, without those that may not be called.
fn offered<'p>(prompt: &'p Prompt<'_>) -> Vec<Offered<'p>> {
    let may_be_called = |tool: &&Tool<'_>| match &prompt.tool_choice {
        Some(ToolChoice::Allowed { names, .. }) => names.contains(&tool.name),
        _ => true,
    };
    let offer = |tool: &'p Tool<'_>| {
        let description = tool.description.as_deref();
        let (parameters, strict) = (tool.schema.as_deref(), tool.strict);
        Offered { function: Function { name: &tool.name, description, parameters, strict } }
    };
    prompt.tools.iter().filter(may_be_called).map(offer).collect()
}

fn choice<'p>(choice: &'p ToolChoice<'_>) -> Choice<'p> {
    match choice {
        ToolChoice::Auto | ToolChoice::Allowed { required: false, .. } => Choice::Word("auto"),
        ToolChoice::None => Choice::Word("none"),
        ToolChoice::Required | ToolChoice::Allowed { required: true, .. } => {
            Choice::Word("required")
        }
        ToolChoice::Named(name) => Choice::Named { kind: "function", function: Named { name } },
    }
}

fn format<'p>(shape: &'p Shape<'_>) -> Option<Format<'p>> {
    match shape {
        Shape::Text => None,
        Shape::Json => Some(Format::JsonObject),
        Shape::Schema { name, schema, strict } => {
            let name = name.as_deref().unwrap_or("answer");
            Some(Format::JsonSchema { json_schema: Schema { name, schema, strict: *strict } })
        }
    }
}

fn effort(prompt: &Prompt<'_>, terms: &UpstreamTerms<'_>) -> Option<&'static str> {
    let Some(reasoning) = prompt.reasoning else { return terms.thinks.then_some("medium") };
    Some(effort_name(reasoning.effort))
}

/// OpenAI's word for an effort.
pub(super) const fn effort_name(effort: Effort) -> &'static str {
    match effort {
        Effort::Off => "none",
        Effort::Minimal => "minimal",
        Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High => "high",
        Effort::Max => "xhigh",
    }
}

fn drawn<'p>(prompt: &'p Prompt<'_>, dropped: &mut Dropped) -> Result<Drawn<'p>, RequestFault> {
    let sampling = &prompt.sampling;
    if prompt.stop.len() > STOPS_MAX {
        let message = format!("this model takes at most {STOPS_MAX} stop sequences");
        return Err(RequestFault::unsupported("stop", message));
    }
    if sampling.top_k.is_some() {
        dropped.add("top_k");
    }
    // Who it is stays here; that it is the same one goes on.
    let user = prompt.user.as_deref().map(|user| format!("{:016x}", hash(user.as_bytes())));
    Ok(Drawn {
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        presence_penalty: sampling.presence_penalty,
        frequency_penalty: sampling.frequency_penalty,
        seed: sampling.seed,
        stop: &prompt.stop,
        user,
        // Absent means the same.
        service_tier: prompt.service_tier.as_deref().filter(|tier| *tier != "auto"),
        verbosity: prompt.verbosity.as_deref(),
    })
}
