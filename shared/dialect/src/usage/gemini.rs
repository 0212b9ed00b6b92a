//! Usage as Gemini tells it.
//!
//! Source: Gemini API reference, `UsageMetadata` (the prompt's count includes what was cached, the
//! candidates' leaves out thoughts, tool results are counted apart; counts of zero are left out;
//! details by modality are told of the whole and of the cached part).

use units::Tokens;
use wire::json::{ValueKind, elements, members};

use super::read::{part, total};
use super::{InputParts, OutputParts, Usage, UsageFault};

/// Reads a `usageMetadata` object (its bytes). It is repeated in a stream; the last one counts.
///
/// # Errors
/// The prompt's count is missing, or a total is no count.
pub fn gemini_usage(usage: &[u8]) -> Result<Usage, UsageFault> {
    let mut counts = Counts::default();
    for member in members(usage) {
        let member = member.map_err(|_| UsageFault::NotACount)?;
        let (key, value) = (member.key.of(usage), member.value.of(usage));
        match (key, member.kind) {
            (b"promptTokenCount", _) => counts.prompt = total(usage, &member)?,
            (b"candidatesTokenCount", _) => counts.candidates = total(usage, &member)?,
            (b"thoughtsTokenCount", _) => counts.thoughts = total(usage, &member)?.unwrap_or(0),
            (b"toolUsePromptTokenCount", _) => counts.tool = total(usage, &member)?.unwrap_or(0),
            (b"cachedContentTokenCount", _) => {
                counts.cached = part(usage, &member, &mut counts.is_odd);
            }
            (b"totalTokenCount", _) => counts.total = part(usage, &member, &mut counts.is_odd),
            (b"promptTokensDetails", ValueKind::Array) => {
                counts.of_prompt = modalities(value, &mut counts.is_odd)?;
            }
            (b"cacheTokensDetails", ValueKind::Array) => {
                counts.of_cached = modalities(value, &mut counts.is_odd)?;
            }
            (b"candidatesTokensDetails", ValueKind::Array) => {
                counts.of_candidates = modalities(value, &mut counts.is_odd)?;
            }
            _ => {}
        }
    }
    counts.usage()
}

/// Counts of the modalities that are priced apart; video and documents count as text.
#[derive(Clone, Copy, Default)]
struct Modalities {
    audio: u64,
    image: u64,
}

#[derive(Default)]
struct Counts {
    prompt: Option<u64>,
    candidates: Option<u64>,
    thoughts: u64,
    tool: u64,
    cached: u64,
    total: u64,
    of_prompt: Modalities,
    of_cached: Modalities,
    of_candidates: Modalities,
    is_odd: bool,
}

impl Counts {
    fn usage(mut self) -> Result<Usage, UsageFault> {
        let prompt = self.prompt.ok_or(UsageFault::Missing)?;
        let mut tokens = Tokens::ZERO;
        self.input_parts(prompt).fill(&mut tokens);
        self.is_odd |= self.output_parts(prompt).fill(&mut tokens);
        Ok(Usage { tokens, is_odd: self.is_odd })
    }

    fn input_parts(&mut self, prompt: u64) -> InputParts {
        let (whole, cached) = (self.of_prompt, self.of_cached);
        let told = whole.audio.saturating_add(whole.image);
        self.is_odd |= self.cached > prompt || told > prompt;
        self.is_odd |= cached.audio > whole.audio || cached.image > whole.image;
        let cache_read = self.cached.min(prompt);
        InputParts {
            uncached: prompt - cache_read + self.tool,
            cache_read,
            cache_write: 0,
            cache_write_1h: 0,
            audio: whole.audio.saturating_sub(cached.audio),
            image: whole.image.saturating_sub(cached.image),
        }
    }

    /// Some who speak this dialect count thoughts among the candidates; the grand total tells.
    fn output_parts(&mut self, prompt: u64) -> OutputParts {
        let candidates = self.candidates.unwrap_or(0);
        let makes = |output: u64| {
            [prompt, prompt + self.tool].map(|input| input + output).contains(&self.total)
        };
        let both = candidates + self.thoughts;
        let is_inside = self.thoughts <= candidates && !makes(both) && makes(candidates);
        self.is_odd |= self.total > 0 && !makes(both);
        OutputParts {
            total: if is_inside { candidates } else { both },
            reasoning: self.thoughts,
            audio: self.of_candidates.audio,
            image: self.of_candidates.image,
        }
    }
}

/// Reads a list of counts by modality.
fn modalities(list: &[u8], is_odd: &mut bool) -> Result<Modalities, UsageFault> {
    let mut found = Modalities::default();
    for item in elements(list) {
        let (item, kind) = item.map_err(|_| UsageFault::NotACount)?;
        if kind != ValueKind::Object {
            *is_odd = true;
            continue;
        }
        let detail = item.of(list);
        let (mut modality, mut count) = (&b""[..], 0);
        for member in members(detail) {
            let member = member.map_err(|_| UsageFault::NotACount)?;
            match member.key.of(detail) {
                b"modality" => modality = member.content().of(detail),
                b"tokenCount" => count = part(detail, &member, is_odd),
                _ => {}
            }
        }
        match modality {
            b"AUDIO" => found.audio = found.audio.saturating_add(count),
            b"IMAGE" => found.image = found.image.saturating_add(count),
            _ => {}
        }
    }
    Ok(found)
}
