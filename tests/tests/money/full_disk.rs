//! A disk that fills up under load: requests are refused before the journal can fail, nothing is
//! forwarded that is not charged, and service goes on by itself when there is room again.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tollgate_tests::checker::check;
use tollgate_tests::config::Config;
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;
use tollgate_tests::wait_for;

use crate::load::{Ending, Job, Seen, Shape, perform};

/// Room for both journals, their next segments and the view; little more.
const DISK: &str = "size=96m";
/// By then the rest of a segment is used up.
const REQUESTS_MAX: usize = 20_000;
const CLIENTS: usize = 8;
/// How long the disk stays full.
const FULL: Duration = Duration::from_millis(1500);
/// A view that cannot be built is left alone for five seconds, and then built.
const LISTED: Duration = Duration::from_secs(20);

/// A small disk of its own, for as long as the test runs.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` where nobody may mount one.
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", DISK, "tollgate-test"]).arg(at);
        mount.output().is_ok_and(|done| done.status.success()).then(|| Self(at.to_owned()))
    }

    /// Fills what is left.
    fn fill(&self) {
        let mut filler = File::create(self.filler()).unwrap();
        for piece in [1 << 20, 4096] {
            let zeros = vec![0; piece];
            while filler.write_all(&zeros).is_ok() {}
        }
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        if !thread::panicking() {
            let _ = fs::remove_dir_all(self.0.parent().unwrap());
        }
    }
}

fn ask(gateway: &Gateway, key: &str, number: usize) -> Seen {
    perform(gateway, key, Job::of("up/chat", Shape::ALL[number % Shape::ALL.len()]), number)
}

/// Requests on all clients until one is refused for want of a journal; all that was seen.
fn ask_until_refused(gateway: &Gateway, key: &str) -> Vec<Seen> {
    let ask_all = |client| {
        let mut seen = Vec::new();
        for turn in 0..REQUESTS_MAX / CLIENTS {
            seen.push(ask(gateway, key, turn * CLIENTS + client));
            if is_refused(seen.last().unwrap()) {
                break;
            }
        }
        seen
    };
    thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|client| scope.spawn(move || ask_all(client))).collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    })
}

fn is_refused(seen: &Seen) -> bool {
    seen.status == 503 && seen.told.contains("journal")
}

#[test]
fn a_full_disk_stops_admission_and_room_starts_it_again() {
    let upstream = Upstream::start();
    let mut config = Config::simple(&upstream.base_url());
    config.cores = 2;
    config.limits = "segment_bytes = 1048576\n".to_owned();
    let Some(disk) = SmallDisk::mount(&config.data_folder()) else {
        assert!(std::env::var("CI").is_err(), "no tmpfs can be mounted here");
        return eprintln!("skipped: a full disk: no tmpfs can be mounted here");
    };
    let gateway = Gateway::start(config);
    let customer = gateway.admin.customer("steady", "50");
    assert_eq!(ask(&gateway, &customer.key, 0).ending, Ending::Complete);

    disk.fill();
    let seen = ask_until_refused(&gateway, &customer.key);
    let served = seen.iter().filter(|seen| seen.ending == Ending::Complete).count();
    let refused = seen.iter().filter(|seen| is_refused(seen)).count();
    println!("{served} served of {} until the disk was full, {refused} refused", seen.len());
    assert_eq!(served + refused, seen.len(), "{:?}", seen.iter().find(|s| s.status == 0));
    assert!(refused > 0, "the disk never filled up");

    let forwarded = upstream.truths().len();
    let until = Instant::now() + FULL;
    while Instant::now() < until {
        let seen = ask(&gateway, &customer.key, 1);
        assert!(is_refused(&seen), "{seen:?}");
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(upstream.truths().len(), forwarded, "a request went out that no journal holds");

    fs::remove_file(disk.filler()).unwrap();
    let room = Instant::now();
    wait_for("service goes on", crate::SOON, || {
        (ask(&gateway, &customer.key, 2).ending == Ending::Complete).then_some(())
    });
    println!("served again {:?} after there was room", room.elapsed());
    wait_for("operators are served", crate::SOON, || {
        let path = format!("/admin/v1/accounts/{}/credits", customer.account);
        let order = json!({ "amount": "1", "kind": "top_up", "reference": "after" });
        (gateway.admin.try_call("POST", &path, &order)?.status() < 300).then_some(())
    });
    // A view that could not be written is built again before anything is listed.
    wait_for("requests are listed", LISTED, || {
        let path = format!("/admin/v1/accounts/{}/generations", customer.account);
        (gateway.admin.call("GET", &path, &Value::Null).status() == 200).then_some(())
    });
    let generations = check(&gateway, &[&upstream], &[&customer.account]);
    assert!(generations.len() > served, "{} of {served}", generations.len());
    drop(gateway);
    drop(disk);
}
