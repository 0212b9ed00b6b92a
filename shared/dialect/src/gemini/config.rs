//! What `generationConfig` and `tools` say of billing: limits, candidates, thinking, searches.

use catalog::Parameters;
use wire::json::{Member, ValueKind, elements, members, u64_value, unescape};

use super::key;
use crate::intent::RequestFault;
use crate::member::read_limit;

/// Most candidates one request may ask for.
const CHOICES_MAX: u64 = 128;
/// The members that are known, with the parameters that they are in the catalog; those without are
/// not routed by.
const NAMES: [(&str, &str); 19] = [
    ("maxOutputTokens", ""),
    ("candidateCount", ""),
    ("thinkingConfig", "reasoning"),
    ("responseModalities", "modalities"),
    ("responseMimeType", "response_format"),
    ("responseSchema", "response_format"),
    ("responseJsonSchema", "response_format"),
    ("temperature", "temperature"),
    ("topP", "top_p"),
    ("topK", "top_k"),
    ("seed", "seed"),
    ("stopSequences", "stop"),
    ("presencePenalty", "presence_penalty"),
    ("frequencyPenalty", "frequency_penalty"),
    ("responseLogprobs", "logprobs"),
    ("logprobs", "top_logprobs"),
    ("speechConfig", "audio"),
    ("imageConfig", ""),
    ("mediaResolution", ""),
];

/// What of it is billed or routed by.
pub(super) struct Config {
    pub(super) output_limit: Option<u64>,
    pub(super) thinking_budget: Option<u64>,
    pub(super) choices: u64,
    pub(super) audio_output: bool,
    pub(super) parameters: Parameters,
}

/// Reads `generationConfig`.
pub(super) fn read(body: &[u8], config: &Member) -> Result<Config, RequestFault> {
    let mut read = Config {
        output_limit: None,
        thinking_budget: None,
        choices: 1,
        audio_output: false,
        parameters: Parameters::NONE,
    };
    if config.kind == ValueKind::Null {
        return Ok(read);
    }
    if config.kind != ValueKind::Object {
        let message = "`generationConfig` must be an object";
        return Err(RequestFault::invalid("generationConfig", message));
    }
    let object = config.value.of(body);
    let names = NAMES.map(|(name, _)| name);
    let mut seen = Vec::with_capacity(8);
    for member in members(object).flatten() {
        let Some(name) = key::named(object, member.key, &names)? else { continue };
        if seen.contains(&name) {
            return Err(key::twice(name));
        }
        seen.push(name);
        if member.kind != ValueKind::Null {
            read.take(object, name, &member)?;
        }
    }
    Ok(read)
}

impl Config {
    fn take(
        &mut self,
        object: &[u8],
        name: &'static str,
        member: &Member,
    ) -> Result<(), RequestFault> {
        match name {
            "maxOutputTokens" => self.output_limit = read_limit(object, Some(member), name)?,
            "candidateCount" => self.choices = read_choices(object, member)?,
            "thinkingConfig" => self.thinking_budget = read_budget(object, member)?,
            "responseModalities" => self.audio_output = asks_beyond_text(object, member),
            // What is anyway needs nobody who understands it.
            "responseMimeType" if member.value.of(object) == b"\"text/plain\"" => return Ok(()),
            _ => {}
        }
        let parameter = NAMES.iter().find(|known| known.0 == name).map(|known| known.1);
        self.parameters = self.parameters.with(Parameters::of(parameter));
        Ok(())
    }
}

fn read_choices(object: &[u8], member: &Member) -> Result<u64, RequestFault> {
    match u64_value(member.value.of(object)) {
        Some(choices) if (1..=CHOICES_MAX).contains(&choices) => Ok(choices),
        _ => Err(RequestFault::invalid(
            "candidateCount",
            format!("`candidateCount` must be from 1 to {CHOICES_MAX}"),
        )),
    }
}

/// The budget of thoughts, where it is a number: -1 leaves it to the model, and 0 is none.
fn read_budget(object: &[u8], config: &Member) -> Result<Option<u64>, RequestFault> {
    let config = config.value.of(object);
    let mut budget = None;
    for member in members(config).flatten() {
        let names = ["thinkingBudget", "thinkingLevel", "includeThoughts"];
        if key::named(config, member.key, &names)? != Some("thinkingBudget") {
            continue;
        }
        if budget.is_some() {
            return Err(key::twice("thinkingBudget"));
        }
        budget = Some(match (member.value.of(config), member.kind) {
            (b"-1", _) | (_, ValueKind::Null) => 0,
            (number, ValueKind::Number) => u64_value(number).ok_or_else(wrong_budget)?,
            _ => return Err(wrong_budget()),
        });
    }
    Ok(budget.filter(|budget| *budget > 0))
}

fn wrong_budget() -> RequestFault {
    let message = "`thinkingBudget` must be a whole number from 0 on, or -1";
    RequestFault::invalid("thinkingBudget", message)
}

fn asks_beyond_text(object: &[u8], member: &Member) -> bool {
    let list = member.value.of(object);
    let is_text = |item: &[u8]| item.eq_ignore_ascii_case(b"\"TEXT\"");
    match member.kind {
        ValueKind::Array => elements(list).flatten().any(|(item, _)| !is_text(item.of(list))),
        _ => !is_text(list),
    }
}

/// What kinds of tools a request lists.
#[derive(Default)]
pub(super) struct ToolKinds {
    /// One searches the web.
    pub(super) searches: bool,
    /// Some are run by Google, and billed by the call.
    pub(super) are_foreign: bool,
}

/// Reads `tools`: a list of them, or one alone.
pub(super) fn read_tools(body: &[u8], member: &Member) -> ToolKinds {
    let (mut kinds, tools) = (ToolKinds::default(), member.value.of(body));
    if member.kind == ValueKind::Array {
        elements(tools).flatten().for_each(|(tool, _)| kinds.note(tool.of(tools)));
    } else {
        kinds.note(tools);
    }
    kinds
}

impl ToolKinds {
    fn note(&mut self, tool: &[u8]) {
        for member in members(tool).flatten().filter(|member| member.kind != ValueKind::Null) {
            let name = unescape(tool, member.key).unwrap_or_default();
            if key::is(&name, "googleSearch") || key::is(&name, "googleSearchRetrieval") {
                self.searches = true;
            } else if !key::is(&name, "functionDeclarations") {
                self.are_foreign = true;
            }
        }
    }
}

/// Google's word for a service tier in OpenAI's; `None` for what is anyway.
pub(super) fn tier_from_google(tier: &str) -> Option<String> {
    let tier = tier.to_ascii_lowercase();
    match tier.strip_prefix("service_tier_").unwrap_or(&tier) {
        "unspecified" | "" => None,
        "standard" => Some("default".to_owned()),
        other => Some(other.to_owned()),
    }
}

/// OpenAI's word for a service tier in Google's; `None` for what is anyway.
pub(super) fn tier_to_google(tier: &str) -> Option<&str> {
    match tier {
        "auto" => None,
        "default" => Some("standard"),
        other => Some(other),
    }
}
