//! A thousand requests at once on a balance of one cent: it is never overspent, at no moment.

use std::thread;
use std::time::Duration;

use tollgate_tests::checker::check;
use tollgate_tests::config::Config;
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;
use units::Usd;

use crate::load::{crowd, rounds};

const REQUESTS: usize = 1000;
/// How often, unless more is wished for.
const ROUNDS: usize = 3;

#[test]
fn a_thousand_requests_on_one_cent_never_overspend_it() {
    (0..rounds(ROUNDS)).for_each(|_| spend_a_cent());
}

fn spend_a_cent() {
    let upstream = Upstream::paced(150, 0);
    let mut config = Config::simple(&upstream.base_url());
    config.cores = 2;
    let gateway = Gateway::start(config);
    let customer = gateway.admin.customer("poor", "0.01");
    let (crowd, lowest, samples) = thread::scope(|scope| {
        let asking =
            scope.spawn(|| crowd(&gateway, &customer.key, REQUESTS, "insufficient_credits"));
        let (mut lowest, mut samples) = (Usd::from_dollars(1), 0);
        while !asking.is_finished() {
            let account = gateway.admin.account(&customer.account);
            lowest = lowest.min(account.balance).min(account.available);
            samples += 1;
            thread::sleep(Duration::from_millis(2));
        }
        (asking.join().unwrap(), lowest, samples)
    });
    println!("{crowd:?}, lowest {lowest} of {samples} samples");
    assert!(!lowest.is_negative(), "{lowest}");
    assert!(samples >= 10, "{samples}");
    assert_eq!(crowd.waiting, 0, "some were never told how it stands");
    assert_eq!(crowd.served + crowd.denied, REQUESTS);
    assert!((10..100).contains(&crowd.served) && crowd.told_to_wait > 0, "{crowd:?}");

    let generations = check(&gateway, &[&upstream], &[&customer.account]);
    let charged = generations.iter().filter(|generation| !generation.charged.is_zero()).count();
    assert_eq!(charged, crowd.served);
    let left = gateway.admin.account(&customer.account).balance;
    assert!(!left.is_negative(), "{left}");
}
