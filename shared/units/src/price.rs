//! The price of one token, as a whole number of picodollars.
//!
//! A picodollar a token is a micro-dollar a million tokens, so a price written as
//! "USD per million tokens" with at most six decimals is exact.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::money::{ParseUsdError, Usd, parse_scaled};

/// Decimals of a price in USD per million tokens.
const DECIMALS_PER_MILLION: usize = 6;

/// Picodollars a token; never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(u64);

impl Price {
    /// Free of charge.
    pub const ZERO: Self = Self(0);

    /// A price of `pico` picodollars a token.
    pub const fn from_pico(pico: u64) -> Self {
        Self(pico)
    }

    /// Picodollars a token.
    pub const fn pico(self) -> u64 {
        self.0
    }

    /// What `count` tokens cost: exact, or `None` beyond what can be counted.
    pub const fn times(self, count: u64) -> Option<Usd> {
        Usd::from_pico(self.0 as i128).checked_mul(count)
    }

    /// The price times `numerator / denominator`, rounded up; `None` on overflow.
    pub fn mul_ratio_up(self, numerator: u64, denominator: u64) -> Option<Self> {
        let scaled = Usd::from_pico(i128::from(self.0)).mul_ratio_up(numerator, denominator)?;
        u64::try_from(scaled.pico()).ok().map(Self)
    }

    /// USD per token as a decimal text, the form OpenRouter's model list uses.
    pub fn usd_per_token(self) -> Usd {
        Usd::from_pico(i128::from(self.0))
    }
}

impl fmt::Display for Price {
    /// USD per million tokens, the form of the catalog.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Usd::from_pico(i128::from(self.0) * 1_000_000).fmt(f)
    }
}

impl FromStr for Price {
    type Err = ParseUsdError;

    /// Reads USD per million tokens.
    fn from_str(text: &str) -> Result<Self, ParseUsdError> {
        let pico = parse_scaled(text, DECIMALS_PER_MILLION)?;
        if pico < 0 {
            return Err(ParseUsdError::NotDecimal);
        }
        u64::try_from(pico).map(Self).map_err(|_| ParseUsdError::TooLarge)
    }
}

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Price {
    /// Reads USD per million tokens as a decimal string; floats are refused.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|error| {
            de::Error::custom(format!("the price {text:?} (USD per million tokens) is {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_per_million_is_exact() {
        let price: Price = "1.25".parse().unwrap();
        assert_eq!(price.pico(), 1_250_000);
        assert_eq!(price.times(3), Some(Usd::from_pico(3_750_000)));
        assert_eq!(Price::from_pico(u64::MAX).times(u64::MAX), None);
        assert_eq!(price.to_string(), "1.25");
        assert_eq!(price.usd_per_token().to_string(), "0.00000125");
    }

    #[test]
    fn negative_and_too_fine_prices_are_refused() {
        assert!("-1".parse::<Price>().is_err());
        assert!("0.0000001".parse::<Price>().is_err());
    }

    #[test]
    fn a_multiplier_rounds_up() {
        assert_eq!(Price::from_pico(7).mul_ratio_up(1, 5), Some(Price::from_pico(2)));
    }
}
