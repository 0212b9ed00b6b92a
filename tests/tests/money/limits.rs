//! Spending limits of keys, and what the admin port's answers promise to the very next request.

use serde_json::{Value, json};
use tollgate_tests::checker::check;
use tollgate_tests::config::Config;
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;
use units::Usd;

use crate::load::{Job, Shape, crowd};

/// How often a promise is tried: a race shows after some tries.
const TRIES: usize = 15;

fn start(upstream: &Upstream) -> Gateway {
    let mut config = Config::simple(&upstream.base_url());
    config.cores = 2;
    Gateway::start(config)
}

/// A key's text and its hash.
fn key_of(gateway: &Gateway, account: &str, more: Value) -> (String, String) {
    let mut order = json!({ "name": "test", "class": "live" });
    order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = gateway.admin.post(&format!("/admin/v1/accounts/{account}/keys"), &order);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("key"), text("hash"))
}

/// Status and code of a request with a key.
fn verdict(gateway: &Gateway, key: &str) -> (u16, Value) {
    let answer = gateway.chat(key, &Job::of("up/chat", Shape::Whole).body(3));
    (answer.status(), answer.json()["error"]["code"].clone())
}

#[test]
fn fifty_at_once_never_exceed_a_keys_limit() {
    let upstream = Upstream::paced(100, 0);
    let gateway = start(&upstream);
    let customer = gateway.admin.customer("careful", "10");
    let limit: Usd = "0.004".parse().unwrap();
    let (key, hash) = key_of(&gateway, &customer.account, json!({ "limit": "0.004" }));
    let crowd = crowd(&gateway, &key, 50, "key_limit_exceeded");
    println!("{crowd:?}");
    assert_eq!(crowd.waiting, 0);
    assert!(crowd.served >= 4 && crowd.denied > 0, "{crowd:?}");
    check(&gateway, &[&upstream], &[&customer.account]);
    let account = gateway.admin.account(&customer.account);
    assert!(account.spent <= limit, "{} of {limit}", account.spent);
    let told = gateway.admin.get(&format!("/admin/v1/keys/{hash}"));
    assert_eq!(told["usage"], json!(account.spent));
    assert_eq!(told["limit_remaining"], json!(limit.checked_sub(account.spent).unwrap()));
    assert_eq!(verdict(&gateway, &customer.key).0, 200, "other keys are not limited");
}

#[test]
fn a_raised_limit_and_a_cleared_one_hold_at_once() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let customer = gateway.admin.customer("growing", "10");
    let (key, hash) = key_of(&gateway, &customer.account, json!({ "limit": "0.000001" }));
    let path = format!("/admin/v1/keys/{hash}");
    assert_eq!(verdict(&gateway, &key), (402, json!("key_limit_exceeded")));
    gateway.admin.patch(&path, &json!({ "limit": "1" }));
    assert_eq!(verdict(&gateway, &key).0, 200);
    // What a running request holds may still be spent by it, or come free a moment later.
    gateway.settled(&customer.account, |account| !account.spent.is_zero());
    gateway.admin.patch(&path, &json!({ "limit": "0.000001" }));
    assert_eq!(verdict(&gateway, &key), (402, json!("key_limit_exceeded")));
    gateway.admin.patch(&path, &json!({ "limit": null }));
    assert_eq!(verdict(&gateway, &key).0, 200);
    check(&gateway, &[&upstream], &[&customer.account]);
}

#[test]
fn a_key_is_refused_when_the_answer_that_disables_it_arrives() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let customer = gateway.admin.customer("strict", "10");
    let (key, hash) = key_of(&gateway, &customer.account, json!({}));
    let path = format!("/admin/v1/keys/{hash}");
    let refused = (401, json!("invalid_api_key"));
    for _ in 0..TRIES {
        assert_eq!(verdict(&gateway, &key).0, 200);
        gateway.admin.patch(&path, &json!({ "disabled": true }));
        assert_eq!(verdict(&gateway, &key), refused);
        gateway.admin.patch(&path, &json!({ "disabled": false }));
        assert_eq!(verdict(&gateway, &key).0, 200);
        gateway.admin.patch(&path, &json!({ "expires_at": "2020-01-01T00:00:00Z" }));
        assert_eq!(verdict(&gateway, &key), refused);
        gateway.admin.patch(&path, &json!({ "expires_at": null }));
    }
    gateway.admin.delete(&path);
    assert_eq!(verdict(&gateway, &key), refused);
}

#[test]
fn a_top_up_is_spendable_when_its_answer_arrives() {
    let upstream = Upstream::start();
    let gateway = start(&upstream);
    let mut accounts = Vec::new();
    for number in 0..TRIES {
        let account = gateway.admin.open_account(&format!("new-{number}"));
        let (key, _) = key_of(&gateway, &account, json!({}));
        assert_eq!(verdict(&gateway, &key), (402, json!("insufficient_credits")));
        gateway.admin.credit(&account, "0.02", "first");
        assert_eq!(verdict(&gateway, &key), (200, Value::Null));
        // What was lent for requests comes back to be taken.
        let correction = json!({ "amount": "-0.01", "kind": "adjustment", "reference": "less" });
        gateway.admin.post(&format!("/admin/v1/accounts/{account}/credits"), &correction);
        accounts.push(account);
    }
    let accounts: Vec<&str> = accounts.iter().map(String::as_str).collect();
    check(&gateway, &[&upstream], &accounts);
}
