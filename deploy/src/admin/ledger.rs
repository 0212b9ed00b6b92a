//! `tollgate ledger`: the books audited, their view rebuilt, an account's history exported, a
//! provider's export compared.
//!
//! Audit and rebuild ask the server while there is one. Where none answers they open the data
//! directory themselves, which its lock allows to one process alone: a control plane without data
//! planes runs for that one question, behind a token that nobody has. Invariant: a directory that
//! holds no ledger is never made into one.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use clap::{Args, Subcommand};
use controlplane::{AuditView, Refusal, Secret, Settings};
use serde_json::{Value, json};

use super::export::{self, Export};
use super::reconcile::{self, Reconcile};
use super::shown::text;
use super::{Admin, Answer, Call, Fault, Server};
use crate::config::{Config, Mistake};
use crate::profile;
use crate::progress::Progress;

/// The books: audit them, rebuild their view, export a history, reconcile a provider's export.
#[derive(Args)]
pub struct Ledger {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    server: Server,
}

#[derive(Subcommand)]
enum What {
    /// Recompute every identity; exit code 1 where one does not hold.
    Audit {
        /// Fold the journal from its beginning and compare every entry of the view.
        #[arg(long)]
        full: bool,
    },
    /// Drop the view, build it again from the journal, and audit in full.
    Rebuild,
    /// An account's history as CSV or JSON.
    Export(Export),
    Reconcile(Box<Reconcile>),
}

/// The question of an audit or of a rebuild.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Question {
    Audit { full: bool },
    Rebuild,
}

/// `tollgate ledger …`
///
/// # Errors
/// There is neither a server nor a ledger, it refuses, or an identity does not hold.
pub fn run(ledger: &Ledger) -> Result<(), Mistake> {
    let admin = ledger.server.find()?;
    let question = match &ledger.what {
        What::Audit { full } => Question::Audit { full: *full },
        What::Rebuild => Question::Rebuild,
        What::Export(export) => return export::run(&admin, export),
        What::Reconcile(order) => return reconcile::run(&admin, order),
    };
    let progress = Progress::begin(match question {
        Question::Audit { .. } => "auditing",
        Question::Rebuild => "rebuilding",
    });
    let answer = match ask(&admin, question) {
        Err(Fault::Absent(what)) => offline(&ledger.server, question, &what)?,
        asked => asked?,
    };
    drop(progress);
    admin.tell(&answer, shown);
    judged(&answer.value)
}

fn ask(admin: &Admin, question: Question) -> Result<Answer, Fault> {
    let (method, path) = match question {
        Question::Audit { full: false } => ("GET", "/admin/v1/ledger/audit"),
        Question::Audit { full: true } => ("GET", "/admin/v1/ledger/audit?full=1"),
        Question::Rebuild => ("POST", "/admin/v1/ledger/rebuild"),
    };
    // How long it takes depends on how long the journal is.
    admin.call(Call { method, path, body: None, wait: None })
}

/// Asks a ledger that nobody serves.
fn offline(server: &Server, question: Question, absent: &str) -> Result<Answer, Mistake> {
    let data = server.data();
    if !data.join("journal").join("ledger").is_dir() {
        let place = data.display();
        let remedy = "name the data directory with --data";
        return Err(Mistake(format!("{absent}\nthere is no ledger in {place} either; {remedy}")));
    }
    let config = server.config.as_deref().map(Config::read).transpose()?.unwrap_or_default();
    let profile = profile::read(&config.brand.profile)?.control;
    let place = data.display();
    notice::info!("no server answers; working on {place} itself (profile {})", profile.name);
    let told = |refusal: Refusal| Mistake(refusal.to_string());
    let control = controlplane::start(Settings {
        admin_token: Some(Secret::new(nobodys_token()?)),
        profile,
        retention_days: config.retention.requests_days,
        reprices: false,
        ..Settings::new(([127, 0, 0, 1], 0).into(), &data)
    });
    let control = control.map_err(|fault| {
        Mistake(format!("{fault}\n(a server elsewhere may hold it: name its port with --admin)"))
    })?;
    let commands = control.commands();
    let found = match question {
        Question::Audit { full } => commands.blocking().audit(full),
        Question::Rebuild => commands.blocking().rebuild(),
    };
    match question {
        Question::Audit { .. } => control.abandon(),
        Question::Rebuild => control.stop(),
    }
    answered(&found.map_err(told)?)
}

fn answered(found: &AuditView) -> Result<Answer, Mistake> {
    let value = json!(found);
    Ok(Answer { text: value.to_string(), value })
}

fn nobodys_token() -> Result<String, Mistake> {
    let mut bytes = [0_u8; 32];
    let source = Path::new("/dev/urandom");
    let read = File::open(source).and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|fault| Mistake(format!("{}: {fault}", source.display())))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn identities(audit: &Value) -> &[Value] {
    audit["identities"].as_array().map_or(&[], Vec::as_slice)
}

fn shown(audit: &Value) -> String {
    let line = |identity: &Value| {
        let sides = format!("{} | {}", text(&identity["left"]), text(&identity["right"]));
        let ok = if identity["ok"] == true { "ok   " } else { "WRONG" };
        format!("{ok}  {}: {sides}", text(&identity["name"]))
    };
    let folded = |part: &Value| {
        let (events, batches) = (&part["events"], &part["batches"]);
        format!("recomputed {events} events in {batches} batches from {}", text(&part["from"]))
    };
    let recomputed = audit["recomputed"].as_array().map_or(&[][..], Vec::as_slice);
    let lines = identities(audit).iter().map(line).chain(recomputed.iter().map(folded));
    lines.collect::<Vec<_>>().join("\n")
}

fn judged(audit: &Value) -> Result<(), Mistake> {
    if audit["ok"] == true {
        return Ok(());
    }
    let all = identities(audit);
    let wrong = all.iter().filter(|identity| identity["ok"] != true).count();
    Err(Mistake(format!("{wrong} of {} identities do not hold", all.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_that_does_not_hold_is_a_fault() {
        let identity = |ok: bool| json!({"name": "n", "left": "1", "right": "2", "ok": ok});
        let audit = json!({"ok": false, "identities": [identity(true), identity(false)]});
        assert_eq!(shown(&audit), "ok     n: 1 | 2\nWRONG  n: 1 | 2");
        let folded = json!({"recomputed": [{"from": "checkpoint 7", "batches": 2, "events": 5}]});
        assert_eq!(shown(&folded), "recomputed 5 events in 2 batches from checkpoint 7");
        assert_eq!(judged(&audit), Err(Mistake("1 of 2 identities do not hold".to_owned())));
        assert_eq!(judged(&json!({"ok": true, "identities": []})), Ok(()));
    }
}
