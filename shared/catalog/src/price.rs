//! A price ready to be charged: every class filled, every condition resolved.
//!
//! Purpose: what a usage vector costs, exactly, and the most that a request can cost (for holds).
//! How a written price becomes a table:
//! 1. Conditions overlay: base, then the service tier's row, then each `above` row below the total
//!    input, smallest size first. What a row does not name stays as it was.
//! 2. A tier without `above` rows of its own takes the base's where they are dearer, per class.
//! 3. Absent classes are then filled: cache reads, cache writes, image and audio input as `input`;
//!    hour cache writes as cache writes; reasoning, audio and image output as `output`; searches
//!    and requests are free.
//!
//! A tier that has no row costs as the default tier.
//! Invariants: integers only; overflow is a `None`; a table made from its own row is equal to it.

mod ceiling;

use units::{Price, TokenClass, Tokens, Usd};

pub use ceiling::Ceiling;

use crate::modality::Modalities;
use crate::price_rows::{AboveRow, PriceRow, TierPriceRow};

/// How many classes a price has.
const CLASSES: usize = TokenClass::COUNT;

/// The tier at which a provider served a request (OpenAI's `service_tier` and its like).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ServiceTier {
    /// What every request gets that asks for nothing else.
    #[default]
    Default = 0,
    /// Cheaper and slower.
    Flex = 1,
    /// Dearer and faster.
    Priority = 2,
    /// Between flex and default.
    Balanced = 3,
    /// Dearer and faster than priority.
    Ultrafast = 4,
    /// Capacity bought ahead.
    Scale = 5,
}

impl ServiceTier {
    /// Every tier.
    pub const ALL: [Self; 6] =
        [Self::Default, Self::Flex, Self::Priority, Self::Balanced, Self::Ultrafast, Self::Scale];

    /// The name in the catalog and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Flex => "flex",
            Self::Priority => "priority",
            Self::Balanced => "balanced",
            Self::Ultrafast => "ultrafast",
            Self::Scale => "scale",
        }
    }

    /// The tier of a name; `standard` (Anthropic's word) is the default tier.
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "standard" {
            return Some(Self::Default);
        }
        Self::ALL.into_iter().find(|tier| tier.name() == name)
    }
}

/// A set of service tiers; the default tier is always in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TierSet(u8);

impl TierSet {
    /// The default tier alone.
    pub const DEFAULT: Self = Self(0);
    /// Every tier.
    pub const ALL: Self = Self(u8::MAX);

    /// The set with `tier` in it too.
    #[must_use]
    pub const fn with(self, tier: ServiceTier) -> Self {
        Self(self.0 | 1 << tier as u8)
    }

    /// Whether a tier is in it.
    pub const fn has(self, tier: ServiceTier) -> bool {
        matches!(tier, ServiceTier::Default) || self.0 & (1 << tier as u8) != 0
    }
}

/// The prices that apply at a tier above an input size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct PriceStep {
    tier: ServiceTier,
    /// The total input must be strictly more; zero in the first step of a tier, which always holds.
    above: u64,
    prices: [u64; CLASSES],
}

/// A compiled price.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PriceTable {
    base: PriceStep,
    /// By tier, then by size; the default tier's first step is `base`.
    conditional: Box<[PriceStep]>,
    tiers: TierSet,
}

/// What a request can reach: the bounds of its worst case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// What the request may contain.
    pub inputs: Modalities,
    /// What the answer may contain.
    pub outputs: Modalities,
    /// The most input tokens it can count; prices above a larger size cannot apply.
    pub input_tokens: u64,
    /// Whether it asks for cache entries that live an hour.
    pub hour_cache: bool,
    /// The tiers it may be served at, beside the default.
    pub tiers: TierSet,
}

impl Reach {
    /// Everything: any input of any size, any output, any tier.
    pub const ALL: Self = Self {
        inputs: Modalities::ALL,
        outputs: Modalities::ALL,
        input_tokens: u64::MAX,
        hour_cache: true,
        tiers: TierSet::ALL,
    };

    fn step(&self, step: &PriceStep) -> bool {
        self.tiers.has(step.tier) && (step.above == 0 || self.input_tokens > step.above)
    }

    fn input(&self, class: TokenClass) -> bool {
        match class {
            TokenClass::ImageInput => self.inputs.has(Modalities::IMAGE),
            TokenClass::AudioInput => self.inputs.has(Modalities::AUDIO),
            TokenClass::CacheWrite1h => self.hour_cache,
            other => other.is_input(),
        }
    }

    fn output(&self, class: TokenClass) -> bool {
        match class {
            TokenClass::ImageOutput => self.outputs.has(Modalities::IMAGE),
            TokenClass::AudioOutput => self.outputs.has(Modalities::AUDIO),
            other => other.is_output(),
        }
    }
}

/// The dearest price tags within reach: what a customer's price cap is held against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tag {
    /// An input token that no cache knows.
    pub input: Price,
    /// An output token of text or of reasoning.
    pub output: Price,
    /// Both together, at the condition where that is most.
    pub total: Price,
}

/// The dearest prices within reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worst {
    /// One input token.
    pub input: Price,
    /// One output token.
    pub output: Price,
    /// The request itself.
    pub request: Usd,
    /// One web search.
    pub search: Usd,
}

impl PriceTable {
    /// Compiles a written price. Unknown tier names are passed over: `compile` refuses them.
    pub fn from_row(row: &PriceRow) -> Self {
        let written = TokenClass::ALL.map(|class| row.class(class).map(Price::pico));
        let base = PriceStep { tier: ServiceTier::Default, above: 0, prices: fill(&written) };
        let default_steps = above_steps(ServiceTier::Default, &written, &row.above);
        let mut conditional = default_steps.clone();
        let mut tiers = TierSet::DEFAULT;
        for tier in ServiceTier::ALL {
            let Some(tier_row) = row.service_tier.get(tier.name()) else { continue };
            tiers = tiers.with(tier);
            conditional.extend(tier_steps(tier, &written, tier_row, &default_steps));
        }
        Self { base, conditional: conditional.into(), tiers }
    }

    /// The table as a row in which every class of every condition is written.
    pub fn to_row(&self) -> PriceRow {
        let mut row = PriceRow::default();
        for (class, price) in TokenClass::ALL.into_iter().zip(self.base.prices) {
            row.set(class, Price::from_pico(price));
        }
        for step in &self.conditional {
            let classes = TokenClass::ALL.into_iter().zip(step.prices.map(Price::from_pico));
            if step.tier == ServiceTier::Default {
                row.above.push(full_above(step.above, classes));
                continue;
            }
            let tier = row.service_tier.entry(step.tier.name().to_owned()).or_default();
            if step.above == 0 {
                classes.for_each(|(class, price)| tier.set(class, price));
            } else {
                tier.above.push(full_above(step.above, classes));
            }
        }
        row
    }

    /// What `tokens` cost when served at `tier`; `None` on overflow.
    ///
    /// Exact. The prices above a size apply to the whole request where its total input is strictly
    /// more; a tier that is not priced costs as the default tier.
    pub fn cost(&self, tokens: &Tokens, tier: ServiceTier) -> Option<Usd> {
        let step = match &*self.conditional {
            [] => &self.base,
            _ => self.step(tokens.input_total(), tier),
        };
        let mut pico = 0_u128;
        for (price, count) in step.prices.iter().zip(tokens.counts()) {
            pico = pico.checked_add(u128::from(*price) * u128::from(*count))?;
        }
        i128::try_from(pico).ok().map(Usd::from_pico)
    }

    /// The price of a class at the default tier and a small input: what a price tag shows.
    pub const fn base(&self, class: TokenClass) -> Price {
        Price::from_pico(self.base.prices[class as usize])
    }

    /// The price of a class for a request of `input_tokens`, served at `tier`.
    pub fn price(&self, class: TokenClass, input_tokens: u64, tier: ServiceTier) -> Price {
        Price::from_pico(self.step(input_tokens, tier).prices[class as usize])
    }

    /// The tiers that have prices of their own.
    pub const fn tiers(&self) -> TierSet {
        self.tiers
    }

    /// The sizes above which the default tier has other prices, smallest first.
    pub fn sizes(&self) -> impl Iterator<Item = u64> + '_ {
        self.conditional.iter().filter(|s| s.tier == ServiceTier::Default).map(|step| step.above)
    }

    /// The dearest prices within reach: the bound of any cost whose usage is within it.
    pub fn worst(&self, reach: &Reach) -> Worst {
        let mut worst = Worst::default();
        for step in std::iter::once(&self.base).chain(&self.conditional) {
            if !reach.step(step) {
                continue;
            }
            for (class, pico) in TokenClass::ALL.into_iter().zip(step.prices) {
                let price = Price::from_pico(pico);
                if reach.input(class) {
                    worst.input = worst.input.max(price);
                } else if reach.output(class) {
                    worst.output = worst.output.max(price);
                } else if class == TokenClass::Request {
                    worst.request = worst.request.max(price.usd_per_token());
                } else if class == TokenClass::Search {
                    worst.search = worst.search.max(price.usd_per_token());
                }
            }
        }
        worst
    }

    /// The dearest price tag within reach. A sum too large to count is the largest price.
    pub fn tag(&self, reach: &Reach) -> Tag {
        let mut tag = Tag::default();
        for step in std::iter::once(&self.base).chain(&self.conditional) {
            if !reach.step(step) {
                continue;
            }
            let price = |class: TokenClass| step.prices[class as usize];
            let input = price(TokenClass::Input);
            let output = price(TokenClass::Output).max(price(TokenClass::Reasoning));
            tag.input = tag.input.max(Price::from_pico(input));
            tag.output = tag.output.max(Price::from_pico(output));
            tag.total = tag.total.max(Price::from_pico(input.saturating_add(output)));
        }
        tag
    }

    /// The dearest input token of a request with `inputs`, of any size, at any tier.
    pub fn dearest_input(&self, inputs: Modalities) -> Price {
        self.worst(&Reach { inputs, ..Reach::ALL }).input
    }

    /// The dearest output token of any request, at any tier.
    pub fn dearest_output(&self) -> Price {
        self.worst(&Reach::ALL).output
    }

    /// The dearest fee for the request itself, at any tier.
    pub fn request_fee(&self) -> Usd {
        self.worst(&Reach::ALL).request
    }

    /// The dearest price of one web search, at any tier.
    pub fn search_fee(&self) -> Usd {
        self.worst(&Reach::ALL).search
    }

    /// Whether text in and out is free at the default tier and a small input.
    pub const fn is_free(&self) -> bool {
        self.base(TokenClass::Input).pico() == 0 && self.base(TokenClass::Output).pico() == 0
    }

    fn step(&self, input_tokens: u64, tier: ServiceTier) -> &PriceStep {
        let tier = if self.tiers.has(tier) { tier } else { ServiceTier::Default };
        let holds =
            |step: &&PriceStep| step.tier == tier && (step.above == 0 || input_tokens > step.above);
        self.conditional.iter().rfind(holds).unwrap_or(&self.base)
    }
}

/// Prices as written: `None` where a class is not named.
type Written = [Option<u64>; CLASSES];

/// The steps of one tier other than the default.
fn tier_steps(
    tier: ServiceTier,
    base: &Written,
    row: &TierPriceRow,
    default_steps: &[PriceStep],
) -> Vec<PriceStep> {
    let written = overlay(base, |class| row.class(class));
    let first = PriceStep { tier, above: 0, prices: fill(&written) };
    let mut steps = vec![first];
    if row.above.is_empty() {
        steps.extend(default_steps.iter().map(|step| PriceStep {
            tier,
            above: step.above,
            prices: std::array::from_fn(|class| step.prices[class].max(first.prices[class])),
        }));
    } else {
        steps.extend(above_steps(tier, &written, &row.above));
    }
    steps
}

/// The steps above each size; each overlays the one below it.
fn above_steps(tier: ServiceTier, written: &Written, rows: &[AboveRow]) -> Vec<PriceStep> {
    let mut rows: Vec<&AboveRow> = rows.iter().collect();
    rows.sort_by_key(|row| row.input_tokens);
    let mut written = *written;
    let mut steps = Vec::with_capacity(rows.len());
    for row in rows {
        written = overlay(&written, |class| row.class(class));
        steps.push(PriceStep { tier, above: row.input_tokens, prices: fill(&written) });
    }
    steps
}

fn overlay(below: &Written, above: impl Fn(TokenClass) -> Option<Price>) -> Written {
    TokenClass::ALL.map(|class| above(class).map(Price::pico).or(below[class as usize]))
}

/// Gives every absent class the price of the class that it counts as.
fn fill(written: &Written) -> [u64; CLASSES] {
    let given = |class: TokenClass| written[class as usize];
    let input = given(TokenClass::Input).unwrap_or(0);
    let output = given(TokenClass::Output).unwrap_or(0);
    let cache_write = given(TokenClass::CacheWrite).unwrap_or(input);
    TokenClass::ALL.map(|class| {
        given(class).unwrap_or(match class {
            TokenClass::CacheWrite1h => cache_write,
            TokenClass::Search | TokenClass::Request => 0,
            class if class.is_input() => input,
            _ => output,
        })
    })
}

fn full_above(size: u64, classes: impl Iterator<Item = (TokenClass, Price)>) -> AboveRow {
    let mut row = AboveRow { input_tokens: size, ..AboveRow::default() };
    classes.for_each(|(class, price)| row.set(class, price));
    row
}

#[cfg(test)]
mod tests;
