//! Prices: what a usage vector costs, and the worst case that a hold is made for, of a plain price
//! and of one with sizes and tiers.

use std::hint::black_box;

use catalog::rows::PriceRow;
use catalog::{Modalities, PriceTable, Reach, ServiceTier, TierSet};
use criterion::Criterion;
use units::{TokenClass, Tokens};

const PLAIN: &str = r#"{"input": "1.25", "output": "10", "cache_read": "0.125"}"#;
const CONDITIONAL: &str = r#"{"input": "1", "output": "8", "cache_read": "0.1",
  "above": [{"input_tokens": 272000, "input": "2", "output": "12", "cache_read": "0.2"}],
  "service_tier": {
    "flex": {"input": "0.5", "output": "4", "above": [{"input_tokens": 272000, "input": "1"}]},
    "priority": {"input": "2", "output": "16"}}}"#;

fn table(json: &str) -> PriceTable {
    let row: PriceRow = serde_json::from_str(json).unwrap_or_default();
    assert!(row.input.pico() > 0);
    PriceTable::from_row(&row)
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut tokens = Tokens::ZERO;
    tokens[TokenClass::Input] = 1042;
    tokens[TokenClass::CacheRead] = 1024;
    tokens[TokenClass::Output] = 311;
    tokens[TokenClass::Reasoning] = 128;
    let reach = Reach {
        inputs: Modalities::TEXT,
        outputs: Modalities::TEXT,
        input_tokens: 4096,
        hour_cache: false,
        tiers: TierSet::DEFAULT,
    };
    let mut group = criterion.benchmark_group("catalog_price");
    for (name, json) in [("plain", PLAIN), ("conditional", CONDITIONAL)] {
        let table = table(json);
        group.bench_function(format!("cost_{name}"), |bencher| {
            bencher.iter(|| table.cost(black_box(&tokens), ServiceTier::Default));
        });
        group.bench_function(format!("worst_{name}"), |bencher| {
            bencher.iter(|| table.worst(black_box(&reach)));
        });
    }
    group.finish();
    criterion.final_summary();
}
