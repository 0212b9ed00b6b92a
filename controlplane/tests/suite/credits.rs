//! Credit under a profile with terms: fees, minimum, signup, lots, ends, and what goes back.

use std::time::{Duration, Instant};

use controlplane::{Budget, Fee, Terms};
use ledger::run::LEASE_RING;
use ledger::{Purse, Record, Run};
use link::ToData;
use serde_json::{Value, json};
use units::Usd;

use crate::harness::plane::{Asker, Plane, now};
use crate::harness::{Answer, Control, catalog};

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

/// Cards cost 5.5 % and at least $0.80, crypto 5 % and for good; $5 to begin with.
fn terms() -> Terms {
    let card = Fee { rate: (55, 1000), fixed: Usd::ZERO, minimum: usd("0.80"), refundable: true };
    let crypto = Fee { rate: (5, 100), minimum: Usd::ZERO, refundable: false, ..card };
    Terms {
        fees: [("card".to_owned(), card), ("crypto".to_owned(), crypto)].into(),
        signup_credit: usd("5"),
        minimum_top_up: usd("5"),
        credit_life_days: Some(365),
        refund_hours: 24,
        flagged_refunds: Some(Budget { amount: usd("0.10"), days: 30 }),
        ..Terms::default()
    }
}

struct Scene {
    control: Control,
    account: String,
    key: String,
}

impl Scene {
    fn new() -> Self {
        Self::under(terms())
    }

    fn under(terms: Terms) -> Self {
        let control = Control::with_terms(terms);
        control.post("/admin/v1/catalog", catalog()).ok(200);
        let account = control.post("/admin/v1/accounts", json!({"name": "one"})).ok(201);
        let account = account["id"].as_str().unwrap().to_owned();
        let (key, _) = control.key(&account, json!({}));
        Self { control, account, key }
    }

    fn credit(&self, order: Value) -> Answer {
        self.control.post(&format!("/admin/v1/accounts/{}/credits", self.account), order)
    }

    fn top_up(&self, amount: &str, reference: &str) -> Answer {
        self.credit(json!({
            "amount": amount, "kind": "top_up", "reference": reference, "method": "card",
        }))
    }

    fn pay_back(&self, top_up: &Value, order: Value) -> Answer {
        let id = top_up["id"].as_str().unwrap();
        self.control.post(&format!("/admin/v1/transactions/{id}/refund"), order)
    }

    fn shown(&self, fields: &[&str]) -> Vec<String> {
        let account = self.control.get(&format!("/admin/v1/accounts/{}", self.account)).ok(200);
        fields.iter().map(|field| account[field].as_str().unwrap().to_owned()).collect()
    }

    /// Kind, amount and rest of each lot, in spending order.
    fn lots(&self) -> Vec<(String, String, String)> {
        let path = format!("/admin/v1/accounts/{}/credits", self.account);
        let lots = self.control.get(&path).ok(200);
        let text = |lot: &Value, field: &str| lot[field].as_str().unwrap().to_owned();
        let lots = lots.as_array().unwrap().iter();
        lots.map(|lot| (text(lot, "kind"), text(lot, "amount"), text(lot, "left"))).collect()
    }

    /// A data plane that has borrowed everything and charged these dollars, each to a request.
    fn charged(&self, dollars: &[&str]) -> (Plane, Asker) {
        let asker = Asker::of(&self.account);
        let plane = Plane::link(self.control.running(), 1, 1);
        plane.borrow(Purse::Account(asker.account), 0);
        let charges = dollars.iter().zip((0..).step_by(2));
        let records: Vec<Record> = charges
            .flat_map(|(amount, seq)| {
                [asker.hold(usd(amount)), asker.post(seq, usd(amount), usd(amount))]
            })
            .collect();
        if !records.is_empty() {
            plane.settle(Run::of(0, 0, &records));
            assert_eq!(plane.acknowledged(0), records.len() as u64);
        }
        (plane, asker)
    }

    fn audit(&self) {
        let audit = self.control.get("/admin/v1/ledger/audit?full=1").ok(200);
        assert_eq!(audit["ok"], true, "{audit:#}");
    }
}

fn lot(kind: &str, amount: &str, left: &str) -> (String, String, String) {
    (kind.into(), amount.into(), left.into())
}

#[test]
fn a_fee_is_on_top_of_the_credit_and_the_first_top_up_has_a_minimum() {
    let scene = Scene::new();
    assert!(scene.top_up("4.99", "a").refused(400, "invalid_request").contains("at least 5"));
    let cash = json!({"amount": "9", "kind": "top_up", "reference": "a", "method": "cash"});
    assert!(scene.credit(cash).refused(400, "invalid_request").contains("card, crypto"));
    let first = scene.top_up("10", "a").ok(200);
    assert_eq!((&first["amount"], &first["fee"]), (&json!("10"), &json!("0.8")));
    assert_eq!((&first["lot"], &first["method"]), (&first["id"], &json!("card")));
    assert_eq!(scene.top_up("10", "a").ok(200), first, "the same again is the same");
    scene.top_up("11", "a").refused(409, "conflict");
    assert_eq!(scene.top_up("0.5", "b").ok(200)["fee"], "0.8");
    assert_eq!(scene.top_up("100", "c").ok(200)["fee"], "5.5");
    let by_hand = json!({"amount": "1", "kind": "top_up", "reference": "d"});
    assert_eq!(scene.credit(by_hand).ok(200)["fee"], "0", "an operator's has none");
    let sums = scene.shown(&["balance", "topped_up", "fees"]);
    assert_eq!(sums, ["111.5", "111.5", "7.1"]);
    let totals = scene.control.get("/admin/v1/status").ok(200)["totals"].clone();
    assert_eq!((&totals["top_ups"], &totals["fees"]), (&json!("-118.6"), &json!("7.1")));
    let metrics = scene.control.call("GET", "/metrics", "", "").body;
    assert!(metrics.contains("ledger_posted_usd{account=\"fees\"} 7.1\n"), "{metrics}");
    scene.audit();
}

#[test]
fn signing_up_is_worth_something_once_and_it_is_spent_first() {
    let scene = Scene::new();
    let opened = scene.control.post("/admin/v1/accounts", json!({"name": "two", "signup": true}));
    assert_eq!(
        (&opened.ok(201)["balance"], &opened.ok(201)["granted"]),
        (&json!("5"), &json!("5"))
    );
    scene.top_up("10", "a").ok(200);
    for reference in ["b", "c"] {
        let order = json!({
            "amount": "1", "kind": "grant", "reference": reference, "signup": true,
        });
        scene.credit(order).ok(200);
    }
    let (signup, first, second, paid) = (
        lot("signup", "5", "5"),
        lot("grant", "1", "1"),
        lot("grant", "1", "1"),
        lot("top_up", "10", "10"),
    );
    assert_eq!(scene.lots(), [first, signup, second, paid]);
    scene.charged(&["6.5", "1"]);
    let left: Vec<String> = scene.lots().into_iter().map(|(.., left)| left).collect();
    assert_eq!(left, ["0", "0", "0", "9.5"]);
    scene.audit();
}

#[test]
fn what_is_unspent_of_a_top_up_is_paid_back_without_its_fee() {
    let scene = Scene::new();
    let top_up = scene.top_up("10", "a").ok(200);
    let (plane, asker) = scene.charged(&["4"]);
    let (purse, six) = (Purse::Account(asker.account), usd("6"));
    let order = json!({"reason": "changed my mind", "reference": "back"});
    let paid = std::thread::scope(|scope| {
        let paying = scope.spawn(|| scene.pay_back(&top_up, order.clone()).ok(200));
        let asked = plane.hear(|message| match message {
            ToData::Recall { up_to, .. } => Some(up_to),
            _ => None,
        });
        assert_eq!(asked, six);
        plane.settle(Run::of(LEASE_RING, 1, &[Record::Return { purse, amount: six }]));
        paying.join().unwrap()
    });
    assert_eq!((&paid["kind"], &paid["amount"]), (&json!("pay_back"), &json!("-6")));
    assert_eq!(paid["lot"], top_up["id"]);
    assert_eq!(scene.pay_back(&top_up, order).ok(200), paid, "once, however often it is asked");
    let again = json!({"reason": "more", "reference": "other"});
    assert!(scene.pay_back(&top_up, again).refused(409, "conflict").contains("nothing is left"));
    let sums = scene.shown(&["balance", "paid_back", "fees", "topped_up"]);
    assert_eq!(sums, ["0", "6", "0.8", "10"]);
    scene.audit();
}

#[test]
fn what_was_given_or_paid_for_good_does_not_go_back() {
    let scene = Scene::new();
    let crypto = json!({"amount": "9", "kind": "top_up", "reference": "a", "method": "crypto"});
    let crypto = scene.credit(crypto).ok(200);
    assert_eq!((&crypto["fee"], &crypto["refund_until"]), (&json!("0.45"), &Value::Null));
    let reason = || json!({"reason": "please"});
    scene.pay_back(&crypto, reason()).refused(409, "conflict");
    let grant = json!({"amount": "1", "kind": "grant", "reference": "g"});
    scene.pay_back(&scene.credit(grant).ok(200), reason()).refused(404, "not_found");
    let path = format!("/api/v1/transactions/{}/refund", crypto["id"].as_str().unwrap());
    let call = |key: &str| scene.control.call("POST", &path, key, &reason().to_string());
    call(&scene.key).refused(403, "not_allowed");
    let (keeper, _) = scene.control.key(&scene.account, json!({"class": "management"}));
    call(&keeper).refused(409, "conflict");
    let (stranger, _) =
        scene.control.key(&scene.control.account("1"), json!({"class": "management"}));
    call(&stranger).refused(404, "not_found");
}

#[test]
fn credit_ends_in_its_time_with_an_entry_of_its_own() {
    let scene = Scene::new();
    let life = scene.top_up("10", "a").ok(200);
    let end = units::UnixMillis::parse_rfc3339(life["expires_at"].as_str().unwrap()).unwrap();
    assert_eq!(end.day() - now().day(), 365);
    let soon = now().plus_ms(300).to_string();
    let order = json!({"amount": "2", "kind": "grant", "reference": "b", "expires_at": soon});
    let grant = scene.credit(order).ok(200);
    let begun = Instant::now();
    while scene.shown(&["expired"]) != ["2"] {
        assert!(begun.elapsed() < Duration::from_secs(10), "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    let listed = scene.control.get(&format!("/admin/v1/accounts/{}/transactions", scene.account));
    let entry = listed.ok(200)["data"][0].clone();
    assert_eq!((&entry["kind"], &entry["amount"]), (&json!("expiry"), &json!("-2")));
    assert_eq!((&entry["lot"], &entry["balance_after"]), (&grant["id"], &json!("10")));
    scene.audit();
}

#[test]
fn customers_take_charges_back_within_a_budget() {
    let scene = Scene::new();
    scene.top_up("10", "a").ok(200);
    scene.charged(&["0.04", "0.05", "0.02"]);
    let path = format!("/admin/v1/accounts/{}/generations", scene.account);
    let listed = scene.control.get(&path).ok(200);
    let flag = |place: usize, key: &str, body: &str| {
        let id = listed["data"][place]["id"].as_str().unwrap();
        scene.control.call("POST", &format!("/api/v1/generation/{id}/refund"), key, body)
    };
    let (stranger, _) = scene.control.key(&scene.control.account("1"), json!({}));
    flag(2, &stranger, "").refused(404, "not_found");
    let (other_key, _) = scene.control.key(&scene.account, json!({}));
    flag(2, &other_key, "").refused(404, "not_found");
    for path in ["/api/v1/generation?id=", "/api/v1/generation/"] {
        let id = listed["data"][2]["id"].as_str().unwrap();
        let path =
            if path.ends_with('=') { format!("{path}{id}") } else { format!("{path}{id}/receipt") };
        scene.control.call("GET", &path, &other_key, "").refused(404, "not_found");
        scene.control.call("GET", &path, &scene.key, "").ok(200);
    }
    let taken = flag(2, &scene.key, "").ok(200);
    assert_eq!((&taken["type"], &taken["amount_exact"]), (&json!("refund"), &json!("0.04")));
    flag(2, &scene.key, "").refused(409, "conflict");
    flag(1, &scene.key, r#"{"reason": "it stopped"}"#).ok(200);
    flag(0, &scene.key, "").refused(403, "not_allowed");
    let id = listed["data"][0]["id"].as_str().unwrap();
    let by_operator = format!("/admin/v1/generations/{id}/refund");
    scene.control.post(&by_operator, json!({"reason": "it was us"})).ok(200);
    assert_eq!(scene.shown(&["refunded", "balance", "spent"]), ["0.11", "10", "0.11"]);
    scene.audit();
    let plain = Scene::under(Terms::default());
    plain.credit(json!({"amount": "1", "kind": "top_up", "reference": "a"})).ok(200);
    plain.charged(&["0.01"]);
    let path = format!("/admin/v1/accounts/{}/generations", plain.account);
    let id = plain.control.get(&path).ok(200)["data"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/generation/{id}/refund");
    plain.control.call("POST", &path, &plain.key, "").refused(403, "not_allowed");
}

#[test]
fn an_invoice_adds_up_to_the_picodollar() {
    let scene = Scene::new();
    scene.credit(json!({"amount": "1", "kind": "grant", "reference": "g", "signup": true})).ok(200);
    let top_up = scene.top_up("10", "a").ok(200);
    scene.charged(&["0.04", "6.05"]);
    scene
        .credit(json!({"amount": "-1", "kind": "adjustment", "reference": "x"}))
        .refused(409, "conflict");
    let path = format!("/admin/v1/accounts/{}/invoices", scene.account);
    let listed = scene.control.get(&path).ok(200);
    let sums = &listed["data"][0];
    let text = |value: &Value, field: &str| value[field].as_str().unwrap().to_owned();
    let shown =
        ["opening_balance", "granted", "topped_up", "charged", "closing_balance", "fees", "paid"];
    let shown = shown.map(|field| text(sums, field));
    assert_eq!(shown, ["0", "6", "10", "6.09", "9.91", "0.8", "10.8"]);
    let month = text(sums, "month");
    let invoice = scene.control.get(&format!("{path}/{month}")).ok(200);
    let own = scene.control.call("GET", &format!("/api/v1/invoices/{month}"), &scene.key, "");
    assert_eq!(own.ok(200), invoice);
    assert_eq!(invoice["transactions"][2]["id"], top_up["id"]);
    let line = &invoice["usage"][0];
    let classes = line["classes"].as_array().unwrap();
    let amounts: Usd = classes.iter().map(|class| usd(&text(class, "amount"))).sum();
    let charged = [amounts, usd(&text(line, "other"))].into_iter().sum::<Usd>();
    assert_eq!((charged.to_string(), &line["requests"]), ("6.09".into(), &json!(2)));
    assert_eq!((&classes[0]["class"], &classes[0]["quantity"]), (&json!("input"), &json!(20)));
    assert_eq!(line["list_cost"], "3.045");
    let table = scene.control.get(&format!("{path}/{month}?format=csv")).body;
    let amounts =
        table.lines().skip(1).filter_map(|line| line.split(',').nth(8)?.parse::<Usd>().ok());
    assert_eq!(amounts.sum::<Usd>().to_string(), "9.91");
    assert!(table.lines().last().unwrap().ends_with(",0.8,9.91"), "{table}");
    for unknown in ["2020-01", "2099-01", "2026-13", "x"] {
        scene.control.get(&format!("{path}/{unknown}")).refused(404, "not_found");
    }
}

#[test]
fn what_a_request_holds_ends_when_it_is_let_go() {
    let scene = Scene::under(Terms::default());
    let soon = now().plus_ms(400).to_string();
    let order = json!({"amount": "2", "kind": "grant", "reference": "b", "expires_at": soon});
    scene.credit(order).ok(200);
    let (plane, asker) = scene.charged(&[]);
    plane.settle(Run::of(0, 0, &[asker.hold(usd("0.1"))]));
    assert_eq!(plane.acknowledged(0), 1);
    let recalled = || {
        plane.hear(|message| match message {
            ToData::Recall { up_to, .. } => Some(up_to),
            _ => None,
        })
    };
    assert_eq!(recalled(), usd("1.9"), "what the request holds is not asked for");
    let purse = Purse::Account(asker.account);
    let back = |amount: &str| Record::Return { purse, amount: usd(amount) };
    plane.settle(Run::of(LEASE_RING, 1, &[back("1.9")]));
    assert_eq!(plane.acknowledged(LEASE_RING), 2);
    let shown = || scene.shown(&["expired", "balance"]);
    assert_eq!(shown(), ["1.9", "0.1"], "it was ended before anybody could borrow it again");
    plane.settle(Run::of(0, 1, &[asker.void(0, usd("0.1"))]));
    plane.settle(Run::of(LEASE_RING, 2, &[back("0.1")]));
    assert_eq!(plane.acknowledged(LEASE_RING), 3);
    assert_eq!(shown(), ["2", "0"]);
    scene.audit();
}

#[test]
fn what_requests_held_at_the_first_pay_back_goes_back_at_the_next() {
    let scene = Scene::new();
    let top_up = scene.top_up("10", "a").ok(200);
    let (plane, asker) = scene.charged(&[]);
    plane.settle(Run::of(0, 0, &[asker.hold(usd("4"))]));
    assert_eq!(plane.acknowledged(0), 1);
    let purse = Purse::Account(asker.account);
    let give_back = |seq, amount| {
        plane.settle(Run::of(LEASE_RING, seq, &[Record::Return { purse, amount: usd(amount) }]));
        assert_eq!(plane.acknowledged(LEASE_RING), seq + 1);
    };
    let order = || json!({"reason": "changed my mind"});
    give_back(1, "6");
    assert_eq!(scene.pay_back(&top_up, order()).ok(200)["amount"], "-6");
    plane.settle(Run::of(0, 1, &[asker.void(0, usd("4"))]));
    assert_eq!(plane.acknowledged(0), 2);
    give_back(2, "4");
    let last = scene.pay_back(&top_up, order()).ok(200);
    assert_eq!(last["amount"], "-4");
    assert_eq!(scene.pay_back(&top_up, order()).ok(200), last, "nothing is left of it");
    scene.audit();
}
