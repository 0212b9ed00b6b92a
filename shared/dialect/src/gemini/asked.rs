//! What a request asks for beside what was said: tools, sampling, the answer's shape, thinking.
//!
//! Invariants: what would change the answer's form or its bill is refused where no other dialect
//! can say it; what shapes it a little is named, so that the client is told.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use wire::json::{Member, ValueKind, members, unescape};

use super::config::tier_from_google;
use super::form::{Content, Json, Many, Text};
use super::key;
use super::schema::{self, Kind};
use crate::intent::RequestFault;
use crate::prompt::{Effort, Prompt, Reasoning, Shape, Tool, ToolChoice};

/// The members of a request that are read, and those that are the gateway's.
const READ: [&str; 9] = [
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "generationConfig",
    "serviceTier",
    "cachedContent",
    "model",
    "generateContentRequest",
];
/// Members that never go upstream.
const PRIVATE: [&str; 11] = [
    "provider",
    "routing",
    "models",
    "route",
    "allowedModels",
    "plugins",
    "transforms",
    "sessionId",
    "usage",
    "trace",
    "debug",
];
/// The members of `generationConfig` that are read.
const CONFIG_READ: [&str; 17] = [
    "maxOutputTokens",
    "candidateCount",
    "thinkingConfig",
    "responseModalities",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "temperature",
    "topP",
    "topK",
    "seed",
    "stopSequences",
    "presencePenalty",
    "frequencyPenalty",
    "responseLogprobs",
    "logprobs",
    "speechConfig",
];

/// A request, as it stands.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request<'a> {
    #[serde(borrow, default)]
    pub(super) contents: Many<Content<'a>>,
    #[serde(borrow, alias = "system_instruction")]
    pub(super) system_instruction: Option<Content<'a>>,
    #[serde(borrow, alias = "generate_content_request")]
    pub(super) generate_content_request: Option<Box<Self>>,
    #[serde(borrow, default)]
    tools: Many<FormTool<'a>>,
    #[serde(borrow, alias = "tool_config")]
    tool_config: Option<ToolConfig<'a>>,
    #[serde(borrow, alias = "generation_config")]
    generation_config: Option<Config<'a>>,
    #[serde(borrow, alias = "service_tier")]
    service_tier: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FormTool<'a> {
    #[serde(borrow, default, alias = "function_declarations")]
    function_declarations: Many<Declaration<'a>>,
    #[serde(borrow, alias = "google_search")]
    google_search: Option<&'a RawValue>,
    #[serde(borrow, alias = "google_search_retrieval")]
    google_search_retrieval: Option<&'a RawValue>,
    #[serde(borrow, alias = "code_execution")]
    code_execution: Option<&'a RawValue>,
    #[serde(borrow, alias = "url_context")]
    url_context: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Declaration<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    description: Option<Text<'a>>,
    #[serde(borrow)]
    parameters: Option<Json<'a>>,
    #[serde(borrow, alias = "parameters_json_schema")]
    parameters_json_schema: Option<Json<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolConfig<'a> {
    #[serde(borrow, alias = "function_calling_config")]
    function_calling_config: Option<CallingConfig<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallingConfig<'a> {
    #[serde(borrow)]
    mode: Option<Text<'a>>,
    #[serde(borrow, default, alias = "allowed_function_names")]
    allowed_function_names: Option<Vec<Text<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    temperature: Option<f64>,
    #[serde(alias = "top_p")]
    top_p: Option<f64>,
    #[serde(alias = "top_k")]
    top_k: Option<f64>,
    seed: Option<i64>,
    #[serde(alias = "presence_penalty")]
    presence_penalty: Option<f64>,
    #[serde(alias = "frequency_penalty")]
    frequency_penalty: Option<f64>,
    #[serde(borrow, alias = "stop_sequences")]
    stop_sequences: Option<Vec<Text<'a>>>,
    #[serde(borrow, alias = "response_mime_type")]
    response_mime_type: Option<Text<'a>>,
    #[serde(borrow, alias = "response_schema")]
    response_schema: Option<Json<'a>>,
    #[serde(borrow, alias = "response_json_schema")]
    response_json_schema: Option<Json<'a>>,
    #[serde(borrow, alias = "response_modalities")]
    response_modalities: Option<Vec<Text<'a>>>,
    #[serde(alias = "response_logprobs")]
    response_logprobs: Option<bool>,
    #[serde(borrow, alias = "speech_config")]
    speech_config: Option<&'a RawValue>,
    #[serde(borrow, alias = "thinking_config")]
    thinking_config: Option<Thinking<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Thinking<'a> {
    #[serde(alias = "include_thoughts")]
    include_thoughts: Option<bool>,
    #[serde(alias = "thinking_budget")]
    thinking_budget: Option<i64>,
    #[serde(borrow, alias = "thinking_level")]
    thinking_level: Option<Text<'a>>,
}

/// The names of members that shape an answer a little, or nothing at all, and are told to nobody.
pub(super) fn unsaid(body: &[u8]) -> Vec<Cow<'_, str>> {
    let is_in = |names: &[&str], key: &str| names.iter().any(|name| key::is(key, name));
    let mut names = Vec::new();
    for member in set_members(body) {
        let name = unescape(body, member.key).unwrap_or_default();
        if key::is(&name, "generationConfig") && member.kind == ValueKind::Object {
            let config = member.value.of(body);
            let others = set_members(config)
                .filter_map(|member| unescape(config, member.key).ok())
                .filter(|name| !is_in(&CONFIG_READ, name));
            names.extend(others);
        } else if !is_in(&READ, &name) && !is_in(&PRIVATE, &name) {
            names.push(name);
        }
    }
    names
}

fn set_members(object: &[u8]) -> impl Iterator<Item = Member> {
    members(object).flatten().filter(|member| member.kind != ValueKind::Null)
}

/// Reads all but the contents.
pub(super) fn read<'a>(request: Request<'a>, prompt: &mut Prompt<'a>) -> Result<(), RequestFault> {
    for tool in request.tools.0 {
        refuse_foreign(&tool)?;
        for declaration in tool.function_declarations.0 {
            prompt.tools.push(read_tool(declaration)?);
        }
    }
    if let Some(calling) = request.tool_config.and_then(|config| config.function_calling_config) {
        prompt.tool_choice = Some(read_choice(calling)?);
    }
    let tier = request.service_tier.and_then(|tier| tier_from_google(&tier.0));
    prompt.service_tier = tier.map(Cow::Owned);
    match request.generation_config {
        Some(config) => read_config(config, prompt),
        None => Ok(()),
    }
}

fn refuse_foreign(tool: &FormTool<'_>) -> Result<(), RequestFault> {
    let runs = [
        ("googleSearch", tool.google_search.or(tool.google_search_retrieval)),
        ("codeExecution", tool.code_execution),
        ("urlContext", tool.url_context),
    ];
    match runs.iter().find(|run| run.1.is_some()) {
        Some((name, _)) => {
            let message = format!(
                "`{name}` is run by Google, and this model is not Google's; give \
                 `functionDeclarations` only"
            );
            Err(RequestFault::unsupported("tools", message))
        }
        None => Ok(()),
    }
}

fn read_tool<'a>(told: Declaration<'a>) -> Result<Tool<'a>, RequestFault> {
    let schema = read_schema(told.parameters_json_schema, told.parameters, "tools")?;
    let description = told.description.map(|text| text.0);
    Ok(Tool { name: told.name.0, description, schema, strict: None, cache: None })
}

/// A JSON Schema as it stands, or one made of Google's own kind of schema.
fn read_schema<'a>(
    json_schema: Option<Json<'a>>,
    own: Option<Json<'a>>,
    param: &'static str,
) -> Result<Option<Cow<'a, RawValue>>, RequestFault> {
    let (Some(Json(own)), None) = (own, &json_schema) else {
        return Ok(json_schema.map(|schema| schema.0));
    };
    match schema::to_json_schema(own.get().as_bytes()) {
        Kind::JsonSchema => Ok(Some(own)),
        Kind::Made(made) => Ok(Some(Cow::Owned(made))),
        Kind::Broken => Err(RequestFault::invalid(param, "a schema must be an object")),
    }
}

fn read_choice<'a>(told: CallingConfig<'a>) -> Result<ToolChoice<'a>, RequestFault> {
    let names = told.allowed_function_names.unwrap_or_default();
    let mut names: Vec<_> = names.into_iter().map(|name| name.0).collect();
    let mode = told.mode.map_or(Cow::Borrowed("AUTO"), |mode| mode.0);
    Ok(match (mode.to_ascii_uppercase().as_str(), names.len()) {
        ("NONE", _) => ToolChoice::None,
        ("ANY", 0) => ToolChoice::Required,
        ("ANY", 1) => ToolChoice::Named(names.remove(0)),
        ("ANY", _) => ToolChoice::Allowed { names, required: true },
        ("AUTO" | "VALIDATED" | "MODE_UNSPECIFIED", 0) => ToolChoice::Auto,
        ("AUTO" | "VALIDATED" | "MODE_UNSPECIFIED", _) => {
            ToolChoice::Allowed { names, required: false }
        }
        _ => {
            let message = format!("`mode` is AUTO, ANY, NONE or VALIDATED, not `{mode}`");
            return Err(RequestFault::invalid("toolConfig", message));
        }
    })
}

fn read_config<'a>(config: Config<'a>, prompt: &mut Prompt<'a>) -> Result<(), RequestFault> {
    let modalities = config.response_modalities.unwrap_or_default();
    let only_text = modalities.iter().all(|kind| kind.0.eq_ignore_ascii_case("TEXT"));
    if !only_text || config.speech_config.is_some() {
        let message = "this model answers in text only; leave `responseModalities` out";
        return Err(RequestFault::unsupported("responseModalities", message));
    }
    if config.response_logprobs == Some(true) {
        let message = "log probabilities cannot be had of this model; leave `responseLogprobs` out";
        return Err(RequestFault::unsupported("responseLogprobs", message));
    }
    prompt.sampling.temperature = config.temperature;
    prompt.sampling.top_p = config.top_p;
    // Google takes the number with a fraction, too.
    prompt.sampling.top_k = config.top_k.map(|top_k| top_k as u64);
    prompt.sampling.seed = config.seed;
    prompt.sampling.presence_penalty = config.presence_penalty;
    prompt.sampling.frequency_penalty = config.frequency_penalty;
    let stop = config.stop_sequences.unwrap_or_default();
    prompt.stop = stop.into_iter().map(|text| text.0).collect();
    prompt.reasoning = config.thinking_config.as_ref().map(read_thinking);
    let param = "generationConfig";
    let schema = read_schema(config.response_json_schema, config.response_schema, param)?;
    let media_type = config.response_mime_type.map_or(Cow::Borrowed("text/plain"), |kind| kind.0);
    prompt.shape = match (schema, &*media_type) {
        (Some(schema), _) => Shape::Schema { name: None, schema, strict: None },
        (None, "application/json") => Shape::Json,
        (None, "text/plain" | "") => Shape::Text,
        (None, other) => {
            let message = format!("`{other}` cannot be asked of this model");
            return Err(RequestFault::unsupported("responseMimeType", message));
        }
    };
    Ok(())
}

/// Budgets stand for efforts as in Google's own form of OpenAI's API.
fn read_thinking(told: &Thinking<'_>) -> Reasoning {
    let budget = told.thinking_budget.and_then(|budget| u64::try_from(budget).ok());
    let level = told.thinking_level.as_ref().map(|level| level.0.to_ascii_lowercase());
    let effort = match (level.as_deref().and_then(Effort::from_name), budget) {
        (Some(effort), _) => effort,
        (None, Some(0)) => Effort::Off,
        (None, Some(1..=1_024)) => Effort::Low,
        (None, Some(1_025..=8_192) | None) => Effort::Medium,
        (None, Some(_)) => Effort::High,
    };
    let budget = budget.filter(|budget| *budget > 0);
    Reasoning { effort, budget, shown: told.include_thoughts }
}

/// What a tool gave back, as text, and whether it failed. Google's convention: `output` alone is
/// the result and `error` alone the failure (`result` is what OpenAI's clients use); anything else
/// is the result as a whole.
pub(super) fn read_result(json: Cow<'_, str>) -> (Cow<'_, str>, bool) {
    let object = json.as_bytes();
    let mut all = members(object).flatten();
    let (Some(member), None) = (all.next(), all.next()) else { return (json, false) };
    let is_error = match member.key.of(object) {
        b"output" | b"result" => false,
        b"error" => true,
        _ => return (json, false),
    };
    let text = match member.kind {
        ValueKind::String => unescape(object, member.content()).map(Cow::into_owned),
        _ => Ok(String::from_utf8_lossy(member.value.of(object)).into_owned()),
    };
    (Cow::Owned(text.unwrap_or_default()), is_error)
}
