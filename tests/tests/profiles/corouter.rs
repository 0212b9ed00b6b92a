//! corouter: resale at a fifth of the list price, prepaid, with credit for whoever signs up.

use serde_json::{Value, json};
use tollgate_tests::config::{Config, Prices};
use units::TokenClass::{CacheRead, CacheWrite, CacheWrite1h, Input, Output};
use units::Usd;

use crate::answers;
use crate::brand::{Brand, Claim, elsewhere, now};
use crate::documents::of_host;
use crate::shop::{self, Shop, Sold, sell, usd};

pub(crate) const BRAND: Brand = Brand {
    profile: "corouter",
    host: "api.corouter.co",
    chat: "/v1/chat/completions",
    model: FLAGSHIP,
    shown: 4,
    catalog,
    claims: CLAIMS,
    not_yet: &[],
    judge: answers::judge,
};

/// Models with what OpenAI charges; context; and what they are sold for.
const MODELS: [(Sold, u64, [&str; 3]); 3] = [
    (
        ("openai/gpt-5.5", &[(Input, "5"), (Output, "30"), (CacheRead, "0.5")]),
        1_050_000,
        ["1", "6", "0.1"],
    ),
    (
        ("openai/gpt-5", &[(Input, "1.25"), (Output, "10"), (CacheRead, "0.125")]),
        400_000,
        ["0.25", "2", "0.025"],
    ),
    (
        ("openai/gpt-5-codex", &[(Input, "1.25"), (Output, "10"), (CacheRead, "0.125")]),
        400_000,
        ["0.25", "2", "0.025"],
    ),
];
const FLAGSHIP: &str = "openai/gpt-5.5";
/// What is announced, and what it will be sold for.
const CLAUDE: &str = "anthropic/claude-sonnet-4.6";

fn claude() -> Prices {
    let prices = Prices::new("0.6", "3").and(CacheRead, "0.06");
    prices.and(CacheWrite, "0.75").and(CacheWrite1h, "1.2")
}

const CLAIMS: &[Claim] = &[
    now(
        &[
            "at 20% of OpenAI's",
            "an 80% discount",
            "5× cheaper",
            "billed at 20%",
            "80% off",
            "charges 20% of list = `0.2 ×`",
            "80% outlet discount",
        ],
        a_fifth_of_the_list_price_is_charged,
    ),
    now(
        &[
            "(USD per 1 million tokens)",
            "| 1,050,000 | $5.00 | $30.00 | $1.00 | $6.00 | 80% (5× cheaper) |",
            "| 400,000 | $1.25 | $10.00 | $0.25 | $2.00 | 80% (5× cheaper) |",
        ],
        the_table_is_what_is_sold,
    ),
    now(
        &[
            "at $0.10 per 1M tokens",
            "$0.50 on OpenAI list",
            "90%-off cached-input",
            "honored 1:1",
            "cost $0.10 per 1M tokens",
            "standard $1.00",
            "90% off the OpenAI",
        ],
        cache_reads_cost_a_tenth,
    ),
    now(
        &["1.25× and 2.0× cache-write", "the 1.25× / 2.0×", "0.10× cache-read"],
        cache_writes_keep_their_multipliers,
    ),
    now(
        &["$5 minimum top-up", "any amount", "Minimum top-up: $5"],
        the_first_top_up_is_five_dollars,
    ),
    now(
        &["receive $5 of free", "signup credit: $5", "800,000 GPT-5.5 output", "2.5 million GPT-5"],
        who_signs_up_gets_five_dollars,
    ),
    now(&["Alipay", "WeChat Pay", "standard card"], three_ways_to_pay_none_with_a_fee),
    now(&["5xx responses are auto-detected", "auto-detected on 5xx"], what_fails_costs_nothing),
    now(&["flagged from the dashboard"], what_is_flagged_comes_back),
    now(&["Live balance and per-request cost"], cost_and_upstream_cost_are_told),
    now(&["exportable as CSV/JSON"], the_log_is_exported_twice_alike),
    now(
        &["Streaming, tool calls", "JSON mode, vision", "reasoning effort"],
        what_the_sdk_sends_reaches_the_provider_unchanged,
    ),
    now(&["zero prompt retention"], shop::keeps_no_prompt),
    now(&["model count at launch: 3"], three_models_are_listed),
    elsewhere(&["2026-05-19", "summer 2026"], "a date of the service's own"),
    elsewhere(
        &["30-day audit logs"],
        "streams of logs to a customer's store are not built; nothing is kept that they could hold",
    ),
    elsewhere(&["US and EU edge POPs"], "where an operator puts data planes"),
];

fn catalog(mut config: Config, base_url: &str) -> Config {
    config = config.provider("openai", base_url, "");
    config.multiplier = (1, 5);
    config.prices.push((CLAUDE.to_owned(), claude()));
    for (sold, context, [input, output, read]) in MODELS {
        let shown = Prices::new(input, output).and(CacheRead, read);
        let more = format!("context = {context}\nmax_output = 128000");
        config = sell(config, sold, (&["openai"], &more), shown);
    }
    config
}

fn a_fifth_of_the_list_price_is_charged(shop: &Shop) {
    for (number, ((id, _), ..)) in MODELS.iter().enumerate() {
        let booked = shop.booked(&shop.chat(id, &json!({ "stream": number == 1 })));
        let five_times: Usd = (0..5).map(|_| booked.charged).sum();
        assert!(booked.charged > Usd::ZERO);
        assert_eq!(Some(five_times), booked.list_cost, "{booked:?}");
    }
}

/// A price a token as it is shown, in USD per million.
fn per_million(shown: &Value) -> Usd {
    Usd::from_pico(usd(shown).pico() * 1_000_000)
}

fn the_table_is_what_is_sold(shop: &Shop) {
    for ((id, list), context, [input, output, _]) in MODELS {
        let listed = shop.listed(id);
        assert_eq!(listed["context_length"], context, "{id}");
        assert_eq!(per_million(&listed["pricing"]["prompt"]), input.parse().unwrap(), "{id}");
        assert_eq!(per_million(&listed["pricing"]["completion"]), output.parse().unwrap(), "{id}");
        let Some(documents) = of_host(BRAND.host) else { continue };
        let cents = |usd: &str| format!("${:.2}", usd.parse::<f64>().unwrap());
        let [from, to] = [list[0].1, list[1].1].map(cents);
        let sold = [input, output].map(cents);
        let context = if context == 400_000 { "400,000" } else { "1,050,000" };
        let row = format!("| `{id}` | {context} | {from} | {to} | {} | {} |", sold[0], sold[1]);
        assert!(documents[0].text.contains(&row), "the table has no row {row}");
    }
}

fn cache_reads_cost_a_tenth(shop: &Shop) {
    let pricing = shop.listed(FLAGSHIP)["pricing"].clone();
    let read = per_million(&pricing["input_cache_read"]);
    assert_eq!(read, "0.10".parse().unwrap());
    assert_eq!((0..10).map(|_| read).sum::<Usd>(), per_million(&pricing["prompt"]));
    shop.upstream.fault_next(&["cached:7"]);
    let booked = shop.booked(&shop.chat(FLAGSHIP, &Value::Null));
    assert_eq!(booked.usage[CacheRead], 7, "{booked:?}");
    let shown = shop.gateway.config.prices_of(FLAGSHIP).unwrap();
    assert_eq!(booked.charged, shown.cost(&booked.usage));
}

fn cache_writes_keep_their_multipliers(shop: &Shop) {
    let list = json!({ "input": "3", "output": "15", "cache_read": "0.3", "cache_write": "3.75",
                       "cache_write_1h": "6" });
    let endpoint = json!({ "provider": "openai", "model": "chat", "list": list });
    let model = json!({ "context": 200_000, "listed": false, "max_output": 1000,
                        "endpoint": [endpoint] });
    shop.gateway.admin.put(&format!("/admin/v1/models/{CLAUDE}"), &model);
    let shown = claude();
    shop.upstream.fault_next(&["cached:5+cache-write:4"]);
    let booked = shop.booked(&shop.chat(CLAUDE, &Value::Null));
    assert_eq!((booked.usage[CacheRead], booked.usage[CacheWrite]), (5, 4), "{booked:?}");
    assert_eq!(booked.charged, shown.cost(&booked.usage));
    let price = |class| shown.of(class).pico() * 100;
    assert_eq!(price(CacheWrite), shown.of(Input).pico() * 125);
    assert_eq!(price(CacheWrite1h), shown.of(Input).pico() * 200);
    assert_eq!(price(CacheRead), shown.of(Input).pico() * 10);
    let endpoints = shop.get(&format!("/api/v1/models/{CLAUDE}/endpoints"));
    let pricing = &endpoints["data"]["endpoints"][0]["pricing"];
    for (name, class) in [("input_cache_write", CacheWrite), ("input_cache_write_1h", CacheWrite1h)]
    {
        assert_eq!(usd(&pricing[name]).pico(), i128::from(shown.of(class).pico()), "{pricing}");
    }
}

fn the_first_top_up_is_five_dollars(shop: &Shop) {
    let (account, _) = shop.sign_up("buyer");
    let refused = shop.top_up(&account, "4.99", "card");
    assert_eq!(refused.status(), 400, "{}", refused.text());
    assert!(refused.json()["error"]["message"].as_str().unwrap().contains('5'));
    for amount in ["5", "0.01"] {
        assert_eq!(shop.top_up(&account, amount, "card").status(), 200, "{amount}");
    }
    let told = shop.gateway.admin.account(&account);
    assert_eq!(told.topped_up, "5.01".parse().unwrap());
}

fn who_signs_up_gets_five_dollars(shop: &Shop) {
    let (_, balance) = shop.sign_up("new");
    assert_eq!(balance, Usd::from_dollars(5));
    for (model, least) in [("openai/gpt-5.5", 800_000), ("openai/gpt-5", 2_500_000)] {
        let price = usd(&shop.listed(model)["pricing"]["completion"]).pico();
        let tokens = balance.pico() / price;
        assert!((least..least * 21 / 20).contains(&tokens), "{model}: {tokens}");
    }
}

fn three_ways_to_pay_none_with_a_fee(shop: &Shop) {
    for method in ["card", "alipay", "wechat_pay"] {
        assert_eq!(shop.fee("20", method), "0", "{method}");
    }
    let refused = shop.top_up(&shop.customer.account, "20", "cowries");
    assert_eq!(refused.status(), 400, "{}", refused.text());
}

fn what_fails_costs_nothing(shop: &Shop) {
    let spent = || shop.gateway.settled(&shop.customer.account, |_| true).spent;
    let before = spent();
    for fault in ["status:500", "status:502", "status:503", "no-head", "cut", "error-in-200"] {
        for stream in [false, true] {
            shop.upstream.fault(fault);
            let answer = shop.chat(FLAGSHIP, &json!({ "stream": stream }));
            shop.upstream.fault("");
            let is_cut = answer.status() == 200 && stream && answer.text().contains("\"error\"");
            assert!(answer.status() == 502 || is_cut, "{fault}: {}", answer.text());
        }
    }
    assert_eq!(spent(), before);
}

fn what_is_flagged_comes_back(shop: &Shop) {
    let booked = shop.booked(&shop.chat(FLAGSHIP, &Value::Null));
    let before = shop.gateway.settled(&shop.customer.account, |_| true);
    let path = format!("/api/v1/generation/{}/refund", booked.id);
    let order = json!({ "reason": "the text is cut" });
    let back = shop.call(&shop.customer.key, "POST", &path, &order);
    assert_eq!(back.status(), 200, "{}", back.text());
    assert_eq!(usd(&back.json()["amount_exact"]), booked.charged);
    let after = shop.gateway.settled(&shop.customer.account, |_| true);
    assert_eq!([before.balance, booked.charged].into_iter().sum::<Usd>(), after.balance);
    let again = shop.call(&shop.customer.key, "POST", &path, &order);
    assert_eq!(again.status(), 409, "once: {}", again.text());
}

fn cost_and_upstream_cost_are_told(shop: &Shop) {
    let booked = shop.booked(&shop.chat(FLAGSHIP, &Value::Null));
    let told = shop.get(&format!("/api/v1/generation?id={}", booked.id))["data"].clone();
    assert_eq!(usd(&told["total_cost_exact"]), booked.charged);
    let upstream: Usd = told["upstream_inference_cost"].to_string().parse().unwrap();
    assert_eq!(Some(upstream), booked.list_cost, "{told}");
    let margin: Usd = told["margin"].to_string().parse().unwrap();
    assert_eq!([upstream, margin].into_iter().sum::<Usd>(), booked.charged, "{told}");
    let asked = Usd::from_pico(booked.usage[Input] as i128 * 1_000_000);
    let answered = Usd::from_pico(booked.usage[Output] as i128 * 6_000_000);
    assert_eq!([asked, answered].into_iter().sum::<Usd>(), booked.charged, "input + output");
    let balance = usd(&shop.get("/api/v1/balance")["balance_exact"]);
    assert_eq!(balance, shop.gateway.settled(&shop.customer.account, |_| true).balance);
}

fn the_log_is_exported_twice_alike(shop: &Shop) {
    shop.booked(&shop.chat(FLAGSHIP, &Value::Null));
    let csv = shop.call(&shop.keeper, "GET", "/api/v1/export?format=csv", &Value::Null);
    let rows = csv.text().lines().skip(1).count();
    let json = shop.call(&shop.keeper, "GET", "/api/v1/export?format=json", &Value::Null).json();
    let entries = json.as_array().unwrap();
    assert_eq!((rows, csv.status()), (entries.len(), 200));
    let posted = entries.iter().filter(|entry| entry["charged"] != "0");
    for entry in posted {
        let (charged, list) = (usd(&entry["charged"]), usd(&entry["list_cost"]));
        assert_eq!((0..5).map(|_| charged).sum::<Usd>(), list, "{entry}");
        assert!(csv.text().contains(entry["id"].as_str().unwrap()));
    }
}

fn what_the_sdk_sends_reaches_the_provider_unchanged(shop: &Shop) {
    let schema = json!({ "type": "object", "properties": { "buyer": { "type": "string" } } });
    let function = json!({ "name": "look", "parameters": schema });
    let image =
        json!({ "type": "image_url", "image_url": { "url": "data:image/png;base64,AA==" } });
    let wishes = [
        json!({ "stream": true, "stream_options": { "include_usage": true } }),
        json!({ "tools": [{ "type": "function", "function": function }], "tool_choice": "auto" }),
        json!({ "response_format": { "type": "json_object" } }),
        json!({ "messages": [{ "role": "user", "content": [image] }] }),
        json!({ "response_format": { "type": "json_schema",
                "json_schema": { "name": "row", "strict": true, "schema": schema } } }),
        json!({ "reasoning_effort": "high" }),
    ];
    for wish in wishes {
        let answer = shop.chat(FLAGSHIP, &wish);
        assert_eq!(answer.status(), 200, "{wish}: {}", answer.text());
        let sent = shop.upstream.last_body();
        for (name, value) in wish.as_object().unwrap() {
            assert_eq!(&sent[name], value, "{name}");
        }
    }
}

fn three_models_are_listed(shop: &Shop) {
    let list = shop.get("/v1/models");
    assert_eq!(list["data"].as_array().unwrap().len(), MODELS.len());
    assert_eq!(list["total_count"], 3);
}
