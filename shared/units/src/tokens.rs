//! The usage vector: how many units of each billable class a request used.
//!
//! Invariants: classes are disjoint (a cached token is not also an input token; reasoning is not
//! also output), counts are never negative. Billing sees only this vector, whatever the dialect.

use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

/// One class of what is billed. The discriminant is the class's place in records: append only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum TokenClass {
    /// Text input that was not cached.
    Input = 0,
    /// Input read from the provider's cache.
    CacheRead = 1,
    /// Input written to the provider's cache for five minutes.
    CacheWrite = 2,
    /// Input written to the provider's cache for an hour.
    #[serde(rename = "cache_write_1h")]
    CacheWrite1h = 3,
    /// Audio input.
    AudioInput = 4,
    /// Image input, where it is priced apart from text.
    ImageInput = 5,
    /// Visible output text.
    Output = 6,
    /// Hidden reasoning.
    Reasoning = 7,
    /// Audio output.
    AudioOutput = 8,
    /// Image output.
    ImageOutput = 9,
    /// Web searches made by the provider.
    Search = 10,
    /// Requests, where the provider charges each.
    Request = 11,
}

impl TokenClass {
    /// How many classes there are.
    pub const COUNT: usize = 12;

    /// Every class, in record order.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Input,
        Self::CacheRead,
        Self::CacheWrite,
        Self::CacheWrite1h,
        Self::AudioInput,
        Self::ImageInput,
        Self::Output,
        Self::Reasoning,
        Self::AudioOutput,
        Self::ImageOutput,
        Self::Search,
        Self::Request,
    ];

    /// The class's name in the catalog and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CacheRead => "cache_read",
            Self::CacheWrite => "cache_write",
            Self::CacheWrite1h => "cache_write_1h",
            Self::AudioInput => "audio_input",
            Self::ImageInput => "image_input",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
            Self::AudioOutput => "audio_output",
            Self::ImageOutput => "image_output",
            Self::Search => "search",
            Self::Request => "request",
        }
    }

    /// Whether the class counts what goes to the model rather than what comes back.
    pub const fn is_input(self) -> bool {
        (self as u8) <= Self::ImageInput as u8
    }

    /// Whether the class counts what the model makes.
    pub const fn is_output(self) -> bool {
        matches!(self, Self::Output | Self::Reasoning | Self::AudioOutput | Self::ImageOutput)
    }
}

/// Counts by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tokens([u64; TokenClass::COUNT]);

impl Tokens {
    /// Nothing used.
    pub const ZERO: Self = Self([0; TokenClass::COUNT]);

    /// The counts in record order.
    pub const fn counts(&self) -> &[u64; TokenClass::COUNT] {
        &self.0
    }

    /// A vector of these counts, in record order.
    pub const fn from_counts(counts: [u64; TokenClass::COUNT]) -> Self {
        Self(counts)
    }

    /// All input, cached or not, of every modality; saturates.
    pub fn input_total(&self) -> u64 {
        self.sum_where(TokenClass::is_input)
    }

    /// All output, reasoning included, of every modality; saturates.
    pub fn output_total(&self) -> u64 {
        self.sum_where(TokenClass::is_output)
    }

    /// Adds another vector class by class; saturates.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = mine.saturating_add(theirs);
        }
    }

    /// The classes that were used, with their counts.
    pub fn used(&self) -> impl Iterator<Item = (TokenClass, u64)> + '_ {
        TokenClass::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }

    fn sum_where(&self, chosen: impl Fn(TokenClass) -> bool) -> u64 {
        self.used().filter(|(class, _)| chosen(*class)).fold(0, |sum, (_, n)| sum.saturating_add(n))
    }
}

impl Index<TokenClass> for Tokens {
    type Output = u64;

    fn index(&self, class: TokenClass) -> &u64 {
        &self.0[class as usize]
    }
}

impl IndexMut<TokenClass> for Tokens {
    fn index_mut(&mut self, class: TokenClass) -> &mut u64 {
        &mut self.0[class as usize]
    }
}

impl Serialize for Tokens {
    /// An object of the classes that were used.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.used().map(|(class, count)| (class.name(), count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_stands_at_its_own_place() {
        for (place, class) in TokenClass::ALL.into_iter().enumerate() {
            assert_eq!(class as usize, place);
        }
    }

    #[test]
    fn input_and_output_are_told_apart() {
        let mut tokens = Tokens::ZERO;
        tokens[TokenClass::Input] = 3;
        tokens[TokenClass::CacheRead] = 4;
        tokens[TokenClass::Reasoning] = 5;
        tokens[TokenClass::Request] = 1;
        assert_eq!((tokens.input_total(), tokens.output_total()), (7, 5));
    }
}
