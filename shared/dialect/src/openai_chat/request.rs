//! A chat request: from gated members to an [`Intent`], and from there to the upstream's body.
//!
//! Invariants: what is billed by (model, limits, `n`, streaming) is read here once and written
//! upstream from the same value; members that are ours alone never go upstream; all other bytes
//! do, unchanged.

use wire::Span;
use wire::gate::TopLevel;
use wire::json::{
    Cursor, JsonFault, Member, ValueKind, elements, members, trimmed, u64_value, unescape,
};
use wire::splice::Edits;

use crate::intent::{InputShape, Intent, Places, RequestFault, UpstreamTerms};

/// Most choices one request may ask for (OpenAI's own bound).
const CHOICES_MAX: u64 = 128;
/// Longest model name that is looked up.
const MODEL_BYTES_MAX: usize = 256;

/// Reads a gated chat request. `body` is what the gate passed.
pub fn read_intent(top: &TopLevel, body: &[u8]) -> Result<Intent, RequestFault> {
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
    reader.finish()
}

/// Writes the body that the upstream gets: `body` with its model, cap and streaming as priced.
pub fn write_upstream(intent: &Intent, body: &[u8], terms: &UpstreamTerms<'_>, out: &mut Vec<u8>) {
    let mut edits = Edits::new();
    let places = &intent.places;
    edits.replace(places.model, terms.model_json);
    write_cap(&mut edits, intent, body, terms);
    write_stream_options(&mut edits, intent, body, terms);
    for member in &places.private {
        edits.remove(member);
    }
    edits.apply(body, places.object, out);
}

/// Keys by which a request is priced.
const DECIDING: [&str; 8] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "service_tier",
];

/// A request half read: every known member goes to its place.
struct Reader<'b> {
    body: &'b [u8],
    intent: Intent,
    saw_messages: bool,
    /// Bytes of the parts that are counted one by one instead of by their bytes.
    part_bytes: u64,
}

impl<'b> Reader<'b> {
    fn new(body: &'b [u8]) -> Self {
        let intent = Intent {
            model: Box::default(),
            stream: false,
            include_usage: false,
            output_limit: None,
            choices: 1,
            service_tier: None,
            input: InputShape::default(),
            audio_output: false,
            web_search: false,
            foreign_tools: false,
            places: Places { object: trimmed(body), ..Places::default() },
        };
        Self { body, intent, saw_messages: false, part_bytes: 0 }
    }

    fn take(&mut self, key: &[u8], member: &Member) -> Result<(), RequestFault> {
        let body = self.body;
        let intent = &mut self.intent;
        match key {
            b"model" => {
                intent.model = read_model(body, member)?;
                intent.places.model = member.value;
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
            b"service_tier" => intent.service_tier = read_text(body, member, "service_tier")?,
            b"modalities" => intent.audio_output = lists_audio(body, member),
            // OpenAI's, xAI's and DashScope's ways to ask for a search.
            b"web_search_options" | b"search_parameters" | b"enable_search" => {
                intent.web_search |= !matches!(member.kind, ValueKind::Null | ValueKind::False);
            }
            b"tools" => intent.foreign_tools = lists_foreign_tool(body, member),
            _ => self.take_private(key, member)?,
        }
        Ok(())
    }

    /// Members that are the gateway's alone.
    fn take_private(&mut self, key: &[u8], member: &Member) -> Result<(), RequestFault> {
        match key {
            b"usage" => self.intent.include_usage |= flag_in(self.body, member, "include"),
            b"session_id" | b"trace" | b"debug" => {}
            b"routing" => refuse_unless_null("routing", member)?,
            b"provider" => refuse_unless_null("provider", member)?,
            b"models" => refuse_unless_null("models", member)?,
            b"route" => refuse_unless_null("route", member)?,
            b"plugins" => refuse_unless_null("plugins", member)?,
            b"transforms" => refuse_unless_null("transforms", member)?,
            other => return refuse_look_alike(other),
        }
        self.intent.places.private.push(*member);
        Ok(())
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
        while cursor.next_item()? {
            self.saw_messages = true;
            self.read_message(&mut cursor)?;
        }
        Ok(())
    }

    /// Counts the parts of a message that cost more than their bytes tell.
    fn read_message(&mut self, cursor: &mut Cursor<'_>) -> Result<(), JsonFault> {
        cursor.enter()?;
        while let Some(key) = cursor.next_key()? {
            let kind = cursor.peek();
            // A spoken answer that is only named counts with all its sound.
            if kind == Some(ValueKind::Object) && spells(self.body, key, "audio") {
                self.intent.input.audios += 1;
            }
            if kind != Some(ValueKind::Array) || !spells(self.body, key, "content") {
                cursor.skip()?;
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
        Ok(())
    }

    fn read_part(&mut self, part: &[u8]) {
        let kind = members(part).flatten().find(|member| member.is(part, "type"));
        let kind = kind.map(|member| string_of(part, &member).unwrap_or_default());
        let input = &mut self.intent.input;
        match kind.as_deref() {
            Some("text" | "refusal") => return,
            Some("image_url") => input.images += 1,
            Some("input_audio") => input.audios += 1,
            Some("file") => input.files += 1,
            _ => input.unknown_parts += 1,
        }
        self.part_bytes += part.len() as u64;
    }

    fn finish(mut self) -> Result<Intent, RequestFault> {
        if self.intent.model.is_empty() {
            return Err(RequestFault::invalid("model", "a request must name its `model`"));
        }
        if !self.saw_messages {
            return Err(RequestFault::invalid("messages", "a request must have `messages`"));
        }
        self.intent.output_limit = read_output_limit(self.body, &self.intent.places)?;
        self.intent.input.text_bytes = self.body.len() as u64 - self.part_bytes;
        Ok(self.intent)
    }
}

/// Whether a key spells `name`, whatever escapes it is written with.
fn spells(body: &[u8], key: Span, name: &str) -> bool {
    let raw = key.of(body);
    raw == name.as_bytes()
        || (raw.contains(&b'\\') && unescape(body, key).is_ok_and(|text| text == name))
}

fn string_of(object: &[u8], member: &Member) -> Option<String> {
    let text = (member.kind == ValueKind::String).then(|| unescape(object, member.content()))?;
    text.ok().map(|text| text.into_owned())
}

fn read_model(body: &[u8], member: &Member) -> Result<Box<str>, RequestFault> {
    match string_of(body, member) {
        Some(model) if !model.is_empty() && model.len() <= MODEL_BYTES_MAX => Ok(model.into()),
        Some(_) => Err(RequestFault::invalid(
            "model",
            format!("`model` must be a name of 1 to {MODEL_BYTES_MAX} bytes"),
        )),
        None => Err(RequestFault::invalid("model", "`model` must be a string")),
    }
}

fn read_bool(member: &Member, name: &'static str) -> Result<bool, RequestFault> {
    match member.kind {
        ValueKind::True => Ok(true),
        ValueKind::False | ValueKind::Null => Ok(false),
        _ => Err(RequestFault::invalid(name, format!("`{name}` must be true or false"))),
    }
}

fn read_text(
    body: &[u8],
    member: &Member,
    name: &'static str,
) -> Result<Option<Box<str>>, RequestFault> {
    if member.kind == ValueKind::Null {
        return Ok(None);
    }
    let text = string_of(body, member);
    let text =
        text.ok_or_else(|| RequestFault::invalid(name, format!("`{name}` must be a string")))?;
    Ok(Some(text.into()))
}

fn read_choices(body: &[u8], member: &Member) -> Result<u64, RequestFault> {
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

fn read_limit(
    body: &[u8],
    member: Option<&Member>,
    name: &'static str,
) -> Result<Option<u64>, RequestFault> {
    let Some(member) = member.filter(|member| member.kind != ValueKind::Null) else {
        return Ok(None);
    };
    match u64_value(member.value.of(body)) {
        Some(limit) if limit >= 1 && member.kind == ValueKind::Number => Ok(Some(limit)),
        _ => Err(RequestFault::invalid(name, format!("`{name}` must be a whole number from 1 on"))),
    }
}

/// Whether an object member holds `key` with the value true.
fn flag_in(body: &[u8], member: &Member, key: &str) -> bool {
    let object = member.value.of(body);
    member.kind == ValueKind::Object
        && members(object)
            .flatten()
            .any(|flag| flag.is(object, key) && flag.kind == ValueKind::True)
}

fn lists_audio(body: &[u8], member: &Member) -> bool {
    let array = member.value.of(body);
    member.kind == ValueKind::Array
        && elements(array).flatten().any(|(item, _)| item.of(array) != b"\"text\"")
}

/// Whether a tool is of a kind that the client does not run itself.
fn lists_foreign_tool(body: &[u8], member: &Member) -> bool {
    let array = member.value.of(body);
    member.kind == ValueKind::Array
        && elements(array).flatten().any(|(item, _)| is_foreign_tool(item.of(array)))
}

fn is_foreign_tool(tool: &[u8]) -> bool {
    let kind = members(tool).flatten().find(|member| member.is(tool, "type"));
    kind.is_some_and(|kind| !matches!(kind.value.of(tool), b"\"function\"" | b"\"custom\""))
}

/// Refuses a key that some upstreams would read as one that is billed or routed by, though it is
/// not spelled so: readers that ignore case see a limit there that nobody priced.
fn refuse_look_alike(key: &[u8]) -> Result<(), RequestFault> {
    let looked_like = DECIDING.iter().find(|name| name.as_bytes().eq_ignore_ascii_case(key));
    looked_like.map_or(Ok(()), |name| {
        let key = String::from_utf8_lossy(key);
        Err(RequestFault::invalid(name, format!("`{key}` must be spelled `{name}`")))
    })
}

fn refuse_unless_null(name: &'static str, member: &Member) -> Result<(), RequestFault> {
    match member.kind {
        ValueKind::Null => Ok(()),
        _ => Err(RequestFault::unsupported(
            name,
            format!("`{name}` is not supported here; leave it out, it would not be honoured"),
        )),
    }
}

/// Leaves exactly one output limit in the body, in the member this upstream understands.
fn write_cap(edits: &mut Edits, intent: &Intent, body: &[u8], terms: &UpstreamTerms<'_>) {
    let places = &intent.places;
    let (name, wanted, other) = if terms.cap_as_completion_tokens {
        ("max_completion_tokens", &places.max_completion_tokens, &places.max_tokens)
    } else {
        ("max_tokens", &places.max_tokens, &places.max_completion_tokens)
    };
    let cap = terms.output_cap.to_string();
    match wanted {
        Some(member) if member.value.of(body) == cap.as_bytes() => {}
        Some(member) => edits.replace(member.value, cap.as_bytes()),
        None => edits.insert(name, cap.as_bytes()),
    }
    if let Some(member) = other {
        edits.remove(member);
    }
}

/// Asks a streaming upstream for its usage, whether or not the client did.
fn write_stream_options(
    edits: &mut Edits,
    intent: &Intent,
    body: &[u8],
    terms: &UpstreamTerms<'_>,
) {
    let options = intent.places.stream_options.as_ref();
    if !terms.stream_usage {
        if let Some(member) = options {
            edits.remove(member);
        }
        return;
    }
    if !intent.stream {
        return;
    }
    match options {
        None => edits.insert("stream_options", br#"{"include_usage":true}"#),
        Some(member) if flag_in(body, member, "include_usage") => {}
        Some(member) => {
            let with_usage = options_with_usage(body, member);
            edits.replace(member.value, with_usage);
        }
    }
}

/// The client's `stream_options` with `include_usage` set and everything else as it was.
fn options_with_usage(body: &[u8], member: &Member) -> Vec<u8> {
    let mut options = br#"{"include_usage":true"#.to_vec();
    if member.kind == ValueKind::Object {
        let object = member.value.of(body);
        for option in members(object).flatten() {
            if !option.is(object, "include_usage") {
                options.extend_from_slice(b",\"");
                options.extend_from_slice(option.key.of(object));
                options.extend_from_slice(b"\":");
                options.extend_from_slice(option.value.of(object));
            }
        }
    }
    options.push(b'}');
    options
}
