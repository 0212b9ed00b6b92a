//! A prompt as an upstream of this dialect gets it.
//!
//! Owns what is asked for; what was said is laid out in `turns`. Invariants: exactly one output
//! cap, the priced one, and thinking leaves room below it; schemas go as JSON Schema, whatever it
//! holds; what Google cannot be told is named, or refused where it would change the answer.
//! Source: Gemini API reference, `GenerateContentRequest`.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::value::RawValue;

use super::config::tier_to_google;
use super::form::Content;
use super::model::{Family, Thinking, ThinkingConfig};
use super::{turns, upstream};
use crate::dropped::Dropped;
use crate::intent::{Intent, RequestFault, UpstreamTerms};
use crate::prompt::{Effort, Prompt, Reasoning, Shape, Tool, ToolChoice};

/// Most stop sequences that Google takes.
const STOPS_MAX: usize = 5;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'p> {
    contents: Vec<Content<'p>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'p>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<[Tools<'p>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_config: Option<ToolConfig<'p>>,
    generation_config: Config<'p>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'p str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Tools<'p> {
    function_declarations: Vec<Declaration<'p>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Declaration<'p> {
    name: &'p str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters_json_schema: Option<&'p RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ToolConfig<'p> {
    function_calling_config: CallingConfig<'p>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallingConfig<'p> {
    mode: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_function_names: Vec<&'p str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'p> {
    max_output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_k: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presence_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency_penalty: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stop_sequences: Vec<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<&'p RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<ThinkingConfig>,
}

/// Writes what a request of another dialect says.
pub fn write_prompt(
    prompt: &Prompt<'_>,
    intent: &Intent,
    terms: &UpstreamTerms<'_>,
    dropped: &mut Dropped,
    out: &mut Vec<u8>,
) -> Result<(), RequestFault> {
    let request = request(prompt, intent, terms, dropped)?;
    // Writing into a vector does not fail, and what was read as JSON can be written.
    let _ = serde_json::to_writer(out, &request);
    Ok(())
}

/// Writes the request that counts what a request of another dialect says.
pub(super) fn write_count(
    prompt: &Prompt<'_>,
    intent: &Intent,
    terms: &UpstreamTerms<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RequestFault> {
    let request = request(prompt, intent, terms, &mut Dropped::default())?;
    upstream::write_wrapped(terms, out, |out| {
        let start = out.len();
        let _ = serde_json::to_writer(&mut *out, &request);
        // The members alone are wanted, behind a comma.
        out[start] = b',';
        out.pop();
    });
    Ok(())
}

fn request<'p>(
    prompt: &'p Prompt<'_>,
    intent: &Intent,
    terms: &UpstreamTerms<'_>,
    dropped: &mut Dropped,
) -> Result<Request<'p>, RequestFault> {
    let family = Family::of(terms.model_json);
    let (system_instruction, contents) = turns::write(prompt, intent.client, family)?;
    let tools = declared(prompt, dropped);
    if !tools.is_empty() && !matches!(prompt.shape, Shape::Text) && !family.shapes_beside_tools {
        let message = "this model cannot be given tools and a JSON shape at once; leave one out";
        return Err(RequestFault::unsupported("response_format", message));
    }
    if prompt.parallel_calls == Some(false) && !tools.is_empty() {
        dropped.add("parallel_tool_calls");
    }
    for (name, is_set) in
        [("user", prompt.user.is_some()), ("verbosity", prompt.verbosity.is_some())]
    {
        if is_set {
            dropped.add(name);
        }
    }
    Ok(Request {
        contents,
        system_instruction,
        tool_config: tool_config(prompt).filter(|_| !tools.is_empty()),
        tools: (!tools.is_empty()).then_some([Tools { function_declarations: tools }]),
        generation_config: config(prompt, terms, family, dropped)?,
        service_tier: prompt.service_tier.as_deref().and_then(tier_to_google),
    })
}

/// The tools that may be called. Where only some of them may but none must, the others are not
/// told of at all: Google has no other way to say that.
fn declared<'p>(prompt: &'p Prompt<'_>, dropped: &mut Dropped) -> Vec<Declaration<'p>> {
    let names: Option<HashSet<&str>> = match &prompt.tool_choice {
        Some(ToolChoice::Allowed { names, required: false }) => {
            Some(names.iter().map(|name| &**name).collect())
        }
        _ => None,
    };
    let is_allowed = |tool: &&Tool<'_>| match &names {
        Some(names) => names.contains(&*tool.name),
        None => true,
    };
    let tools = prompt.tools.iter().filter(is_allowed);
    if tools.clone().any(|tool| tool.strict == Some(true)) {
        dropped.add("strict");
    }
    tools
        .map(|tool| Declaration {
            name: &tool.name,
            description: tool.description.as_deref().filter(|text| !text.is_empty()),
            parameters_json_schema: tool.schema.as_deref(),
        })
        .collect()
}

fn tool_config<'p>(prompt: &'p Prompt<'_>) -> Option<ToolConfig<'p>> {
    let (mode, allowed_function_names) = match prompt.tool_choice.as_ref()? {
        ToolChoice::Auto | ToolChoice::Allowed { required: false, .. } => ("AUTO", Vec::new()),
        ToolChoice::None => ("NONE", Vec::new()),
        ToolChoice::Required => ("ANY", Vec::new()),
        ToolChoice::Named(name) => ("ANY", vec![&**name]),
        ToolChoice::Allowed { names, required: true } => {
            ("ANY", names.iter().map(|name| &**name).collect())
        }
    };
    let function_calling_config = CallingConfig { mode, allowed_function_names };
    Some(ToolConfig { function_calling_config })
}

fn config<'p>(
    prompt: &'p Prompt<'_>,
    terms: &UpstreamTerms<'_>,
    family: Family,
    dropped: &mut Dropped,
) -> Result<Config<'p>, RequestFault> {
    if prompt.stop.len() > STOPS_MAX {
        let message = format!("this model takes at most {STOPS_MAX} stop sequences");
        return Err(RequestFault::unsupported("stop", message));
    }
    let sampling = &prompt.sampling;
    let seed = sampling.seed.map(i32::try_from);
    if seed.is_some_and(|seed| seed.is_err()) {
        dropped.add("seed");
    }
    let (response_mime_type, response_json_schema) = match &prompt.shape {
        Shape::Text => (None, None),
        Shape::Json => (Some("application/json"), None),
        Shape::Schema { schema, .. } => (Some("application/json"), Some(&**schema)),
    };
    Ok(Config {
        max_output_tokens: terms.output_cap,
        temperature: sampling.temperature.map(|temperature| temperature.clamp(0.0, 2.0)),
        top_p: sampling.top_p,
        top_k: sampling.top_k,
        seed: seed.and_then(Result::ok),
        presence_penalty: sampling.presence_penalty,
        frequency_penalty: sampling.frequency_penalty,
        stop_sequences: prompt.stop.iter().map(|text| &**text).collect(),
        response_mime_type,
        response_json_schema,
        thinking_config: thinking(prompt, terms, family, dropped),
    })
}

fn thinking(
    prompt: &Prompt<'_>,
    terms: &UpstreamTerms<'_>,
    family: Family,
    dropped: &mut Dropped,
) -> Option<ThinkingConfig> {
    let usual = Reasoning { effort: Effort::Medium, budget: None, shown: None };
    let asked = prompt.reasoning.or_else(|| terms.thinks.then_some(usual))?;
    if family.thinking == Thinking::Never && asked.effort != Effort::Off {
        dropped.add("reasoning");
    }
    family.config(asked, terms.output_cap)
}
