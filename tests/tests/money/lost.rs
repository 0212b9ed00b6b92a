//! Journals that are gone: lost with a disk, left out of a backup, or there twice.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::json;
use tollgate_tests::checker::check;
use tollgate_tests::client::{Client, chat_request};
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::gateway::{Gateway, binary};
use tollgate_tests::upstream::Upstream;
use tollgate_tests::wait_for;
use units::Usd;

use crate::SOON;
use crate::load::{Ending, Job, Shape, perform};

const REQUESTS_MAX: usize = 20_000;

fn slow(upstream: &Upstream) -> Config {
    let prices = Prices::new("1", "10");
    Config::new()
        .provider("up", &upstream.base_url(), "")
        .model("up/chat", &[("up", "chat")], &prices, "")
        .model("up/slow", &[("up", "fault/rate:20+tokens:2000")], &prices, "")
}

/// A stream that has begun and goes on for long, and whose hold the ledger knows.
fn in_flight(plane: &Gateway, ledger: &Gateway, key: &str, account: &str) -> Client {
    let mut stream = plane.connect();
    stream.send(&chat_request(key, &Job::of("up/slow", Shape::StreamUsage).body(7)));
    assert_eq!(stream.read_head().unwrap().status, 200);
    wait_for("the ledger has its hold", SOON, || {
        (!ledger.admin.account(account).held.is_zero()).then_some(())
    });
    stream
}

/// Nothing of an account is held or lent to an epoch that nobody runs; all of it can be spent.
fn assert_whole(serving: &Gateway, ledger: &Gateway, key: &str, account: &str) {
    wait_for("the epochs before the last are closed", SOON, || {
        let planes = ledger.admin.get("/admin/v1/dataplanes");
        (planes[0]["epochs"].as_array()?.len() == 1).then_some(())
    });
    let told = ledger.admin.account(account);
    assert_eq!((told.held, told.available), (Usd::ZERO, told.balance));
    let before = told.spent;
    let seen = perform(serving, key, Job::of("up/chat", Shape::Whole), 1);
    assert_eq!(seen.ending, Ending::Complete, "{seen:?}");
    let path = format!("/admin/v1/accounts/{account}/credits");
    let left = ledger.settled(account, |told| told.spent != before).balance;
    let order = json!({ "amount": format!("-{left}"), "kind": "adjustment", "reference": "all" });
    let taken = ledger.admin.call("POST", &path, &order);
    assert!(taken.status() < 300, "not all of it is there: {}", taken.text());
    let audit = ledger.admin.get("/admin/v1/ledger/audit?full=1");
    assert_eq!(audit["ok"], true, "{audit}");
}

fn run(command: &str, directory: &Path, data: &Path) {
    let mut run = Command::new(binary());
    run.arg(command).arg(directory).arg("--data").arg(data);
    let done = run.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a_restored_backup_strands_nothing_of_what_was_in_flight() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(slow(&upstream));
    let customer = gateway.admin.customer("restored", "1");
    let stream = in_flight(&gateway, &gateway, &customer.key, &customer.account);
    let fresh = Config::new();
    let (copy, data) = (fresh.folder.join("copy"), fresh.data_folder());
    fs::create_dir_all(&fresh.folder).unwrap();
    run("backup", &copy, &gateway.config.data_folder());
    gateway.kill();
    drop(stream);
    run("restore", &copy, &data);
    let (data_addr, admin_addr, folder) = (fresh.data_addr, fresh.admin_addr, fresh.folder);
    let config = Config { data_addr, admin_addr, folder, ..gateway.config.clone() };
    // Without a journal the epoch comes of the clock: no two starts may fall into one second.
    thread::sleep(Duration::from_millis(1100));
    let restored = Gateway::start(config);
    assert_eq!(restored.admin.account(&customer.account).balance, Usd::from_dollars(1));
    assert_whole(&restored, &restored, &customer.key, &customer.account);
}

#[test]
fn a_data_plane_without_its_journal_gives_back_what_it_had_borrowed() {
    let upstream = Upstream::start();
    let control = Gateway::start(slow(&upstream).control());
    let mut plane = Gateway::start(control.config.plane(1));
    let customer = control.admin.customer("lost", "1");
    let stream = in_flight(&plane, &control, &customer.key, &customer.account);
    plane.kill();
    drop(stream);
    fs::remove_dir_all(plane.config.data_folder().join("journal")).unwrap();
    thread::sleep(Duration::from_millis(1100));
    plane.restart();
    assert_whole(&plane, &control, &customer.key, &customer.account);
    assert!(control.log().contains("has lost the journal"), "{}", control.log());
}

#[test]
fn a_copy_of_a_data_directory_speaks_for_nobody_who_lives() {
    let upstream = Upstream::start();
    let control = Gateway::start(slow(&upstream).control());
    let plane = Gateway::start(control.config.plane(1));
    let customer = control.admin.customer("copied", "1");
    let stream = in_flight(&plane, &control, &customer.key, &customer.account);
    let held = control.admin.account(&customer.account).held;
    let copy = control.config.plane(1);
    fs::create_dir_all(&copy.folder).unwrap();
    let copied = Command::new("cp")
        .arg("-r")
        .args([plane.config.data_folder(), copy.data_folder()])
        .status()
        .unwrap();
    assert!(copied.success());
    let told = Gateway::start_in_vain(copy);
    assert!(told.contains("another process runs epoch"), "{told}");
    // What the first has in flight is held as before, and ends as it would have.
    assert_eq!(control.admin.account(&customer.account).held, held);
    drop(stream);
    let seen = perform(&plane, &customer.key, Job::of("up/chat", Shape::Whole), 1);
    assert_eq!(seen.ending, Ending::Complete, "{seen:?}");
    let generations = check(&control, &[&upstream], &[&customer.account]);
    assert_eq!(generations.len(), 2);
    assert!(generations.iter().all(|generation| !generation.charged.is_zero()));
}

#[test]
fn a_data_plane_whose_journal_is_lost_while_it_runs_ends_with_a_mistake() {
    let upstream = Upstream::start();
    let control = Gateway::start(slow(&upstream).control());
    let mut config = control.config.plane(1);
    config.limits = "segment_bytes = 1048576\n".to_owned();
    let mut plane = Gateway::start(config);
    let customer = control.admin.customer("halted", "50");
    fs::remove_dir_all(plane.config.data_folder().join("journal")).unwrap();
    let shape = |number: usize| Shape::ALL[number % Shape::ALL.len()];
    let mut asked = 0..REQUESTS_MAX;
    let is_over = asked.any(|number| {
        let seen = perform(&plane, &customer.key, Job::of("up/chat", shape(number)), number);
        seen.ending != Ending::Complete
    });
    assert!(is_over, "it writes on without a journal");
    assert_eq!(plane.end_by_itself().code(), Some(1), "{}", plane.log());
    assert!(plane.log().contains("the journal is beyond use"), "{}", plane.log());
    plane.restart();
    assert_whole(&plane, &control, &customer.key, &customer.account);
}
