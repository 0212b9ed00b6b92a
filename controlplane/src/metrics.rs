//! `/metrics` as Prometheus text: the ledger's own figures and what data planes reported.
//!
//! Labels name data planes, cores and endpoints, never customers or keys: their number is bounded
//! by what the operator runs and sells. Left out on purpose: rates and quantiles, which whoever
//! scrapes can work out.

use std::fmt::{Display, Write};

use link::End;

use crate::books::{
    CoreView, HealthView, PhasesView, PlaneJournalView, PlaneReport, PlaneView, StatusView,
};

/// The text of one scrape.
pub(crate) fn render(status: &StatusView) -> String {
    let mut page = Page(String::new());
    page.gauge("tollgate_config_generation", "The configuration generation.", status.generation);
    page.gauge("tollgate_catalog_models", "Models in the catalog.", status.models);
    page.gauge("tollgate_keys", "API keys.", status.keys);
    page.gauge("tollgate_accounts", "Accounts.", status.accounts);
    page.gauge("ledger_written_off_usd", "Cost that nobody paid.", status.written_off);
    let (name, about) = ("ledger_posted_usd", "Totals of double entry; they sum to zero.");
    page.head(name, "gauge", about);
    for (account, total) in &status.totals {
        page.line(name, &format!("account=\"{account}\""), total);
    }
    ledger(&mut page, status);
    planes(&mut page, status);
    cores(&mut page, &status.reports);
    ends(&mut page, &status.reports);
    endpoints(&mut page, &status.reports);
    journals(&mut page, &status.reports);
    page.0
}

fn ledger(page: &mut Page, status: &StatusView) {
    let journal = &status.journal;
    page.counter("ledger_events_total", "Events booked since the start.", journal.events);
    page.counter("ledger_records_total", "Records settled since the start.", journal.records);
    page.counter("ledger_syncs_total", "Syncs of the ledger's journal.", journal.syncs);
    let seconds = Seconds(journal.sync_ns);
    page.counter("ledger_sync_seconds_total", "Time spent in these syncs.", seconds);
    page.counter("ledger_refused_runs_total", "Runs that the books refused.", journal.refused);
    page.gauge("ledger_journal_batch", "The last batch on disk.", journal.batch);
    let lag = journal.batch.saturating_sub(journal.applied);
    page.gauge("ledger_view_lag_batches", "Batches that the view has yet to take.", lag);
    let bytes = journal.since_checkpoint;
    page.gauge("ledger_since_checkpoint_bytes", "Journal since the last checkpoint.", bytes);
}

fn planes(page: &mut Page, status: &StatusView) {
    let planes = &status.dataplanes;
    let of = |plane: &PlaneView| format!("dataplane=\"{}\"", plane.id.0);
    let connected = planes.iter().map(|plane| (of(plane), u64::from(plane.connected)));
    page.family("tollgate_dataplane_connected", "gauge", "Whether it is linked.", connected);
    let generations = planes.iter().map(|plane| (of(plane), plane.generation));
    page.family("tollgate_dataplane_generation", "gauge", "What it serves by.", generations);
}

fn cores(page: &mut Page, reports: &[PlaneReport]) {
    let figures: [Figure<CoreView>; 3] = [
        ("tollgate_connections", "gauge", "Open client connections.", |core| core.connections),
        ("tollgate_requests_in_flight", "gauge", "Requests in flight.", |core| core.in_flight),
        ("tollgate_requests_total", "counter", "Requests since the start.", |core| core.requests),
    ];
    for (name, kind, about, value) in figures {
        let lines = reports.iter().flat_map(|report| {
            let plane = report.dataplane.0;
            report.cores.iter().map(move |core| {
                (format!("dataplane=\"{plane}\",core=\"{}\"", core.core), value(core))
            })
        });
        page.family(name, kind, about, lines);
    }
}

/// How requests ended: charged, written off, panicked, and so on, each a metric.
fn ends(page: &mut Page, reports: &[PlaneReport]) {
    for end in End::ALL {
        let lines = reports.iter().flat_map(|report| {
            let plane = report.dataplane.0;
            report.cores.iter().map(move |core| {
                let labels = format!("dataplane=\"{plane}\",core=\"{}\"", core.core);
                (labels, core.ends.0[end as usize])
            })
        });
        let name = format!("tollgate_{}_total", end.name());
        page.family(&name, "counter", "Requests that ended so.", lines);
    }
}

fn endpoints(page: &mut Page, reports: &[PlaneReport]) {
    let figures: [Figure<HealthView>; 4] = [
        ("tollgate_endpoint_healthy", "gauge", "Whether it is asked.", |at| u64::from(at.healthy)),
        ("tollgate_endpoint_in_flight", "gauge", "Requests in flight there.", |at| {
            u64::from(at.in_flight)
        }),
        ("tollgate_endpoint_concurrency_limit", "gauge", "Known to be taken; 0: unknown.", |at| {
            u64::from(at.concurrency_limit.unwrap_or(0))
        }),
        ("tollgate_endpoint_requests_total", "counter", "Requests sent there.", |at| at.requests),
    ];
    let all = || {
        reports.iter().flat_map(|report| {
            let plane = report.dataplane.0;
            report.endpoints.iter().map(move |at| (labels(plane, at), at))
        })
    };
    for (name, kind, about, value) in figures {
        page.family(name, kind, about, all().map(|(labels, at)| (labels, value(at))));
    }
    let lines = all().flat_map(|(labels, at)| {
        let PhasesView { connect, first_byte, mid_stream } = at.failures_by_phase;
        let phases = [("connect", connect), ("first_byte", first_byte), ("mid_stream", mid_stream)];
        phases.map(|(phase, count)| (format!("{labels},phase=\"{phase}\""), count))
    });
    page.family("tollgate_endpoint_failures_total", "counter", "Requests that failed.", lines);
}

fn labels(plane: u16, at: &HealthView) -> String {
    let (provider, model, offer) = (escaped(&at.provider), escaped(&at.model), at.offer.0);
    format!("dataplane=\"{plane}\",provider=\"{provider}\",model=\"{model}\",offer=\"{offer}\"")
}

fn journals(page: &mut Page, reports: &[PlaneReport]) {
    let figures: [Figure<PlaneJournalView>; 4] = [
        ("journal_writable", "gauge", "Whether it can be written.", |of| u64::from(of.writable)),
        ("journal_batches_total", "counter", "Batches since the start.", |of| of.batches),
        ("journal_unsettled_records", "gauge", "Not yet in the ledger.", |of| of.unsettled),
        ("journal_slowest_commit_microseconds", "gauge", "Of the last minute.", |of| {
            of.slowest_commit_us
        }),
    ];
    for (name, kind, about, value) in figures {
        let line = |report: &PlaneReport| {
            (format!("dataplane=\"{}\"", report.dataplane.0), value(&report.journal))
        };
        page.family(name, kind, about, reports.iter().map(line));
    }
}

/// Name, kind, meaning, and how a value is read off.
type Figure<T> = (&'static str, &'static str, &'static str, fn(&T) -> u64);

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Nanoseconds, shown as seconds.
struct Seconds(u64);

impl Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

struct Page(String);

impl Page {
    fn gauge(&mut self, name: &str, about: &str, value: impl Display) {
        self.head(name, "gauge", about);
        self.line(name, "", value);
    }

    fn counter(&mut self, name: &str, about: &str, value: impl Display) {
        self.head(name, "counter", about);
        self.line(name, "", value);
    }

    /// One metric with many labels: all its lines stand together.
    fn family(
        &mut self,
        name: &str,
        kind: &str,
        about: &str,
        lines: impl Iterator<Item = (String, u64)>,
    ) {
        self.head(name, kind, about);
        lines.for_each(|(labels, value)| self.line(name, &labels, value));
    }

    fn head(&mut self, name: &str, kind: &str, about: &str) {
        self.push(format_args!("# HELP {name} {about}\n# TYPE {name} {kind}\n"));
    }

    fn line(&mut self, name: &str, labels: &str, value: impl Display) {
        match labels {
            "" => self.push(format_args!("{name} {value}\n")),
            labels => self.push(format_args!("{name}{{{labels}}} {value}\n")),
        }
    }

    /// Writing to a string does not fail.
    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        let _ = self.0.write_fmt(text);
    }
}
