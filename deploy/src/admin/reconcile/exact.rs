//! Amounts as providers write them, finer than ours: whole numbers of 10^-18 USD.
//!
//! Invariants: nothing is rounded: what is finer is no amount here; sums that do not fit saturate,
//! which shows as a drift. An exponent is taken, since spreadsheets write them.

use std::fmt;

use units::Usd;

/// Decimals that an amount can have.
const DECIMALS_MAX: i32 = 18;
const ONE: u128 = 10_u128.pow(18);

/// An amount of US dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exact(i128);

impl Exact {
    /// One of our own amounts.
    pub const fn of(amount: Usd) -> Self {
        Self(amount.pico().saturating_mul(1_000_000))
    }

    /// An amount of so many 10^-18 USD.
    pub const fn from_count(count: i128) -> Self {
        Self(count)
    }

    /// Reads a decimal, with or without a `$` and an exponent.
    pub fn parse(text: &str) -> Option<Self> {
        let (sign, text) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let text = text.strip_prefix('$').unwrap_or(text);
        let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i32 = exponent.parse().ok()?;
        let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{whole}{}", decimals.trim_end_matches('0'));
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let places = i32::try_from(decimals.trim_end_matches('0').len()).ok()?;
        let number: i128 = digits.parse().ok()?;
        let shift = DECIMALS_MAX.checked_sub(places)?.checked_add(exponent)?;
        let power = 10_i128.checked_pow(shift.unsigned_abs());
        let amount = match (number, shift) {
            (0, _) => 0,
            (_, 0..) => number.checked_mul(power?)?,
            _ => power.filter(|power| number % power == 0).map(|power| number / power)?,
        };
        Some(Self(sign * amount))
    }

    /// The number behind it.
    pub const fn count(self) -> i128 {
        self.0
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, rest) = (self.0.unsigned_abs() / ONE, self.0.unsigned_abs() % ONE);
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let decimals = format!("{rest:018}");
        write!(f, "{sign}{whole}.{}", decimals.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_or_none() {
        for (text, shown) in [
            ("0.1", "0.1"),
            ("$12.50", "12.5"),
            ("-0.000000000000000001", "-0.000000000000000001"),
            ("1.25e-05", "0.0000125"),
            ("3E2", "300"),
            ("0e-99", "0"),
            (".5", "0.5"),
            ("0.1000000000000000000000", "0.1"),
        ] {
            assert_eq!(Exact::parse(text).unwrap().to_string(), shown, "{text}");
        }
        for text in ["", ".", "1,5", "1e-19", "0.0000000000000000001", "x", "1e", "1e99", "--1"] {
            assert_eq!(Exact::parse(text), None, "{text}");
        }
        let ours: Usd = "0.000000000001".parse().unwrap();
        assert_eq!(Exact::of(ours).to_string(), ours.to_string());
    }
}
