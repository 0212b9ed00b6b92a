//! What compiles, what does not, and what is said about it.

use std::fmt::Write;

use units::{TokenClass, Usd};

use super::*;
use crate::catalog::Named;
use crate::price::ServiceTier;

/// A catalog of one provider and one model, as JSON, to be spoilt one way at a time.
const GOOD: &str = r#"{
  "provider": [{"id": "acme", "dialect": "openai", "base_url": "https://api.acme.test/v1",
                "api_keys": ["env:ACME_KEY"]}],
  "model": [{"id": "acme/one", "context": 1000, "max_output": 100, "endpoint": [
     {"provider": "acme", "model": "one-v1", "list": {"input": "1", "output": "2"}}]}],
  "tier": [{"id": "house/low", "models": ["acme/one"]}]
}"#;

fn rows(json: &str) -> CatalogRows {
    serde_json::from_str(json).unwrap()
}

fn compile_at_cost(json: &str) -> Result<Compiled, Vec<Complaint>> {
    compile(&rows(json), &CompileOptions::default())
}

/// The complaints about `GOOD` with one text in it replaced.
fn complaints(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    let mut text = String::new();
    for complaint in compile_at_cost(&GOOD.replace(from, to)).err().unwrap_or_default() {
        writeln!(text, "{complaint}").unwrap();
    }
    text
}

#[test]
fn good_rows_compile_and_are_found_by_name() {
    let Compiled { catalog, warnings } = compile_at_cost(GOOD).unwrap();
    assert_eq!(warnings, []);
    let model = catalog.model("acme/one").unwrap();
    assert_eq!((model.context, model.max_output, &*model.name), (1000, 100, "one"));
    let [endpoint] = catalog.endpoints_of(model) else { panic!("one endpoint") };
    assert_eq!(&*endpoint.upstream_model_json, b"\"one-v1\"");
    assert_eq!(&*catalog.provider(endpoint.provider).id, "acme");
    assert!(matches!(catalog.named("one-v1"), Some(Named::Model(m)) if m.index == model.index));
    let Some(Named::Tier(tier)) = catalog.named("house/low") else { panic!("a tier") };
    assert_eq!(catalog.models_of(tier).count(), 1);
    assert!(catalog.named("acme/one:floor").is_none() && catalog.model("house/low").is_none());
}

#[test]
fn an_endpoint_says_of_itself_what_it_does_not_leave_to_its_provider() {
    let json = GOOD
        .replace("[\"env:ACME_KEY\"]", "[\"env:K\"], \"zdr\": true, \"region\": \"us\"")
        .replace("\"max_output\"", "\"parameters\": [\"seed\", \"own\"], \"max_output\"")
        .replace(
            "\"list\"",
            r#""tag": "t", "data_collection": false, "quantization": "fp8", "parameters": ["seed"],
               "list": {"input": "1", "output": "2"}},
              {"provider": "acme", "model": "x", "zdr": false, "region": "eu", "weight": 3, "list""#,
        );
    let catalog = compile_at_cost(&json).unwrap().catalog;
    let [first, second] = &catalog.endpoints[..] else { panic!("two endpoints") };
    assert!(!first.data_collection && first.zdr && second.data_collection && !second.zdr);
    assert_eq!((first.region.as_deref(), second.region.as_deref()), (Some("us"), Some("eu")));
    assert_eq!((first.quantization.name(), second.quantization.name()), ("fp8", "unknown"));
    assert_eq!((first.tag.as_deref(), first.parameters.len()), (Some("t"), 1));
    assert_eq!((first.model, second.parameters.len(), second.weight), (0, 2, Some(3)));
    assert_eq!(second.understood.names().collect::<Vec<_>>(), ["seed"]);
}

#[test]
fn a_bare_name_of_two_models_is_nobodys() {
    let second = r#"}]}, {"id": "acme/two", "context": 9, "endpoint": [{"provider": "acme",
        "model": "one-v1", "list": {"input": "1", "output": "2"}}]}],"#;
    let catalog = compile_at_cost(&GOOD.replace("}]}],", second)).unwrap().catalog;
    assert!(catalog.named("one-v1").is_none() && catalog.named("acme/two").is_some());
}

#[test]
fn each_mistake_is_said_with_its_place() {
    let cases = [
        (
            "\"id\": \"acme\"",
            "\"id\": \"admin\"",
            "provider[0].id: the provider id \"admin\" is one",
        ),
        ("\"id\": \"acme\"", "\"id\": \"a/b\"", "provider[0].id"),
        (
            "https://api.acme.test",
            "http://api.acme.test",
            "provider[0].base_url: provider \"acme\"",
        ),
        ("https://api.acme.test", "https://169.254.169.254", "is a private address"),
        ("https://api.acme.test", "https://localhost", "set allow_private = true"),
        ("https://api.acme.test", "env:URL", "is not an address"),
        ("env:ACME_KEY", "env:", "provider[0].api_keys[0]"),
        ("\"id\": \"acme/one\"", "\"id\": \"one\"", "model[0].id: the model id \"one\" is not"),
        ("\"context\": 1000", "\"context\": 0", "model[0].context"),
        ("\"max_output\": 100", "\"max_output\": 0", "model[0].max_output"),
        ("\"provider\": \"acme\"", "\"provider\": \"acne\"", "model[0].endpoint[0].provider"),
        ("\"models\": [\"acme/one\"]", "\"models\": [\"acme/on\"]", "tier[0].models[0]"),
        (
            "\"models\": [\"acme/one\"]",
            "\"models\": []",
            "tier[0]: tier \"house/low\" is available",
        ),
        ("house/low", "acme/one", "tier[0].id: the id \"acme/one\" is taken"),
        (", \"list\": {\"input\": \"1\", \"output\": \"2\"}", "", "an endpoint has no price"),
        ("\"context\":", "\"output_modalities\": [\"audio\"], \"context\":", "audio_output has no"),
        ("\"context\":", "\"input_modalities\": [\"audio\"], \"context\":", "audio_input has no"),
        ("\"context\":", "\"output_modalities\": [\"image\"], \"context\":", "image_output has no"),
        (
            "\"context\":",
            "\"output_modalities\": [\"video\"], \"context\":",
            "output_modalities[0]",
        ),
        ("\"context\":", "\"input_modalities\": [\"smell\"], \"context\":", "input_modalities[0]"),
        ("\"dialect\": \"openai\"", "\"dialect\": \"anthropic\"", "cache_write has no price"),
        ("\"list\"", "\"tag\": \"a/b\", \"list\"", "model[0].endpoint[0].tag"),
        ("\"list\"", "\"region\": \"\", \"list\"", "model[0].endpoint[0].region"),
        ("\"list\"", "\"parameters\": [\"seed\"], \"list\"", "endpoint[0].parameters[0]"),
        (
            "\"list\"",
            "\"zdr\": true, \"data_collection\": true, \"list\"",
            "model[0].endpoint[0].zdr: model \"acme/one\": an endpoint retains nothing",
        ),
        ("\"2\"}", "\"2\", \"above\": [{\"input_tokens\": 0}]}", "list.above[0].input_tokens"),
        ("\"2\"}", "\"2\", \"service_tier\": {\"batch\": {}}}", "list.service_tier.batch"),
    ];
    for (from, to, expected) in cases {
        let said = complaints(from, to);
        assert!(said.contains(expected), "{from} -> {to} said: {said}");
    }
}

#[test]
fn every_mistake_is_said_at_once() {
    let spoilt = GOOD.replace("acme/one\", \"context\": 1000", "one\", \"context\": 0");
    let places: Vec<_> = compile_at_cost(&spoilt)
        .unwrap_err()
        .iter()
        .map(|complaint| complaint.place.to_string())
        .collect();
    assert_eq!(places, ["model[0].id", "model[0].context", "tier[0].models[0]"]);
}

#[test]
fn what_is_only_doubtful_is_a_warning() {
    let warned = |from: &str, to: &str| {
        let compiled = compile_at_cost(&GOOD.replace(from, to)).unwrap();
        compiled.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert!(warned("[\"env:ACME_KEY\"]", "[]").contains("not planned"));
    assert!(warned("env:ACME_KEY", "sk-secret").contains("written out"));
    assert!(!warned("env:ACME_KEY", "sk-secret").contains("sk-secret"));
    assert!(
        warned("\"max_output\": 100", "\"max_output\": 5000").contains("more than the context")
    );
    let own = "http://127.0.0.1:9\", \"allow_private\": true, \"region\": \"x";
    assert_eq!(warned("https://api.acme.test/v1", own), "");
}

#[test]
fn an_absent_price_is_the_list_times_the_multiplier() {
    let options = CompileOptions { multiplier: parse_multiplier("0.2").unwrap() };
    let mut catalog = compile(&rows(GOOD), &options).unwrap().catalog;
    let endpoint = &catalog.endpoints[0];
    assert_eq!(endpoint.price.base(TokenClass::Output).to_string(), "0.4");
    assert_eq!(endpoint.list.base(TokenClass::Reasoning).to_string(), "2");
    let mut tokens = units::Tokens::ZERO;
    tokens[TokenClass::CacheWrite1h] = 5;
    assert_eq!(endpoint.price.cost(&tokens, ServiceTier::Flex), Some(Usd::from_pico(1_000_000)));
    assert!(catalog.number_offers(&[]).is_err());
    catalog.number_offers(&[OfferId(7)]).unwrap();
    assert_eq!(catalog.endpoints[0].offer, OfferId(7));
    let whole = compile(&rows(GOOD), &CompileOptions { multiplier: (u64::MAX, 1) });
    assert!(whole.unwrap_err()[0].what.contains("too large"));
}

#[test]
fn equal_conditions_make_equal_offers_however_written() {
    let spelt = GOOD.replace("\"output\": \"2\"", "\"output\": \"2.0\", \"cache_read\": \"1.00\"");
    let offers = |json: &str| compile_at_cost(json).unwrap().catalog.offers().collect::<Vec<_>>();
    assert_eq!(offers(GOOD), offers(&spelt));
    let text = serde_json::to_string(&offers(GOOD)[0]).unwrap();
    assert_eq!(serde_json::from_str::<OfferRow>(&text).unwrap(), offers(GOOD)[0]);
    assert_ne!(offers(GOOD), offers(&GOOD.replace("\"2\"", "\"3\"")));
}

#[test]
fn a_key_is_allowed_by_model_and_by_provider() {
    let catalog = compile_at_cost(GOOD).unwrap().catalog;
    let model = catalog.model("acme/one").unwrap();
    let list = |name: &str| vec![name.to_owned()];
    assert!(catalog.allows(model, None, None));
    assert!(catalog.allows(model, Some(&list("acme/one")), Some(&list("acme"))));
    assert!(!catalog.allows(model, Some(&list("acme/two")), None));
    assert!(!catalog.allows(model, None, Some(&list("other"))));
}

#[test]
fn a_multiplier_is_read_exactly() {
    assert_eq!(parse_multiplier("0.2"), Some((2, 10)));
    assert_eq!(parse_multiplier("1"), Some((10, 10)));
    for text in ["", "0", "0.00", ".5", "1.", "-1", "1e3", "1.0000000001"] {
        assert_eq!(parse_multiplier(text), None, "{text}");
    }
}
