//! What a request on a customer's own provider key costs: the fee, once the free ones are used, to
//! the picodollar, on all cores and through a crash.

use std::thread;

use sandbox::Settings;
use serde_json::{Value, json};
use tollgate_tests::config::Config;
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::{CHAT, ROUTED_CHAT, Stand, hello};
use tollgate_tests::upstream::Upstream;
use units::Usd;

const OWN: &str = "sk-own-4f1c9a7e5b3d2086QrSt";

/// Own keys cost 7 % after so many free requests.
fn terms(config: Config, free: u64) -> Config {
    config.sealed().on_terms(&format!("[byok]\nfee = \"0.07\"\nfree_requests = {free}\n"))
}

fn money(generation: &Value, name: &str) -> Usd {
    generation[name].as_str().unwrap().parse().unwrap()
}

fn fee(price: Usd) -> Usd {
    price.mul_ratio_up(7, 100).unwrap()
}

/// All generations of the customer, oldest first, once so many are settled.
fn generations(stand: &Stand, count: usize) -> Vec<Value> {
    let mut all = tollgate_tests::wait_for("the generations settle", super::SOON, || {
        let all = stand.gateway.admin.generations(&stand.customer.account);
        (all.len() == count).then_some(all)
    });
    all.reverse();
    all
}

#[track_caller]
fn books_are_sound(stand: &Stand) {
    let audit = stand.gateway.admin.get("/admin/v1/ledger/audit?full=1");
    assert_eq!(audit["ok"], true, "{audit}");
}

#[test]
fn the_fee_is_charged_after_the_free_requests_and_shown_with_the_provider_s_bill() {
    let stand = Stand::with(|config| terms(config, 2));
    assert_eq!(stand.chat(&hello()).status(), 200);
    let own = stand.keep_own_key(OWN, &json!({ "always_use": true }));
    for _ in 0..4 {
        assert_eq!(stand.chat(&hello()).status(), 200);
    }
    let all = generations(&stand, 5);
    let price = money(&all[0], "charged");
    let charged: Vec<Usd> = all.iter().map(|one| money(one, "charged")).collect();
    assert_eq!(charged, [price, Usd::ZERO, Usd::ZERO, fee(price), fee(price)]);
    for one in &all[1..] {
        assert_eq!(one["is_byok"], true, "{one}");
        assert_eq!((money(one, "byok_cost"), money(one, "list_cost")), (price, Usd::ZERO));
        assert!(money(one, "held") < money(&all[0], "held"), "{one}");
    }
    assert_eq!((money(&all[1], "held"), &all[0]["is_byok"]), (Usd::ZERO, &json!(false)));
    let spent = [price, fee(price), fee(price)].into_iter().sum();
    let account = stand.gateway.settled(&stand.customer.account, |it| it.spent == spent);
    assert_eq!(account.balance.checked_add(spent), Some(Usd::from_dollars(100)));

    let id = all[4]["id"].as_str().unwrap();
    let told = stand.get(&format!("/api/v1/generation?id={id}")).json()["data"].clone();
    let dollars = |amount: Usd| amount.to_string().parse::<f64>().unwrap();
    let close = |shown: &Value, amount: Usd| {
        assert!((shown.as_f64().unwrap() - dollars(amount)).abs() < 1e-12, "{shown} {amount}");
    };
    assert_eq!(told["is_byok"], true);
    close(&told["upstream_inference_cost"], price);
    close(&told["total_cost"], fee(price));
    for stream in [false, true] {
        let mut body = hello();
        body["stream"] = stream.into();
        let answer = stand.post(ROUTED_CHAT, body.to_string().as_bytes());
        let events = answer.events().into_iter();
        let told: Vec<Value> = if stream {
            events.filter_map(|event| serde_json::from_str(&event).ok()).collect()
        } else {
            vec![answer.json()]
        };
        let usages = told.iter().map(|one| &one["usage"]).filter(|usage| !usage.is_null());
        let usages: Vec<&Value> = usages.collect();
        assert_eq!((usages.len(), &usages[0]["is_byok"]), (1, &json!(true)), "{told:?}");
        close(&usages[0]["cost"], fee(price));
        close(&usages[0]["cost_details"]["upstream_inference_cost"], price);
    }
    let spent = [price, fee(price), fee(price), fee(price), fee(price)].into_iter().sum();
    stand.gateway.settled(&stand.customer.account, |it| it.spent == spent);
    let six = [price; 6].into_iter().sum();
    let key = stand.get("/api/v1/key").json()["data"].clone();
    for name in ["byok_usage", "byok_usage_daily", "byok_usage_weekly", "byok_usage_monthly"] {
        close(&key[name], six);
    }
    close(&key["usage"], spent);
    books_are_sound(&stand);

    let path = format!("/api/v1/byok/{}", own["id"].as_str().unwrap());
    let gone = stand.call(&stand.management_key(), ("DELETE", &path), &Value::Null);
    assert_eq!(gone.status(), 200);
    assert_eq!(stand.chat(&hello()).status(), 200);
    assert_eq!(money(&generations(&stand, 8)[7], "charged"), price);
}

#[test]
fn what_a_shared_key_served_in_the_end_is_paid_in_full_and_uses_no_free_request() {
    let settings = Settings { api_key: Some("test-key".to_owned()), ..Settings::burst() };
    let stand = Stand::on(Upstream::with(settings), |config| terms(config, 1));
    assert_eq!(stand.chat(&hello()).status(), 200);
    let wrong = stand.keep_own_key(OWN, &Value::Null);
    assert_eq!(stand.chat(&hello()).status(), 200);
    let all = generations(&stand, 2);
    let price = money(&all[0], "charged");
    assert_eq!((money(&all[1], "charged"), &all[1]["is_byok"]), (price, &json!(false)));
    assert_eq!(money(&all[1], "held"), money(&all[0], "held"), "the shared key may serve");
    assert_eq!(all[1]["attempts"].as_array().unwrap().len(), 2);
    // The free request went back: the next one on an own key has it, and the one after has none.
    let path = format!("/api/v1/byok/{}", wrong["id"].as_str().unwrap());
    let right = json!({ "key": "test-key" });
    let changed = stand.call(&stand.management_key(), ("PATCH", &path), &right);
    assert_eq!(changed.status(), 200, "{}", changed.text());
    for _ in 0..2 {
        assert_eq!(stand.chat(&hello()).status(), 200);
    }
    let all = generations(&stand, 4);
    let charged = [2, 3].map(|at| money(&all[at], "charged"));
    assert_eq!(charged, [Usd::ZERO, fee(price)]);
    books_are_sound(&stand);
}

#[test]
fn a_free_request_needs_no_credit_and_one_with_a_fee_only_that() {
    let stand = Stand::with(|config| terms(config, 1));
    stand.keep_own_key(OWN, &json!({ "always_use": true }));
    let admin = &stand.gateway.admin;
    let poor = admin.make_key(&stand.customer.account, &json!({ "limit": "0" }));
    assert_eq!(stand.gateway.chat(&poor, &hello()).status(), 200);
    let answer = stand.gateway.chat(&poor, &hello());
    check_refusal(&answer, Form::of(CHAT), 402, "key_limit_exceeded");
    let account = stand.gateway.settled(&stand.customer.account, |_| true);
    assert_eq!(account.spent, Usd::ZERO);
}

#[test]
fn not_one_free_request_too_many_on_all_cores() {
    const FREE: u64 = 25;
    let stand = Stand::with(|config| terms(Config { cores: 2, ..config }, FREE));
    stand.keep_own_key(OWN, &Value::Null);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(stand.chat(&hello()).status(), 200);
                }
            });
        }
    });
    let all = generations(&stand, 80);
    let free = all.iter().filter(|one| money(one, "charged").is_zero()).count();
    assert_eq!(free as u64, FREE);
    books_are_sound(&stand);
}

#[test]
fn a_crash_gives_no_free_request_twice() {
    let mut stand = Stand::with(|config| terms(config, 5));
    stand.keep_own_key(OWN, &Value::Null);
    for _ in 0..2 {
        assert_eq!(stand.chat(&hello()).status(), 200);
    }
    generations(&stand, 2);
    stand.gateway.kill();
    stand.gateway.restart();
    for _ in 0..5 {
        assert_eq!(stand.chat(&hello()).status(), 200);
    }
    let all = generations(&stand, 7);
    let free = all.iter().filter(|one| money(one, "charged").is_zero()).count();
    assert_eq!(free, 5);
    books_are_sound(&stand);
}
