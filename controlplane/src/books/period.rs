//! Where periods begin, in days since 1970, UTC.

use catalog::keys::LimitReset;
use units::UnixMillis;

const DAY_MS: u64 = 86_400_000;

/// The first day of the period that a day is in.
pub(crate) fn start(reset: LimitReset, day: u32) -> u32 {
    match reset {
        LimitReset::Daily => day,
        LimitReset::Weekly => week_start(day),
        LimitReset::Monthly => month_start(day),
    }
}

/// The Monday of a day's week. Day 0 was a Thursday.
pub(crate) fn week_start(day: u32) -> u32 {
    day.saturating_sub((day + 3) % 7)
}

/// The first of a day's month, read off the date as text.
pub(crate) fn month_start(day: u32) -> u32 {
    let date = UnixMillis(u64::from(day) * DAY_MS).to_string();
    let of_month: u32 = date.get(8..10).and_then(|text| text.parse().ok()).unwrap_or(1);
    day.saturating_sub(of_month - 1)
}

/// The first day of the month after a day's.
pub(crate) fn month_after(day: u32) -> u32 {
    // No month is longer than 31 days, nor are two of them shorter than 59.
    month_start(month_start(day).saturating_add(31))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_begin_where_a_calendar_says() {
        let day = |text: &str| UnixMillis::parse_rfc3339(text).unwrap().day();
        let today = day("2026-11-21T10:00:00Z");
        assert_eq!(week_start(today), day("2026-11-16T00:00:00Z"));
        assert_eq!(week_start(day("2026-11-16T23:00:00Z")), day("2026-11-16T00:00:00Z"));
        assert_eq!(month_start(today), day("2026-11-01T00:00:00Z"));
        assert_eq!(start(LimitReset::Daily, today), today);
        assert_eq!(month_after(today), day("2026-12-01T00:00:00Z"));
        assert_eq!(month_after(day("2024-01-31T00:00:00Z")), day("2024-02-01T00:00:00Z"));
        assert_eq!(month_after(day("2023-02-28T00:00:00Z")), day("2023-03-01T00:00:00Z"));
    }
}
