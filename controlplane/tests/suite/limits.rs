//! Limits of keys, lent like balances: lowered while requests hold them, and counted by periods.

use std::time::Duration;

use ledger::run::LEASE_RING;
use ledger::{Purse, Record, Run};
use link::ToData;
use serde_json::json;
use units::{KeyId, Usd};

use crate::harness::Control;
use crate::harness::plane::{Asker, Plane};

const ALLOWANCE: Purse = Purse::Key(KeyId(1));

struct Scene {
    control: Control,
    hash: String,
    asker: Asker,
    plane: Plane,
}

/// A key with a limit of ten dollars, lent to a data plane together with its account's credit.
fn scene() -> Scene {
    let control = Control::start();
    control.post("/admin/v1/catalog", crate::harness::catalog()).ok(200);
    let account = control.account("50");
    let (_, hash) = control.key(&account, json!({"limit": "10"}));
    let asker = Asker::of(&account);
    let plane = Plane::link(control.running(), 1, 1);
    assert_eq!(plane.borrow(Purse::Account(asker.account), 0), Usd::from_dollars(50));
    assert_eq!(plane.borrow(ALLOWANCE, 1), Usd::from_dollars(10));
    Scene { control, hash, asker, plane }
}

impl Scene {
    fn patch(&self, change: serde_json::Value) -> serde_json::Value {
        self.control.patch(&format!("/admin/v1/keys/{}", self.hash), change).ok(200)
    }

    /// The key's own requests are charged to its limit too.
    fn limited(record: Record) -> Record {
        match record {
            Record::Hold(hold) => Record::Hold(ledger::record::Hold { key_limited: true, ..hold }),
            Record::Post(post) => Record::Post(ledger::record::Post { key_limited: true, ..post }),
            other => other,
        }
    }

    fn recalled(&self) -> Usd {
        self.plane.hear(|message| match message {
            ToData::Recall { purse: ALLOWANCE, up_to } => Some(up_to),
            _ => None,
        })
    }

    fn give_back(&self, seq: u64, amount: Usd) {
        let back = Record::Return { purse: ALLOWANCE, amount };
        self.plane.settle(Run::of(LEASE_RING, seq, &[back]));
        assert_eq!(self.plane.acknowledged(LEASE_RING), seq + 1);
    }
}

#[test]
fn a_lowered_limit_is_recalled_until_nothing_is_lent_above_it() {
    let scene = scene();
    let nine = Usd::from_dollars(9);
    scene.plane.settle(Run::of(0, 0, &[Scene::limited(scene.asker.hold(nine))]));
    assert_eq!(scene.plane.acknowledged(0), 1);
    scene.patch(json!({"limit": "1"}));
    assert_eq!(scene.recalled(), Usd::from_dollars(1), "what no request holds");
    scene.give_back(2, Usd::from_dollars(1));
    // The request ends for a dime; the rest of its hold is free in the data plane again.
    let dime = Usd::from_pico(100_000_000_000);
    scene.plane.settle(Run::of(0, 1, &[Scene::limited(scene.asker.post(0, nine, dime))]));
    let beyond = Usd::from_dollars(8);
    while scene.recalled() != beyond {}
    scene.give_back(3, beyond);
    std::thread::sleep(Duration::from_millis(400));
    let more = scene.plane.inbox.try_iter().filter(|said| matches!(said, ToData::Recall { .. }));
    assert_eq!(more.count(), 0, "nothing is lent above the limit any more");
    let key = scene.control.get(&format!("/admin/v1/keys/{}", scene.hash)).ok(200);
    assert_eq!(key["limit_remaining"], "0.9", "{key}");
}

#[test]
fn a_new_rhythm_of_a_limit_begins_at_once_and_once() {
    let scene = scene();
    let dollar = Usd::from_dollars(1);
    let records = [scene.asker.hold(dollar), scene.asker.post(0, dollar, dollar)];
    scene.plane.settle(Run::of(0, 0, &records.map(Scene::limited)));
    assert_eq!(scene.plane.acknowledged(0), 2);
    let remaining = |key: serde_json::Value| key["limit_remaining"].clone();
    assert_eq!(remaining(scene.patch(json!({"name": "same"}))), "9");
    assert_eq!(remaining(scene.patch(json!({"limit_reset": "monthly"}))), "10");
    let path = format!("/admin/v1/keys/{}", scene.hash);
    let folder = scene.control.kill();
    let again = Control::start_in(folder);
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(remaining(again.get(&path).ok(200)), "10");
    let again = again.patch(&path, json!({"limit_reset": "monthly", "name": "again"})).ok(200);
    assert_eq!(remaining(again), "10");
}
