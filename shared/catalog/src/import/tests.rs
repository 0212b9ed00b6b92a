//! Imports of our own fixture, which has every class, condition and reason; and of the whole
//! public file where it is at hand.

use std::path::Path;

use units::{TokenClass, Tokens, Usd};

use super::*;
use crate::price::{PriceTable, ServiceTier};
use crate::source::parse_toml;

const FIXTURE: &str = include_str!("../../fixtures/prices.json");

fn imported(options: &ImportOptions) -> (CatalogRows, ImportReport) {
    let (rows, report) = import(FIXTURE, None, options).unwrap();
    assert_eq!(parse_toml(&to_toml(&rows), "written.toml").unwrap(), rows);
    (rows, report)
}

fn model<'r>(rows: &'r CatalogRows, id: &str) -> &'r ModelRow {
    rows.model.iter().find(|model| model.id == id).unwrap_or_else(|| panic!("{id} is missing"))
}

/// The price texts of a model's list price by class.
fn list(rows: &CatalogRows, id: &str) -> String {
    let list = model(rows, id).endpoint[0].list.clone().unwrap();
    let classes = TokenClass::ALL.into_iter();
    let given = classes.filter_map(|c| Some(format!("{}={}", c.name(), list.class(c)?)));
    given.collect::<Vec<_>>().join(" ")
}

#[test]
fn every_class_is_read() {
    let (rows, _) = imported(&ImportOptions::default());
    let expected = [
        ("openai/plain-chat", "input=2.5 cache_read=1.25 output=10 search=50000"),
        (
            "openai/tiers-and-sizes",
            "input=1 cache_read=0.1 cache_write=1.25 cache_write_1h=2 output=8",
        ),
        ("openai/hears-and-speaks", "input=2.5 audio_input=40 output=10 audio_output=80"),
        ("openai/paints", "input=0.3 image_input=0.6 output=2.5 image_output=30"),
        ("openai/embed-small", "input=0.02 output=0"),
        ("gemini/flash-like", "input=0.3 cache_read=0.03 audio_input=1 output=2.5 reasoning=3.5"),
        ("deepseek/talker", "input=0.28 cache_read=0.028 output=0.42"),
        ("perplexity/by-request", "input=0 output=2.8 request=5000"),
        ("bigmodel/converted", "input=1.142858 output=0.3"),
    ];
    for (id, prices) in expected {
        assert_eq!(list(&rows, id), prices, "{id}");
    }
}

#[test]
fn sizes_and_tiers_are_read() {
    let (rows, _) = imported(&ImportOptions::default());
    let price = |id: &str, class, input, tier| {
        let list = model(&rows, id).endpoint[0].list.clone().unwrap();
        PriceTable::from_row(&list).price(class, input, tier).to_string()
    };
    let id = "openai/tiers-and-sizes";
    let cases = [
        (TokenClass::Input, 272_000, ServiceTier::Default, "1"),
        (TokenClass::Input, 272_001, ServiceTier::Default, "2"),
        (TokenClass::CacheWrite1h, 272_001, ServiceTier::Default, "4"),
        (TokenClass::Output, 1, ServiceTier::Flex, "4"),
        (TokenClass::Output, 272_001, ServiceTier::Flex, "12"),
        (TokenClass::Output, 272_001, ServiceTier::Priority, "24"),
        (TokenClass::CacheRead, 1, ServiceTier::Priority, "0.1"),
    ];
    for (class, input, tier, expected) in cases {
        assert_eq!(price(id, class, input, tier), expected, "{class:?} {input} {tier:?}");
    }
    let ranged = |input| price("dashscope/ranged", TokenClass::Output, input, ServiceTier::Default);
    assert_eq!((ranged(256_000), ranged(256_001)), ("0.4".to_owned(), "2".to_owned()));
    assert_eq!(price("sail/balanced", TokenClass::Input, 1, ServiceTier::Balanced), "0.5");
    assert_eq!(price("gemini/flash-like", TokenClass::AudioInput, 1, ServiceTier::Flex), "0.5");
}

#[test]
fn abilities_are_read_and_only_priced_ones_offered() {
    let (rows, _) = imported(&ImportOptions::default());
    let inputs = |id: &str| model(&rows, id).input_modalities.join(" ");
    let outputs = |id: &str| model(&rows, id).output_modalities.join(" ");
    assert_eq!(inputs("openai/plain-chat"), "text image file");
    assert_eq!(inputs("gemini/flash-like"), "text image audio video");
    assert_eq!(inputs("gemini/watcher"), "text");
    assert_eq!(
        (inputs("openai/hears-unpriced"), outputs("openai/hears-unpriced")),
        ("text".into(), "text".into())
    );
    assert_eq!(outputs("openai/hears-and-speaks"), "text audio");
    assert_eq!(outputs("openai/paints"), "text image");
    assert_eq!(model(&rows, "openai/hears-unpriced").max_output, Some(1000));
    assert_eq!(model(&rows, "xai/old-size").context, 4096);
    let parameters = model(&rows, "openai/tiers-and-sizes").parameters.join(" ");
    assert_eq!(parameters, "max_tokens reasoning include_reasoning");
    let openai = rows.provider.iter().find(|provider| provider.id == "openai").unwrap();
    assert_eq!(openai.api_keys, ["env:OPENAI_API_KEY"]);
}

#[test]
fn every_row_is_counted_with_its_reason() {
    let (rows, report) = imported(&ImportOptions::default());
    let all: Fields<'_> = serde_json::from_str(FIXTURE).unwrap();
    assert_eq!(rows.model.len() + report.left_out_total(), all.0.len());
    let reasons = [
        (LeftOut::Sample, 1),
        (LeftOut::NotARow, 2),
        (LeftOut::Mode("image_generation".into()), 1),
        (LeftOut::Mode("none".into()), 1),
        (LeftOut::NoAddress("bedrock".into()), 1),
        (LeftOut::NoContext, 2),
        (LeftOut::NoPrice, 1),
        (LeftOut::Free, 1),
        (LeftOut::NotANumber, 3),
        (LeftOut::FineTune, 1),
        (LeftOut::Charge("citation_cost_per_token".into()), 1),
        (LeftOut::UnpricedOutput, 1),
        (LeftOut::UnpricedCache, 1),
        (LeftOut::Id, 1),
        (LeftOut::SameId, 1),
    ];
    assert_eq!(report.left_out, reasons.into());
    assert_eq!((report.near, report.rounded_up), (1, 1));
    let simplified = [
        (Simplified::Batch, 2),
        (Simplified::OtherEndpoints, 1),
        (Simplified::LongCacheWrites, 1),
        (Simplified::CachedAudio, 1),
        (Simplified::Tools, 2),
        (Simplified::Video, 1),
        (Simplified::PerImage, 1),
        (Simplified::OffPeak, 1),
        (Simplified::Regional, 2),
        (Simplified::AudioInput, 1),
        (Simplified::MediaOutput, 1),
        (Simplified::Output, 1),
    ];
    assert_eq!(report.simplified, simplified.into());
    let text = report.to_string();
    assert!(text.contains("another mode: image_generation 1, none 1"), "{text}");
}

#[test]
fn options_choose_price_and_join() {
    let only = ImportOptions { providers: vec!["ollama".into()], ..ImportOptions::default() };
    assert!(imported(&only).0.model.is_empty());
    let (rows, report) = imported(&ImportOptions { allow_free: true, ..only });
    assert!(rows.provider[0].allow_private && rows.model[0].id == "ollama/free-local");
    assert!(report.left_out.contains_key(&LeftOut::NotAsked));
    let dearer = ImportOptions { multiplier: Some((115, 100)), ..ImportOptions::default() };
    let price = model(&imported(&dearer).0, "openai/plain-chat").endpoint[0].price.clone();
    assert_eq!(price.unwrap().input.to_string(), "2.875");
    let bad = |options: &ImportOptions| import(FIXTURE, None, options).unwrap_err().to_string();
    let options = ImportOptions { providers: vec!["opnai".into()], ..ImportOptions::default() };
    assert!(bad(&options).contains("\"opnai\" is unknown"));
    let options = ImportOptions { multiplier: Some((0, 1)), ..ImportOptions::default() };
    assert!(bad(&options).contains("multiplier is zero"));
    assert!(import("[]", None, &ImportOptions::default()).is_err());
    let file = r#"{"providers": {"bedrock": {"base_url": "https://bedrock.example.com/v1"}}}"#;
    let (rows, _) = import(FIXTURE, Some(file), &ImportOptions::default()).unwrap();
    assert_eq!(model(&rows, "bedrock/elsewhere").endpoint[0].model, "elsewhere");
}

#[test]
fn models_of_equal_names_and_abilities_are_joined() {
    let (rows, report) = imported(&ImportOptions { merge: true, ..ImportOptions::default() });
    let llama = model(&rows, "meta-llama/Llama-X");
    let ends: Vec<_> =
        llama.endpoint.iter().map(|e| (e.provider.as_str(), e.context, e.max_output)).collect();
    assert_eq!(
        ends,
        [
            ("deepinfra", None, Some(8192)),
            ("together_ai", Some(128_000), None),
            ("groq", None, Some(32_768)),
        ]
    );
    assert_eq!((llama.context, llama.max_output), (131_072, Some(128_000)));
    assert_eq!(llama.parameters.join(" "), "max_tokens temperature top_p tools");
    let plain = model(&rows, "openai/plain-chat");
    assert_eq!(
        plain.endpoint.iter().map(|e| &*e.provider).collect::<Vec<_>>(),
        ["openai", "openrouter"]
    );
    let (apart, _) = imported(&ImportOptions::default());
    assert_eq!(report.endpoints, apart.model.len());
}

/// The public file, where the checkout stands beside it.
fn public_file() -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let read = std::fs::read_to_string(folder.join("model-prices.json")).ok();
    if read.is_none() {
        eprintln!("skipped: {} has no model-prices.json", folder.display());
    }
    read
}

#[test]
fn the_public_file_becomes_a_large_catalog() {
    let Some(json) = public_file() else { return };
    let (rows, report) = import(&json, None, &ImportOptions::default()).unwrap();
    assert!(report.chat >= 1500 && report.providers >= 60, "{report}");
    assert_eq!(parse_toml(&to_toml(&rows), "written.toml").unwrap(), rows);
    let all: Fields<'_> = serde_json::from_str(&json).unwrap();
    assert_eq!(rows.model.len() + report.left_out_total(), all.0.len());
    let (merged, joined) =
        import(&json, None, &ImportOptions { merge: true, ..ImportOptions::default() }).unwrap();
    assert_eq!(joined.endpoints, report.endpoints);
    assert!(merged.model.len() < rows.model.len());
    let compiled = compile(&rows, &CompileOptions::default()).unwrap();
    let mini = compiled.catalog.model("openai/gpt-5-mini").unwrap();
    let mut tokens = Tokens::ZERO;
    (tokens[TokenClass::Input], tokens[TokenClass::Output]) = (1_000_000, 1_000_000);
    let cost = compiled.catalog.endpoints_of(mini)[0].price.cost(&tokens, ServiceTier::Default);
    assert!(cost.unwrap() > Usd::ZERO);
}
