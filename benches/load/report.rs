//! What comes out: medians as a table for people, every round as JSON for the record.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::Failure;
use crate::bodies::Kind;
use crate::settings::Settings;

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    Small,
    Large,
    Burst,
    Paced,
    Dense,
    Memory,
    AddedMedian,
    AddedWorst,
}

impl Figure {
    pub(crate) const ALL: [Self; 8] = [
        Self::Small,
        Self::Large,
        Self::Burst,
        Self::Paced,
        Self::Dense,
        Self::Memory,
        Self::AddedMedian,
        Self::AddedWorst,
    ];

    /// What is asked where CPU time is measured.
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Large => Kind::Large,
            Self::Burst => Kind::Burst,
            Self::Paced | Self::Dense => Kind::Paced,
            _ => Kind::Small,
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Small => "1 KB request, us CPU",
            Self::Large => "100 KB request, us CPU",
            Self::Burst => "streamed chunk, burst, us CPU",
            Self::Paced => "streamed chunk, 64 every 10 ms, us CPU",
            Self::Dense => "streamed chunk, 320 every 10 ms, us CPU",
            Self::Memory => "open stream, KiB",
            Self::AddedMedian => "added latency p50 at 500/s, us",
            Self::AddedWorst => "added latency p99 at 500/s, us",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Small => "request_1k_cpu_us",
            Self::Large => "request_100k_cpu_us",
            Self::Burst => "chunk_burst_cpu_us",
            Self::Paced => "chunk_paced_cpu_us",
            Self::Dense => "chunk_dense_cpu_us",
            Self::Memory => "open_stream_kib",
            Self::AddedMedian => "added_p50_us",
            Self::AddedWorst => "added_p99_us",
        }
    }
}

type Row = (&'static str, Figure);

/// Every round's figures.
#[derive(Default)]
pub(crate) struct Results {
    rounds: BTreeMap<Row, Vec<f64>>,
    threads: BTreeMap<Row, BTreeMap<String, Vec<f64>>>,
    rates: BTreeMap<Row, Vec<f64>>,
    reconnects: u64,
}

impl Results {
    pub(crate) fn add(&mut self, peer: &'static str, figure: Figure, value: f64) {
        self.rounds.entry((peer, figure)).or_default().push(value);
    }

    /// A thread's share of a CPU figure.
    pub(crate) fn add_thread(
        &mut self,
        peer: &'static str,
        figure: Figure,
        thread: &str,
        value: f64,
    ) {
        let threads = self.threads.entry((peer, figure)).or_default();
        threads.entry(thread.to_owned()).or_default().push(value);
    }

    pub(crate) fn add_rate(&mut self, peer: &'static str, figure: Figure, rate: f64) {
        self.rates.entry((peer, figure)).or_default().push(rate);
    }

    pub(crate) const fn reconnected(&mut self, count: u64) {
        self.reconnects += count;
    }

    fn median(&self, peer: &'static str, figure: Figure) -> Option<f64> {
        self.rounds.get(&(peer, figure)).map(|rounds| median(rounds))
    }

    /// The rounds' own ratios, sorted: a round measures both within seconds, and the machine
    /// changes more between rounds than within one.
    fn ratios(&self, peer: &'static str, figure: Figure) -> Vec<f64> {
        let of = |peer| self.rounds.get(&(peer, figure)).into_iter().flatten();
        let mut ratios =
            of(peer).zip(of("nginx")).map(|(ours, theirs)| ours / theirs).collect::<Vec<_>>();
        ratios.sort_by(f64::total_cmp);
        ratios
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The table, then each thread's share of the CPU figures.
pub(crate) fn table(results: &Results) -> String {
    let mut text = format!(
        "{:9}{:36}{:>9}{:>9}{:>8}   {}\n",
        "", "median of the rounds", "us or KiB", "nginx", "ratio", "its quartiles"
    );
    for figure in Figure::ALL {
        for peer in ["tollgate", "beside"] {
            let Some(ours) = results.median(peer, figure) else { continue };
            let ratios = results.ratios(peer, figure);
            let ratio = |quarter: usize| shown(ratios.get(ratios.len() * quarter / 4).copied());
            let (theirs, label) = (results.median("nginx", figure), figure.label());
            let (ours, theirs) = (shown(Some(ours)), shown(theirs));
            let (low, middle, high) = (ratio(1), ratio(2), ratio(3));
            let _ =
                writeln!(text, "{peer:9}{label:36}{ours:>9}{theirs:>9}{middle:>8}   {low} {high}");
        }
    }
    text.push_str(&shares(results));
    if results.reconnects > 0 {
        let _ = writeln!(text, "\n{} connections were closed by a peer", results.reconnects);
    }
    text
}

fn shares(results: &Results) -> String {
    let mut text = "\nwhere it goes, us CPU by thread, and answers or chunks a second\n".to_owned();
    for ((peer, figure), threads) in &results.threads {
        let rate = results.rates.get(&(*peer, *figure)).map(|rates| median(rates));
        let _ = write!(text, "{peer:9} {:36}", figure.label());
        for (thread, values) in threads.iter().filter(|(_, values)| median(values) >= 0.01) {
            let _ = write!(text, " {thread} {:.2}", median(values));
        }
        let _ = writeln!(text, "  ({:.0}/s)", rate.unwrap_or_default());
    }
    text
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

/// Writes every round, and what it was measured on.
pub(crate) fn write(path: &Path, results: &Results, settings: &Settings) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let text = serde_json::to_string_pretty(&record(results, settings)?)?;
    Ok(fs::write(path, text + "\n")?)
}

fn record(results: &Results, settings: &Settings) -> Result<Value, Failure> {
    let mut figures = serde_json::Map::new();
    for ((peer, figure), rounds) in &results.rounds {
        let row = (*peer, *figure);
        let threads = results.threads.get(&row).map(|threads| {
            threads.iter().map(|(name, values)| (name.clone(), median(values))).collect::<Vec<_>>()
        });
        let value = json!({
            "median": median(rounds),
            "rounds": rounds,
            "per_second": results.rates.get(&row).map(|rates| median(rates)),
            "threads": threads.map(|threads| threads.into_iter().collect::<BTreeMap<_, _>>()),
        });
        let peer = figures.entry(*peer).or_insert_with(|| json!({}));
        peer[figure.name()] = value;
    }
    Ok(json!({
        "unix_seconds": SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
        "commit": said("git", &["rev-parse", "--short", "HEAD"]),
        "kernel": said("uname", &["-r"]),
        "processor": processor(),
        "seconds": settings.measured.as_secs_f64(),
        "figures": figures,
    }))
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("model name"));
    let model = line.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown").to_owned();
    format!("{model}, {} cores", text.matches("processor\t").count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_medians_and_the_median_of_the_rounds_ratios() {
        let mut results = Results::default();
        for (ours, theirs) in [(9.0, 18.0), (1.0, 16.0), (8.0, 10.0)] {
            results.add("tollgate", Figure::Small, ours);
            results.add("nginx", Figure::Small, theirs);
        }
        let row = table(&results).lines().nth(1).unwrap().to_owned();
        assert!(row.contains("8.00    16.00    0.50   "), "{row}");
    }
}
