//! kill -9 in the middle of load, again and again: nothing is charged twice, nothing that was
//! acknowledged is lost, and service goes on.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_tests::admin::Customer;
use tollgate_tests::checker::{Generation, check, check_after_crash};
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;
use units::Usd;

use crate::load::{Ending, Job, Seen, Shape, perform, rounds};

pub(crate) const CLIENTS: usize = 12;
/// Kills, unless more are wished for.
const ROUNDS: usize = 10;
/// The journal was written so long after an answer, however busy the machine is.
const WRITTEN: Duration = Duration::from_millis(1000);
const MODELS: [&str; 3] = ["up/chat", "up/slow", "up/long"];

/// What an operator was told is done.
#[derive(Default)]
pub(crate) struct Acknowledged {
    /// How many top-ups of one dollar were asked for; all but the last were acknowledged.
    pub(crate) top_ups: usize,
    keys: Vec<String>,
}

pub(crate) fn config(upstream: &Upstream) -> Config {
    let prices = Prices::new("1", "10");
    let mut config = Config::new()
        .provider("up", &upstream.base_url(), "")
        .model("up/chat", &[("up", "chat")], &prices, "")
        .model("up/slow", &[("up", "fault/rate:60")], &prices, "")
        .model("up/long", &[("up", "fault/rate:2000+tokens:6000")], &prices, "");
    config.cores = 2;
    config
}

/// Requests without pause until the process is gone.
pub(crate) fn ask_until(
    gateway: &Gateway,
    key: &str,
    number: usize,
    struck: &AtomicBool,
) -> Vec<Seen> {
    let mut seen = Vec::new();
    for turn in 0..100_000 {
        if struck.load(Ordering::Relaxed) {
            break;
        }
        let model = MODELS[if turn % 8 == 0 { 1 + number % 2 } else { 0 }];
        let job = Job::of(model, Shape::ALL[(number + turn) % Shape::ALL.len()]);
        seen.push(perform(gateway, key, job, number * 1000 + turn));
    }
    seen
}

fn top_up(account: &str, number: usize) -> (String, Value) {
    let order = json!({ "amount": "1", "kind": "top_up", "reference": format!("more-{number}") });
    (format!("/admin/v1/accounts/{account}/credits"), order)
}

/// Top-ups and keys without pause until the process is gone.
pub(crate) fn operate_until(
    gateway: &Gateway,
    account: &str,
    told: &mut Acknowledged,
    struck: &AtomicBool,
) {
    while !struck.load(Ordering::Relaxed) {
        told.top_ups += 1;
        let (path, order) = top_up(account, told.top_ups);
        let Some(answer) = gateway.admin.try_call("POST", &path, &order) else { return };
        assert!((200..300).contains(&answer.status()), "{}", answer.text());
        let path = format!("/admin/v1/accounts/{account}/keys");
        let order = json!({ "name": "more", "class": "live" });
        let Some(answer) = gateway.admin.try_call("POST", &path, &order) else { return };
        told.keys.push(answer.json()["hash"].as_str().expect("a hash").to_owned());
        thread::sleep(Duration::from_millis(20));
    }
}

/// Load for a while, then the blow; answers what was seen, and when the blow fell.
fn run_and_kill(
    gateway: &mut Gateway,
    customer: &Customer,
    told: &mut Acknowledged,
    load: Duration,
) -> (Vec<Seen>, Instant) {
    let struck = AtomicBool::new(false);
    let (running, at) = (&*gateway, &struck);
    let both = thread::scope(|scope| {
        let ask = |number| scope.spawn(move || ask_until(running, &customer.key, number, at));
        let asking: Vec<_> = (0..CLIENTS).map(ask).collect();
        scope.spawn(move || operate_until(running, &customer.account, told, at));
        thread::sleep(load);
        let blow = Instant::now();
        running.strike();
        struck.store(true, Ordering::Relaxed);
        let seen = asking.into_iter().flat_map(|client| client.join().unwrap()).collect();
        (seen, blow)
    });
    gateway.kill();
    both
}

/// All that an operator was told is still so; the last top-up may have been booked or not, and
/// asking for it again books it once.
pub(crate) fn assert_kept(gateway: &Gateway, account: &str, told: &Acknowledged) {
    if told.top_ups > 0 {
        let (path, order) = top_up(account, told.top_ups);
        gateway.admin.post(&path, &order);
    }
    let expected = Usd::from_dollars(20 + i64::try_from(told.top_ups).unwrap());
    assert_eq!(gateway.admin.account(account).topped_up, expected);
    let listed = gateway.admin.get(&format!("/admin/v1/accounts/{account}/keys"));
    let listed: Vec<_> = listed["data"].as_array().expect("a list").iter().collect();
    for hash in &told.keys {
        assert!(listed.iter().any(|key| key["hash"] == **hash), "the key {hash} is lost");
    }
}

/// Finished answers that were charged nothing; none of them may be older than the last batch.
pub(crate) fn unbilled(seen: &[Seen], blow: Instant, generations: &[Generation]) -> usize {
    let by_id: BTreeMap<&str, &Generation> =
        generations.iter().map(|generation| (generation.id.as_str(), generation)).collect();
    let finished = seen.iter().filter(|seen| seen.ending == Ending::Complete);
    let lost = finished.filter(|seen| {
        let id = seen.generation.as_deref().expect("an answer has a generation");
        by_id.get(id).is_none_or(|generation| generation.charged.is_zero())
    });
    let old = |seen: &&Seen| seen.at + WRITTEN < blow;
    let lost: Vec<_> = lost.collect();
    assert!(!lost.iter().any(old), "unbilled long before the crash: {lost:?}");
    lost.len()
}

#[test]
fn a_crash_under_load_charges_nothing_twice_and_loses_nothing_acknowledged() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(config(&upstream));
    let customer = gateway.admin.customer("steady", "20");
    let mut told = Acknowledged::default();
    let mut recovered = 0;
    for round in 0..rounds(ROUNDS) {
        let load = Duration::from_millis(1300 + (round as u64 * 377) % 700);
        let (seen, blow) = run_and_kill(&mut gateway, &customer, &mut told, load);
        let started = Instant::now();
        gateway.restart();
        let restarted = started.elapsed();
        let next = perform(&gateway, &customer.key, Job::of("up/chat", Shape::Stream), round);
        assert_eq!(next.ending, Ending::Complete, "{next:?}");
        assert_kept(&gateway, &customer.account, &told);
        let generations = check_after_crash(&gateway, &[&upstream], &[&customer.account]);
        let unbilled = unbilled(&seen, blow, &generations);
        recovered = generations.iter().filter(|it| it.outcome == "recovered").count();
        let complete = seen.iter().filter(|seen| seen.ending == Ending::Complete).count();
        println!(
            "round {round}: {complete} of {} complete, {unbilled} unbilled, {recovered} recovered \
             so far, {} top-ups, {} keys, up again in {restarted:?}",
            seen.len(),
            told.top_ups,
            told.keys.len(),
        );
        assert!(complete >= 10, "{complete}");
    }
    assert!(recovered > 0, "no stream was cut by a crash");
}

/// A journal is removed when the ledger has all of it, and the ledger hears of that a little
/// later: a crash between the two must not keep the credit that was lent.
#[test]
fn credit_that_was_lent_to_an_epoch_without_a_journal_comes_back() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(config(&upstream));
    let customer = gateway.admin.customer("stranded", "1");
    let ask = |gateway: &Gateway| {
        let seen = perform(gateway, &customer.key, Job::of("up/chat", Shape::Stream), 1);
        assert_eq!(seen.ending, Ending::Complete, "{seen:?}");
    };
    ask(&gateway);
    gateway.settled(&customer.account, |account| !account.spent.is_zero());
    gateway.kill();
    let journals = gateway.config.data_folder().join("journal").join("dataplane");
    for entry in fs::read_dir(&journals).unwrap() {
        fs::remove_dir_all(entry.unwrap().path()).unwrap();
    }
    // Without any journal an epoch is numbered by the clock's second.
    thread::sleep(Duration::from_secs(1));
    gateway.restart();
    ask(&gateway);
    check(&gateway, &[&upstream], &[&customer.account]);
}
