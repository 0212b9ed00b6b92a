//! The operator's API over real HTTP: every call, well and badly made.

use crate::harness::{Control, TOKEN, call, catalog, send};
use serde_json::json;

#[test]
fn nothing_is_done_without_the_token() {
    let control = Control::start();
    for token in ["", "wrong", "the-admin-tokeN"] {
        for path in ["/admin/v1/accounts", "/admin/v1/catalog", "/admin/v1/ledger/audit"] {
            control.call("GET", path, token, "").refused(401, "invalid_api_key");
        }
    }
    assert!(control.get("/admin/v1/accounts").head.contains("x-request-id: "));
}

#[test]
fn what_is_not_there_is_refused_in_the_same_form() {
    let control = Control::start();
    control.get("/nothing").refused(404, "not_found");
    control.get("/admin/v1/nothing").refused(404, "not_found");
    control.delete("/admin/v1/accounts").refused(405, "method_not_allowed");
    for path in ["accounts/acct_0000000000000009", "accounts/x", "keys/x", "models/no/such/model"] {
        control.get(&format!("/admin/v1/{path}")).refused(404, "not_found");
    }
    control.get("/admin/v1/generations/gen-00").refused(404, "not_found");
    let message = control.get("/admin/v1/providers/p").refused(404, "not_found");
    assert_eq!(message, "there is no provider \"p\"");
}

#[test]
fn bodies_that_cannot_be_read_are_refused_with_their_fault() {
    let control = Control::start();
    let post = |body: &str| control.call("POST", "/admin/v1/accounts", TOKEN, body);
    post("{").refused(400, "invalid_json");
    post("[]").refused(400, "invalid_request");
    post(r#"{"name":"a","name":"b"}"#).refused(400, "invalid_request");
    let unknown = post(r#"{"name":"a","nmae":"b"}"#);
    assert!(unknown.refused(400, "invalid_request").contains("nmae"));
    assert_eq!(unknown.ok(400)["error"]["param"], "nmae");
    post(r#"{"name":""}"#).refused(400, "invalid_request");
    post(&format!(r#"{{"name":"{}"}}"#, "x".repeat(70_000))).refused(413, "payload_too_large");
    let undeclared = format!(
        "POST /admin/v1/accounts HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: \
         Bearer {TOKEN}\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    send(control.address, &undeclared).refused(415, "unsupported_media_type");
}

#[test]
fn an_account_is_opened_changed_and_listed() {
    let control = Control::start();
    let names = ["one", "two", "three"];
    let ids: Vec<String> = names
        .map(|name| {
            let opened = control.post("/admin/v1/accounts", json!({ "name": name })).ok(201);
            assert_eq!((&opened["name"], &opened["balance"]), (&json!(name), &json!("0")));
            opened["id"].as_str().unwrap().to_owned()
        })
        .into();
    let one = format!("/admin/v1/accounts/{}", ids[0]);
    let changed = control.patch(&one, json!({"disabled": true})).ok(200);
    assert_eq!((&changed["name"], &changed["disabled"]), (&json!("one"), &json!(true)));
    assert_eq!(control.get(&one).ok(200), changed);
    let first = control.get("/admin/v1/accounts?limit=2").ok(200);
    let next = first["next"].as_str().unwrap();
    let second = control.get(&format!("/admin/v1/accounts?limit=2&cursor={next}")).ok(200);
    let listed = first["data"].as_array().unwrap().iter().chain(second["data"].as_array().unwrap());
    assert!(listed.map(|account| account["id"].as_str().unwrap()).eq(&ids));
    assert!(second["next"].is_null());
    control.get("/admin/v1/accounts?limit=0").refused(400, "invalid_request");
    control.get("/admin/v1/accounts?cursor=x").refused(400, "invalid_request");
}

#[test]
fn a_reference_credits_once() {
    let control = Control::start();
    let id = control.account("5");
    let path = format!("/admin/v1/accounts/{id}/credits");
    let order = json!({"amount": "2.50", "kind": "grant", "reference": "r"});
    let once = control.post(&path, order.clone()).ok(200);
    assert_eq!((&once["amount"], &once["kind"]), (&json!("2.5"), &json!("grant")));
    assert_eq!(control.post(&path, order).ok(200), once);
    let other = json!({"amount": "2", "kind": "grant", "reference": "r"});
    control.post(&path, other).refused(409, "conflict");
    let account = control.get(&format!("/admin/v1/accounts/{id}")).ok(200);
    let shown = ["balance", "available", "topped_up", "granted", "held", "spent"];
    assert_eq!(
        shown.map(|field| account[field].as_str().unwrap()),
        ["7.5", "7.5", "5", "2.5", "0", "0"]
    );
    let transactions = control.get(&format!("/admin/v1/accounts/{id}/transactions")).ok(200);
    assert_eq!(transactions["data"][0], once);
    assert_eq!(transactions["data"][1]["reference"], "first");
}

#[test]
fn amounts_that_cannot_be_are_refused() {
    let control = Control::start();
    let path = format!("/admin/v1/accounts/{}/credits", control.account("5"));
    for amount in ["0", "-1", "1e3", "0.0000000000001", "x", "", "99999999999"] {
        let order = json!({"amount": amount, "kind": "top_up", "reference": "r"});
        control.post(&path, order).refused(400, "invalid_request");
    }
    let order = |amount: &str| json!({"amount": amount, "kind": "adjustment", "reference": amount});
    control.post(&path, order("-2")).ok(200);
    control.post(&path, order("-4")).refused(409, "conflict");
    let unknown = "/admin/v1/accounts/acct_00000000000000ff/credits";
    control.post(unknown, order("1")).refused(404, "not_found");
}

#[test]
fn a_catalog_is_applied_whole_or_not_at_all() {
    let control = Control::start();
    let dry = control.post("/admin/v1/catalog?dry_run=1", catalog()).ok(200);
    assert_eq!(dry["changes"].as_array().unwrap().len(), 2);
    assert_eq!(control.get("/admin/v1/models").ok(200), json!([]));
    let applied = control.post("/admin/v1/catalog", catalog()).ok(200);
    assert_eq!(applied["changes"], dry["changes"]);
    assert!(applied["generation"].as_u64() > dry["generation"].as_u64());
    let again = control.post("/admin/v1/catalog", catalog()).ok(200);
    assert_eq!((&again["changes"], &again["generation"]), (&json!([]), &applied["generation"]));
    let mut wrong = catalog();
    wrong["provider"][0]["base_url"] = json!("not a url");
    wrong["model"][0]["endpoint"][0]["provider"] = json!("nobody");
    let refused = control.post("/admin/v1/catalog", wrong);
    refused.refused(400, "invalid_request");
    assert!(refused.ok(400)["error"]["complaints"].as_array().unwrap().len() >= 2);
    assert_eq!(control.get("/admin/v1/catalog").ok(200)["provider"], catalog()["provider"]);
}

#[test]
fn rows_are_put_and_removed_one_by_one() {
    let control = Control::start();
    control.post("/admin/v1/catalog", catalog()).ok(200);
    let mut model = catalog()["model"][0].clone();
    model["context"] = json!(9000);
    model.as_object_mut().unwrap().remove("id");
    let put = control.put("/admin/v1/models/sandbox/chat", model.clone());
    assert_eq!(put.ok(200)["context"], 9000);
    assert!(put.head.contains("x-generation: "));
    model["id"] = json!("other/name");
    control.put("/admin/v1/models/sandbox/chat", model).refused(400, "invalid_request");
    let tier = json!({"models": ["sandbox/chat"], "level": "low"});
    control.put("/admin/v1/tiers/brand/low", tier).ok(200);
    assert_eq!(control.get("/admin/v1/tiers/brand/low").ok(200)["level"], "low");
    control.delete("/admin/v1/providers/sandbox").refused(400, "invalid_request");
    control.delete("/admin/v1/tiers/brand/low").ok(200);
    control.delete("/admin/v1/models/sandbox/chat").ok(200);
    control.delete("/admin/v1/providers/sandbox").ok(200);
    control.delete("/admin/v1/providers/sandbox").refused(404, "not_found");
}

#[test]
fn a_literal_secret_is_never_shown_and_survives_being_put_back() {
    let control = Control::start();
    let mut provider = catalog()["provider"][0].clone();
    provider["api_keys"] = json!(["sk-a-very-secret-key-1234", "env:SANDBOX_KEY"]);
    let shown = control.put("/admin/v1/providers/sandbox", provider).ok(200);
    assert_eq!(shown["api_keys"], json!(["masked:…1234", "env:SANDBOX_KEY"]));
    assert!(!control.get("/admin/v1/catalog").body.contains("very-secret"));
    let mut back = shown;
    back["region"] = json!("eu");
    control.put("/admin/v1/providers/sandbox", back.clone()).ok(200);
    let kept = control.running().commands().blocking().catalog().unwrap();
    assert_eq!(kept.provider[0].api_keys[0], "sk-a-very-secret-key-1234");
    back["api_keys"] = json!(["masked:…9999"]);
    control.put("/admin/v1/providers/sandbox", back).refused(400, "invalid_request");
}

#[test]
fn a_key_is_told_once_and_changed_field_by_field() {
    let control = Control::start();
    let id = control.account("5");
    let order = json!({"limit": "2", "limit_reset": "daily", "rpm": 60, "tpm": 1000});
    let (key, hash) = control.key(&id, order);
    assert!(key.starts_with("sk-tg-"));
    let path = format!("/admin/v1/keys/{hash}");
    let shown = control.get(&path);
    assert!(!shown.body.contains(&key));
    assert_eq!(shown.ok(200)["limit_remaining"], "2");
    let patched = control.patch(&path, json!({"limit": null, "limit_reset": null, "rpm": 5}));
    let patched = patched.ok(200);
    assert!(patched["limit"].is_null() && patched["limit_reset"].is_null());
    assert_eq!((&patched["rpm"], &patched["tpm"]), (&json!(5), &json!(1000)));
    control.patch(&path, json!({"limt": 1})).refused(400, "invalid_request");
    control.patch(&path, json!({"limit_reset": "daily"})).refused(400, "invalid_request");
    control.patch(&path, json!({"allowed_models": ["no/such"]})).refused(400, "invalid_request");
    let listed = control.get(&format!("/admin/v1/accounts/{id}/keys")).ok(200);
    assert_eq!(listed["data"], json!([patched]));
    control.delete(&path).ok(200);
    control.get(&path).refused(404, "not_found");
    control.delete(&path).refused(404, "not_found");
}

#[test]
fn the_state_of_things_is_shown() {
    let control = Control::start();
    control.account("5");
    for path in ["/livez", "/readyz"] {
        assert_eq!(call(control.address, "GET", path, "", "").status, 200);
    }
    let status = control.get("/admin/v1/status").ok(200);
    assert_eq!((&status["accounts"], &status["dataplanes"]), (&json!(1), &json!([])));
    let metrics = call(control.address, "GET", "/metrics", "", "");
    assert!(metrics.body.contains("tollgate_accounts 1\n"), "{}", metrics.body);
    assert!(metrics.body.contains("# TYPE ledger_events_total counter\nledger_events_total 2\n"));
    let document = call(control.address, "GET", "/openapi.json", "", "").ok(200);
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(control.get("/admin/v1/dataplanes").ok(200), json!([]));
    control.post("/admin/v1/dataplanes/7/fence", json!({})).refused(404, "not_found");
    for path in ["/admin/v1/ledger/audit", "/admin/v1/ledger/audit?full=1"] {
        let audit = control.get(path).ok(200);
        assert_eq!(audit["ok"], true, "{audit:#}");
    }
    let rebuilt = control.call("POST", "/admin/v1/ledger/rebuild", TOKEN, "");
    assert_eq!(rebuilt.ok(200)["ok"], true);
}

#[test]
fn a_catalog_that_no_batch_holds_is_refused_and_the_ledger_goes_on() {
    let control = Control::start();
    let mut catalog = catalog();
    // Quotes are escaped in the rows, and again in the event that holds the rows.
    catalog["model"][0]["name"] = json!("\"".repeat(15_500_000));
    for path in ["/admin/v1/catalog?dry_run=true", "/admin/v1/catalog"] {
        let message = control.post(path, catalog.clone()).refused(413, "payload_too_large");
        assert!(message.contains("as it would be written down"), "{message}");
    }
    control.account("5");
}
