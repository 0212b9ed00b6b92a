//! `tollgate ledger reconcile`: a provider's own bill against our books, by the provider's ids.

use std::fs;
use std::process::{Command, Output};

use sandbox::Truth;
use serde_json::Value;
use tollgate_tests::gateway::{TOKEN, binary};
use tollgate_tests::stand::{Stand, hello, hello_stream};
use units::Usd;

/// What the provider charges for a request.
fn cost(stand: &Stand, truth: &Truth) -> Usd {
    stand.gateway.config.prices[0].1.cost(&truth.billed.tokens())
}

/// A row of an export in the form that providers have.
fn row(truth: &Truth, cost: &str) -> String {
    let (input, output) = (truth.billed.prompt, truth.billed.completion);
    let today = units::UnixMillis(now_ms()).to_string();
    format!("{},{},\"proj, x\",{},{input},{output},{cost}", truth.id, truth.model, &today[..10])
}

fn now_ms() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64
}

const HEADER: &str = "Request ID,Model,Project,Date,Prompt Tokens,Completion Tokens,Cost (USD)";

fn reconcile(stand: &Stand, rows: &[String], more: &[&str]) -> Output {
    let file = stand.gateway.config.folder.join("export.csv");
    fs::write(&file, format!("{HEADER}\r\n{}\r\n", rows.join("\r\n"))).unwrap();
    let mut command = Command::new(binary());
    command.args(["ledger", "reconcile"]).arg(&file);
    command.args(["--column", "cost=Cost (USD)"]).args(more);
    command.arg("--admin").arg(stand.gateway.config.admin_addr.to_string());
    command.env("TOLLGATE_ADMIN_TOKEN", TOKEN).output().unwrap()
}

fn told(output: &Output) -> (i32, String) {
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

/// A stand that has served some requests, and the provider's bill for them.
fn served() -> (Stand, Vec<String>) {
    let stand = Stand::start();
    for body in [hello(), hello_stream(), hello(), hello_stream()] {
        assert_eq!(stand.chat(&body).status(), 200);
    }
    let truths = stand.upstream.truths();
    let all: Usd = truths.iter().map(|truth| cost(&stand, truth)).sum();
    stand.gateway.settled(&stand.customer.account, |account| account.spent == all);
    let rows = truths.iter().map(|truth| row(truth, &cost(&stand, truth).to_string()));
    let rows = rows.collect();
    (stand, rows)
}

#[test]
fn an_honest_bill_reconciles_to_nothing() {
    let (stand, rows) = served();
    let (code, said) = told(&reconcile(&stand, &rows, &[]));
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("columns that were not read: Project"), "{said}");
    let output = reconcile(&stand, &rows, &["--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["ok"], true);
    assert_eq!(told["total"]["matched"], 4);
    assert_eq!(told["total"]["cost"]["export"], told["total"]["cost"]["ledger"]);
    assert_eq!(told["total"]["cost"]["drift_percent"], "0.000");
    assert_eq!(told["only_export"], Value::Array(vec![]));
    assert_eq!(told["only_ledger"], Value::Array(vec![]));
}

#[test]
fn what_only_one_side_has_is_shown_and_is_a_drift() {
    let (stand, rows) = served();
    let mut changed = rows.clone();
    changed[0] = changed[0].replacen("chatcmpl-", "stranger-", 1);
    let output = reconcile(&stand, &changed, &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let total = &told["total"];
    assert_eq!([&total["matched"], &total["only_export"], &total["only_ledger"]], [3, 1, 1]);
    assert!(told["only_export"][0]["id"].as_str().unwrap().starts_with("stranger-"));
    assert!(rows[0].starts_with(told["only_ledger"][0]["upstream_id"].as_str().unwrap()));

    let twice = [rows.clone(), vec![rows[1].clone()]].concat();
    let (code, said) = self::told(&reconcile(&stand, &twice, &[]));
    assert_eq!(code, 1);
    assert!(said.contains("more than once in the export: 1: chatcmpl-"), "{said}");
}

#[test]
fn a_drift_counts_from_the_threshold_on() {
    let (stand, _) = served();
    let dearer = |parts: u64| -> Vec<String> {
        let truths = stand.upstream.truths();
        let dear = |truth: &Truth| cost(&stand, truth).mul_ratio_up(10_000 + parts, 10_000);
        truths.iter().map(|truth| row(truth, &dear(truth).unwrap().to_string())).collect()
    };
    assert_eq!(reconcile(&stand, &dearer(5), &[]).status.code(), Some(0));
    let (code, said) = told(&reconcile(&stand, &dearer(20), &[]));
    assert!(
        code == 1 && said.contains("1 of 1 days and models drift by more than 0.1 %"),
        "{said}"
    );
    assert_eq!(reconcile(&stand, &dearer(20), &["--threshold", "0.2"]).status.code(), Some(0));
    assert_eq!(reconcile(&stand, &dearer(5), &["--threshold", "0"]).status.code(), Some(1));
    assert_eq!(reconcile(&stand, &dearer(5), &["--threshold", "-1"]).status.code(), Some(2));
}

#[test]
fn an_export_that_cannot_be_read_is_said_to_be() {
    let (stand, mut rows) = served();
    rows[1] = rows[1].replace(",up/", ",x,up/");
    rows[1].push_str(",more");
    let (code, said) = told(&reconcile(&stand, &rows, &[]));
    assert!(code == 1 && said.contains("export.csv:3: 8 fields instead of 7"), "{said}");
    let (code, said) = told(&reconcile(&stand, &rows, &["--column", "id=Order"]));
    assert!(code == 1 && said.contains("no column for id: Order"), "{said}");
    assert_eq!(reconcile(&stand, &rows, &["--column", "price=Cost"]).status.code(), Some(2));
    let (code, said) = told(&reconcile(&stand, &[], &[]));
    assert!(code == 1 && said.contains("--from"), "{said}");
    let (code, said) =
        told(&reconcile(&stand, &[], &["--from", "2026-01-01", "--to", "2999-01-01"]));
    assert!(code == 1 && said.contains("only in the ledger: 4"), "{said}");
}
