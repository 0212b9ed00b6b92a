//! kill -9 of either plane, or of both at once, while they run apart and under load: nothing is
//! charged twice, nothing that was acknowledged is lost, and a data plane that lives does not
//! notice that its control plane died.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tollgate_tests::admin::Customer;
use tollgate_tests::checker::check_after_crash;
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;

use crate::crash::{
    Acknowledged, CLIENTS, ask_until, assert_kept, config, operate_until, unbilled,
};
use crate::load::{Ending, Job, Seen, Shape, perform, rounds};

/// Kills, unless more are wished for.
const ROUNDS: usize = 10;
/// How long a control plane that was killed alone stays away.
const AWAY: Duration = Duration::from_millis(300);

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Control,
    Data,
    Both,
}

impl Victim {
    const ALL: [Self; 3] = [Self::Control, Self::Data, Self::Both];
}

struct Planes {
    control: Gateway,
    data: Gateway,
}

impl Planes {
    /// Load for a while, then the blow, and everyone up again. A control plane that falls alone
    /// comes back under the load.
    fn round(
        &mut self,
        customer: &Customer,
        told: &mut Acknowledged,
        (victim, load): (Victim, Duration),
    ) -> (Vec<Seen>, Instant) {
        let is_over = AtomicBool::new(false);
        let Self { control, data } = self;
        let (plane, at) = (&*data, &is_over);
        let both = thread::scope(|scope| {
            let ask = |number| scope.spawn(move || ask_until(plane, &customer.key, number, at));
            let asking: Vec<_> = (0..CLIENTS).map(ask).collect();
            let blow = operate_until_blow(control, &customer.account, told, (victim, load));
            if victim != Victim::Data {
                control.kill();
            }
            if victim == Victim::Control {
                thread::sleep(AWAY);
                control.restart();
            } else {
                plane.strike();
            }
            is_over.store(true, Ordering::Relaxed);
            let seen = asking.into_iter().flat_map(|client| client.join().unwrap()).collect();
            (seen, blow)
        });
        if victim != Victim::Control {
            data.kill();
        }
        if victim == Victim::Both {
            control.restart();
        }
        if victim != Victim::Control {
            data.restart();
        }
        both
    }
}

/// What an operator does for a while, and then the blow against the control plane, if it is a
/// victim; when that was.
fn operate_until_blow(
    control: &Gateway,
    account: &str,
    told: &mut Acknowledged,
    (victim, load): (Victim, Duration),
) -> Instant {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| operate_until(control, account, told, &is_over));
        thread::sleep(load);
        let blow = Instant::now();
        if victim != Victim::Data {
            control.strike();
        }
        is_over.store(true, Ordering::Relaxed);
        blow
    })
}

#[test]
fn a_crash_of_either_plane_charges_nothing_twice_and_loses_nothing_acknowledged() {
    let upstream = Upstream::start();
    let control = Gateway::start(config(&upstream).control());
    let data = Gateway::start(control.config.plane(1));
    let mut planes = Planes { control, data };
    let customer = planes.control.admin.customer("steady", "20");
    let mut told = Acknowledged::default();
    for round in 0..rounds(ROUNDS) {
        let victim = Victim::ALL[round % 3];
        let load = Duration::from_millis(700 + (round as u64 * 377) % 700);
        let (seen, blow) = planes.round(&customer, &mut told, (victim, load));
        let job = Job::of("up/chat", Shape::Stream);
        let next = perform(&planes.data, &customer.key, job, round);
        assert_eq!(next.ending, Ending::Complete, "{next:?}");
        assert_kept(&planes.control, &customer.account, &told);
        let accounts = [&*customer.account];
        let generations = check_after_crash(&planes.control, &[&upstream], &accounts);
        let unbilled = unbilled(&seen, blow, &generations);
        let complete = seen.iter().filter(|seen| seen.ending == Ending::Complete).count();
        println!(
            "round {round}: {victim:?}: {complete} of {} complete, {unbilled} unbilled, {} \
             generations, {} top-ups",
            seen.len(),
            generations.len(),
            told.top_ups,
        );
        if victim == Victim::Control {
            assert_eq!((complete, unbilled), (seen.len(), 0), "a living data plane lost answers");
        }
        assert!(complete >= 10, "{complete}");
    }
}
