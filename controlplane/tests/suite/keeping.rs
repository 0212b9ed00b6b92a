//! What is kept: copies made while money moves, views that are damaged, a disk without room.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use controlplane::backup;
use serde_json::{Value, json};

use crate::harness::{Answer, Control, TOKEN, call, remove};
use crate::restart::{answers, history};

/// How often a view is damaged: `TOLLGATE_ROUNDS`, else so many times.
const DAMAGES: usize = 8;
const SOON: Duration = Duration::from_secs(10);

fn top_up(address: std::net::SocketAddr, account: &str, number: u64) -> Answer {
    let path = format!("/admin/v1/accounts/{account}/credits");
    let order = json!({"amount": "1", "kind": "top_up", "reference": format!("more {number}")});
    call(address, "POST", &path, TOKEN, &order.to_string())
}

fn topped_up(control: &Control, account: &str) -> u64 {
    let told = control.get(&format!("/admin/v1/accounts/{account}")).ok(200);
    told["topped_up"].as_str().unwrap().parse().unwrap()
}

fn audit(control: &Control) -> Value {
    control.get("/admin/v1/ledger/audit?full=1").ok(200)["ok"].clone()
}

#[test]
fn a_copy_made_while_money_moves_holds_all_that_was_told_before() {
    let control = Control::start();
    let account = control.account("5");
    let (address, told) = (control.address, AtomicU64::new(0));
    let (stop, of, count) = (AtomicBool::new(false), account.as_str(), &told);
    let copies = thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                top_up(address, of, number).ok(200);
                count.store(number, Ordering::Relaxed);
            }
        });
        let copies: Vec<(PathBuf, u64)> = (0..4)
            .map(|number| {
                thread::sleep(Duration::from_millis(60));
                let target = control.folder.with_extension(format!("copy{number}"));
                let before = told.load(Ordering::Relaxed);
                let copied = backup::copy(&control.folder, &target).unwrap();
                assert_eq!(copied.accounts, 1);
                (target, before)
            })
            .collect();
        stop.store(true, Ordering::Relaxed);
        copies
    });
    let last = told.load(Ordering::Relaxed);
    assert!(copies.last().unwrap().1 > copies[0].1, "nothing moved");
    let refused = backup::copy(&control.folder, &copies[0].0).unwrap_err();
    assert!(refused.contains("is not empty"), "{refused}");
    for (target, before) in copies {
        let copy = Control::start_in(target);
        let found = topped_up(&copy, &account);
        assert!((5 + before..=5 + last).contains(&found), "{before} <= {found} - 5 <= {last}");
        assert_eq!(audit(&copy), true);
    }
}

#[test]
fn a_copy_of_a_stopped_ledger_answers_as_it_did() {
    let (control, account) = history();
    let before = answers(&control, &account);
    let folder = control.stop();
    let (copy, back) = (folder.with_extension("copy"), folder.with_extension("back"));
    backup::copy(&folder, &copy).unwrap();
    remove(&folder);
    backup::copy(&copy, &back).unwrap();
    remove(&copy);
    let control = Control::start_in(back);
    assert_eq!(answers(&control, &account), before);
}

#[test]
fn whatever_happens_to_a_view_it_comes_back_equal() {
    let wished = std::env::var("TOLLGATE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    let (control, account) = history();
    let before = answers(&control, &account);
    let mut folder = control.stop();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..wished.unwrap_or(DAMAGES) {
        damage(&folder.join("view"), round, &mut random);
        let control = Control::start_in(folder);
        assert_eq!(answers(&control, &account), before, "round {round}");
        folder = control.stop();
    }
    remove(&folder);
}

/// Deletes the view, or flips a few bits of its files.
fn damage(view: &Path, round: usize, random: &mut u64) {
    if round.is_multiple_of(4) {
        return remove(view);
    }
    let mut draw = |below: usize| {
        *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*random >> 33) as usize % below.max(1)
    };
    for _ in 0..round {
        let files: Vec<PathBuf> = fs::read_dir(view)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .collect();
        let path = &files[draw(files.len())];
        let mut bytes = fs::read(path).unwrap();
        if !bytes.is_empty() {
            let at = draw(bytes.len());
            bytes[at] ^= 1 << draw(8);
            fs::write(path, bytes).unwrap();
        }
    }
}

/// A small disk of its own, for as long as the test runs.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16m", "tollgate-test"]).arg(at);
        mount.output().is_ok_and(|done| done.status.success()).then(|| Self(at.to_owned()))
    }

    fn fill(&self) {
        let mut filler = fs::File::create(self.0.join("filler")).unwrap();
        for piece in [1 << 20, 4096] {
            let zeros = vec![0; piece];
            while filler.write_all(&zeros).is_ok() {}
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_ledger_without_room_waits_for_it_and_loses_nothing() {
    let folder = Control::folder();
    let Some(disk) = SmallDisk::mount(&folder) else {
        assert!(std::env::var("CI").is_err(), "no tmpfs can be mounted here");
        return eprintln!("skipped: a full disk: no tmpfs can be mounted here");
    };
    let control = Control::start_in(folder);
    let account = control.account("5");
    disk.fill();
    let (address, told) = (control.address, AtomicU64::new(0));
    let (of, count) = (account.as_str(), &told);
    thread::scope(|scope| {
        // Ends with the first top-up that is not answered at once, when that is answered.
        let waiting = scope.spawn(move || {
            for number in 1..20_000 {
                let begun = Instant::now();
                let answer = top_up(address, of, number);
                if answer.status != 200 {
                    return number - 1;
                }
                count.store(number, Ordering::Relaxed);
                if begun.elapsed() > Duration::from_millis(400) {
                    return number;
                }
            }
            panic!("the disk never filled up");
        });
        let mut known = 0;
        let begun = Instant::now();
        // Still for a while: a batch waits.
        while told.load(Ordering::Relaxed) != known || known == 0 {
            known = told.load(Ordering::Relaxed);
            assert!(begun.elapsed() < 4 * SOON, "the disk never filled up");
            thread::sleep(Duration::from_millis(700));
        }
        assert_eq!(control.get("/admin/v1/accounts").status, 503, "it takes something new");
        fs::remove_file(disk.0.join("filler")).unwrap();
        let done = waiting.join().unwrap();
        let begun = Instant::now();
        while top_up(address, of, done + 1).status != 200 {
            assert!(begun.elapsed() < SOON, "there is room, and it takes nothing");
            thread::sleep(Duration::from_millis(50));
        }
        let found = topped_up(&control, of);
        assert!(found == done + 6, "{done} of {found}");
    });
    let kept = topped_up(&control, &account);
    let control = Control::start_in(control.kill());
    assert_eq!((topped_up(&control, &account), audit(&control)), (kept, true.into()));
    drop(control);
    drop(disk);
}
