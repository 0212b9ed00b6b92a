//! Planning a request: one endpoint, ten endpoints, wishes, and the whole of a large catalog around
//! it.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

use catalog::rows::{CatalogRows, Dialect, EndpointRow, ModelRow, ProviderRow};
use criterion::{Criterion, criterion_group, criterion_main};
use dataplane::for_benches::Planner;

fn rows(models: usize, endpoints: usize) -> CatalogRows {
    let mut rows = CatalogRows::default();
    for number in 0..endpoints {
        let mut provider =
            ProviderRow::new(format!("p{number}"), Dialect::OpenAi, "https://example.com/v1");
        provider.api_keys = vec!["env:KEY".to_owned()];
        rows.provider.push(provider);
    }
    for number in 0..models {
        let mut model = ModelRow::new(format!("author/model-{number}"), 128_000);
        let price = serde_json::from_str(r#"{"input":"1.25","output":"10","cache_read":"0.125"}"#);
        let price: Option<catalog::rows::PriceRow> = price.ok();
        model.endpoint = (0..endpoints)
            .map(|provider| EndpointRow {
                list: price.clone(),
                ..EndpointRow::new(format!("p{provider}"), format!("m{number}"))
            })
            .collect();
        rows.model.push(model);
    }
    rows
}

/// A request for a model, with further members.
fn body(model: &str, more: &str) -> Vec<u8> {
    let messages = r#"[{"role":"user","content":"Hello"}]"#;
    format!(r#"{{"model":"{model}","stream":true,"messages":{messages}{more}}}"#).into_bytes()
}

const WISHES: &str = r#","provider":{"order":["p3"],"ignore":["p1"],"data_collection":"allow",
    "max_price":{"prompt":2,"completion":"12"}},"routing":{"max_total_per_1m":"20"}"#;

fn plan(criterion: &mut Criterion) {
    let first = "author/model-0";
    for (name, (models, endpoints), (model, more), candidates) in [
        ("one endpoint", (1, 1), (first, ""), 1),
        ("ten endpoints", (1, 10), (first, ""), 8),
        ("ten endpoints and wishes", (1, 10), (first, WISHES), 8),
        ("among 4,000 models", (4_000, 1), (first, ""), 1),
        ("wishes among 4,000 models", (4_000, 1), (first, ",\"provider\":{\"only\":[\"p0\"]}"), 1),
        ("a variant among 4,000 models", (4_000, 1), ("author/model-9:floor", ""), 1),
        ("auto among 4,000 models", (4_000, 1), ("auto", ""), 8),
    ] {
        let planner = Planner::new(&rows(models, endpoints)).expect("the rows compile");
        let intent = planner.intent(&body(model, more)).expect("the body is a request");
        assert_eq!(planner.plan(&intent), Some(candidates));
        criterion.bench_function(&format!("plan/{name}"), |bencher| {
            bencher.iter(|| planner.plan(std::hint::black_box(&intent)));
        });
    }
}

criterion_group!(benches, plan);
criterion_main!(benches);
