//! Refusals in the caller's form, from the gateway and from providers.

use serde_json::{Value, json};
use tollgate_tests::client::{Answer, ask, request};

use crate::shop::{open, pairs, send};
use crate::speech::{Ask, Client};

const WHOLE: Ask = Ask { stream: false, cap: 20, thinks: false };

/// Checks an error's form; answers its message.
#[track_caller]
fn told(client: Client, answer: &Answer, status: u16) -> String {
    let body = answer.json();
    assert_eq!(answer.status(), status, "{body}");
    let error = &body["error"];
    let expected: Value = match (client, status) {
        (Client::Chat | Client::Responses, _) => {
            assert!(error["code"].is_string() && error["type"].is_string(), "{body}");
            return error["message"].as_str().unwrap().to_owned();
        }
        (Client::Messages, 400) => "invalid_request_error".into(),
        (Client::Messages, 401) => "authentication_error".into(),
        (Client::Messages, 402) => "billing_error".into(),
        (Client::Messages, 404) => "not_found_error".into(),
        (Client::Messages, _) => error["type"].clone(),
        (Client::Gemini, 400) => "INVALID_ARGUMENT".into(),
        (Client::Gemini, 401) => "UNAUTHENTICATED".into(),
        (Client::Gemini, 404) => "NOT_FOUND".into(),
        (Client::Gemini, _) => error["status"].clone(),
    };
    if client == Client::Messages {
        assert_eq!((&body["type"], &error["type"]), (&"error".into(), &expected), "{body}");
        let id = answer.head.header("x-request-id").unwrap();
        assert_eq!(body["request_id"], id, "{body}");
    } else {
        assert_eq!((&error["code"], &error["status"]), (&status.into(), &expected), "{body}");
    }
    error["message"].as_str().unwrap().to_owned()
}

#[test]
fn every_client_reads_our_refusals_in_its_own_form() {
    let stand = open();
    for client in Client::ALL {
        let body = client.body("no/such", "hello", WHOLE);
        let answer = send(&stand, &client.path("no/such", false), &body);
        let message = told(client, &answer, 400);
        assert!(message.contains("no/such"), "{message}");
        let path = client.path("o/chat", false);
        let headers = [("x-api-key", "sk-nobody"), ("content-type", "application/json")];
        let answer = request("POST", &path, &headers, b"{}");
        told(client, &ask(stand.gateway.config.data_addr, &answer), 401);
        let answer = stand.post(&path, b"{");
        told(client, &answer, 400);
        let admin = &stand.gateway.admin;
        let poor = admin.make_key(&admin.open_account("poor"), &json!({}));
        let text = client.body("o/chat", "hello", WHOLE).to_string();
        let headers = [("x-api-key", poor.as_str()), ("content-type", "application/json")];
        let answer = request("POST", &path, &headers, text.as_bytes());
        told(client, &ask(stand.gateway.config.data_addr, &answer), 402);
    }
}

#[test]
fn every_client_reads_a_providers_refusals_in_its_own_form() {
    let stand = open();
    for (status, seen) in [(400, 400), (401, 502), (404, 502), (429, 503), (500, 502), (529, 503)] {
        stand.upstream.fault(&format!("status:{status}"));
        for (client, model) in pairs() {
            let body = client.body(model, "hello", WHOLE);
            told(client, &send(&stand, &client.path(model, false), &body), seen);
        }
    }
}

#[test]
fn what_no_other_dialect_can_say_is_refused_and_what_matters_little_is_named() {
    let stand = open();
    let mut several = Client::Chat.body("a/chat", "hello", WHOLE);
    several["n"] = 2.into();
    let answer = send(&stand, "/v1/chat/completions", &several);
    assert_eq!(
        (answer.status(), &answer.json()["error"]["code"]),
        (400, &"unsupported_for_model".into())
    );
    let mut seeded = Client::Chat.body("a/chat", "hello", WHOLE);
    let more = json!({ "seed": 7, "frequency_penalty": 0.5 });
    seeded.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = send(&stand, "/v1/chat/completions", &seeded);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let dropped = answer.head.header("x-dropped-params").unwrap();
    assert!(dropped.contains("seed") && dropped.contains("frequency_penalty"), "{dropped}");
    let whole = send(&stand, "/v1/chat/completions", &Client::Chat.body("a/chat", "hello", WHOLE));
    assert_eq!(whole.head.header("x-dropped-params"), None);
    for (model, lost) in [("o/chat", Some("cache_control")), ("a/chat", None)] {
        let mut marked = Client::Messages.body(model, "hello", WHOLE);
        let mark = json!({ "type": "ephemeral" });
        marked["messages"][0]["content"] =
            json!([{ "type": "text", "text": "hello", "cache_control": mark }]);
        let answer = send(&stand, &Client::Messages.path(model, false), &marked);
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.head.header("x-dropped-params"), lost);
    }
}
