//! One provider that speaks all three upstream dialects, and a model behind each.

use serde_json::Value;
use tollgate_tests::client::{Answer, ask, request};
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::stand::Stand;
use units::TokenClass;

use crate::speech::Client;

/// The models, by the dialect that they are asked in.
pub(crate) const MODELS: [&str; 3] = ["o/chat", "a/chat", "g/chat"];

/// Every pair of a client and a model.
pub(crate) fn pairs() -> impl Iterator<Item = (Client, &'static str)> {
    Client::ALL.into_iter().flat_map(|client| MODELS.map(|model| (client, model)))
}

/// A price for every class, all of them different; beyond a thousand input tokens others.
pub(crate) fn prices() -> Prices {
    let all = |prices: Prices, step: u32| {
        let classes = [
            (TokenClass::CacheRead, 1),
            (TokenClass::CacheWrite, 3),
            (TokenClass::CacheWrite1h, 5),
            (TokenClass::Reasoning, 17),
            (TokenClass::ImageInput, 7),
        ];
        classes.into_iter().fold(prices, |prices, (class, price)| {
            prices.and(class, &format!("{}.25", price * step))
        })
    };
    let long = all(Prices::new("4", "22"), 2);
    all(Prices::new("2", "11"), 1).above(1_000, long)
}

/// The stand with the three models.
pub(crate) fn open() -> Stand {
    Stand::with(|config| with_models(config, &prices()))
}

fn with_models(config: Config, prices: &Prices) -> Config {
    let address = config.catalog.lines().find_map(|line| line.strip_prefix("base_url = \""));
    let root = address.unwrap().trim_end_matches('"').trim_end_matches("/v1").to_owned();
    config
        .provider("o", &format!("{root}/v1"), "")
        .provider("a", &root, "dialect = \"anthropic\"")
        .provider("g", &format!("{root}/v1beta"), "dialect = \"gemini\"")
        .model("o/chat", &[("o", "chat")], prices, "")
        .model("a/chat", &[("a", "claude-sonnet-4-5")], prices, "")
        .model("g/chat", &[("g", "gemini-2.5-flash")], prices, "")
}

/// Asks as a client of a dialect does.
pub(crate) fn send(stand: &Stand, path: &str, body: &Value) -> Answer {
    let bytes = body.to_string();
    let headers = [
        ("x-api-key", stand.customer.key.as_str()),
        ("content-type", "application/json"),
        ("anthropic-version", "2023-06-01"),
    ];
    ask(stand.gateway.config.data_addr, &request("POST", path, &headers, bytes.as_bytes()))
}
