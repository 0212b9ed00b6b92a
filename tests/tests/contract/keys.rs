//! Who may ask: the four ways to send a key, and keys that are not good for this.

use serde_json::{Value, json};
use tollgate_tests::client::{Answer, request};
use tollgate_tests::config::Prices;
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::{CHAT, ROUTED_CHAT, Stand, hello};

/// Every path that asks for a key; the first two by POST.
const KEYED: [&str; 4] = [CHAT, ROUTED_CHAT, "/api/v1/balance", "/api/v1/key"];

/// Asks with these headers and a query.
fn ask_with(stand: &Stand, path: &str, query: &str, headers: &[(&str, &str)]) -> Answer {
    let is_chat = path.ends_with("completions");
    let body = if is_chat { hello().to_string() } else { String::new() };
    let method = if is_chat { "POST" } else { "GET" };
    stand.send(&request(method, &format!("{path}{query}"), headers, body.as_bytes()))
}

fn ask_by(stand: &Stand, path: &str, key: &str) -> Answer {
    ask_with(stand, path, "", &[("authorization", &format!("Bearer {key}"))])
}

#[test]
fn a_key_is_taken_in_each_of_its_four_places() {
    let stand = Stand::start();
    let key = stand.customer.key.as_str();
    let (bearer, shouted) = (format!("Bearer {key}"), format!("BEARER {key}"));
    let query = format!("?alt=x&key={key}");
    for path in KEYED.into_iter().chain(["/v1/models", "/api/v1/models"]) {
        for headers in [
            ("authorization", bearer.as_str()),
            ("Authorization", shouted.as_str()),
            ("X-Api-Key", key),
            ("x-goog-api-key", key),
        ] {
            let answer = ask_with(&stand, path, "", &[headers]);
            assert_eq!(answer.status(), 200, "{path} {headers:?}: {}", answer.text());
            assert!(answer.head.header("x-ratelimit-limit").is_some(), "{path} {headers:?}");
        }
        assert_eq!(ask_with(&stand, path, &query, &[]).status(), 200, "{path}");
        let other = [("authorization", "Basic abc"), ("x-api-key", key)];
        assert_eq!(ask_with(&stand, path, "", &other).status(), 200, "{path}");
    }
    assert!(!stand.gateway.log().contains(key), "the key stands in the log");
}

#[test]
fn without_a_good_key_there_is_no_answer_and_no_limit_is_told() {
    let stand = Stand::start();
    let made = |more: Value| stand.gateway.admin.make_key(&stand.customer.account, &more);
    let expired = made(json!({ "expires_at": "2020-01-01T00:00:00Z" }));
    let one_off = {
        let mut key = stand.customer.key.clone();
        let last = key.pop().unwrap();
        key.push(if last == 'a' { 'b' } else { 'a' });
        key
    };
    for path in KEYED {
        let none = ask_with(&stand, path, "", &[]);
        let answers =
            ["", "sk-nobody", &one_off, &expired, "\u{e9}"].map(|key| ask_by(&stand, path, key));
        for answer in std::iter::once(none).chain(answers) {
            let error = check_refusal(&answer, Form::of(path), 401, "invalid_api_key");
            assert_eq!(error["type"], "authentication_error");
            assert_eq!(answer.head.header("x-ratelimit-limit"), None, "{path}");
        }
    }
    for path in ["/v1/models", "/api/v1/models", "/v1/models/up/chat"] {
        assert_eq!(ask_with(&stand, path, "", &[]).status(), 200, "{path} is public");
        check_refusal(&ask_by(&stand, path, "sk-no"), Form::of(path), 401, "invalid_api_key");
    }
    assert!(stand.upstream.requests().is_empty());
}

#[test]
fn a_disabled_account_has_no_good_keys() {
    let stand = Stand::start();
    let path = format!("/admin/v1/accounts/{}", stand.customer.account);
    stand.gateway.admin.patch(&path, &json!({ "disabled": true }));
    for path in KEYED {
        let answer = ask_by(&stand, path, &stand.customer.key);
        check_refusal(&answer, Form::of(path), 401, "invalid_api_key");
    }
    stand.gateway.admin.patch(&path, &json!({ "disabled": false }));
    assert_eq!(ask_by(&stand, CHAT, &stand.customer.key).status(), 200);
}

#[test]
fn a_key_may_do_what_its_class_and_its_lists_say() {
    let stand = Stand::with(|config| {
        let url = config.catalog.split('"').find(|word| word.starts_with("http")).unwrap();
        let (url, prices) = (url.to_owned(), Prices::new("1", "10"));
        config
            .provider("other", &url, "")
            .model("other/chat", &[("other", "chat")], &prices, "")
            .model("both/chat", &[("other", "chat"), ("up", "chat")], &prices, "")
    });
    let made = |more: Value| stand.gateway.admin.make_key(&stand.customer.account, &more);
    let body = |model: &str| {
        let mut body = hello();
        body["model"] = model.into();
        body.to_string()
    };
    let ask = |path: &str, key: &str, model: &str| {
        let bearer = format!("Bearer {key}");
        stand.send(&request("POST", path, &[("authorization", &bearer)], body(model).as_bytes()))
    };
    let keeper = made(json!({ "class": "management" }));
    let one_model = made(json!({ "allowed_models": ["up/chat"] }));
    let one_provider = made(json!({ "allowed_providers": ["up"] }));
    for path in [CHAT, ROUTED_CHAT] {
        for (key, model) in
            [(&keeper, "up/chat"), (&one_model, "other/chat"), (&one_provider, "other/chat")]
        {
            let answer = ask(path, key, model);
            let error = check_refusal(&answer, Form::of(path), 403, "not_allowed");
            assert_eq!(error["type"], "permission_error");
            assert!(answer.head.header("x-ratelimit-limit").is_some());
        }
        let unknown = ask(path, &one_model, "up/nothing");
        check_refusal(&unknown, Form::of(path), 400, "model_not_found");
        assert_eq!(ask(path, &one_model, "up/chat").status(), 200);
        assert_eq!(ask(path, &one_provider, "up/chat").status(), 200);
        assert_eq!(ask(path, &one_provider, "both/chat").status(), 200);
    }
    let keys = "/api/v1/keys";
    let live = ask_with(&stand, keys, "", &[("x-api-key", &stand.customer.key)]);
    check_refusal(&live, Form::OpenRouter, 403, "not_allowed");
    assert_eq!(ask_with(&stand, keys, "", &[("x-api-key", &keeper)]).status(), 200);
}
