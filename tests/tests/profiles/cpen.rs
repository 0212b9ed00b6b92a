//! CPEN: tiers under price caps, and a plain word beside every error.

use serde_json::{Value, json};
use tollgate_tests::client::request;
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::refusal::{Form, check_refusal};
use units::TokenClass::{Input, Output};
use units::Usd;

use crate::answers;
use crate::brand::{Brand, Claim, now};
use crate::documents::of_host;
use crate::examples::shown_answers;
use crate::shop::{Shop, Sold, sell, usd};

pub(crate) const BRAND: Brand = Brand {
    profile: "cpen",
    host: "cpenrouter.space",
    chat: "/v1/chat/completions",
    model: "cpen/low",
    shown: 10,
    catalog,
    claims: CLAIMS,
    not_yet: &[],
    judge: answers::judge,
};

/// A tier: alias, level, band, whether it can be had, its rate, and the model behind it.
type Tier = (&'static str, &'static str, [&'static str; 2], &'static str, u32, Sold);

const TIERS: [Tier; 3] = [
    (
        "cpen/low",
        "Low",
        ["0.02", "0.20"],
        "available",
        60,
        ("house/small", &[(Input, "0.03"), (Output, "0.15")]),
    ),
    (
        "cpen/middle",
        "Middle",
        ["0.05", "0.35"],
        "available",
        120,
        ("house/middle", &[(Input, "0.04"), (Output, "0.24")]),
    ),
    (
        "cpen/high",
        "High",
        ["0.20", "1.00"],
        "planned",
        30,
        ("house/large", &[(Input, "0.25"), (Output, "0.75")]),
    ),
];

const CLAIMS: &[Claim] = &[
    now(
        &["$0.02$0.20available", "$0.05$0.35available", "$0.20$1.00planned"],
        tiers_are_shown_and_sold_within_their_bands,
    ),
    now(&["Bearer cpen_live_", "cpen_live API key"], keys_begin_as_they_should),
    now(&["launch credit"], who_signs_up_gets_credit),
    now(
        &["visible_input_price <= max_input_per_1m", "visible_output_price <= max_output_per_1m"],
        a_cap_holds_to_the_picodollar,
    ),
    now(&["customer-facing USD price"], the_shown_price_is_charged),
    now(&["Must be USD"], other_currencies_are_refused),
    now(
        &[
            "max_total_per_1mdecimal",
            "min_total_per_1mdecimal",
            "rpm_capinteger",
            "cheapest | balanced | continuity",
            "stay_within_cap | temporary_escalation",
            "allow_temporary_high_priceboolean",
        ],
        every_field_takes_its_type_and_no_other,
    ),
    now(
        &["401Missing", "402No live", "503Route", "No route available under budget"],
        errors_have_their_status_and_a_detail,
    ),
    now(&["429RPM cap exceeded"], a_keys_own_rate_is_a_429),
    now(&["Per-key requests-per-minute"], a_lower_cap_of_the_request_is_a_429),
    now(&["Liveness probe"], |shop| {
        let healthy = shop.ask(&request("GET", "/health", &[], b""));
        assert_eq!(healthy.status(), 200);
    }),
    now(&["at 2 RPM"], guests_ask_twice_a_minute),
    now(
        &["\"cpen_status\": \"completed\"", "\"estimated_cost_usd_per_1m\": \"0.18\""],
        the_answer_is_the_documented_one,
    ),
    now(&["candidate counts"], tiers_have_a_status),
    now(&["Credit packs"], billing_has_a_status),
    now(&["parsed JSON in output"], extractions_are_parsed),
];

fn catalog(mut config: Config, base_url: &str) -> Config {
    config = config.provider("house", base_url, "");
    for (id, level, [low, high], status, rpm, sold) in TIERS {
        let [input, output] = [sold.1[0].1, sold.1[1].1];
        let context = "context = 128000\nmax_output = 4000";
        config = sell(config, sold, (&["house"], context), Prices::new(input, output));
        config.catalog.push_str(&format!(
            "[[tier]]\nid = \"{id}\"\nstatus = \"{status}\"\nlevel = \"{}\"\nrpm = {rpm}\n\
             model_family = \"gpt-mini-or-flash-class\"\nband = [\"{low}\", \"{high}\"]\n\
             models = [\"{}\"]\n",
            level.to_lowercase(),
            sold.0
        ));
    }
    config.prices.clear();
    for (id, .., sold) in TIERS {
        let [input, output] = [sold.1[0].1, sold.1[1].1];
        config.prices.push((sold.0.to_owned(), Prices::new(input, output)));
        if id != "cpen/high" {
            config.prices.push((id.to_owned(), Prices::new(input, output)));
        }
    }
    config
}

fn tiers_are_shown_and_sold_within_their_bands(shop: &Shop) {
    for (id, level, band, status, rpm, sold) in TIERS {
        if let Some(documents) = of_host(BRAND.host) {
            let row = documents[0].text.lines().find(|line| line.starts_with(id)).unwrap();
            assert!(row.starts_with(&format!("{id}{level}")), "{row}");
            assert!(row.ends_with(&format!("${}${}{status}", band[0], band[1])), "{row}");
        }
        let [low, high] = band.map(|price| price.parse::<Usd>().unwrap());
        let sum: Usd = sold.1.iter().map(|(_, price)| price.parse::<Usd>().unwrap()).sum();
        assert!(low <= sum && sum <= high, "{id} is sold at {sum}");
        let answer = shop.chat(id, &Value::Null);
        if status == "planned" {
            check_refusal(&answer, Form::OpenAi, 503, "tier_unavailable");
            continue;
        }
        assert_eq!(answers::whole(&answer.json()), id, "the alias, not the offer");
        let tier = shop.listed(id)["tier"].clone();
        assert_eq!((&tier["level"], &tier["rpm"]), (&json!(level.to_lowercase()), &json!(rpm)));
        assert_eq!([usd(&tier["band"][0]), usd(&tier["band"][1])], [low, high]);
    }
}

fn keys_begin_as_they_should(shop: &Shop) {
    assert!(shop.customer.key.starts_with("cpen_live_"));
}

fn who_signs_up_gets_credit(shop: &Shop) {
    assert!(shop.sign_up("new").1 > Usd::ZERO);
    assert!(
        shop.gateway.admin.account(&shop.gateway.admin.open_account("other")).balance.is_zero()
    );
}

/// A chat under caps.
fn capped(shop: &Shop, tier: &str, routing: Value) -> tollgate_tests::client::Answer {
    let mut routing = routing;
    routing["currency"] = "USD".into();
    shop.chat(tier, &json!({ "routing": routing }))
}

fn a_cap_holds_to_the_picodollar(shop: &Shop) {
    for (caps, fits) in [
        (json!({ "max_input_per_1m": "0.03", "max_output_per_1m": "0.15" }), true),
        (json!({ "max_input_per_1m": "0.029999", "max_output_per_1m": "0.15" }), false),
        (json!({ "max_input_per_1m": "0.03", "max_output_per_1m": "0.149999" }), false),
        (json!({ "max_total_per_1m": "0.18" }), true),
        (json!({ "max_total_per_1m": "0.179999" }), false),
        (json!({ "min_total_per_1m": "0.18" }), true),
        (json!({ "min_total_per_1m": "0.180001" }), false),
    ] {
        let answer = capped(shop, "cpen/low", caps.clone());
        assert_eq!(answer.status(), if fits { 200 } else { 402 }, "{caps}: {}", answer.text());
    }
}

fn the_shown_price_is_charged(shop: &Shop) {
    for tier in ["cpen/low", "cpen/middle"] {
        let booked = shop.booked(&shop.chat(tier, &Value::Null));
        let pricing = shop.listed(tier)["pricing"].clone();
        let cost = |name: &str, class| {
            let tokens = i128::from(booked.usage[class]);
            Usd::from_pico(usd(&pricing[name]).pico() * tokens)
        };
        let shown: Usd = [cost("prompt", Input), cost("completion", Output)].into_iter().sum();
        assert_eq!(shown, booked.charged, "{booked:?}");
    }
}

fn other_currencies_are_refused(shop: &Shop) {
    for currency in [json!("EUR"), json!("usd"), json!(1)] {
        let answer = shop.chat("cpen/low", &json!({ "routing": { "currency": currency } }));
        check_refusal(&answer, Form::OpenAi, 400, "invalid_request");
    }
}

fn every_field_takes_its_type_and_no_other(shop: &Shop) {
    for (field, good, bad) in [
        ("max_input_per_1m", json!(["1", 1, "0.5"]), json!(["one", true])),
        ("max_output_per_1m", json!(["1", 1, "0.5"]), json!(["-1", {}])),
        ("max_total_per_1m", json!(["1", 1]), json!(["", []])),
        ("min_total_per_1m", json!(["0.01", 0.01]), json!(["low"])),
        ("rpm_cap", json!([60]), json!(["60", 0, 1.5])),
        ("strategy", json!(["cheapest", "balanced", "continuity"]), json!(["fastest", 1])),
        ("continuity_mode", json!(["stay_within_cap", "temporary_escalation"]), json!(["yes"])),
        ("allow_temporary_high_price", json!([true, false]), json!(["true"])),
    ] {
        for (values, status) in [(good, 200), (bad, 400)] {
            for value in values.as_array().unwrap() {
                let answer = capped(shop, "cpen/low", json!({ field: value }));
                assert_eq!(answer.status(), status, "{field} = {value}: {}", answer.text());
            }
        }
    }
}

/// The `detail` of a refusal, which says no other than its message.
fn detail(body: &Value) -> String {
    assert_eq!(body["detail"], body["error"]["message"], "{body}");
    body["detail"].as_str().expect("a text").to_owned()
}

fn errors_have_their_status_and_a_detail(shop: &Shop) {
    for key in ["", "cpen_live_nobodys"] {
        let answer = shop.chat_with(key, "cpen/low", &Value::Null);
        check_refusal(&answer, Form::OpenAi, 401, "invalid_api_key");
        detail(&answer.json());
    }
    let answer = capped(shop, "cpen/middle", json!({ "max_total_per_1m": "0.05" }));
    check_refusal(&answer, Form::OpenAi, 402, "no_route_under_cap");
    assert!(detail(&answer.json()).starts_with("No route available under budget"));
    let answer = shop.chat("cpen/high", &Value::Null);
    check_refusal(&answer, Form::OpenAi, 503, "tier_unavailable");
    detail(&answer.json());
    let answer = shop.call("cpen_live_nobodys", "GET", "/api/v1/balance", &Value::Null);
    check_refusal(&answer, Form::OpenRouter, 401, "invalid_api_key");
    detail(&answer.json());
}

fn a_keys_own_rate_is_a_429(shop: &Shop) {
    let key = shop.gateway.admin.make_key(&shop.customer.account, &json!({ "rpm": 2 }));
    let statuses = [(); 3].map(|()| shop.chat_with(&key, "cpen/low", &Value::Null).status());
    assert_eq!(statuses, [200, 200, 429]);
    detail(&shop.chat_with(&key, "cpen/low", &Value::Null).json());
}

fn a_lower_cap_of_the_request_is_a_429(shop: &Shop) {
    let key = shop.gateway.admin.make_key(&shop.customer.account, &json!({}));
    let routing = json!({ "routing": { "currency": "USD", "rpm_cap": 2 } });
    let statuses = [(); 3].map(|()| shop.chat_with(&key, "cpen/low", &routing).status());
    assert_eq!(statuses, [200, 200, 429]);
}

fn guests_ask_twice_a_minute(shop: &Shop) {
    let body = json!({ "model": "cpen/low", "messages": [{ "role": "user", "content": "hi" }] });
    let headers = [("content-type", "application/json")];
    let guest = "/playground/v1/chat/completions";
    let ask = || shop.ask(&request("POST", guest, &headers, body.to_string().as_bytes()));
    let answers = [(); 3].map(|()| ask());
    assert_eq!([0, 1, 2].map(|at: usize| answers[at].status()), [200, 200, 429]);
    detail(&answers[2].json());
}

/// The answer that the document shows.
fn documented() -> Option<Value> {
    let shown = shown_answers(&of_host(BRAND.host)?[0]);
    assert_eq!(shown.len(), 1, "one answer is shown");
    shown.into_iter().next().map(|(answer, _)| answer)
}

/// The route of an answer, as far as it can be foretold.
fn route() -> Value {
    json!({
        "alias": "cpen/middle", "task": "chat", "intelligence_level": "middle",
        "model_family": "gpt-mini-or-flash-class", "input_per_1m": "0.04",
        "output_per_1m": "0.24", "currency": "USD", "input_usd_per_1m": "0.04",
        "output_usd_per_1m": "0.24", "estimated_cost_usd_per_1m": "0.18", "cpen_fee_rate": "0",
        "estimated_total_usd_per_1m": "0.18", "rpm_cap": 60, "strategy": "balanced",
        "continuity_mode": "stay_within_cap", "escalation_allowed": false,
    })
}

fn the_answer_is_the_documented_one(shop: &Shop) {
    let routing = json!({ "max_total_per_1m": "0.30", "min_total_per_1m": "0.05", "rpm_cap": 60,
                          "strategy": "balanced", "continuity_mode": "stay_within_cap" });
    let told = capped(shop, "cpen/middle", routing).json();
    assert_eq!(told["cpen_status"], "completed", "{told}");
    for (name, value) in route().as_object().unwrap() {
        assert_eq!(&told["cpen_route"][name], value, "{name}");
    }
    for name in ["route_id", "reason"] {
        assert!(told["cpen_route"][name].as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
    if let Some(shown) = documented() {
        assert_alike("", &shown, &told);
        for (name, value) in route().as_object().unwrap() {
            assert_eq!(&shown["cpen_route"][name], value, "{name} in the document");
        }
    }
}

/// Every member that is shown is told, as a value of the same type.
fn assert_alike(place: &str, shown: &Value, told: &Value) {
    match (shown, told) {
        (Value::Object(shown), Value::Object(told)) => {
            for (name, value) in shown {
                let place = format!("{place}.{name}");
                assert_alike(&place, value, told.get(name).unwrap_or(&Value::Null));
            }
        }
        (Value::Array(shown), Value::Array(told)) => {
            assert_eq!(shown.len(), told.len(), "{place}");
            shown.iter().zip(told).for_each(|(shown, told)| assert_alike(place, shown, told));
        }
        _ => {
            let same = std::mem::discriminant(shown) == std::mem::discriminant(told);
            assert!(same, "{place}: {shown} is shown, {told} is told");
        }
    }
}

fn tiers_have_a_status(shop: &Shop) {
    let status = shop.get("/v1/status/routes");
    let tiers = status["data"].as_array().expect("a list");
    for ((id, _, band, word, rpm, sold), told) in TIERS.into_iter().zip(tiers) {
        assert_eq!((&told["alias"], &told["status"]), (&json!(id), &json!(word)));
        assert_eq!(told["usd_per_1m_band"].as_array().unwrap().len(), band.len());
        assert_eq!((&told["candidates"], &told["rpm"]), (&json!(1), &json!(rpm)));
        let is_there = word == "available";
        assert_eq!(told["cheapest"].is_object(), is_there, "{told}");
        if is_there {
            assert_eq!(usd(&told["cheapest"]["input_per_1m"]).to_string(), sold.1[0].1);
            assert_eq!(usd(&told["cheapest"]["output_per_1m"]).to_string(), sold.1[1].1);
        }
    }
    assert!(!status.to_string().contains("house"), "the offers are not told: {status}");
}

fn billing_has_a_status(shop: &Shop) {
    let status = shop.get("/v1/billing/status");
    let packs = status["credit_packs"].as_array().expect("a list");
    assert!(!packs.is_empty() && packs.iter().all(|pack| usd(&pack["credit"]) > Usd::ZERO));
    assert!(status["checkout"]["state"].is_string(), "{status}");
}

fn extractions_are_parsed(shop: &Shop) {
    let schema = json!({ "type": "object", "properties": { "buyer": { "type": "string" } } });
    let body = json!({ "model": "cpen/middle", "input": "Alice paid.", "schema": schema });
    let answer = shop.call(&shop.customer.key, "POST", "/v1/extractions", &body);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let body = answer.json();
    assert!(body["output"]["buyer"].is_string(), "{body}");
    assert_eq!(
        (&body["model"], &body["cpen_status"]),
        (&json!("cpen/middle"), &json!("completed"))
    );
    let route = &body["cpen_route"];
    assert_eq!((&route["alias"], &route["task"]), (&json!("cpen/middle"), &json!("extraction")));
    assert!(body["usage"]["total_tokens"].as_u64().is_some_and(|tokens| tokens > 0), "{body}");
}
