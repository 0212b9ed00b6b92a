//! What a key may send, from one thread and from several.

use std::thread;

use super::*;

const NOW_US: u64 = 20_000 * DAY_US + 86_399_000_000;

#[test]
fn a_day_has_its_requests_and_no_more_until_midnight() {
    let (pace, limits) = (Pace::default(), PaceLimits { rpd: Some(2), ..Default::default() });
    let ask = |now_us| pace.request(&limits, 1000, now_us);
    let left = |standing: Standing| standing.day.unwrap().remaining;
    assert_eq!(
        [ask(NOW_US), ask(NOW_US)].map(|(it, said)| (left(it), said)),
        [(1, Ok(())), (0, Ok(()))]
    );
    let (standing, said) = ask(NOW_US);
    assert_eq!((left(standing), said), (0, Err(Paced::Day(2, 1000))));
    assert_eq!(standing.minute.remaining, 998, "a refused one is not counted");
    let midnight = (NOW_US + 1_000_000) / 1_000_000;
    assert_eq!(standing.day.unwrap().reset_unix_s, midnight);
    assert_eq!(left(pace.look(&limits, 1000, midnight * 1_000_000)), 2);
    let (standing, said) = ask(NOW_US + 1_000_000);
    assert_eq!((left(standing), said), (1, Ok(())));
    assert_eq!(standing.day.unwrap().reset_unix_s, midnight + 86_400);
}

#[test]
fn threads_together_get_exactly_a_day_and_each_its_own_place_in_it() {
    let pace = Pace::default();
    let limits = PaceLimits { rpd: Some(500), ..Default::default() };
    let ask = || {
        let asked = (0..200).map(|_| pace.request(&limits, 1_000_000, NOW_US));
        let passed = asked.filter(|(_, said)| said.is_ok());
        passed.map(|(standing, _)| standing.day.unwrap().remaining).collect::<Vec<_>>()
    };
    let mut left: Vec<u32> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    left.sort_unstable();
    assert!(left.into_iter().eq(0..500));
}

#[test]
fn of_two_limits_the_lower_holds() {
    let plan = PaceLimits { rpm: Some(60), tpm: Some(9), ..Default::default() };
    let own = PaceLimits { rpm: Some(90), rpd: Some(5), tpm: Some(7), concurrency: None };
    let both = PaceLimits { rpm: Some(60), rpd: Some(5), tpm: Some(7), concurrency: None };
    assert_eq!((own.within(&plan), plan.within(&own)), (both, both));
}

#[test]
fn threads_together_run_no_more_than_may_at_once() {
    let pace = Arc::new(Pace::default());
    let limits = PaceLimits { concurrency: Some(3), tpm: Some(100), ..Default::default() };
    let most = AtomicU32::new(0);
    let now = AtomicU32::new(0);
    let run = || {
        for _ in 0..500 {
            let Ok(running) = pace.begin(&limits, 1, NOW_US) else { continue };
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            now.fetch_sub(1, Ordering::SeqCst);
            drop(running);
        }
    };
    thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(run))));
    assert!((1..=3).contains(&most.into_inner()));
    assert_eq!(pace.look_tokens(&limits, NOW_US).unwrap().remaining, 100);
    let running: Vec<_> = (0..3).map(|_| pace.begin(&limits, 30, NOW_US).unwrap()).collect();
    assert_eq!(pace.begin(&limits, 1, NOW_US).unwrap_err(), Paced::AtOnce(3));
    drop(running);
    assert!(matches!(pace.begin(&limits, 200, NOW_US), Ok(Some(_))));
}

#[test]
fn threads_together_pass_a_ceiling_no_more_often_than_it_says() {
    let pace = Pace::default();
    let passed: usize = thread::scope(|scope| {
        let ask = || {
            let asked = (0..50).map(|_| pace.ceiling(Ceiling::Request, 20, NOW_US));
            asked.filter(|verdict| verdict.allowed).count()
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(passed, 20);
    let of_a_tier = pace.ceiling(Ceiling::Tier(0), 20, NOW_US);
    assert_eq!((of_a_tier.allowed, of_a_tier.remaining), (true, 19));
    assert_eq!(pace.look(&PaceLimits::default(), 7, NOW_US).minute.remaining, 7);
}

#[test]
fn what_has_no_limit_is_not_counted() {
    let pace = Arc::new(Pace::default());
    assert!(pace.begin(&PaceLimits::default(), 1, NOW_US).unwrap().is_none());
    assert_eq!(Arc::strong_count(&pace), 1);
    assert!(pace.request(&PaceLimits::default(), 9, NOW_US).1.is_ok());
    assert!(pace.ceilings.get().is_none(), "no memory is taken for ceilings that nobody has");
}
