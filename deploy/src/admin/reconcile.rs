//! `tollgate ledger reconcile`: a provider's export against the ledger, by the provider's own ids.
//!
//! ```text
//!   export (bill) --ids--> matched | only theirs | only ours --by day and model--> tally
//! ```
//!
//! Invariants: nothing is written or booked; amounts are exact; an export that cannot be read whole
//! is not compared. Generations are read account by account, newest first, as far back as one that
//! is older than the export could still have been settled.

mod bill;
mod csv;
mod exact;
mod report;
mod tally;

use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;
use units::{TokenClass, UnixMillis, Usd};

use self::bill::{Bill, instant};
use self::exact::Exact;
use self::tally::{Matching, Ours};
use super::{Admin, escaped};
use crate::config::Mistake;
use crate::progress::Progress;

/// A data plane settles at most so long after a generation has ended.
const SETTLED_WITHIN_MS: u64 = 26 * 60 * 60 * 1000;

/// A provider's export against the ledger; exit code 1 where they drift apart.
#[derive(Args)]
pub struct Reconcile {
    /// The export: CSV with a header.
    file: PathBuf,
    /// Whose export it is [default: whoever served what it has]
    #[arg(long)]
    provider: Option<String>,
    /// Most that tokens or cost of a day and model may differ, in percent.
    #[arg(long, value_name = "PERCENT", default_value = "0.1", value_parser = percent)]
    threshold: Usd,
    /// A column that is named otherwise: id, model, date, input, output or cost.
    #[arg(long, value_name = "NAME=TITLE", value_parser = column)]
    column: Vec<(String, String)>,
    /// The first UTC day or instant [default: the export's]
    #[arg(long, value_parser = time)]
    from: Option<(UnixMillis, UnixMillis)>,
    /// The last UTC day or instant [default: the export's]
    #[arg(long, value_parser = time)]
    to: Option<(UnixMillis, UnixMillis)>,
}

fn percent(text: &str) -> Result<Usd, String> {
    let percent: Usd = text.parse().map_err(|_| "a threshold is a decimal, such as 0.1")?;
    let is_one = !percent.is_negative() && percent <= Usd::from_dollars(100);
    is_one.then_some(percent).ok_or_else(|| "a threshold is 0 to 100 percent".to_owned())
}

fn column(text: &str) -> Result<(String, String), String> {
    let (name, title) = text.split_once('=').ok_or("name a column as cost=TITLE")?;
    let known = ["id", "model", "date", "input", "output", "cost"];
    if !known.contains(&name) {
        return Err(format!("{name:?} is none of {}", known.join(", ")));
    }
    Ok((name.to_owned(), title.to_owned()))
}

fn time(text: &str) -> Result<(UnixMillis, UnixMillis), String> {
    instant(text).ok_or_else(|| "a time is a UTC day or RFC 3339, such as 2026-01-31".to_owned())
}

/// What of time is compared.
#[derive(Clone, Copy, Debug)]
struct Window {
    from: UnixMillis,
    until: UnixMillis,
}

/// `tollgate ledger reconcile …`
///
/// # Errors
/// The export cannot be read, the server refuses, or the two drift apart.
pub fn run(admin: &Admin, order: &Reconcile) -> Result<(), Mistake> {
    let name = order.file.display().to_string();
    let text = fs::read_to_string(&order.file)
        .map_err(|fault| Mistake(format!("{name}: cannot be read: {fault}")))?;
    let bill = Bill::read(&text, &name, &order.column)?;
    let window = window(order, &bill)
        .ok_or_else(|| Mistake(format!("{name} has no rows; give --from and --to")))?;
    let mut matching = Matching::new(&bill);
    read_ledger(admin, window, &mut matching)?;
    let tally = matching.tally(order.provider.as_deref());
    report::tell(&tally, &bill, window, order.threshold, admin.json)
}

fn window(order: &Reconcile, bill: &Bill) -> Option<Window> {
    let first = bill.rows.iter().map(|row| row.from).min();
    let last = bill.rows.iter().map(|row| row.until).max();
    let from = order.from.map(|(from, _)| from).or(first)?;
    let until = order.to.map(|(_, until)| until).or(last)?;
    Some(Window { from, until })
}

/// Hands over every generation that a row may be of.
fn read_ledger(admin: &Admin, window: Window, matching: &mut Matching<'_>) -> Result<(), Mistake> {
    let mut accounts: Vec<String> = Vec::new();
    admin.pages("/admin/v1/accounts", |page| {
        let listed = page.value["data"].as_array().into_iter().flatten();
        accounts.extend(listed.filter_map(|account| Some(account["id"].as_str()?.to_owned())));
        Ok(())
    })?;
    let progress = Progress::begin("reading generations");
    for account in accounts {
        let path = format!("/admin/v1/accounts/{}/generations", escaped(&account));
        admin.pages_while(&path, |page| {
            let listed: Vec<&Value> = page.value["data"].as_array().into_iter().flatten().collect();
            progress.add(listed.len() as u64);
            let mut goes_on = true;
            for entry in listed {
                let (at, settled_by) = times(entry).ok_or_else(unreadable)?;
                goes_on &= settled_by >= window.from;
                if let Some(ours) = ours(entry, at).ok_or_else(unreadable)? {
                    matching.take(ours, window.from <= at && at <= window.until);
                }
            }
            Ok(goes_on)
        })?;
    }
    Ok(())
}

fn unreadable() -> Mistake {
    Mistake("the server tells generations in a form that is not known here".to_owned())
}

/// When a generation was admitted, and by when it was settled at the latest.
fn times(entry: &Value) -> Option<(UnixMillis, UnixMillis)> {
    let at = UnixMillis::parse_rfc3339(entry["created_at"].as_str()?)?;
    Some((at, at.plus_ms(entry["total_ms"].as_u64()?).plus_ms(SETTLED_WITHIN_MS)))
}

/// What is compared of a generation; nothing where it used nothing that a provider charges.
fn ours(entry: &Value, at: UnixMillis) -> Option<Option<Ours>> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let cost: Usd = entry["list_cost"].as_str()?.parse().ok()?;
    let usage = entry["usage"].as_object()?;
    // What a customer's own provider key served is on the customer's bill.
    if entry["is_byok"] == true || (usage.is_empty() && cost.is_zero()) {
        return Some(None);
    }
    let tokens = |counts: fn(TokenClass) -> bool| {
        let classes = TokenClass::ALL.into_iter().filter(|class| counts(*class));
        classes.filter_map(|class| usage.get(class.name())?.as_u64()).sum()
    };
    Some(Some(Ours {
        id: text(&entry["id"])?,
        upstream_id: text(&entry["upstream_id"]),
        provider: text(&entry["endpoint"]["provider"])?,
        model: text(&entry["endpoint"]["model"])?,
        at,
        input: tokens(TokenClass::is_input),
        output: tokens(TokenClass::is_output),
        cost: Exact::of(cost),
    }))
}
