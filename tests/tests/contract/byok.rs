//! Customers' own provider keys: written once, seen by their provider and by nobody else.

use std::fs;
use std::path::Path;
use std::time::Duration;

use sandbox::Settings;
use serde_json::{Value, json};
use tollgate_tests::client::Answer;
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::{CHAT, Stand, hello, hello_stream};
use tollgate_tests::upstream::Upstream;

/// The customer's; the operator's is `test-key`.
const OWN: &str = "sk-own-4f1c9a7e5b3d2086QrSt";
const BYOK: &str = "/api/v1/byok";

fn sealed() -> Stand {
    Stand::with(|config| config.sealed())
}

/// A provider that takes this key and no other.
fn for_key_only(key: &str) -> Stand {
    let settings = Settings { api_key: Some(key.to_owned()), ..Settings::burst() };
    Stand::on(Upstream::with(settings), |config| config.sealed())
}

fn authorizations(stand: &Stand) -> Vec<String> {
    let heads = stand.upstream.requests().into_iter().map(|request| request.head);
    let heads = heads.map(|head| String::from_utf8_lossy(&head).into_owned());
    let keys = heads.filter_map(|head| {
        let line = head.lines().find(|line| line.to_lowercase().starts_with("authorization:"))?;
        Some(line.split_once(' ')?.1.trim().to_owned())
    });
    keys.collect()
}

#[track_caller]
fn good(answer: &Answer) -> Value {
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

/// Every file below a folder that holds a text.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_with(&path, text));
        } else if fs::read(&path)
            .unwrap_or_default()
            .windows(text.len())
            .any(|w| w == text.as_bytes())
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn the_provider_sees_the_customer_s_key_and_no_answer_or_file_does() {
    let mut stand = sealed();
    let kept = stand.keep_own_key(OWN, &json!({ "name": "mine" }));
    assert_eq!((&kept["label"], &kept["provider"]), (&json!("sk-...QrSt"), &json!("up")));
    for body in [hello(), hello_stream()] {
        assert_eq!(stand.chat(&body).status(), 200);
    }
    let bearer = format!("Bearer {OWN}");
    assert_eq!(authorizations(&stand), [bearer.clone(), bearer]);
    let keeper = stand.management_key();
    let mut seen = String::new();
    for path in [BYOK.to_owned(), format!("{BYOK}/{}", kept["id"].as_str().unwrap())] {
        seen += stand.call(&keeper, ("GET", &path), &Value::Null).text();
    }
    let generations = tollgate_tests::wait_for("they settle", Duration::from_secs(5), || {
        let all = stand.gateway.admin.generations(&stand.customer.account);
        (all.len() == 2).then_some(all)
    });
    seen += &Value::from(generations).to_string();
    // Checkpoint, journals and view are all there once it has ended.
    assert!(stand.gateway.stop().success());
    seen += &stand.gateway.log();
    let middle = &OWN[6..OWN.len() - 4];
    assert!(!seen.contains(OWN) && !seen.contains(middle), "{seen}");
    assert_eq!(files_with(&stand.gateway.config.data_folder(), middle), [""; 0]);
    stand.gateway.restart();
    assert_eq!(stand.chat(&hello()).status(), 200);
    assert_eq!(authorizations(&stand)[2], format!("Bearer {OWN}"));
}

#[test]
fn the_operator_s_literal_keys_are_sealed_too() {
    const LITERAL: &str = "operator-7c2be19f04d8a653";
    let more = format!("api_keys = [\"{LITERAL}\"]");
    let upstream = Upstream::start();
    let base_url = upstream.base_url();
    let mut stand = Stand::on(upstream, |config| {
        let prices = config.prices[0].1.clone();
        let sealed = tollgate_tests::config::Config::new().provider("up", &base_url, &more);
        sealed.model("up/chat", &[("up", "chat")], &prices, "").sealed()
    });
    assert_eq!(stand.chat(&hello()).status(), 200);
    assert_eq!(authorizations(&stand), [format!("Bearer {LITERAL}")]);
    let before = stand.gateway.admin.get("/admin/v1/catalog");
    let shown = before["provider"][0]["api_keys"][0].as_str().unwrap();
    assert!(shown.starts_with("masked:") && shown.ends_with("a653"), "{shown}");
    // The same catalog again, masks and all, changes nothing.
    let again = stand.gateway.admin.post("/admin/v1/catalog", &before);
    assert_eq!(again["changes"], json!([]), "{again}");
    assert!(stand.gateway.stop().success());
    assert_eq!(files_with(&stand.gateway.config.data_folder(), LITERAL), [""; 0]);
    stand.gateway.restart();
    assert!(!stand.gateway.log().contains("differs"), "{}", stand.gateway.log());
    assert_eq!(stand.chat(&hello()).status(), 200);
}

#[test]
fn keys_are_managed_with_a_management_key_and_are_their_account_s() {
    let stand = sealed();
    let (keeper, live) = (stand.management_key(), stand.customer.key.clone());
    let call =
        |key: &str, method: &str, path: &str, body: Value| stand.call(key, (method, path), &body);
    let order = json!({ "provider": "up", "key": OWN });
    assert_eq!(call(&live, "POST", BYOK, order.clone()).status(), 403);
    let first = stand.keep_own_key(OWN, &Value::Null);
    let second = stand.keep_own_key("short-key", &json!({ "is_fallback": true }));
    assert_eq!((&second["label"], &second["sort_order"]), (&json!("..."), &json!(1)));
    let listed = good(&call(&keeper, "GET", &format!("{BYOK}?limit=1&offset=1"), Value::Null));
    assert_eq!((&listed["total_count"], &listed["data"][0]["id"]), (&json!(2), &second["id"]));
    let path = format!("{BYOK}/{}", first["id"].as_str().unwrap());
    let patch = json!({ "name": "n", "disabled": true, "key": "sk-another-0123456789wxyz" });
    let changed = good(&call(&keeper, "PATCH", &path, patch))["data"].clone();
    assert_eq!((&changed["label"], &changed["disabled"]), (&json!("sk-...wxyz"), &json!(true)));
    let stranger = stand.gateway.admin.customer("stranger", "1");
    let class = json!({ "class": "management" });
    let stranger = stand.gateway.admin.make_key(&stranger.account, &class);
    for method in ["GET", "PATCH", "DELETE"] {
        let body = if method == "PATCH" { json!({}) } else { Value::Null };
        assert_eq!(call(&stranger, method, &path, body).status(), 404, "{method}");
    }
    assert_eq!(good(&call(&keeper, "DELETE", &path, Value::Null)), json!({ "deleted": true }));
    assert_eq!(call(&keeper, "GET", &path, Value::Null).status(), 404);
    for (wrong, param) in [
        (json!({ "provider": "nobody", "key": OWN }), "provider"),
        (json!({ "provider": "up", "key": "two words" }), "key"),
        (json!({ "provider": "up", "key": OWN, "allowed_models": ["a/none"] }), "allowed_models"),
        (json!({ "provider": "up", "key": OWN, "allowed_models": [] }), "allowed_models"),
        (
            json!({ "provider": "up", "key": OWN, "allowed_api_key_hashes": ["0".repeat(64)] }),
            "allowed_api_key_hashes",
        ),
        (json!({ "provider": "up", "key": OWN, "allowed_user_ids": ["u"] }), ""),
    ] {
        let answer = call(&keeper, "POST", BYOK, wrong.clone());
        assert_eq!(answer.status(), 400, "{wrong}: {}", answer.text());
        assert!(answer.text().contains(param) && !answer.text().contains(OWN), "{}", answer.text());
    }
}

#[test]
fn without_a_master_key_none_is_kept_and_the_remedy_is_told() {
    let stand = Stand::start();
    let order = json!({ "provider": "up", "key": OWN });
    let answer = stand.call(&stand.management_key(), ("POST", BYOK), &order);
    assert_eq!(answer.status(), 501, "{}", answer.text());
    assert!(answer.text().contains("master_keys") && !answer.text().contains(OWN));
    assert_eq!(files_with(&stand.gateway.config.folder, OWN), [""; 0]);
}

#[test]
fn a_key_that_is_refused_gives_way_to_the_shared_one_unless_it_is_always_used() {
    let stand = for_key_only("test-key");
    let kept = stand.keep_own_key(OWN, &Value::Null);
    assert_eq!(stand.chat(&hello()).status(), 200);
    assert_eq!(authorizations(&stand), [format!("Bearer {OWN}"), "Bearer test-key".to_owned()]);
    let path = format!("{BYOK}/{}", kept["id"].as_str().unwrap());
    let always = json!({ "always_use": true });
    good(&stand.call(&stand.management_key(), ("PATCH", &path), &always));
    let answer = stand.chat(&hello());
    let error = check_refusal(&answer, Form::of(CHAT), 502, "provider_error");
    assert!(error["message"].as_str().unwrap().contains("your own key"), "{error}");
    assert_eq!(authorizations(&stand)[2..], [format!("Bearer {OWN}")]);
    let off = json!({ "disabled": true });
    good(&stand.call(&stand.management_key(), ("PATCH", &path), &off));
    assert_eq!(stand.chat(&hello()).status(), 200);
    assert_eq!(authorizations(&stand)[3..], ["Bearer test-key".to_owned()]);
}

#[test]
fn a_fallback_key_comes_after_the_shared_one_and_a_bound_one_serves_its_key_alone() {
    let stand = for_key_only(OWN);
    stand.keep_own_key(OWN, &json!({ "is_fallback": true }));
    assert_eq!(stand.chat(&hello()).status(), 200);
    assert_eq!(authorizations(&stand), ["Bearer test-key".to_owned(), format!("Bearer {OWN}")]);
    let stand = sealed();
    let hash = stand.get("/api/v1/key").json()["data"]["hash"].clone();
    stand.keep_own_key(OWN, &json!({ "allowed_api_key_hashes": [hash] }));
    let other = stand.gateway.admin.make_key(&stand.customer.account, &Value::Null);
    assert_eq!(stand.gateway.chat(&other, &hello()).status(), 200);
    assert_eq!(stand.chat(&hello()).status(), 200);
    assert_eq!(authorizations(&stand), ["Bearer test-key".to_owned(), format!("Bearer {OWN}")]);
}

#[test]
fn a_provider_without_a_shared_key_serves_whoever_brings_one() {
    let upstream = Upstream::start();
    let base_url = upstream.base_url();
    let stand = Stand::on(upstream, |config| {
        let prices = config.prices[0].1.clone();
        let keyless = "api_keys = [\"env:TOLLGATE_TEST_NO_SUCH_KEY\"]";
        let bare = tollgate_tests::config::Config::new().provider("up", &base_url, keyless);
        bare.model("up/chat", &[("up", "chat")], &prices, "").sealed()
    });
    assert_ne!(stand.chat(&hello()).status(), 200);
    stand.keep_own_key(OWN, &Value::Null);
    assert_eq!(stand.chat(&hello()).status(), 200);
    assert_eq!(authorizations(&stand), [format!("Bearer {OWN}")]);
}
