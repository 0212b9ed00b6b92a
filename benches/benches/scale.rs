//! A key looked up and a request planned with all that a large operator sells loaded: four thousand
//! models and a million keys. Prints what a key takes of memory.

#![expect(clippy::expect_used, reason = "a bench that cannot be set up has nothing to measure")]

mod key_digest;
mod price_file;

use std::fs;
use std::hint::black_box;

use criterion::Criterion;
use dataplane::for_benches::Planner;
use units::KeyDigest;

use key_digest::key_digest;
use price_file::{four_thousand, price_file};

const KEYS: u64 = 1_000_000;

/// Kilobytes of this process that are in memory.
fn resident_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or(0)
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let rows = four_thousand(&price_file());
    let planner = Planner::new(&rows).expect("the rows compile");
    let before = resident_kb();
    let planner = planner.with_keys((1..=KEYS).map(key_digest));
    let bytes = (resident_kb() - before) * 1024 / KEYS;
    println!("memory: {bytes} bytes for each of {KEYS} keys, cells of key and account included");

    let digests: Vec<KeyDigest> = (1..=KEYS).map(key_digest).collect();
    let ids = rows.model.iter().filter(|model| model.max_output != Some(0)).map(|model| &model.id);
    let body = |id: &String| {
        let messages = r#"[{"role":"user","content":"Hello"}]"#;
        format!(r#"{{"model":"{id}","stream":true,"messages":{messages}}}"#).into_bytes()
    };
    let intents = ids.filter_map(|id| planner.intent(&body(id)));
    let intents: Vec<_> = intents.filter(|intent| planner.plan(intent).is_some()).collect();
    assert!(intents.len() > 3_000, "{} models can be planned", intents.len());

    let mut group = criterion.benchmark_group("scale");
    let (mut key, mut model) = (0, 0);
    group.bench_function("key_of_1000000", |bencher| {
        bencher.iter(|| {
            key = (key + 400_009) % digests.len();
            planner.knows(black_box(&digests[key]))
        });
    });
    group.bench_function("plan_among_4000_models", |bencher| {
        bencher.iter(|| {
            model = (model + 1009) % intents.len();
            planner.plan(black_box(&intents[model]))
        });
    });
    group.bench_function("key_and_plan", |bencher| {
        bencher.iter(|| {
            key = (key + 400_009) % digests.len();
            model = (model + 1009) % intents.len();
            planner.plan_for(black_box(&digests[key]), black_box(&intents[model]))
        });
    });
    group.finish();
    criterion.final_summary();
}
