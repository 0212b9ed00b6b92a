//! What the lists show, in which shape, and to whom.

use serde_json::{Value, json};

use super::*;
use crate::compile::{CompileOptions, compile};

fn catalog() -> Catalog {
    let endpoint = |provider: &str, input: &str| {
        json!({"provider": provider, "model": "m", "context": 900, "price": {
            "input": input, "output": "10", "audio_input": "3", "request": "5000",
            "above": [{"input_tokens": 500, "input": "9"}]}})
    };
    let model = |id: &str, endpoints: Value| {
        json!({"id": id, "context": 1000, "max_output": 100, "created": 7, "parameters": ["tools"],
            "input_modalities": ["text", "audio"], "endpoint": endpoints})
    };
    let provider = |id: &str| {
        let keys = ["env:K"];
        json!({"id": id, "dialect": "openai", "base_url": "https://x.test", "api_keys": keys})
    };
    let mut hidden = model("lab/hidden", json!([endpoint("one", "1")]));
    hidden["listed"] = json!(false);
    let rows = json!({
        "provider": [provider("one"), provider("two")],
        "model": [
            model("lab/big", json!([endpoint("one", "2"), endpoint("two", "1.25")])),
            hidden,
            model("lab/solo", json!([endpoint("two", "1")])),
            model("sandbox/chat", json!([endpoint("one", "1")])),
        ],
        "tier": [
            {"id": "house/low", "use_case": "bulk", "band": ["0.02", "0.2"],
                "models": ["lab/solo"]},
            {"id": "house/high", "status": "planned"},
        ],
    });
    let rows = serde_json::from_value(rows).unwrap();
    compile(&rows, &CompileOptions::default()).unwrap().catalog
}

fn json_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

fn ids(rendered: &Rendered) -> Vec<String> {
    let list = json_of(&rendered.body);
    let items = list["data"].as_array().unwrap();
    assert_eq!(list["total_count"], items.len());
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_sandbox_is_first_and_what_is_hidden_or_planned_is_not_there() {
    let listing = Listing::render(&catalog());
    assert_eq!(ids(&listing.openai), ["sandbox/chat", "lab/big", "lab/solo", "house/low"]);
    assert_eq!(listing.len(), 4);
    assert!(Arc::ptr_eq(&listing.openai.body, &listing.openrouter.body));
}

#[test]
fn an_item_is_openais_and_openrouters_at_once() {
    let listing = Listing::render(&catalog());
    let (listed, bytes) = listing.item("lab/big").unwrap();
    let item = json_of(bytes);
    assert_eq!(listed, Listed::Model(0));
    assert_eq!((&item["object"], &item["owned_by"]), (&json!("model"), &json!("lab")));
    assert_eq!((&item["created"], &item["context_length"]), (&json!(7), &json!(1000)));
    assert_eq!(item["pricing"]["prompt"], "0.00000125");
    assert_eq!(item["pricing"]["completion"], "0.00001");
    assert_eq!(item["pricing"]["request"], "0.005");
    assert_eq!(item["pricing"]["audio"], "0.000003");
    assert_eq!(item["pricing"]["overrides"][0]["min_prompt_tokens"], 500);
    assert_eq!(item["pricing"]["overrides"][0]["prompt"], "0.000009");
    assert_eq!(item["architecture"]["modality"], "text+audio->text");
    assert_eq!(item["top_provider"]["context_length"], 900);
    for key in [
        "canonical_slug",
        "name",
        "description",
        "per_request_limits",
        "supported_parameters",
        "default_parameters",
        "supported_voices",
        "links",
    ] {
        assert!(item.get(key).is_some(), "{key}");
    }
}

#[test]
fn a_tier_shows_itself_but_not_what_is_behind_it() {
    let listing = Listing::render(&catalog());
    let (listed, bytes) = listing.item("house/low").unwrap();
    let item = json_of(bytes);
    assert_eq!(listed, Listed::Tier(0));
    assert_eq!(
        (&item["owned_by"], &item["tier"]["band"]),
        (&json!("house"), &json!(["0.02", "0.2"]))
    );
    assert!(!String::from_utf8_lossy(bytes).contains("lab/"));
}

#[test]
fn a_key_sees_what_it_may_use() {
    let catalog = catalog();
    let listing = Listing::render(&catalog);
    let list = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let seen = |models: Option<Vec<String>>, providers: Option<Vec<String>>| {
        let key = Allowance { models: models.as_deref(), providers: providers.as_deref() };
        ids(&listing.cut_for(&catalog, key))
    };
    assert_eq!(seen(None, None).len(), 4);
    assert_eq!(seen(Some(list(&["lab/big"])), None), ["lab/big"]);
    assert_eq!(seen(Some(list(&["lab/solo"])), None), ["lab/solo", "house/low"]);
    assert_eq!(seen(Some(list(&["house/low"])), None), ["house/low"]);
    assert_eq!(seen(None, Some(list(&["one"]))), ["sandbox/chat", "lab/big"]);
    assert_eq!(seen(Some(list(&["house/low"])), Some(list(&["one"]))), Vec::<String>::new());
}

#[test]
fn an_entity_tag_follows_the_bytes() {
    let (one, two) = (Listing::render(&catalog()), Listing::render(&catalog()));
    assert_eq!(one.openai.etag, two.openai.etag);
    let cut = one.cut(|listed| matches!(listed, Listed::Model(_)));
    assert!(cut.etag != one.openai.etag && cut.etag.starts_with('"') && cut.etag.ends_with('"'));
    assert_eq!(one.cut(|_| true).etag, one.openai.etag);
}

#[test]
fn endpoints_show_each_providers_price() {
    let catalog = catalog();
    let body = endpoints(&catalog, catalog.model("lab/big").unwrap()).body;
    let answer = json_of(&body);
    let found = answer["data"]["endpoints"].as_array().unwrap();
    let shown: Vec<_> =
        found.iter().map(|e| (&e["provider_name"], &e["pricing"]["prompt"])).collect();
    assert_eq!(shown, [(&json!("one"), &json!("0.000002")), (&json!("two"), &json!("0.00000125"))]);
    for key in ["name", "model_id", "tag", "quantization", "status", "uptime_last_1d"] {
        assert!(found[0].get(key).is_some(), "{key}");
    }
}

#[test]
fn other_dialects_list_the_same_models() {
    let catalog = catalog();
    let of = |list: Vec<u8>| json_of(&list);
    let gemini = of(gemini_list(&catalog, Allowance::default()));
    let named: Vec<_> = gemini["models"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["name"].as_str().unwrap().to_owned())
        .collect();
    let expected = ["sandbox/chat", "lab/big", "lab/solo", "house/low"];
    assert_eq!(named, expected.map(|id| format!("models/{id}")));
    assert_eq!(gemini["models"][1]["outputTokenLimit"], 100);
    let anthropic = of(anthropic_list(&catalog, Allowance::default()));
    assert_eq!(
        (&anthropic["first_id"], &anthropic["last_id"]),
        (&expected[0].into(), &expected[3].into())
    );
    assert_eq!(anthropic["data"][1]["created_at"], "1970-01-01T00:00:07.000Z");
    let only = ["lab/solo".to_owned()];
    let key = Allowance { models: Some(&only), providers: None };
    assert_eq!(
        of(anthropic_list(&catalog, key))["data"].as_array().unwrap().len(),
        2,
        "and its tier"
    );
    assert!(gemini_item(&catalog, "lab/big", key).is_none());
    assert!(anthropic_item(&catalog, "lab/solo", key).is_some());
    assert!(anthropic_item(&catalog, "lab/hidden", Allowance::default()).is_none());
}
