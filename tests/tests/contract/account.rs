//! The account API through the data port: its answers, and that its refusals have the form of the
//! service that its customers come from.

use serde_json::{Value, json};
use tollgate_tests::client::{Answer, request};
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::{ROUTED_CHAT, Stand, hello};

fn call(stand: &Stand, key: &str, method: &str, path: &str, body: &Value) -> Answer {
    let headers = [("x-api-key", key), ("content-type", "application/json")];
    let text = if body.is_null() { String::new() } else { body.to_string() };
    stand.send(&request(method, path, &headers, text.as_bytes()))
}

#[test]
fn a_customer_sees_its_money_and_its_requests() {
    let stand = Stand::start();
    let answer = stand.post(ROUTED_CHAT, hello().to_string().as_bytes());
    let generation = answer.head.header("x-generation-id").unwrap().to_owned();
    let account =
        stand.gateway.settled(&stand.customer.account, |account| !account.spent.is_zero());
    let balance = stand.get("/api/v1/balance").json();
    assert_eq!(balance["currency"], "USD");
    assert_eq!(balance["balance"].to_string(), account.balance.to_string());
    let told = stand.get(&format!("/api/v1/generation?id={generation}")).json();
    assert_eq!(told["data"]["id"], *generation);
    assert_eq!(told["data"]["total_cost"].to_string(), account.spent.to_string());
    let moves = stand.get("/api/v1/transactions").json();
    assert!(!moves["transactions"].as_array().unwrap().is_empty());
    let credits = stand.get("/api/v1/credits");
    assert!(matches!(credits.status(), 200 | 403), "{}", credits.text());
    assert_eq!(stand.get("/api/v1/key").status(), 200);
}

#[test]
fn a_management_key_makes_changes_and_ends_keys() {
    let stand = Stand::start();
    let keeper =
        stand.gateway.admin.make_key(&stand.customer.account, &json!({ "class": "management" }));
    let made = call(&stand, &keeper, "POST", "/api/v1/keys", &json!({ "name": "mine" }));
    assert_eq!(made.status(), 201, "{}", made.text());
    let told = made.json();
    let key = told["key"].as_str().unwrap().to_owned();
    let hash = told["data"]["hash"].as_str().unwrap().to_owned();
    assert_eq!(stand.gateway.chat(&key, &hello()).status(), 200);
    let path = format!("/api/v1/keys/{hash}");
    let off = call(&stand, &keeper, "PATCH", &path, &json!({ "disabled": true }));
    assert_eq!(off.status(), 200, "{}", off.text());
    assert_eq!(stand.gateway.chat(&key, &hello()).status(), 401);
    assert_eq!(call(&stand, &keeper, "DELETE", &path, &Value::Null).status(), 200);
    let gone = call(&stand, &keeper, "GET", &path, &Value::Null);
    check_refusal(&gone, Form::OpenRouter, 404, "not_found");
}

#[test]
fn what_is_refused_has_openrouters_form() {
    let stand = Stand::start();
    let keeper =
        stand.gateway.admin.make_key(&stand.customer.account, &json!({ "class": "management" }));
    let refused = |method: &str, path: &str, body: &Value, status: u16, code: &str| {
        let answer = call(&stand, &keeper, method, path, body);
        assert!(answer.head.header("x-ratelimit-limit").is_some(), "{path}: the key is known");
        check_refusal(&answer, Form::OpenRouter, status, code)
    };
    refused("GET", "/api/v1/keys/00", &Value::Null, 404, "not_found");
    refused("GET", "/api/v1/generation?id=gen-0", &Value::Null, 404, "not_found");
    refused("GET", "/api/v1/generation", &Value::Null, 400, "invalid_request");
    refused("GET", "/api/v1/nothing", &Value::Null, 404, "not_found");
    refused("PUT", "/api/v1/keys", &json!({}), 405, "method_not_allowed");
    refused("POST", "/api/v1/keys", &json!({ "name": 7 }), 400, "invalid_request");
    refused("POST", "/api/v1/keys", &json!({ "nmae": "x" }), 400, "invalid_request");
    refused("POST", "/api/v1/keys", &Value::Null, 400, "invalid_json");
    let long = json!({ "name": "x".repeat(100_000) });
    refused("POST", "/api/v1/keys", &long, 413, "payload_too_large");
    let headers = [("x-api-key", keeper.as_str()), ("content-type", "text/plain")];
    let plain = stand.send(&request("POST", "/api/v1/keys", &headers, b"{}"));
    check_refusal(&plain, Form::OpenRouter, 415, "unsupported_media_type");
}

#[test]
fn an_account_call_keeps_the_connection_and_its_order() {
    let stand = Stand::start();
    let mut client = stand.gateway.connect();
    let balance = stand.request("GET", "/api/v1/balance", b"");
    let health = stand.request("GET", "/health", b"");
    client.send(&[balance.clone(), health, balance].concat());
    let answers = [(); 3].map(|()| client.read_answer().unwrap());
    assert!(answers[0].json()["balance"].is_number());
    assert_eq!(answers[1].json()["status"], "ok");
    assert_eq!(answers[2].json(), answers[0].json());
}
