//! What becomes of a charge when a provider's count is missing, absurd, odd, early, late or told
//! twice: never nothing, never above the hold, and always marked.

use tollgate_tests::checker::{Generation, check};
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;

use crate::load::{Ending, Job, Shape, perform};

/// Model, what its provider is asked to do, whether its count is believed, and the charge's flags.
type Row = (&'static str, &'static str, bool, &'static [&'static str]);

const NONE: &[&str] = &[];
const MISSING: &[&str] = &["usage_missing"];
const ABSURD: &[&str] = &["usage_absurd"];
const ODD: &[&str] = &["usage_odd"];

/// The same for streams and for whole answers.
const ANY: [Row; 12] = [
    ("up/plain", "chunk:1", true, NONE),
    ("up/missing", "no-usage", false, MISSING),
    ("up/negative", "wrong-usage:negative", false, ABSURD),
    ("up/huge", "wrong-usage:huge", false, ABSURD),
    ("up/beyond", "wrong-usage:beyond", false, ABSURD),
    ("up/float", "wrong-usage:float", false, ABSURD),
    ("up/text", "wrong-usage:string", false, ABSURD),
    ("up/null", "wrong-usage:null", false, ABSURD),
    ("up/zero", "wrong-usage:zero", false, ABSURD),
    ("up/cost-zero", "cost-zero", true, NONE),
    ("up/cached", "cached+cache-write", true, NONE),
    // All but four tokens were cached, and the provider leaves those out against its row.
    ("up/odd", "cached:10000+cached-apart", true, ODD),
];

/// Of streams alone.
const STREAMED: [Row; 8] = [
    ("up/early", "usage-early", true, NONE),
    ("up/late", "usage-late:300", true, NONE),
    ("up/after-done", "usage-after-done", false, MISSING),
    ("up/twice", "usage-twice", true, NONE),
    ("up/shrinks", "usage-shrinks", true, ODD),
    ("up/no-done", "fin-no-done", true, NONE),
    ("up/reset-end", "reset-end", false, MISSING),
    ("up/silent-end", "usage-late:5000", false, MISSING),
];

fn gateway(upstream: &Upstream) -> Gateway {
    let prices = Prices::new("1", "10");
    let mut config = Config::new().provider("up", &upstream.base_url(), "");
    for (model, wished, ..) in ANY.iter().chain(&STREAMED) {
        config = config.model(model, &[("up", &format!("fault/{wished}"))], &prices, "");
    }
    config.limits = "between_events_ms = 800\n".to_owned();
    Gateway::start(config)
}

#[test]
fn every_complete_answer_is_charged_and_what_is_special_about_it_is_marked() {
    let upstream = Upstream::start();
    let gateway = gateway(&upstream);
    let customer = gateway.admin.customer("counted", "5");
    let any = ANY.iter().flat_map(|row| Shape::ALL.map(|shape| (row, shape)));
    let streamed = STREAMED.iter().flat_map(|row| Shape::ALL[1..].iter().map(move |s| (row, *s)));
    let mut asked = Vec::new();
    for (number, (row, shape)) in any.chain(streamed).enumerate() {
        let seen = perform(&gateway, &customer.key, Job::of(row.0, shape), number);
        assert_eq!(seen.ending, Ending::Complete, "{row:?} {seen:?}");
        asked.push((row, shape, seen.generation.expect("it is named")));
    }
    let generations = check(&gateway, &[&upstream], &[&customer.account]);
    for (row, shape, id) in asked {
        let generation = generations.iter().find(|generation| generation.id == id);
        let generation = generation.unwrap_or_else(|| panic!("{row:?} is lost"));
        judge(generation, row, shape);
    }
}

#[track_caller]
fn judge(generation: &Generation, row: &Row, shape: Shape) {
    let (_, _, is_believed, flags) = *row;
    let told = format!("{row:?} {shape:?}: {generation:?}");
    assert_eq!((generation.outcome.as_str(), generation.status), ("complete", 200), "{told}");
    assert_eq!((generation.reported, &*generation.flags), (is_believed, &*words(flags)), "{told}");
    assert!(!generation.charged.is_zero(), "{told}");
    assert!(generation.held.is_some_and(|held| generation.charged <= held), "{told}");
    assert!(generation.written_off.is_zero(), "{told}");
}

fn words(flags: &[&str]) -> Vec<String> {
    flags.iter().map(|flag| (*flag).to_owned()).collect()
}

/// A relay that leaves out of its count what was cached, as its row says: nothing is odd then.
#[test]
fn a_provider_that_counts_the_cache_apart_is_read_as_its_row_says() {
    let upstream = Upstream::start();
    let prices = Prices::new("1", "10").and(units::TokenClass::CacheRead, "0.1");
    let wished = "fault/cached:9+cache-write:2+cached-apart";
    let config = Config::new()
        .provider("apart", &upstream.base_url(), "cache_included = false")
        .model("apart/chat", &[("apart", wished)], &prices, "");
    let gateway = Gateway::start(config);
    let customer = gateway.admin.customer("apart", "1");
    for (number, shape) in Shape::ALL.into_iter().enumerate() {
        let seen = perform(&gateway, &customer.key, Job::of("apart/chat", shape), number);
        assert_eq!(seen.ending, Ending::Complete, "{seen:?}");
    }
    for generation in check(&gateway, &[&upstream], &[&customer.account]) {
        assert!(generation.reported && generation.flags.is_empty(), "{generation:?}");
        assert_eq!(generation.usage[units::TokenClass::CacheRead], 9, "{generation:?}");
    }
}
