//! A provider's export: which column is what, and each row read exactly.
//!
//! Columns are found by their names, in any order and spelling of case and separators; one that is
//! named otherwise is named on the command line. Invariants: a column that is needed and not there
//! is an error that tells what was looked for and what there is; a cell that cannot be read is an
//! error with its line; columns that are not read are told.

use units::UnixMillis;

use super::csv;
use super::exact::Exact;
use crate::config::Mistake;

/// What is read of each row, and the names that providers give it.
const COLUMNS: [(&str, &[&str]); 6] = [
    ("id", &["id", "request_id", "upstream_id", "completion_id", "response_id", "generation_id"]),
    ("model", &["model", "model_id", "model_name"]),
    (
        "date",
        &[
            "date",
            "created_at",
            "timestamp",
            "time",
            "created",
            "datetime",
            "start_time",
            "day",
            "usage_date",
            "date_utc",
            "usage_date_utc",
        ],
    ),
    ("input", &["input_tokens", "prompt_tokens", "tokens_prompt", "input", "tokens_in"]),
    (
        "output",
        &["output_tokens", "completion_tokens", "tokens_completion", "output", "tokens_out"],
    ),
    ("cost", &["cost", "cost_usd", "total_cost", "total_cost_usd", "amount", "amount_usd", "usd"]),
];

/// A day in milliseconds.
pub const DAY_MS: u64 = 86_400_000;

/// What was read.
#[derive(Debug)]
pub struct Bill {
    /// The rows in their order.
    pub rows: Vec<Charge>,
    /// The header's name of each column that is read.
    pub columns: Vec<(&'static str, String)>,
    /// The columns that are not.
    pub unread: Vec<String>,
}

/// One row: a request that the provider charges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The provider's id of the request.
    pub id: String,
    /// What it calls the model.
    pub model: String,
    /// When, and how exactly that is told.
    pub from: UnixMillis,
    /// The end of the instant or of the day.
    pub until: UnixMillis,
    /// Tokens in.
    pub input: u64,
    /// Tokens out.
    pub output: u64,
    /// What it charges.
    pub cost: Exact,
}

impl Bill {
    /// Reads an export; `named` are columns that the caller names: `cost=Cost in USD`.
    ///
    /// # Errors
    /// It is no CSV, a column is missing, or a cell cannot be read: with its line and a remedy.
    pub fn read(text: &str, name: &str, named: &[(String, String)]) -> Result<Self, Mistake> {
        let records = csv::records(text)
            .map_err(|fault| Mistake(format!("{name}:{}: {}", fault.line, fault.what)))?;
        let mut records = records.into_iter();
        let header = records.next().map(|(_, header)| header).unwrap_or_default();
        let places = places(&header, named).map_err(|what| Mistake(format!("{name}: {what}")))?;
        let charge = |(line, record): (usize, Vec<String>)| {
            if record.len() != header.len() {
                let (has, needs) = (record.len(), header.len());
                return Err(Mistake(format!("{name}:{line}: {has} fields instead of {needs}")));
            }
            charge(&record, &places).map_err(|what| Mistake(format!("{name}:{line}: {what}")))
        };
        let rows = records.map(charge).collect::<Result<_, _>>()?;
        let columns =
            COLUMNS.iter().zip(places).map(|((name, _), at)| (*name, header[at].clone())).collect();
        let unread = header.iter().enumerate().filter(|(at, _)| !places.contains(at));
        Ok(Self { rows, columns, unread: unread.map(|(_, name)| name.clone()).collect() })
    }
}

/// Where each column stands.
fn places(header: &[String], named: &[(String, String)]) -> Result<[usize; 6], String> {
    let mut places = [0; 6];
    for (place, (name, spellings)) in places.iter_mut().zip(COLUMNS) {
        let given = named.iter().find(|(column, _)| column == name).map(|(_, given)| given);
        let found = match given {
            Some(given) => header.iter().position(|title| title == given),
            None => spellings
                .iter()
                .find_map(|wanted| header.iter().position(|title| plain(title) == *wanted)),
        };
        *place = found.ok_or_else(|| {
            format!(
                "no column for {name}: {}; the file has {}; name it with --column {name}=TITLE",
                given.map_or_else(|| spellings.join(", "), Clone::clone),
                header.join(", "),
            )
        })?;
    }
    Ok(places)
}

/// A title without case and separators.
fn plain(title: &str) -> String {
    let letter = |c: char| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { ' ' };
    let words: String = title.chars().map(letter).collect();
    words.split_whitespace().collect::<Vec<_>>().join("_")
}

fn charge(record: &[String], places: &[usize; 6]) -> Result<Charge, String> {
    let cell = |at: usize| record[places[at]].trim();
    let count = |at: usize| {
        let text = cell(at);
        text.parse().map_err(|_| format!("{} tokens: {text:?} is no count", COLUMNS[at].0))
    };
    if cell(0).is_empty() {
        return Err("a row without an id matches nothing; leave it out of the export".to_owned());
    }
    let (from, until) = instant(cell(2)).ok_or_else(|| {
        format!("date: {:?} is no UTC day, RFC 3339 time or Unix seconds", cell(2))
    })?;
    let cost = Exact::parse(cell(5))
        .ok_or_else(|| format!("cost: {:?} is no decimal of at most 18 places", cell(5)))?;
    Ok(Charge {
        id: cell(0).to_owned(),
        model: cell(1).to_owned(),
        from,
        until,
        input: count(3)?,
        output: count(4)?,
        cost,
    })
}

/// The instant or the day that a text tells, in UTC.
pub fn instant(text: &str) -> Option<(UnixMillis, UnixMillis)> {
    if let Ok(number) = text.parse::<u64>() {
        // Seconds reach 10^11 in the year 5138, milliseconds did in 1973; a smaller number than
        // 10^8 is a date without separators or something else.
        if number < 100_000_000 {
            return None;
        }
        let at = UnixMillis(if number < 100_000_000_000 { number * 1000 } else { number });
        return Some((at, at.plus_ms(999)));
    }
    if text.len() == 10 {
        let day = UnixMillis::parse_rfc3339(&format!("{text}T00:00:00Z"))?;
        return Some((day, day.plus_ms(DAY_MS - 1)));
    }
    let bare = text.trim_end_matches('Z').trim_end_matches(" UTC").trim_end_matches("+00:00");
    let cut = bare
        .split_once('.')
        .map_or(bare.len(), |(whole, decimals)| whole.len() + 1 + decimals.len().min(3));
    let at = UnixMillis::parse_rfc3339(&format!("{}Z", bare.get(..cut)?.replacen(' ', "T", 1)))?;
    Some((at, at.plus_ms(999)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "Request ID,Model,Created At,Project,Prompt Tokens,Completion Tokens,Cost";

    fn read(text: &str, named: &[(&str, &str)]) -> Result<Bill, String> {
        let named: Vec<_> =
            named.iter().map(|(name, title)| ((*name).into(), (*title).into())).collect();
        Bill::read(text, "x.csv", &named).map_err(|mistake| mistake.0)
    }

    #[test]
    fn columns_are_found_by_name_and_the_others_are_told() {
        let row = "r-1,gpt,2026-01-02 03:04:05,p,10,2,1.5e-3";
        let bill = read(&format!("{HEADER}\n{row}\n"), &[]).unwrap();
        assert_eq!(bill.unread, ["Project"]);
        assert_eq!(bill.columns[0], ("id", "Request ID".to_owned()));
        let charge = &bill.rows[0];
        assert_eq!((charge.id.as_str(), charge.input, charge.output), ("r-1", 10, 2));
        assert_eq!(charge.cost.to_string(), "0.0015");
        assert_eq!(charge.from.to_string(), "2026-01-02T03:04:05.000Z");
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place_and_a_remedy() {
        let fault = read("id,model,date,input_tokens,output_tokens,price\n", &[]).unwrap_err();
        assert!(fault.contains("no column for cost") && fault.contains("price"), "{fault}");
        assert!(fault.contains("--column cost=TITLE"), "{fault}");
        let named = read("id,model,date,input_tokens,output_tokens,price\n", &[("cost", "price")]);
        assert!(named.is_ok());
        for (row, told) in [
            ("r,m,2026-01-01,p,1,2", "x.csv:2: 6 fields"),
            ("r,m,yesterday,p,1,2,3", "yesterday"),
            ("r,m,2026-01-01,p,-1,2,3", "input tokens"),
            ("r,m,2026-01-01,p,1,2,free", "cost"),
            (",m,2026-01-01,p,1,2,3", "without an id"),
        ] {
            let fault = read(&format!("{HEADER}\n{row}"), &[]).unwrap_err();
            assert!(fault.contains(told), "{fault}");
        }
        assert!(read("", &[]).unwrap_err().contains("no column for id"));
    }

    #[test]
    fn instants_are_read_in_the_forms_that_exports_have() {
        let midnight = UnixMillis(1_767_312_000_000);
        for text in ["2026-01-02T00:00:00Z", "2026-01-02 00:00:00.123456+00:00", "1767312000"] {
            let (from, _) = instant(text).unwrap();
            assert_eq!(from.seconds(), midnight.seconds(), "{text}");
        }
        assert_eq!(instant("2026-01-02"), Some((midnight, midnight.plus_ms(DAY_MS - 1))));
        assert_eq!(instant("1767312000000").unwrap().0, midnight);
        assert_eq!(instant("2026-01-02T00:00:00+02:00"), None);
    }
}
