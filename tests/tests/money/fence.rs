//! A data plane that is lost: its leases are taken back, and what it still tells of is written off.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tollgate_tests::checker::Generation;
use tollgate_tests::client::chat_request;
use tollgate_tests::config::{Config, Prices};
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;
use tollgate_tests::wait_for;
use units::Usd;

use crate::load::{Ending, Job, Shape, perform};

/// A data plane that says nothing is let go of after five seconds.
const LET_GO: Duration = Duration::from_secs(15);

fn fence(control: &Gateway) -> Option<Value> {
    let answer = control.admin.call("POST", "/admin/v1/dataplanes/1/fence", &json!({}));
    match answer.status() {
        200 => Some(answer.json()),
        409 => None,
        other => panic!("{other}: {}", answer.text()),
    }
}

#[test]
fn a_fenced_data_plane_says_so_and_goes_on_in_a_new_epoch() {
    let upstream = Upstream::start();
    let prices = Prices::new("1", "10");
    let config = Config::new()
        .provider("up", &upstream.base_url(), "")
        .model("up/chat", &[("up", "chat")], &prices, "")
        .model("up/slow", &[("up", "fault/rate:40+tokens:80")], &prices, "");
    let control = Gateway::start(config.control());
    let plane = Gateway::start(control.config.plane(1));
    let customer = control.admin.customer("lasting", "1");
    assert_eq!(fence(&control), None, "it is linked");

    let mut stream = plane.connect();
    let body = Job::of("up/slow", Shape::StreamUsage).body(7);
    stream.send(&chat_request(&customer.key, &body));
    assert_eq!(stream.read_head().unwrap().status, 200);
    plane.freeze();
    let fenced = wait_for("a silent data plane can be fenced", LET_GO, || fence(&control));
    assert_eq!((&fenced["connected"], &fenced["lent"]), (&json!(false), &json!("0")));
    let account = control.admin.account(&customer.account);
    assert_eq!((account.balance, account.held), (Usd::from_dollars(1), Usd::ZERO));

    plane.thaw();
    while stream.read_event().expect("the stream goes on").is_some() {}
    wait_for("it says so", LET_GO, || plane.log().contains("is fenced").then_some(()));
    wait_for("a new epoch begins", LET_GO, || {
        let seen = perform(&plane, &customer.key, Job::of("up/chat", Shape::Whole), 1);
        (seen.ending == Ending::Complete).then_some(())
    });
    wait_for("the fenced epoch is told to its end and closed", LET_GO, || {
        let planes = control.admin.get("/admin/v1/dataplanes");
        (planes[0]["fenced"] == json!([]) && planes[0]["connected"] == true).then_some(())
    });
    let told = control.admin.generations(&customer.account);
    let told: Vec<Generation> = told.iter().map(Generation::read).collect();
    let streamed = told.iter().find(|it| it.model == "up/slow").expect("the stream is told of");
    assert!(streamed.charged.is_zero() && streamed.written_off > Usd::ZERO, "{streamed:?}");
    let account = control.settled(&customer.account, |account| !account.spent.is_zero());
    let charged: Usd = told.iter().map(|it| it.charged).sum();
    assert_eq!(account.spent, charged);
    let audit = control.admin.get("/admin/v1/ledger/audit?full=1");
    assert_eq!(audit["ok"], true, "{audit}");
}

#[test]
fn what_a_lost_data_plane_had_borrowed_serves_another() {
    let upstream = Upstream::start();
    let control = Gateway::start(Config::simple(&upstream.base_url()).control());
    let mut lost = Gateway::start(control.config.plane(1));
    let customer = control.admin.customer("lasting", "0.02");
    let ask =
        |plane: &Gateway| perform(plane, &customer.key, Job::of("up/chat", Shape::Whole), 1).ending;
    assert_eq!(ask(&lost), Ending::Complete);
    thread::sleep(Duration::from_millis(300));
    lost.kill();
    let other = Gateway::start(control.config.plane(2));
    assert_ne!(ask(&other), Ending::Complete, "it is all lent to the other");
    wait_for("the lost one can be fenced", LET_GO, || fence(&control));
    wait_for("the credit is here", LET_GO, || (ask(&other) == Ending::Complete).then_some(()));
}
