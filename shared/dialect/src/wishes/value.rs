//! JSON values of the gateway's own members, read into what they must be or refused by name.

use catalog::route::Percentiles;
use wire::json::{Member, ValueKind, content, elements, members, unescape};

use crate::intent::RequestFault;

/// Longest name in a list.
const NAME_BYTES_MAX: usize = 256;
/// Most names in a list.
const NAMES_MAX: usize = 64;
/// Most digits of a decimal, leading zeros and all.
const DIGITS_MAX: usize = 38;

/// A JSON value of a body that the gate passed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'b> {
    bytes: &'b [u8],
    kind: ValueKind,
}

/// Which way a decimal goes that is finer than can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    Down,
    Up,
}

impl<'b> Value<'b> {
    pub(super) fn of(body: &'b [u8], member: &Member) -> Self {
        Self { bytes: member.value.of(body), kind: member.kind }
    }

    pub(super) fn is_null(self) -> bool {
        self.kind == ValueKind::Null
    }

    pub(super) fn is_object(self) -> bool {
        self.kind == ValueKind::Object
    }

    /// The members of an object that are not null, their keys unescaped.
    pub(super) fn members(
        self,
        param: &'static str,
    ) -> Result<impl Iterator<Item = (String, Self)>, RequestFault> {
        if self.kind != ValueKind::Object {
            return Err(RequestFault::invalid(param, format!("`{param}` must be an object")));
        }
        let all = members(self.bytes).flatten().map(move |member| {
            let key = unescape(self.bytes, member.key).unwrap_or_default().into_owned();
            (key, Self::of(self.bytes, &member))
        });
        Ok(all.filter(|(_, value)| !value.is_null()))
    }

    /// The items of an array.
    pub(super) fn items(
        self,
        param: &'static str,
    ) -> Result<impl Iterator<Item = Self>, RequestFault> {
        if self.kind != ValueKind::Array {
            return Err(RequestFault::invalid(param, format!("`{param}` must be an array")));
        }
        let all = elements(self.bytes).flatten();
        Ok(all.map(move |(span, kind)| Self { bytes: span.of(self.bytes), kind }))
    }

    /// A string.
    pub(super) fn text(self, param: &'static str) -> Result<String, RequestFault> {
        let must = || RequestFault::invalid(param, format!("`{param}` must be a string"));
        if self.kind != ValueKind::String {
            return Err(must());
        }
        let whole = wire::Span::new(0, self.bytes.len());
        let text = unescape(self.bytes, content(whole, self.kind)).map_err(|_| must())?;
        Ok(text.into_owned())
    }

    /// True or false.
    pub(super) fn flag(self, param: &'static str) -> Result<bool, RequestFault> {
        match self.kind {
            ValueKind::True => Ok(true),
            ValueKind::False => Ok(false),
            _ => Err(RequestFault::invalid(param, format!("`{param}` must be true or false"))),
        }
    }

    /// A string out of a few.
    pub(super) fn one_of<T: Clone>(
        self,
        param: &'static str,
        choices: &[(&str, T)],
    ) -> Result<T, RequestFault> {
        let text = self.text(param)?;
        let found = choices.iter().find(|(name, _)| *name == text);
        found.map(|(_, choice)| choice.clone()).ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| format!("`{name}`")).collect();
            let message = format!("`{param}` must be one of {}", names.join(", "));
            RequestFault::invalid(param, message)
        })
    }

    /// A list of at most so many names.
    pub(super) fn names(
        self,
        param: &'static str,
        most: usize,
    ) -> Result<Vec<Box<str>>, RequestFault> {
        let mut names = Vec::new();
        for item in self.items(param)? {
            let name = item.text(param)?;
            if name.is_empty() || name.len() > NAME_BYTES_MAX || names.len() == most {
                let message = format!(
                    "`{param}` must be at most {most} names of 1 to {NAME_BYTES_MAX} bytes each"
                );
                return Err(RequestFault::invalid(param, message));
            }
            names.push(name.into());
        }
        Ok(names)
    }

    /// A list of names that is not empty: an empty one would allow nothing.
    pub(super) fn filled_names(self, param: &'static str) -> Result<Vec<Box<str>>, RequestFault> {
        let names = self.names(param, NAMES_MAX)?;
        if names.is_empty() {
            let message = format!("`{param}` is empty: name something or leave it out");
            return Err(RequestFault::invalid(param, message));
        }
        Ok(names)
    }

    /// A list of names that may be empty.
    pub(super) fn any_names(self, param: &'static str) -> Result<Vec<Box<str>>, RequestFault> {
        self.names(param, NAMES_MAX)
    }

    /// A whole number.
    pub(super) fn whole(self, param: &'static str) -> Result<u32, RequestFault> {
        let number = wire::json::u64_value(self.bytes).and_then(|number| number.try_into().ok());
        number.ok_or_else(|| {
            RequestFault::invalid(param, format!("`{param}` must be a whole number"))
        })
    }

    /// A decimal that is not negative, as a number or as a string, in units of
    /// 10<sup>-`decimals`</sup>; what is too large to count is the largest.
    pub(super) fn decimal(
        self,
        param: &'static str,
        decimals: i64,
        round: Round,
    ) -> Result<u64, RequestFault> {
        let text = match self.kind {
            ValueKind::Number => String::from_utf8_lossy(self.bytes).into_owned(),
            _ => self.text(param)?,
        };
        scaled(&text, decimals, round).ok_or_else(|| {
            let message = format!("`{param}` must be a decimal from 0 on, such as \"0.25\"");
            RequestFault::invalid(param, message)
        })
    }

    /// One figure for the half, or figures for several shares.
    pub(super) fn percentiles(
        self,
        param: &'static str,
        decimals: i64,
        round: Round,
    ) -> Result<Percentiles, RequestFault> {
        let mut points = Percentiles::NONE;
        if !self.is_object() {
            points.p50 = Some(self.decimal(param, decimals, round)?);
            return Ok(points);
        }
        for (key, value) in self.members(param)? {
            let point = Some(value.decimal(param, decimals, round)?);
            match &*key {
                "p50" => points.p50 = point,
                "p75" => points.p75 = point,
                "p90" => points.p90 = point,
                "p99" => points.p99 = point,
                _ => return Err(unknown(param, &key)),
            }
        }
        Ok(points)
    }
}

/// A member that an object does not have.
pub(super) fn unknown(param: &'static str, key: &str) -> RequestFault {
    let message = format!("`{param}` has no `{key}`: correct it or leave it out");
    RequestFault::invalid(param, message)
}

/// A decimal, with or without an exponent, in units of 10<sup>-`decimals`</sup>.
fn scaled(text: &str, decimals: i64, round: Round) -> Option<u64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let is_plain = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    if !is_plain(whole) || !is_plain(fraction) || whole.len() + fraction.len() > DIGITS_MAX {
        return None;
    }
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let shift = decimals.checked_add(exponent)?.checked_sub(fraction.len() as i64)?;
    let power = u32::try_from(shift.unsigned_abs()).ok().and_then(|it| 10_u128.checked_pow(it));
    let value = match (power, shift >= 0) {
        _ if digits == 0 => 0,
        (Some(power), true) => digits.saturating_mul(power),
        (None, true) => u128::MAX,
        (Some(power), false) if round == Round::Up => digits.div_ceil(power),
        (Some(power), false) => digits / power,
        (None, false) => u128::from(round == Round::Up),
    };
    Some(u64::try_from(value).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_scaled_and_rounded_one_way() {
        for (text, down, up) in [
            ("0.03", 30_000, 30_000),
            ("12", 12_000_000, 12_000_000),
            ("1e-3", 1000, 1000),
            ("2.5E2", 250_000_000, 250_000_000),
            ("0.0000015", 1, 2),
            ("1e-99", 0, 1),
            ("0e-99", 0, 0),
            ("1e99", u64::MAX, u64::MAX),
            ("1e999999999999999", u64::MAX, u64::MAX),
        ] {
            assert_eq!(scaled(text, 6, Round::Down), Some(down), "{text}");
            assert_eq!(scaled(text, 6, Round::Up), Some(up), "{text}");
        }
        for text in ["", "-1", "+1", ".5", "5.", "1,5", "0x1", "NaN", "1e", "1e1.5", " 1"] {
            assert_eq!(scaled(text, 6, Round::Down), None, "{text}");
        }
        assert_eq!(scaled(&"9".repeat(39), 6, Round::Down), None);
    }
}
