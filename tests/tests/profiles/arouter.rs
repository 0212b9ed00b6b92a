//! ARouter: one key for the SDKs of three makers, and an account API.

use serde_json::{Value, json};
use tollgate_tests::client::{Answer, chat_request, request};
use tollgate_tests::config::{Config, Prices};
use units::TokenClass::{self, Input, Output};
use units::Usd;

use crate::answers;
use crate::brand::{Brand, Claim, elsewhere, now};
use crate::shop::{self, DAY_MS, Shop, milliseconds, sell};

pub(crate) const BRAND: Brand = Brand {
    profile: "arouter",
    host: "api.arouter.ai",
    chat: "/v1/chat/completions",
    model: "openai/gpt-5.4",
    shown: 14,
    catalog,
    claims: CLAIMS,
    not_yet: &[],
    judge: answers::judge,
};

/// Models of the documents' examples, with prices of our own.
const MODELS: [(&str, [(TokenClass, &str); 2]); 5] = [
    ("openai/gpt-5.4", [(Input, "1.25"), (Output, "10")]),
    ("anthropic/claude-sonnet-4.6", [(Input, "3"), (Output, "15")]),
    ("anthropic/claude-opus-4.5", [(Input, "5"), (Output, "25")]),
    ("google/gemini-2.5-flash", [(Input, "0.3"), (Output, "2.5")]),
    ("deepseek/deepseek-v3.2", [(Input, "0.27"), (Output, "0.4")]),
];

/// Requests of a month on own provider keys before they cost a fee; the number is ours.
const OWN_KEY_FREE: usize = 1000;

const CLAIMS: &[Claim] = &[
    now(&["Bearer lr_live_xxxx"], keys_begin_as_they_should),
    now(
        &["Authorization: Bearer", "X-Api-Key: lr_live", "?key=lr_live"],
        a_key_may_stand_in_three_places,
    ),
    now(
        &["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"],
        every_answer_tells_the_rate,
    ),
    now(&["applied per API key"], one_keys_rate_is_no_others),
    now(&["depend on your plan"], limits_depend_on_the_plan),
    now(&["within 24 hours of purchase"], what_is_unspent_goes_back_for_a_day),
    now(&["expire one year after"], |shop| {
        let booked = shop.top_up(&shop.customer.account, "7", "card").json();
        assert_eq!(milliseconds(&booked["created_at"], &booked["expires_at"]), 365 * DAY_MS);
    }),
    now(&["platform fee is charged when"], the_fee_is_paid_with_the_credit_alone),
    now(&["fees are non-refundable", "crypto payments are not"], fees_and_crypto_stay),
    now(&["crypto-native top-ups"], |shop| {
        assert_eq!(shop.top_up(&shop.customer.account, "9", "x402").status(), 200);
    }),
    now(&["exactly as reported by the upstream"], the_providers_counts_are_told_and_charged),
    now(&["free monthly allowance first"], an_own_key_is_free_until_the_allowance_is_used),
    now(&["balance and transaction history"], the_history_adds_up),
    now(&["promotional usage"], given_credit_is_under_the_same_limits),
    now(&["provider/model format"], each_named_model_is_served),
    now(&["Set model to \"auto\"", "which model was actually used"], auto_names_what_it_chose),
    now(&["evaluates the models in order"], the_first_that_succeeds_answers),
    now(&["API key management"], keys_are_made_listed_and_ended),
    now(&["(URL or base64)", "PDFs"], images_and_papers_pass_through),
    now(&["Server-Sent Events"], |shop| {
        let answer = shop.chat(MODELS[1].0, &json!({ "stream": true }));
        assert_eq!(answers::stream(&answer), MODELS[1].0);
    }),
    now(&["does not store prompt content"], shop::keeps_no_prompt),
    elsewhere(&["payment settlement"], "payments reach the operator's provider, not the gateway"),
];

fn catalog(mut config: Config, base_url: &str) -> Config {
    for maker in ["openai", "anthropic", "google", "deepseek"] {
        config = config.provider(maker, base_url, "");
    }
    for (id, list) in &MODELS {
        let author = id.split('/').next().unwrap_or_default();
        let shown = Prices::new(list[0].1, list[1].1);
        let size = "context = 200000\nmax_output = 8000";
        config = sell(config, (id, list), (&[author], size), shown);
    }
    config
}

fn keys_begin_as_they_should(shop: &Shop) {
    assert!(shop.customer.key.starts_with("lr_live_"));
    assert!(shop.keeper.starts_with("lr_mgmt_"));
}

/// A chat with the key where `path` and `header` put it.
fn keyed(shop: &Shop, query: &str, header: (&str, &str)) -> Answer {
    let body = json!({ "model": MODELS[0].0, "max_tokens": 9,
                       "messages": [{ "role": "user", "content": "Hello!" }] });
    let path = format!("{}{query}", BRAND.chat);
    let headers = [header, ("content-type", "application/json")];
    shop.ask(&request("POST", &path, &headers, body.to_string().as_bytes()))
}

fn a_key_may_stand_in_three_places(shop: &Shop) {
    let key = &shop.customer.key;
    let none = ("accept", "*/*");
    for (query, header) in [
        ("", ("Authorization", format!("Bearer {key}"))),
        ("", ("X-Api-Key", key.clone())),
        ("", ("x-goog-api-key", key.clone())),
        (&*format!("?key={key}"), ("accept", "*/*".to_owned())),
    ] {
        let answer = keyed(shop, query, (header.0, &header.1));
        assert_eq!(answer.status(), 200, "{}: {}", header.0, answer.text());
    }
    assert_eq!(keyed(shop, "", none).status(), 401);
    assert_eq!(keyed(shop, "?key=lr_live_nobodys", none).status(), 401);
    assert!(!shop.gateway.log().contains(key), "a key is logged");
}

fn every_answer_tells_the_rate(shop: &Shop) {
    let key = &shop.customer.key;
    let call = |method, path, body: Value| shop.call(key, method, path, &body);
    for (status, answer) in [
        (200, shop.chat(MODELS[0].0, &Value::Null)),
        (200, shop.chat(MODELS[0].0, &json!({ "stream": true }))),
        (200, call("GET", "/v1/models", Value::Null)),
        (200, call("GET", "/api/v1/balance", Value::Null)),
        (400, shop.chat("openai/none", &Value::Null)),
        (403, call("GET", "/api/v1/keys", Value::Null)),
        (404, call("GET", "/api/v1/nothing", Value::Null)),
        (405, call("GET", BRAND.chat, Value::Null)),
    ] {
        assert_eq!(answer.status(), status, "{}", answer.text());
        for name in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
            let told = answer.head.header(name).unwrap_or_else(|| panic!("{status}: no {name}"));
            assert!(told.parse::<u64>().is_ok(), "{name}: {told}");
        }
    }
}

fn one_keys_rate_is_no_others(shop: &Shop) {
    let limited = shop.gateway.admin.make_key(&shop.customer.account, &json!({ "rpm": 2 }));
    let tries = [(); 3].map(|()| shop.chat_with(&limited, MODELS[0].0, &Value::Null));
    assert_eq!([0, 1, 2].map(|at: usize| tries[at].status()), [200, 200, 429]);
    assert_eq!(tries[0].head.header("x-ratelimit-limit"), Some("2"));
    assert_eq!(tries[2].head.header("x-ratelimit-remaining"), Some("0"));
    assert!(tries[2].head.header("retry-after").is_some());
    assert_eq!(shop.chat(MODELS[0].0, &Value::Null).status(), 200);
}

fn limits_depend_on_the_plan(shop: &Shop) {
    let account = &shop.customer.account;
    let key = shop.gateway.admin.make_key(account, &Value::Null);
    let limit = || {
        let answer = shop.chat_with(&key, MODELS[0].0, &Value::Null);
        answer.head.header("x-ratelimit-limit").unwrap().parse::<u64>().unwrap()
    };
    let usual = limit();
    let change = |plan: Value| {
        let path = format!("/admin/v1/accounts/{account}");
        shop.gateway.admin.patch(&path, &json!({ "plan": plan }));
    };
    change("pro".into());
    assert!(limit() > usual && usual < 1_000_000, "{usual}, then {}", limit());
    change(Value::Null);
    assert_eq!(limit(), usual);
}

/// Asks for a top-up back, in a shop of its own where nothing was spent.
fn pay_back(shop: &Shop, method: &str) -> (Value, Answer) {
    let account = shop.gateway.admin.open_account(method);
    let keeper = shop.gateway.admin.make_key(&account, &json!({ "class": "management" }));
    let bought = shop.top_up(&account, "20", method).json();
    let path = format!("/api/v1/transactions/{}/refund", bought["id"].as_str().unwrap());
    let back = shop.call(&keeper, "POST", &path, &json!({ "reason": "changed my mind" }));
    (bought, back)
}

fn what_is_unspent_goes_back_for_a_day(shop: &Shop) {
    let (bought, back) = pay_back(shop, "card");
    assert_eq!(milliseconds(&bought["created_at"], &bought["refund_until"]), DAY_MS, "24 hours");
    assert_eq!(back.status(), 200, "{}", back.text());
    assert_eq!(back.json()["amount_exact"], "-20", "the fee stays: {}", back.text());
}

fn the_fee_is_paid_with_the_credit_alone(shop: &Shop) {
    assert_ne!(shop.fee("100", "card"), "0");
    for (id, _) in MODELS {
        let booked = shop.booked(&shop.chat(id, &Value::Null));
        assert_eq!(Some(booked.charged), booked.list_cost, "{id}");
    }
}

fn fees_and_crypto_stay(shop: &Shop) {
    let (bought, back) = pay_back(shop, "crypto");
    assert_eq!(bought["refund_until"], Value::Null);
    assert_eq!(back.status(), 409, "{}", back.text());
}

fn the_providers_counts_are_told_and_charged(shop: &Shop) {
    let answer = shop.chat(MODELS[4].0, &json!({ "seed": 5 }));
    let booked = shop.booked(&answer);
    let usage = &answer.json()["usage"];
    let truths = shop.upstream.truths();
    let truth = truths.last().unwrap();
    assert_eq!(usage["prompt_tokens"], truth.billed.prompt);
    assert_eq!(usage["prompt_tokens"], booked.usage[Input]);
    assert_eq!(usage["completion_tokens"], booked.usage[Output]);
    assert!(booked.reported);
}

/// A shop of its own, whose customer has a key at the provider.
fn an_own_key_is_free_until_the_allowance_is_used(_: &Shop) {
    let shop = Shop::with_own_key(&BRAND, "openai");
    let mut client = shop.gateway.connect();
    let body = json!({ "model": MODELS[0].0, "max_tokens": 2,
                       "messages": [{ "role": "user", "content": "Hello!" }] });
    let ask = chat_request(&shop.customer.key, &body);
    for _ in 0..OWN_KEY_FREE {
        client.send(&ask);
        assert_eq!(client.read_answer().unwrap().status(), 200);
    }
    let spent = shop.gateway.settled(&shop.customer.account, |_| true).spent;
    assert_eq!(spent, Usd::ZERO, "within the allowance");
    let booked = shop.booked(&shop.chat(MODELS[0].0, &Value::Null));
    let price = shop.gateway.config.prices_of(MODELS[0].0).unwrap().cost(&booked.usage);
    assert_eq!(Some(booked.charged), price.mul_ratio_up(5, 100), "a small fee of {price}");
}

fn the_history_adds_up(shop: &Shop) {
    let account = shop.gateway.admin.open_account("careful");
    let key = shop.gateway.admin.make_key(&account, &Value::Null);
    shop.top_up(&account, "11", "card");
    let answer = shop.chat_with(&key, MODELS[0].0, &Value::Null);
    assert_eq!(answer.status(), 200);
    let spent = shop.gateway.settled(&account, |told| !told.spent.is_zero()).spent;
    let told = shop.call(&key, "GET", "/api/v1/transactions", &Value::Null).json();
    let lines = told["transactions"].as_array().unwrap();
    let amounts = lines.iter().map(|line| shop::usd(&line["amount_exact"]));
    let balance = shop.call(&key, "GET", "/api/v1/balance", &Value::Null).json();
    assert_eq!(amounts.sum::<Usd>(), shop::usd(&balance["balance_exact"]), "{told}");
    assert!(lines.iter().any(|line| line["type"] == "usage"), "{told}");
    assert_eq!(
        [shop::usd(&balance["balance_exact"]), spent].into_iter().sum::<Usd>(),
        Usd::from_dollars(11)
    );
}

fn given_credit_is_under_the_same_limits(shop: &Shop) {
    let account = shop.gateway.admin.open_account("promoted");
    let order = json!({ "amount": "5", "kind": "grant", "reference": "promotion" });
    shop.gateway.admin.post(&format!("/admin/v1/accounts/{account}/credits"), &order);
    let key = shop.gateway.admin.make_key(&account, &json!({ "rpm": 1 }));
    let tries = [(); 2].map(|()| shop.chat_with(&key, MODELS[0].0, &Value::Null).status());
    assert_eq!(tries, [200, 429]);
}

fn each_named_model_is_served(shop: &Shop) {
    for (id, _) in MODELS {
        assert_eq!(answers::whole(&shop.chat(id, &Value::Null).json()), id);
    }
}

fn auto_names_what_it_chose(shop: &Shop) {
    let chosen = answers::whole(&shop.chat("auto", &Value::Null).json());
    assert!(MODELS.iter().any(|(id, _)| *id == chosen), "{chosen}");
}

fn the_first_that_succeeds_answers(shop: &Shop) {
    let body = json!({ "models": [MODELS[2].0, MODELS[0].0], "route": "fallback",
                       "messages": [{ "role": "user", "content": "Hello!" }] });
    let ask = || shop.call(&shop.customer.key, "POST", BRAND.chat, &body).json();
    assert_eq!(answers::whole(&ask()), MODELS[2].0);
    shop.upstream.fault_next(&["status:500"]);
    assert_eq!(answers::whole(&ask()), MODELS[0].0);
}

fn keys_are_made_listed_and_ended(shop: &Shop) {
    let made = shop.call(&shop.keeper, "POST", "/api/v1/keys", &json!({ "name": "mine" })).json();
    let hash = made["data"]["hash"].as_str().unwrap();
    assert!(made["key"].as_str().unwrap().starts_with("lr_live_"));
    let list = shop.call(&shop.keeper, "GET", "/api/v1/keys", &Value::Null).json();
    assert!(list["data"].as_array().unwrap().iter().any(|key| key["hash"] == hash));
    let path = format!("/api/v1/keys/{hash}");
    let gone = shop.call(&shop.keeper, "DELETE", &path, &Value::Null).json();
    assert_eq!(gone["data"]["deleted"], true);
    let key = made["key"].as_str().unwrap();
    assert_eq!(shop.chat_with(key, MODELS[0].0, &Value::Null).status(), 401);
}

fn images_and_papers_pass_through(shop: &Shop) {
    let url = |url: &str| json!({ "type": "image_url", "image_url": { "url": url } });
    let paper = json!({ "type": "file", "file": { "filename": "a.pdf",
                        "file_data": "data:application/pdf;base64,AA==" } });
    for part in [url("https://example.com/a.png"), url("data:image/png;base64,AA=="), paper] {
        let content = json!([{ "role": "user", "content": [part] }]);
        let answer = shop.chat(MODELS[1].0, &json!({ "messages": content }));
        assert_eq!(answer.status(), 200, "{part}: {}", answer.text());
        assert_eq!(shop.upstream.last_body()["messages"], content);
    }
}
