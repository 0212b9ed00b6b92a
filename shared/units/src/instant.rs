//! Instants as given by whoever owns a clock: nothing below the planes reads one.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds in an hour.
const HOUR_MS: u64 = 3_600_000;
/// Milliseconds in a day.
const DAY_MS: u64 = 24 * HOUR_MS;

/// Milliseconds since 1970-01-01 UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// Whole seconds since 1970.
    pub const fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// The instant `ms` milliseconds later; saturates.
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds since `earlier`, zero if it is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The number of the UTC day, for daily aggregates.
    pub const fn day(self) -> u32 {
        (self.0 / DAY_MS) as u32
    }

    /// The number of the UTC hour.
    pub const fn hour(self) -> u32 {
        (self.0 / HOUR_MS) as u32
    }

    /// The first instant of a UTC hour.
    pub const fn of_hour(hour: u32) -> Self {
        Self(hour as u64 * HOUR_MS)
    }

    /// The first instant of a UTC day.
    pub const fn of_day(day: u32) -> Self {
        Self(day as u64 * DAY_MS)
    }

    /// The date, as `2026-01-31`.
    pub fn date(self) -> String {
        let (year, month, day) = civil_from_days(self.0 / DAY_MS);
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// Reads a date, as its first instant.
    pub fn parse_date(text: &str) -> Option<Self> {
        Self::parse_rfc3339(&format!("{text}T00:00:00Z"))
    }

    /// Reads RFC 3339 in UTC (`2026-01-31T12:00:00Z`, with or without milliseconds).
    ///
    /// `None` where the text is anything else, other offsets included.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let text = text.strip_suffix('Z')?;
        let (date, time) = text.split_once('T')?;
        let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
        let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
        let valid = (1..=12).contains(&month) && (1..=31).contains(&day) && year >= 1970;
        if !valid || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let millis: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
        let days = days_from_civil(year, month, day);
        if civil_from_days(days) != (year, month, day) {
            return None;
        }
        Some(Self(days * DAY_MS + (hour * 3600 + minute * 60 + second) * 1000 + millis))
    }
}

/// Three numbers of fixed widths, separated by `separator`.
fn numbers(text: &str, separator: char, widths: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut values = [0; 3];
    for (value, width) in values.iter_mut().zip(widths) {
        let part = parts.next()?;
        if part.len() != width || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *value = part.parse().ok()?;
    }
    parts.next().is_none().then_some(values)
}

/// Days since 1970-01-01 of a Gregorian date from 1970 on (years begin in March, so that the
/// leap day is the last of its year).
fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The Gregorian date of a day since 1970-01-01.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

impl fmt::Display for UnixMillis {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0 / DAY_MS);
        let ms = self.0 % DAY_MS;
        let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
        let fraction = ms % 1000;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_read_back_what_they_show() {
        for ms in [0, 951_782_400_000, 1_709_251_199_999, 4_102_444_800_000, 253_402_300_799_999] {
            let instant = UnixMillis(ms);
            assert_eq!(UnixMillis::parse_rfc3339(&instant.to_string()), Some(instant));
        }
        assert_eq!(UnixMillis(951_782_400_000).to_string(), "2000-02-29T00:00:00.000Z");
    }

    #[test]
    fn a_date_is_its_first_instant() {
        let leap = UnixMillis::parse_date("2024-02-29").unwrap();
        assert_eq!((leap.date(), UnixMillis::of_day(leap.day())), ("2024-02-29".into(), leap));
        assert_eq!(UnixMillis::of_hour(leap.hour()), leap);
        assert_eq!(UnixMillis::parse_date("2023-02-29"), None);
    }

    #[test]
    fn other_forms_are_refused() {
        for text in ["2026-02-30T00:00:00Z", "2026-01-01", "2026-01-01T00:00:00+01:00", "x"] {
            assert_eq!(UnixMillis::parse_rfc3339(text), None, "{text}");
        }
    }
}
