//! Two data planes of one account: what it has is lent to both, and never spent twice.

use std::thread;
use std::time::Duration;

use tollgate_tests::checker::check;
use tollgate_tests::config::Config;
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;
use tollgate_tests::wait_for;
use units::Usd;

use crate::load::{Crowd, Ending, Job, Shape, crowd, perform, rounds};

const REQUESTS: usize = 1000;

/// A control plane and two data planes of it.
fn three(upstream: &Upstream) -> (Gateway, [Gateway; 2]) {
    let control = Gateway::start(Config::simple(&upstream.base_url()).control());
    let planes = [1, 2].map(|id| Gateway::start(control.config.plane(id)));
    (control, planes)
}

#[test]
fn two_data_planes_never_overspend_one_cent() {
    (0..rounds(1)).for_each(|_| spend_a_cent());
}

fn spend_a_cent() {
    let upstream = Upstream::paced(150, 0);
    let (control, planes) = three(&upstream);
    let customer = control.admin.customer("poor", "0.01");
    let (crowds, lowest, samples) = thread::scope(|scope| {
        let asking = [&planes[0], &planes[1]].map(|plane| {
            let key = &customer.key;
            scope.spawn(move || crowd(plane, key, REQUESTS / 2, "insufficient_credits"))
        });
        let (mut lowest, mut samples) = (Usd::from_dollars(1), 0);
        while asking.iter().any(|crowd| !crowd.is_finished()) {
            let account = control.admin.account(&customer.account);
            lowest = lowest.min(account.balance).min(account.available);
            samples += 1;
            thread::sleep(Duration::from_millis(2));
        }
        (asking.map(|crowd| crowd.join().unwrap()), lowest, samples)
    });
    println!("{crowds:?}, lowest {lowest} of {samples} samples");
    assert!(!lowest.is_negative() && samples >= 10, "{lowest}, {samples}");
    let sum = |of: fn(&Crowd) -> usize| crowds.iter().map(of).sum::<usize>();
    assert_eq!(sum(|crowd| crowd.waiting), 0, "some were never told how it stands");
    let served = sum(|crowd| crowd.served);
    assert_eq!(served + sum(|crowd| crowd.denied), REQUESTS);
    assert!((10..100).contains(&served), "{crowds:?}");

    let generations = check(&control, &[&upstream], &[&customer.account]);
    let charged = generations.iter().filter(|generation| !generation.charged.is_zero()).count();
    assert_eq!(charged, served);
    assert!(!control.admin.account(&customer.account).balance.is_negative());
}

#[test]
fn credit_that_one_has_and_does_not_use_serves_the_other() {
    let upstream = Upstream::start();
    let (control, planes) = three(&upstream);
    let customer = control.admin.customer("moving", "0.02");
    for round in 0..6 {
        for plane in &planes {
            // Each round needs more of the credit than the other has left over.
            let done = || {
                let seen = perform(plane, &customer.key, Job::of("up/chat", Shape::Whole), round);
                (seen.ending == Ending::Complete).then_some(seen)
            };
            wait_for("credit moves to where it is needed", Duration::from_secs(3), done);
        }
    }
    check(&control, &[&upstream], &[&customer.account]);
}

#[test]
fn a_limited_key_is_held_to_its_limit_on_both() {
    let upstream = Upstream::start();
    let (control, planes) = three(&upstream);
    let customer = control.admin.customer("limited", "5");
    let limit = serde_json::json!({ "limit": "0.01" });
    let key = control.admin.make_key(&customer.account, &limit);
    thread::scope(|scope| {
        for plane in &planes {
            scope.spawn(|| crowd(plane, &key, 100, "key_limit_exceeded"));
        }
    });
    check(&control, &[&upstream], &[&customer.account]);
    let spent = control.admin.account(&customer.account).spent;
    assert!(spent > Usd::ZERO && spent <= "0.01".parse().unwrap(), "{spent}");
}

#[test]
fn a_second_data_directory_under_one_number_is_refused() {
    let upstream = Upstream::start();
    let (control, _planes) = three(&upstream);
    let told = Gateway::start_in_vain(control.config.plane(2));
    assert!(told.contains("data plane 2 is another data directory"), "{told}");
    assert!(told.contains("[dataplane] id"), "{told}");
}
