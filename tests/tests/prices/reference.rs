//! What a use costs, worked out from a price file's row by the rules in words, one lookup at a
//! time, in exact integers.
//!
//! The rules: a price holds for a class, above a size of the total input, at a tier. Of all that
//! are written and apply, the tier's own come before the default tier's, and larger sizes before
//! smaller ones; sizes of the default tier apply within a tier that has none of its own where they
//! are dearer. What has no price costs as the class that it falls back to, under the same
//! conditions. A number finer than a picodollar is rounded up, but for the noise of a float.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;
use serde_json::{Map, json};
use units::{TokenClass, Tokens};

type Members = BTreeMap<String, Box<RawValue>>;

/// A price file.
pub(crate) struct PriceFile(BTreeMap<String, Row>);

/// One row: its prices in picodollars by class, tier and size.
pub(crate) struct Row {
    provider: String,
    written: BTreeMap<(&'static str, TokenClassNumber, u64), i128>,
}

type TokenClassNumber = u8;

const DEFAULT: &str = "default";
const TIERS: [&str; 6] = [DEFAULT, "flex", "priority", "balanced", "ultrafast", "scale"];
/// Sizes that names of prices are known to have, in thousands of tokens.
const SIZES: [u64; 10] = [0, 32, 64, 100, 128, 200, 256, 272, 512, 1000];

const STEMS: [(&str, TokenClass); 11] = [
    ("input_cost_per_token", TokenClass::Input),
    ("cache_read_input_token_cost", TokenClass::CacheRead),
    ("cache_creation_input_token_cost", TokenClass::CacheWrite),
    ("cache_creation_input_token_cost_above_1hr", TokenClass::CacheWrite1h),
    ("input_cost_per_audio_token", TokenClass::AudioInput),
    ("input_cost_per_image_token", TokenClass::ImageInput),
    ("output_cost_per_token", TokenClass::Output),
    ("output_cost_per_reasoning_token", TokenClass::Reasoning),
    ("output_cost_per_audio_token", TokenClass::AudioOutput),
    ("output_cost_per_image_token", TokenClass::ImageOutput),
    ("input_cost_per_request", TokenClass::Request),
];

impl PriceFile {
    pub(crate) fn read(json: &str) -> Self {
        let rows: BTreeMap<String, Members> = serde_json::from_str(json).expect("a price file");
        Self(rows.into_iter().map(|(name, members)| (name, Row::read(&members))).collect())
    }

    /// The row of a provider's model, unless two rows could be meant.
    pub(crate) fn row_of(&self, provider: &str, model: &str) -> Option<&Row> {
        let named = |name: &str| self.0.get(name).filter(|row| row.provider == provider);
        match (named(model), named(&format!("{provider}/{model}"))) {
            (Some(_), Some(_)) => None,
            (bare, prefixed) => bare.or(prefixed),
        }
    }

    /// A file of providers, one for each that a row names: the addresses are made up.
    pub(crate) fn providers(&self) -> String {
        let is_id = |name: &&str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
            !name.is_empty() && name.bytes().all(is_plain)
        };
        let names: BTreeSet<&str> =
            self.0.values().map(|row| &*row.provider).filter(is_id).collect();
        let place = json!({ "base_url": "https://provider.example/v1", "dialect": "openai" });
        let providers: Map<_, _> =
            names.into_iter().map(|name| (name.to_owned(), place.clone())).collect();
        json!({ "providers": providers }).to_string()
    }
}

impl Row {
    fn read(members: &Members) -> Self {
        let provider = members.get("litellm_provider");
        let provider = provider.and_then(|name| serde_json::from_str(name.get()).ok());
        let mut row = Self { provider: provider.unwrap_or_default(), written: BTreeMap::new() };
        for tier in TIERS {
            for size in SIZES {
                for (stem, class) in STEMS {
                    let above =
                        if size == 0 { String::new() } else { format!("_above_{size}k_tokens") };
                    let suffix = if tier == DEFAULT { String::new() } else { format!("_{tier}") };
                    let value = of(members, &format!("{stem}{above}{suffix}"));
                    row.write(tier, class, size * 1000, value);
                }
            }
        }
        row.read_ranges(members);
        row.read_searches(members);
        let read = (DEFAULT, TokenClass::CacheRead as u8, 0);
        if !row.written.contains_key(&read) {
            let hit = of(members, "input_cost_per_token_cache_hit");
            row.write(DEFAULT, TokenClass::CacheRead, 0, hit);
        }
        row
    }

    fn write(
        &mut self,
        tier: &'static str,
        class: TokenClass,
        size: u64,
        value: Option<&RawValue>,
    ) {
        if let Some(pico) = value.and_then(|value| picodollars(value.get())) {
            self.written.insert((tier, class as u8, size), pico);
        }
    }

    /// Prices by ranges of the input, another way to write sizes.
    fn read_ranges(&mut self, members: &Members) {
        let Some(list) = members.get("tiered_pricing") else { return };
        let ranges: Vec<Members> = serde_json::from_str(list.get()).unwrap_or_default();
        for range in ranges {
            let bounds = range
                .get("range")
                .and_then(|bounds| serde_json::from_str::<Vec<f64>>(bounds.get()).ok());
            let Some(from) = bounds.and_then(|bounds| bounds.first().copied()) else { continue };
            for (stem, class) in STEMS {
                // Token counts of a few thousand are whole in any float.
                self.write(DEFAULT, class, from as u64, of(&range, stem));
            }
        }
    }

    /// A search costs what the dearest kind of search does.
    fn read_searches(&mut self, members: &Members) {
        let Some(kinds) = members.get("search_context_cost_per_query") else { return };
        let kinds: Members = serde_json::from_str(kinds.get()).unwrap_or_default();
        let dearest = kinds.values().filter_map(|value| picodollars(value.get())).max();
        if let Some(pico) = dearest {
            self.written.insert((DEFAULT, TokenClass::Search as u8, 0), pico);
        }
    }

    /// The sizes above which some price differs.
    pub(crate) fn sizes(&self) -> Vec<u64> {
        let sizes: BTreeSet<u64> = self.written.keys().map(|(_, _, size)| *size).collect();
        sizes.into_iter().filter(|size| *size > 0).collect()
    }

    /// What a use costs, in picodollars.
    pub(crate) fn cost(&self, tokens: &Tokens, tier: &str) -> i128 {
        let input: u64 = tokens.used().filter(|(c, _)| c.is_input()).map(|(_, count)| count).sum();
        let price = |class| self.price(class, input, tier);
        tokens.used().map(|(class, count)| i128::from(count) * price(class)).sum()
    }

    fn price(&self, class: TokenClass, input: u64, tier: &str) -> i128 {
        let sizes = |tier: &str| -> Vec<u64> {
            let of_tier = self.written.keys().filter(|(known, ..)| *known == tier);
            of_tier.map(|(_, _, size)| *size).filter(|size| *size > 0).collect()
        };
        let is_known = self.written.keys().any(|(known, ..)| *known == tier);
        let below = |size: u64| size < input;
        if tier == DEFAULT || !is_known {
            return self.filled(class, &|class| self.largest(DEFAULT, class, &below));
        }
        let base = |class| self.at(DEFAULT, class, 0);
        let own = |class| self.largest(tier, class, &below).or_else(|| base(class));
        let own = self.filled(class, &own);
        if !sizes(tier).is_empty() || !sizes(DEFAULT).into_iter().any(below) {
            return own;
        }
        own.max(self.filled(class, &|class| self.largest(DEFAULT, class, &below)))
    }

    fn at(&self, tier: &str, class: TokenClass, size: u64) -> Option<i128> {
        let tier = TIERS.into_iter().find(|known| *known == tier)?;
        self.written.get(&(tier, class as u8, size)).copied()
    }

    /// The price of a class above the largest size that is passed; size zero always is.
    fn largest(&self, tier: &str, class: TokenClass, below: &dyn Fn(u64) -> bool) -> Option<i128> {
        let known = self.written.iter().rev();
        let mut of_class = known.filter(|((t, c, _), _)| *t == tier && *c == class as u8);
        let found = of_class.find(|((_, _, size), _)| *size == 0 || below(*size));
        found.map(|(_, pico)| *pico)
    }

    /// The price of a class, or of what it falls back to.
    fn filled(&self, class: TokenClass, of: &dyn Fn(TokenClass) -> Option<i128>) -> i128 {
        use TokenClass::{
            AudioInput, AudioOutput, CacheRead, CacheWrite, CacheWrite1h, ImageInput, ImageOutput,
            Input, Output, Reasoning, Request, Search,
        };
        let chain: &[TokenClass] = match class {
            Input | Output | Search | Request => &[class],
            CacheRead | CacheWrite | AudioInput | ImageInput => &[class, Input],
            CacheWrite1h => &[CacheWrite1h, CacheWrite, Input],
            Reasoning | AudioOutput | ImageOutput => &[class, Output],
        };
        chain.iter().find_map(|class| of(*class)).unwrap_or(0)
    }
}

fn of<'m>(members: &'m Members, name: &str) -> Option<&'m RawValue> {
    members.get(name).map(|value| &**value)
}

/// USD as picodollars: a fraction of whole numbers, divided once.
fn picodollars(text: &str) -> Option<i128> {
    let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let digits: i128 = format!("{whole}{decimals}").parse().ok()?;
    let power = exponent.parse::<i32>().ok()? - i32::try_from(decimals.len()).ok()? + 12;
    let scale = 10_i128.checked_pow(power.unsigned_abs());
    if power >= 0 {
        return digits.checked_mul(scale?);
    }
    // A divisor beyond all counting leaves nothing but noise.
    let Some(divisor) = scale else { return Some(0) };
    let (floor, rest) = (digits.div_euclid(divisor), digits.rem_euclid(divisor));
    let noise = divisor / 1_000_000_000;
    Some(if rest <= noise { floor } else { floor + 1 })
}
