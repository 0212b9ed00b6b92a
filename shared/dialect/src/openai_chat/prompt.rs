//! A chat request in no dialect.
//!
//! Invariants: what is billed and routed by is the intent's, and passed over here; a member that
//! asks for what no other dialect can say is refused, one that only shapes the answer a little is
//! listed as unsaid.

use crate::intent::RequestFault;
use crate::member::is_ours;
use crate::openai_chat::messages::Message;
use crate::openai_chat::options::{self, Format, Function, ReasoningParam, no_web_search};
use crate::openai_chat::parts::CacheControl;
use crate::prompt::{Cache, Prompt, ToolChoice};
use crate::typed::{Content, Text, value};
use wire::json::{ValueKind, members, unescape};

/// Members that the gateway reads elsewhere, or that mean nothing to anybody else.
const PASSED_OVER: [&str; 11] = [
    "model",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "store",
    "moderation",
];

/// Reads a whole request.
pub fn read_prompt(body: &[u8]) -> Result<Prompt<'_>, RequestFault> {
    let mut reader = Reader::default();
    for member in members(body) {
        let member = member.map_err(|_| no_messages())?;
        let key = unescape(body, member.key).map_err(|_| no_messages())?;
        let json = member.value.of(body);
        if member.kind == ValueKind::Null || is_ours(&key) || PASSED_OVER.contains(&&*key) {
            continue;
        }
        let is_known = options::take(&mut reader.prompt, &key, json)?
            || reader.take(&key, json)?
            || reader.take_sampling(&key, json)?;
        if !is_known {
            reader.prompt.unsaid.push(key);
        }
    }
    reader.finish()
}

fn no_messages() -> RequestFault {
    RequestFault::invalid("messages", "a request must have `messages`")
}

/// A request half read.
#[derive(Default)]
struct Reader<'a> {
    prompt: Prompt<'a>,
    reasoning: ReasoningParam<'a>,
    effort: Option<Text<'a>>,
    shows_reasoning: Option<bool>,
    cache: Option<Cache>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, key: &str, json: &'a [u8]) -> Result<bool, RequestFault> {
        let prompt = &mut self.prompt;
        match key {
            "messages" => {
                for message in value::<Vec<Message<'a>>>("messages", json)? {
                    message.read(prompt)?;
                }
            }
            "functions" => {
                let functions: Vec<Function<'a>> = value("functions", json)?;
                prompt.tools.extend(functions.into_iter().map(Function::read));
            }
            "function_call" => prompt.tool_choice = Some(function_choice(json)?),
            "response_format" => {
                let format: Format<'a> = value("response_format", json)?;
                prompt.shape = format.read("response_format")?;
            }
            "reasoning" => self.reasoning = value("reasoning", json)?,
            "reasoning_effort" => self.effort = Some(value("reasoning_effort", json)?),
            "include_reasoning" => self.shows_reasoning = Some(value("include_reasoning", json)?),
            "verbosity" => prompt.verbosity = Some(value::<Text<'_>>("verbosity", json)?.0),
            "cache_control" => {
                self.cache = Some(value::<CacheControl<'_>>("cache_control", json)?.cache());
            }
            _ => return refuse(key, json),
        }
        Ok(true)
    }

    fn take_sampling(&mut self, key: &str, json: &'a [u8]) -> Result<bool, RequestFault> {
        let sampling = &mut self.prompt.sampling;
        match key {
            "top_k" => sampling.top_k = Some(value("top_k", json)?),
            "presence_penalty" => {
                sampling.presence_penalty = Some(value("presence_penalty", json)?);
            }
            "frequency_penalty" => {
                sampling.frequency_penalty = Some(value("frequency_penalty", json)?);
            }
            "seed" => sampling.seed = Some(value("seed", json)?),
            "stop" => match value::<Content<'a, Text<'a>>>("stop", json)? {
                Content::Text(text) => self.prompt.stop.push(text),
                Content::Parts(texts) => {
                    self.prompt.stop.extend(texts.into_iter().map(|text| text.0));
                }
            },
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish(mut self) -> Result<Prompt<'a>, RequestFault> {
        if self.reasoning.effort.is_none() {
            self.reasoning.effort = self.effort.take();
        }
        if self.reasoning.exclude.is_none() {
            self.reasoning.exclude = self.shows_reasoning.map(|shown| !shown);
        }
        self.prompt.reasoning = self.reasoning.read()?;
        if self.prompt.turns.is_empty() && self.prompt.system.is_empty() {
            return Err(no_messages());
        }
        if let Some(cache) = self.cache
            && let Some(part) = self.prompt.turns.last_mut().and_then(|it| it.parts.last_mut())
        {
            part.cache.get_or_insert(cache);
        }
        Ok(self.prompt)
    }
}

/// Refuses what nobody else can do; false where the member is none of that.
fn refuse(key: &str, json: &[u8]) -> Result<bool, RequestFault> {
    let is_off = matches!(json, b"false" | b"0" | b"{}" | b"[]");
    match key {
        "logprobs" if !is_off => {
            let message = "this model tells no log probabilities; leave `logprobs` out";
            Err(RequestFault::unsupported("logprobs", message))
        }
        "modalities" => {
            let kinds: Vec<Text<'_>> = value("modalities", json)?;
            if kinds.iter().any(|kind| kind.0 == "audio") {
                let message = "this model cannot speak; ask for `text`";
                return Err(RequestFault::unsupported("modalities", message));
            }
            Ok(true)
        }
        "web_search_options" => Err(no_web_search("web_search_options")),
        "search_parameters" => Err(no_web_search("search_parameters")),
        "enable_search" if !is_off => Err(no_web_search("enable_search")),
        "logprobs" | "enable_search" | "top_logprobs" => Ok(true),
        _ => Ok(false),
    }
}

/// The older form of a tool choice.
fn function_choice(json: &[u8]) -> Result<ToolChoice<'_>, RequestFault> {
    #[derive(serde::Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        name: Text<'a>,
    }
    if json.first() == Some(&b'{') {
        return Ok(ToolChoice::Named(value::<Named<'_>>("function_call", json)?.name.0));
    }
    options::tool_choice(json)
}
