//! The account API: what a customer's key may see and do, and what it may not.

use std::sync::atomic::Ordering;

use ledger::{Purse, Run};
use serde_json::{Value, json};
use units::Usd;

use crate::harness::plane::{Asker, Plane, now};
use crate::harness::{Answer, Control, TOKEN, catalog, send};

fn cents(count: i128) -> Usd {
    Usd::from_pico(count * 10_000_000_000)
}

/// A customer with five dollars who has made two requests: one charged three cents, one voided.
struct Customer {
    control: Control,
    account: String,
    key: String,
    hash: String,
}

impl Customer {
    fn new() -> Self {
        let control = Control::start();
        control.post("/admin/v1/catalog", catalog()).ok(200);
        let account = control.account("5");
        let (key, hash) = control.key(&account, json!({}));
        let plane = Plane::link(control.running(), 1, 1);
        let asker = Asker::of(&account);
        plane.borrow(Purse::Account(asker.account), 0);
        let records = [
            asker.hold(cents(10)),
            asker.hold(cents(20)),
            asker.post(0, cents(10), cents(3)),
            asker.void(1, cents(20)),
        ];
        plane.settle(Run::of(0, 0, &records));
        assert_eq!(plane.acknowledged(0), 4);
        Self { control, account, key, hash }
    }

    fn get(&self, path: &str) -> Answer {
        self.control.call("GET", path, &self.key, "")
    }
}

#[test]
fn a_balance_is_a_number_with_its_exact_text() {
    let customer = Customer::new();
    let balance = customer.get("/api/v1/balance");
    assert_eq!(balance.ok(200)["balance_exact"], "4.97");
    assert!(balance.body.contains("\"balance\":4.97,"), "{}", balance.body);
    assert_eq!(balance.ok(200)["currency"], "USD");
    let credits = customer.get("/api/v1/credits").ok(200);
    let (credit, usage) = (&credits["data"]["total_credits"], &credits["data"]["total_usage"]);
    assert_eq!((credit, usage), (&json!(5), &json!(0.03)));
    assert_eq!(credits["data"]["lots"][0]["left"], "4.97");
}

#[test]
fn a_statement_tells_credits_and_usage_newest_first() {
    let customer = Customer::new();
    let whole = customer.get("/api/v1/transactions").ok(200);
    let lines = whole["transactions"].as_array().unwrap();
    let kinds: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["usage", "credit"]);
    let texts = |field: &str| lines.iter().map(|line| line[field].clone()).collect::<Vec<_>>();
    assert_eq!(texts("amount_exact"), ["-0.03", "5"]);
    assert_eq!(texts("balance_after_exact"), ["4.97", "5"]);
    assert_eq!(lines[0]["description"], "sandbox/chat: 1 request");
    let mut paged: Vec<Value> = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = customer.get(&format!("/api/v1/transactions?limit=1&cursor={cursor}")).ok(200);
        paged.extend(page["transactions"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { break };
        cursor = next.to_owned();
    }
    assert_eq!(&paged, lines);
}

#[test]
fn a_generation_is_shown_to_the_one_who_paid() {
    let customer = Customer::new();
    let path = format!("/admin/v1/accounts/{}/generations", customer.account);
    let listed = customer.control.get(&path).ok(200);
    let charged = &listed["data"][1];
    assert_eq!(charged["charged"], "0.03");
    assert_eq!((&charged["list_cost"], &charged["margin"]), (&json!("0.015"), &json!("0.015")));
    assert_eq!(charged["usage"], json!({"input": 10, "output": 20}));
    assert_eq!(charged["price"]["output"], "2");
    assert_eq!(charged["endpoint"], json!({"provider": "sandbox", "model": "chat"}));
    assert_eq!(charged["key_hash"], customer.hash.as_str());
    assert_eq!(charged["attempts"][0]["status"], 200);
    let voided = &listed["data"][0];
    assert_eq!((&voided["outcome"], &voided["charged"]), (&json!("timeout"), &json!("0")));

    let id = charged["id"].as_str().unwrap();
    assert_eq!(&customer.control.get(&format!("/admin/v1/generations/{id}")).ok(200), charged);
    let receipt = customer.get(&format!("/api/v1/generation?id={id}")).ok(200);
    assert_eq!(receipt["data"]["model"], "sandbox/chat");
    assert_eq!(receipt["data"]["tokens_completion"], 20);
    assert_eq!(receipt["data"]["total_cost"], 0.03);
    let other = customer.control.account("1");
    let (stranger, _) = customer.control.key(&other, json!({}));
    let path = format!("/api/v1/generation?id={id}");
    customer.control.call("GET", &path, &stranger, "").refused(404, "not_found");
    customer.get("/api/v1/generation").refused(400, "invalid_request");
}

#[test]
fn a_key_sees_itself_and_what_it_used() {
    let customer = Customer::new();
    let key = customer.get("/api/v1/key").ok(200)["data"].clone();
    assert_eq!((&key["usage"], &key["usage_daily"]), (&json!(0.03), &json!(0.03)));
    assert_eq!(key["hash"], customer.hash.as_str());
    assert_eq!(key["is_management_key"], false);
    assert!(!key["label"].as_str().unwrap().contains(&customer.key[10..30]));
}

#[test]
fn a_key_may_stand_in_each_of_its_places() {
    let customer = Customer::new();
    let key = &customer.key;
    let places = [
        format!("GET /api/v1/balance HTTP/1.1\r\nX-Api-Key: {key}\r\n"),
        format!("GET /api/v1/balance HTTP/1.1\r\nx-goog-api-key: {key}\r\n"),
        format!("GET /api/v1/balance HTTP/1.1\r\nauthorization: bearer {key}\r\n"),
        format!("GET /api/v1/balance?key={key} HTTP/1.1\r\n"),
    ];
    for head in places {
        let request = format!("{head}Host: x\r\nConnection: close\r\n\r\n");
        assert_eq!(send(customer.control.address, &request).status, 200, "{head}");
    }
}

#[test]
fn a_key_that_is_not_valid_now_is_refused() {
    let customer = Customer::new();
    let control = &customer.control;
    for key in ["", "sk-tg-x", &format!("{}x", customer.key)] {
        control.call("GET", "/api/v1/balance", key, "").refused(401, "invalid_api_key");
    }
    let path = format!("/admin/v1/keys/{}", customer.hash);
    let balance = || customer.get("/api/v1/balance").status;
    for (change, status) in [
        (json!({"disabled": true}), 401),
        (json!({"disabled": false}), 200),
        (json!({"expires_at": "2020-01-01T00:00:00Z"}), 401),
        (json!({"expires_at": null}), 200),
    ] {
        control.patch(&path, change.clone()).ok(200);
        assert_eq!(balance(), status, "{change}");
    }
    let account = format!("/admin/v1/accounts/{}", customer.account);
    control.patch(&account, json!({"disabled": true})).ok(200);
    assert_eq!(balance(), 401);
    control.patch(&account, json!({"disabled": false})).ok(200);
    control.delete(&path).ok(200);
    assert_eq!(balance(), 401);
}

#[test]
fn keys_are_managed_with_a_management_key_alone() {
    let customer = Customer::new();
    let control = &customer.control;
    customer.get("/api/v1/keys").refused(403, "not_allowed");
    let (manager, _) = control.key(&customer.account, json!({"class": "management"}));
    let call = |method, path: &str, body: &str| control.call(method, path, &manager, body);
    let made = call("POST", "/api/v1/keys", r#"{"name":"mine","limit":12.5}"#).ok(201);
    assert_eq!(made["data"]["limit"], 12.5);
    let text = made["key"].as_str().unwrap();
    assert_eq!(control.call("GET", "/api/v1/key", text, "").ok(200)["data"], made["data"]);
    let path = format!("/api/v1/keys/{}", made["data"]["hash"].as_str().unwrap());
    let patched = call("PATCH", &path, r#"{"limit":null,"name":"ours"}"#).ok(200);
    assert_eq!(
        (&patched["data"]["limit"], &patched["data"]["name"]),
        (&json!(null), &json!("ours"))
    );
    assert_eq!(call("GET", "/api/v1/keys", "").ok(200)["data"].as_array().unwrap().len(), 3);
    let (_, foreign) = control.key(&control.account("1"), json!({}));
    call("GET", &format!("/api/v1/keys/{foreign}"), "").refused(404, "not_found");
    call("DELETE", &format!("/api/v1/keys/{foreign}"), "").refused(404, "not_found");
    assert_eq!(call("DELETE", &path, "").ok(200)["deleted"], true);
    control.call("GET", "/api/v1/key", text, "").refused(401, "invalid_api_key");
}

#[test]
fn a_write_is_answered_once_data_planes_have_it() {
    let customer = Customer::new();
    let plane = Plane::link(customer.control.running(), 2, 1);
    plane.publication();
    plane.confirms.store(false, Ordering::Relaxed);
    let begun = std::time::Instant::now();
    let (_, hash) = customer.control.key(&customer.account, json!({}));
    let waited = begun.elapsed().as_millis();
    assert!((500..1500).contains(&waited), "{waited} ms without a confirmation");
    let told = plane.publication();
    let link::KeyChanges::Delta(changes) = told.keys else { panic!("not a delta") };
    assert_eq!(changes[0].0.to_string(), hash);
    plane.confirms.store(true, Ordering::Relaxed);
    plane.say(link::ToControl::Applied { generation: told.generation });
    let begun = std::time::Instant::now();
    customer.control.key(&customer.account, json!({}));
    assert!(begun.elapsed().as_millis() < 300);
}

/// The fields of an answer are those of its shape, level by level.
fn assert_described(document: &Value, shape: &Value, answer: &Value, place: &str) {
    if let Some(reference) = shape["$ref"].as_str() {
        let shape = document.pointer(&reference[1..]).unwrap();
        return assert_described(document, shape, answer, place);
    }
    match answer {
        Value::Object(fields) if shape["properties"].is_object() => {
            for (field, value) in fields {
                let shape = &shape["properties"][field];
                assert!(shape.is_object(), "{place}.{field} is not described");
                assert_described(document, shape, value, &format!("{place}.{field}"));
            }
            for field in shape["required"].as_array().into_iter().flatten() {
                assert!(fields.contains_key(field.as_str().unwrap()), "{place} lacks {field}");
            }
        }
        Value::Array(items) => {
            items.iter().for_each(|item| {
                assert_described(document, &shape["items"], item, &format!("{place}[]"));
            });
        }
        _ => {}
    }
}

#[test]
fn what_is_answered_is_what_is_described() {
    let customer = Customer::new();
    let document = customer.control.get("/openapi.json").ok(200);
    let account = &customer.account;
    let (manager, hash) = customer.control.key(account, json!({"class": "management"}));
    let generations = format!("/admin/v1/accounts/{account}/generations");
    let listed = customer.control.get(&generations).ok(200);
    let id = listed["data"][1]["id"].as_str().unwrap().to_owned();
    let calls = [
        ("/admin/v1/providers", String::new()),
        ("/admin/v1/models/{id}", "/admin/v1/models/sandbox/chat".into()),
        ("/admin/v1/catalog", String::new()),
        ("/admin/v1/accounts", String::new()),
        ("/admin/v1/accounts/{id}", format!("/admin/v1/accounts/{account}")),
        ("/admin/v1/accounts/{id}/keys", format!("/admin/v1/accounts/{account}/keys")),
        (
            "/admin/v1/accounts/{id}/transactions",
            format!("/admin/v1/accounts/{account}/transactions"),
        ),
        ("/admin/v1/accounts/{id}/generations", generations),
        ("/admin/v1/accounts/{id}/credits", format!("/admin/v1/accounts/{account}/credits")),
        ("/admin/v1/keys/{hash}", format!("/admin/v1/keys/{hash}")),
        ("/admin/v1/generations/{id}", format!("/admin/v1/generations/{id}")),
        ("/admin/v1/generations/{id}/receipt", format!("/admin/v1/generations/{id}/receipt")),
        ("/admin/v1/ledger/audit", String::new()),
        ("/admin/v1/status", String::new()),
        ("/admin/v1/dataplanes", String::new()),
        ("/api/v1/balance", String::new()),
        ("/api/v1/transactions", String::new()),
        ("/api/v1/credits", String::new()),
        ("/api/v1/terms", String::new()),
        ("/api/v1/invoices", String::new()),
        ("/api/v1/invoices/{month}", format!("/api/v1/invoices/{}", &now().date()[..7])),
        ("/api/v1/activity", String::new()),
        ("/api/usage/summary", String::new()),
        ("/api/usage/timeseries", String::new()),
        ("/api/v1/key", String::new()),
        ("/api/v1/keys", String::new()),
        ("/api/v1/keys/{hash}", format!("/api/v1/keys/{hash}")),
        ("/api/v1/generation", format!("/api/v1/generation?id={id}")),
        ("/api/v1/generation/{id}/receipt", format!("/api/v1/generation/{id}/receipt")),
        ("/api/v1/receipt-key", String::new()),
    ];
    for (path, called) in calls {
        let called = if called.is_empty() { path } else { &called };
        let token = if path.starts_with("/api") { manager.as_str() } else { TOKEN };
        let answer = customer.control.call("GET", called, token, "").ok(200);
        let good = &document["paths"][path]["get"]["responses"]["200"];
        let shape = &good["content"]["application/json"]["schema"];
        assert!(shape.is_object(), "{path}");
        assert_described(&document, shape, &answer, path);
    }
}
