//! Providers' own paths: whoever asks there pays what the gateway's own paths cost, and no key's
//! budget is got around.

use serde_json::{Value, json};
use tollgate_tests::checker::{Generation, check};
use tollgate_tests::client::{Answer, ask, request};
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;
use units::TokenClass::{CacheRead, CacheWrite, CacheWrite1h};

/// A way to ask: the gateway's own path, the provider's, and the body without its model.
struct Pair {
    direct: &'static str,
    proxied: &'static str,
    /// The model by the catalog, and as the provider calls it.
    models: [&'static str; 2],
    body: Value,
}

/// Providers of each dialect at one address, with models of each kind.
fn config(upstream: &Upstream) -> Config {
    let base = upstream.base_url();
    let root = base.strip_suffix("/v1").unwrap();
    let plain = Prices::new("1", "10").and(CacheRead, "0.1");
    let cache = Prices::new("3", "15").and(CacheRead, "0.3").and(CacheWrite, "3.75");
    let cache = cache.and(CacheWrite1h, "6");
    let vectors = "kind = \"embedding\"\ncontext = 8192\nmax_output = 0";
    Config::simple(&base)
        .model("up/vectors", &[("up", "vec-1")], &Prices::new("0.02", "0"), vectors)
        .provider("ant", root, "dialect = \"anthropic\"")
        .model("ant/talker", &[("ant", "talker-1")], &cache, "")
        .provider("gem", root, "dialect = \"gemini\"")
        .model("gem/talker", &[("gem", "gem-1")], &plain, "")
}

fn pairs() -> Vec<Pair> {
    let said = json!([{ "role": "user", "content": "hello" }]);
    let chat = json!({ "messages": said, "seed": 7, "max_tokens": 12 });
    let text = json!({ "prompt": ["hello", "you"], "seed": 7, "max_tokens": 9, "n": 2 });
    let contents = json!({
        "contents": [{ "role": "user", "parts": [{ "text": "hello" }] }],
        "generationConfig": { "maxOutputTokens": 12, "seed": 7 },
    });
    let up = ["up/chat", "chat"];
    let pair = |direct, proxied, models, body| Pair { direct, proxied, models, body };
    let mut pairs = vec![
        pair(
            "/v1/embeddings",
            "/up/v1/embeddings",
            ["up/vectors", "vec-1"],
            json!({
                "input": ["one", "and another"], "dimensions": 8,
            }),
        ),
        pair(
            "/v1beta/models/{model}:generateContent",
            "/gem/v1beta/models/{model}:generateContent",
            ["gem/talker", "gem-1"],
            contents.clone(),
        ),
        pair(
            "/v1beta/models/{model}:streamGenerateContent?alt=sse",
            "/gem/models/{model}:streamGenerateContent?alt=sse",
            ["gem/talker", "gem-1"],
            contents,
        ),
    ];
    for is_stream in [false, true] {
        let with = |body: &Value| {
            let mut body = body.clone();
            body["stream"] = is_stream.into();
            body
        };
        let ant = ["ant/talker", "talker-1"];
        pairs.push(pair("/v1/chat/completions", "/up/v1/chat/completions", up, with(&chat)));
        pairs.push(pair("/v1/completions", "/up/completions", up, with(&text)));
        let message = json!({ "messages": said, "max_tokens": 12 });
        pairs.push(pair("/v1/messages", "/ant/v1/messages", ant, with(&message)));
    }
    pairs
}

fn post(gateway: &Gateway, key: &str, path: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", &*bearer), ("content-type", "application/json")];
    let bytes = request("POST", path, &headers, body.to_string().as_bytes());
    ask(gateway.config.data_addr, &bytes)
}

/// Asks for a model at a path; the id of its generation.
fn asked(gateway: &Gateway, key: &str, (path, model): (&str, &str), body: &Value) -> String {
    let mut body = body.clone();
    if !path.contains("{model}") {
        body["model"] = model.into();
    }
    let path = path.replace("{model}", model);
    let answer = post(gateway, key, &path, &body);
    assert_eq!((answer.status(), answer.cut), (200, None), "{path}: {}", answer.text());
    answer.head.header("x-generation-id").unwrap().to_owned()
}

#[test]
fn a_providers_own_path_costs_what_the_gateways_path_costs() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(config(&upstream));
    let customer = gateway.admin.customer("customer", "5");
    let mut ids = Vec::new();
    let pairs = pairs();
    for Pair { direct, proxied, models: [ours, theirs], body } in &pairs {
        let ways = [(*direct, *ours), (*proxied, *theirs), (*proxied, *ours)];
        ids.push(ways.map(|way| asked(&gateway, &customer.key, way, body)));
    }
    // The charges are held against the truth of the provider in here.
    let generations = check(&gateway, &[&upstream], &[&customer.account]);
    let of = |id: &String| generations.iter().find(|it| it.id == *id).expect("it is booked");
    for (pair, ids) in pairs.iter().zip(&ids) {
        let [direct, by_name, by_id] = ids.each_ref().map(of);
        let cost = |it: &Generation| (it.model.clone(), it.usage, it.charged, it.reported);
        assert_eq!(cost(direct), cost(by_name), "{}", pair.proxied);
        assert_eq!(cost(direct), cost(by_id), "{}", pair.proxied);
        assert!(direct.reported && !direct.charged.is_zero(), "{direct:?}");
        assert_eq!(direct.flags, Vec::<String>::new(), "{direct:?}");
    }
}

#[test]
fn an_embedding_is_held_for_by_its_input_and_nothing_else() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(config(&upstream));
    let customer = gateway.admin.customer("customer", "5");
    for (input, tokens, inputs) in [
        (json!([[1, 2, 3], [40_000]]), 4, 2),
        (json!([1, 2, 3]), 3, 1),
        (json!(["words and words", "x"]), 0, 2),
    ] {
        let body = json!({ "model": "up/vectors", "input": input });
        let id = asked(&gateway, &customer.key, ("/v1/embeddings", "up/vectors"), &body);
        let generations = check(&gateway, &[&upstream], &[&customer.account]);
        let generation = generations.iter().find(|it| it.id == id).unwrap();
        // Arrays of tokens count by their tokens, all else by its bytes; 64 more for each input.
        let text = match &input {
            _ if tokens == 0 => body.to_string().len(),
            Value::Array(items) if items[0].is_array() => {
                let arrays: usize = items.iter().map(|item| item.to_string().len()).sum();
                body.to_string().len() - arrays
            }
            one => body.to_string().len() - one.to_string().len(),
        };
        let most = text as u64 + tokens + 64 * inputs;
        let price: units::Price = "0.02".parse().unwrap();
        assert_eq!(generation.held, price.times(most), "{input}");
        assert_eq!(generation.usage[units::TokenClass::Output], 0);
    }
}

#[test]
fn a_keys_budget_holds_at_a_providers_own_path() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(config(&upstream));
    let customer = gateway.admin.customer("customer", "5");
    let limited = json!({ "limit": "0.0001" });
    let key = gateway.admin.make_key(&customer.account, &limited);
    let poor = gateway.admin.customer("poor", "0.000001");
    for Pair { proxied, models: [_, model], body, .. } in pairs() {
        let mut body = body;
        // More than either has, whatever the limit of output.
        let long = "many words ".repeat(5_000);
        for name in ["input", "prompt", "system"] {
            if body.get(name).is_some() || (name == "system" && proxied.starts_with("/ant")) {
                body[name] = long.clone().into();
            }
        }
        if body.get("contents").is_some() {
            body["contents"][0]["parts"][0]["text"] = long.clone().into();
        } else if proxied.contains("chat") {
            body["messages"][0]["content"] = long.into();
        }
        if !proxied.contains("{model}") {
            body["model"] = model.into();
        }
        let path = proxied.replace("{model}", model);
        for key in [&key, &poor.key] {
            let answer = post(&gateway, key, &path, &body);
            assert_eq!(answer.status(), 402, "{path}: {}", answer.text());
        }
    }
    assert!(upstream.truths().is_empty(), "nothing went out");
}
