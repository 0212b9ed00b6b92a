//! A request: from gated members to an [`Intent`]. Model and streaming come from the path.
//!
//! Invariants: what is billed by (limits, candidates, tools that Google runs) is read here once, in
//! either spelling of its member, and a member in both spellings is refused; what names a place in
//! some other account (`cachedContent`, uploaded files) is refused at once.
//! A request to count may hold the request that it counts in `generateContentRequest`.

use catalog::Parameters;
use wire::Span;
use wire::gate::TopLevel;
use wire::json::{Cursor, Member, ValueKind, trimmed, unescape};

use super::config::{self, Config};
use super::contents::Reader as ContentsReader;
use super::key;
use crate::client::ClientDialect;
use crate::intent::{Intent, RequestFault};
use crate::member::{read_session, string_of};
use crate::session::conversation;
use crate::translate::Asked;
use crate::wishes::WishReader;

/// Longest model name that is looked up.
const MODEL_BYTES_MAX: usize = 256;
/// Members that decide what is billed, and where it goes.
const NAMES: [&str; 18] = [
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "generationConfig",
    "serviceTier",
    "cachedContent",
    "model",
    "generateContentRequest",
    "sessionId",
    "provider",
    "routing",
    "models",
    "route",
    "allowedModels",
    "plugins",
    "transforms",
    "usage",
];

/// Reads a gated request. `body` is what the gate passed.
pub fn read_intent(
    asked: Asked<'_>,
    top: &TopLevel,
    body: &[u8],
) -> Result<Box<Intent>, RequestFault> {
    let mut reader = Reader::new(asked, body)?;
    for member in top.iter() {
        reader.take(member)?;
    }
    reader.finish()
}

/// A request half read: every known member goes to its place.
struct Reader<'b> {
    body: &'b [u8],
    intent: Box<Intent>,
    wishes: WishReader,
    contents: ContentsReader<'b>,
    /// The known members that stood.
    seen: Vec<&'static str>,
    system: Span,
    /// All parameters that are set, of which the intent keeps some.
    parameters: Parameters,
    /// Whether the request asks for a count alone.
    counts: bool,
}

impl<'b> Reader<'b> {
    fn new(asked: Asked<'_>, body: &'b [u8]) -> Result<Self, RequestFault> {
        let mut intent = Intent::of(ClientDialect::Gemini);
        let model = asked.model.unwrap_or_default();
        if model.is_empty() || model.len() > MODEL_BYTES_MAX {
            let message = format!("the path must name a model of 1 to {MODEL_BYTES_MAX} bytes");
            return Err(RequestFault::invalid("model", message));
        }
        intent.model = model.into();
        intent.stream = asked.stream;
        intent.include_usage = true;
        intent.places.object = trimmed(body);
        Ok(Self {
            body,
            intent,
            wishes: WishReader::default(),
            contents: ContentsReader::new(body),
            seen: Vec::with_capacity(8),
            system: Span::EMPTY,
            parameters: Parameters::NONE,
            counts: asked.counts,
        })
    }

    fn take(&mut self, member: &Member) -> Result<(), RequestFault> {
        let Some(name) = key::named(self.body, member.key, &NAMES)? else {
            return self.take_private(member);
        };
        if self.seen.contains(&name) {
            return Err(key::twice(name));
        }
        self.seen.push(name);
        let is_set = member.kind != ValueKind::Null;
        match name {
            "contents" => self.contents.read(member)?,
            "systemInstruction" if is_set => {
                self.system = member.value;
                self.contents.read_instruction(member);
            }
            "generationConfig" => self.take_config(member)?,
            "tools" if is_set => self.take_tools(member),
            "toolConfig" if is_set => self.note("tool_choice"),
            "serviceTier" => self.intent.service_tier = read_tier(self.body, member)?,
            "cachedContent" => refuse_cached(self.body, member)?,
            "model" => self.intent.places.private.push(*member),
            "generateContentRequest" if member.kind == ValueKind::Object => {
                self.take_wrapped(member)?;
            }
            "systemInstruction" | "tools" | "toolConfig" | "generateContentRequest" => {}
            _ => return self.take_private(member),
        }
        Ok(())
    }

    /// Members that are the gateway's alone.
    fn take_private(&mut self, member: &Member) -> Result<(), RequestFault> {
        let name = unescape(self.body, member.key).unwrap_or_default();
        let name = match &*name {
            "sessionId" => "session_id",
            "allowedModels" => "allowed_models",
            other => other,
        };
        match name {
            "session_id" => self.intent.session = read_session(self.body, member)?,
            "usage" | "trace" | "debug" => {}
            other => {
                if !self.wishes.take(self.body, other.as_bytes(), member)? {
                    return Ok(());
                }
            }
        }
        self.intent.places.private.push(*member);
        Ok(())
    }

    /// The request of a request to count.
    fn take_wrapped(&mut self, member: &Member) -> Result<(), RequestFault> {
        const PARAM: &str = "generateContentRequest";
        if !self.counts {
            // What stands in it is not what is generated of, nor capped by.
            let message = "`generateContentRequest` is for `:countTokens`; give its members here";
            return Err(RequestFault::invalid(PARAM, message));
        }
        let broken = |_| RequestFault::invalid(PARAM, "it must be an object");
        let mut cursor = Cursor::behind(self.body, member.value.start as usize);
        cursor.enter().map_err(broken)?;
        while let Some(key) = cursor.next_key().map_err(broken)? {
            let (value, kind) = cursor.skip().map_err(broken)?;
            self.take(&Member { key, value, kind })?;
        }
        Ok(())
    }

    fn take_config(&mut self, member: &Member) -> Result<(), RequestFault> {
        self.intent.places.generation_config = Some(*member);
        let Config { output_limit, thinking_budget, choices, audio_output, parameters } =
            config::read(self.body, member)?;
        self.intent.output_limit = output_limit;
        self.intent.thinking_budget = thinking_budget;
        self.intent.choices = choices;
        self.intent.audio_output = audio_output;
        self.parameters = self.parameters.with(parameters);
        Ok(())
    }

    fn take_tools(&mut self, member: &Member) {
        let tools = config::read_tools(self.body, member);
        self.intent.web_search |= tools.searches;
        self.intent.foreign_tools |= tools.are_foreign;
        self.note("tools");
    }

    fn note(&mut self, parameter: &'static str) {
        self.parameters = self.parameters.with(Parameters::of([parameter]));
    }

    fn finish(mut self) -> Result<Box<Intent>, RequestFault> {
        let opening = self.contents.finish(&mut self.intent)?;
        if !self.system.is_empty() {
            self.intent.conversation = conversation(0, self.system.of(self.body));
        }
        let before = self.intent.conversation;
        self.intent.conversation = conversation(before, opening.of(self.body));
        self.intent.parameters = if self.wishes.requires_parameters() {
            self.parameters
        } else {
            self.parameters.both(Parameters::SHAPING.with(Parameters::REASONING))
        };
        self.intent.wishes = self.wishes.finish()?;
        Ok(self.intent)
    }
}

/// The tier in OpenAI's words.
fn read_tier(body: &[u8], member: &Member) -> Result<Option<Box<str>>, RequestFault> {
    if member.kind == ValueKind::Null {
        return Ok(None);
    }
    let Some(tier) = string_of(body, member) else {
        return Err(RequestFault::invalid("serviceTier", "`serviceTier` must be a string"));
    };
    Ok(config::tier_from_google(&tier).map(Into::into))
}

fn refuse_cached(body: &[u8], member: &Member) -> Result<(), RequestFault> {
    if matches!(member.value.of(body), b"null" | b"\"\"") {
        return Ok(());
    }
    let message = "`cachedContent` is kept in a Google account that is not the gateway's; send \
                   its contents with the request, what repeats is cached without being asked for";
    Err(RequestFault::unsupported("cachedContent", message))
}
