//! Who may see what a request holds: rules of keys and accounts, which a request only tightens.

use serde_json::{Value, json};
use tollgate_tests::client::{Answer, chat_request, request};
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::{ROUTED_CHAT, Stand, hello};
use tollgate_tests::upstream::Upstream;

use crate::shop;

const MODEL: &str = r#"
[[model]]
id = "shop/chat"
context = 128000
max_output = 16384
  [[model.endpoint]]
  provider = "up"
  model = "chat"
  region = "us"
  list = { input = "1", output = "10" }
  [[model.endpoint]]
  provider = "second"
  model = "chat"
  list = { input = "2", output = "20" }
"#;

/// `up` collects data in the US and is cheap; `second` in Europe retains nothing.
struct Shop {
    stand: Stand,
    second: Upstream,
}

impl Shop {
    fn open() -> Self {
        let (stand, second) = shop::open(MODEL);
        Self { stand, second }
    }

    fn key(&self, rules: &Value) -> String {
        self.stand.gateway.admin.make_key(&self.stand.customer.account, rules)
    }

    fn set(&self, rules: &Value) {
        let path = format!("/admin/v1/accounts/{}", self.stand.customer.account);
        self.stand.gateway.admin.patch(&path, rules);
    }

    fn ask(&self, key: &str, model: &str, wishes: &Value) -> Answer {
        let mut body = hello();
        (body["model"], body["provider"]) = (model.into(), wishes.clone());
        self.stand.send(&chat_request(key, &body))
    }

    /// Who serves a request that is served.
    #[track_caller]
    fn server(&self, key: &str, wishes: &Value) -> &'static str {
        let before = self.second.requests().len();
        let answer = self.ask(key, "shop/chat", wishes);
        assert_eq!(answer.status(), 200, "{}", answer.text());
        if self.second.requests().len() > before { "second" } else { "up" }
    }

    /// Checks that a request is refused by a rule, which is named.
    #[track_caller]
    fn refused_by(&self, key: &str, model: &str, wishes: &Value, rule: &str) {
        let answer = self.ask(key, model, wishes);
        let error = check_refusal(&answer, Form::OpenAi, 404, "privacy_restricted");
        assert_eq!(error["param"], rule, "{error}");
        assert!(error["message"].as_str().unwrap().contains(rule), "{error}");
    }
}

#[test]
fn the_rules_of_a_key_choose_who_serves_it_and_name_themselves_where_nobody_may() {
    let shop = Shop::open();
    let any = json!({});
    assert_eq!(shop.server(&shop.stand.customer.key, &any), "up", "the cheaper one");
    for (rules, rule) in [
        (json!({ "zdr": true }), "zdr"),
        (json!({ "data_collection": "deny" }), "data_collection"),
        (json!({ "allowed_regions": ["eu"] }), "allowed_regions"),
    ] {
        let key = shop.key(&rules);
        assert_eq!(shop.server(&key, &any), "second", "{rules}");
        assert_eq!(shop.server(&key, &json!({"zdr": false, "data_collection": "allow"})), "second");
        shop.refused_by(&key, "up/chat", &any, rule);
    }
    let us = shop.key(&json!({ "allowed_regions": ["us"] }));
    assert_eq!(shop.server(&us, &any), "up");
    let wishes = json!({ "zdr": true });
    let error = shop.ask(&us, "shop/chat", &wishes);
    let error = check_refusal(&error, Form::OpenAi, 404, "privacy_restricted");
    assert_eq!(error["param"], "provider", "what the request itself wants");
}

#[test]
fn an_account_s_rules_hold_for_keys_that_are_there_already_and_add_to_theirs() {
    let shop = Shop::open();
    let (any, key) = (json!({}), shop.stand.customer.key.clone());
    shop.set(&json!({ "zdr": true }));
    assert_eq!(shop.server(&key, &any), "second");
    let us = shop.key(&json!({ "allowed_regions": ["us"] }));
    let answer = shop.ask(&us, "shop/chat", &any);
    check_refusal(&answer, Form::OpenAi, 404, "privacy_restricted");
    shop.set(&json!({ "zdr": null, "allowed_regions": ["eu"] }));
    shop.refused_by(&us, "shop/chat", &any, "allowed_regions");
    shop.set(&json!({ "allowed_regions": null }));
    assert_eq!((shop.server(&key, &any), shop.server(&us, &any)), ("up", "up"));
}

#[test]
fn a_quote_names_the_rule_of_each_endpoint_left_out_and_a_customer_sets_its_own() {
    let shop = Shop::open();
    let account = &shop.stand.customer.account;
    let keeper = shop.stand.gateway.admin.make_key(account, &json!({ "class": "management" }));
    let bearer = format!("Bearer {keeper}");
    let headers = [("authorization", &*bearer), ("content-type", "application/json")];
    let body = json!({ "data_collection": "deny" }).to_string();
    let set = shop.stand.send(&request("PATCH", "/api/v1/privacy", &headers, body.as_bytes()));
    assert_eq!(set.json()["data"]["data_collection"], "deny", "{}", set.text());
    let mut body = hello();
    body["model"] = "shop/chat".into();
    let quote = shop.stand.post("/v1/quote", body.to_string().as_bytes());
    assert!(quote.text().contains("data_collection"), "{}", quote.text());
    body["model"] = "up/chat".into();
    let answer = shop.stand.post(ROUTED_CHAT, body.to_string().as_bytes());
    check_refusal(&answer, Form::OpenRouter, 404, "privacy_restricted");
}
