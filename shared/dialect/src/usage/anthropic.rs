//! Usage as Anthropic tells it: in pieces that replace each other.
//!
//! Source: Anthropic API reference, `Usage` of a message and of `message_delta` (counts are
//! cumulative; `input_tokens` leave out what was read from the cache or written to it; thinking is
//! part of `output_tokens`).

use units::{TokenClass, Tokens};
use wire::json::{Member, ValueKind, members};

use super::read::{part, total};
use super::{CacheWrites, InputParts, OutputParts, Usage, UsageFault};

/// The usage of one message, as far as it was told.
///
/// ```text
///   message_start --read--> input, caches, a first output
///   message_delta --read--> the last output; what it repeats replaces, what it leaves out stays
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MessagesUsage {
    input: Option<u64>,
    output: Option<u64>,
    cache_read: Option<u64>,
    writes: CacheWrites,
    thinking: Option<u64>,
    searches: Option<u64>,
    is_odd: bool,
}

impl MessagesUsage {
    /// Takes in a `usage` object (its bytes), of a whole message or of an event.
    ///
    /// # Errors
    /// A total in it is no count; what was told before stays.
    pub fn read(&mut self, usage: &[u8]) -> Result<(), UsageFault> {
        let mut next = *self;
        for member in members(usage) {
            let member = member.map_err(|_| UsageFault::NotACount)?;
            let value = member.value.of(usage);
            match (member.key.of(usage), member.kind) {
                (b"input_tokens", _) => next.note(|u| &mut u.input, total(usage, &member)?),
                (b"output_tokens", _) => next.note(|u| &mut u.output, total(usage, &member)?),
                (b"cache_read_input_tokens", _) => {
                    next.note_part(usage, &member, |u| &mut u.cache_read);
                }
                (b"cache_creation_input_tokens", _) => {
                    next.note_part(usage, &member, |u| &mut u.writes.total);
                }
                (
                    b"cache_creation" | b"output_tokens_details" | b"server_tool_use",
                    ValueKind::Object,
                ) => next.read_details(value)?,
                _ => {}
            }
        }
        *self = next;
        Ok(())
    }

    /// The vector of all that was told.
    ///
    /// # Errors
    /// The input's or the output's total was never told.
    pub fn usage(&self) -> Result<Usage, UsageFault> {
        let input = self.input.ok_or(UsageFault::Missing)?;
        let output = self.output.ok_or(UsageFault::Missing)?;
        let told = |count: Option<u64>| count.unwrap_or(0);
        let mut is_odd = self.is_odd;
        let (cache_write, cache_write_1h) = self.writes.split(&mut is_odd);
        let mut tokens = Tokens::ZERO;
        let parts = InputParts {
            uncached: input,
            cache_read: told(self.cache_read),
            cache_write,
            cache_write_1h,
            ..InputParts::default()
        };
        parts.fill(&mut tokens);
        tokens[TokenClass::Search] = told(self.searches);
        let reasoning = told(self.thinking);
        let is_cut =
            OutputParts { total: output, reasoning, ..OutputParts::default() }.fill(&mut tokens);
        Ok(Usage { tokens, is_odd: is_odd || is_cut })
    }

    fn read_details(&mut self, details: &[u8]) -> Result<(), UsageFault> {
        for detail in members(details) {
            let detail = detail.map_err(|_| UsageFault::NotACount)?;
            let place: fn(&mut Self) -> &mut Option<u64> = match detail.key.of(details) {
                b"ephemeral_5m_input_tokens" => |usage| &mut usage.writes.five_minutes,
                b"ephemeral_1h_input_tokens" => |usage| &mut usage.writes.hour,
                b"thinking_tokens" => |usage| &mut usage.thinking,
                b"web_search_requests" => |usage| &mut usage.searches,
                _ => continue,
            };
            self.note_part(details, &detail, place);
        }
        Ok(())
    }

    fn note_part(
        &mut self,
        object: &[u8],
        member: &Member,
        place: impl Fn(&mut Self) -> &mut Option<u64>,
    ) {
        let mut is_odd = false;
        let count = part(object, member, &mut is_odd);
        self.is_odd |= is_odd;
        if member.kind != ValueKind::Null && !is_odd {
            self.note(place, Some(count));
        }
    }

    /// Cumulative counts do not fall: a zero that repeats nothing leaves what was told, and any
    /// other smaller count is odd.
    fn note(&mut self, place: impl Fn(&mut Self) -> &mut Option<u64>, count: Option<u64>) {
        let Some(count) = count else { return };
        let known = place(self);
        let before = known.unwrap_or(0);
        if count > 0 || known.is_none() {
            *known = Some(count);
        }
        self.is_odd |= count > 0 && count < before;
    }
}
