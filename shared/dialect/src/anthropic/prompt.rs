//! A Messages request in no dialect.
//!
//! Invariants: cache marks stay on their parts; proofs say whose they are; what no other dialect
//! can say of a conversation is refused by its block's type, and a setting that shapes an answer
//! only a little is told by its name.

use std::borrow::Cow;
use std::collections::HashMap;

use wire::json::{members, unescape};

use super::blocks::{
    Block, Body, CacheControl, Choice, Content, Metadata, Source as BlockSource, ThinkingConfig,
    Tool as BodyTool,
};
use super::request::openai_tier;
use crate::intent::RequestFault;
use crate::prompt::{
    Cache, Call, Effort, Part, PartKind, Prompt, Reasoning, Role, Sampling, Shape, Source, Tool,
    ToolAnswer, ToolChoice,
};
use crate::signature::{from_client, from_id};

/// Members that are read, or are the gateway's alone.
const KNOWN: [&str; 32] = [
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
    "provider",
    "routing",
    "models",
    "route",
    "allowed_models",
    "plugins",
    "transforms",
    "usage",
    "session_id",
    "trace",
    "debug",
    "mcp_servers",
];

/// Reads a whole request.
pub fn read_prompt(body: &[u8]) -> Result<Prompt<'_>, RequestFault> {
    let read: Body<'_> = serde_json::from_slice(body).map_err(|fault| {
        let (line, column) = (fault.line(), fault.column());
        let message =
            format!("no Messages request: line {line}, column {column} is of a wrong type");
        RequestFault { param: None, message, unsupported: false }
    })?;
    let mut reader = Reader { prompt: Prompt::default(), tools_called: HashMap::new() };
    let prompt = &mut reader.prompt;
    prompt.sampling = Sampling {
        temperature: read.temperature,
        top_p: read.top_p,
        top_k: read.top_k,
        ..Sampling::default()
    };
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
    if let Some(system) = read.system {
        reader.read_content(Role::System, system)?;
    }
    for turn in read.messages {
        reader.read_content(role(&turn.role)?, turn.content)?;
    }
    let mut prompt = reader.prompt;
    if let Some(mark) = &read.cache_control {
        mark_last(&mut prompt, cache(mark));
    }
    prompt.unsaid = unknown_members(body);
    Ok(prompt)
}

fn role(name: &str) -> Result<Role, RequestFault> {
    match name {
        "user" => Ok(Role::User),
        "assistant" => Ok(Role::Assistant),
        "system" => Ok(Role::System),
        _ => Err(invalid("a message's `role` must be `user`, `assistant` or `system`")),
    }
}

/// A conversation half read.
struct Reader<'a> {
    prompt: Prompt<'a>,
    /// The tools' names by the ids of the calls.
    tools_called: HashMap<Cow<'a, str>, Cow<'a, str>>,
}

impl<'a> Reader<'a> {
    fn read_content(&mut self, role: Role, content: Content<'a>) -> Result<(), RequestFault> {
        match content {
            Content::Text(text) => self.prompt.say(role, Part::text(text)),
            Content::Blocks(blocks) => {
                for block in blocks {
                    self.read_block(role, block)?;
                }
            }
            Content::Other => {
                return Err(invalid("`content` must be a text or an array of blocks"));
            }
        }
        Ok(())
    }

    fn read_block(&mut self, role: Role, mut block: Block<'a>) -> Result<(), RequestFault> {
        let kept = block.cache_control.as_ref().map(cache);
        let kind = match &*block.kind {
            "thinking" => PartKind::Thought {
                text: block.thinking.take().map(|text| text.0).unwrap_or_default(),
                signature: proof(block.signature.take().map(|proof| proof.0)),
            },
            "redacted_thinking" => match proof(block.data.take().map(|data| data.0)) {
                Some(data) => PartKind::Redacted(data),
                None => return Err(missing("data")),
            },
            "tool_use" => PartKind::Call(self.read_call(block)?),
            "tool_result" => PartKind::Answer(self.read_answer(block)?),
            "mid_conv_system" => {
                let content = block.content.take().ok_or_else(|| missing("content"))?;
                return self.read_content(Role::System, content);
            }
            _ => {
                let mut parts = Vec::new();
                read_plain(block, kept, &mut parts)?;
                parts.into_iter().for_each(|part| self.prompt.say(role, part));
                return Ok(());
            }
        };
        self.prompt.say(role, Part { kind, cache: kept });
        Ok(())
    }

    fn read_call(&mut self, block: Block<'a>) -> Result<Call<'a>, RequestFault> {
        let id = block.id.filter(|id| !id.is_empty()).ok_or_else(|| missing("id"))?.0;
        let name = block.name.ok_or_else(|| missing("name"))?.0;
        let (id, signature) = from_id(id);
        self.tools_called.insert(id.clone(), name.clone());
        let arguments = block.input.map_or("{}", |input| input.get());
        if !arguments.starts_with('{') {
            return Err(invalid("a `tool_use` block's `input` must be an object"));
        }
        let signature = signature.map(Cow::Owned);
        Ok(Call { id, name, arguments: Cow::Borrowed(arguments), signature })
    }

    fn read_answer(&mut self, block: Block<'a>) -> Result<ToolAnswer<'a>, RequestFault> {
        let (id, _) = from_id(block.tool_use_id.ok_or_else(|| missing("tool_use_id"))?.0);
        let Some(name) = self.tools_called.get(&id).cloned() else {
            let message = format!("the `tool_result` of `{id}` has no `tool_use` before it");
            return Err(RequestFault::invalid("messages", message));
        };
        let mut parts = Vec::new();
        match block.content {
            Some(Content::Text(text)) if !text.is_empty() => parts.push(Part::text(text)),
            Some(Content::Blocks(blocks)) => {
                for mut block in blocks {
                    let kept = block.cache_control.take().as_ref().map(cache);
                    read_plain(block, kept, &mut parts)?;
                }
            }
            _ => {}
        }
        Ok(ToolAnswer { id, name, parts, is_error: block.is_error.unwrap_or(false) })
    }
}

/// Reads a block that may stand in a message or in a tool's result. A document may be several
/// parts; the mark is the last one's.
fn read_plain<'a>(
    block: Block<'a>,
    kept: Option<Cache>,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), RequestFault> {
    let before = parts.len();
    match &*block.kind {
        "text" => parts.extend(block.text.map(|text| Part::text(text.0))),
        "image" => {
            let source = bytes_of(read_source(block.source)?)?;
            parts.push(Part::new(PartKind::Image { source, detail: None }));
        }
        "document" => {
            parts.extend(block.context.map(|context| Part::text(context.0)));
            read_document(read_source(block.source)?, block.title.map(|title| title.0), parts)?;
        }
        "search_result" => {
            let address = block.source.and_then(|source| serde_json::from_str(source.get()).ok());
            let title = block.title.map(|title| title.0);
            for line in [title, address].into_iter().flatten() {
                parts.push(Part::text(line));
            }
            read_texts(block.content, parts)?;
        }
        other => {
            let message = format!("a block of type `{other}` cannot be said to this model");
            return Err(RequestFault::unsupported("messages", message));
        }
    }
    parts.retain(|part| !matches!(&part.kind, PartKind::Text(text) if text.is_empty()));
    if let Some(last) = parts.get_mut(before..).and_then(<[_]>::last_mut) {
        last.cache = last.cache.or(kept);
    }
    Ok(())
}

fn read_document<'a>(
    source: BlockSource<'a>,
    name: Option<Cow<'a, str>>,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), RequestFault> {
    if &*source.kind == "content" {
        parts.extend(name.map(Part::text));
        return read_texts(source.content, parts);
    }
    let source = if &*source.kind == "text" {
        Source::Text(source.data.ok_or_else(|| missing("source.data"))?.0)
    } else {
        bytes_of(source)?
    };
    parts.push(Part::new(PartKind::File { name, source }));
    Ok(())
}

/// Reads what documents and search results hold: texts, and images among them.
fn read_texts<'a>(
    content: Option<Content<'a>>,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), RequestFault> {
    match content {
        Some(Content::Text(text)) => parts.push(Part::text(text)),
        Some(Content::Blocks(blocks)) => {
            for block in blocks {
                read_plain(block, None, parts)?;
            }
        }
        _ => return Err(missing("content")),
    }
    Ok(())
}

fn read_source(
    source: Option<&serde_json::value::RawValue>,
) -> Result<BlockSource<'_>, RequestFault> {
    let source = source.and_then(|source| serde_json::from_str(source.get()).ok());
    source.ok_or_else(|| missing("source"))
}

fn bytes_of(source: BlockSource<'_>) -> Result<Source<'_>, RequestFault> {
    match (&*source.kind, source.media_type, source.data, source.url) {
        ("base64", Some(media_type), Some(data), _) => {
            Ok(Source::Data { media_type: media_type.0, data: data.0 })
        }
        ("url", _, _, Some(url)) => Ok(Source::Url(url.0)),
        _ => Err(invalid("a `source` must be `base64` with its `data`, or a `url`")),
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

fn cache(mark: &CacheControl<'_>) -> Cache {
    if mark.ttl.as_deref() == Some("1h") { Cache::Hour } else { Cache::Short }
}

/// A mark of the whole request is its last part's.
fn mark_last(prompt: &mut Prompt<'_>, mark: Cache) {
    let last = prompt.turns.last_mut().and_then(|turn| turn.parts.last_mut());
    if let Some(last) = last {
        last.cache = last.cache.or(Some(mark));
    }
}

fn proof(proof: Option<Cow<'_, str>>) -> Option<Cow<'_, str>> {
    let proof = proof.filter(|proof| !proof.is_empty())?;
    Some(from_client(catalog::Dialect::Anthropic, proof))
}

fn unknown_members(body: &[u8]) -> Vec<Cow<'_, str>> {
    let names = members(body).flatten().filter_map(|member| unescape(body, member.key).ok());
    names.filter(|name| !KNOWN.contains(&&**name)).collect()
}

fn missing(name: &str) -> RequestFault {
    invalid(&format!("a block lacks its `{name}`"))
}

fn invalid(message: &str) -> RequestFault {
    RequestFault::invalid("messages", message)
}
