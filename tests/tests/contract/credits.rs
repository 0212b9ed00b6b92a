//! Credit on the terms of a profile, through both ports: what it costs, which is spent first, what
//! ends and goes back; and that every list a customer may ask for tells of the same cents.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_tests::client::{Answer, request};
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::{ROUTED_CHAT, Stand, hello};
use tollgate_tests::upstream::Upstream;
use units::Usd;

const TERMS: &str = "[credit]\nsignup = \"5\"\nminimum = \"5\"\nlife_days = 365\n\
                     refund_hours = 24\nflagged_refunds = { amount = \"0.01\", days = 30 }\n\
                     [credit.fee.card]\nrate = \"0.055\"\nminimum = \"0.80\"\n\
                     [credit.fee.crypto]\nrate = \"0.05\"\nrefundable = false\n";

fn shop() -> Stand {
    Stand::on(Upstream::start(), |config| config.on_terms(TERMS))
}

fn call(stand: &Stand, key: &str, method: &str, path: &str, body: &Value) -> Answer {
    let headers = [("x-api-key", key), ("content-type", "application/json")];
    let text = if body.is_null() { String::new() } else { body.to_string() };
    stand.send(&request(method, path, &headers, text.as_bytes()))
}

fn credit(stand: &Stand, account: &str, order: &Value) -> Answer {
    let path = format!("/admin/v1/accounts/{account}/credits");
    stand.gateway.admin.call("POST", &path, order)
}

fn usd(value: &Value) -> Usd {
    value.as_str().unwrap().parse().unwrap()
}

#[test]
fn a_card_has_a_fee_and_a_first_top_up_a_minimum() {
    let stand = shop();
    let admin = &stand.gateway.admin;
    let opened = admin.post("/admin/v1/accounts", &json!({ "name": "new", "signup": true }));
    let account = opened["id"].as_str().unwrap();
    assert_eq!((&opened["balance"], &opened["granted"]), (&json!("5"), &json!("5")));
    let order = |amount: &str, method: &str| {
        let reference = format!("{amount} by {method}");
        json!({ "amount": amount, "kind": "top_up", "reference": reference, "method": method })
    };
    check_refusal(
        &credit(&stand, account, &order("4.99", "card")),
        Form::OpenAi,
        400,
        "invalid_request",
    );
    check_refusal(
        &credit(&stand, account, &order("9", "cash")),
        Form::OpenAi,
        400,
        "invalid_request",
    );
    let booked = credit(&stand, account, &order("20", "card")).json();
    assert_eq!((&booked["amount"], &booked["fee"]), (&json!("20"), &json!("1.1")));
    assert_eq!(credit(&stand, account, &order("20", "card")).json(), booked);
    assert_eq!(credit(&stand, account, &order("1", "card")).json()["fee"], "0.8");
    let told = admin.get(&format!("/admin/v1/accounts/{account}"));
    assert_eq!((&told["balance"], &told["fees"]), (&json!("26"), &json!("1.9")));
}

#[test]
fn what_is_unspent_goes_back_from_under_a_running_gateway() {
    let stand = shop();
    let admin = &stand.gateway.admin;
    let account = admin.open_account("fickle");
    let key = admin.make_key(&account, &json!({}));
    let keeper = admin.make_key(&account, &json!({ "class": "management" }));
    let order = json!({ "amount": "7", "kind": "top_up", "reference": "a", "method": "card" });
    let top_up = credit(&stand, &account, &order).json();
    assert_eq!(stand.gateway.chat(&key, &hello()).status(), 200);
    let spent = stand.gateway.settled(&account, |account| !account.spent.is_zero()).spent;
    let path = format!("/api/v1/transactions/{}/refund", top_up["id"].as_str().unwrap());
    let order = json!({ "reason": "changed my mind" });
    check_refusal(&call(&stand, &key, "POST", &path, &order), Form::OpenRouter, 403, "not_allowed");
    let back = call(&stand, &keeper, "POST", &path, &order);
    assert_eq!(back.status(), 200, "{}", back.text());
    let rest: Usd = [Usd::from_dollars(7), -spent].into_iter().sum();
    assert_eq!(usd(&back.json()["amount_exact"]), -rest);
    assert_eq!(call(&stand, &keeper, "POST", &path, &order).json(), back.json());
    assert_eq!(admin.account(&account).balance, Usd::ZERO);
    check_refusal(&stand.gateway.chat(&key, &hello()), Form::OpenAi, 402, "insufficient_credits");
    let audit = admin.get("/admin/v1/ledger/audit?full=1");
    assert_eq!(audit["ok"], true, "{audit:#}");
}

#[test]
fn credit_that_has_ended_buys_nothing() {
    let stand = shop();
    let admin = &stand.gateway.admin;
    let account = admin.open_account("late");
    let key = admin.make_key(&account, &json!({}));
    let soon = std::time::UNIX_EPOCH.elapsed().unwrap() + Duration::from_millis(700);
    let soon = units::UnixMillis(soon.as_millis() as u64).to_string();
    let order = json!({ "amount": "1", "kind": "grant", "reference": "a", "expires_at": soon });
    assert_eq!(credit(&stand, &account, &order).status(), 200);
    let begun = Instant::now();
    while admin.account(&account).expired.is_zero() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    check_refusal(&stand.gateway.chat(&key, &hello()), Form::OpenAi, 402, "insufficient_credits");
    let told = admin.account(&account);
    assert_eq!(told.balance, Usd::ZERO, "nothing was lent out when it ended");
    assert_eq!((told.expired, told.granted), (Usd::from_dollars(1), Usd::from_dollars(1)));
}

#[test]
fn a_charge_is_taken_back_once_and_within_the_budget() {
    let stand = shop();
    let generations: Vec<String> = (0..2)
        .map(|_| {
            let answer = stand.post(ROUTED_CHAT, hello().to_string().as_bytes());
            answer.head.header("x-generation-id").unwrap().to_owned()
        })
        .collect();
    let account = &stand.customer.account;
    stand.gateway.settled(account, |_| stand.gateway.admin.generations(account).len() == 2);
    let take = |id: &str| {
        let path = format!("/api/v1/generation/{id}/refund");
        call(&stand, &stand.customer.key, "POST", &path, &Value::Null)
    };
    let taken = take(&generations[0]);
    assert_eq!(taken.status(), 200, "{}", taken.text());
    assert_eq!(
        (&taken.json()["type"], &taken.json()["generation"]),
        (&json!("refund"), &json!(generations[0]))
    );
    check_refusal(&take(&generations[0]), Form::OpenRouter, 409, "conflict");
    let seen = stand.get(&format!("/api/v1/generation?id={}", generations[0])).json();
    assert_eq!(seen["data"]["refunded"], seen["data"]["total_cost"]);
    let plain = Stand::start();
    let answer = plain.post(ROUTED_CHAT, hello().to_string().as_bytes());
    let id = answer.head.header("x-generation-id").unwrap().to_owned();
    plain.gateway.settled(&plain.customer.account, |account| !account.spent.is_zero());
    let path = format!("/api/v1/generation/{id}/refund");
    let refused = call(&plain, &plain.customer.key, "POST", &path, &json!({ "reason": "please" }));
    check_refusal(&refused, Form::OpenRouter, 403, "not_allowed");
}

#[test]
fn every_list_tells_of_the_same_cents() {
    const REQUESTS: usize = 5;
    let stand = shop();
    let answers = (0..REQUESTS).map(|_| stand.chat(&hello()).status());
    assert!(answers.eq([200; REQUESTS]));
    let account = &stand.customer.account;
    let admin = &stand.gateway.admin;
    stand.gateway.settled(account, |_| admin.generations(account).len() == REQUESTS);
    let money = admin.account(account);

    let lines =
        stand.get("/api/v1/transactions").json()["transactions"].as_array().unwrap().clone();
    let amounts: Usd = lines.iter().map(|line| usd(&line["amount_exact"])).sum();
    assert_eq!(amounts, money.balance);
    assert_eq!(usd(&lines[0]["balance_after_exact"]), money.balance);
    let summary = stand.get("/api/usage/summary").json();
    assert_eq!(usd(&summary["totals"]["cost_exact"]), money.spent);
    let series = stand.get("/api/usage/timeseries?granularity=hourly").json();
    let hours = series["data"].as_array().unwrap().iter();
    assert_eq!(hours.map(|hour| usd(&hour["cost_exact"])).sum::<Usd>(), money.spent);
    let months = stand.get("/api/v1/invoices").json();
    assert_eq!(usd(&months["data"][0]["closing_balance"]), money.balance);
    let month = months["data"][0]["month"].as_str().unwrap();
    let invoice = stand.get(&format!("/api/v1/invoices/{month}")).json();
    let charged = invoice["usage"].as_array().unwrap().iter().map(|line| usd(&line["charged"]));
    assert_eq!(charged.sum::<Usd>(), money.spent);
    assert_eq!(usd(&invoice["usage"][0]["other"]), Usd::ZERO, "no condition, nothing cut");
    let export = stand.get("/api/v1/export?format=json").json();
    let rows = export.as_array().unwrap();
    assert_eq!(rows.iter().map(|row| usd(&row["charged"])).sum::<Usd>(), money.spent);
    let table = stand.get("/api/v1/export?format=csv");
    assert_eq!(table.text().lines().count(), REQUESTS + 1);
    assert!(table.head.header("content-disposition").is_some_and(|kept| kept.contains("csv")));
    assert_eq!(stand.get("/api/v1/activity").json(), json!({ "data": [] }), "today is not over");
}

#[test]
fn a_long_export_comes_through_whole() {
    const REQUESTS: usize = 150;
    let stand = Stand::start();
    let mut client = stand.gateway.connect();
    let one = tollgate_tests::client::chat_request(&stand.customer.key, &hello());
    for _ in 0..REQUESTS {
        client.send(&one);
        assert_eq!(client.read_answer().unwrap().status(), 200);
    }
    let account = &stand.customer.account;
    let admin = &stand.gateway.admin;
    stand.gateway.settled(account, |_| admin.generations(account).len() == REQUESTS);
    let money = admin.account(account);
    let export = stand.get("/api/v1/export?format=json");
    assert!(export.text().len() > 100_000, "longer than what is passed on whole");
    let rows = export.json();
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), REQUESTS);
    assert_eq!(rows.iter().map(|row| usd(&row["charged"])).sum::<Usd>(), money.spent);
}
