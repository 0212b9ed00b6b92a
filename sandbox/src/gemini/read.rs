//! A request for contents as Gemini reads it: strictly.
//!
//! Left out on purpose: tools that Google runs itself (they may be named and are never used),
//! cached contents (there are none), Vertex's members.

use serde_json::Value;

use super::{schema, turns};
use crate::ask::{Ask, Function, Joined, Refused, Shape, Thoughts, refused, thinking_of};
use crate::dialect::Dialect;
use crate::fields::{Fields, Rules};
use crate::{json, tokens};

/// A budget of tokens is thought of to this part, within the most.
const BUDGET_PART: u64 = 32;
const BUDGET_MAX: i64 = 32_768;
const CANDIDATES_MAX: u64 = 8;
const STOPS_MAX: usize = 5;

/// Tools that Google runs itself.
const OWN_TOOLS: &[&str] = &[
    "googleSearch",
    "googleSearchRetrieval",
    "codeExecution",
    "urlContext",
    "googleMaps",
    "fileSearch",
    "computerUse",
];

/// How the stream is wanted: `?alt=sse`, or one array.
pub(crate) fn joined(query: Option<&[u8]>) -> Joined {
    let mut pairs = query.unwrap_or_default().split(|byte| *byte == b'&');
    if pairs.any(|pair| pair == b"alt=sse") { Joined::Events } else { Joined::Array }
}

/// Whether a model signs its calls and wants the signatures back.
pub(super) fn signs(model: &str) -> bool {
    model.contains("gemini-3")
}

/// Reads and checks a body.
pub(crate) fn contents(body: &[u8], model: &str) -> Result<Ask<'static>, Refused> {
    let body = json::parse(body).map_err(|message| refused(message, None))?;
    read(Fields::of(Rules::Gemini, "", &body)?, model)
}

/// The same for a count of tokens, whose body may hold a whole request.
pub(crate) fn counted(body: &[u8], model: &str) -> Result<Ask<'static>, Refused> {
    let body = json::parse(body).map_err(|message| refused(message, None))?;
    let mut outer = Fields::of(Rules::Gemini, "", &body)?;
    let Some(request) = outer.fields("generateContentRequest")? else { return read(outer, model) };
    outer.end()?;
    read(request, model)
}

fn read(mut body: Fields<'_>, model: &str) -> Result<Ask<'static>, Refused> {
    let mut ask = Ask::of(Dialect::Gemini, model.to_owned().into());
    body.text("model")?;
    let mut blocks = turns::Parts::default();
    let functions = tools(&mut body, &mut blocks.tokens)?;
    if let Some(system) = body.take("systemInstruction") {
        blocks.system(&body.path("systemInstruction"), system)?;
    }
    let list = body.list("contents")?.filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| refused("* GenerateContentRequest.contents: is empty", None))?;
    let told = turns::read(list, &mut blocks, signs(model))?;
    let mode = mode(&mut body, &functions)?;
    let config = body.fields("generationConfig")?;
    // Models of the third generation think unless they are told not to.
    ask.thinking = if signs(model) { thinking_of("low") } else { 0 };
    if let Some(config) = config {
        settings(config, &mut ask)?;
    }
    if ask.shape != Shape::Text && !functions.is_empty() && !signs(model) {
        let what = "Function calling with a response mime type: 'application/json' is unsupported";
        return Err(refused(what, None));
    }
    ask.tier = tier(&mut body)?;
    safety(&mut body)?;
    body.flag("store")?;
    if body.text("cachedContent")?.is_some() {
        let what = "CachedContent not found (or permission denied)";
        return Err(Refused { status: 403, ..refused(what, None) });
    }
    body.end()?;
    ask.prompt_tokens = blocks.tokens + tokens::PER_REQUEST;
    ask.audio_tokens = blocks.audio;
    ask.prompt = told.prompt;
    ask.answers_tool = told.answers_tool;
    ask.calls = if told.answers_tool { Vec::new() } else { called(functions, &mode) };
    Ok(ask)
}

/// Which functions may be called.
enum Mode {
    Auto,
    None,
    /// Some must be; any where none are named.
    Any(Vec<String>),
}

fn tools(body: &mut Fields<'_>, count: &mut u64) -> Result<Vec<Function>, Refused> {
    let mut functions: Vec<Function> = Vec::new();
    for (index, tool) in body.list("tools")?.into_iter().flatten().enumerate() {
        let at = format!("tools[{index}]");
        let mut tool = Fields::of(Rules::Gemini, &at, tool)?;
        let declared = tool.list("functionDeclarations")?;
        for (place, one) in declared.into_iter().flatten().enumerate() {
            *count += tokens::count(&one.to_string());
            let at = format!("{at}.function_declarations[{place}]");
            let function = declaration(Fields::of(Rules::Gemini, &at, one)?)?;
            if functions.iter().any(|known| known.name == function.name) {
                let what = format!("Duplicate function declaration found: {}", function.name);
                return Err(refused(what, None));
            }
            functions.push(function);
        }
        tool.skip(OWN_TOOLS);
        tool.end()?;
    }
    Ok(functions)
}

fn declaration(mut fields: Fields<'_>) -> Result<Function, Refused> {
    let name = fields.need_text("name")?.to_owned();
    if !schema::is_function(&name) {
        let what = "must start with a letter or an underscore, hold letters, digits, underscores, \
                    colons, dots or dashes, and have at most 64 of them";
        return Err(fields.wrong("name", what));
    }
    fields.text("description")?;
    fields.text("behavior")?;
    let parameters = schema::either(&mut fields, "parameters", "parametersJsonSchema")?;
    schema::either(&mut fields, "response", "responseJsonSchema")?;
    fields.end()?;
    Ok(Function { name, parameters: parameters.unwrap_or_default() })
}

fn mode(body: &mut Fields<'_>, functions: &[Function]) -> Result<Mode, Refused> {
    let Some(mut config) = body.fields("toolConfig")? else { return Ok(Mode::Auto) };
    config.skip(&["retrievalConfig", "includeServerSideToolInvocations"]);
    let calling = config.fields("functionCallingConfig")?;
    config.end()?;
    let Some(mut calling) = calling else { return Ok(Mode::Auto) };
    let modes = ["AUTO", "ANY", "NONE", "VALIDATED", "MODE_UNSPECIFIED"];
    let mode = calling.one_of("mode", &modes)?.unwrap_or("AUTO");
    let names = calling.texts("allowedFunctionNames")?;
    let names: Vec<_> = names.into_iter().map(str::to_owned).collect();
    if !names.is_empty() && !["ANY", "VALIDATED"].contains(&mode) {
        let what = "may be set only when the mode is ANY";
        return Err(calling.wrong("allowedFunctionNames", what));
    }
    let declared = |name: &String| functions.iter().any(|function| function.name == *name);
    if let Some(odd) = names.iter().find(|name| !declared(name)) {
        let what = format!("{odd:?} is not a declared function");
        return Err(calling.wrong("allowedFunctionNames", &what));
    }
    calling.end()?;
    if mode == "ANY" && functions.is_empty() {
        return Err(refused("Function calling config is set without function_declarations", None));
    }
    Ok(match mode {
        "ANY" => Mode::Any(names),
        "NONE" => Mode::None,
        _ => Mode::Auto,
    })
}

/// The functions to call: one, or all that are allowed (at most four) where any must be.
fn called(mut functions: Vec<Function>, mode: &Mode) -> Vec<Function> {
    match mode {
        Mode::None => functions.clear(),
        Mode::Auto => functions.truncate(1),
        Mode::Any(names) => {
            functions.retain(|function| names.is_empty() || names.contains(&function.name));
            functions.truncate(4);
        }
    }
    functions
}

fn settings(mut config: Fields<'_>, ask: &mut Ask<'_>) -> Result<(), Refused> {
    config.number("temperature", 2.0)?;
    config.number("topP", 1.0)?;
    config.number("topK", 1000.0)?;
    ask.cap = config.count("maxOutputTokens", 1)?;
    ask.choices = config.count("candidateCount", 1)?.unwrap_or(1);
    if ask.choices > CANDIDATES_MAX {
        return Err(config.wrong("candidateCount", "should be at most 8"));
    }
    let stops = config.texts("stopSequences")?;
    if stops.len() > STOPS_MAX {
        return Err(config.wrong("stopSequences", "should be at most 5"));
    }
    ask.stop = stops.into_iter().filter(|stop| !stop.is_empty()).map(str::to_owned).collect();
    ask.seed = config.integer("seed")?;
    if ask.seed.is_some_and(|seed| i32::try_from(seed).is_err()) {
        return Err(config.wrong("seed", "is out of range of TYPE_INT32"));
    }
    for penalty in ["presencePenalty", "frequencyPenalty"] {
        config.take(penalty);
    }
    config.flag("responseLogprobs")?;
    config.count("logprobs", 0)?;
    config.flag("enableEnhancedCivicAnswers")?;
    config.texts("responseModalities")?;
    config.skip(&["speechConfig", "imageConfig", "mediaResolution", "audioTimestamp"]);
    ask.shape = shape(&mut config)?;
    if let Some(thinking) = config.fields("thinkingConfig")? {
        think(thinking, ask)?;
    }
    config.end()
}

fn shape(config: &mut Fields<'_>) -> Result<Shape, Refused> {
    let kinds = ["application/json", "text/plain", "text/x.enum"];
    let kind = config.one_of("responseMimeType", &kinds)?;
    match (schema::either(config, "responseSchema", "responseJsonSchema")?, kind) {
        (Some(schema), Some("application/json" | "text/x.enum")) => Ok(Shape::Schema(schema)),
        (Some(_), _) => {
            let what = "is only for a response_mime_type of 'application/json'";
            Err(config.wrong("responseSchema", what))
        }
        (None, Some("application/json")) => Ok(Shape::Object),
        (None, _) => Ok(Shape::Text),
    }
}

fn think(mut config: Fields<'_>, ask: &mut Ask<'_>) -> Result<(), Refused> {
    if config.flag("includeThoughts")?.unwrap_or(false) {
        ask.thoughts = Thoughts::Told;
    }
    let level = config.text("thinkingLevel")?.map(str::to_ascii_lowercase);
    match (config.integer("thinkingBudget")?, level.as_deref()) {
        (Some(_), Some(_)) => {
            return Err(config.wrong("thinkingBudget", "may not be set beside thinkingLevel"));
        }
        (Some(-1), None) => ask.thinking = thinking_of("medium"),
        (Some(budget @ 0..=BUDGET_MAX), None) => {
            ask.thinking = budget.unsigned_abs().div_ceil(BUDGET_PART);
        }
        (Some(_), None) => return Err(config.wrong("thinkingBudget", "is out of range")),
        (None, Some(_)) if !signs(&ask.model) => {
            let what = "Thinking level is not supported for this model.";
            return Err(config.wrong("thinkingLevel", what));
        }
        (None, Some(level @ ("minimal" | "low" | "medium" | "high"))) => {
            ask.thinking = thinking_of(level);
        }
        (None, Some(_)) => return Err(config.wrong("thinkingLevel", "is not known")),
        (None, None) if ask.thoughts == Thoughts::Told && ask.thinking == 0 => {
            ask.thinking = thinking_of("medium");
        }
        (None, None) => {}
    }
    config.end()
}

/// The tier that was asked for, which is always granted.
fn tier(body: &mut Fields<'_>) -> Result<String, Refused> {
    let Some(tier) = body.text("serviceTier")? else { return Ok(String::new()) };
    let plain = tier.to_ascii_lowercase().replace("service_tier_", "");
    match plain.as_str() {
        "unspecified" => Ok(String::new()),
        "standard" | "flex" | "priority" => Ok(plain),
        _ => Err(body.wrong("serviceTier", "is not known")),
    }
}

fn safety(body: &mut Fields<'_>) -> Result<(), Refused> {
    for (index, setting) in body.list("safetySettings")?.into_iter().flatten().enumerate() {
        let at = format!("safety_settings[{index}]");
        let mut setting: Fields<'_> = Fields::of(Rules::Gemini, &at, setting as &Value)?;
        setting.need_text("category")?;
        setting.need_text("threshold")?;
        setting.end()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
