//! Providers' own paths: who may call what, what goes out, and what comes back.

use serde_json::{Value, json};
use tollgate_tests::client::request;
use tollgate_tests::config::Config;
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::{Stand, hello, hello_stream};
use tollgate_tests::upstream::Upstream;

use crate::shop;

/// A model at both providers, one that two names at `second` share, and a tier.
const MODELS: &str = r#"
[[model]]
id = "shop/chat"
context = 128000
  [[model.endpoint]]
  provider = "second"
  model = "chat-2"
  list = { input = "2", output = "20" }
  [[model.endpoint]]
  provider = "up"
  model = "big"
  list = { input = "1", output = "10" }

[[model]]
id = "shop/other"
context = 128000
  [[model.endpoint]]
  provider = "second"
  model = "same"
  list = { input = "2", output = "20" }

[[model]]
id = "shop/another"
context = 128000
  [[model.endpoint]]
  provider = "second"
  model = "same"
  list = { input = "4", output = "40" }

[[tier]]
id = "house/low"
models = ["shop/chat"]
"#;

const PATH: &str = "/up/v1/chat/completions";

fn open() -> (Stand, Upstream) {
    shop::open(MODELS)
}

fn named(model: &str) -> Vec<u8> {
    let mut body = hello();
    body["model"] = model.into();
    body.to_string().into_bytes()
}

#[test]
fn what_has_no_price_cannot_be_called() {
    let (stand, second) = open();
    for path in [
        "/up/v1/models",
        "/up/v1/files",
        "/up/v1/batches",
        "/up/v1/fine_tuning/jobs",
        "/up/v1/audio/speech",
        "/up/v1/audio/transcriptions",
        "/up/v1/images/generations",
        "/up/v1/responses",
        "/up/v1/messages",
        "/up/v1beta/models/chat:generateContent",
        "/up/v1/chat/completions/x",
        "/up/v1/chat/completions/",
        "/up/v1//chat/completions",
        "/up/v1/../v1/chat/completions",
        "/up/v1/chat%2fcompletions",
    ] {
        for method in ["POST", "GET", "DELETE", "PUT"] {
            let body = if method == "GET" { Vec::new() } else { named("chat") };
            let answer = stand.send(&stand.request(method, path, &body));
            let error = check_refusal(&answer, Form::OpenAi, 403, "not_allowed");
            let message = error["message"].as_str().unwrap();
            assert!(message.contains("v1/embeddings"), "{method} {path}: {message}");
        }
    }
    let answer = stand.send(&stand.request("GET", PATH, b""));
    check_refusal(&answer, Form::OpenAi, 405, "method_not_allowed");
    assert_eq!(answer.head.header("allow"), Some("POST"));
    assert!(stand.upstream.requests().is_empty() && second.requests().is_empty());
}

#[test]
fn a_provider_of_another_dialect_is_refused_in_its_words() {
    let stand = Stand::with(|config| {
        let config = config.provider("ant", "http://127.0.0.1:9", "dialect = \"anthropic\"");
        config.provider("gem", "http://127.0.0.1:9/v1beta", "dialect = \"gemini\"")
    });
    for path in ["/ant/v1/messages/count_tokens", "/ant/v1/chat/completions", "/ant/v1/files"] {
        let answer = stand.post(path, b"{}");
        assert_eq!(answer.status(), 403, "{path}: {}", answer.text());
        let told = answer.json();
        assert_eq!(
            (&told["type"], &told["error"]["type"]),
            (&json!("error"), &json!("permission_error"))
        );
    }
    for path in ["/gem/v1beta/models/g:countTokens", "/gem/v1beta/files", "/gem/v1/messages"] {
        let answer = stand.post(path, b"{}");
        assert_eq!(answer.status(), 403, "{path}: {}", answer.text());
        assert_eq!(answer.json()["error"]["status"], "PERMISSION_DENIED", "{}", answer.text());
    }
}

#[test]
fn no_name_of_ours_and_no_unknown_one_is_a_provider() {
    let (stand, _second) = open();
    for path in [
        "/nobody/v1/chat/completions",
        "/UP/v1/chat/completions",
        "/u%70/v1/chat/completions",
        "/console/v1/chat/completions",
        "/v1beta/v1/chat/completions",
        "/admin/v1/chat/completions",
        "//v1/chat/completions",
        "/up",
        "/up/",
    ] {
        let answer = stand.post(path, &named("chat"));
        assert_eq!(answer.status(), 404, "{path}: {}", answer.text());
        let stranger = stand.send(&request("POST", path, &[], &named("chat")));
        assert_eq!(stranger.status(), 404, "{path}: {}", stranger.text());
    }
    let stranger = stand.send(&request("POST", PATH, &[], &named("chat")));
    check_refusal(&stranger, Form::OpenAi, 401, "invalid_api_key");
}

#[test]
fn a_key_calls_the_providers_and_models_that_it_is_allowed() {
    let (stand, _second) = open();
    let admin = &stand.gateway.admin;
    let account = &stand.customer.account;
    let elsewhere = admin.make_key(account, &json!({ "allowed_providers": ["second"] }));
    let other = admin.make_key(account, &json!({ "allowed_models": ["shop/chat"] }));
    let call = |key: &str, path: &str, model: &str| {
        let mut body = hello();
        body["model"] = model.into();
        stand.call(key, ("POST", path), &body)
    };
    check_refusal(&call(&elsewhere, PATH, "chat"), Form::OpenAi, 403, "not_allowed");
    check_refusal(&call(&other, PATH, "chat"), Form::OpenAi, 403, "not_allowed");
    assert_eq!(call(&elsewhere, "/second/v1/chat/completions", "chat-2").status(), 200);
    assert_eq!(call(&other, PATH, "big").status(), 200);
}

#[test]
fn the_model_is_the_providers_own_and_nobody_else_serves() {
    let (stand, second) = open();
    for (path, model, server, name) in [
        (PATH, "chat", "up", "chat"),
        (PATH, "big", "up", "big"),
        (PATH, "shop/chat", "up", "big"),
        ("/second/chat/completions", "chat-2", "second", "chat-2"),
        ("/second/chat/completions", "shop/chat", "second", "chat-2"),
        ("/second/v1/chat/completions", "shop/another", "second", "same"),
    ] {
        let answer = stand.post(path, &named(model));
        assert_eq!(answer.status(), 200, "{path} {model}: {}", answer.text());
        assert_eq!(answer.json()["model"], name, "the provider's own name: {path} {model}");
        let asked = if server == "up" { &stand.upstream } else { &second };
        assert_eq!(asked.last_body()["model"], name, "{path} {model}");
    }
    for (path, model) in [
        (PATH, "chat-2"),
        (PATH, "house/low"),
        (PATH, "auto"),
        (PATH, "chat:floor"),
        (PATH, "shop/other"),
        ("/second/v1/chat/completions", "same"),
    ] {
        let error =
            check_refusal(&stand.post(path, &named(model)), Form::OpenAi, 400, "model_not_found");
        assert_eq!(error["param"], "model", "{path} {model}");
    }
    let before = second.requests().len();
    stand.upstream.fault("status:500");
    let failed = stand.post(PATH, &named("shop/chat"));
    check_refusal(&failed, Form::OpenAi, 502, "provider_error");
    assert_eq!(second.requests().len(), before, "nobody stands in");
}

#[test]
fn the_body_goes_as_it_came_and_no_key_goes_along() {
    let (stand, _second) = open();
    let body = r#"{ "messages" : [{"role":"user","content":"hi"}], "model":"chat",
        "max_completion_tokens":12, "unknown":1.00, "session_id":"s", "seed":7 }"#;
    let headers = [
        ("authorization", &*format!("Bearer {}", stand.customer.key)),
        ("content-type", "application/json"),
        ("openai-organization", "theirs"),
        ("cookie", "secret=1"),
    ];
    let path = format!("{PATH}?key=unused&alt=json");
    let answer = stand.send(&request("POST", &path, &headers, body.as_bytes()));
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let sent = stand.upstream.requests().pop().unwrap();
    let expected = body.replace(r#" "session_id":"s","#, "");
    let text = String::from_utf8(sent.body).unwrap();
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    assert_eq!(squeezed(&text), squeezed(&expected));
    let head = stand.upstream.last_head();
    assert!(head.starts_with("post /v1/chat/completions http/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: bearer test-key\r\n"), "{head}");
    for secret in [&*stand.customer.key, "theirs", "cookie", "unused"] {
        assert!(!head.contains(&secret.to_lowercase()), "{secret}: {head}");
    }
    assert!(!answer.text().contains("test-key") && !answer.head.text.contains("test-key"));
}

#[test]
fn a_customers_own_key_serves_at_a_providers_own_path() {
    let stand = Stand::with(Config::sealed);
    stand.keep_own_key("their-own-key", &json!({}));
    let answer = stand.post(PATH, &named("chat"));
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let head = stand.upstream.last_head();
    assert!(head.contains("authorization: bearer their-own-key\r\n"), "{head}");
    assert!(!answer.text().contains("their-own-key"));
}

#[test]
fn a_stream_keeps_the_providers_names_and_fallbacks_are_refused() {
    let (stand, _second) = open();
    let mut body = hello_stream();
    body["model"] = "shop/chat".into();
    let answer = stand.post(PATH, body.to_string().as_bytes());
    let events = answer.events();
    assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
    for event in &events[..events.len() - 1] {
        let event: Value = serde_json::from_str(event).unwrap();
        assert_eq!(event["model"], "big", "{event}");
    }
    body["models"] = json!(["up/chat"]);
    let answer = stand.post(PATH, body.to_string().as_bytes());
    let error = check_refusal(&answer, Form::OpenAi, 400, "invalid_request");
    assert_eq!(error["param"], "models");
}
