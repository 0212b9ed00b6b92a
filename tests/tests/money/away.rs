//! The control plane is away: data planes serve on, and everything settles when it is back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tollgate_tests::checker::check;
use tollgate_tests::config::Config;
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;

use crate::load::{Ending, Job, Seen, Shape, perform};

const CLIENTS: usize = 8;

fn two(upstream: &Upstream) -> (Gateway, Gateway) {
    let control = Gateway::start(Config::simple(&upstream.base_url()).control());
    let plane = Gateway::start(control.config.plane(1));
    (control, plane)
}

fn ask_until(plane: &Gateway, key: &str, number: usize, is_over: &AtomicBool) -> Vec<Seen> {
    let mut seen = Vec::new();
    for turn in 0..100_000 {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let job = Job::of("up/chat", Shape::ALL[(number + turn) % Shape::ALL.len()]);
        seen.push(perform(plane, key, job, number * 1000 + turn));
    }
    seen
}

fn assert_complete(seen: &[Seen]) {
    let others: Vec<&Seen> = seen.iter().filter(|seen| seen.ending != Ending::Complete).collect();
    assert!(others.is_empty(), "{} of {}: {:?}", others.len(), seen.len(), others[0]);
}

#[test]
fn a_control_plane_that_is_killed_and_comes_back_disturbs_no_request() {
    let upstream = Upstream::start();
    let (mut control, plane) = two(&upstream);
    let customer = control.admin.customer("steady", "20");
    let is_over = AtomicBool::new(false);
    let seen = thread::scope(|scope| {
        let ask = |number| {
            let (plane, key, is_over) = (&plane, &customer.key, &is_over);
            scope.spawn(move || ask_until(plane, key, number, is_over))
        };
        let asking: Vec<_> = (0..CLIENTS).map(ask).collect();
        for _ in 0..3 {
            thread::sleep(Duration::from_millis(700));
            control.kill();
            thread::sleep(Duration::from_millis(700));
            control.restart();
        }
        is_over.store(true, Ordering::Relaxed);
        asking.into_iter().flat_map(|client| client.join().unwrap()).collect::<Vec<_>>()
    });
    assert_complete(&seen);
    assert!(seen.len() > 100, "{}", seen.len());
    let generations = check(&control, &[&upstream], &[&customer.account]);
    assert_eq!(generations.len(), seen.len());
}
