//! `durability = "before_final"`: who has read a whole answer has been charged for it, whatever
//! happens to the process next.

use std::time::Instant;

use tollgate_tests::checker::check;
use tollgate_tests::config::Config;
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;

use crate::load::{Ending, Job, Shape, perform, rounds};

/// The process is killed after each of so many answers.
const ANSWERS: usize = 50;

#[test]
fn every_complete_answer_is_charged_though_the_process_is_killed_at_once() {
    let upstream = Upstream::start();
    let mut config = Config::simple(&upstream.base_url());
    config.dataplane.push_str("durability = \"before_final\"\n");
    let mut gateway = Gateway::start(config);
    let customer = gateway.admin.customer("certain", "5");
    let mut complete = Vec::new();
    let started = Instant::now();
    for number in 0..rounds(ANSWERS) {
        let job = Job::of("up/chat", Shape::ALL[number % Shape::ALL.len()]);
        let seen = perform(&gateway, &customer.key, job, number);
        gateway.kill();
        assert_eq!(seen.ending, Ending::Complete, "{seen:?}");
        complete.extend(seen.generation);
        gateway.restart();
    }
    println!("{} kills in {:?}", complete.len(), started.elapsed());
    let generations = check(&gateway, &[&upstream], &[&customer.account]);
    assert_eq!(generations.len(), complete.len());
    for id in &complete {
        let charged = generations.iter().find(|generation| generation.id == *id);
        let charged = charged.unwrap_or_else(|| panic!("{id} is lost"));
        assert!(!charged.charged.is_zero() && charged.outcome == "complete", "{charged:?}");
    }
}
