//! The lists of models, and liveness.

use serde_json::{Value, json};
use tollgate_tests::client::{Answer, Client, request};
use tollgate_tests::config::Prices;
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::Stand;

const LISTS: [&str; 2] = ["/v1/models", "/api/v1/models"];

fn stand() -> Stand {
    Stand::with(|config| {
        let prices = Prices::new("0.25", "2");
        config
            .provider("other", "http://127.0.0.1:1/v1", "")
            .model("other/a/b:free", &[("other", "ab")], &prices, "")
            .model("both/chat", &[("up", "x"), ("other", "y")], &prices, "")
    })
}

fn public(stand: &Stand, path: &str) -> Answer {
    stand.send(&request("GET", path, &[], b""))
}

fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let listed = answer.json();
    let items = listed["data"].as_array().unwrap();
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_list_reads_as_openais_and_as_openrouters() {
    let stand = stand();
    for path in LISTS {
        let answer = public(&stand, path);
        assert_eq!(ids(&answer), ["up/chat", "other/a/b:free", "both/chat"]);
        assert_eq!(answer.head.header("content-type"), Some("application/json"));
        let listed = answer.json();
        assert_eq!(listed["object"], "list");
        let item = &listed["data"][1];
        assert_eq!(item["object"], "model");
        assert_eq!(item["owned_by"], "other");
        assert!(item["created"].is_u64());
        assert_eq!(item["context_length"], 128_000);
        assert_eq!(item["architecture"]["input_modalities"], json!(["text", "image"]));
        assert_eq!(item["architecture"]["output_modalities"], json!(["text"]));
        assert_eq!(item["pricing"]["prompt"], "0.00000025");
        assert_eq!(item["pricing"]["completion"], "0.000002");
        assert_eq!(item["top_provider"]["max_completion_tokens"], 16_384);
        let parameters = json!(["tools", "response_format", "reasoning"]);
        assert_eq!(item["supported_parameters"], parameters);
    }
}

#[test]
fn one_model_is_found_by_its_id_however_its_slash_is_sent() {
    let stand = stand();
    let listed = public(&stand, "/v1/models").json();
    for (path, place) in [
        ("/v1/models/up/chat", 0),
        ("/v1/models/up%2Fchat", 0),
        ("/v1/models/other/a/b:free", 1),
        ("/v1/models/other%2fa%2Fb%3Afree", 1),
    ] {
        assert_eq!(public(&stand, path).json(), listed["data"][place], "{path}");
    }
    let told = public(&stand, "/api/v1/models/both/chat/endpoints");
    let model: Value = told.json()["data"].clone();
    assert_eq!(model["id"], "both/chat");
    let endpoints = model["endpoints"].as_array().unwrap();
    let providers: Vec<_> = endpoints.iter().map(|one| &one["provider_name"]).collect();
    assert_eq!(providers, ["up", "other"]);
    assert_eq!(endpoints[0]["pricing"]["completion"], "0.000002");
    assert!(told.head.header("etag").is_some());
    for path in ["/v1/models/up/nothing", "/v1/models/up", "/api/v1/models/up/nothing/endpoints"] {
        check_refusal(&public(&stand, path), Form::of(path), 400, "model_not_found");
    }
}

#[test]
fn a_list_that_is_known_already_is_not_sent_again() {
    let stand = stand();
    for path in LISTS.into_iter().chain(["/api/v1/models/both/chat/endpoints"]) {
        let first = public(&stand, path);
        let tag = first.head.header("etag").unwrap().to_owned();
        assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
        let several = format!("\"x\", W/{tag}");
        for known in [tag.as_str(), "*", &several] {
            let again = stand.send(&request("GET", path, &[("if-none-match", known)], b""));
            assert_eq!((again.status(), again.body.len()), (304, 0), "{path} {known}");
            assert_eq!(again.head.header("etag"), Some(tag.as_str()));
        }
        let other = stand.send(&request("GET", path, &[("if-none-match", "\"x\"")], b""));
        assert_eq!(other.body, first.body);
    }
    let before = public(&stand, "/v1/models").head.header("etag").unwrap().to_owned();
    let mut model = stand.gateway.admin.get("/admin/v1/models/up/chat");
    model["name"] = "Renamed".into();
    stand.gateway.admin.put("/admin/v1/models/up/chat", &model);
    let headers = [("if-none-match", before.as_str())];
    let after = stand.send(&request("GET", "/v1/models", &headers, b""));
    assert_eq!(after.json()["data"][0]["name"], "Renamed", "a change has a tag of its own");
}

#[test]
fn a_key_sees_what_it_may_use() {
    let stand = stand();
    let made = |more: Value| stand.gateway.admin.make_key(&stand.customer.account, &more);
    let by_model = made(json!({ "allowed_models": ["both/chat"] }));
    let by_provider = made(json!({ "allowed_providers": ["other"] }));
    let by_both = made(json!({ "allowed_models": ["up/chat"], "allowed_providers": ["other"] }));
    let see = |path: &str, key: &str| stand.send(&request("GET", path, &[("x-api-key", key)], b""));
    for path in LISTS {
        assert_eq!(ids(&see(path, &stand.customer.key)).len(), 3);
        assert_eq!(ids(&see(path, &by_model)), ["both/chat"]);
        assert_eq!(ids(&see(path, &by_provider)), ["other/a/b:free", "both/chat"]);
        assert_eq!(ids(&see(path, &by_both)), Vec::<String>::new());
        let tags = [&by_model, &by_provider]
            .map(|key| see(path, key).head.header("etag").unwrap().to_owned());
        assert_ne!(tags[0], tags[1], "lists that differ have tags that differ");
    }
    for path in ["/v1/models/up/chat", "/api/v1/models/up/chat/endpoints"] {
        assert_eq!(see(path, &stand.customer.key).status(), 200);
        for key in [&by_model, &by_provider] {
            check_refusal(&see(path, key), Form::of(path), 400, "model_not_found");
        }
    }
}

#[test]
fn a_head_request_gets_the_head_alone() {
    let stand = stand();
    let mut client = Client::connect(stand.gateway.config.data_addr);
    for path in ["/v1/models", "/health", "/v1/models/up/chat", "/nothing", "/api/v1/key"] {
        let whole = stand.get(path);
        let head = stand.request("HEAD", path, b"");
        client.send(&head);
        client.send(&stand.request("GET", "/health", b""));
        let told = client.read_head().unwrap();
        assert_eq!(told.status, whole.status(), "{path}");
        let next = client.read_head().expect("what follows the head is the next answer");
        assert_eq!(next.status, 200, "{path}");
        assert_eq!(client.read_piece().unwrap().unwrap(), b"{\"status\":\"ok\"}");
        assert_eq!(client.read_piece().unwrap(), None);
    }
}

#[test]
fn liveness_is_open_to_all() {
    let stand = stand();
    let answer = public(&stand, "/health");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json()["status"], "ok");
    assert_eq!(answer.head.header("x-ratelimit-limit"), None);
    let stranger = stand.send(&request("GET", "/health", &[("x-api-key", "sk-no")], b""));
    assert_eq!(stranger.status(), 200, "it asks for no key, so none is wrong");
}
