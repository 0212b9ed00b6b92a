//! A provider's usage object as the vector that is billed.
//!
//! Invariants: classes come out disjoint; a count that is negative, fractional, a text or larger
//! than its whole is a fault, never a zero and never a credit.
//! Source: OpenAI API reference, `CompletionUsage` (cached and cache-write tokens are part of
//! `prompt_tokens`, reasoning of `completion_tokens`); DeepSeek's `prompt_cache_hit_tokens`.

use units::{TokenClass, Tokens};
use wire::json::{Member, ValueKind, members, u64_value};

/// Why a usage object cannot be billed as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageFault {
    /// The prompt's or the completion's total is absent.
    Missing,
    /// A count is not a non-negative whole number.
    NotACount,
    /// A part is larger than its whole.
    Inconsistent,
}

#[derive(Default)]
struct Counts {
    prompt: Option<u64>,
    completion: Option<u64>,
    cached: u64,
    cache_write: u64,
    audio_in: u64,
    image_in: u64,
    reasoning: u64,
    audio_out: u64,
    image_out: u64,
}

/// Reads an OpenAI chat `usage` object (the bytes of the object itself).
///
/// `cache_included` says whether this upstream counts cached tokens inside `prompt_tokens`.
pub fn chat_usage(usage: &[u8], cache_included: bool) -> Result<Tokens, UsageFault> {
    let mut counts = Counts::default();
    for member in members(usage) {
        let member = member.map_err(|_| UsageFault::NotACount)?;
        match (member.key.of(usage), member.kind) {
            (b"prompt_tokens", _) => counts.prompt = Some(count(usage, &member)?),
            (b"completion_tokens", _) => counts.completion = Some(count(usage, &member)?),
            (b"prompt_cache_hit_tokens", _) => counts.cached = count(usage, &member)?,
            (b"prompt_tokens_details", ValueKind::Object) => {
                read_details(member.value.of(usage), &mut counts, Counts::prompt_detail)?;
            }
            (b"completion_tokens_details", ValueKind::Object) => {
                read_details(member.value.of(usage), &mut counts, Counts::completion_detail)?;
            }
            _ => {}
        }
    }
    counts.vector(cache_included)
}

fn count(object: &[u8], member: &Member) -> Result<u64, UsageFault> {
    match member.kind {
        ValueKind::Null => Ok(0),
        ValueKind::Number => u64_value(member.value.of(object)).ok_or(UsageFault::NotACount),
        _ => Err(UsageFault::NotACount),
    }
}

/// Reads the counts of a details object into the places that `place` knows for their keys.
fn read_details(
    details: &[u8],
    counts: &mut Counts,
    place: for<'c> fn(&'c mut Counts, &[u8]) -> Option<&'c mut u64>,
) -> Result<(), UsageFault> {
    for detail in members(details) {
        let detail = detail.map_err(|_| UsageFault::NotACount)?;
        if let Some(place) = place(counts, detail.key.of(details)) {
            *place = count(details, &detail)?;
        }
    }
    Ok(())
}

impl Counts {
    fn prompt_detail(&mut self, key: &[u8]) -> Option<&mut u64> {
        match key {
            b"cached_tokens" => Some(&mut self.cached),
            b"cache_write_tokens" => Some(&mut self.cache_write),
            b"audio_tokens" => Some(&mut self.audio_in),
            b"image_tokens" => Some(&mut self.image_in),
            _ => None,
        }
    }

    fn completion_detail(&mut self, key: &[u8]) -> Option<&mut u64> {
        match key {
            b"reasoning_tokens" => Some(&mut self.reasoning),
            b"audio_tokens" => Some(&mut self.audio_out),
            b"image_tokens" => Some(&mut self.image_out),
            _ => None,
        }
    }

    /// The disjoint classes. Audio and image tokens inside the cached ones are the provider's to
    /// tell apart; what exceeds the rest is taken as cached, the cheaper reading of the two.
    fn vector(&self, cache_included: bool) -> Result<Tokens, UsageFault> {
        let (prompt, completion) = match (self.prompt, self.completion) {
            (Some(prompt), Some(completion)) => (prompt, completion),
            _ => return Err(UsageFault::Missing),
        };
        let cache = self.cached.checked_add(self.cache_write).ok_or(UsageFault::NotACount)?;
        let uncached = match prompt.checked_sub(cache) {
            Some(rest) if cache_included => rest,
            // More cached than counted in all: this upstream counts them apart after all.
            None | Some(_) => prompt,
        };
        let mut tokens = Tokens::ZERO;
        tokens[TokenClass::CacheRead] = self.cached;
        tokens[TokenClass::CacheWrite] = self.cache_write;
        tokens[TokenClass::AudioInput] = self.audio_in.min(uncached);
        tokens[TokenClass::ImageInput] =
            self.image_in.min(uncached - tokens[TokenClass::AudioInput]);
        tokens[TokenClass::Input] =
            uncached - tokens[TokenClass::AudioInput] - tokens[TokenClass::ImageInput];
        let special = [self.reasoning, self.audio_out, self.image_out];
        let special_sum = special.iter().try_fold(0u64, |sum, part| sum.checked_add(*part));
        let special_sum = special_sum.ok_or(UsageFault::NotACount)?;
        tokens[TokenClass::Output] =
            completion.checked_sub(special_sum).ok_or(UsageFault::Inconsistent)?;
        tokens[TokenClass::Reasoning] = self.reasoning;
        tokens[TokenClass::AudioOutput] = self.audio_out;
        tokens[TokenClass::ImageOutput] = self.image_out;
        Ok(tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(usage: &str, cache_included: bool) -> Result<Tokens, UsageFault> {
        chat_usage(usage.as_bytes(), cache_included)
    }

    #[test]
    fn classes_are_disjoint() {
        let usage = r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
            "prompt_tokens_details":{"cached_tokens":40,"cache_write_tokens":10,"audio_tokens":5},
            "completion_tokens_details":{"reasoning_tokens":20,"accepted_prediction_tokens":3}}"#;
        let tokens = read(usage, true).unwrap();
        assert_eq!(tokens[TokenClass::Input], 45);
        assert_eq!(tokens[TokenClass::CacheRead], 40);
        assert_eq!(tokens[TokenClass::CacheWrite], 10);
        assert_eq!(tokens[TokenClass::AudioInput], 5);
        assert_eq!((tokens.input_total(), tokens.output_total()), (100, 50));
        assert_eq!(tokens[TokenClass::Output], 30);
    }

    #[test]
    fn an_upstream_that_counts_cached_tokens_apart_is_read_so() {
        let usage = r#"{"prompt_tokens":10,"completion_tokens":1,"prompt_cache_hit_tokens":40}"#;
        assert_eq!(read(usage, true).unwrap()[TokenClass::Input], 10);
        assert_eq!(read(usage, false).unwrap()[TokenClass::CacheRead], 40);
    }

    #[test]
    fn absurd_counts_are_faults_never_zeros() {
        for (usage, fault) in [
            (r#"{"prompt_tokens":-1,"completion_tokens":1}"#, UsageFault::NotACount),
            (r#"{"prompt_tokens":1.5,"completion_tokens":1}"#, UsageFault::NotACount),
            (r#"{"prompt_tokens":"7","completion_tokens":1}"#, UsageFault::NotACount),
            (r#"{"completion_tokens":1}"#, UsageFault::Missing),
            (r#"{}"#, UsageFault::Missing),
            (
                r#"{"prompt_tokens":1,"completion_tokens":1,
                    "completion_tokens_details":{"reasoning_tokens":2}}"#,
                UsageFault::Inconsistent,
            ),
        ] {
            assert_eq!(read(usage, true), Err(fault), "{usage}");
        }
    }
}
