//! What was used: sums, series, activity and the export, and what each class of key sees of them.

use ledger::record::{Hold, Post};
use ledger::{Purse, Record, Run};
use link::{StatusReport, ToControl, ToData};
use serde_json::{Value, json};
use units::{KeyId, UnixMillis, Usd};

use crate::harness::plane::{Asker, Plane, now};
use crate::harness::{Answer, Control, catalog};

/// Two keys of one account: the first has paid three cents, the second five, today.
struct Scene {
    control: Control,
    live: [String; 2],
    hashes: [String; 2],
    keeper: String,
}

fn cents(count: i128) -> Usd {
    Usd::from_pico(count * 10_000_000_000)
}

impl Scene {
    fn new() -> Self {
        let control = Control::start();
        control.post("/admin/v1/catalog", catalog()).ok(200);
        let account = control.account("5");
        let [(first, one), (second, two)] = [(); 2].map(|()| control.key(&account, json!({})));
        let (keeper, _) = control.key(&account, json!({"class": "management"}));
        let plane = Plane::link(control.running(), 1, 1);
        let asker = Asker::of(&account);
        plane.borrow(Purse::Account(asker.account), 0);
        let other = Asker { key: KeyId(2), ..asker };
        let records = [
            asker.hold(cents(10)),
            other.hold(cents(10)),
            asker.hold(cents(10)),
            asker.post(0, cents(10), cents(3)),
            other.post(1, cents(10), cents(5)),
            asker.void(2, cents(10)),
        ];
        plane.settle(Run::of(0, 0, &records));
        assert_eq!(plane.acknowledged(0), 6);
        Self { control, live: [first, second], hashes: [one, two], keeper }
    }

    fn get(&self, key: &str, path: &str) -> Answer {
        self.control.call("GET", path, key, "")
    }
}

#[test]
fn a_live_key_sees_its_own_use_and_a_management_key_all_of_it() {
    let scene = Scene::new();
    let cost = |key: &str, query: &str| {
        let told = scene.get(key, &format!("/api/usage/summary?{query}")).ok(200);
        assert_eq!(told["totals"]["cost_exact"], told["by_model"][0]["cost_exact"]);
        told["totals"]["cost_exact"].as_str().unwrap().to_owned()
    };
    let [first, second] = &scene.live;
    assert_eq!((cost(first, ""), cost(second, "")), ("0.03".into(), "0.05".into()));
    assert_eq!(cost(&scene.keeper, ""), "0.08");
    let of_second = format!("key_id={}", scene.hashes[1]);
    assert_eq!(cost(&scene.keeper, &of_second), "0.05");
    let path = format!("/api/usage/summary?{of_second}");
    scene.get(first, &path).refused(403, "not_allowed");
    let told = scene.get(&scene.keeper, "/api/usage/summary").ok(200);
    assert_eq!(
        (&told["totals"]["requests"], &told["totals"]["total_tokens"]),
        (&json!(2), &json!(60))
    );
    assert_eq!(told["by_provider"][0]["provider_id"], "sandbox");
    let none = scene.get(&scene.keeper, "/api/usage/summary?model=other").ok(200);
    assert_eq!((&none["totals"]["cost"], &none["by_model"]), (&json!(0), &json!([])));
}

#[test]
fn a_series_has_every_period_and_adds_up() {
    let scene = Scene::new();
    let day_before = UnixMillis::of_day(now().day() - 1).date();
    for granularity in ["hourly", "daily", "monthly"] {
        let path = format!(
            "/api/usage/timeseries?granularity={granularity}&start_time={day_before}&provider_id=sandbox"
        );
        for (key, sum) in [(&scene.keeper, 0.08), (&scene.live[0], 0.03)] {
            let told = scene.get(key, &path).ok(200);
            let points = told["data"].as_array().unwrap();
            let costs = points.iter().map(|point| point["cost_exact"].as_str().unwrap());
            let total: Usd = costs.map(|cost| cost.parse::<Usd>().unwrap()).sum();
            assert_eq!(total.to_string(), sum.to_string(), "{granularity}: {told:#}");
            let times: Vec<&str> = points.iter().map(|p| p["time"].as_str().unwrap()).collect();
            assert!(times.is_sorted() && !times.is_empty(), "{times:?}");
            assert!(granularity == "monthly" || times.len() > 1, "{times:?}");
        }
    }
    let get = |query: &str| scene.get(&scene.keeper, &format!("/api/usage/timeseries?{query}"));
    get("granularity=hourly&start_time=2020-01-01").refused(400, "invalid_request");
    get("start_time=yesterday").refused(400, "invalid_request");
    get("start_time=2026-01-02&end_time=2026-01-01").refused(400, "invalid_request");
    get("granularity=yearly").refused(400, "invalid_request");
}

#[test]
fn activity_is_of_days_that_are_over() {
    let scene = Scene::new();
    let told = scene.get(&scene.keeper, "/api/v1/activity").ok(200);
    assert_eq!(told, json!({"data": []}), "today is not over");
    scene.get(&scene.keeper, "/api/v1/activity?date=2020-01-01").refused(400, "invalid_request");
}

#[test]
fn an_export_has_every_request_once_in_either_form() {
    let scene = Scene::new();
    let json = scene.get(&scene.keeper, "/api/v1/export?format=json");
    assert!(json.head.to_lowercase().contains("content-disposition: attachment"), "{}", json.head);
    let rows: Vec<Value> = serde_json::from_str(&unchunked(&json)).unwrap();
    let charged: Vec<&str> = rows.iter().map(|row| row["charged"].as_str().unwrap()).collect();
    assert_eq!(charged, ["0", "0.05", "0.03"], "newest first, those not charged too");
    assert_eq!(rows[2]["output"], 20);
    let table = unchunked(&scene.get(&scene.keeper, "/api/v1/export?format=csv"));
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    assert!(lines[0].starts_with("id,created_at,key_hash,model,") && lines[0].contains(",input,"));
    assert!(lines[1].starts_with(rows[0]["id"].as_str().unwrap()));
    let own = unchunked(&scene.get(&scene.live[1], "/api/v1/export?format=csv"));
    assert_eq!(own.lines().count(), 2, "{own}");
    scene.get(&scene.keeper, "/api/v1/export?format=xml").refused(400, "invalid_request");
}

/// The body of an answer that came in chunks.
fn unchunked(answer: &Answer) -> String {
    assert_eq!(answer.status, 200);
    let (mut whole, mut rest) = (String::new(), answer.body.as_str());
    loop {
        let (size, after) = rest.split_once("\r\n").unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.push_str(&after[..size]);
        rest = &after[size + 2..];
    }
}

#[test]
fn an_invoice_is_complete_when_nothing_of_its_month_can_settle_any_more() {
    let control = Control::start();
    control.post("/admin/v1/catalog", catalog()).ok(200);
    let account = control.account("50");
    control.key(&account, json!({}));
    let asker = Asker::of(&account);
    let last_month = UnixMillis(now().0 - 32 * 86_400_000);
    let then = |record| match record {
        Record::Hold(hold) => Record::Hold(Hold { at: last_month, ..hold }),
        Record::Post(post) => Record::Post(Post { created_at: last_month, ..post }),
        other => other,
    };
    let cent = Usd::from_pico(10_000_000_000);
    let (hold, post) = (|| then(asker.hold(cent)), |seq| then(asker.post(seq, cent, cent)));
    let told = |plane: &Plane| {
        let report = StatusReport::default();
        plane.say(ToControl::Status { report, said: UnixMillis(1) });
        plane.hear(|message| matches!(message, ToData::Contact { .. }).then_some(()));
    };
    let is_complete = || {
        let path = format!("/admin/v1/accounts/{account}/invoices");
        let listed = control.get(&path).ok(200);
        listed["data"].as_array().unwrap().last().unwrap()["complete"] == true
    };
    let plane = Plane::link(control.running(), 1, 1);
    plane.borrow(Purse::Account(asker.account), 0);
    plane.settle(Run::of(0, 0, &[hold(), post(0), hold()]));
    assert_eq!(plane.acknowledged(0), 3);
    told(&plane);
    assert!(!is_complete(), "a request of then still runs");
    plane.settle(Run::of(0, 3, &[post(2)]));
    assert_eq!(plane.acknowledged(0), 4);
    assert!(is_complete());
    let other = Plane::link(control.running(), 2, 1);
    other.welcome();
    assert!(!is_complete(), "another has not told of what it admitted");
    told(&other);
    assert!(is_complete());
    drop(other);
    // What it is sent finds nobody.
    control.key(&account, json!({}));
    assert!(!is_complete(), "one that is away may still tell of something");
    control.post("/admin/v1/dataplanes/2/fence", json!({})).ok(200);
    assert!(is_complete());
}
