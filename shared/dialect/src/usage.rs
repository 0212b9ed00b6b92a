//! A provider's usage object as the vector that is billed: one reader for each dialect. Pure.
//!
//! Invariants: classes come out disjoint and never negative. A total that is missing or is no
//! count is a fault, never a zero and never a credit; a part of a total that is wrong is cut to
//! what the total allows, and the usage is then marked as odd, never silently.
//! Where an object leaves open whether a part is inside its total, the grand total decides, and
//! without one what is possible at all.
//! Left out on purpose: whether a count can be true of the request; the meter knows its caps.

mod anthropic;
mod gemini;
mod openai;
mod read;
#[cfg(test)]
mod tests;

use units::{TokenClass, Tokens};

pub use anthropic::MessagesUsage;
pub use gemini::gemini_usage;
pub use openai::{chat_usage, embeddings_usage, responses_usage};

/// A usage object that can be billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// What was used. Requests are not counted here: no provider tells them.
    pub tokens: Tokens,
    /// Whether it was read against its words somewhere.
    pub is_odd: bool,
}

/// Why a usage object cannot be billed as it stands; always the provider's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageFault {
    /// The total of the input or the output is absent.
    Missing,
    /// A total is not a non-negative whole number that anyone could count to.
    NotACount,
}

/// Input classes of a total in which some tokens were read from a cache or written to it.
/// What is not told apart by modality is text.
#[derive(Clone, Copy, Default)]
struct InputParts {
    /// Neither read from a cache nor written to it, of every modality.
    uncached: u64,
    cache_read: u64,
    /// For five minutes.
    cache_write: u64,
    /// For an hour.
    cache_write_1h: u64,
    audio: u64,
    image: u64,
}

/// What was written to a cache, as Anthropic and those who relay it tell it: in all, and by how
/// long it lives there.
#[derive(Clone, Copy, Debug, Default)]
struct CacheWrites {
    total: Option<u64>,
    five_minutes: Option<u64>,
    hour: Option<u64>,
}

impl CacheWrites {
    /// For five minutes and for an hour: what is told for no lifetime lived five minutes. Lifetimes
    /// that exceed the total are cut, which is odd.
    fn split(&self, is_odd: &mut bool) -> (u64, u64) {
        let (five_minutes, hour) = (self.five_minutes.unwrap_or(0), self.hour.unwrap_or(0));
        let total = self.total.unwrap_or(five_minutes + hour);
        *is_odd |= five_minutes + hour > total;
        (total - hour.min(total), hour.min(total))
    }
}

impl InputParts {
    /// Audio and images are told of the whole input, so what of them exceeds the uncached part was
    /// in the cache.
    fn fill(self, tokens: &mut Tokens) {
        let audio = self.audio.min(self.uncached);
        let image = self.image.min(self.uncached - audio);
        tokens[TokenClass::CacheRead] = self.cache_read;
        tokens[TokenClass::CacheWrite] = self.cache_write;
        tokens[TokenClass::CacheWrite1h] = self.cache_write_1h;
        tokens[TokenClass::AudioInput] = audio;
        tokens[TokenClass::ImageInput] = image;
        tokens[TokenClass::Input] = self.uncached - audio - image;
    }
}

/// Output classes of a total.
#[derive(Clone, Copy, Default)]
struct OutputParts {
    total: u64,
    reasoning: u64,
    audio: u64,
    image: u64,
}

impl OutputParts {
    /// What is told of no class is text. Answers whether a part had to be cut.
    fn fill(self, tokens: &mut Tokens) -> bool {
        let mut left = self.total;
        let mut is_cut = false;
        for (class, told) in [
            (TokenClass::Reasoning, self.reasoning),
            (TokenClass::AudioOutput, self.audio),
            (TokenClass::ImageOutput, self.image),
        ] {
            is_cut |= told > left;
            tokens[class] = told.min(left);
            left -= tokens[class];
        }
        tokens[TokenClass::Output] = left;
        is_cut
    }
}
