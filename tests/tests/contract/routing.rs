//! Whom a request goes to, as its customer wishes, and what is said where nobody fits.

use serde_json::{Value, json};
use tollgate_tests::client::Answer;
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::{CHAT, ROUTED_CHAT, Stand, hello, hello_stream};
use tollgate_tests::upstream::Upstream;

use crate::shop;

/// `shop/chat` costs 1 and 10 at `up`, which collects data, and 2 and 20 at `second`, which retains
/// nothing; `shop/small` is `second`'s alone. `house/low` is both, `house/high` is planned.
struct Shop {
    stand: Stand,
    second: Upstream,
}

const MODELS: &str = r#"
[[model]]
id = "shop/chat"
context = 128000
max_output = 16384
parameters = ["tools", "seed", "max_tokens"]
  [[model.endpoint]]
  provider = "second"
  model = "chat-2"
  quantization = "fp8"
  list = { input = "2", output = "20" }
  [[model.endpoint]]
  provider = "up"
  model = "chat"
  region = "us"
  parameters = ["tools"]
  list = { input = "1", output = "10" }

[[model]]
id = "shop/small"
context = 1000
max_output = 100
  [[model.endpoint]]
  provider = "second"
  model = "chat-2"
  list = { input = "0.5", output = "5" }

[[tier]]
id = "house/low"
models = ["shop/chat", "shop/small"]

[[tier]]
id = "house/high"
status = "planned"
models = ["shop/chat"]
"#;

impl Shop {
    fn open() -> Self {
        let (stand, second) = shop::open(MODELS);
        Self { stand, second }
    }

    /// Sends `hello` with members changed to a path.
    fn ask_at(&self, path: &str, mut body: Value, changes: &Value) -> Answer {
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.stand.post(path, body.to_string().as_bytes())
    }

    fn ask(&self, changes: &Value) -> Answer {
        self.ask_at(CHAT, hello(), changes)
    }

    /// Who answers a request: `up` or `second`.
    #[track_caller]
    fn server(&self, changes: &Value) -> &'static str {
        let before = self.asked();
        let answer = self.ask(changes);
        assert_eq!(answer.status(), 200, "{changes}: {}", answer.text());
        let after = self.asked();
        match (after.0 - before.0, after.1 - before.1) {
            (1, 0) => "up",
            (0, 1) => "second",
            other => panic!("{other:?} for {changes}"),
        }
    }

    /// How many requests each provider got.
    fn asked(&self) -> (usize, usize) {
        (self.stand.upstream.requests().len(), self.second.requests().len())
    }
}

#[test]
fn a_request_goes_where_its_customer_wishes() {
    let shop = Shop::open();
    let chat = |provider: Value| json!({ "model": "shop/chat", "provider": provider });
    for (changes, server) in [
        (json!({ "model": "shop/chat" }), "up"),
        (json!({ "model": "shop/chat:floor" }), "up"),
        (json!({ "model": "shop/small" }), "second"),
        (chat(json!({ "order": ["second"] })), "second"),
        (chat(json!({ "order": ["second/fp8"], "allow_fallbacks": false })), "second"),
        (chat(json!({ "only": ["second"] })), "second"),
        (chat(json!({ "ignore": ["up/us"] })), "second"),
        (chat(json!({ "data_collection": "deny" })), "second"),
        (chat(json!({ "zdr": true })), "second"),
        (chat(json!({ "quantizations": ["fp8", "bf16"] })), "second"),
        (chat(json!({ "require_parameters": true })), "second"),
        (chat(json!({ "sort": "price" })), "up"),
        (chat(json!({ "max_price": { "prompt": 1, "completion": 10 } })), "up"),
        (json!({ "model": "house/low" }), "second"),
        (json!({ "model": "house/low", "routing": { "min_total_per_1m": "6" } }), "up"),
        (json!({ "model": "auto", "allowed_models": ["shop/small"] }), "second"),
        (json!({ "models": ["shop/small", "shop/chat"] , "model": "shop/small" }), "second"),
    ] {
        assert_eq!(shop.server(&changes), server, "{changes}");
    }
    let account = shop.stand.gateway.settled(&shop.stand.customer.account, |_| true);
    assert!(account.held.is_zero(), "{account:?}");
}

#[test]
fn an_answer_names_the_tier_that_was_asked_for_or_the_model_that_served() {
    let shop = Shop::open();
    for (changes, name) in [
        (json!({ "model": "house/low" }), "house/low"),
        (json!({ "model": "shop/chat:nitro" }), "shop/chat"),
        (json!({ "model": "auto", "allowed_models": ["*/small"] }), "shop/small"),
    ] {
        assert_eq!(shop.ask(&changes).json()["model"], name, "{changes}");
        let streamed = shop.ask_at(CHAT, hello_stream(), &changes);
        for event in streamed.events().iter().filter(|event| *event != "[DONE]") {
            let event: Value = serde_json::from_str(event).unwrap();
            assert_eq!(event["model"], name, "{changes}");
        }
    }
}

#[test]
fn the_next_model_serves_where_the_first_fails_and_is_paid_for_at_its_price() {
    let shop = Shop::open();
    shop.stand.upstream.fault("status:500");
    let changes = json!({
        "model": "shop/chat",
        "models": ["shop/small"],
        "provider": { "ignore": ["second/fp8"] },
    });
    let answer = shop.ask(&changes);
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let told = answer.json();
    assert_eq!(told["model"], "shop/small");
    let tokens = |name: &str| told["usage"][name].as_i64().unwrap();
    let expected = tokens("prompt_tokens") * 500_000 + tokens("completion_tokens") * 5_000_000;
    let account = &shop.stand.customer.account;
    let settled = shop.stand.gateway.settled(account, |account| !account.spent.is_zero());
    assert_eq!(settled.spent.pico(), i128::from(expected));
    let generation = &shop.stand.gateway.admin.generations(account)[0];
    assert_eq!(generation["attempts"].as_array().unwrap().len(), 2, "{generation}");
    assert_eq!(shop.asked(), (1, 1));
}

#[test]
fn each_model_has_an_output_cap_of_its_own() {
    let shop = Shop::open();
    shop.stand.upstream.fault("status:500");
    let changes = json!({
        "model": "shop/chat",
        "models": ["shop/small"],
        "provider": { "ignore": ["second/fp8"] },
        "max_tokens": 5000,
    });
    let answer = shop.ask(&changes);
    assert_eq!(shop.stand.upstream.last_body()["max_completion_tokens"], 5000);
    assert_eq!(shop.second.last_body()["max_completion_tokens"], 100);
    assert_eq!(answer.head.header("x-output-cap"), Some("100"));
}

#[test]
fn nothing_of_a_wish_goes_to_the_provider() {
    let shop = Shop::open();
    let changes = json!({
        "models": ["shop/small"], "route": "fallback", "plugins": [], "transforms": [],
        "provider": { "order": ["up"] }, "routing": { "max_input_per_1m": "1" },
        "allowed_models": ["a/*"], "session_id": "s", "model": "shop/chat:beta",
    });
    assert_eq!(shop.server(&changes), "up");
    let sent = shop.stand.upstream.last_body();
    let keys: Vec<_> = sent.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["max_completion_tokens", "messages", "model", "seed"], "{sent}");
    assert_eq!(sent["model"], "chat");
}

#[test]
fn what_nobody_fits_is_told_by_its_own_code() {
    let shop = Shop::open();
    let chat = |provider: Value| json!({ "model": "shop/chat", "provider": provider });
    let routed = |routing: Value| json!({ "model": "house/low", "routing": routing });
    for (changes, statuses, code, param) in [
        (chat(json!({ "only": ["nobody"] })), [404; 2], "constraint_filtered", "provider"),
        (chat(json!({ "ignore": ["up", "second"] })), [404; 2], "constraint_filtered", "provider"),
        (chat(json!({ "quantizations": ["int4"] })), [404; 2], "constraint_filtered", "provider"),
        (
            chat(json!({ "order": ["nobody"], "allow_fallbacks": false })),
            [404; 2],
            "constraint_filtered",
            "provider",
        ),
        (
            json!({ "model": "up/chat", "provider": { "zdr": true } }),
            [404; 2],
            "privacy_restricted",
            "provider",
        ),
        (
            routed(json!({ "max_input_per_1m": "0.1" })),
            [402; 2],
            "no_route_under_cap",
            "routing.max_input_per_1m",
        ),
        (
            routed(json!({ "min_total_per_1m": "90" })),
            [402; 2],
            "no_route_under_cap",
            "routing.min_total_per_1m",
        ),
        (routed(json!({ "currency": "EUR" })), [400; 2], "invalid_request", "routing.currency"),
        (json!({ "model": "house/high" }), [503; 2], "tier_unavailable", "model"),
    ] {
        for (path, status) in [CHAT, ROUTED_CHAT].into_iter().zip(statuses) {
            let answer = shop.ask_at(path, hello(), &changes);
            let error = check_refusal(&answer, Form::of(path), status, code);
            assert_eq!(error["param"], param, "{changes}: {error}");
            let detail = changes.get("routing").map(|_| error["message"].clone());
            assert_eq!(answer.json().get("detail").cloned(), detail, "{changes}");
        }
    }
    let dear = chat(json!({ "max_price": { "prompt": "0.9" } }));
    check_refusal(&shop.ask(&dear), Form::OpenAi, 402, "no_route_under_cap");
    let answer = shop.ask_at(ROUTED_CHAT, hello(), &dear);
    check_refusal(&answer, Form::OpenRouter, 404, "constraint_filtered");
    assert_eq!(shop.asked(), (0, 0));
}

#[test]
fn above_the_cap_only_for_once_and_only_if_allowed() {
    let shop = Shop::open();
    let low = json!({ "max_input_per_1m": "0.1", "continuity_mode": "temporary_escalation" });
    let changes = json!({ "model": "house/low", "routing": low });
    check_refusal(&shop.ask(&changes), Form::OpenAi, 402, "no_route_under_cap");
    let mut allowed = changes;
    allowed["routing"]["allow_temporary_high_price"] = true.into();
    assert_eq!(shop.server(&allowed), "second");
}

#[test]
fn a_key_serves_within_its_own_lists_whatever_is_wished() {
    let shop = Shop::open();
    let admin = &shop.stand.gateway.admin;
    let lists = json!({ "allowed_models": ["house/low"], "allowed_providers": ["up"] });
    let key = admin.make_key(&shop.stand.customer.account, &lists);
    let ask = |changes: &Value| {
        let mut body = hello();
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        shop.stand.gateway.chat(&key, &body)
    };
    assert_eq!(ask(&json!({ "model": "house/low" })).status(), 200);
    assert_eq!(shop.asked(), (1, 0));
    for changes in [
        json!({ "model": "shop/chat" }),
        json!({ "model": "shop/small" }),
        json!({ "model": "shop/chat", "models": ["shop/small"] }),
    ] {
        check_refusal(&ask(&changes), Form::OpenAi, 403, "not_allowed");
    }
    let only = json!({ "model": "house/low", "provider": { "only": ["second"] } });
    check_refusal(&ask(&only), Form::OpenAi, 404, "constraint_filtered");
    assert_eq!(shop.asked(), (1, 0));
}

#[test]
fn a_quote_tells_the_plan_and_holds_nothing() {
    let shop = Shop::open();
    let ask = |path: &str, changes: &Value| shop.ask_at(path, hello(), changes).json();
    let deny = json!({ "model": "shop/chat", "provider": { "data_collection": "deny" } });
    let quote = ask("/v1/quote", &deny);
    assert_eq!(quote["candidates"].as_array().unwrap().len(), 1, "{quote}");
    let first = &quote["candidates"][0];
    assert_eq!((&first["provider"], &first["model"]), (&"second".into(), &"shop/chat".into()));
    assert_eq!((&first["input_per_1m"], &first["output_per_1m"]), (&"2".into(), &"20".into()));
    assert_eq!((&first["output_cap"], &first["escalated"]), (&12.into(), &false.into()));
    assert_eq!(quote["left_out"][0]["provider"], "up");
    assert_eq!(quote["left_out"][0]["why"], json!(["data_collection"]));
    assert_eq!(quote["left_out"][0]["input_per_1m"], "1");
    assert_eq!((&quote["left_out_more"], &first["above"]), (&0.into(), &json!([])));
    let strategy = json!({
        "strategy": "balanced", "continuity_mode": "stay_within_cap", "escalation_allowed": false,
        "rpm_cap": null,
    });
    assert_eq!(quote["routing"], strategy);
    let usd = |value: &Value| value.as_str().unwrap().parse::<units::Usd>().unwrap();
    assert!(usd(&quote["worst_cost"]) >= usd(&quote["expected"]["cost"]));
    assert!(!usd(&quote["expected"]["cost"]).is_zero());
    let routing = json!({ "max_input_per_1m": "0.1", "max_output_per_1m": "20" });
    let low = json!({ "model": "house/low", "routing": routing });
    let quote = ask("/api/v1/quote", &low);
    assert_eq!(quote["candidates"], json!([]));
    assert_eq!(quote["refusal"]["code"], "no_route_under_cap");
    let caps: Vec<_> = quote["caps"].as_array().unwrap().iter().map(|cap| &cap["fits"]).collect();
    assert_eq!(caps, [&json!(false), &json!(true)], "{quote}");
    let mut above = low.clone();
    above["routing"]["continuity_mode"] = "temporary_escalation".into();
    above["routing"]["allow_temporary_high_price"] = true.into();
    let escalated = ask("/v1/quote", &above);
    let first = &escalated["candidates"][0];
    assert_eq!(
        (&first["escalated"], &first["above"]),
        (&true.into(), &json!(["routing.max_input_per_1m"]))
    );
    assert_eq!(escalated["routing"]["escalation_allowed"], true);
    let most = json!({ "model": "shop/chat", "provider": { "max_price": { "prompt": "1.5" } } });
    let cap = ask("/v1/quote", &most)["caps"][0].clone();
    assert_eq!((&cap["usd_per_1m"]["prompt"], &cap["within"]), (&"1.5".into(), &1.into()));
    let text = quote.to_string();
    assert!(!text.contains("second") && !text.contains("shop/"), "a tier hides what is behind it");
    let account = shop.stand.gateway.admin.account(&shop.stand.customer.account);
    assert!(account.held.is_zero() && account.spent.is_zero());
    assert_eq!(shop.asked(), (0, 0));
    let nothing = shop.ask_at("/v1/quote", hello(), &json!({ "model": 7 }));
    check_refusal(&nothing, Form::OpenAi, 400, "invalid_request");
}
