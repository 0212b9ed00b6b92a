//! The `Date` header, written once a second instead of once an answer.

use std::cell::{Cell, RefCell};

use units::UnixMillis;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The text of the current second (RFC 9110, IMF-fixdate).
#[derive(Default)]
pub struct ClockText {
    second: Cell<u64>,
    text: RefCell<String>,
}

impl ClockText {
    /// Appends `date: ...` with its line end.
    pub fn write(&self, now: UnixMillis, out: &mut Vec<u8>) {
        if self.second.get() != now.seconds() {
            self.second.set(now.seconds());
            *self.text.borrow_mut() = render(now);
        }
        out.extend_from_slice(self.text.borrow().as_bytes());
    }
}

fn render(now: UnixMillis) -> String {
    let rfc3339 = now.to_string();
    let day_name = DAYS[now.day() as usize % 7];
    let month: usize = rfc3339[5..7].parse().unwrap_or(1);
    let (year, day, time) = (&rfc3339[..4], &rfc3339[8..10], &rfc3339[11..19]);
    format!("date: {day_name}, {day} {} {year} {time} GMT\r\n", MONTHS[month - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_in_the_fixed_form() {
        let mut out = Vec::new();
        ClockText::default().write(UnixMillis(784_111_777_000), &mut out);
        assert_eq!(out, b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    }
}
