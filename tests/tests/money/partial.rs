//! Answers that died upstream after some content: free, or charged for what was delivered.

use tollgate_tests::checker::{Generation, check};
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;

use crate::load::{Ending, Job, Shape, perform};

const DYING: [(&str, &str); 3] = [
    ("up/cut", "fault/cut"),
    ("up/reset", "fault/reset-mid"),
    ("up/silent", "fault/stall-mid:3000"),
];

/// Every dying stream once, and one that never began, under a policy; in this order.
fn charged_under(policy: &str) -> Vec<Generation> {
    let upstream = Upstream::start();
    let prices = Prices::new("1", "10");
    let mut config = Config::new().provider("up", &upstream.base_url(), "");
    for (model, wished) in DYING {
        config = config.model(model, &[("up", wished)], &prices, "");
    }
    config = config.model("up/never", &[("up", "fault/status:500")], &prices, "");
    config.dataplane.push_str(&format!("partial_failure = \"{policy}\"\n"));
    config.limits = "between_events_ms = 500\n".to_owned();
    let gateway = Gateway::start(config);
    let customer = gateway.admin.customer("unlucky", "1");
    for (number, (model, _)) in DYING.into_iter().enumerate() {
        let seen = perform(&gateway, &customer.key, Job::of(model, Shape::Stream), number);
        assert_eq!((seen.status, seen.ending), (200, Ending::Broken), "{seen:?}");
    }
    let seen = perform(&gateway, &customer.key, Job::of("up/never", Shape::Stream), 9);
    assert_eq!((seen.status, seen.ending), (502, Ending::Refused), "{seen:?}");
    let mut generations = check(&gateway, &[&upstream], &[&customer.account]);
    generations.reverse();
    assert_eq!(generations.len(), DYING.len() + 1);
    generations
}

#[test]
fn an_answer_that_its_model_ends_with_an_error_is_none() {
    let upstream = Upstream::start();
    upstream.fault("finish-error");
    let gateway = Gateway::start(Config::simple(&upstream.base_url()));
    let customer = gateway.admin.customer("unlucky", "1");
    for (number, shape) in [Shape::Whole, Shape::Stream].into_iter().enumerate() {
        let seen = perform(&gateway, &customer.key, Job::of("up/chat", shape), number);
        assert_eq!(seen.status, 200, "{seen:?}");
    }
    let generations = check(&gateway, &[&upstream], &[&customer.account]);
    assert_eq!(generations.len(), 2);
    for generation in generations {
        assert_eq!(generation.outcome, "partial_free", "{generation:?}");
        assert!(generation.charged.is_zero(), "{generation:?}");
    }
}

#[test]
fn a_stream_that_dies_is_free_where_the_policy_says_so() {
    let generations = charged_under("free");
    assert!(generations.iter().all(|generation| generation.charged.is_zero()));
    assert!(generations[..3].iter().all(|generation| generation.outcome == "partial_free"));
    assert_eq!(generations[3].outcome, "upstream_failed");
}

#[test]
fn a_stream_that_dies_is_charged_for_what_was_delivered_where_the_policy_says_so() {
    let generations = charged_under("delivered");
    for generation in &generations[..3] {
        assert!(!generation.charged.is_zero() && !generation.reported, "{generation:?}");
        assert_eq!(generation.outcome, "upstream_died");
        assert!(generation.held.is_some_and(|held| generation.charged <= held));
    }
    assert!(generations[3].charged.is_zero(), "what never began is free: {:?}", generations[3]);
}
