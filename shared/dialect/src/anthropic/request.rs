//! A Messages request: from gated members to an [`Intent`].
//!
//! Invariants: what is billed by is read here once; members that are the gateway's alone are read
//! and marked, so that they never go upstream; what names another account's things, or is priced
//! otherwise than the catalog says, is refused.

use catalog::Parameters;
use wire::gate::TopLevel;
use wire::json::{Member, ValueKind, elements, members, trimmed, u64_value, unescape};

use super::parts::Parts;
use crate::client::ClientDialect;
use crate::intent::{Intent, RequestFault};
use crate::member::{
    named, read_bool, read_limit, read_model, read_session, read_text, refuse_look_alike, string_of,
};
use crate::session::conversation;
use crate::wishes::WishReader;

/// The member by which a request continues what the provider keeps.
pub(super) const THREAD: &str = "thread";
/// Members that cannot be honoured, and what to do about them.
const REFUSED: [(&str, &str); 6] = [
    ("container", "containers are kept by the provider for one account; leave `container` out"),
    ("inference_geo", "the region is chosen by `provider.regions`; leave `inference_geo` out"),
    ("mcp_servers", "tools of servers are not offered here; give the tools themselves"),
    (THREAD, "threads are kept by the provider for one account; send all of the messages"),
    ("user_profile_id", "profiles belong to another account; leave `user_profile_id` out"),
    ("workspace_id", "workspaces belong to another account; leave `workspace_id` out"),
];
/// Beginnings of the types of tools that the client runs itself, or that only look among the tools
/// of the request.
const CLIENTS_TOOLS: [&str; 7] =
    ["custom", "bash_", "text_editor_", "memory_", "computer_", "browser_", "tool_search_"];
/// The catalog's names of parameters that are called otherwise here.
const NAMES: [(&str, &str); 2] = [("stop_sequences", "stop"), ("output_format", "response_format")];

/// Reads a gated request. `body` is what the gate passed.
pub fn read_intent(top: &TopLevel, body: &[u8]) -> Result<Box<Intent>, RequestFault> {
    let mut reader = Reader::new(body);
    for member in top.iter() {
        let key = unescape(body, member.key).unwrap_or_default();
        reader.take(&key, member)?;
    }
    reader.finish(top)
}

/// A request half read: every known member goes to its place.
struct Reader<'b> {
    body: &'b [u8],
    intent: Box<Intent>,
    wishes: WishReader,
    parts: Parts<'b>,
    system: Option<Member>,
    fallbacks: Option<Member>,
}

impl<'b> Reader<'b> {
    fn new(body: &'b [u8]) -> Self {
        let mut intent = Intent::of(ClientDialect::Messages);
        intent.places.object = trimmed(body);
        let (wishes, parts) = (WishReader::default(), Parts::new(body));
        Self { body, intent, wishes, parts, system: None, fallbacks: None }
    }

    fn take(&mut self, key: &str, member: &Member) -> Result<(), RequestFault> {
        let body = self.body;
        let intent = &mut self.intent;
        match key {
            "model" => {
                intent.model = read_model(body, member)?;
                intent.places.model = Some(member.value);
            }
            "messages" => self.parts.read_messages(member)?,
            "system" => self.take_system(member)?,
            "stream" => intent.stream = read_bool(member, "stream")?,
            "max_tokens" => {
                intent.output_limit = read_limit(body, Some(member), "max_tokens")?;
                intent.places.max_tokens = Some(*member);
            }
            "thinking" => self.take_thinking(member)?,
            "output_config" => self.take_output_config(member),
            "output_format" => self.note_parameter("response_format", member),
            "tools" => {
                intent.foreign_tools |= lists_foreign_tool(body, member);
                self.note_parameter(key, member);
            }
            "service_tier" => {
                let tier = read_text(body, member, "service_tier")?;
                intent.service_tier = tier.map(|tier| openai_tier(&tier).into());
            }
            "speed" => refuse_speed(body, member)?,
            "context_management" => refuse_summaries(body, member)?,
            // Agents name their session in it; another user's id is no session.
            "metadata" => intent.cache_key = session_of(body, member),
            _ => self.take_private(key, member)?,
        }
        Ok(())
    }

    /// Members that are the gateway's alone, and those that it refuses.
    fn take_private(&mut self, key: &str, member: &Member) -> Result<(), RequestFault> {
        let refused = REFUSED.iter().find(|(name, _)| *name == key);
        if let Some((name, message)) = refused.filter(|_| member.kind != ValueKind::Null) {
            return Err(RequestFault::unsupported(name, *message));
        }
        match key {
            "session_id" => self.intent.session = read_session(self.body, member)?,
            "usage" | "trace" | "debug" => {}
            "fallbacks" => self.fallbacks = Some(*member),
            other => {
                if !self.wishes.take(self.body, other.as_bytes(), member)? {
                    return refuse_look_alike(other.as_bytes());
                }
            }
        }
        self.intent.places.private.push(*member);
        Ok(())
    }

    fn take_system(&mut self, member: &Member) -> Result<(), RequestFault> {
        self.system = Some(*member);
        match member.kind {
            ValueKind::Array => self.parts.read_system(member),
            ValueKind::String | ValueKind::Null => Ok(()),
            _ => Err(RequestFault::invalid("system", "`system` must be a text or text blocks")),
        }
    }

    fn take_thinking(&mut self, member: &Member) -> Result<(), RequestFault> {
        if member.kind == ValueKind::Null {
            return Ok(());
        }
        let (object, mut kind) = (member.value.of(self.body), None);
        if member.kind == ValueKind::Object {
            for part in members(object).flatten() {
                if part.is(object, "type") {
                    kind = string_of(object, &part);
                } else if part.is(object, "budget_tokens") {
                    let budget = read_limit(object, Some(&part), "thinking.budget_tokens")?;
                    self.intent.thinking_budget = budget;
                }
            }
        }
        let kind = kind.ok_or_else(|| {
            RequestFault::invalid("thinking", "`thinking` must be an object with a `type`")
        })?;
        if kind != "disabled" {
            self.intent.parameters = self.intent.parameters.with(Parameters::REASONING);
        }
        Ok(())
    }

    fn take_output_config(&mut self, member: &Member) {
        let object = member.value.of(self.body);
        if member.kind == ValueKind::Object {
            for part in members(object).flatten() {
                if part.is(object, "format") {
                    self.note_parameter("response_format", &part);
                }
            }
        }
    }

    fn note_parameter(&mut self, key: &str, member: &Member) {
        let name = NAMES.iter().find(|(name, _)| *name == key).map_or(key, |(_, ours)| ours);
        let parameter = Parameters::named(name).filter(|_| member.kind != ValueKind::Null);
        if let Some(parameter) = parameter {
            self.intent.parameters = self.intent.parameters.with(parameter);
        }
    }

    fn finish(mut self, top: &TopLevel) -> Result<Box<Intent>, RequestFault> {
        if let Some(member) = self.fallbacks.filter(|member| member.kind != ValueKind::Null) {
            self.wishes.take_fallbacks(self.body, &member)?;
        }
        if self.intent.model.is_empty() {
            self.intent.model = self.wishes.first_model().unwrap_or_default();
        }
        if self.intent.model.is_empty() {
            return Err(RequestFault::invalid("model", "a request must name its `model`"));
        }
        // What thinks between calls may have more of a budget than one answer may be long.
        let limit = self.intent.output_limit.unwrap_or(u64::MAX);
        self.intent.thinking_budget = self.intent.thinking_budget.filter(|budget| *budget < limit);
        if self.wishes.requires_parameters() {
            for member in top.iter() {
                let key = unescape(self.body, member.key).unwrap_or_default();
                self.note_parameter(&key, member);
            }
        }
        let system = self.system.map(|member| member.value.of(self.body));
        let before = system.map_or(0, |system| conversation(0, system));
        self.parts.finish(before, &mut self.intent)?;
        self.intent.wishes = self.wishes.finish()?;
        Ok(self.intent)
    }
}

/// OpenAI's word for a tier.
pub(super) fn openai_tier(tier: &str) -> &str {
    if tier == "standard_only" { "default" } else { tier }
}

/// A faster mode has another price than the model.
fn refuse_speed(body: &[u8], member: &Member) -> Result<(), RequestFault> {
    let speed = string_of(body, member);
    if member.kind == ValueKind::Null || speed.as_deref() == Some("standard") {
        return Ok(());
    }
    let message = "only the `standard` speed is offered; leave `speed` out";
    Err(RequestFault::unsupported("speed", message))
}

/// What sums a conversation up is an answer of its own, longer than the cap that it does not heed.
fn refuse_summaries(body: &[u8], member: &Member) -> Result<(), RequestFault> {
    const PARAM: &str = "context_management";
    let object = member.value.of(body);
    let is_edits = |it: &Member| it.is(object, "edits") && it.kind == ValueKind::Array;
    let lists = match member.kind {
        ValueKind::Null => return Ok(()),
        ValueKind::Object => members(object).flatten().filter(is_edits),
        _ => return Err(RequestFault::invalid(PARAM, "`context_management` must be an object")),
    };
    for list in lists {
        let list = list.value.of(object);
        for (edit, _) in elements(list).flatten() {
            let edit = edit.of(list);
            let mut kinds = members(edit).flatten().filter(|it| it.is(edit, "type"));
            let only_clears =
                |it: Member| string_of(edit, &it).is_some_and(|kind| kind.starts_with("clear_"));
            if !kinds.all(only_clears) {
                let message = "only edits that clear (`clear_...`) are offered: what sums a \
                               conversation up is billed beside its answer";
                return Err(RequestFault::unsupported(PARAM, message));
            }
        }
    }
    Ok(())
}

/// A number for the session that a user's id names.
fn session_of(body: &[u8], member: &Member) -> Option<u64> {
    const SESSION: &[u8] = b"session";
    let object = member.value.of(body);
    let of_object = member.kind == ValueKind::Object;
    let user = of_object.then(|| members(object).flatten().find(|it| it.is(object, "user_id")));
    let user = user.flatten()?;
    let names_one = user.value.of(object).windows(SESSION.len()).any(|word| word == SESSION);
    names_one.then(|| named(object, &user)).flatten()
}

/// Whether a tool is of a kind that the provider runs, and bills, itself.
fn lists_foreign_tool(body: &[u8], member: &Member) -> bool {
    let array = member.value.of(body);
    member.kind == ValueKind::Array
        && elements(array).flatten().any(|(item, _)| is_foreign_tool(item.of(array)))
}

fn is_foreign_tool(tool: &[u8]) -> bool {
    let mut kinds = members(tool).flatten().filter(|member| member.is(tool, "type"));
    kinds.any(|kind| {
        if kind.kind == ValueKind::Null {
            return false;
        }
        let kind = string_of(tool, &kind).unwrap_or_default();
        !CLIENTS_TOOLS.iter().any(|known| kind.starts_with(known))
    })
}

/// The count that a member holds, where it holds one.
pub(super) fn count_in(object: &[u8], name: &str) -> Option<u64> {
    let member = members(object).flatten().find(|member| member.is(object, name))?;
    u64_value(member.value.of(object))
}
