//! Money as a whole number of picodollars (10^-12 USD).
//!
//! Invariants: exact; never rounded but by [`Usd::mul_ratio_up`], which rounds up once; overflow
//! is a `None`, never a wrapped amount. Text is a plain decimal (`"12.5"`, `"-0.000001"`): no
//! exponent, no more than twelve decimals, so that every text has exactly one value.

use std::fmt;
use std::iter::Sum;
use std::ops::Neg;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Picodollars in a dollar.
const PICO_PER_USD: i128 = 1_000_000_000_000;
/// Decimals that a picodollar amount can show.
const DECIMALS_MAX: usize = 12;

/// An amount of US dollars, counted in picodollars.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(i128);

impl Usd {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// An amount of `pico` picodollars.
    pub const fn from_pico(pico: i128) -> Self {
        Self(pico)
    }

    /// An amount of whole dollars.
    pub const fn from_dollars(dollars: i64) -> Self {
        Self(dollars as i128 * PICO_PER_USD)
    }

    /// The amount in picodollars.
    pub const fn pico(self) -> i128 {
        self.0
    }

    /// The amount in picodollars as a machine word, for atomic cells; `None` beyond 9.2 million
    /// USD.
    pub fn pico_i64(self) -> Option<i64> {
        i64::try_from(self.0).ok()
    }

    /// The sum, or `None` on overflow.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(pico) => Some(Self(pico)),
            None => None,
        }
    }

    /// The difference, or `None` on overflow.
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(pico) => Some(Self(pico)),
            None => None,
        }
    }

    /// The amount times a count, or `None` on overflow.
    pub const fn checked_mul(self, count: u64) -> Option<Self> {
        match self.0.checked_mul(count as i128) {
            Some(pico) => Some(Self(pico)),
            None => None,
        }
    }

    /// The amount times `numerator / denominator`, rounded up to a whole picodollar.
    ///
    /// `None` on overflow or a zero denominator. Rounding is towards positive infinity.
    pub fn mul_ratio_up(self, numerator: u64, denominator: u64) -> Option<Self> {
        let denominator = i128::from(denominator);
        let product = self.0.checked_mul(i128::from(numerator))?;
        let quotient = product.checked_div(denominator)?;
        let rest = product.checked_rem(denominator)?;
        quotient.checked_add(i128::from(rest > 0)).map(Self)
    }

    /// Whether the amount is below zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Whether the amount is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl Neg for Usd {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Sum for Usd {
    /// Adds amounts; saturates, which an audit shows as an imbalance rather than a panic.
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.fold(0, |total, amount| total.saturating_add(amount.0)))
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let pico = self.0.unsigned_abs();
        let dollars = pico / PICO_PER_USD.unsigned_abs();
        let fraction = pico % PICO_PER_USD.unsigned_abs();
        if fraction == 0 {
            return write!(f, "{sign}{dollars}");
        }
        let decimals = format!("{fraction:012}");
        write!(f, "{sign}{dollars}.{}", decimals.trim_end_matches('0'))
    }
}

impl fmt::Debug for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${self}")
    }
}

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseUsdError {
    /// Not a plain decimal number.
    NotDecimal,
    /// More than twelve decimals: finer than a picodollar.
    TooFine,
    /// More dollars than can be counted.
    TooLarge,
}

impl fmt::Display for ParseUsdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotDecimal => "not a plain decimal amount such as \"12.50\"",
            Self::TooFine => "finer than a picodollar (twelve decimals)",
            Self::TooLarge => "too large an amount",
        })
    }
}

impl std::error::Error for ParseUsdError {}

impl FromStr for Usd {
    type Err = ParseUsdError;

    fn from_str(text: &str) -> Result<Self, ParseUsdError> {
        parse_scaled(text, DECIMALS_MAX).map(Self)
    }
}

/// Reads a plain decimal as a whole number of `10^-decimals`.
pub(crate) fn parse_scaled(text: &str, decimals: usize) -> Result<i128, ParseUsdError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let dangling_point = digits.contains('.') && fraction.is_empty();
    if whole.is_empty() || dangling_point || !all_digits(whole) || !all_digits(fraction) {
        return Err(ParseUsdError::NotDecimal);
    }
    let significant = fraction.trim_end_matches('0');
    if significant.len() > decimals {
        return Err(ParseUsdError::TooFine);
    }
    let padded = format!("{whole}{significant:0<decimals$}");
    let magnitude: i128 = padded.parse().map_err(|_| ParseUsdError::TooLarge)?;
    Ok(if negative { -magnitude } else { magnitude })
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Usd {
    /// Reads a decimal string; whole numbers are taken too, floats are refused.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AmountVisitor;

        impl de::Visitor<'_> for AmountVisitor {
            type Value = Usd;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount of US dollars as a decimal string such as \"12.50\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Usd, E> {
                text.parse().map_err(|error| E::custom(format!("{text:?} is {error}")))
            }

            fn visit_i64<E: de::Error>(self, dollars: i64) -> Result<Usd, E> {
                Ok(Usd::from_dollars(dollars))
            }

            fn visit_u64<E: de::Error>(self, dollars: u64) -> Result<Usd, E> {
                Ok(Usd(i128::from(dollars) * PICO_PER_USD))
            }
        }

        deserializer.deserialize_any(AmountVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_amount_agree_both_ways() {
        for text in ["0", "5", "0.000000000001", "-0.5", "9007199254740993.123456789012"] {
            assert_eq!(text.parse::<Usd>().unwrap().to_string(), text);
        }
        assert_eq!("1.50".parse::<Usd>().unwrap().to_string(), "1.5");
    }

    #[test]
    fn unclear_texts_are_refused() {
        for text in ["", ".", "1.", ".5", "1e3", "+1", "1,0", "--1", " 1", "0x1", "NaN"] {
            assert_eq!(text.parse::<Usd>(), Err(ParseUsdError::NotDecimal), "{text}");
        }
        assert_eq!("0.0000000000001".parse::<Usd>(), Err(ParseUsdError::TooFine));
        assert_eq!("9".repeat(60).parse::<Usd>(), Err(ParseUsdError::TooLarge));
    }

    #[test]
    fn ratios_round_up_once() {
        assert_eq!(Usd(10).mul_ratio_up(1, 3), Some(Usd(4)));
        assert_eq!(Usd(9).mul_ratio_up(1, 3), Some(Usd(3)));
        assert_eq!(Usd(-10).mul_ratio_up(1, 3), Some(Usd(-3)));
        assert_eq!(Usd(1).mul_ratio_up(1, 0), None);
    }

    #[test]
    fn overflow_is_none() {
        let most = Usd(i128::MAX);
        assert_eq!(most.checked_add(Usd(1)), None);
        assert_eq!(most.checked_mul(2), None);
        assert_eq!(Usd(i128::MIN).checked_sub(Usd(1)), None);
    }
}
