//! Prices against a slow exact reference: every model of the public price file, and usage objects
//! of every dialect, made at random.
//!
//! Contents: `reference` (what a use costs, read from the file's own rows each time), `usage` (uses
//! and how each dialect tells them), `dice`. What is held against them: the importer, the compiled
//! price table, and the readers of usage objects.
//! Invariants: the reference shares no code with what it judges but the names of the classes; the
//! dice are seeded, so a failure repeats.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod dice;
mod reference;
mod usage;

use std::path::Path;

use catalog::import::{ImportOptions, import};
use catalog::{Catalog, CompileOptions, Endpoint, ServiceTier, compile};
use dice::Dice;
use reference::{PriceFile, Row};
use units::{TokenClass, Tokens};
use usage::Told;

/// Uses of each model, told in each dialect.
const USES: usize = 6;
/// The file has thousands of models; a test of a handful would prove little.
const MODELS_MIN: usize = 2_000;

/// The price file beside the project; `None` where it is not at hand.
fn price_file() -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let path = folder.join("model-prices.json");
    let read = std::fs::read_to_string(&path).ok();
    if read.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{} is missing", path.display());
        eprintln!("skipped: there is no {}", path.display());
    }
    read
}

/// The file's models, wherever their providers may be.
fn compiled(json: &str, file: &PriceFile) -> Catalog {
    let options = ImportOptions { allow_free: true, ..ImportOptions::default() };
    let (rows, report) = import(json, Some(&file.providers()), &options).expect("the file imports");
    println!("{report}");
    compile(&rows, &CompileOptions::default()).expect("the rows compile").catalog
}

/// The endpoints of all models with the file's rows that they were made from.
fn endpoints<'f>(catalog: &'f Catalog, file: &'f PriceFile) -> Vec<(&'f Endpoint, &'f Row)> {
    let found = catalog.endpoints.iter().filter_map(|endpoint| {
        let provider = &catalog.provider(endpoint.provider).id;
        Some((endpoint, file.row_of(provider, &endpoint.upstream_model)?))
    });
    found.collect()
}

#[test]
fn every_model_of_the_file_charges_every_use_exactly() {
    let Some(json) = price_file() else { return };
    let file = PriceFile::read(&json);
    let catalog = compiled(&json, &file);
    let endpoints = endpoints(&catalog, &file);
    let mut dice = Dice::new(1);
    let mut charged = 0_u64;
    for (endpoint, row) in &endpoints {
        let sizes = row.sizes();
        for _ in 0..USES {
            let tier = *dice.one_of(&ServiceTier::ALL);
            for told in Told::in_every_dialect(&mut dice, &sizes) {
                let read = told.read().unwrap_or_else(|fault| panic!("{fault:?}: {told:?}"));
                assert_eq!((read.tokens, read.is_odd), (told.truth, false), "{told:?}");
                let mut tokens = read.tokens;
                tokens[TokenClass::Request] = 1;
                let cost = endpoint.price.cost(&tokens, tier).expect("it can be counted").pico();
                let expected = row.cost(&tokens, tier.name());
                let name = &endpoint.upstream_model;
                assert_eq!(cost, expected, "{name} at {}: {told:?}", tier.name());
                charged += 1;
            }
        }
    }
    println!("{charged} uses of {} models", endpoints.len());
    assert!(endpoints.len() >= MODELS_MIN, "{}", endpoints.len());
}

#[test]
fn a_size_is_passed_only_by_more_and_reprices_the_whole_request() {
    let Some(json) = price_file() else { return };
    let file = PriceFile::read(&json);
    let catalog = compiled(&json, &file);
    let mut sized = 0;
    for (endpoint, row) in endpoints(&catalog, &file) {
        for size in row.sizes() {
            let (mut at, mut above) = (Tokens::ZERO, Tokens::ZERO);
            (at[TokenClass::Input], at[TokenClass::CacheRead]) = (size - 7, 7);
            (above[TokenClass::Input], above[TokenClass::CacheRead]) = (size - 7, 8);
            for tier in ServiceTier::ALL {
                for tokens in [&at, &above] {
                    let cost = endpoint.price.cost(tokens, tier).unwrap().pico();
                    assert_eq!(
                        cost,
                        row.cost(tokens, tier.name()),
                        "{:?}",
                        endpoint.upstream_model
                    );
                }
            }
            let dearer = |tokens| endpoint.price.cost(tokens, ServiceTier::Default).unwrap();
            sized += usize::from(dearer(&above) > dearer(&at));
        }
    }
    println!("{sized} sizes");
    assert!(sized >= 100, "{sized}");
}

/// By hand, so that reference and table cannot be wrong together.
#[test]
fn the_reference_itself_is_right_where_a_hand_can_follow() {
    let file = PriceFile::read(
        r#"{"maker/model": {"litellm_provider": "maker", "input_cost_per_token": 1e-06,
            "output_cost_per_token": 2.9999999999999997e-06, "cache_read_input_token_cost": 1e-07,
            "cache_creation_input_token_cost": 1.25e-06,
            "cache_creation_input_token_cost_above_1hr": 2e-06,
            "input_cost_per_token_above_200k_tokens": 2e-06,
            "input_cost_per_token_flex": 5e-07,
            "input_cost_per_token_priority": 3e-06,
            "output_cost_per_token_above_200k_tokens_priority": 9.0000005e-12,
            "search_context_cost_per_query": {"low": 0.01, "high": 0.02}}}"#,
    );
    let row = file.row_of("maker", "model").unwrap();
    let cost = |counts: &[(TokenClass, u64)], tier| {
        let mut tokens = Tokens::ZERO;
        counts.iter().for_each(|(class, count)| tokens[*class] = *count);
        row.cost(&tokens, tier)
    };
    use TokenClass::{AudioInput, CacheRead, CacheWrite, CacheWrite1h, Input, Output, Search};
    assert_eq!(row.sizes(), [200_000]);
    assert_eq!(cost(&[(Input, 10), (Output, 2), (CacheRead, 3)], "default"), 16_300_000);
    assert_eq!(cost(&[(CacheWrite, 4), (CacheWrite1h, 1), (AudioInput, 1)], "default"), 8_000_000);
    assert_eq!(cost(&[(Search, 2)], "default"), 40_000_000_000);
    assert_eq!(cost(&[(Input, 200_001)], "default"), 400_002_000_000);
    assert_eq!(cost(&[(Input, 10)], "flex"), 5_000_000);
    assert_eq!(cost(&[(Input, 200_001)], "flex"), 400_002_000_000, "the dearer of the two");
    assert_eq!(cost(&[(Input, 200_000), (Output, 1)], "priority"), 600_003_000_000);
    assert_eq!(cost(&[(Input, 200_001), (Output, 1)], "priority"), 600_003_000_010);
    assert_eq!(cost(&[(Input, 1)], "ultrafast"), 1_000_000, "no such tier: the default");
}
