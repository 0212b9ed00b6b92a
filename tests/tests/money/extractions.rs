//! Extractions: asked again until the answer fits, within one hold; every run is charged as its
//! provider counted it, in one sum, or none is.

use std::time::Duration;

use sandbox::Truth;
use serde_json::{Value, json};
use tollgate_tests::admin::Customer;
use tollgate_tests::checker::Generation;
use tollgate_tests::client::{Answer, request};
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;
use tollgate_tests::wait_for;
use units::{TokenClass, Usd};

use crate::SOON;

const PATH: &str = "/v1/extractions";
/// An answer of words, which fits no schema.
const WORDS: &str = "tokens:9";

/// One model at each upstream dialect, at the same prices.
const MODELS: [(&str, &str, &str); 3] = [
    ("openai", "/v1", "chat"),
    ("anthropic", "", "claude-sonnet-4-5"),
    ("gemini", "/v1beta", "gemini-2.5-flash"),
];

/// What Anthropic's models must have a price for.
const CACHES: [TokenClass; 3] =
    [TokenClass::CacheRead, TokenClass::CacheWrite, TokenClass::CacheWrite1h];

struct Shop {
    gateway: Gateway,
    upstream: Upstream,
    customer: Customer,
    prices: Prices,
}

impl Shop {
    fn open(credit: &str) -> Self {
        Self::at(credit, Prices::new("1", "10"), "")
    }

    fn at(credit: &str, prices: Prices, limits: &str) -> Self {
        let prices = CACHES.into_iter().fold(prices, |prices, class| prices.and(class, "1"));
        let upstream = Upstream::start();
        let root = upstream.base_url();
        let root = root.strip_suffix("/v1").expect("a base of OpenAI's");
        let mut config = Config::new();
        for (dialect, path, model) in MODELS {
            let more = format!("dialect = \"{dialect}\"");
            config = config.provider(dialect, &format!("{root}{path}"), &more);
            let id = format!("{dialect}/it");
            config = config.model(&id, &[(dialect, model)], &prices, "");
        }
        config.limits = limits.to_owned();
        let gateway = Gateway::start(config);
        let customer = gateway.admin.customer("extractor", credit);
        Self { gateway, upstream, customer, prices }
    }

    fn bytes(&self, more: &[(&str, &str)], body: &Value) -> Vec<u8> {
        let bearer = format!("Bearer {}", self.customer.key);
        let usual = [("authorization", &*bearer), ("content-type", "application/json")];
        let headers: Vec<_> = usual.into_iter().chain(more.iter().copied()).collect();
        request("POST", PATH, &headers, body.to_string().as_bytes())
    }

    fn ask(&self, body: &Value) -> Answer {
        let mut client = self.gateway.connect();
        client.send(&self.bytes(&[], body));
        client.read_answer().expect("an answer")
    }

    /// The generations, newest first, once nothing is held any more and the books are right.
    fn generations(&self, count: usize) -> Vec<Generation> {
        let told = wait_for("the requests end", SOON, || {
            let told = self.gateway.admin.generations(&self.customer.account);
            let account = self.gateway.admin.account(&self.customer.account);
            (told.len() == count && account.held.is_zero()).then_some(told)
        });
        let audit = self.gateway.admin.get("/admin/v1/ledger/audit?full=1");
        assert_eq!(audit["ok"], true, "{audit}");
        told.iter().map(Generation::read).collect()
    }

    /// What the provider's own counts of these runs cost, each priced by itself.
    fn cost(&self, runs: &[Truth]) -> Usd {
        let cost = |run: &Truth| {
            let tokens = run.billed.tokens();
            self.prices.for_request(&tokens, None).cost(&tokens)
        };
        runs.iter().map(cost).sum()
    }
}

fn asked(model: &str) -> Value {
    json!({
        "model": model,
        "input": "Alice paid 12.50 USD for a notebook.",
        "schema": {
            "type": "object",
            "properties": { "buyer": { "type": "string" }, "cents": { "type": "integer" } },
            "required": ["buyer", "cents"],
            "additionalProperties": false,
        },
        "max_tokens": 300,
    })
}

#[test]
fn an_answer_that_fits_in_the_end_is_given_and_all_its_runs_are_charged() {
    let shop = Shop::open("5");
    let mut count = 0;
    for (dialect, ..) in MODELS {
        for wrong in 0..3 {
            let before = shop.upstream.truths().len();
            shop.upstream.fault_next(&[WORDS, WORDS][..wrong]);
            let answer = shop.ask(&asked(&format!("{dialect}/it")));
            let told = format!("{dialect} {wrong}: {}", answer.text());
            assert_eq!(answer.status(), 200, "{told}");
            let body = answer.json();
            assert!(body["output"]["buyer"].is_string(), "{told}");
            assert!(body["output"]["cents"].is_i64(), "{told}");
            assert_eq!(body["model"], format!("{dialect}/it"), "{told}");
            let runs = shop.upstream.truths().split_off(before);
            assert_eq!(runs.len(), wrong + 1, "{told}");
            count += 1;
            let generation = shop.generations(count).remove(0);
            assert_eq!(generation.charged, shop.cost(&runs), "{told} {generation:?}");
            assert!(generation.held.is_none_or(|held| generation.charged <= held), "{told}");
            assert!(generation.reported && generation.written_off.is_zero(), "{generation:?}");
            let all: u64 = runs.iter().map(|run| run.billed.tokens().output_total()).sum();
            assert_eq!(body["usage"]["completion_tokens"], all, "{told}");
            if wrong > 0 {
                let last = shop.upstream.last_body().to_string();
                assert!(last.contains("it is not JSON"), "the model is told: {last}");
            }
        }
    }
}

#[test]
fn an_answer_that_never_fits_is_told_and_charged_for() {
    let shop = Shop::open("5");
    shop.upstream.fault(WORDS);
    let answer = shop.ask(&asked("openai/it"));
    assert_eq!(answer.status(), 422, "{}", answer.text());
    assert_eq!(answer.head.header("x-should-retry"), Some("false"));
    let error = answer.json()["error"].clone();
    assert_eq!(error["code"], "extraction_invalid", "{error}");
    assert!(error["errors"][0].as_str().unwrap().starts_with("it is not JSON"), "{error}");
    assert!(!error["output_text"].as_str().unwrap().is_empty(), "{error}");
    let runs = shop.upstream.truths();
    assert_eq!(runs.len(), 3);
    let generation = shop.generations(1).remove(0);
    assert_eq!(error["generation"], generation.id);
    assert_eq!((generation.status, generation.charged), (422, shop.cost(&runs)));
}

#[test]
fn what_a_failing_provider_leaves_undelivered_is_not_charged() {
    let shop = Shop::open("5");
    for (number, fault) in ["status:500", "status:400", "finish-error"].into_iter().enumerate() {
        shop.upstream.fault_next(&[WORDS, fault]);
        let answer = shop.ask(&asked("openai/it"));
        assert!([400, 502].contains(&answer.status()), "{fault}: {}", answer.text());
        let generation = shop.generations(number + 1).remove(0);
        assert!(generation.charged.is_zero(), "{fault}: {generation:?}");
    }
}

#[test]
fn a_run_without_a_count_makes_the_charge_an_estimate() {
    let shop = Shop::open("5");
    shop.upstream.fault_next(&["tokens:9+no-usage"]);
    assert_eq!(shop.ask(&asked("openai/it")).status(), 200);
    let runs = shop.upstream.truths();
    let generation = shop.generations(1).remove(0);
    assert!(!generation.reported, "{generation:?}");
    assert_eq!(generation.flags, ["usage_missing"]);
    assert!(generation.charged > shop.cost(&runs[1..]), "{generation:?}");
    assert!(generation.charged <= generation.held.unwrap(), "{generation:?}");
}

#[test]
fn conditional_prices_hold_for_each_run_alone() {
    let dear = CACHES.into_iter().fold(Prices::new("7", "70"), |dear, class| dear.and(class, "7"));
    let prices = Prices::new("1", "10").above(400, dear);
    let shop = Shop::at("5", prices, "");
    shop.upstream.fault_next(&[WORDS, WORDS]);
    assert_eq!(shop.ask(&asked("openai/it")).status(), 200);
    let runs = shop.upstream.truths();
    let inputs: Vec<u64> = runs.iter().map(|run| run.billed.tokens().input_total()).collect();
    let is_between = inputs.iter().all(|input| *input < 400) && inputs.iter().sum::<u64>() > 400;
    assert!(is_between, "the sum alone is above: {inputs:?}");
    let generation = shop.generations(1).remove(0);
    assert_eq!(generation.charged, shop.cost(&runs), "{generation:?}");
}

#[test]
fn too_little_credit_buys_fewer_runs_and_none_is_refused() {
    let rich = Shop::open("5");
    assert_eq!(rich.ask(&asked("openai/it")).status(), 200);
    let three = rich.generations(1).remove(0).held.expect("a hold").pico();
    for (credit, runs) in [(three, 3), (three - 1, 2), (three / 3, 1), (three / 20, 0)] {
        let shop = Shop::open(&Usd::from_pico(credit).to_string());
        shop.upstream.fault(WORDS);
        let answer = shop.ask(&asked("openai/it"));
        let status = if runs > 0 { 422 } else { 402 };
        assert_eq!(answer.status(), status, "{credit}: {}", answer.text());
        assert_eq!(shop.upstream.truths().len(), runs, "{credit}");
        if runs > 0 {
            let generation = shop.generations(1).remove(0);
            assert_eq!(generation.charged, shop.cost(&shop.upstream.truths()));
            assert!(generation.charged <= generation.held.unwrap(), "{generation:?}");
        }
    }
}

#[test]
fn a_client_that_leaves_amid_the_second_run_pays_for_what_was_generated() {
    let shop = Shop::open("5");
    shop.upstream.fault_next(&[WORDS, "stall:60000"]);
    let mut client = shop.gateway.connect();
    client.send(&shop.bytes(&[], &asked("openai/it")));
    wait_for("the second run begins", SOON, || (shop.upstream.requests().len() == 2).then_some(()));
    drop(client);
    let generation = shop.generations(1).remove(0);
    assert_eq!((generation.outcome.as_str(), generation.status), ("client_gone", 499));
    let first = shop.cost(&shop.upstream.truths()[..1]);
    assert!(generation.charged > first && !generation.reported, "{first} {generation:?}");
    assert!(generation.charged <= generation.held.unwrap(), "{generation:?}");
}

#[test]
fn a_repeat_gets_the_same_answer_and_no_further_run() {
    let shop = Shop::open("5");
    shop.upstream.fault_next(&[WORDS]);
    let bytes = shop.bytes(&[("idempotency-key", "once")], &asked("openai/it"));
    let answers: Vec<Answer> = (0..2)
        .map(|_| {
            let mut client = shop.gateway.connect();
            client.set_patience(Duration::from_secs(10));
            client.send(&bytes);
            client.read_answer().expect("an answer")
        })
        .collect();
    assert_eq!(answers[0].text(), answers[1].text());
    assert_eq!(answers[1].head.header("idempotent-replayed"), Some("true"));
    assert_eq!(shop.upstream.truths().len(), 2);
    shop.generations(1);
}

#[test]
fn how_often_is_asked_again_is_a_limit() {
    let shop = Shop::at("5", Prices::new("1", "10"), "extraction_repairs = 0\n");
    shop.upstream.fault(WORDS);
    assert_eq!(shop.ask(&asked("openai/it")).status(), 422);
    assert_eq!(shop.upstream.truths().len(), 1);
}

#[test]
fn what_no_extraction_has_is_refused_before_anything_is_held() {
    let shop = Shop::open("5");
    for (name, value) in [
        ("stream", json!(true)),
        ("messages", json!([])),
        ("schema", json!({ "$ref": "https://example.com/schema.json" })),
        ("schema", json!("object")),
    ] {
        let mut body = asked("openai/it");
        body[name] = value;
        let answer = shop.ask(&body);
        assert_eq!(answer.status(), 400, "{name}: {}", answer.text());
        assert_eq!(answer.json()["error"]["code"], "invalid_request", "{name}");
    }
    assert!(shop.upstream.requests().is_empty());
}
