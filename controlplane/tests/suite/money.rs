//! The ledger thread against a data plane that sends what it should not, twice or too early.

use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use ledger::run::LEASE_RING;
use ledger::{Purse, Record, Run};
use link::{KeyChanges, ToControl, ToData};
use serde_json::json;
use units::{Epoch, Usd};

use crate::harness::plane::{Asker, Plane};
use crate::harness::{Answer, Control, TOKEN, catalog};

const TEN_CENTS: Usd = Usd::from_pico(100_000_000_000);

struct Scene {
    control: Control,
    account: String,
    asker: Asker,
    plane: Plane,
}

/// An account with five dollars, all lent to a data plane.
fn scene() -> Scene {
    let control = Control::start();
    control.post("/admin/v1/catalog", catalog()).ok(200);
    let account = control.account("5");
    control.key(&account, json!({}));
    let asker = Asker::of(&account);
    let plane = Plane::link(control.running(), 1, 1);
    assert_eq!(plane.borrow(Purse::Account(asker.account), 0), Usd::from_dollars(5));
    Scene { control, account, asker, plane }
}

fn credit(control: &Control, account: &str, amount: &str, kind: &str) -> Answer {
    let order = json!({"amount": amount, "kind": kind, "reference": format!("{kind}{amount}")});
    control.post(&format!("/admin/v1/accounts/{account}/credits"), order)
}

impl Scene {
    fn shown(&self, field: &str) -> String {
        let account = self.control.get(&format!("/admin/v1/accounts/{}", self.account)).ok(200);
        account[field].as_str().unwrap().to_owned()
    }

    fn credit(&self, amount: &str, kind: &str) -> Answer {
        credit(&self.control, &self.account, amount, kind)
    }

    fn audit(&self) {
        let audit = self.control.get("/admin/v1/ledger/audit?full=1").ok(200);
        assert_eq!(audit["ok"], true, "{audit:#}");
    }

    /// A request that held ten cents and cost five, at the beginning of ring 0.
    fn request(&self) -> Run {
        let five = Usd::from_pico(50_000_000_000);
        Run::of(0, 0, &[self.asker.hold(TEN_CENTS), self.asker.post(0, TEN_CENTS, five)])
    }
}

#[test]
fn a_settlement_counts_once_however_often_it_is_sent() {
    let scene = scene();
    for _ in 0..3 {
        scene.plane.settle(scene.request());
        assert_eq!(scene.plane.acknowledged(0), 2);
    }
    assert_eq!((scene.shown("balance"), scene.shown("spent")), ("4.95".into(), "0.05".into()));
    scene.audit();
}

#[test]
fn a_gap_is_answered_with_where_the_ledger_stands() {
    let scene = scene();
    // What was on its way behind the gap is answered with it, once.
    for seq in 7..40 {
        scene.plane.settle(Run::of(0, seq, &[scene.asker.hold(TEN_CENTS)]));
        assert_eq!(scene.plane.acknowledged(0), 0);
    }
    let marks = scene.plane.welcome();
    assert_eq!(marks[0].epoch, Epoch(1));
    assert!(!marks[0].watermarks.iter().any(|(ring, seq)| *ring == 0 && *seq > 0));
    scene.plane.settle(scene.request());
    assert_eq!(scene.plane.acknowledged(0), 2);
    assert_eq!(scene.shown("balance"), "4.95");
}

#[test]
fn a_run_that_breaks_a_promise_is_refused_and_changes_nothing() {
    let scene = scene();
    let beyond = Usd::from_dollars(6);
    let records = [scene.asker.hold(beyond), scene.asker.post(0, beyond, beyond)];
    scene.plane.settle(Run::of(0, 0, &records));
    assert_eq!(scene.plane.acknowledged(0), 0);
    assert_eq!((scene.shown("balance"), scene.shown("held")), ("5".into(), "0".into()));
    let metrics = scene.control.call("GET", "/metrics", "", "").body;
    assert!(metrics.contains("ledger_refused_runs_total 1\n"));
    scene.audit();
}

#[test]
fn an_open_hold_shows_as_held() {
    let scene = scene();
    scene.plane.settle(Run::of(0, 0, &[scene.asker.hold(TEN_CENTS)]));
    assert_eq!(scene.plane.acknowledged(0), 1);
    let shown = ["balance", "held", "available"].map(|field| scene.shown(field));
    assert_eq!(shown, ["5", "0.1", "4.9"]);
}

#[test]
fn a_top_up_is_lent_on_before_it_is_answered() {
    let scene = scene();
    while scene.plane.inbox.try_recv().is_ok() {}
    scene.credit("2", "top_up").ok(200);
    let mut told = scene.plane.inbox.try_iter();
    let granted = told.find_map(|message| match message {
        ToData::Granted { amount, .. } => Some(amount),
        _ => None,
    });
    assert_eq!(granted, Some(Usd::from_dollars(2)));
    scene.audit();
}

#[test]
fn a_grant_is_on_disk_before_it_is_told() {
    let scene = scene();
    while scene.plane.inbox.try_recv().is_ok() {}
    let folder = scene.control.folder.join("journal").join("ledger");
    for dollars in 1..20 {
        scene.credit(&dollars.to_string(), "grant").ok(200);
        let granted = scene.plane.granted();
        let disk = journal::PlainDisk::look_at(&folder).unwrap();
        let (archive, recovery) = journal::Archive::open(disk).unwrap();
        let last = archive.batches_from(recovery.last).unwrap().next().unwrap().unwrap();
        let mut lent = Vec::new();
        let (dataplane, epoch) = (units::DataPlaneId(1), Epoch(1));
        let purse = Purse::Account(scene.asker.account);
        let event = ledger::Event::Lent { dataplane, epoch, purse, amount: granted };
        event.encode(&mut lent).unwrap();
        assert!(last.records.windows(lent.len()).any(|bytes| bytes == lent), "{dollars}");
    }
}

#[test]
fn who_has_nothing_is_denied_and_told_of_the_rest() {
    let scene = scene();
    let other = Plane::link(scene.control.running(), 2, 1);
    let purse = Purse::Account(scene.asker.account);
    other.say(ToControl::Need { purse, amount: TEN_CENTS });
    let denied = other.hear(|message| match message {
        ToData::Denied { unlent, elsewhere, .. } => Some((unlent, elsewhere)),
        _ => None,
    });
    assert_eq!(denied, (Usd::ZERO, Usd::from_dollars(5)));
}

#[test]
fn what_is_taken_away_is_recalled_first() {
    let scene = scene();
    let (purse, amount) = (Purse::Account(scene.asker.account), Usd::from_dollars(2));
    std::thread::scope(|scope| {
        let (control, account) = (&scene.control, &scene.account);
        let taking = scope.spawn(|| credit(control, account, "-2", "adjustment").ok(200));
        let asked = loop {
            match scene.plane.inbox.recv_timeout(Duration::from_secs(5)) {
                Ok(ToData::Recall { up_to, .. }) => break up_to,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("no recall")
                }
            }
        };
        assert_eq!(asked, amount);
        scene.plane.settle(Run::of(LEASE_RING, 1, &[Record::Return { purse, amount }]));
        taking.join().unwrap();
    });
    assert_eq!(scene.shown("balance"), "3");
    let begun = std::time::Instant::now();
    scene.credit("-3", "adjustment").refused(409, "conflict");
    assert!(begun.elapsed() < Duration::from_millis(1500));
    scene.audit();
}

#[test]
fn a_charge_goes_back_once() {
    let scene = scene();
    scene.plane.settle(scene.request());
    assert_eq!(scene.plane.acknowledged(0), 2);
    let listed = scene.control.get(&format!("/admin/v1/accounts/{}/generations", scene.account));
    let id = listed.ok(200)["data"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/admin/v1/generations/{id}/refund");
    scene.control.call("POST", &path, TOKEN, "{}").refused(400, "invalid_request");
    let refund = scene.control.post(&path, json!({"reason": "it failed"})).ok(200);
    assert_eq!((&refund["kind"], &refund["amount"]), (&json!("refund"), &json!("0.05")));
    scene.control.post(&path, json!({"reason": "again"})).refused(409, "conflict");
    assert_eq!((scene.shown("balance"), scene.shown("refunded")), ("5".into(), "0.05".into()));
    let shown = scene.control.get(&format!("/admin/v1/generations/{id}")).ok(200);
    assert_eq!(shown["refunded"], "0.05");
    let unknown = "/admin/v1/generations/gen-00010000000100000000000000000099/refund";
    scene.control.post(unknown, json!({"reason": "x"})).refused(404, "not_found");
    scene.audit();
}

#[test]
fn a_data_plane_that_misses_a_generation_gets_everything() {
    let scene = scene();
    let plane = Plane::link(scene.control.running(), 2, 1);
    let first = plane.publication();
    assert!(matches!(first.keys, KeyChanges::Full(_)) && first.catalog.is_some());
    scene.control.key(&scene.account, json!({}));
    assert_eq!(plane.publication().generation, first.generation + 1);
    plane.confirms.store(false, std::sync::atomic::Ordering::Relaxed);
    scene.control.key(&scene.account, json!({}));
    let missed = plane.publication();
    plane.say(ToControl::Applied { generation: first.generation + 1 });
    let whole = plane.publication();
    assert_eq!(whole.generation, missed.generation);
    assert!(matches!(whole.keys, KeyChanges::Full(keys) if keys.len() == 3));
}

#[test]
fn the_next_epoch_adopts_the_one_before() {
    let scene = scene();
    scene.plane.settle(scene.request());
    assert_eq!(scene.plane.acknowledged(0), 2);
    let next = Plane::link(scene.control.running(), 1, 2);
    let epochs: Vec<Epoch> = next.welcome().into_iter().map(|mark| mark.epoch).collect();
    assert_eq!(epochs, [Epoch(1), Epoch(2)]);
    // Nobody speaks for an epoch that another link runs.
    next.say(ToControl::EpochDone { epoch: Epoch(1) });
    next.hear(|message| matches!(message, ToData::Busy { .. }).then_some(()));
    let Scene { control, plane, asker, account } = scene;
    drop(plane);
    // The link is found to be down with the next thing that is said over it.
    control.key(&account, json!({}));
    let next = Plane::link(control.running(), 1, 2);
    next.say(ToControl::EpochDone { epoch: Epoch(1) });
    let lent = next.borrow(Purse::Account(asker.account), 0);
    assert_eq!(lent.to_string(), "4.95", "all of it, as nobody else is linked");
    let audit = control.get("/admin/v1/ledger/audit?full=1").ok(200);
    assert_eq!(audit["ok"], true, "{audit:#}");
}

#[test]
fn a_data_plane_is_fenced_only_when_it_is_gone() {
    let Scene { control, plane, asker, account } = scene();
    control.post("/admin/v1/dataplanes/1/fence", json!({})).refused(409, "conflict");
    plane.settle(Run::of(0, 0, &[asker.hold(TEN_CENTS)]));
    assert_eq!(plane.acknowledged(0), 1);
    drop(plane);
    // The link is found to be down with the next thing that is said over it.
    control.key(&account, json!({}));
    let fenced = control.post("/admin/v1/dataplanes/1/fence", json!({})).ok(200);
    assert_eq!((&fenced["connected"], &fenced["lent"]), (&json!(false), &json!("0")));
    assert_eq!(fenced["fenced"], json!([1]));
    let late = Plane::link(control.running(), 1, 1);
    let mark = late.welcome().remove(0);
    assert!(mark.fenced && mark.watermarks.contains(&(0, 1)));
    late.settle(Run::of(0, 1, &[asker.post(0, TEN_CENTS, TEN_CENTS)]));
    assert_eq!(late.acknowledged(0), 2);
    let told = control.get(&format!("/admin/v1/accounts/{account}")).ok(200);
    assert_eq!((&told["spent"], &told["held"]), (&json!("0"), &json!("0")));
    let audit = control.get("/admin/v1/ledger/audit?full=1").ok(200);
    assert_eq!(audit["ok"], true, "{audit:#}");
}
