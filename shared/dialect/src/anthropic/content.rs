//! What was said in a Messages request, in no dialect.
//!
//! Invariants: a mark stays on its part, and a block that becomes several parts has it on the last;
//! a proof says whose it is; a result names a call before it.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;

use super::blocks::{Block, CacheControl, Content, Source as BlockSource};
use crate::intent::RequestFault;
use crate::prompt::{Cache, Call, Part, PartKind, Prompt, Role, Source, ToolAnswer};
use crate::signature::{from_client, from_id};

/// A conversation half read.
pub(super) struct Conversation<'a, 'p> {
    prompt: &'p mut Prompt<'a>,
    /// The tools' names by the ids of the calls.
    tools_called: HashMap<Cow<'a, str>, Cow<'a, str>>,
}

impl<'a, 'p> Conversation<'a, 'p> {
    /// One of which nothing was read yet; it is added to `prompt`.
    pub(super) fn of(prompt: &'p mut Prompt<'a>) -> Self {
        Self { prompt, tools_called: HashMap::new() }
    }

    /// Reads what somebody says.
    pub(super) fn read(&mut self, role: Role, content: Content<'a>) -> Result<(), RequestFault> {
        match content {
            Content::Text(text) => self.prompt.say(role, Part::text(text)),
            Content::Parts(blocks) => {
                for block in blocks {
                    self.read_block(role, block)?;
                }
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
                return self.read(Role::System, content);
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
            Some(Content::Parts(blocks)) => {
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
        Some(Content::Parts(blocks)) => {
            for block in blocks {
                read_plain(block, None, parts)?;
            }
        }
        _ => return Err(missing("content")),
    }
    Ok(())
}

fn read_source(source: Option<&RawValue>) -> Result<BlockSource<'_>, RequestFault> {
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

fn proof(proof: Option<Cow<'_, str>>) -> Option<Cow<'_, str>> {
    let proof = proof.filter(|proof| !proof.is_empty())?;
    Some(from_client(catalog::Dialect::Anthropic, proof))
}

fn missing(name: &str) -> RequestFault {
    invalid(&format!("a block lacks its `{name}`"))
}

pub(super) fn invalid(message: &str) -> RequestFault {
    RequestFault::invalid("messages", message)
}

/// How long a mark keeps what stands before it.
pub(super) fn cache(mark: &CacheControl<'_>) -> Cache {
    if mark.ttl.as_deref() == Some("1h") { Cache::Hour } else { Cache::Short }
}
