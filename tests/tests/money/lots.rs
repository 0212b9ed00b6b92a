//! Credit that ends, goes back and comes in while requests spend it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_tests::checker::check;
use tollgate_tests::config::Config;
use tollgate_tests::gateway::Gateway;
use tollgate_tests::stand::hello;
use tollgate_tests::upstream::Upstream;
use tollgate_tests::wait_for;
use units::{UnixMillis, Usd};

const CLIENTS: usize = 6;
const REQUESTS: usize = 40;
const CREDITS: usize = 12;

const TERMS: &str = "[credit]\nrefund_hours = 24\n[credit.fee.card]\nrate = \"0.055\"\n";

/// A cent that is topped up or, each other time, given for a moment.
fn credit(gateway: &Gateway, account: &str, number: usize) -> Value {
    let soon = std::time::UNIX_EPOCH.elapsed().unwrap() + Duration::from_millis(400);
    let soon = UnixMillis(soon.as_millis() as u64).to_string();
    let mut order = json!({ "amount": "0.01", "reference": format!("credit {number}") });
    if number.is_multiple_of(2) {
        order["kind"] = "top_up".into();
        order["method"] = "card".into();
    } else {
        order["kind"] = "grant".into();
        order["expires_at"] = soon.into();
    }
    let booked = gateway.admin.post(&format!("/admin/v1/accounts/{account}/credits"), &order);
    assert_eq!(booked["amount"], "0.01", "{booked}");
    booked
}

/// Asks for a top-up back; nothing may be left of it, or it may all be held.
fn pay_back(gateway: &Gateway, top_up: &Value) -> bool {
    let path = format!("/admin/v1/transactions/{}/refund", top_up["id"].as_str().unwrap());
    let answer = gateway.admin.call("POST", &path, &json!({ "reason": "no more" }));
    assert!(matches!(answer.status(), 200 | 409), "{}", answer.text());
    answer.status() == 200
}

#[test]
fn no_cent_is_lost_while_credit_comes_and_goes_under_load() {
    let upstream = Upstream::start();
    let mut gateway = Gateway::start(Config::simple(&upstream.base_url()).on_terms(TERMS));
    let customer = gateway.admin.customer("restless", "0.01");
    let (served, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                for _ in 0..REQUESTS {
                    match gateway.chat(&customer.key, &hello()).status() {
                        200 => served.fetch_add(1, Ordering::Relaxed),
                        402 | 429 => refused.fetch_add(1, Ordering::Relaxed),
                        other => panic!("status {other}"),
                    };
                }
            });
        }
        for number in 0..CREDITS {
            let booked = credit(&gateway, &customer.account, number);
            thread::sleep(Duration::from_millis(60));
            if number.is_multiple_of(4) {
                pay_back(&gateway, &booked);
            }
        }
    });
    let served = served.load(Ordering::Relaxed);
    assert_eq!(served + refused.load(Ordering::Relaxed), CLIENTS * REQUESTS);
    assert!(served > 0);
    check(&gateway, &[&upstream], &[&customer.account]);
    let last = credit(&gateway, &customer.account, CREDITS);
    assert!(pay_back(&gateway, &last), "nothing runs that could hold it");
    let path = format!("/admin/v1/accounts/{}/credits", customer.account);
    wait_for("what was given for a moment has ended", Duration::from_secs(10), || {
        let lots = gateway.admin.get(&path);
        let mut grants = lots.as_array()?.iter().filter(|lot| lot["kind"] == "grant");
        grants.all(|lot| lot["left"] == "0").then_some(())
    });
    for is_killed in [false, true] {
        let money = gateway.admin.account(&customer.account);
        let lots = gateway.admin.get(&path);
        let left = lots.as_array().unwrap().iter().map(|lot| lot["left"].as_str().unwrap());
        let left: Usd = left.map(|left| left.parse::<Usd>().unwrap()).sum();
        assert_eq!(left, money.balance, "killed: {is_killed}");
        let audit = gateway.admin.get("/admin/v1/ledger/audit?full=1");
        assert_eq!(audit["ok"], true, "{audit:#}");
        if is_killed {
            gateway.kill();
        } else {
            assert!(gateway.stop().success());
        }
        gateway.restart();
        assert_eq!(gateway.admin.get(&path), lots, "killed: {is_killed}");
    }
}
