//! What is kept for how long: journal older than the retention goes, with the requests in it, and
//! the money stays exact.

use std::fs;
use std::path::{Path, PathBuf};

use journal::checkpoint::{self, Checkpoint};
use journal::{BatchNumber, PlainDisk};
use serde_json::{Value, json};
use tollgate_tests::config::Config;
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;
use tollgate_tests::wait_for;

use crate::SOON;

/// Longer ago than anything is kept.
const DAYS_AGO: u64 = 500;
/// Events of a megabyte: the journal's segments are of sixteen.
const LARGE_EVENTS: usize = 36;

fn segments(data: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(data.join("journal").join("ledger")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Has every batch that the newest checkpoint knows of be written long ago.
fn age(data: &Path) {
    let disk = PlainDisk::open(&data.join("checkpoint")).unwrap();
    let whole = |found: Checkpoint| Ok(found.payload);
    let (number, payload): (BatchNumber, Vec<u8>) =
        checkpoint::load(&disk, whole).unwrap().newest.unwrap();
    let (length, rest) = payload.split_first_chunk::<4>().unwrap();
    let (marks, books) = rest.split_at(u32::from_le_bytes(*length) as usize);
    let mut marks: Value = serde_json::from_slice(marks).unwrap();
    let days = marks["days"].as_object().unwrap();
    let aged = days.iter().map(|(day, batch)| {
        let day = day.parse::<u64>().unwrap() - DAYS_AGO;
        (day.to_string(), batch.clone())
    });
    marks["days"] = Value::Object(aged.collect());
    let marks = marks.to_string();
    let length = (marks.len() as u32).to_le_bytes();
    checkpoint::write(&disk, number, &[&length, marks.as_bytes(), books].concat()).unwrap();
}

#[test]
fn journal_older_than_the_retention_goes_and_the_books_stay_exact() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(Config::simple(&upstream.base_url()));
    let data = gateway.config.data_folder();
    let customer = gateway.admin.customer("old", "1");
    let hello = json!([{ "role": "user", "content": "hello" }]);
    let ask = |gateway: &Gateway| {
        let body = json!({ "model": "up/chat", "messages": hello });
        assert_eq!(gateway.chat(&customer.key, &body).status(), 200);
    };
    ask(&gateway);
    gateway.settled(&customer.account, |account| !account.spent.is_zero());
    let old = gateway.admin.generations(&customer.account)[0]["id"].clone();
    let path = format!("/admin/v1/generations/{}", old.as_str().unwrap());
    let mut catalog = gateway.admin.get("/admin/v1/catalog");
    for number in 0..LARGE_EVENTS {
        catalog["model"][0]["name"] = format!("{number} {}", "x".repeat(1 << 20)).into();
        gateway.admin.post("/admin/v1/catalog", &catalog);
    }
    gateway.stop();
    let before = segments(&data);
    assert!(before.len() >= 3, "{before:?}");
    age(&data);
    gateway.restart();
    ask(&gateway);
    wait_for("both are listed", SOON, || {
        (gateway.admin.generations(&customer.account).len() == 2).then_some(())
    });
    let money =
        |gateway: &Gateway| gateway.admin.get(&format!("/admin/v1/accounts/{}", customer.account));
    let owned = money(&gateway);
    gateway.stop();
    assert!(!before[0].exists(), "the oldest segment is still there");
    gateway.restart();
    let audit = gateway.admin.get("/admin/v1/ledger/audit?full=1");
    assert_eq!(audit["ok"], true, "{audit:#}");
    let from = audit["recomputed"][0]["from"].as_str().unwrap();
    assert!(from.starts_with("checkpoint "), "{audit:#}");
    let is_forgotten = |gateway: &Gateway| {
        assert_eq!(gateway.admin.call("GET", &path, &Value::Null).status(), 404);
        assert_eq!(gateway.admin.generations(&customer.account).len(), 1);
    };
    is_forgotten(&gateway);
    let rebuilt = gateway.admin.post("/admin/v1/ledger/rebuild", &Value::Null);
    assert_eq!(rebuilt["ok"], true, "{rebuilt:#}");
    is_forgotten(&gateway);
    assert_eq!(money(&gateway), owned);
}
