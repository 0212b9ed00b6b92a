//! What answers tell of their own route: the brand's metadata, the explanation that was asked for,
//! and the pages that show how tiers and credit can be had.

use serde_json::{Value, json};
use tollgate_tests::client::{Answer, request};
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::{CHAT, ROUTED_CHAT, Stand, hello, hello_stream};
use tollgate_tests::upstream::Upstream;

const CATALOG: &str = r#"
[[model]]
id = "inner/one"
context = 128000
max_output = 16384
  [[model.endpoint]]
  provider = "up"
  model = "chat"
  list = { input = "0.04", output = "0.24" }
  [[model.endpoint]]
  provider = "up"
  model = "fault/status:500"
  list = { input = "0.06", output = "0.26" }

[[tier]]
id = "brand/middle"
level = "middle"
model_family = "small-class"
use_case = "Extraction"
band = ["0.05", "0.35"]
models = ["inner/one"]

[[tier]]
id = "brand/high"
status = "planned"
level = "high"
models = ["inner/one"]
"#;

const PROFILE: &str = r#"
metadata_prefix = "brand"
[credit]
minimum = "5"
packs = ["5", "20"]
checkout = { provider = "cashier", url = "https://pay.test" }
[credit.fee.card]
rate = "0.05"
"#;

/// `brand/middle` is two offers of `inner/one`, of which the dearer one fails.
fn stand() -> Stand {
    Stand::with(|config| {
        let mut config = config.on_terms(PROFILE);
        config.catalog.push_str(CATALOG);
        config
    })
}

fn with(mut body: Value, changes: &Value) -> Value {
    body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    body
}

fn ask(stand: &Stand, path: &str, body: &Value) -> Answer {
    let answer = stand.post(path, body.to_string().as_bytes());
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer
}

fn explained(stand: &Stand, path: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {}", stand.customer.key);
    let headers = [
        ("authorization", &*bearer),
        ("content-type", "application/json"),
        ("X-Route-Explain", "1"),
    ];
    stand.send(&request("POST", path, &headers, body.to_string().as_bytes()))
}

fn chunks(answer: &Answer) -> Vec<Value> {
    let events = answer.events();
    let (done, chunks) = events.split_last().unwrap();
    assert_eq!(done, "[DONE]");
    chunks.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect()
}

/// The one chunk of a stream that has a member: it must be the last.
#[track_caller]
fn last_with(answer: &Answer, name: &str) -> Value {
    let chunks = chunks(answer);
    let (last, rest) = chunks.split_last().unwrap();
    assert!(rest.iter().all(|chunk| chunk.get(name).is_none()), "{chunks:?}");
    assert!(last.get(name).is_some(), "{chunks:?}");
    last.clone()
}

fn tier_body(body: Value, routing: &Value) -> Value {
    with(body, &json!({ "model": "brand/middle", "routing": routing }))
}

#[test]
fn an_answer_tells_its_route_in_full() {
    let stand = stand();
    let routing = json!({
        "currency": "USD", "min_total_per_1m": "0.05", "max_total_per_1m": "0.30", "rpm_cap": 60,
        "strategy": "balanced", "continuity_mode": "stay_within_cap",
    });
    let told = ask(&stand, CHAT, &tier_body(hello(), &routing)).json();
    assert_eq!(
        (&told["brand_status"], &told["model"]),
        (&"completed".into(), &"brand/middle".into())
    );
    let mut route = told["brand_route"].clone();
    let id = route["route_id"].take();
    assert!(id.as_str().is_some_and(|id| id.starts_with("route_")), "{id}");
    let expected = json!({
        "alias": "brand/middle", "task": "chat", "route_id": null,
        "intelligence_level": "middle", "model_family": "small-class",
        "input_per_1m": "0.04", "output_per_1m": "0.24", "currency": "USD",
        "input_usd_per_1m": "0.04", "output_usd_per_1m": "0.24",
        "estimated_cost_usd_per_1m": "0.18", "brand_fee_rate": "0",
        "estimated_total_usd_per_1m": "0.18", "rpm_cap": 60, "strategy": "balanced",
        "continuity_mode": "stay_within_cap", "escalation_allowed": false, "escalated": false,
        "reason": "Selected the cheapest live middle-tier route inside the declared cap.",
    });
    assert_eq!(route, expected);
    let text = told.to_string();
    assert!(!text.contains("inner/one") && !text.contains("\"up\""), "{text}");
}

#[test]
fn a_stream_tells_it_on_its_last_chunk_and_only_there() {
    let stand = stand();
    let usage = json!({ "stream_options": { "include_usage": true } });
    for fault in ["", "no-usage", "usage-early", "fin-no-done", "chunk:5"] {
        stand.upstream.fault(fault);
        for (path, more) in [(CHAT, json!({})), (CHAT, usage.clone()), (ROUTED_CHAT, json!({}))] {
            let body = with(tier_body(hello_stream(), &json!({})), &more);
            let last = last_with(&ask(&stand, path, &body), "brand_route");
            assert_eq!(last["brand_status"], "completed", "{fault} {path} {more}");
            assert_eq!(last["brand_route"]["alias"], "brand/middle");
            assert_eq!(last["model"], "brand/middle");
        }
    }
    let three = with(tier_body(hello_stream(), &json!({})), &json!({ "n": 3 }));
    stand.upstream.fault("");
    last_with(&ask(&stand, CHAT, &three), "brand_route");
}

#[test]
fn a_model_that_is_no_tier_is_told_by_its_own_name_and_after_a_failure() {
    let stand = stand();
    let told = ask(&stand, CHAT, &hello()).json();
    let route = &told["brand_route"];
    assert_eq!((&route["alias"], &route["intelligence_level"]), (&"up/chat".into(), &Value::Null));
    assert_eq!(route["rpm_cap"], 1_000_000);
    let changes = json!({
        "model": "inner/one", "models": ["up/chat"],
        "routing": { "min_total_per_1m": "0.30" },
    });
    let told = ask(&stand, CHAT, &with(hello(), &changes)).json();
    let reason = told["brand_route"]["reason"].as_str().unwrap();
    assert!(reason.ends_with("route, after another one had failed."), "{reason}");
    assert_eq!(told["brand_route"]["alias"], "up/chat");
    for (changes, said) in [
        (json!({ "provider": { "order": ["up"] } }), "Selected the first live route."),
        (json!({ "provider": { "sort": "latency" } }), "Selected the promptest live route."),
        (json!({ "model": "inner/one:nitro" }), "Selected the fastest live route."),
        (json!({ "routing": { "strategy": "continuity" } }), "Selected the steadiest live route."),
        (json!({ "models": ["inner/one"] }), "Selected the best live route."),
    ] {
        let told = ask(&stand, CHAT, &with(hello(), &changes)).json();
        assert_eq!(told["brand_route"]["reason"], said, "{changes}");
    }
}

#[test]
fn a_brand_without_metadata_tells_none() {
    let stand = Stand::with(|mut config| {
        config.catalog.push_str(CATALOG);
        config
    });
    let told = ask(&stand, CHAT, &tier_body(hello(), &json!({}))).json();
    let names: Vec<_> = told.as_object().unwrap().keys().cloned().collect();
    assert!(!names.iter().any(|name| name.ends_with("_route")), "{names:?}");
    for chunk in chunks(&ask(&stand, CHAT, &hello_stream())) {
        assert!(!chunk.to_string().contains("_route"), "{chunk}");
    }
}

#[test]
fn an_explanation_comes_with_every_answer_that_asks_for_it() {
    let stand = Stand::with(|mut config| {
        config.catalog.push_str(CATALOG);
        config
    });
    let only = json!({ "model": "inner/one", "routing": { "max_input_per_1m": "0.05" } });
    let whole = explained(&stand, CHAT, &with(hello(), &only));
    assert_eq!(whole.status(), 200, "{}", whole.text());
    let streamed = explained(&stand, CHAT, &with(hello_stream(), &only));
    let last = last_with(&streamed, "route_explanation");
    for told in [&whole.json()["route_explanation"], &last["route_explanation"]] {
        assert_eq!(told["candidates"].as_array().unwrap().len(), 1, "{told}");
        assert_eq!(told["served_by"], told["candidates"][0]["route_id"]);
        assert_eq!(told["attempts"][0]["status"], 200);
        assert_eq!(told["left_out"][0]["why"], json!(["routing.max_input_per_1m"]));
        assert_eq!(told["caps"][0]["usd_per_1m"], "0.05");
    }
    let none = json!({ "model": "brand/middle", "routing": { "max_input_per_1m": "0.01" } });
    let refused = explained(&stand, CHAT, &with(hello(), &none));
    check_refusal(&refused, Form::OpenAi, 402, "no_route_under_cap");
    let told = &refused.json()["route_explanation"];
    assert_eq!(told["left_out"].as_array().unwrap().len(), 2, "{told}");
    assert_eq!(told["caps"][0]["fits"], false);
    assert!(!told.to_string().contains("inner/one"), "a tier hides what is behind it: {told}");
    let failing = json!({ "model": "brand/middle", "routing": { "min_total_per_1m": "0.3" } });
    for body in [hello(), hello_stream()] {
        let failed = explained(&stand, CHAT, &with(body, &failing));
        check_refusal(&failed, Form::OpenAi, 502, "provider_error");
        let told = &failed.json()["route_explanation"];
        assert_eq!(told["attempts"][0]["status"], 500, "{told}");
        assert_eq!(told["attempts"][0]["route_id"], told["candidates"][0]["route_id"]);
    }
    let silent = ask(&stand, CHAT, &with(hello(), &only)).json();
    assert!(silent.get("route_explanation").is_none());
}

/// The members of a shape of the API's own description that must be there.
fn required(stand: &Stand, shape: &str) -> Vec<String> {
    let document = stand.gateway.admin.get("/openapi.json");
    let required = document["components"]["schemas"][shape]["required"].as_array().unwrap().clone();
    required.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn open(stand: &Stand, path: &str) -> Value {
    let answer = stand.send(&request("GET", path, &[], b""));
    assert_eq!(answer.status(), 200, "{}", answer.text());
    answer.json()
}

#[test]
fn tiers_are_shown_to_everyone_with_what_they_cost_at_least() {
    let second = Upstream::start();
    let stand = Stand::on(second, |config| {
        let mut config = config.on_terms(PROFILE);
        config.catalog.push_str(CATALOG);
        config
    });
    let status = open(&stand, "/v1/status/routes");
    for name in required(&stand, "RouteStatus") {
        assert!(status.get(&name).is_some(), "{name}: {status}");
    }
    let mut middle = status["data"][0].clone();
    assert!(middle["cheapest"]["route_id"].take().is_string());
    assert_eq!(
        middle,
        json!({
            "alias": "brand/middle", "status": "available", "intelligence_level": "middle",
            "model_family": "small-class", "use_case": "Extraction",
            "usd_per_1m_band": ["0.05", "0.35"], "rpm": null, "candidates": 2, "live_candidates": 2,
            "cheapest": {
                "route_id": null, "input_per_1m": "0.04", "output_per_1m": "0.24",
                "estimated_total_usd_per_1m": "0.18",
            },
        })
    );
    let high = &status["data"][1];
    assert_eq!((&high["status"], &high["cheapest"]), (&"planned".into(), &Value::Null));
    assert!(!status.to_string().contains("inner/one"), "{status}");
    // Five failures in a row: the dearer offer rests, then none is live.
    let dear = json!({ "model": "brand/middle", "routing": { "min_total_per_1m": "0.30" } });
    let fail = |changes: &Value| stand.chat(&with(hello(), changes)).status();
    (0..5).for_each(|_| assert_eq!(fail(&dear), 502));
    assert_eq!(open(&stand, "/v1/status/routes")["data"][0]["live_candidates"], 1);
    stand.upstream.fault("status:500");
    (0..5).for_each(|_| assert_eq!(fail(&json!({ "model": "brand/middle" })), 502));
    let outage = open(&stand, "/v1/status/routes")["data"][0].clone();
    assert_eq!((&outage["status"], &outage["live_candidates"]), (&"outage".into(), &0.into()));
}

#[test]
fn credit_is_shown_to_everyone_with_what_it_costs() {
    let stand = stand();
    let status = open(&stand, "/v1/billing/status");
    for name in required(&stand, "BillingStatus") {
        assert!(status.get(&name).is_some(), "{name}: {status}");
    }
    let packs = json!([
        { "credit": "5", "fees": { "card": "0.25" } }, { "credit": "20", "fees": { "card": "1" } },
    ]);
    assert_eq!(status["credit_packs"], packs);
    assert_eq!(
        status["checkout"],
        json!({
            "state": "available", "provider": "cashier", "url": "https://pay.test",
            "methods": ["card"],
        })
    );
    assert_eq!(status["minimum_top_up"], "5");
    let plain = open(&Stand::start(), "/v1/billing/status");
    assert_eq!(plain["checkout"]["state"], "unavailable");
}
