//! A gateway with the whole of a large catalog and many keys: how long it takes to start, what a
//! key takes of memory in both planes together, and how long a change of one key takes from the
//! operator's call to its answer, which comes when every core serves by it.
//!
//! The keys are written into the ledger's journal between two runs, as its own events: making a
//! million by a million calls would measure the calls. Figures are measured in one run and printed.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

#[path = "../benches/key_digest/mod.rs"]
mod key_digest;
#[path = "../benches/price_file/mod.rs"]
mod price_file;

use std::path::Path;
use std::time::{Duration, Instant};

use catalog::import::to_toml;
use catalog::keys::KeyRow;
use journal::{BatchNumber, Journal, JournalOptions, PlainDisk};
use ledger::event::Event;
use serde_json::json;
use tollgate_tests::config::Config;
use tollgate_tests::gateway::Gateway;
use units::{KeyDigest, KeyId};

use key_digest::key_digest;
use price_file::{four_thousand, price_file};

/// Keys, unless the command line says how many.
const KEYS: u64 = 1_000_000;
const CHANGES: usize = 500;
const CORES: usize = 2;
/// Events of one batch.
const BATCH: u64 = 10_000;
const SEGMENT_BYTES: u64 = 64 << 20;

fn main() {
    let keys = std::env::args().nth(1).and_then(|keys| keys.parse().ok()).unwrap_or(KEYS);
    let mut rows = four_thousand(&price_file());
    for provider in &mut rows.provider {
        // No provider is ever asked.
        provider.base_url = "http://127.0.0.1:9/v1".to_owned();
        provider.allow_private = true;
        provider.api_keys = vec!["key".to_owned()];
    }
    let mut config = Config::new();
    (config.cores, config.catalog) = (CORES, to_toml(&rows));
    let mut gateway = Gateway::start(config);
    gateway.admin.customer("customer", "100");
    assert!(gateway.stop().success());
    let (bare_start, bare_kb) = started(&mut gateway);
    assert!(gateway.stop().success());

    let begun = Instant::now();
    let last = issue(&gateway.config.data_folder().join("journal").join("ledger"), keys);
    println!("{keys} keys written in {:.1} s", begun.elapsed().as_secs_f64());
    let (first_start, _) = started(&mut gateway);
    assert!(gateway.stop().success());
    let (start, kb) = started(&mut gateway);
    println!("models: {}, cores: {CORES}", rows.model.len());
    println!(
        "start without keys: {bare_start:.2} s; from the journal of {keys}: {first_start:.2} s"
    );
    println!("start from a checkpoint of {keys}: {start:.2} s");
    println!("memory: {} KiB without, {kb} KiB with", bare_kb);
    println!("a key: {} bytes, both planes together", (kb - bare_kb) * 1024 / keys);

    let path = format!("/admin/v1/keys/{}", hex(&last));
    let mut times: Vec<Duration> = (0..CHANGES)
        .map(|number| {
            let change = json!({ "rpm": 1_000 + number });
            let begun = Instant::now();
            gateway.admin.patch(&path, &change);
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    let ms = |at: usize| times[at].as_secs_f64() * 1e3;
    let (p50, p99, most) = (ms(CHANGES / 2), ms(CHANGES * 99 / 100), ms(CHANGES - 1));
    println!("a change of one key, on disk and on every core: p50 {p50:.1} ms, p99 {p99:.1} ms");
    println!("    the longest of {CHANGES}: {most:.1} ms");
}

/// Starts a gateway that has ended; the seconds until it was ready, and the kilobytes it then has.
fn started(gateway: &mut Gateway) -> (f64, u64) {
    let begun = Instant::now();
    gateway.restart();
    let took = begun.elapsed().as_secs_f64();
    // What is read back in the background is there as well.
    std::thread::sleep(Duration::from_secs(5));
    let path = format!("/proc/{}/status", gateway.pid());
    let status = std::fs::read_to_string(path).expect("the process has a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
    (took, kb.expect("its memory"))
}

/// Writes keys behind all that a journal holds; the digest of the last.
fn issue(folder: &Path, keys: u64) -> KeyDigest {
    let disk = PlainDisk::open(folder).expect("the journal's folder");
    let options = JournalOptions { segment_bytes: SEGMENT_BYTES };
    let (mut journal, _) = Journal::open(disk, options).expect("the journal");
    let (mut order, mut made) = (0, None);
    let batches = journal.batches_from(BatchNumber::new(1)).expect("its batches");
    for batch in batches {
        let batch = batch.expect("a batch");
        order = batch.tag;
        for bytes in frames(&batch.records) {
            order += 1;
            if let Ok(Event::KeyMade { key, account, limit, row }) = Event::decode(bytes) {
                made = Some((key, account, limit, row));
            }
        }
    }
    let (key, account, limit, row) = made.expect("a key was made");
    let row: KeyRow = serde_json::from_str(&row).expect("a key's row");
    let mut digest = row.digest;
    let (mut number, mut left) = (key.0, keys);
    while left > 0 {
        let count = left.min(BATCH);
        let mut records = Vec::new();
        for _ in 0..count {
            number += 1;
            digest = key_digest(number);
            let row = KeyRow { id: KeyId(number), digest, ..row.clone() };
            let row = serde_json::to_string(&row).expect("a row is JSON");
            let made = Event::KeyMade { key: KeyId(number), account, limit, row };
            let mut bytes = Vec::new();
            made.encode(&mut bytes).expect("an event is bytes");
            records.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            records.extend_from_slice(&bytes);
        }
        journal.commit(order, count as u32, &records, || {}).expect("the batch is written");
        order += count;
        left -= count;
    }
    digest
}

/// The events of a batch, each behind its length.
fn frames(mut records: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = records.split_first_chunk::<4>()?;
        let (event, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        records = rest;
        Some(event)
    })
}

fn hex(digest: &KeyDigest) -> String {
    digest.0.iter().map(|byte| format!("{byte:02x}")).collect()
}
