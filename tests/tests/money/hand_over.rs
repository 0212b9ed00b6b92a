//! A new process takes over from the one that runs: nobody is refused, nothing is cut.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tollgate_tests::checker::check;
use tollgate_tests::client::{Client, chat_request};
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;
use tollgate_tests::wait_for;

use crate::SOON;
use crate::load::{Ending, Job, Shape, perform};

const CLIENTS: usize = 8;

fn two(upstream: &Upstream) -> (Gateway, Gateway) {
    let prices = Prices::new("1", "10");
    let mut config = Config::new()
        .provider("up", &upstream.base_url(), "")
        .model("up/chat", &[("up", "chat")], &prices, "")
        .model("up/slow", &[("up", "fault/rate:40+tokens:80")], &prices, "");
    config.cores = 2;
    let control = Gateway::start(config.control());
    let plane = Gateway::start(control.config.plane(1));
    (control, plane)
}

/// Requests on new connections, one after the other; how many there were.
fn ask_until(plane: &Config, key: &str, number: usize, is_over: &AtomicBool) -> usize {
    for turn in 0..100_000 {
        if is_over.load(Ordering::Relaxed) {
            return turn;
        }
        let body = Job::of("up/chat", Shape::Whole).body(number * 1000 + turn);
        let mut client = Client::try_connect(plane.data_addr).expect("nobody is refused");
        client.try_send(&chat_request(key, &body)).expect("nobody is reset");
        let answer = client.read_answer().expect("everybody is answered");
        assert_eq!(answer.status(), 200, "{}", answer.text());
        thread::sleep(Duration::from_millis(10));
    }
    0
}

/// Requests on one connection for as long as it is kept, then on the next.
fn keep_asking_until(plane: &Config, key: &str, is_over: &AtomicBool) -> usize {
    let mut client = Client::try_connect(plane.data_addr).expect("nobody is refused");
    for turn in 0..100_000 {
        if is_over.load(Ordering::Relaxed) {
            return turn;
        }
        let body = Job::of("up/chat", Shape::Whole).body(turn);
        client.try_send(&chat_request(key, &body)).expect("a kept connection is not reset");
        let answer = client.read_answer().expect("a kept connection answers");
        assert_eq!(answer.status(), 200, "{}", answer.text());
        if answer.head.header("connection").is_some_and(|said| said == "close") {
            client = Client::try_connect(plane.data_addr).expect("nobody is refused");
        }
        thread::sleep(Duration::from_millis(20));
    }
    0
}

#[test]
fn a_process_takes_over_under_load_and_nobody_is_refused() {
    let upstream = Upstream::start();
    let (control, mut plane) = two(&upstream);
    let customer = control.admin.customer("steady", "20");
    let is_over = AtomicBool::new(false);
    let asked = thread::scope(|scope| {
        let (key, is_over) = (&customer.key, &is_over);
        let config = plane.config.clone();
        let mut asking: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let config = config.clone();
                scope.spawn(move || ask_until(&config, key, number, is_over))
            })
            .collect();
        let kept = config.clone();
        asking.push(scope.spawn(move || keep_asking_until(&kept, key, is_over)));
        // One stream is older than every hand-over but the first.
        let streamed = config.clone();
        let mut stream = Client::connect(streamed.data_addr);
        let body = Job::of("up/slow", Shape::StreamUsage).body(7);
        stream.send(&chat_request(key, &body));
        assert_eq!(stream.read_head().unwrap().status, 200);
        for _ in 0..3 {
            thread::sleep(Duration::from_millis(400));
            let first = plane.pid();
            plane.hand_over();
            assert_ne!(plane.pid(), first);
        }
        let mut last = None;
        while let Some(event) = stream.read_event().expect("the stream goes on") {
            last = Some(event);
        }
        assert_eq!(last.as_deref(), Some("[DONE]"));
        is_over.store(true, Ordering::Relaxed);
        asking.into_iter().map(|client| client.join().unwrap()).sum::<usize>()
    });
    println!("{asked} requests over three hand-overs");
    assert!(asked > 100, "{asked}");
    wait_for("the epochs before the last are settled and closed", SOON, || {
        let planes = control.admin.get("/admin/v1/dataplanes");
        (planes[0]["epochs"].as_array()?.len() == 1).then_some(())
    });
    let generations = check(&control, &[&upstream], &[&customer.account]);
    assert_eq!(generations.len(), asked + 1);
}

/// By then a new process has the sockets, and does not listen yet if the control plane stands
/// still; it is a second more before it would serve from what was published last.
const HALF_WAY: Duration = Duration::from_millis(1000);

fn assert_served(plane: &Gateway, key: &str, salt: usize) {
    let seen = perform(plane, key, Job::of("up/chat", Shape::Whole), salt);
    assert_eq!(seen.ending, Ending::Complete, "{seen:?}");
}

#[test]
fn a_start_that_fails_takes_nothing_over() {
    let upstream = Upstream::start();
    let (control, mut plane) = two(&upstream);
    let customer = control.admin.customer("lasting", "1");
    let file = plane.config.folder.join("tollgate.toml");
    let right = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, right.replace("cores =", "cores_ =")).unwrap();
    plane.begin_successor();
    assert_eq!(plane.end_successor(false).code(), Some(1));
    assert!(plane.log().contains("cores_"), "{}", plane.log());
    std::fs::write(&file, right).unwrap();
    assert_served(&plane, &customer.key, 1);
    plane.hand_over();
    assert_served(&plane, &customer.key, 2);
}

#[test]
fn whoever_is_stopped_during_a_hand_over_leaves_the_sockets_to_the_other() {
    let upstream = Upstream::start();
    let (control, mut plane) = two(&upstream);
    let customer = control.admin.customer("lasting", "1");
    assert_served(&plane, &customer.key, 1);
    control.freeze();
    plane.begin_successor();
    thread::sleep(HALF_WAY);
    let status = plane.end_successor(true);
    assert!(status.success(), "{status}: {}", plane.log());
    control.thaw();
    (2..10).for_each(|salt| assert_served(&plane, &customer.key, salt));

    wait_for("it is linked again", SOON, || linked(&plane));
    control.freeze();
    plane.begin_successor();
    thread::sleep(HALF_WAY);
    plane.term();
    // It sees at once that the other serves on, and that one that it does.
    thread::sleep(Duration::from_millis(200));
    control.thaw();
    plane.succeed();
    wait_for("it is linked", SOON, || linked(&plane));
    (10..18).for_each(|salt| assert_served(&plane, &customer.key, salt));
    check(&control, &[&upstream], &[&customer.account]);
}

fn linked(plane: &Gateway) -> Option<()> {
    let told = plane.admin.call("GET", "/metrics", &serde_json::Value::Null);
    told.text().contains("tollgate_linked 1").then_some(())
}

#[test]
fn nobody_takes_over_while_the_control_plane_is_away() {
    let upstream = Upstream::start();
    let (mut control, mut plane) = two(&upstream);
    let customer = control.admin.customer("lasting", "1");
    assert_served(&plane, &customer.key, 1);
    control.kill();
    plane.begin_successor();
    assert_eq!(plane.end_successor(false).code(), Some(1));
    assert!(plane.log().contains("the control plane is away"), "{}", plane.log());
    assert_served(&plane, &customer.key, 2);
    control.restart();
    wait_for("it is linked again", SOON, || linked(&plane));
    plane.hand_over();
    assert_served(&plane, &customer.key, 3);
    check(&control, &[&upstream], &[&customer.account]);
}
