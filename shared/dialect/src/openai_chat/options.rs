//! What chat and Responses ask for in almost the same words: tools, the choice among them, the
//! answer's shape and reasoning.
//!
//! Invariants: tools of kinds that no other dialect has are refused, never left out.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::parts::CacheControl;
use crate::intent::RequestFault;
use crate::prompt::{Effort, Prompt, Reasoning, Shape, Tool, ToolChoice};
use crate::typed::{Text, value};

/// A tool: chat's with its function inside, or the flat one of Responses.
#[derive(Debug, Deserialize)]
pub(crate) struct ToolParam<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    function: Option<Function<'a>>,
    name: Option<Text<'a>>,
    description: Option<Text<'a>>,
    parameters: Option<&'a RawValue>,
    strict: Option<bool>,
    cache_control: Option<CacheControl<'a>>,
}

/// What a tool is.
#[derive(Debug, Deserialize)]
pub(crate) struct Function<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    description: Option<Text<'a>>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
    strict: Option<bool>,
}

impl<'a> ToolParam<'a> {
    /// The tool, if it is one that the client runs.
    pub(crate) fn read(self) -> Result<Tool<'a>, RequestFault> {
        if self.kind != "function" {
            let message = format!(
                "a tool of type `{}` is not offered for this model; give it as a `function`",
                self.kind,
            );
            return Err(RequestFault::unsupported("tools", message));
        }
        let flat = self.name.map(|name| Function {
            name: name.0,
            description: self.description,
            parameters: self.parameters,
            strict: self.strict,
        });
        let function = self.function.or(flat).ok_or_else(|| no_name("tools"))?;
        let cache = self.cache_control.as_ref().map(CacheControl::cache);
        Ok(Tool { cache, ..function.read() })
    }
}

impl<'a> Function<'a> {
    pub(crate) fn read(self) -> Tool<'a> {
        let schema = self.parameters.filter(|schema| schema.get() != "null");
        let description = self.description.map(|text| text.0);
        let schema = schema.map(Cow::Borrowed);
        Tool { name: self.name, description, schema, strict: self.strict, cache: None }
    }
}

/// A choice that is an object; a word is one too.
#[derive(Debug, Default, Deserialize)]
struct Choice<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Cow<'a, str>,
    name: Option<Text<'a>>,
    function: Option<Named<'a>>,
    allowed_tools: Option<Allowed<'a>>,
    mode: Option<Text<'a>>,
    tools: Option<Vec<Listed<'a>>>,
}

#[derive(Debug, Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
struct Allowed<'a> {
    #[serde(borrow)]
    mode: Option<Text<'a>>,
    tools: Vec<Listed<'a>>,
}

#[derive(Debug, Deserialize)]
struct Listed<'a> {
    #[serde(borrow)]
    function: Option<Named<'a>>,
    name: Option<Text<'a>>,
}

/// Reads `tool_choice`.
pub(crate) fn tool_choice(json: &[u8]) -> Result<ToolChoice<'_>, RequestFault> {
    const PARAM: &str = "tool_choice";
    let unknown = |what: &str| {
        let message = format!("the tool choice `{what}` is not offered for this model");
        RequestFault::unsupported(PARAM, message)
    };
    if json.first() == Some(&b'"') {
        return match &*value::<Text<'_>>(PARAM, json)?.0 {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::None),
            "required" => Ok(ToolChoice::Required),
            other => Err(unknown(other)),
        };
    }
    let choice: Choice<'_> = value(PARAM, json)?;
    match &*choice.kind {
        "function" => {
            let flat = choice.name.map(|name| name.0);
            let name = choice.function.map(|function| function.name).or(flat);
            Ok(ToolChoice::Named(name.ok_or_else(|| no_name(PARAM))?))
        }
        "allowed_tools" => {
            let flat = Allowed { mode: choice.mode, tools: choice.tools.unwrap_or_default() };
            choice.allowed_tools.unwrap_or(flat).read()
        }
        other => Err(unknown(other)),
    }
}

impl<'a> Allowed<'a> {
    fn read(self) -> Result<ToolChoice<'a>, RequestFault> {
        let name_of = |tool: Listed<'a>| {
            let name = tool.function.map(|function| function.name);
            name.or(tool.name.map(|name| name.0)).ok_or_else(|| no_name("tool_choice"))
        };
        let names = self.tools.into_iter().map(name_of).collect::<Result<_, _>>()?;
        let required = self.mode.is_some_and(|mode| mode.0 == "required");
        Ok(ToolChoice::Allowed { names, required })
    }
}

fn no_name(param: &'static str) -> RequestFault {
    RequestFault::invalid(param, "a function must have a `name`")
}

/// The format of a text: chat's with its schema inside, or the flat one of Responses.
#[derive(Debug, Deserialize)]
pub(crate) struct Format<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    json_schema: Option<Schema<'a>>,
    name: Option<Text<'a>>,
    #[serde(borrow)]
    schema: Option<&'a RawValue>,
    strict: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
struct Schema<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    schema: Option<&'a RawValue>,
    strict: Option<bool>,
}

impl<'a> Format<'a> {
    pub(crate) fn read(self, param: &'static str) -> Result<Shape<'a>, RequestFault> {
        match &*self.kind {
            "text" => Ok(Shape::Text),
            "json_object" => Ok(Shape::Json),
            "json_schema" => {
                let flat = Schema { name: self.name, schema: self.schema, strict: self.strict };
                let Schema { name, schema, strict } = self.json_schema.unwrap_or(flat);
                let name = name.map(|name| name.0);
                Ok(schema.map_or(Shape::Json, |schema| Shape::Schema {
                    name,
                    schema: Cow::Borrowed(schema),
                    strict,
                }))
            }
            other => {
                let message = format!("the format `{other}` is not offered for this model");
                Err(RequestFault::unsupported(param, message))
            }
        }
    }
}

/// `reasoning`, as OpenAI and OpenRouter have it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ReasoningParam<'a> {
    #[serde(borrow)]
    pub(crate) effort: Option<Text<'a>>,
    pub(crate) max_tokens: Option<u64>,
    enabled: Option<bool>,
    pub(crate) exclude: Option<bool>,
    summary: Option<Text<'a>>,
    generate_summary: Option<Text<'a>>,
}

impl ReasoningParam<'_> {
    /// What is asked for; `None` where that is nothing.
    pub(crate) fn read(&self) -> Result<Option<Reasoning>, RequestFault> {
        let unknown = |effort: &str| {
            let message = format!("`{effort}` is no reasoning effort; `none` to `max` are");
            RequestFault::invalid("reasoning", message)
        };
        let effort = match &self.effort {
            Some(word) => Some(Effort::from_name(&word.0).ok_or_else(|| unknown(&word.0))?),
            None => None,
        };
        let budget = self.max_tokens.filter(|budget| *budget > 0);
        let effort = match (effort, self.enabled) {
            (_, Some(false)) => Effort::Off,
            (Some(effort), _) => effort,
            (None, _) if self.max_tokens == Some(0) => Effort::Off,
            (None, _) if budget.is_some() => effort_of(budget.unwrap_or(0)),
            (None, Some(true)) => Effort::Medium,
            (None, None) => return Ok(None),
        };
        let summary = self.summary.is_some() || self.generate_summary.is_some();
        let shown = self.exclude.map(|hidden| !hidden).or(summary.then_some(true));
        Ok(Some(Reasoning { effort, budget, shown }))
    }
}

/// The effort that comes near a budget of thinking tokens.
const fn effort_of(budget: u64) -> Effort {
    match budget {
        0..=1_024 => Effort::Minimal,
        1_025..=4_096 => Effort::Low,
        4_097..=16_384 => Effort::Medium,
        _ => Effort::High,
    }
}

/// A web search, asked for in any of the ways that providers of this dialect know.
pub(crate) fn no_web_search(param: &'static str) -> RequestFault {
    let message = "this model cannot be asked to search the web; leave it out";
    RequestFault::unsupported(param, message)
}

/// Takes the members that chat and Responses share; false where it is none of them.
pub(crate) fn take<'a>(
    prompt: &mut Prompt<'a>,
    key: &str,
    json: &'a [u8],
) -> Result<bool, RequestFault> {
    match key {
        "tools" => {
            let tools: Vec<ToolParam<'a>> = value("tools", json)?;
            for tool in tools {
                prompt.tools.push(tool.read()?);
            }
        }
        "tool_choice" => prompt.tool_choice = Some(tool_choice(json)?),
        "parallel_tool_calls" => {
            prompt.parallel_calls = Some(value("parallel_tool_calls", json)?);
        }
        "temperature" => prompt.sampling.temperature = Some(value("temperature", json)?),
        "top_p" => prompt.sampling.top_p = Some(value("top_p", json)?),
        "service_tier" => {
            prompt.service_tier = Some(value::<Text<'_>>("service_tier", json)?.0);
        }
        "user" => prompt.user = Some(value::<Text<'_>>("user", json)?.0),
        "safety_identifier" => {
            let named = value::<Text<'_>>("safety_identifier", json)?.0;
            prompt.user.get_or_insert(named);
        }
        _ => return Ok(false),
    }
    Ok(true)
}
