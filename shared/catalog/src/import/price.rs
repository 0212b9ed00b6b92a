//! Prices of a price file: number texts, and the grammar of their names.
//!
//! A name is a class, perhaps a size (`_above_272k_tokens`), perhaps a tier (`_flex`):
//! `cache_read_input_token_cost_above_272k_tokens_priority`. Values are USD a token, a search or a
//! request, as JSON numbers.
//! Invariants: a number is read from its digits. Within 1e-9 of a whole picodollar it is that one,
//! as such numbers come from floats; any other is rounded up and counted.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use units::{Price, TokenClass};

use super::Fields;
use super::report::{ImportReport, LeftOut, Simplified};
use crate::price::ServiceTier;
use crate::price_rows::{AboveRow, PriceRow, TierPriceRow};

/// How a number became a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounding {
    /// It is a whole number of picodollars.
    Exact,
    /// It is one but for the noise of a float.
    Near,
    /// It is finer, and was rounded up.
    Up,
}

/// Names of classes in a price file; longer ones first where one begins another.
const CLASSES: [(&str, TokenClass); 11] = [
    ("cache_creation_input_token_cost_above_1hr", TokenClass::CacheWrite1h),
    ("cache_creation_input_token_cost", TokenClass::CacheWrite),
    ("cache_read_input_token_cost", TokenClass::CacheRead),
    ("input_cost_per_token", TokenClass::Input),
    ("output_cost_per_token", TokenClass::Output),
    ("output_cost_per_reasoning_token", TokenClass::Reasoning),
    ("input_cost_per_audio_token", TokenClass::AudioInput),
    ("output_cost_per_audio_token", TokenClass::AudioOutput),
    ("input_cost_per_image_token", TokenClass::ImageInput),
    ("output_cost_per_image_token", TokenClass::ImageOutput),
    ("input_cost_per_request", TokenClass::Request),
];

/// Charges that our classes do not express, and what becomes of them. Any other charge that is
/// not zero leaves the whole row out.
const SIMPLIFIED: [(&str, Simplified); 14] = [
    ("cache_creation_input_token_cost_above_12hr", Simplified::LongCacheWrites),
    ("cache_read_input_audio_token_cost", Simplified::CachedAudio),
    ("explicit_cache_read_input_token_cost", Simplified::ExplicitCache),
    ("google_maps_grounding_cost_per_query", Simplified::Tools),
    ("code_interpreter_cost_per_session", Simplified::Tools),
    ("computer_use_", Simplified::Tools),
    ("file_search_cost", Simplified::Tools),
    ("vector_store_cost", Simplified::Tools),
    ("input_cost_per_video", Simplified::Video),
    ("output_cost_per_video", Simplified::Video),
    ("input_cost_per_image", Simplified::PerImage),
    ("output_cost_per_image", Simplified::PerImage),
    ("input_cost_per_audio_per_second", Simplified::PerSecond),
    ("output_cost_per_audio_per_second", Simplified::PerSecond),
];

/// What a name stands for.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    Price(TokenClass, ServiceTier, u64),
    Simplified(Simplified),
    /// A charge that nothing here expresses.
    Unknown,
    /// Not a charge.
    Other,
}

/// Prices by tier and size.
type Conditions = BTreeMap<(ServiceTier, u64), Vec<(TokenClass, Price)>>;

/// The list price of a row.
pub(super) fn price_row(
    fields: &Fields<'_>,
    needs_output: bool,
    report: &mut ImportReport,
) -> Result<PriceRow, LeftOut> {
    let mut conditions = Conditions::new();
    for (name, value) in &fields.0 {
        match meaning(name) {
            Meaning::Other => {}
            Meaning::Price(class, tier, above) => {
                let price = counted(value.get(), report)?;
                conditions.entry((tier, above)).or_default().extend(price.map(|p| (class, p)));
            }
            Meaning::Simplified(what) if !is_zero(value) => report.simplify(what),
            Meaning::Unknown if !is_zero(value) => return Err(LeftOut::Charge(name.to_string())),
            Meaning::Simplified(_) | Meaning::Unknown => {}
        }
    }
    for (name, what) in [
        ("off_peak_pricing", Simplified::OffPeak),
        ("regional_processing_uplift_multiplier_us", Simplified::Regional),
        ("provider_specific_entry", Simplified::Regional),
    ] {
        if fields.text(name).is_some() {
            report.simplify(what);
        }
    }
    size_ranges(fields, &mut conditions, report)?;
    let base = conditions.entry((ServiceTier::Default, 0)).or_default();
    if let Some(search) = dearest_search(fields, report)? {
        base.push((TokenClass::Search, search));
    }
    if !base.iter().any(|(class, _)| *class == TokenClass::CacheRead)
        && let Some(text) = fields.text("input_cost_per_token_cache_hit")
    {
        base.extend(counted(text, report)?.map(|price| (TokenClass::CacheRead, price)));
    }
    if !needs_output && !base.iter().any(|(class, _)| *class == TokenClass::Output) {
        base.push((TokenClass::Output, Price::ZERO));
    }
    assemble(conditions)
}

/// Puts conditions in their places; without input and output there is no price.
fn assemble(mut conditions: Conditions) -> Result<PriceRow, LeftOut> {
    let base = conditions.remove(&(ServiceTier::Default, 0)).unwrap_or_default();
    let given = |class: TokenClass| base.iter().any(|(known, _)| *known == class);
    if !given(TokenClass::Input) || !given(TokenClass::Output) {
        return Err(LeftOut::NoPrice);
    }
    let mut row = PriceRow::default();
    base.into_iter().for_each(|(class, price)| row.set(class, price));
    for ((tier, above), prices) in conditions {
        let mut above_row = AboveRow { input_tokens: above, ..AboveRow::default() };
        prices.iter().for_each(|(class, price)| above_row.set(*class, *price));
        if tier == ServiceTier::Default {
            row.above.push(above_row);
            continue;
        }
        let tier: &mut TierPriceRow = row.service_tier.entry(tier.name().to_owned()).or_default();
        if above == 0 {
            prices.iter().for_each(|(class, price)| tier.set(*class, *price));
        } else {
            tier.above.push(above_row);
        }
    }
    Ok(row)
}

/// The other way to write sizes: a list of ranges, each with prices of its own.
fn size_ranges(
    fields: &Fields<'_>,
    conditions: &mut Conditions,
    report: &mut ImportReport,
) -> Result<(), LeftOut> {
    if fields.text("tiered_pricing").is_none() {
        return Ok(());
    }
    let ranges: Vec<Fields<'_>> = fields.value("tiered_pricing").ok_or(LeftOut::NotANumber)?;
    for range in ranges {
        let bounds: Option<Vec<&RawValue>> = range.value("range");
        let from = bounds.and_then(|bounds| whole_number(bounds.first()?.get()));
        let from = from.ok_or(LeftOut::NotANumber)?;
        for (name, value) in &range.0 {
            if let Meaning::Price(class, ServiceTier::Default, 0) = meaning(name) {
                let price = counted(value.get(), report)?;
                let place = conditions.entry((ServiceTier::Default, from)).or_default();
                place.extend(price.map(|price| (class, price)));
            }
        }
    }
    Ok(())
}

/// A search costs by the size of its context; the dearest is taken.
fn dearest_search(
    fields: &Fields<'_>,
    report: &mut ImportReport,
) -> Result<Option<Price>, LeftOut> {
    const NAME: &str = "search_context_cost_per_query";
    if fields.text(NAME).is_none() {
        return Ok(None);
    }
    let sizes: Fields<'_> = fields.value(NAME).ok_or(LeftOut::NotANumber)?;
    let mut dearest = None;
    for (_, value) in &sizes.0 {
        dearest = dearest.max(counted(value.get(), report)?);
    }
    Ok(dearest)
}

fn meaning(name: &str) -> Meaning {
    if !name.contains("cost") || name == "search_context_cost_per_query" {
        return Meaning::Other;
    }
    if name == "input_cost_per_token_cache_hit" {
        return Meaning::Other;
    }
    if name.ends_with("_batches") {
        return Meaning::Simplified(Simplified::Batch);
    }
    if name.ends_with("_decisions") {
        return Meaning::Simplified(Simplified::OtherEndpoints);
    }
    let simplified = SIMPLIFIED.iter().find(|(start, _)| name.starts_with(start));
    for (stem, class) in CLASSES {
        if let Some((tier, above)) = name.strip_prefix(stem).and_then(condition) {
            return Meaning::Price(class, tier, above);
        }
    }
    simplified.map_or(Meaning::Unknown, |(_, what)| Meaning::Simplified(*what))
}

/// Reads `[_above_<n>k_tokens][_<tier>]`.
fn condition(rest: &str) -> Option<(ServiceTier, u64)> {
    let (above, rest) = match rest.strip_prefix("_above_") {
        Some(sized) => {
            let (size, rest) = sized.split_once("k_tokens")?;
            (size.parse::<u64>().ok()?.checked_mul(1000)?, rest)
        }
        None => (0, rest),
    };
    let tier = match rest.strip_prefix('_') {
        Some(name) => ServiceTier::from_name(name)?,
        None if rest.is_empty() => ServiceTier::Default,
        None => return None,
    };
    Some((tier, above))
}

/// A price from its text, its rounding counted; `None` for `null`.
fn counted(text: &str, report: &mut ImportReport) -> Result<Option<Price>, LeftOut> {
    if text == "null" {
        return Ok(None);
    }
    let (price, rounding) = picodollars(text).ok_or(LeftOut::NotANumber)?;
    match rounding {
        Rounding::Exact => {}
        Rounding::Near => report.near += 1,
        Rounding::Up => report.rounded_up += 1,
    }
    Ok(Some(price))
}

/// Whether a charge whose name begins so is not zero and not one of our classes.
pub(super) fn is_charged_otherwise(fields: &Fields<'_>, start: &str) -> bool {
    fields.0.iter().any(|(name, value)| {
        let otherwise = || matches!(meaning(name), Meaning::Simplified(_) | Meaning::Unknown);
        name.starts_with(start) && otherwise() && !is_zero(value)
    })
}

fn is_zero(value: &RawValue) -> bool {
    let text = value.get();
    text == "null" || decimal(text).is_some_and(|(digits, _)| digits == 0)
}

/// USD as picodollars; `None` where the text is not a number or is out of range.
pub(super) fn picodollars(text: &str) -> Option<(Price, Rounding)> {
    let (digits, exponent) = decimal(text)?;
    let exponent = exponent + 12;
    if digits == 0 {
        return Some((Price::ZERO, Rounding::Exact));
    }
    let price = |pico: u128| u64::try_from(pico).ok().map(Price::from_pico);
    if exponent >= 0 {
        let scale = 10_u128.checked_pow(exponent.unsigned_abs())?;
        return Some((price(digits.checked_mul(scale)?)?, Rounding::Exact));
    }
    let Some(unit) = 10_u128.checked_pow(exponent.unsigned_abs()) else {
        return Some((Price::ZERO, Rounding::Near));
    };
    let (whole, rest) = (digits / unit, digits % unit);
    let noise = unit / 1_000_000_000;
    match rest {
        0 => Some((price(whole)?, Rounding::Exact)),
        rest if rest <= noise => Some((price(whole)?, Rounding::Near)),
        rest if unit - rest <= noise => Some((price(whole + 1)?, Rounding::Near)),
        _ => Some((price(whole + 1)?, Rounding::Up)),
    }
}

/// A count written as a number, also as `256000.0` or `1e6`.
pub(super) fn whole_number(text: &str) -> Option<u64> {
    let (digits, exponent) = decimal(text)?;
    let scale = 10_u128.checked_pow(exponent.unsigned_abs())?;
    let whole = if exponent >= 0 {
        digits.checked_mul(scale)?
    } else if digits % scale == 0 {
        digits / scale
    } else {
        return None;
    };
    u64::try_from(whole).ok()
}

/// A non-negative JSON number as digits and a power of ten; at most 28 digits.
fn decimal(text: &str) -> Option<(u128, i32)> {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: String = [whole, fraction].concat();
    let significant = digits.trim_start_matches('0');
    let plain = !whole.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || significant.len() > 28 || exponent.abs() > 400 {
        return None;
    }
    let value = if significant.is_empty() { 0 } else { significant.parse().ok()? };
    Some((value, exponent - fraction.len() as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_texts_become_picodollars() {
        let cases = [
            ("1.25e-06", 1_250_000, Rounding::Exact),
            ("0", 0, Rounding::Exact),
            ("0.035", 35_000_000_000, Rounding::Exact),
            ("2.9999999999999997e-07", 300_000, Rounding::Near),
            ("3.0000000000000001E-7", 300_000, Rounding::Near),
            ("1e-60", 0, Rounding::Near),
            ("1.1428571428571428e-06", 1_142_858, Rounding::Up),
            ("0.0000000000000001", 1, Rounding::Up),
            ("1.0000001e-12", 2, Rounding::Up),
            ("5", 5_000_000_000_000, Rounding::Exact),
        ];
        for (text, pico, rounding) in cases {
            assert_eq!(picodollars(text), Some((Price::from_pico(pico), rounding)), "{text}");
        }
        for text in ["-1e-6", "\"1e-6\"", "", "e5", "1e999", "true", "99999999e9", "[1]"] {
            assert_eq!(picodollars(text), None, "{text}");
        }
        assert_eq!(whole_number("256000.0"), Some(256_000));
        assert_eq!(whole_number("1.5"), None);
    }

    #[test]
    fn names_are_class_size_and_tier() {
        use ServiceTier::{Default, Priority};
        let cases = [
            ("input_cost_per_token", Meaning::Price(TokenClass::Input, Default, 0)),
            (
                "cache_creation_input_token_cost_above_1hr_above_200k_tokens_priority",
                Meaning::Price(TokenClass::CacheWrite1h, Priority, 200_000),
            ),
            (
                "cache_creation_input_token_cost_above_12hr_above_272k_tokens",
                Meaning::Simplified(Simplified::LongCacheWrites),
            ),
            ("input_cost_per_token_batches", Meaning::Simplified(Simplified::Batch)),
            ("input_cost_per_image", Meaning::Simplified(Simplified::PerImage)),
            ("citation_cost_per_token", Meaning::Unknown),
            ("input_cost_per_token_above_200k_tokens_lunar", Meaning::Unknown),
            ("max_input_tokens", Meaning::Other),
        ];
        for (name, expected) in cases {
            assert_eq!(meaning(name), expected, "{name}");
        }
    }
}
