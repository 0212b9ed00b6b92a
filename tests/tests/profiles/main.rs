//! Each shipped profile behaves as the documents of its service say: every request example runs,
//! and every figure is held against the running gateway.
//!
//! Contents: `documents` (where they lie, and the figures in them), `literal` and `examples` (the
//! requests in them), `shop` (a gateway under a profile), `answers` (what an example's answer must
//! be), `brand` (what a claim is, and its judgement), and a file of claims for each service.
//! Invariants: claims are checked on behaviour, never on a profile's file; what cannot hold yet is
//! listed with its reason, and the test fails when it holds; a figure that nobody holds, and a
//! document that no service claims, fail.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod answers;
mod arouter;
mod brand;
mod corouter;
mod cpen;
mod documents;
mod examples;
mod literal;
mod openrouter;
mod plain;
mod shop;

use brand::Brand;
use shop::Shop;

const BRANDS: [Brand; 4] = [corouter::BRAND, cpen::BRAND, openrouter::BRAND, arouter::BRAND];

fn run_examples(brand: &Brand) {
    let shop = Shop::open(brand);
    brand.run_examples(&shop);
    shop.check_books();
}

fn check_claims(brand: &Brand) {
    let shop = Shop::open(brand);
    brand.check_claims(&shop);
    shop.check_books();
}

#[test]
fn every_example_of_corouter_runs() {
    run_examples(&corouter::BRAND);
}

#[test]
fn every_example_of_cpen_runs() {
    run_examples(&cpen::BRAND);
}

#[test]
fn every_example_of_openrouter_runs() {
    run_examples(&openrouter::BRAND);
}

#[test]
fn every_example_of_arouter_runs() {
    run_examples(&arouter::BRAND);
}

#[test]
fn every_figure_of_corouter_holds() {
    check_claims(&corouter::BRAND);
}

#[test]
fn every_figure_of_cpen_holds() {
    check_claims(&cpen::BRAND);
}

#[test]
fn every_figure_of_openrouter_holds() {
    check_claims(&openrouter::BRAND);
}

#[test]
fn every_figure_of_arouter_holds() {
    check_claims(&arouter::BRAND);
}

#[test]
fn no_figure_and_no_document_is_left_out() {
    let Some(documents) = documents::all() else { return };
    for document in &documents {
        let hosts = BRANDS
            .iter()
            .filter(|brand| document.text.contains(&format!("https://{}", brand.host)));
        assert_eq!(hosts.count(), 1, "{}: whose is it?", document.name);
    }
    for brand in &BRANDS {
        brand.check_coverage();
    }
}
