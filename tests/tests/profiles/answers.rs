//! What the answer of an example must be.

use serde_json::Value;
use tollgate_tests::client::Answer;

use crate::examples::Example;
use crate::shop::Shop;

/// The answer of a chat, an extraction, a list of models, or a balance.
pub(crate) fn judge(shop: &Shop, example: &Example, answer: &Answer) {
    assert_eq!(answer.status(), 200, "{}: {}", example.path, answer.text());
    match example.path.rsplit('/').next().unwrap_or_default() {
        "completions" => chat(example, answer),
        "extractions" => extraction(example, answer),
        "models" => models(shop, answer),
        "balance" => balance(shop, answer),
        _ => panic!("nobody says what {} answers", example.path),
    }
}

fn chat(example: &Example, answer: &Answer) {
    assert!(answer.head.header("x-generation-id").is_some(), "{}", answer.head.text);
    let body = example.body.as_ref().expect("a chat has a body");
    let served = if body["stream"] == true { stream(answer) } else { whole(&answer.json()) };
    match body["model"].as_str().or_else(|| body["models"][0].as_str()) {
        Some("auto") => assert!(served.contains('/') && served != "auto", "{served}"),
        Some(asked) => assert_eq!(served, asked),
        None => {}
    }
}

/// Every property of a schema is there that the sandbox fills, and the answer is under its name.
fn extraction(example: &Example, answer: &Answer) {
    let (asked, told) = (example.body.as_ref().expect("a body"), answer.json());
    let properties = asked["schema"]["properties"].as_object().expect("a schema of an object");
    assert!(properties.keys().all(|name| !told["output"][name].is_null()), "{told}");
    assert_eq!((&told["object"], &told["model"]), (&"extraction".into(), &asked["model"]));
    usage(&told["usage"]);
}

/// Checks a whole answer; the model that it names.
pub(crate) fn whole(answer: &Value) -> String {
    assert_eq!(answer["object"], "chat.completion", "{answer}");
    let text = answer["choices"][0]["message"]["content"].as_str();
    assert!(text.is_some_and(|text| !text.is_empty()), "{answer}");
    assert_eq!(answer["choices"][0]["message"]["role"], "assistant");
    usage(&answer["usage"]);
    answer["model"].as_str().expect("a model").to_owned()
}

/// Checks a streamed answer; the model that every chunk of it names.
pub(crate) fn stream(answer: &Answer) -> String {
    let mut events = answer.events();
    assert_eq!(events.pop().as_deref(), Some("[DONE]"));
    let chunks: Vec<Value> =
        events.iter().map(|event| serde_json::from_str(event).expect("JSON")).collect();
    assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk"));
    let texts = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
    assert!(texts.map(str::len).sum::<usize>() > 0, "no text came");
    let model = chunks[0]["model"].as_str().expect("a model");
    assert!(chunks.iter().all(|chunk| chunk["model"] == model));
    model.to_owned()
}

fn usage(usage: &Value) {
    let count = |name: &str| usage[name].as_u64().unwrap_or_else(|| panic!("{name}: {usage}"));
    assert_eq!(count("prompt_tokens") + count("completion_tokens"), count("total_tokens"));
    assert!(count("completion_tokens") > 0);
}

fn models(shop: &Shop, answer: &Answer) {
    let list = answer.json();
    assert_eq!(list["object"], "list");
    let ids: Vec<_> =
        list["data"].as_array().expect("a list").iter().map(|item| item["id"].as_str()).collect();
    let config = &shop.gateway.config;
    let is_for_sale = |id: &str| config.catalog.contains(&format!("id = \"{id}\""));
    for (id, _) in config.prices.iter().filter(|(id, _)| is_for_sale(id)) {
        assert!(ids.contains(&Some(id)), "{id} is not listed");
    }
}

fn balance(shop: &Shop, answer: &Answer) {
    let told = answer.json();
    assert!(told["balance"].is_number() && told["currency"] == "USD", "{told}");
    let exact: units::Usd = told["balance_exact"].as_str().unwrap().parse().unwrap();
    let account = shop.gateway.admin.account(&shop.customer.account);
    assert!(account.balance <= exact, "{exact} is less than {}", account.balance);
}
