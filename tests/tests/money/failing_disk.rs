//! A disk that fails: once is survived by writing the batch again, for good ends the process, and
//! neither makes a complete answer free or a charge double.
//!
//! The failure is made between the process and the kernel: a preloaded `fdatasync` answers EIO for
//! the journal that a test names, once or for as long as it wishes.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use tollgate_tests::admin::Customer;
use tollgate_tests::checker::{check, check_after_crash};
use tollgate_tests::config::Config;
use tollgate_tests::gateway::Gateway;
use tollgate_tests::upstream::Upstream;
use tollgate_tests::wait_for;

use crate::load::{Ending, Job, Seen, Shape, perform};

const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int fdatasync(int file) {
    static int (*next)(int);
    char place[64], path[4096], wish[4096];
    const char *folder = getenv("FAILING_FOLDER"), *named = getenv("FAILING_PATH");
    snprintf(place, sizeof place, "/proc/self/fd/%d", file);
    ssize_t length = readlink(place, path, sizeof path - 1);
    if (length > 0 && folder && named) {
        path[length] = 0;
        if (strstr(path, named)) {
            snprintf(wish, sizeof wish, "%s/once", folder);
            int fails = unlink(wish) == 0;
            snprintf(wish, sizeof wish, "%s/always", folder);
            if (fails || access(wish, F_OK) == 0) {
                errno = EIO;
                return -1;
            }
        }
    }
    if (!next) next = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return next(file);
}
"#;

/// A gateway whose disk fails when it is told to.
struct Stand {
    gateway: Gateway,
    upstream: Upstream,
    customer: Customer,
}

impl Stand {
    /// `journal` is the folder below `journal/` that fails. `None` where nothing can be compiled.
    fn start(journal: &str) -> Option<Self> {
        let upstream = Upstream::start();
        let mut config = Config::simple(&upstream.base_url());
        config.dataplane.push_str("durability = \"before_final\"\n");
        let folder = config.folder.clone();
        let shim = compiled(&folder)?;
        let of = |name: &str, value: String| (name.to_owned(), value);
        config.environment = vec![
            of("LD_PRELOAD", shim.display().to_string()),
            of("FAILING_FOLDER", folder.display().to_string()),
            of("FAILING_PATH", format!("journal/{journal}")),
        ];
        let gateway = Gateway::start(config);
        let customer = gateway.admin.customer("steady", "20");
        Some(Self { gateway, upstream, customer })
    }

    fn ask(&self, number: usize) -> Seen {
        let shape = Shape::ALL[number % Shape::ALL.len()];
        perform(&self.gateway, &self.customer.key, Job::of("up/chat", shape), number)
    }

    /// Answers that all come whole: their generations.
    fn serve(&self, numbers: Range<usize>) -> Vec<String> {
        let whole = |number| {
            let seen = self.ask(number);
            assert_eq!(seen.ending, Ending::Complete, "{seen:?}");
            seen.generation.expect("an answer has a generation")
        };
        numbers.map(whole).collect()
    }

    /// Waits until all of these are charged, and nothing is wrong with what else is.
    fn charged(&self, served: &[String]) {
        let accounts = [&*self.customer.account];
        wait_for("every complete answer is charged", crate::SOON, || {
            let generations = check_after_crash(&self.gateway, &[&self.upstream], &accounts);
            let is_charged =
                |id: &String| generations.iter().any(|it| it.id == *id && !it.charged.is_zero());
            served.iter().all(is_charged).then_some(())
        });
    }

    fn wish(&self, name: &str) -> PathBuf {
        self.gateway.config.folder.join(name)
    }

    fn fail(&self, how: &str) {
        fs::write(self.wish(how), "").unwrap();
    }

    /// Asks until the disk's failure ends it; how many answers came whole.
    fn ask_until_it_ends(&mut self) -> usize {
        let mut complete = 0;
        for number in 0..10_000 {
            if self.gateway.ended().is_some() {
                return complete;
            }
            complete += usize::from(self.ask(number).ending == Ending::Complete);
        }
        panic!("it goes on without a journal");
    }
}

fn compiled(folder: &Path) -> Option<PathBuf> {
    fs::create_dir_all(folder).unwrap();
    let (source, shim) = (folder.join("failing.c"), folder.join("failing.so"));
    fs::write(&source, SHIM).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(&shim).arg(&source).arg("-ldl");
    let is_there = compiler.status().is_ok_and(|status| status.success());
    assert!(is_there || std::env::var("CI").is_err(), "no C compiler");
    if !is_there {
        eprintln!("skipped: a failing disk: no C compiler");
    }
    is_there.then_some(shim)
}

#[test]
fn a_disk_that_fails_once_costs_nobody_anything() {
    for journal in ["dataplane", "ledger"] {
        let Some(stand) = Stand::start(journal) else { return };
        stand.serve(0..10);
        stand.fail("once");
        stand.serve(10..30);
        wait_for("it failed", crate::SOON, || (!stand.wish("once").exists()).then_some(()));
        stand.serve(30..40);
        let accounts = [&*stand.customer.account];
        let generations = check(&stand.gateway, &[&stand.upstream], &accounts);
        assert_eq!(generations.len(), 40, "{journal}");
    }
}

#[test]
fn a_data_plane_whose_disk_fails_for_good_ends_and_gave_nothing_away() {
    let Some(mut stand) = Stand::start("dataplane") else { return };
    let mut served = stand.serve(0..10);
    stand.fail("always");
    let complete = stand.ask_until_it_ends();
    assert_eq!(complete, 0, "answers came whole that were on no disk");
    let log = stand.gateway.log();
    assert!(log.contains("the journal is beyond use"), "{log}");
    let status = stand.gateway.ended().unwrap();
    assert_eq!(status.code(), Some(1));

    fs::remove_file(stand.wish("always")).unwrap();
    stand.gateway.kill();
    stand.gateway.restart();
    served.extend(stand.serve(10..20));
    stand.charged(&served);
}

#[test]
fn a_ledger_whose_disk_fails_for_good_takes_nothing_and_loses_nothing() {
    let Some(mut stand) = Stand::start("ledger") else { return };
    let mut served = stand.serve(0..10);
    stand.fail("always");
    let path = format!("/admin/v1/accounts/{}/credits", stand.customer.account);
    let order = serde_json::json!({ "amount": "1", "kind": "top_up", "reference": "late" });
    wait_for("the ledger takes no orders", crate::SOON, || {
        let answer = stand.gateway.admin.try_call("POST", &path, &order)?;
        (answer.status() == 503).then_some(())
    });
    // What is lent is still spent, and settled when the ledger is back.
    let seen = (10..20).map(|number| stand.ask(number));
    let whole = seen.filter(|seen| seen.ending == Ending::Complete);
    served.extend(whole.filter_map(|seen| seen.generation));
    stand.gateway.kill();
    fs::remove_file(stand.wish("always")).unwrap();
    stand.gateway.restart();
    stand.gateway.admin.post(&path, &order);
    served.extend(stand.serve(20..25));
    stand.charged(&served);
    let account = stand.gateway.admin.account(&stand.customer.account);
    assert_eq!(account.topped_up, "21".parse().unwrap());
}
