//! Which price a request is charged at: long context, service tier, cache, reasoning.

use serde_json::{Value, json};
use tollgate_tests::checker::{Generation, check};
use tollgate_tests::client::{ask, request};
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;
use units::TokenClass::{CacheRead, CacheWrite, Input, Output, Reasoning};
use units::{Tokens, Usd};

const TEXT: &str = "how long is a piece of string, if one asks so politely that it has to be told";

fn table(prices: [&str; 5]) -> Prices {
    let [input, output, read, write, reasoning] = prices;
    Prices::new(input, output).and(CacheRead, read).and(CacheWrite, write).and(Reasoning, reasoning)
}

const SHORT: [&str; 5] = ["1", "10", "0.1", "1.25", "20"];
const LONG: [&str; 5] = ["2", "15", "0.2", "2.5", "30"];
const FLEX: [&str; 5] = ["0.5", "5", "0.05", "0.625", "7"];
const FLEX_LONG: [&str; 5] = ["0.75", "6", "0.075", "0.9", "8"];

fn body(model: &str, more: Value) -> Value {
    let mut body = json!({
        "model": model, "messages": [{ "role": "user", "content": TEXT }], "max_tokens": 300,
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// What the provider counts for the prompt.
fn prompt_tokens(upstream: &Upstream) -> u64 {
    let headers = [("content-type", "application/json"), ("connection", "close")];
    let body = body("chat", json!({})).to_string();
    let asked = request("POST", "/v1/chat/completions", &headers, body.as_bytes());
    let told = ask(upstream.addr(), &asked).json();
    told["usage"]["prompt_tokens"].as_u64().expect("a count")
}

/// By hand: tokens times micro-dollars a token, in this order of classes.
fn by_hand(usage: &Tokens, prices: [&str; 5]) -> Usd {
    let classes = [Input, Output, CacheRead, CacheWrite, Reasoning];
    let cost = |(class, price): (_, &str)| {
        let (whole, fraction) = price.split_once('.').unwrap_or((price, ""));
        let micros: i128 = format!("{whole}{fraction:0<6}").parse().unwrap();
        Usd::from_pico(micros * i128::from(usage[class]))
    };
    classes.into_iter().zip(prices).map(cost).sum()
}

struct Scene {
    upstream: Upstream,
    gateway: Gateway,
    account: String,
    key: String,
}

impl Scene {
    fn start() -> Self {
        let size = prompt_tokens(&Upstream::start());
        let upstream = Upstream::start();
        let flex = || table(FLEX).above(size - 1, table(FLEX_LONG));
        let prices = |size| table(SHORT).above(size, table(LONG)).at_tier("flex", flex());
        let wishes = [("up", "fault/cached+cache-write")];
        let config = Config::new()
            .provider("up", &upstream.base_url(), "")
            .model("up/exact", &wishes, &prices(size), "")
            .model("up/above", &wishes, &prices(size - 1), "");
        let gateway = Gateway::start(config);
        let customer = gateway.admin.customer("exact", "10");
        Self { upstream, gateway, account: customer.account, key: customer.key }
    }

    /// Asks, and answers what was charged for it.
    fn charge(&self, model: &str, more: Value) -> Generation {
        let answer = self.gateway.chat(&self.key, &body(model, more));
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let id = answer.head.header("x-generation-id").expect("an id").to_owned();
        let mut all = check(&self.gateway, &[&self.upstream], &[&self.account]);
        let place = all.iter().position(|generation| generation.id == id).expect("it is booked");
        all.swap_remove(place)
    }
}

#[test]
fn each_class_is_charged_at_the_price_that_applies() {
    let scene = Scene::start();
    let thinking = || json!({ "reasoning_effort": "low" });
    let flexible = || json!({ "reasoning_effort": "low", "service_tier": "flex" });
    for (model, more, prices) in [
        ("up/exact", thinking(), SHORT),
        ("up/above", thinking(), LONG),
        ("up/exact", flexible(), FLEX_LONG),
    ] {
        let generation = scene.charge(model, more);
        let usage = &generation.usage;
        for class in [Input, Output, CacheRead, CacheWrite, Reasoning] {
            assert!(usage[class] > 0, "{class:?} of {generation:?}");
        }
        assert_eq!(generation.charged, by_hand(usage, prices), "{model}: {generation:?}");
    }
}

#[test]
fn what_is_published_is_what_is_charged() {
    let scene = Scene::start();
    let listing = request("GET", "/api/v1/models", &[("connection", "close")], b"");
    let listing = ask(scene.gateway.config.data_addr, &listing).json();
    let models = listing["data"].as_array().expect("a list");
    let model = models.iter().find(|model| model["id"] == "up/exact").expect("it is listed");
    let price = |name: &str| -> i128 {
        let told = model["pricing"][name].as_str().unwrap_or_else(|| panic!("{name}: {model}"));
        told.parse::<Usd>().unwrap().pico()
    };
    let generation = scene.charge("up/exact", json!({ "reasoning_effort": "low" }));
    let published = [
        (Input, "prompt"),
        (Output, "completion"),
        (CacheRead, "input_cache_read"),
        (CacheWrite, "input_cache_write"),
        (Reasoning, "internal_reasoning"),
    ];
    let cost = published.map(|(class, name)| price(name) * i128::from(generation.usage[class]));
    assert_eq!(generation.charged, Usd::from_pico(cost.iter().sum()));
}

#[test]
fn what_is_sold_below_its_list_price_shows_both_costs() {
    let upstream = Upstream::start();
    let mut config = Config::new().provider("up", &upstream.base_url(), "").model(
        "up/resold",
        &[("up", "chat")],
        &Prices::new("0.2", "2"),
        "",
    );
    let (sold, listed) =
        ("list = { input = \"0.2\", output = \"2\"", "list = { input = \"1\", output = \"10\"");
    assert!(config.catalog.contains(sold));
    config.catalog = config.catalog.replace(sold, listed);
    let gateway = Gateway::start(config);
    let customer = gateway.admin.customer("thrifty", "1");
    let answer = gateway.chat(&customer.key, &body("up/resold", json!({})));
    assert_eq!(answer.status(), 200, "{}", answer.text());
    let account = gateway.settled(&customer.account, |account| !account.spent.is_zero());
    let told = gateway.admin.generations(&account.id).remove(0);
    let money = |name: &str| told[name].as_str().unwrap().parse::<Usd>().unwrap().pico();
    let usage = Generation::read(&told).usage;
    assert_eq!(money("charged"), by_hand(&usage, ["0.2", "2", "0", "0", "0"]).pico());
    assert_eq!(money("list_cost"), by_hand(&usage, ["1", "10", "0", "0", "0"]).pico());
    assert_eq!(money("margin"), money("charged") - money("list_cost"));
    assert_eq!(account.spent.pico(), money("charged"));
}
