//! `tollgate ledger export`: generations or transactions of an account, by pages, as CSV or JSON.
//!
//! Invariants: an entry is written as soon as its page is there, so the size of a history is no
//! bound; JSON entries are the server's own bytes, and CSV amounts its own digits. A file appears
//! under its name only when it is whole.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use controlplane::csv;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use units::AccountId;

use super::shown::Column;
use super::{Admin, Answer};
use crate::config::Mistake;
use crate::output::Output;
use crate::progress::Progress;

/// What to export and where to.
#[derive(Args)]
pub struct Export {
    /// `acct_…`
    account: AccountId,
    /// Which entries, newest first.
    #[arg(long, default_value = "generations")]
    what: Entries,
    /// The form.
    #[arg(long, default_value = "csv")]
    format: Format,
    /// The file; standard output unless said.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Entries {
    Generations,
    Transactions,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Json,
}

const TRANSACTIONS: [Column; 15] = [
    ("id", "/id"),
    ("account", "/account"),
    ("created_at", "/created_at"),
    ("kind", "/kind"),
    ("amount", "/amount"),
    ("reference", "/reference"),
    ("balance_after", "/balance_after"),
    ("fee", "/fee"),
    ("method", "/method"),
    ("lot", "/lot"),
    ("reason", "/reason"),
    ("requests", "/requests"),
    ("generation", "/generation"),
    ("expires_at", "/expires_at"),
    ("refund_until", "/refund_until"),
];
#[rustfmt::skip]
const GENERATIONS: [Column; 37] = [
    ("id", "/id"),
    ("account", "/account"),
    ("created_at", "/created_at"),
    ("key_hash", "/key_hash"),
    ("model", "/model"),
    ("provider", "/endpoint/provider"),
    ("upstream_model", "/endpoint/model"),
    ("outcome", "/outcome"),
    ("status", "/status"),
    ("stream", "/stream"),
    ("finish_reason", "/finish_reason"),
    ("service_tier", "/service_tier"),
    ("input", "/usage/input"),
    ("cache_read", "/usage/cache_read"),
    ("cache_write", "/usage/cache_write"),
    ("cache_write_1h", "/usage/cache_write_1h"),
    ("audio_input", "/usage/audio_input"),
    ("image_input", "/usage/image_input"),
    ("output", "/usage/output"),
    ("reasoning", "/usage/reasoning"),
    ("audio_output", "/usage/audio_output"),
    ("image_output", "/usage/image_output"),
    ("search", "/usage/search"),
    ("request", "/usage/request"),
    ("usage_source", "/usage_source"),
    ("output_cap", "/output_cap"),
    ("held", "/held"),
    ("charged", "/charged"),
    ("list_cost", "/list_cost"),
    ("margin", "/margin"),
    ("refunded", "/refunded"),
    ("written_off", "/written_off"),
    ("upstream_id", "/upstream_id"),
    ("first_byte_ms", "/first_byte_ms"),
    ("total_ms", "/total_ms"),
    ("price", "/price"),
    ("list_price", "/list_price"),
];

/// `tollgate ledger export …`
///
/// # Errors
/// There is no server, it refuses, or the file cannot be written.
pub(super) fn run(admin: &Admin, export: &Export) -> Result<(), Mistake> {
    let (entries, columns): (_, &[Column]) = match export.what {
        Entries::Generations => ("generations", &GENERATIONS),
        Entries::Transactions => ("transactions", &TRANSACTIONS),
    };
    let path = format!("/admin/v1/accounts/{}/{entries}", export.account);
    // The server's JSON is asked for with either flag.
    let format = if admin.json { Format::Json } else { export.format };
    let progress = Progress::begin("exporting");
    let mut sheet: Option<Sheet> = None;
    admin.pages(&path, |page| {
        let sheet = match &mut sheet {
            Some(sheet) => sheet,
            // The file is begun when the server has shown that it knows the account.
            None => sheet.insert(Sheet::begin(Output::open(export.output.as_deref())?, columns)),
        };
        progress.add(sheet.take(page, format)?);
        Ok(())
    })?;
    drop(progress);
    let Some(sheet) = sheet else { return Ok(()) };
    let (written, count) = sheet.end(format)?;
    written.finish()?;
    if let Some(path) = &export.output {
        notice::say!("{count} {entries} in {}", path.display());
    }
    Ok(())
}

/// What is being written.
struct Sheet {
    output: Output,
    columns: &'static [Column],
    count: u64,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
}

impl Sheet {
    fn begin(output: Output, columns: &'static [Column]) -> Self {
        Self { output, columns, count: 0 }
    }

    /// Writes a page; answers how many entries it had.
    fn take(&mut self, page: &Answer, format: Format) -> Result<u64, Mistake> {
        let unread = |fault: serde_json::Error| Mistake(format!("the server's list: {fault}"));
        let entries = serde_json::from_str::<Page<'_>>(&page.text).map_err(unread)?.data;
        for entry in &entries {
            let written = match format {
                Format::Json => self.json(entry.get()),
                Format::Csv => self.csv(&serde_json::from_str(entry.get()).map_err(unread)?),
            };
            written.map_err(|fault| self.output.fault(&fault))?;
            self.count += 1;
        }
        Ok(entries.len() as u64)
    }

    fn json(&mut self, entry: &str) -> io::Result<()> {
        let before = if self.count == 0 { "[\n" } else { ",\n" };
        write!(self.output, "{before}{entry}")
    }

    fn csv(&mut self, entry: &Value) -> io::Result<()> {
        if self.count == 0 {
            self.titles()?;
        }
        let fields = self.columns.iter().map(|(_, path)| field(entry.pointer(path)));
        let line = fields.collect::<Vec<_>>().join(",");
        write!(self.output, "{line}\r\n")
    }

    fn titles(&mut self) -> io::Result<()> {
        let titles: Vec<&str> = self.columns.iter().map(|(title, _)| *title).collect();
        write!(self.output, "{}\r\n", titles.join(","))
    }

    fn end(mut self, format: Format) -> Result<(Output, u64), Mistake> {
        let written = match (format, self.count) {
            (Format::Csv, 0) => self.titles(),
            (Format::Csv, _) => Ok(()),
            (Format::Json, 0) => writeln!(self.output, "[]"),
            (Format::Json, _) => writeln!(self.output, "\n]"),
        };
        written.map_err(|fault| self.output.fault(&fault))?;
        Ok((self.output, self.count))
    }
}

/// A value as a field of CSV; empty where there is none.
fn field(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    csv::field(&text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use units::TokenClass;

    use super::*;

    #[test]
    fn a_field_is_quoted_where_it_must_be() {
        for (value, expected) in [
            (json!("-1.5"), "-1.5"),
            (json!("=1,5"), "\"'=1,5\""),
            (json!(7), "7"),
            (json!({"input": "1"}), "\"{\"\"input\"\":\"\"1\"\"}\""),
            (Value::Null, ""),
        ] {
            assert_eq!(field(Some(&value)), expected);
        }
        assert_eq!(field(None), "");
    }

    #[test]
    fn every_token_class_has_a_column() {
        for class in TokenClass::ALL {
            let path = format!("/usage/{}", class.name());
            assert!(GENERATIONS.iter().any(|(_, known)| *known == path), "{path}");
        }
    }
}
