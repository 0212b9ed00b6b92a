//! A chat answer or one chunk of it: what is metered, and what is rewritten for the client.
//!
//! Invariants: `choices` is never touched; only `model`, `id` and `usage` of the top level are,
//! so what the provider says reaches the client byte for byte.

use wire::Span;
use wire::json::{JsonFault, Member, ValueKind, elements, members};

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
    /// Whether a truthy `error` stands at the top level.
    pub is_error: bool,
    /// Bytes of text, refusals, reasoning and tool calls in it, JSON escapes counted as written.
    pub text_bytes: u64,
    /// How the answer ended, if it says so.
    pub finish: Finish,
}

/// What the client is to see in place of what the provider sent.
#[derive(Clone, Copy, Debug)]
pub struct Rewrite<'a> {
    /// The model's name as a JSON string.
    pub model_json: &'a [u8],
    /// The id as a JSON string, where ours replaces the provider's.
    pub id_json: Option<&'a [u8]>,
    /// Whether `usage` is left out.
    pub drop_usage: bool,
}

/// Whether a data line is the end mark of a stream.
pub fn is_done(data: &[u8]) -> bool {
    data.starts_with(b"[DONE]")
}

impl Answer {
    /// Reads an answer or a chunk: a JSON object.
    pub fn read(json: &[u8]) -> Result<Self, JsonFault> {
        let mut answer = Self::default();
        for member in members(json) {
            let member = member?;
            match member.key.of(json) {
                b"model" => answer.model = Some(member.value),
                b"id" => answer.id = Some(member.value),
                b"usage" => answer.usage = Some(member),
                b"service_tier" if member.kind == ValueKind::String => {
                    answer.service_tier = Some(member.value);
                }
                b"error" => answer.is_error = is_truthy(json, &member),
                b"choices" if member.kind == ValueKind::Array => {
                    answer.read_choices(member.value.of(json))?;
                }
                _ => {}
            }
        }
        Ok(answer)
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
        let mut edits = [None; 3];
        edits[0] = self.model.map(|model| (model, rewrite.model_json));
        edits[1] = self.id.zip(rewrite.id_json);
        if rewrite.drop_usage {
            edits[2] = self.usage.map(|usage| (with_comma(json, &usage), &[][..]));
        }
        edits.sort_unstable_by_key(|edit| edit.map_or(u32::MAX, |(span, _)| span.start));
        let mut copied = 0;
        for (span, with) in edits.into_iter().flatten() {
            out.extend_from_slice(&json[copied..span.start as usize]);
            out.extend_from_slice(with);
            copied = span.end as usize;
        }
        out.extend_from_slice(&json[copied..]);
    }

    fn read_choices(&mut self, choices: &[u8]) -> Result<(), JsonFault> {
        for element in elements(choices) {
            let (choice, kind) = element?;
            self.has_choices = true;
            if kind == ValueKind::Object {
                self.read_choice(choice.of(choices))?;
            }
        }
        Ok(())
    }

    fn read_choice(&mut self, choice: &[u8]) -> Result<(), JsonFault> {
        for member in members(choice) {
            let member = member?;
            match (member.key.of(choice), member.kind) {
                (b"delta" | b"message", ValueKind::Object) => {
                    self.text_bytes += text_bytes(member.value.of(choice))?;
                }
                (b"text", ValueKind::String) => self.text_bytes += string_bytes(&member),
                (b"finish_reason", ValueKind::String) => {
                    self.finish = Finish::from_openai(unquoted(member.value.of(choice)));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Bytes that the model made in a delta or a message.
fn text_bytes(delta: &[u8]) -> Result<u64, JsonFault> {
    let mut bytes = 0;
    for member in members(delta) {
        let member = member?;
        bytes += match (member.key.of(delta), member.kind) {
            (b"role", _) => 0,
            (_, ValueKind::String) => string_bytes(&member),
            (b"tool_calls" | b"function_call" | b"audio", ValueKind::Array | ValueKind::Object) => {
                member.value.len() as u64
            }
            _ => 0,
        };
    }
    Ok(bytes)
}

fn string_bytes(member: &Member) -> u64 {
    (member.value.len() as u64).saturating_sub(2)
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
