//! What settlement costs the ledger thread; run by hand, in release:
//! `cargo test --release -p controlplane --test suite -- --ignored --nocapture speed`.

use std::time::{Duration, Instant};

use ledger::{Purse, Record, Run};
use link::ToControl;
use serde_json::json;
use units::{AccountId, KeyId, OfferId, Usd};

use crate::harness::plane::{Asker, Plane};
use crate::harness::{Control, catalog};

const RECORDS: u64 = 1 << 20;
/// Records of one run: a batch of a busy core.
const RUN: u64 = 512;

/// Settles a million records of so many accounts; the ledger thread's CPU time in nanoseconds a
/// record, and the slowest command meanwhile.
fn settle(accounts: u64) -> (u64, Duration) {
    let control = Control::start();
    control.post("/admin/v1/catalog", catalog()).ok(200);
    let plane = Plane::link(control.running(), 1, 1);
    for account in 0..accounts {
        control.key(&control.account("100000"), json!({}));
        plane.borrow(Purse::Account(AccountId(account + 1)), account);
    }
    let (held, cost) = (Usd::from_pico(9_000_000), Usd::from_pico(1_000_000));
    let runs: Vec<Run> =
        (0..RECORDS / RUN).map(|number| run(number, accounts, held, cost)).collect();
    let begun = ledger_cpu_ns();
    let mut slowest = Duration::ZERO;
    let (commands, account) = (control.running().commands(), AccountId(1));
    for (sent, run) in runs.into_iter().enumerate() {
        plane.say(ToControl::Settlement { epoch: plane.epoch, runs: vec![run] });
        if sent % 64 == 63 {
            let asked = Instant::now();
            commands.blocking().account(account).unwrap();
            slowest = slowest.max(asked.elapsed());
        }
    }
    while plane.acknowledged(0) < RECORDS {}
    let spent = (ledger_cpu_ns() - begun) / RECORDS;
    let audit = control.get("/admin/v1/ledger/audit").ok(200);
    assert_eq!(audit["ok"], true, "{audit:#}");
    (spent, slowest)
}

/// Time that this process's ledger thread has spent on a CPU.
fn ledger_cpu_ns() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let is_ledger = |task: &std::path::PathBuf| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim() == "ledger")
    };
    let ledgers = tasks.filter(is_ledger);
    let times = ledgers.map(|task| std::fs::read_to_string(task.join("schedstat")).unwrap());
    times.map(|line| line.split(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// A run of holds and, right behind each, its post.
fn run(number: u64, accounts: u64, held: Usd, cost: Usd) -> Run {
    let records = (0..RUN / 2).flat_map(|pair| {
        let at = number * RUN + pair * 2;
        let account = (at / 2) % accounts + 1;
        let asker = Asker { account: AccountId(account), key: KeyId(account), offer: OfferId(0) };
        [asker.hold(held), asker.post(at, held, cost)]
    });
    let records: Vec<Record> = records.collect();
    Run::of(0, number * RUN, &records)
}

#[test]
#[ignore = "measures for seconds; run in release"]
fn settlement_is_cheap() {
    for accounts in [1, 16, 256] {
        let (spent, slowest) = settle(accounts);
        println!("{accounts:4} accounts: {spent} ns a record, slowest command {slowest:?}");
    }
}
