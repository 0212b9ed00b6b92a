//! The catalog: rows compiled into one, names looked up in it, its model list rendered.

mod price_file;

use std::hint::black_box;

use catalog::import::{ImportOptions, import, to_toml};
use catalog::listing::Listing;
use catalog::source::parse_toml;
use catalog::{CompileOptions, compile};
use criterion::{Criterion, Throughput};

use price_file::{four_thousand, price_file};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let json = price_file();
    let rows = four_thousand(&json);
    let options = CompileOptions::default();
    let compiled = compile(&rows, &options);
    assert!(compiled.is_ok());

    let mut group = criterion.benchmark_group("catalog_compile");
    group.sample_size(20);
    group.bench_function("4000_models", |bencher| {
        bencher.iter(|| compile(black_box(&rows), &options));
    });
    let toml = to_toml(&rows);
    group.throughput(Throughput::Bytes(toml.len() as u64));
    group.bench_function("parse_toml_of_4000_models", |bencher| {
        bencher.iter(|| parse_toml(black_box(&toml), "catalog.toml"));
    });
    group.throughput(Throughput::Bytes(json.len() as u64));
    group.bench_function("import_price_file", |bencher| {
        bencher.iter(|| import(black_box(&json), None, &ImportOptions::default()));
    });
    group.finish();

    let Ok(compiled) = compiled else { return };
    let mut group = criterion.benchmark_group("catalog_lookup");
    let ids: Vec<&str> = rows.model.iter().map(|model| model.id.as_str()).collect();
    let mut next = 0;
    group.bench_function("model_by_id_of_4000", |bencher| {
        bencher.iter(|| {
            next = (next + 1009) % ids.len();
            compiled.catalog.model(black_box(ids[next])).map(|model| model.index)
        });
    });
    group.bench_function("model_that_is_not_there", |bencher| {
        bencher.iter(|| compiled.catalog.named(black_box("nobody/knows-this-one")).is_none());
    });
    group.finish();

    let mut group = criterion.benchmark_group("catalog_listing");
    group.sample_size(20);
    group.bench_function("render_4000_models", |bencher| {
        bencher.iter(|| Listing::render(black_box(&compiled.catalog)));
    });
    let listing = Listing::render(&compiled.catalog);
    group.bench_function("one_item", |bencher| {
        bencher.iter(|| listing.item(black_box(ids[17])).map(|(_, bytes)| bytes.len()));
    });
    group.finish();
    criterion.final_summary();
}
