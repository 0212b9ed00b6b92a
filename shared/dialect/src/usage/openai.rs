//! Usage as OpenAI tells it, and the many who tell it almost so.
//!
//! Source: OpenAI API reference, `CompletionUsage`, `ResponseUsage` and the embeddings' `usage`
//! (cached and cache-write tokens are part of the input, reasoning of the output); DeepSeek API
//! reference (`prompt_cache_hit_tokens` and `prompt_cache_miss_tokens` make up the prompt);
//! Moonshot's (`cached_tokens` beside the totals); relays before Anthropic, which pass on its
//! `cache_read_input_tokens`, `cache_creation_input_tokens` and `cache_creation` (what of those
//! writes lives five minutes, and what an hour), some of them among the details of the prompt.
//! Providers differ in two things: whether the input's total includes what was cached (the
//! catalog's `cache_included`), and whether the output's total includes the reasoning.

use units::Tokens;
use wire::json::{ValueKind, members};

use super::read::{part, total};
use super::{CacheWrites, InputParts, OutputParts, Usage, UsageFault};

/// Reads the `usage` object of a chat or legacy completion (the bytes of the object itself).
///
/// `cache_included` says whether this provider's `prompt_tokens` include cached tokens.
///
/// # Errors
/// A total is missing or no count.
pub fn chat_usage(usage: &[u8], cache_included: bool) -> Result<Usage, UsageFault> {
    Counts::read(usage, &CHAT)?.usage(cache_included)
}

/// Reads the `usage` object of a response of the Responses API; otherwise as [`chat_usage`].
///
/// # Errors
/// A total is missing or no count.
pub fn responses_usage(usage: &[u8], cache_included: bool) -> Result<Usage, UsageFault> {
    Counts::read(usage, &RESPONSES)?.usage(cache_included)
}

/// Reads the `usage` object of embeddings, which have no output.
///
/// # Errors
/// The input's total is missing or no count.
pub fn embeddings_usage(usage: &[u8]) -> Result<Usage, UsageFault> {
    let mut counts = Counts::read(usage, &CHAT)?;
    counts.output = counts.output.or(Some(0));
    counts.usage(true)
}

/// What the members of a usage object are called.
struct Names {
    input: &'static [u8],
    output: &'static [u8],
    input_details: &'static [u8],
    output_details: &'static [u8],
}

const CHAT: Names = Names {
    input: b"prompt_tokens",
    output: b"completion_tokens",
    input_details: b"prompt_tokens_details",
    output_details: b"completion_tokens_details",
};

const RESPONSES: Names = Names {
    input: b"input_tokens",
    output: b"output_tokens",
    input_details: b"input_tokens_details",
    output_details: b"output_tokens_details",
};

/// What the object says, before it is known what it means.
#[derive(Default)]
struct Counts {
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    cached: Option<u64>,
    writes: CacheWrites,
    hit: Option<u64>,
    miss: Option<u64>,
    audio_in: u64,
    image_in: u64,
    reasoning: u64,
    audio_out: u64,
    image_out: u64,
    is_odd: bool,
}

impl Counts {
    fn read(usage: &[u8], names: &Names) -> Result<Self, UsageFault> {
        let mut counts = Self::default();
        for member in members(usage) {
            let member = member.map_err(|_| UsageFault::NotACount)?;
            let (key, value) = (member.key.of(usage), member.value.of(usage));
            let is_object = member.kind == ValueKind::Object;
            if key == names.input {
                counts.input = total(usage, &member)?;
            } else if key == names.output {
                counts.output = total(usage, &member)?;
            } else if key == names.input_details && is_object {
                counts.read_details(value, Self::input_detail)?;
            } else if key == names.output_details && is_object {
                counts.read_details(value, Self::output_detail)?;
            } else if key == b"total_tokens" {
                counts.total = Some(part(usage, &member, &mut counts.is_odd));
            } else if matches!(key, b"cached_tokens" | b"cache_read_input_tokens") {
                let count = part(usage, &member, &mut counts.is_odd);
                counts.cached = counts.cached.or(Some(count));
            } else if key == b"cache_creation_input_tokens" {
                let count = part(usage, &member, &mut counts.is_odd);
                counts.writes.total = counts.writes.total.max(Some(count));
            } else if key == b"cache_creation" && is_object {
                counts.read_details(value, Self::lifetime)?;
            } else if key == b"prompt_cache_hit_tokens" {
                counts.hit = Some(part(usage, &member, &mut counts.is_odd));
            } else if key == b"prompt_cache_miss_tokens" {
                counts.miss = Some(part(usage, &member, &mut counts.is_odd));
            }
        }
        Ok(counts)
    }

    /// Reads a details object; `note` puts a count into its place.
    fn read_details(
        &mut self,
        details: &[u8],
        note: fn(&mut Self, &[u8], u64),
    ) -> Result<(), UsageFault> {
        for detail in members(details) {
            let detail = detail.map_err(|_| UsageFault::NotACount)?;
            let key = detail.key.of(details);
            if key == b"cache_creation_token_details" && detail.kind == ValueKind::Object {
                self.read_details(detail.value.of(details), Self::lifetime)?;
            } else if key.ends_with(b"_tokens") {
                let count = part(details, &detail, &mut self.is_odd);
                note(self, key, count);
            }
        }
        Ok(())
    }

    fn input_detail(&mut self, key: &[u8], count: u64) {
        match key {
            b"cached_tokens" => self.cached = Some(count),
            b"cache_write_tokens" | b"cache_creation_tokens" => {
                self.writes.total = self.writes.total.max(Some(count));
            }
            b"audio_tokens" => self.audio_in = count,
            b"image_tokens" => self.image_in = count,
            _ => {}
        }
    }

    fn lifetime(&mut self, key: &[u8], count: u64) {
        match key {
            b"ephemeral_5m_input_tokens" => self.writes.five_minutes = Some(count),
            b"ephemeral_1h_input_tokens" => self.writes.hour = Some(count),
            _ => {}
        }
    }

    fn output_detail(&mut self, key: &[u8], count: u64) {
        match key {
            b"reasoning_tokens" => self.reasoning = count,
            b"audio_tokens" => self.audio_out = count,
            b"image_tokens" => self.image_out = count,
            _ => {}
        }
    }

    fn usage(mut self, cache_included: bool) -> Result<Usage, UsageFault> {
        let split = self.hit.zip(self.miss).map(|(hit, miss)| hit + miss);
        let input = self.input.or(split).ok_or(UsageFault::Missing)?;
        let output = self.output.ok_or(UsageFault::Missing)?;
        let mut tokens = Tokens::ZERO;
        self.input_parts(input, cache_included || split == Some(input)).fill(&mut tokens);
        let output = self.output_parts(tokens.input_total(), input, output);
        self.is_odd |= output.fill(&mut tokens);
        Ok(Usage { tokens, is_odd: self.is_odd })
    }

    fn input_parts(&mut self, input: u64, cache_included: bool) -> InputParts {
        let cache_read = self.cached.or(self.hit).unwrap_or(0);
        self.is_odd |= self.hit.is_some_and(|hit| hit != cache_read);
        let (cache_write, cache_write_1h) = self.writes.split(&mut self.is_odd);
        let cache = cache_read + cache_write + cache_write_1h;
        let uncached = match input.checked_sub(cache) {
            Some(rest) if cache_included => rest,
            Some(_) => input,
            None => {
                // More cached than counted in all: this provider counts them apart after all.
                self.is_odd |= cache_included;
                input
            }
        };
        self.is_odd |= self.audio_in + self.image_in > uncached + cache;
        InputParts {
            uncached,
            cache_read,
            cache_write,
            cache_write_1h,
            audio: self.audio_in,
            image: self.image_in,
        }
    }

    /// `all_input` is the input as it is billed, `input` as it was told: the grand total may have
    /// been made with either.
    fn output_parts(&mut self, all_input: u64, input: u64, output: u64) -> OutputParts {
        let makes = |output: u64| {
            self.total.is_some_and(|total| [all_input, input].map(|i| i + output).contains(&total))
        };
        let with_reasoning = output + self.reasoning;
        let says_apart = !makes(output) && makes(with_reasoning);
        // Reasoning that exceeds the output cannot be a part of it.
        let is_apart = says_apart || self.reasoning > output;
        self.is_odd |= is_apart && !says_apart;
        self.is_odd |= self.total.is_some_and(|total| total > 0) && !makes(output) && !says_apart;
        OutputParts {
            total: if is_apart { with_reasoning } else { output },
            reasoning: self.reasoning,
            audio: self.audio_out,
            image: self.image_out,
        }
    }
}
