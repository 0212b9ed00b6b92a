//! The control plane is away: data planes serve on, and everything settles when it is back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tollgate_tests::checker::check;
use tollgate_tests::client::request;
use tollgate_tests::config::Config;
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;
use tollgate_tests::wait_for;

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

#[test]
fn a_data_plane_starts_and_serves_without_its_control_plane() {
    let upstream = Upstream::start();
    let (mut control, mut plane) = two(&upstream);
    let customer = control.admin.customer("alone", "20");
    let serve = |plane: &Gateway, salt| {
        let seen = perform(plane, &customer.key, Job::of("up/chat", Shape::Stream), salt);
        assert_eq!(seen.ending, Ending::Complete, "{seen:?}");
    };
    serve(&plane, 0);
    control.kill();
    for round in 0..3 {
        // Asked to end, killed, and killed again: with what was left each time.
        if round == 0 {
            plane.stop();
        } else {
            thread::sleep(Duration::from_millis(300));
            plane.kill();
        }
        plane.restart();
        (0..5).for_each(|turn| serve(&plane, 10 * round + turn));
    }
    let bearer = format!("Bearer {}", customer.key);
    let headers = [("authorization", &*bearer), ("connection", "close")];
    let call = request("GET", "/api/v1/balance", &headers, b"");
    let answer = tollgate_tests::client::ask(plane.config.data_addr, &call);
    assert_eq!(answer.status(), 503, "{}", answer.text());
    assert!(answer.text().contains("control_unavailable"), "{}", answer.text());

    control.restart();
    let generations = check(&control, &[&upstream], &[&customer.account]);
    assert_eq!(generations.len(), 16);
    wait_for("the account API is back", Duration::from_secs(3), || {
        let answer = tollgate_tests::client::ask(plane.config.data_addr, &call);
        (answer.status() == 200).then_some(())
    });
    // The next start finds the control plane and leaves the old epoch behind, settled.
    plane.stop();
    plane.restart();
    serve(&plane, 99);
    check(&control, &[&upstream], &[&customer.account]);
    wait_for("one epoch is open", Duration::from_secs(5), || {
        let planes = control.admin.get("/admin/v1/dataplanes");
        (planes[0]["epochs"].as_array()?.len() == 1).then_some(())
    });
}

#[test]
fn what_was_published_last_is_served_from_and_a_damaged_copy_is_not() {
    let upstream = Upstream::start();
    let (mut control, mut plane) = two(&upstream);
    let customer = control.admin.customer("known", "1");
    let gone = control.admin.make_key(&customer.account, &serde_json::Value::Null);
    let listed = control.admin.get(&format!("/admin/v1/accounts/{}/keys", customer.account));
    let newest = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .max_by_key(|key| key["created_at"].as_str().unwrap_or_default().to_owned());
    let hash = newest.unwrap()["hash"].as_str().unwrap().to_owned();
    control.admin.delete(&format!("/admin/v1/keys/{hash}"));
    let ask = |plane: &Gateway, key: &str| {
        perform(plane, key, Job::of("up/chat", Shape::Whole), 1).status
    };
    let before = (ask(&plane, &customer.key), ask(&plane, &gone));
    assert!(before == (200, 401) || before == (401, 200), "{before:?}");
    // The file is written beside the traffic.
    thread::sleep(Duration::from_millis(500));
    control.kill();
    plane.stop();
    plane.restart();
    assert_eq!((ask(&plane, &customer.key), ask(&plane, &gone)), before);
    plane.stop();
    let snapshot = plane.config.data_folder().join("dataplane").join("snapshot");
    let mut bytes = std::fs::read(&snapshot).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&snapshot, bytes).unwrap();
    control.restart();
    plane.restart();
    assert!(plane.log().contains("is damaged and is not used"), "{}", plane.log());
    assert_eq!((ask(&plane, &customer.key), ask(&plane, &gone)), before);
}

#[test]
fn a_data_plane_that_never_heard_of_anything_is_not_ready_and_ends_when_asked() {
    let upstream = Upstream::start();
    let never = Config::simple(&upstream.base_url()).control();
    assert!(Gateway::start_and_stop(never.plane(1)).success());
}
