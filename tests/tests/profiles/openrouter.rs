//! OpenRouter: many models of many providers at the providers' own prices, a fee on credit, and
//! preferences of whom to ask. Two documents tell of it; where they differ the later one holds.

use serde_json::{Value, json};
use tollgate_tests::client::Answer;
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::upstream::Upstream;
use units::TokenClass::{self, Input, Output};
use units::Usd;

use crate::answers;
use crate::brand::{Brand, Claim, elsewhere, not_yet, now};
use crate::documents::of_host;
use crate::shop::{self, DAY_MS, Shop, milliseconds, sell, usd};

pub(crate) const BRAND: Brand = Brand {
    profile: "openrouter",
    host: "openrouter.ai",
    chat: "/api/v1/chat/completions",
    model: DEEPSEEK,
    shown: 7,
    catalog,
    claims: CLAIMS,
    not_yet: &[],
    judge: answers::judge,
};

const DEEPSEEK: &str = "deepseek/deepseek-chat";
const SONNET: &str = "anthropic/claude-sonnet-4.6";

/// A model of the table: as it names it, its id, and its prices.
type Row = (&'static str, &'static str, [(TokenClass, &'static str); 2]);

const TABLE: [Row; 5] = [
    ("DeepSeek Chat", DEEPSEEK, [(Input, "0.27"), (Output, "1.10")]),
    ("MiniMax M2.7", "minimax/minimax-m2.7", [(Input, "0.30"), (Output, "1.20")]),
    ("Claude Sonnet 4.6", SONNET, [(Input, "3.00"), (Output, "15.00")]),
    ("Claude Opus 4.6", "anthropic/claude-opus-4.6", [(Input, "15.00"), (Output, "75.00")]),
    ("GPT-5.2", "openai/gpt-5.2", [(Input, "2.50"), (Output, "10.00")]),
];
/// Providers, models of each, and models that cost nothing: more than the documents speak of.
const PROVIDERS: usize = 62;
const MODELS_EACH: usize = 7;
const FREE: usize = 26;

const CLAIMS: &[Claim] = &[
    now(
        &["400-plus", "more than 60 different", "300+ AI models", "and 300+ more", "any of 300+"],
        hundreds_of_models_of_dozens_of_providers,
    ),
    now(&["25+ free models", "25+ models at zero cost"], dozens_of_models_are_free),
    now(
        &[
            "$0.27$1.10",
            "M2.7$0.30$1.20",
            "Sonnet 4.6$3.00$15.00",
            "Opus 4.6$15.00$75.00",
            "$2.50$10.00",
            "$15/1M",
            "exact provider-listed price",
        ],
        the_providers_price_is_charged,
    ),
    now(&["5.5% fee on credit", "The 5.5% fee", "the 5.5% markup"], a_card_costs_five_and_a_half),
    now(&["a 5 % + $0.35 fee", "incurs a 5 % fee"], the_earlier_fee_can_be_had),
    now(&["a 5 % usage fee"], a_request_on_an_own_key_costs_a_twentieth),
    now(&["(50-1000 req/day)"], free_requests_of_a_day_are_counted),
    now(&["strict rate limits"], free_requests_of_a_minute_are_counted),
    now(&["small free credit allowance"], who_signs_up_gets_a_little),
    now(&["after one year"], credit_lasts_a_year),
    now(&[":nitro", ":floor", ":beta", ":free"], variants_choose_the_route),
    not_yet(&[":online", "live search results"], "no endpoint searches yet", |shop| {
        assert_eq!(shop.chat(&format!("{DEEPSEEK}:online"), &Value::Null).status(), 200);
    }),
    now(&["fail-over when necessary", "auto-switch to another"], another_provider_takes_over),
    now(&["Provide a list of models", "\"route\": \"fallback\""], another_model_takes_over),
    now(&["disallow routing to providers"], data_collectors_are_left_out),
    elsewhere(
        &["a 1 % discount"],
        "prompts are never logged, so that there is no discount for letting them be",
    ),
    now(&["Zero prompt / completion logging"], shop::keeps_no_prompt),
    now(&["rich JSON metadata"], the_list_tells_what_models_are),
    now(&["Tool calling", "Structured Outputs", "Images & PDFs"], capabilities_pass_through),
    now(&["Provisioning API"], keys_are_made_by_a_key),
    now(&["no minimum commitments"], |shop| {
        let (account, _) = shop.sign_up("small");
        assert_eq!(shop.top_up(&account, "0.01", "card").status(), 200);
    }),
    elsewhere(&["~25 ms latency"], "the load bench measures what the gateway adds: far below 1 ms"),
    elsewhere(
        &["Claude 3.7", "Gemini 2.5", "Qwen 3.6", "Gemma 4", "3 min read"],
        "names of models, and of the page itself",
    ),
];

fn catalog(mut config: Config, base_url: &str) -> Config {
    for maker in ["anthropic", "deepseek", "minimax", "openai", "spare"] {
        let policy = format!("data_collection = {}", maker == "spare");
        config = config.provider(maker, base_url, &policy);
    }
    let size = "context = 64000\nmax_output = 8000";
    for (_, id, list) in &TABLE {
        let author = id.split('/').next().unwrap_or_default();
        let shown = Prices::new(list[0].1, list[1].1);
        config = sell(config, (id, list), (&[author, "spare"], size), shown);
    }
    let older = ("anthropic/claude-3-sonnet", TABLE[2].2);
    let shown = Prices::new("3", "15");
    config = sell(config, (older.0, &older.1), (&["anthropic"], size), shown);
    for provider in 0..PROVIDERS {
        let name = format!("maker{provider}");
        config = config.provider(&name, base_url, "");
        for model in 0..MODELS_EACH {
            let id = format!("{name}/model{model}");
            let list = [(Input, "1"), (Output, "2")];
            config = sell(config, (&id, &list), (&[&name], size), Prices::new("1", "2"));
        }
        if provider < FREE {
            let id = format!("{name}/open:free");
            let list = [(Input, "0"), (Output, "0")];
            config = sell(config, (&id, &list), (&[&name], size), Prices::new("0", "0"));
        }
    }
    config
}

fn hundreds_of_models_of_dozens_of_providers(shop: &Shop) {
    let list = shop.get("/api/v1/models");
    let ids: Vec<_> =
        list["data"].as_array().unwrap().iter().filter_map(|item| item["id"].as_str()).collect();
    assert!(ids.len() > 400, "{}", ids.len());
    let mut providers = std::collections::BTreeSet::new();
    for id in ids.iter().step_by(MODELS_EACH - 1) {
        let endpoints = shop.get(&format!("/api/v1/models/{id}/endpoints"));
        for endpoint in endpoints["data"]["endpoints"].as_array().unwrap() {
            providers.insert(endpoint["provider_name"].as_str().unwrap().to_owned());
        }
    }
    assert!(providers.len() > 60, "{providers:?}");
    let last = format!("maker{}/model{}", PROVIDERS - 1, MODELS_EACH - 1);
    assert_eq!(shop.chat(&last, &Value::Null).status(), 200);
}

fn dozens_of_models_are_free(shop: &Shop) {
    let list = shop.get("/api/v1/models");
    let is_free = |item: &&Value| {
        ["prompt", "completion"].iter().all(|name| usd(&item["pricing"][*name]).is_zero())
    };
    assert!(list["data"].as_array().unwrap().iter().filter(is_free).count() > 25);
    let booked = shop.booked(&shop.chat("maker3/open:free", &Value::Null));
    assert_eq!(booked.charged, Usd::ZERO);
}

fn the_providers_price_is_charged(shop: &Shop) {
    for (name, id, list) in TABLE {
        if let Some(documents) = of_host(BRAND.host) {
            let row = format!("{name}${}${}", list[0].1, list[1].1);
            let has = documents.iter().any(|document| document.text.contains(&row));
            assert!(has, "the table has no row {row}");
        }
        let booked = shop.booked(&shop.chat(id, &Value::Null));
        assert_eq!(Some(booked.charged), booked.list_cost, "no markup");
        let shown = shop.gateway.config.prices_of(id).unwrap();
        assert_eq!(booked.charged, shown.cost(&booked.usage), "{id}");
    }
}

fn a_card_costs_five_and_a_half(shop: &Shop) {
    assert_eq!(shop.fee("100", "card"), "5.5");
    assert_eq!(shop.fee("1000", "card"), "55");
    assert_eq!(shop.fee("100", "crypto"), "5");
}

/// The terms of the earlier document, sold by a shop of its own.
fn the_earlier_fee_can_be_had(_: &Shop) {
    const TERMS: &str = "[credit]\n[credit.fee.card]\nrate = \"0.05\"\nfixed = \"0.35\"\n";
    let usual = (BRAND.chat, BRAND.model);
    let shop = Shop::on(Upstream::start(), usual, |base| Config::simple(base).on_terms(TERMS));
    for (amount, fee) in [("100", "5.35"), ("10", "0.85"), ("0.01", "0.3505")] {
        assert_eq!(shop.fee(amount, "card"), fee);
    }
}

/// A shop of its own, whose customer has a key at the provider.
fn a_request_on_an_own_key_costs_a_twentieth(_: &Shop) {
    let shop = Shop::with_own_key(&BRAND, "deepseek");
    let booked = shop.booked(&shop.chat(DEEPSEEK, &Value::Null));
    let price = shop.gateway.config.prices_of(DEEPSEEK).unwrap().cost(&booked.usage);
    assert_eq!(Some(booked.charged), price.mul_ratio_up(5, 100), "of {price}");
    let told = shop.get(&format!("/api/v1/generation?id={}", booked.id))["data"].clone();
    assert_eq!(told["is_byok"], true);
    let account = shop.gateway.settled(&shop.customer.account, |told| !told.spent.is_zero());
    assert_eq!(account.spent, booked.charged, "deducted from the credit");
}

const FREE_MODEL: &str = "maker1/open:free";

/// How many free requests of the day an answer says that there are, and are left.
fn free_of_the_day(answer: &Answer) -> [Option<u64>; 2] {
    let told = |name: &str| answer.head.header(name)?.parse().ok();
    [told("x-ratelimit-limit-free"), told("x-ratelimit-remaining-free")]
}

fn free_requests_of_a_day_are_counted(shop: &Shop) {
    let (account, _) = shop.sign_up("frugal");
    let keys = [(); 2].map(|()| shop.gateway.admin.make_key(&account, &Value::Null));
    for (key, left) in [(0, 49), (1, 48)] {
        let answer = shop.chat_with(&keys[key], FREE_MODEL, &Value::Null);
        assert_eq!(free_of_the_day(&answer), [Some(50), Some(left)], "{}", answer.head.text);
    }
    assert_eq!(shop.top_up(&account, "9.99", "card").status(), 200);
    let answer = shop.chat_with(&keys[0], FREE_MODEL, &Value::Null);
    assert_eq!(free_of_the_day(&answer), [Some(50), Some(47)]);
    assert_eq!(shop.top_up(&account, "0.01", "card").status(), 200);
    let answer = shop.chat_with(&keys[0], FREE_MODEL, &Value::Null);
    assert_eq!(free_of_the_day(&answer), [Some(1000), Some(996)], "for ten dollars bought");
}

fn free_requests_of_a_minute_are_counted(shop: &Shop) {
    let (account, _) = shop.sign_up("hasty");
    let key = shop.gateway.admin.make_key(&account, &Value::Null);
    let tries = (0..21).map(|_| shop.chat_with(&key, FREE_MODEL, &Value::Null).status());
    let tries: Vec<_> = tries.collect();
    let passed = tries.iter().filter(|status| **status == 200).count();
    assert_eq!((passed, tries[20]), (20, 429), "{tries:?}");
}

fn who_signs_up_gets_a_little(shop: &Shop) {
    let (_, balance) = shop.sign_up("new");
    assert!(Usd::ZERO < balance && balance < Usd::from_dollars(1), "{balance}");
}

fn credit_lasts_a_year(shop: &Shop) {
    let booked = shop.top_up(&shop.customer.account, "7", "card").json();
    assert_eq!(milliseconds(&booked["created_at"], &booked["expires_at"]), 365 * DAY_MS);
}

fn variants_choose_the_route(shop: &Shop) {
    for variant in ["nitro", "floor", "beta"] {
        let answer = shop.chat(&format!("{DEEPSEEK}:{variant}"), &Value::Null);
        assert_eq!(answer.status(), 200, "{variant}: {}", answer.text());
        assert_eq!(answers::whole(&answer.json()), DEEPSEEK);
    }
    let free = shop.chat("maker2/open:free", &Value::Null);
    assert_eq!(free.status(), 200, "{}", free.text());
    assert!(shop.chat(&format!("{DEEPSEEK}:free"), &Value::Null).status() >= 400);
    assert!(shop.chat(&format!("{DEEPSEEK}:sideways"), &Value::Null).status() == 400);
}

fn another_provider_takes_over(shop: &Shop) {
    shop.upstream.fault_next(&["status:500"]);
    let answer = shop.chat(SONNET, &Value::Null);
    assert_eq!(answers::whole(&answer.json()), SONNET);
    let id = answer.head.header("x-generation-id").unwrap().to_owned();
    shop.booked(&answer);
    let told = shop.get(&format!("/api/v1/generation?id={id}"))["data"].clone();
    let tries = told["provider_responses"].as_array().unwrap();
    assert_eq!(tries.len(), 2, "{told}");
    assert_ne!(tries[0]["provider_name"], tries[1]["provider_name"], "{told}");
}

fn another_model_takes_over(shop: &Shop) {
    shop.upstream.fault_next(&["status:500"]);
    let wish = json!({ "models": ["maker1/model0", "maker2/model0"], "route": "fallback" });
    let mut body = wish;
    body["messages"] = json!([{ "role": "user", "content": "Hello" }]);
    let answer = shop.call(&shop.customer.key, "POST", BRAND.chat, &body);
    assert_eq!(answers::whole(&answer.json()), "maker2/model0");
}

fn data_collectors_are_left_out(shop: &Shop) {
    let asked = |only: &str| {
        let provider = json!({ "data_collection": "deny", "only": [only] });
        shop.chat(DEEPSEEK, &json!({ "provider": provider }))
    };
    assert_eq!(asked("deepseek").status(), 200);
    let refused = asked("spare");
    assert_eq!(refused.status(), 404, "{}", refused.text());
    let told = &refused.json()["error"]["metadata"]["error_type"];
    assert!(told == "privacy_restricted" || told == "constraint_filtered", "{told}");
}

fn the_list_tells_what_models_are(shop: &Shop) {
    let listed = shop.listed(DEEPSEEK);
    assert_eq!(listed["context_length"], 64_000);
    assert_eq!(usd(&listed["pricing"]["prompt"]), "0.00000027".parse().unwrap());
    let parameters = listed["supported_parameters"].as_array().unwrap();
    assert!(parameters.contains(&json!("tools")), "{listed}");
}

fn capabilities_pass_through(shop: &Shop) {
    let image =
        json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,AA==" } });
    let paper = json!({ "type": "file", "file": { "filename": "a.pdf",
                        "file_data": "data:application/pdf;base64,AA==" } });
    let function = json!({ "name": "look", "parameters": { "type": "object" } });
    let schema = json!({ "name": "row", "strict": true, "schema": { "type": "object" } });
    for wish in [
        json!({ "messages": [{ "role": "user", "content": [image, paper] }] }),
        json!({ "tools": [{ "type": "function", "function": function }] }),
        json!({ "response_format": { "type": "json_schema", "json_schema": schema } }),
        json!({ "reasoning_effort": "low" }),
    ] {
        let answer = shop.chat(SONNET, &wish);
        assert_eq!(answer.status(), 200, "{wish}: {}", answer.text());
        let sent = shop.upstream.last_body();
        for (name, value) in wish.as_object().unwrap() {
            assert_eq!(&sent[name], value, "{name}");
        }
    }
}

fn keys_are_made_by_a_key(shop: &Shop) {
    let made = shop.call(&shop.keeper, "POST", "/api/v1/keys", &json!({ "name": "made" }));
    assert_eq!(made.status(), 201, "{}", made.text());
    let key = made.json()["key"].as_str().unwrap().to_owned();
    assert!(key.starts_with("sk-or-v1-"), "{}", &key[..9]);
    assert_eq!(shop.chat_with(&key, DEEPSEEK, &Value::Null).status(), 200);
    let refused = shop.chat_with(&shop.keeper, DEEPSEEK, &Value::Null);
    assert_eq!(refused.status(), 403, "what manages does not spend");
}
