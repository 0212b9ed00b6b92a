//! What an import took, left out and simplified, by reason.
//!
//! Invariants: every row of the file is counted once, taken or left out.

use std::collections::BTreeMap;
use std::fmt;

use crate::rows::{CatalogRows, ModelKind};

/// Why a row was left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// It is the file's own explanation of its format.
    Sample,
    /// It is not an object, or says no provider.
    NotARow,
    /// It does what no path of ours does; its mode.
    Mode(String),
    /// It is of a provider that was not asked for.
    NotAsked,
    /// Its provider's address is not known; the provider.
    NoAddress(String),
    /// It does not say how much it takes.
    NoContext,
    /// It has no price for input or output.
    NoPrice,
    /// It is priced 0/0.
    Free,
    /// A price or size in it is not a number we can take.
    NotANumber,
    /// It is the price of any model fine-tuned from another, not of one that can be called.
    FineTune,
    /// It charges for something that no class of ours expresses; the charge.
    Charge(String),
    /// It makes only what it has no price for.
    UnpricedOutput,
    /// Its provider counts cache reads and writes apart, and it does not price them.
    UnpricedCache,
    /// Its id holds characters that an id may not.
    Id,
    /// A row before it made a model of the same id.
    SameId,
}

impl LeftOut {
    /// The reason in words.
    const fn words(&self) -> &'static str {
        match self {
            Self::Sample => "the file's sample",
            Self::NotARow => "not a row of a model",
            Self::Mode(_) => "another mode",
            Self::NotAsked => "a provider not asked for",
            Self::NoAddress(_) => "no known address of the provider",
            Self::NoContext => "no context size",
            Self::NoPrice => "no price for input or output",
            Self::Free => "priced 0/0 (--allow-free takes them)",
            Self::NotANumber => "a price or size that is not a number",
            Self::FineTune => "a price of fine-tuned models, not a model",
            Self::Charge(_) => "a charge that no class expresses",
            Self::UnpricedOutput => "only output that has no price",
            Self::UnpricedCache => "no cache prices though the provider counts the cache apart",
            Self::Id => "an id that cannot be one",
            Self::SameId => "the same id twice",
        }
    }

    /// What the reason depends on, where it does.
    fn detail(&self) -> Option<&str> {
        match self {
            Self::Mode(detail) | Self::NoAddress(detail) | Self::Charge(detail) => Some(detail),
            _ => None,
        }
    }
}

/// What was left out of rows that were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Simplified {
    /// Batch prices: batches are not offered.
    Batch,
    /// Prices of endpoints that are not offered.
    OtherEndpoints,
    /// Prices of cache entries that live longer than an hour.
    LongCacheWrites,
    /// Prices of cached audio: it counts as cached input.
    CachedAudio,
    /// Prices of caches that are made by name.
    ExplicitCache,
    /// Prices of a provider's own tools.
    Tools,
    /// Prices of video; video is then not offered.
    Video,
    /// Prices by the image; images are then not offered where they have no token price.
    PerImage,
    /// Prices by the second.
    PerSecond,
    /// Off-peak prices: the dearer hours' price counts all day.
    OffPeak,
    /// Surcharges for a region that a request may ask for.
    Regional,
    /// Audio input that has no token price; it is not offered.
    AudioInput,
    /// Audio or image output that has no token price; it is not offered.
    MediaOutput,
    /// A most output larger than the context; the context counts.
    Output,
}

impl Simplified {
    const fn words(self) -> &'static str {
        match self {
            Self::Batch => "batch prices",
            Self::OtherEndpoints => "prices of other endpoints",
            Self::LongCacheWrites => "prices of cache writes for more than an hour",
            Self::CachedAudio => "prices of cached audio (counts as cached input)",
            Self::ExplicitCache => "prices of named caches",
            Self::Tools => "prices of the provider's tools",
            Self::Video => "prices of video (not offered then)",
            Self::PerImage => "prices by the image (not offered then)",
            Self::PerSecond => "prices by the second",
            Self::OffPeak => "off-peak prices (the dearer hours' count)",
            Self::Regional => "regional surcharges",
            Self::AudioInput => "audio input without a price (not offered)",
            Self::MediaOutput => "audio or image output without a price (not offered)",
            Self::Output => "most outputs above the context (the context counts)",
        }
    }
}

/// The figures of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Providers that have a model.
    pub providers: usize,
    /// Chat models.
    pub chat: usize,
    /// Embedding models.
    pub embedding: usize,
    /// Endpoints of all models.
    pub endpoints: usize,
    /// Prices that were whole picodollars but for the noise of a float.
    pub near: usize,
    /// Prices finer than a picodollar, rounded up.
    pub rounded_up: usize,
    /// Rows left out, by reason.
    pub left_out: BTreeMap<LeftOut, usize>,
    /// What rows were taken without, by kind.
    pub simplified: BTreeMap<Simplified, usize>,
}

impl ImportReport {
    /// How many rows were left out.
    pub fn left_out_total(&self) -> usize {
        self.left_out.values().sum()
    }

    pub(super) fn leave_out(&mut self, reason: LeftOut) {
        *self.left_out.entry(reason).or_default() += 1;
    }

    pub(super) fn simplify(&mut self, what: Simplified) {
        *self.simplified.entry(what).or_default() += 1;
    }

    /// Adds what was counted while one row was read, once that row is taken.
    pub(super) fn add(&mut self, row: Self) {
        self.near += row.near;
        self.rounded_up += row.rounded_up;
        for (what, count) in row.simplified {
            *self.simplified.entry(what).or_default() += count;
        }
    }

    pub(super) fn count(&mut self, rows: &CatalogRows) {
        self.providers = rows.provider.len();
        self.chat = rows.model.iter().filter(|model| model.kind == ModelKind::Chat).count();
        self.embedding = rows.model.len() - self.chat;
        self.endpoints = rows.model.iter().map(|model| model.endpoint.len()).sum();
    }
}

/// How many rows a reason has, and how many for each of its details.
type Details<'r> = (usize, Vec<(usize, &'r str)>);

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "taken: {} chat and {} embedding models, {} endpoints, {} providers",
            self.chat, self.embedding, self.endpoints, self.providers
        )?;
        writeln!(f, "prices rounded up to a picodollar: {}", self.rounded_up)?;
        writeln!(f, "prices within 1e-9 of a picodollar, taken as it: {}", self.near)?;
        writeln!(f, "rows left out: {}", self.left_out_total())?;
        let mut reasons: BTreeMap<&str, Details<'_>> = BTreeMap::new();
        for (reason, count) in &self.left_out {
            let (total, details) = reasons.entry(reason.words()).or_default();
            *total += count;
            details.extend(reason.detail().map(|detail| (*count, detail)));
        }
        for (words, (total, mut details)) in reasons {
            write!(f, "  {total:>6}  {words}")?;
            details.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
            let shown = details.iter().map(|(count, detail)| format!("{detail} {count}"));
            match shown.collect::<Vec<_>>().join(", ") {
                none if none.is_empty() => writeln!(f)?,
                some => writeln!(f, ": {some}")?,
            }
        }
        writeln!(f, "left out of rows that were taken:")?;
        for (what, count) in &self.simplified {
            writeln!(f, "  {count:>6}  {}", what.words())?;
        }
        Ok(())
    }
}
