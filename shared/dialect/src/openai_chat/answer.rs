//! A chat answer or one chunk of it: what is metered, and what is rewritten for the client.
//!
//! Invariants: only `model`, `id` and `usage` of the top level are touched, and the name of the
//! thoughts of an only choice, so what the provider says reaches the client byte for byte.

use std::ops::Range;

use wire::Span;
use wire::json::{self, Cursor, JsonFault, Member, ValueKind, elements, members};

use crate::Finish;

/// What stands where in an answer or a chunk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answer {
    /// The value of `model`.
    pub model: Option<Span>,
    /// The value of `id`.
    pub id: Option<Span>,
    /// The value of `service_tier`, where it is a text.
    pub service_tier: Option<Span>,
    /// The `usage` member, null or not.
    pub usage: Option<Member>,
    /// Whether `choices` is there and holds at least one.
    pub has_choices: bool,
    /// Whether `data` is there, an array: the vectors of an embedding.
    pub has_data: bool,
    /// Whether a truthy `error` stands at the top level.
    pub is_error: bool,
    /// An `error` that says there is none, which some readers take for one.
    pub empty_error: Option<Member>,
    /// Bytes of text, refusals, reasoning, transcripts and what tools are called with in it, JSON
    /// escapes counted as written.
    pub text_bytes: u64,
    /// Bytes of sound in it, as written: base64.
    pub sound_bytes: u64,
    /// Where the only text stands, without its quotes; `None` where there is none, or several.
    pub text: Option<Span>,
    texts: u32,
    /// Where the name `reasoning_content` stands, if thoughts have that name and no other.
    thoughts: Option<Span>,
    has_named_thoughts: bool,
    /// How the answer ended, if it says so.
    pub finish: Finish,
    /// Which of its choices say that they ended: a bit for each index.
    pub finished: u128,
}

/// What the client is to see in place of what the provider sent.
#[derive(Clone, Copy, Debug)]
pub struct Rewrite<'a> {
    /// The model's name as a JSON string, where another replaces the provider's.
    pub model_json: Option<&'a [u8]>,
    /// The id as a JSON string, where ours replaces the provider's.
    pub id_json: Option<&'a [u8]>,
    /// Whether `usage` is left out.
    pub drop_usage: bool,
}

/// Whether a data line is the end mark of a stream.
pub fn is_done(data: &[u8]) -> bool {
    data.starts_with(b"[DONE]")
}

/// About how many bytes of text the beginning of a whole answer holds: what stands behind the
/// first `content`, or the first `text` of a legacy completion, near its start.
pub fn said_so_far(beginning: &[u8]) -> u64 {
    const KEYS: [&[u8]; 2] = [b"\"content\":", b"\"text\":"];
    const NEAR: usize = 2048;
    let start = &beginning[..beginning.len().min(NEAR)];
    let behind = |key: &&[u8]| {
        let place = start.windows(key.len()).position(|window| window == *key)?;
        Some(place + key.len())
    };
    let place = KEYS.iter().find_map(behind);
    place.map_or(0, |place| (beginning.len() - place).saturating_sub(1) as u64)
}

/// Reads the chunks of one stream: members that a chunk repeats from the one before it, up to its
/// choices, are not read again.
#[derive(Debug, Default)]
pub struct ChunkReader {
    /// The last chunk up to the end of the member before its choices.
    prefix: Vec<u8>,
    /// What the prefix says.
    known: Answer,
}

impl ChunkReader {
    /// Reads the next chunk: a JSON object.
    pub fn read(&mut self, json: &[u8]) -> Result<Answer, JsonFault> {
        // A comma must follow: a longer number would begin with the same digits.
        let repeats = json.get(self.prefix.len()) == Some(&b',') && json.starts_with(&self.prefix);
        if repeats && !self.prefix.is_empty() {
            let mut answer = self.known;
            answer.read_members(json, Cursor::behind(json, self.prefix.len()), |_, _| {})?;
            return Ok(answer);
        }
        let mut answer = Answer::default();
        let mut cursor = Cursor::new(json);
        cursor.enter()?;
        self.prefix.clear();
        answer.read_members(json, cursor, |known, end| {
            self.prefix.extend_from_slice(&json[..end]);
            self.known = *known;
        })?;
        Ok(answer)
    }
}

impl Answer {
    /// Reads an answer or a chunk: a JSON object.
    pub fn read(json: &[u8]) -> Result<Self, JsonFault> {
        let mut answer = Self::default();
        let mut cursor = Cursor::new(json);
        cursor.enter()?;
        answer.read_members(json, cursor, |_, _| {})?;
        Ok(answer)
    }

    /// Reads the rest of the object's members. Calls `before_choices` with what was read and where
    /// it ended, if anything was, when it comes to the choices.
    fn read_members(
        &mut self,
        json: &[u8],
        mut cursor: Cursor<'_>,
        before_choices: impl FnOnce(&Self, usize),
    ) -> Result<(), JsonFault> {
        let mut before_choices = Some(before_choices);
        let mut end = cursor.offset();
        let mut is_first = true;
        while let Some(key) = cursor.next_key()? {
            if key.of(json) == b"choices" && cursor.peek() == Some(ValueKind::Array) {
                if let Some(note) = before_choices.take().filter(|_| !is_first) {
                    note(self, end);
                }
                self.read_choices(json, &mut cursor)?;
            } else {
                let (value, kind) = cursor.skip()?;
                self.note(json, Member { key, value, kind });
            }
            end = cursor.offset();
            is_first = false;
        }
        cursor.end()
    }

    fn note(&mut self, json: &[u8], member: Member) {
        match member.key.of(json) {
            b"model" => self.model = Some(member.value),
            b"id" => self.id = Some(member.value),
            b"usage" => self.usage = Some(member),
            b"service_tier" if member.kind == ValueKind::String => {
                self.service_tier = Some(member.value);
            }
            b"data" => self.has_data = member.kind == ValueKind::Array,
            b"error" if is_truthy(json, &member) => self.is_error = true,
            b"error" => self.empty_error = Some(member),
            _ => {}
        }
    }

    /// Whether it carries the usage and nothing else: the chunk that `include_usage` adds.
    pub fn is_usage_only(&self) -> bool {
        !self.has_choices && self.usage_object().is_some()
    }

    /// Where the usage object stands, if it is one.
    pub fn usage_object(&self) -> Option<Span> {
        self.usage.filter(|usage| usage.kind == ValueKind::Object).map(|usage| usage.value)
    }

    /// Appends the JSON to `out` with its names replaced.
    pub fn rewrite(&self, json: &[u8], rewrite: &Rewrite<'_>, out: &mut Vec<u8>) {
        if let Some(error) = &self.empty_error {
            let mut rest = json.to_vec();
            rest.drain(with_comma(json, error).range());
            if let Ok(answer) = Self::read(&rest) {
                return answer.rewrite(&rest, rewrite, out);
            }
        }
        self.edits(json, rewrite).apply(json, 0..json.len(), out);
    }

    /// What of the JSON is replaced.
    pub(super) fn edits<'r>(&self, json: &[u8], rewrite: &Rewrite<'r>) -> NameEdits<'r> {
        let mut edits = [None; 4];
        edits[0] = self.model.zip(rewrite.model_json);
        edits[1] = self.id.zip(rewrite.id_json);
        if rewrite.drop_usage {
            edits[2] = self.usage.map(|usage| (with_comma(json, &usage), &[][..]));
        }
        if rewrite.id_json.is_some() {
            // OpenRouter has another name for them.
            edits[3] = self.thoughts.map(|name| (name, &b"reasoning"[..]));
        }
        edits.sort_unstable_by_key(|edit| edit.map_or(u32::MAX, |(span, _)| span.start));
        NameEdits(edits)
    }

    fn read_choices(&mut self, json: &[u8], cursor: &mut Cursor<'_>) -> Result<(), JsonFault> {
        cursor.enter()?;
        while cursor.next_item()? {
            self.has_choices = true;
            if cursor.peek() == Some(ValueKind::Object) {
                self.read_choice(json, cursor)?;
            } else {
                cursor.skip()?;
            }
        }
        Ok(())
    }

    fn read_choice(&mut self, json: &[u8], cursor: &mut Cursor<'_>) -> Result<(), JsonFault> {
        cursor.enter()?;
        let (mut index, mut is_finished) = (0, false);
        while let Some(key) = cursor.next_key()? {
            match (key.of(json), cursor.peek()) {
                (b"index", Some(ValueKind::Number)) => {
                    let (number, _) = cursor.skip()?;
                    index = json::u64_value(number.of(json)).unwrap_or(0);
                }
                (b"delta" | b"message", Some(ValueKind::Object)) => {
                    self.read_delta(json, cursor)?;
                }
                (b"text", Some(ValueKind::String)) => {
                    let (text, _) = cursor.skip()?;
                    self.add_text(text);
                }
                (b"finish_reason", Some(ValueKind::String)) => {
                    let (reason, _) = cursor.skip()?;
                    let reason = unquoted(reason.of(json));
                    // Some providers send an empty reason with every chunk.
                    if !reason.is_empty() {
                        self.finish = Finish::from_openai(reason);
                        is_finished = true;
                    }
                }
                _ => drop(cursor.skip()?),
            }
        }
        if is_finished {
            self.finished |= 1_u128 << index.min(127);
        }
        Ok(())
    }

    /// Counts what the model made in the delta or message before which the cursor stands.
    fn read_delta(&mut self, json: &[u8], cursor: &mut Cursor<'_>) -> Result<(), JsonFault> {
        cursor.enter()?;
        while let Some(key) = cursor.next_key()? {
            let (value, kind) = cursor.skip()?;
            match key.of(json) {
                b"reasoning_content" => self.name_thoughts(Some(key)),
                b"reasoning" => self.name_thoughts(None),
                _ => {}
            }
            match (key.of(json), kind) {
                (b"role", _) => {}
                (_, ValueKind::String) => self.add_text(value),
                (b"tool_calls", ValueKind::Array) => {
                    for (call, _) in elements(value.of(json)).flatten() {
                        self.read_call(call.of(value.of(json)));
                    }
                }
                (b"function_call", ValueKind::Object) => self.read_call(value.of(json)),
                (b"audio", ValueKind::Object) => self.read_sound(value.of(json)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Counts what a tool is called with; the JSON around it is not the model's.
    #[cold]
    fn read_call(&mut self, call: &[u8]) {
        self.has_several_texts();
        for member in members(call).flatten() {
            match (member.key.of(call), member.kind) {
                (b"function" | b"custom", ValueKind::Object) => {
                    self.read_call(member.value.of(call));
                }
                (b"name" | b"arguments" | b"input", ValueKind::String) => {
                    self.text_bytes += member.content().len() as u64;
                }
                _ => {}
            }
        }
    }

    /// Counts sound, and what is said in it.
    #[cold]
    fn read_sound(&mut self, sound: &[u8]) {
        self.has_several_texts();
        for member in members(sound).flatten() {
            match (member.key.of(sound), member.kind) {
                (b"data", ValueKind::String) => self.sound_bytes += member.content().len() as u64,
                (b"transcript", ValueKind::String) => {
                    self.text_bytes += member.content().len() as u64;
                }
                _ => {}
            }
        }
    }

    /// Notes a name of thoughts: where it stands, if it may be replaced.
    fn name_thoughts(&mut self, name: Option<Span>) {
        self.thoughts = name.filter(|_| !self.has_named_thoughts);
        self.has_named_thoughts = true;
    }

    /// There is more than one text that could stand for all of it.
    const fn has_several_texts(&mut self) {
        self.texts += 2;
        self.text = None;
    }

    fn add_text(&mut self, quoted: Span) {
        if quoted.len() > 2 {
            let text = Span { start: quoted.start + 1, end: quoted.end - 1 };
            self.text_bytes += text.len() as u64;
            self.texts += 1;
            self.text = Some(text).filter(|_| self.texts == 1);
        }
    }
}

/// Replacements of names, in the order of their places.
pub(super) struct NameEdits<'r>([Option<(Span, &'r [u8])>; 4]);

impl NameEdits<'_> {
    /// Appends a part of the JSON with what is replaced in it; no edit crosses the part's ends.
    pub(super) fn apply(&self, json: &[u8], part: Range<usize>, out: &mut Vec<u8>) {
        let mut copied = part.start;
        for (span, with) in self.0.into_iter().flatten() {
            let (start, end) = (span.start as usize, span.end as usize);
            if start >= copied && end <= part.end {
                out.extend_from_slice(&json[copied..start]);
                out.extend_from_slice(with);
                copied = end;
            }
        }
        out.extend_from_slice(&json[copied..part.end]);
    }
}

fn unquoted(string: &[u8]) -> &[u8] {
    string.get(1..string.len().saturating_sub(1)).unwrap_or_default()
}

fn is_truthy(json: &[u8], member: &Member) -> bool {
    match member.kind {
        ValueKind::Null | ValueKind::False => false,
        ValueKind::String => member.value.len() > 2,
        ValueKind::Number => member.value.of(json) != b"0",
        ValueKind::Object | ValueKind::Array | ValueKind::True => true,
    }
}

/// The member with the comma that joins it to its neighbours, and the blanks between.
fn with_comma(json: &[u8], member: &Member) -> Span {
    let blank = |byte: &u8| byte.is_ascii_whitespace();
    let key_quote = (member.key.start as usize).saturating_sub(1);
    let end = member.value.end as usize;
    let before = json[..key_quote].iter().rposition(|byte| !blank(byte));
    if let Some(comma) = before.filter(|at| json[*at] == b',') {
        return Span { start: comma as u32, end: end as u32 };
    }
    let after = json[end..].iter().position(|byte| !blank(byte)).map(|skip| end + skip);
    match after.filter(|at| json[*at] == b',') {
        Some(comma) => Span { start: key_quote as u32, end: comma as u32 + 1 },
        None => Span { start: key_quote as u32, end: end as u32 },
    }
}
