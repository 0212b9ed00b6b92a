//! A chat request: from gated members to an [`Intent`].
//!
//! Invariants: what is billed by (model, limits, `n`, streaming) is read here once; members that
//! are the gateway's alone are read and marked, so that they never go upstream.

use catalog::Parameters;
use wire::Span;
use wire::gate::TopLevel;
use wire::json::{
    Cursor, JsonFault, Member, ValueKind, elements, members, trimmed, u64_value, unescape,
};

use crate::client::ClientDialect;
use crate::intent::{Intent, Places, RequestFault};
use crate::member::{
    flag_in, is_like, kind_of, named, read_bool, read_limit, read_model, read_text, spells,
};
use crate::openai_completions::check_best_of;
use crate::private;
use crate::session::{conversation, is_instruction};
use crate::wishes::WishReader;

/// Most choices one request may ask for (OpenAI's own bound).
pub(crate) const CHOICES_MAX: u64 = 128;

/// Reads a gated chat request. `body` is what the gate passed.
pub fn read_intent(top: &TopLevel, body: &[u8]) -> Result<Box<Intent>, RequestFault> {
    let mut reader = Reader::new(body);
    for member in top.iter() {
        let raw = member.key.of(body);
        if raw.contains(&b'\\') {
            let key = unescape(body, member.key).unwrap_or_default();
            reader.take(key.as_bytes(), member)?;
        } else {
            reader.take(raw, member)?;
        }
    }
    reader.finish(top)
}

/// A request half read: every known member goes to its place.
struct Reader<'b> {
    body: &'b [u8],
    intent: Box<Intent>,
    wishes: WishReader,
    saw_messages: bool,
    saw_effort: bool,
    best_of: Option<Member>,
    /// Bytes of the parts that are counted one by one instead of by their bytes.
    part_bytes: u64,
}

impl<'b> Reader<'b> {
    fn new(body: &'b [u8]) -> Self {
        let mut intent = Intent::of(ClientDialect::Chat);
        intent.places.object = trimmed(body);
        let wishes = WishReader::default();
        let (saw_messages, saw_effort) = (false, false);
        Self { body, intent, wishes, saw_messages, saw_effort, best_of: None, part_bytes: 0 }
    }

    fn take(&mut self, key: &[u8], member: &Member) -> Result<(), RequestFault> {
        let body = self.body;
        let intent = &mut self.intent;
        match key {
            b"model" => {
                intent.model = read_model(body, member)?;
                intent.places.model = Some(member.value);
            }
            b"messages" => self.read_messages(member)?,
            b"stream" => intent.stream = read_bool(member, "stream")?,
            b"stream_options" => {
                intent.include_usage |= flag_in(body, member, "include_usage");
                intent.places.stream_options = Some(*member);
            }
            b"max_tokens" => intent.places.max_tokens = Some(*member),
            b"max_completion_tokens" => intent.places.max_completion_tokens = Some(*member),
            b"n" => intent.choices = read_choices(body, member)?,
            b"best_of" => self.best_of = Some(*member),
            // What of a prediction does not come true is billed like output, beyond any cap.
            b"prediction" if member.kind != ValueKind::Null => {
                intent.input.predicted_bytes = member.value.of(body).len() as u64;
            }
            b"service_tier" => intent.service_tier = read_text(body, member, "service_tier")?,
            b"modalities" => intent.audio_output = lists_audio(body, member),
            // OpenAI's, xAI's and DashScope's ways to ask for a search.
            b"web_search_options" | b"search_parameters" | b"enable_search" => {
                intent.web_search |= !matches!(member.kind, ValueKind::Null | ValueKind::False);
            }
            b"tools" => {
                intent.foreign_tools = lists_foreign_tool(body, member);
                self.note_parameter(key, member);
            }
            b"reasoning" => {
                intent.places.reasoning = Some(*member);
                intent.thinking_budget = budget_of(body, member);
                self.note_parameter(key, member);
            }
            b"response_format" | b"verbosity" | b"reasoning_effort" => {
                self.saw_effort |= key == b"reasoning_effort";
                self.note_parameter(key, member);
            }
            // What is cached under one key is found again where it was cached.
            b"prompt_cache_key" => intent.cache_key = named(body, member),
            _ => private::take(intent, &mut self.wishes, body, (key, member))?,
        }
        Ok(())
    }

    fn note_parameter(&mut self, key: &[u8], member: &Member) {
        let name = std::str::from_utf8(key).ok().filter(|_| member.kind != ValueKind::Null);
        if let Some(parameter) = name.and_then(Parameters::named) {
            self.intent.parameters = self.intent.parameters.with(parameter);
        }
    }

    fn read_messages(&mut self, messages: &Member) -> Result<(), RequestFault> {
        let must = || RequestFault::invalid("messages", "`messages` must be a non-empty array");
        if messages.kind != ValueKind::Array {
            return Err(must());
        }
        self.read_array(messages).map_err(|_| must())?;
        if self.saw_messages { Ok(()) } else { Err(must()) }
    }

    /// Goes through the messages once; one that is no object is not a message.
    fn read_array(&mut self, messages: &Member) -> Result<(), JsonFault> {
        let mut cursor = Cursor::behind(self.body, messages.value.start as usize);
        cursor.enter()?;
        let mut is_opening = true;
        while cursor.next_item()? {
            self.saw_messages = true;
            let start = cursor.offset();
            let role = self.read_message(&mut cursor)?;
            if is_opening {
                let message = &self.body[start..cursor.offset()];
                self.intent.conversation = conversation(self.intent.conversation, message);
                is_opening = role.is_some_and(|role| is_instruction(role.of(self.body)));
            } else {
                self.intent.continues = true;
            }
        }
        Ok(())
    }

    /// Counts the parts of a message that cost more than their bytes tell; answers its role.
    fn read_message(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<Span>, JsonFault> {
        cursor.enter()?;
        let mut role = None;
        while let Some(key) = cursor.next_key()? {
            let kind = cursor.peek();
            // A spoken answer that is only named counts with all its sound.
            if kind == Some(ValueKind::Object) && spells(self.body, key, "audio") {
                self.intent.input.audios += 1;
            }
            // Pictures that a model made stand beside its words.
            let holds_parts = spells(self.body, key, "content") || spells(self.body, key, "images");
            if kind == Some(ValueKind::Array) && holds_parts {
                self.read_parts(cursor)?;
                continue;
            }
            let (value, _) = cursor.skip()?;
            if kind == Some(ValueKind::Object) && holds_parts {
                self.read_part(value.of(self.body));
            }
            if key.of(self.body) == b"role" {
                role = Some(value);
            }
        }
        Ok(role)
    }

    fn read_parts(&mut self, cursor: &mut Cursor<'_>) -> Result<(), JsonFault> {
        cursor.enter()?;
        while cursor.next_item()? {
            let (part, kind) = cursor.skip()?;
            if kind == ValueKind::Object {
                self.read_part(part.of(self.body));
            }
        }
        Ok(())
    }

    fn read_part(&mut self, part: &[u8]) {
        let input = &mut self.intent.input;
        match kind_of(part).as_deref() {
            Some("text" | "refusal") => return,
            Some("image_url") => input.images += 1,
            Some("input_audio") => input.audios += 1,
            Some("file") => input.files += 1,
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
        if !self.saw_messages {
            return Err(RequestFault::invalid("messages", "a request must have `messages`"));
        }
        if self.saw_effort {
            self.intent.places.reasoning = None;
        }
        self.intent.output_limit = read_output_limit(self.body, &self.intent.places)?;
        check_best_of(self.body, self.best_of.as_ref(), self.intent.choices)?;
        let limit = self.intent.output_limit.unwrap_or(u64::MAX);
        self.intent.thinking_budget = self.intent.thinking_budget.filter(|budget| *budget < limit);
        self.intent.input.text_bytes = self.body.len() as u64 - self.part_bytes;
        if self.wishes.requires_parameters() {
            for member in top.iter() {
                let key = unescape(self.body, member.key).unwrap_or_default();
                self.note_parameter(key.as_bytes(), member);
            }
        }
        self.intent.wishes = self.wishes.finish()?;
        Ok(self.intent)
    }
}

pub(crate) fn read_choices(body: &[u8], member: &Member) -> Result<u64, RequestFault> {
    if member.kind == ValueKind::Null {
        return Ok(1);
    }
    match u64_value(member.value.of(body)) {
        Some(choices) if (1..=CHOICES_MAX).contains(&choices) => Ok(choices),
        _ => Err(RequestFault::invalid("n", format!("`n` must be from 1 to {CHOICES_MAX}"))),
    }
}

/// The one output limit; two that differ cannot both be what is billed.
fn read_output_limit(body: &[u8], places: &Places) -> Result<Option<u64>, RequestFault> {
    let old = read_limit(body, places.max_tokens.as_ref(), "max_tokens")?;
    let new = read_limit(body, places.max_completion_tokens.as_ref(), "max_completion_tokens")?;
    match (old, new) {
        (Some(old), Some(new)) if old != new => Err(RequestFault::invalid(
            "max_tokens",
            "`max_tokens` and `max_completion_tokens` differ; give one of them",
        )),
        (old, new) => Ok(new.or(old)),
    }
}

/// The tokens that `reasoning` gives to thoughts, where it says so.
fn budget_of(body: &[u8], reasoning: &Member) -> Option<u64> {
    let object = reasoning.value.of(body);
    let is_object = reasoning.kind == ValueKind::Object;
    let budget =
        is_object.then(|| members(object).flatten().find(|it| it.is(object, "max_tokens")));
    u64_value(budget??.value.of(object)).filter(|budget| *budget > 0)
}

fn lists_audio(body: &[u8], member: &Member) -> bool {
    let array = member.value.of(body);
    match member.kind {
        ValueKind::Array => elements(array).flatten().any(|(it, _)| it.of(array) != b"\"text\""),
        kind => kind != ValueKind::Null,
    }
}

/// Whether a tool is of a kind that the client does not run itself.
fn lists_foreign_tool(body: &[u8], member: &Member) -> bool {
    let array = member.value.of(body);
    member.kind == ValueKind::Array
        && elements(array).flatten().any(|(item, _)| is_foreign_tool(item.of(array)))
}

fn is_foreign_tool(tool: &[u8]) -> bool {
    let mut kinds = members(tool).flatten().filter(|member| is_like(tool, member, "type"));
    kinds.any(|kind| !matches!(kind.value.of(tool), b"\"function\"" | b"\"custom\""))
}
