//! Bodies of chat requests that are refused, each with its code, under both surfaces.

use serde_json::{Value, json};
use tollgate_tests::client::Answer;
use tollgate_tests::config::Prices;
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::{CHAT, ROUTED_CHAT, Stand, hello};

/// A gateway with a small model, one that embeds, and one whose provider has no key.
fn stand() -> Stand {
    Stand::with(|config| {
        let url = "http://127.0.0.1:1/v1";
        let prices = Prices::new("1", "10");
        let keyless = "api_keys = [\"env:TOLLGATE_TEST_NO_SUCH_KEY\"]";
        let small = "context = 1000\nmax_output = 100";
        let embeds = "kind = \"embedding\"\ninput_modalities = [\"text\"]";
        config
            .provider("keyless", url, keyless)
            .model("keyless/chat", &[("keyless", "chat")], &prices, "")
            .model("up/small", &[("up", "chat")], &prices, small)
            .model("up/embed", &[("up", "embed")], &prices, embeds)
    })
}

/// `hello` with members changed; null takes one out.
fn changed(changes: &Value) -> Vec<u8> {
    let mut body = hello();
    let members = body.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    body.to_string().into_bytes()
}

/// Sends a body to both surfaces; answers both error objects.
#[track_caller]
fn refused(stand: &Stand, body: &[u8], status: u16, code: &str) -> [Value; 2] {
    [CHAT, ROUTED_CHAT].map(|path| {
        let answer = stand.post(path, body);
        assert_known(&answer);
        check_refusal(&answer, Form::of(path), status, code)
    })
}

/// The key was good, and the answer says so.
fn assert_known(answer: &Answer) {
    assert_eq!(answer.head.header("x-ratelimit-limit"), Some("1000000"));
}

#[test]
fn what_is_not_one_json_object_is_invalid_json() {
    let stand = stand();
    let good = hello().to_string();
    let deep = format!("{{\"model\":\"up/chat\",\"x\":{}", "[".repeat(100_000));
    let closed = format!("{{\"x\":{}{}}}", "[".repeat(100), "]".repeat(100));
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"\"text\"".to_vec(),
        b"{} {}".to_vec(),
        b"{\"model\":\"up/chat\",}".to_vec(),
        b"{'model':'up/chat'}".to_vec(),
        b"{\"model\":\"\xff\"}".to_vec(),
        b"{\"model\":\"\xed\xa0\x80\"}".to_vec(),
        b"{\"model\":\"\\ud800\"}".to_vec(),
        b"{\"n\":01}".to_vec(),
        b"{\"n\":NaN}".to_vec(),
        [b"\xef\xbb\xbf", good.as_bytes()].concat(),
        good.replace("up/chat", "up\nchat").into_bytes(),
        format!("{good}x").into_bytes(),
        deep.into_bytes(),
        closed.into_bytes(),
    ];
    for body in bodies {
        refused(&stand, &body, 400, "invalid_json");
    }
    assert!(stand.upstream.requests().is_empty(), "nothing of it reached the provider");
}

#[test]
fn a_key_that_decides_stands_once_however_it_is_spelt() {
    let stand = stand();
    let good = hello().to_string();
    let with = |more: &str| format!("{{{more},{}", &good[1..]).into_bytes();
    for body in [
        with(r#""model":"up/small""#),
        with(r#""mod\u0065l":"up/small""#),
        with(r#""\u006D\u006f\u0064\u0065\u006C":"up/small""#),
        with(r#""MODEL":"up/small""#),
        with(r#""max_tokens":1"#),
        with(r#""max\u005Ftokens":1"#),
        with(r#""messages":[]"#),
        with(r#""n":1,"n":2"#),
        with(r#""stream":true,"strea\u006d":false"#),
        with(r#""stream_options":{"include_usage":true,"include_usag\u0065":false}"#),
        with(r#""reasoning":{"effort":"low","effort":"high"}"#),
        with(r#""unknown":1,"unknown":2"#),
    ] {
        let text = String::from_utf8_lossy(&body).into_owned();
        let [error, _] = refused(&stand, &body, 400, "duplicate_key");
        assert!(error["message"].as_str().unwrap().contains('"'), "{text}: {error}");
    }
}

#[test]
fn a_member_with_a_wrong_value_is_named() {
    let stand = stand();
    for (changes, param) in [
        (json!({ "model": null }), "model"),
        (json!({ "model": 7 }), "model"),
        (json!({ "model": "" }), "model"),
        (json!({ "model": "m".repeat(257) }), "model"),
        (json!({ "messages": null }), "messages"),
        (json!({ "messages": [] }), "messages"),
        (json!({ "messages": "hello" }), "messages"),
        (json!({ "messages": ["hello"] }), "messages"),
        (json!({ "stream": "yes" }), "stream"),
        (json!({ "n": 0 }), "n"),
        (json!({ "n": 129 }), "n"),
        (json!({ "n": "2" }), "n"),
        (json!({ "max_tokens": 0 }), "max_tokens"),
        (json!({ "max_tokens": -1 }), "max_tokens"),
        (json!({ "max_tokens": 1.5 }), "max_tokens"),
        (json!({ "max_tokens": "9" }), "max_tokens"),
        (json!({ "max_completion_tokens": 13 }), "max_tokens"),
        (json!({ "max_tokens": null, "max_completion_tokens": 0 }), "max_completion_tokens"),
        (json!({ "service_tier": 1 }), "service_tier"),
    ] {
        for error in refused(&stand, &changed(&changes), 400, "invalid_request") {
            assert_eq!(error["param"], param, "{changes}: {error}");
            assert_eq!(error["type"], "invalid_request_error");
        }
    }
}

#[test]
fn what_the_model_cannot_do_is_said_before_anything_is_held() {
    let stand = stand();
    let cases = [
        (json!({ "service_tier": "gold" }), "unsupported_for_model", "service_tier"),
        (json!({ "service_tier": "flex" }), "unsupported_for_model", "service_tier"),
        (json!({ "web_search_options": {} }), "unsupported_for_model", "web_search_options"),
        (json!({ "search_parameters": {} }), "unsupported_for_model", "web_search_options"),
        (json!({ "tools": [{ "type": "web_search" }] }), "unsupported_for_model", "tools"),
        (json!({ "plugins": [{ "id": "web" }] }), "unsupported_for_model", "plugins"),
        (json!({ "model": "up/chat:online" }), "unsupported_for_model", "web_search_options"),
        (json!({ "model": "up/small:free" }), "model_not_found", "model"),
        (json!({ "model": "up/small:swift" }), "model_not_found", "model"),
        (json!({ "models": ["up/nothing"] }), "model_not_found", "model"),
        (json!({ "model": "up/embed" }), "unsupported_for_model", "model"),
        (json!({ "model": "up/nothing" }), "model_not_found", "model"),
        (json!({ "model": "chat" }), "model_not_found", "model"),
        (json!({ "model": "UP/CHAT" }), "model_not_found", "model"),
        (
            json!({
                "model": "up/small",
                "messages": [{ "role": "user", "content": "x".repeat(8100) }],
            }),
            "context_length_exceeded",
            "messages",
        ),
    ];
    for (changes, code, param) in cases {
        for error in refused(&stand, &changed(&changes), 400, code) {
            assert_eq!(error["param"], param, "{error}");
        }
    }
    let account = stand.gateway.admin.account(&stand.customer.account);
    assert!(account.held.is_zero() && account.spent.is_zero(), "{account:?}");
    assert!(stand.upstream.requests().is_empty());
}

#[test]
fn a_model_that_nobody_can_serve_now_is_a_503_of_ours() {
    let stand = stand();
    let body = changed(&json!({ "model": "keyless/chat" }));
    for error in refused(&stand, &body, 503, "tier_unavailable") {
        assert_eq!(error["origin"], "gateway");
    }
}
