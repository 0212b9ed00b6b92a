//! What a reconciliation came to, for a person and for a machine.
//!
//! Invariant: both are told the same, and the exit code follows from it.

use serde_json::{Value, json};
use units::{UnixMillis, Usd};

use super::Window;
use super::bill::{Bill, DAY_MS};
use super::exact::Exact;
use super::tally::{Line, Ours, Sides, Tally};
use crate::admin::shown::{Column, table, text};
use crate::config::Mistake;
use crate::say;

/// Unmatched ids that a person is shown of each side; a machine gets all.
const IDS_SHOWN: usize = 10;

const COLUMNS: [Column; 15] = [
    ("day", "/day"),
    ("model", "/model"),
    ("matched", "/matched"),
    ("only theirs", "/only_export"),
    ("only ours", "/only_ledger"),
    ("input", "/input_tokens/export"),
    ("ours", "/input_tokens/ledger"),
    ("drift %", "/input_tokens/drift_percent"),
    ("output", "/output_tokens/export"),
    ("ours", "/output_tokens/ledger"),
    ("drift %", "/output_tokens/drift_percent"),
    ("cost", "/cost/export"),
    ("ours", "/cost/ledger"),
    ("drift %", "/cost/drift_percent"),
    ("", "/mark"),
];

/// Tells the result.
///
/// # Errors
/// Some day and model drift by more than the threshold.
pub(super) fn tell(
    tally: &Tally,
    bill: &Bill,
    window: Window,
    threshold: Usd,
    as_json: bool,
) -> Result<(), Mistake> {
    // A percent in picodollars' digits is a part of 10^14.
    let parts = threshold.pico();
    let above = tally.lines.values().filter(|line| line.drifts(parts)).count();
    let rows: Vec<Value> = tally
        .lines
        .iter()
        .map(|((day, model), line)| shown(&day_text(*day), model, line, parts))
        .collect();
    let total = shown("total", "", &tally.total, parts);
    if as_json {
        let whole = whole(tally, bill, window, threshold, (rows, total), above == 0);
        say(&whole.to_string());
    } else {
        say(&for_people(tally, bill, rows, total));
    }
    if above == 0 {
        return Ok(());
    }
    let count = tally.lines.len();
    Err(Mistake(format!("{above} of {count} days and models drift by more than {threshold} %")))
}

fn shown(day: &str, model: &str, line: &Line, parts: i128) -> Value {
    let Line { matched, only_theirs, only_ours, input, output, cost } = line;
    let amount = |count: i128| Exact::from_count(count).to_string();
    json!({
        "day": day,
        "model": model,
        "matched": matched,
        "only_export": only_theirs,
        "only_ledger": only_ours,
        "input_tokens": sides(input, |count| count.to_string()),
        "output_tokens": sides(output, |count| count.to_string()),
        "cost": sides(cost, amount),
        "above_threshold": line.drifts(parts),
        "mark": if line.drifts(parts) { "above" } else { "" },
    })
}

fn sides(sides: &Sides, text: impl Fn(i128) -> String) -> Value {
    let drift = sides.drift();
    json!({
        "export": text(sides.theirs),
        "ledger": text(sides.ours),
        "drift_percent": format!("{}.{:03}", drift / 1000, drift % 1000),
    })
}

fn day_text(day: u32) -> String {
    let mut text = UnixMillis(u64::from(day) * DAY_MS).to_string();
    text.truncate(10);
    text
}

fn whole(
    tally: &Tally,
    bill: &Bill,
    window: Window,
    threshold: Usd,
    (rows, total): (Vec<Value>, Value),
    is_within: bool,
) -> Value {
    let theirs: Vec<Value> = tally
        .only_theirs
        .iter()
        .map(|row| json!({ "id": row.id, "model": row.model, "cost": row.cost.to_string() }))
        .collect();
    let own = |ours: &Ours| {
        let Ours { id, upstream_id, model, at, cost, .. } = ours;
        let (at, cost) = (at.to_string(), cost.to_string());
        json!({ "id": id, "upstream_id": upstream_id, "model": model, "at": at, "cost": cost })
    };
    json!({
        "ok": is_within,
        "threshold_percent": threshold,
        "from": window.from.to_string(),
        "until": window.until.to_string(),
        "providers": tally.providers,
        "rows": rows,
        "total": total,
        "only_export": theirs,
        "only_ledger": tally.only_ours.iter().map(own).collect::<Vec<_>>(),
        "repeated": tally.repeated,
        "columns": bill.columns.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "unread_columns": bill.unread,
    })
}

fn for_people(tally: &Tally, bill: &Bill, mut rows: Vec<Value>, total: Value) -> String {
    rows.push(total);
    let mut told = vec![table(&rows, &COLUMNS)];
    let theirs = tally.only_theirs.iter().map(|row| row.id.as_str());
    told.extend(ids("only in the export", tally.only_theirs.len(), theirs));
    let ours = tally.only_ours.iter().map(|own| own.upstream_id.as_deref().unwrap_or(&own.id));
    told.extend(ids("only in the ledger", tally.only_ours.len(), ours));
    let repeated = tally.repeated.iter().map(String::as_str);
    told.extend(ids("more than once in the export", tally.repeated.len(), repeated));
    if !bill.unread.is_empty() {
        let unread: Vec<String> = bill.unread.iter().map(|name| text(&json!(name))).collect();
        told.push(format!("columns that were not read: {}", unread.join(", ")));
    }
    told.join("\n")
}

fn ids<'i>(what: &str, count: usize, ids: impl Iterator<Item = &'i str>) -> Option<String> {
    if count == 0 {
        return None;
    }
    let shown: Vec<String> = ids.take(IDS_SHOWN).map(|id| text(&json!(id))).collect();
    let more = if count > IDS_SHOWN { ", … (--json has all)" } else { "" };
    Some(format!("{what}: {count}: {}{more}", shown.join(", ")))
}
