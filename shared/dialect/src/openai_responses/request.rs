//! A request of the Responses API: from gated members to an [`Intent`].
//!
//! Invariants: what is billed by (model, limit, streaming) is read here once. Nothing is kept
//! between requests, so whatever leans on what was kept is refused at once, with what to send
//! instead. `store`, on or off, is accepted: an answer is never found again, and nothing that
//! would find it is offered.

use catalog::Parameters;
use wire::Span;
use wire::gate::TopLevel;
use wire::json::{Cursor, JsonFault, Member, ValueKind, elements, members, trimmed, unescape};

use crate::client::ClientDialect;
use crate::intent::{Intent, RequestFault};
use crate::member::{
    flag_in, named, read_bool, read_limit, read_model, read_session, read_text, refuse_look_alike,
    spells, string_of,
};
use crate::session::{conversation, is_instruction};
use crate::wishes::WishReader;

/// Reads a gated request. `body` is what the gate passed.
pub fn read_intent(top: &TopLevel, body: &[u8]) -> Result<Box<Intent>, RequestFault> {
    let mut reader = Reader::new(body);
    // The instructions open the conversation, wherever they stand.
    if let Some(member) = top.get(body, "instructions") {
        reader.intent.conversation = conversation(0, member.value.of(body));
    }
    for member in top.iter() {
        let key = unescape(body, member.key).unwrap_or_default();
        if member.kind != ValueKind::Null {
            reader.take(&key, member)?;
        }
    }
    reader.finish(top)
}

/// A request half read.
struct Reader<'b> {
    body: &'b [u8],
    intent: Box<Intent>,
    wishes: WishReader,
    saw_input: bool,
    /// Bytes of the parts that are counted one by one instead of by their bytes.
    part_bytes: u64,
}

impl<'b> Reader<'b> {
    fn new(body: &'b [u8]) -> Self {
        let mut intent = Intent::of(ClientDialect::Responses);
        intent.places.object = trimmed(body);
        let wishes = WishReader::default();
        Self { body, intent, wishes, saw_input: false, part_bytes: 0 }
    }

    fn take(&mut self, key: &str, member: &Member) -> Result<(), RequestFault> {
        let body = self.body;
        let intent = &mut self.intent;
        match key {
            "model" => {
                intent.model = read_model(body, member)?;
                intent.places.model = Some(member.value);
            }
            "input" => self.read_input(member)?,
            "stream" => intent.stream = read_bool(member, "stream")?,
            "max_output_tokens" => {
                intent.output_limit = read_limit(body, Some(member), "max_output_tokens")?;
            }
            "service_tier" => intent.service_tier = read_text(body, member, "service_tier")?,
            "prompt_cache_key" => intent.cache_key = named(body, member),
            "tools" => {
                self.read_tools(member);
                self.note("tools");
            }
            "text" => self.read_text_options(member),
            "reasoning" => {
                self.read_reasoning(member)?;
                self.note("reasoning");
            }
            _ => return self.take_rest(key, member),
        }
        Ok(())
    }

    /// What cannot be served, and the members that are the gateway's alone.
    fn take_rest(&mut self, key: &str, member: &Member) -> Result<(), RequestFault> {
        refuse_kept(self.body, key, member)?;
        match key {
            "usage" => self.intent.include_usage |= flag_in(self.body, member, "include"),
            "session_id" => self.intent.session = read_session(self.body, member)?,
            "trace" | "debug" => {}
            "max_tokens" | "max_completion_tokens" => {
                let message = format!("`{key}` is called `max_output_tokens` here");
                return Err(RequestFault::invalid("max_output_tokens", message));
            }
            "messages" => {
                return Err(RequestFault::invalid("input", "`messages` are called `input` here"));
            }
            other if other.eq_ignore_ascii_case("max_output_tokens") => {
                let message = format!("`{other}` must be spelled `max_output_tokens`");
                return Err(RequestFault::invalid("max_output_tokens", message));
            }
            other => {
                if !self.wishes.take(self.body, other.as_bytes(), member)? {
                    return refuse_look_alike(other.as_bytes());
                }
            }
        }
        self.intent.places.private.push(*member);
        Ok(())
    }

    fn note(&mut self, name: &str) {
        let parameter = Parameters::named(name).unwrap_or_default();
        self.intent.parameters = self.intent.parameters.with(parameter);
    }

    /// Tools of other kinds than functions are the provider's own.
    fn read_tools(&mut self, member: &Member) {
        let tools = member.value.of(self.body);
        if member.kind != ValueKind::Array {
            return;
        }
        for (tool, _) in elements(tools).flatten() {
            let tool = tool.of(tools);
            let kind = members(tool).flatten().find(|member| member.is(tool, "type"));
            match kind.and_then(|kind| string_of(tool, &kind)).as_deref() {
                Some("function" | "custom") => {}
                Some(kind) if kind.starts_with("web_search") => self.intent.web_search = true,
                _ => self.intent.foreign_tools = true,
            }
        }
    }

    fn read_text_options(&mut self, member: &Member) {
        let text = member.value.of(self.body);
        if member.kind != ValueKind::Object {
            return;
        }
        for option in members(text).flatten().filter(|option| option.kind != ValueKind::Null) {
            if option.is(text, "verbosity") {
                self.note("verbosity");
            } else if option.is(text, "format") {
                let format = option.value.of(text);
                let mut kinds = members(format).flatten().filter(|kind| kind.is(format, "type"));
                if kinds.any(|kind| kind.value.of(format) != b"\"text\"") {
                    self.note("response_format");
                }
            }
        }
    }

    fn read_reasoning(&mut self, member: &Member) -> Result<(), RequestFault> {
        let reasoning = member.value.of(self.body);
        if member.kind != ValueKind::Object {
            let message = "`reasoning` must be an object";
            return Err(RequestFault::invalid("reasoning", message));
        }
        let mut limits = members(reasoning).flatten().filter(|it| it.is(reasoning, "max_tokens"));
        let limit = limits.next();
        self.intent.thinking_budget =
            read_limit(reasoning, limit.as_ref(), "reasoning.max_tokens")?;
        Ok(())
    }

    fn read_input(&mut self, input: &Member) -> Result<(), RequestFault> {
        let must = || RequestFault::invalid("input", "`input` must be a string or a filled array");
        match input.kind {
            ValueKind::String => {
                let text = input.value.of(self.body);
                self.saw_input = true;
                self.intent.conversation = conversation(self.intent.conversation, text);
            }
            ValueKind::Array => self.read_items(input).map_err(|_| must())?,
            _ => {}
        }
        if self.saw_input { Ok(()) } else { Err(must()) }
    }

    /// Goes through the items once.
    fn read_items(&mut self, input: &Member) -> Result<(), JsonFault> {
        let mut cursor = Cursor::behind(self.body, input.value.start as usize);
        cursor.enter()?;
        let mut is_opening = true;
        while cursor.next_item()? {
            self.saw_input = true;
            let start = cursor.offset();
            let role = self.read_item(&mut cursor)?;
            if is_opening {
                let item = &self.body[start..cursor.offset()];
                self.intent.conversation = conversation(self.intent.conversation, item);
                is_opening = role.is_some_and(|role| is_instruction(role.of(self.body)));
            } else {
                self.intent.continues = true;
            }
        }
        Ok(())
    }

    /// Counts the parts of an item that cost more than their bytes tell; answers its role.
    fn read_item(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<Span>, JsonFault> {
        cursor.enter()?;
        let mut role = None;
        while let Some(key) = cursor.next_key()? {
            let holds_parts = cursor.peek() == Some(ValueKind::Array)
                && (spells(self.body, key, "content") || spells(self.body, key, "output"));
            if !holds_parts {
                let (value, kind) = cursor.skip()?;
                if key.of(self.body) == b"role" {
                    role = Some(value);
                }
                // A picture that the model made: nothing else has a result.
                if kind == ValueKind::String && spells(self.body, key, "result") {
                    self.intent.input.images += 1;
                    self.part_bytes += value.len() as u64;
                }
                continue;
            }
            cursor.enter()?;
            while cursor.next_item()? {
                let (part, kind) = cursor.skip()?;
                if kind == ValueKind::Object {
                    self.read_part(part.of(self.body));
                }
            }
        }
        Ok(role)
    }

    fn read_part(&mut self, part: &[u8]) {
        let kind = members(part).flatten().find(|member| member.is(part, "type"));
        let kind = kind.map(|member| string_of(part, &member).unwrap_or_default());
        let input = &mut self.intent.input;
        match kind.as_deref() {
            Some("input_text" | "output_text" | "text" | "refusal" | "reasoning_text") => return,
            Some("input_image") => input.images += 1,
            Some("input_audio") => input.audios += 1,
            Some("input_file") => input.files += 1,
            _ => input.unknown_parts += 1,
        }
        self.part_bytes += part.len() as u64;
    }

    fn finish(mut self, top: &TopLevel) -> Result<Box<Intent>, RequestFault> {
        if self.intent.model.is_empty() {
            self.intent.model = self.wishes.first_model().unwrap_or_default();
        }
        if self.intent.model.is_empty() {
            return Err(RequestFault::invalid("model", "a request must name its `model`"));
        }
        if !self.saw_input {
            return Err(RequestFault::invalid("input", "a request must have an `input`"));
        }
        self.intent.input.text_bytes = self.body.len() as u64 - self.part_bytes;
        if self.wishes.requires_parameters() {
            for member in top.iter().filter(|member| member.kind != ValueKind::Null) {
                let key = unescape(self.body, member.key).unwrap_or_default();
                self.note(&key);
            }
        }
        self.intent.wishes = self.wishes.finish()?;
        Ok(self.intent)
    }
}

/// Refuses what leans on something kept, here or at one provider.
fn refuse_kept(body: &[u8], key: &str, member: &Member) -> Result<(), RequestFault> {
    let (param, message) = match key {
        "previous_response_id" => {
            ("previous_response_id", "answers are not kept; send the whole conversation as `input`")
        }
        "conversation" => {
            ("conversation", "conversations are not kept; send the items before as `input`")
        }
        "background" if read_bool(member, "background")? => {
            ("background", "answers are not kept for later; leave `background` out and stream")
        }
        "prompt" => ("prompt", "prompt templates are not kept here; send the text as `input`"),
        "context_management" => {
            ("context_management", "a conversation is not shortened here; send less `input`")
        }
        "top_logprobs" if member.value.of(body) != b"0" => {
            ("top_logprobs", "log probabilities are not told; leave `top_logprobs` out")
        }
        "include" if asks_logprobs(body, member) => {
            ("include", "log probabilities are not told; leave them out of `include`")
        }
        _ => return Ok(()),
    };
    Err(RequestFault::unsupported(param, message))
}

fn asks_logprobs(body: &[u8], member: &Member) -> bool {
    let list = member.value.of(body);
    member.kind == ValueKind::Array
        && elements(list).flatten().any(|(item, _)| item.of(list).ends_with(b".logprobs\""))
}
