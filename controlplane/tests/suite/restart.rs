//! Whatever ends the process, what was answered is there again.

use std::fs;
use std::path::Path;

use ledger::{Purse, Run};
use serde_json::{Value, json};
use units::Usd;

use crate::harness::plane::{Asker, Plane};
use crate::harness::{Control, catalog, remove};

/// A control plane with some history: its folder, account, and what it answers about it.
pub(crate) fn history() -> (Control, String) {
    history_of(Control::start())
}

/// The same of one that was just started.
pub(crate) fn history_of(control: Control) -> (Control, String) {
    control.post("/admin/v1/catalog", catalog()).ok(200);
    let account = control.account("5");
    let (_, hash) = control.key(&account, json!({"limit": "3"}));
    control.patch(&format!("/admin/v1/keys/{hash}"), json!({"rpm": 9})).ok(200);
    let asker = Asker::of(&account);
    let plane = Plane::link(control.running(), 1, 1);
    plane.borrow(Purse::Account(asker.account), 0);
    let cent = Usd::from_pico(10_000_000_000);
    for number in 0..40_u64 {
        let (at, held) = (number * 2, Usd::from_dollars(1));
        let records = [asker.hold(held), asker.post(at, held, cent)];
        plane.settle(Run::of(0, at, &records));
        assert_eq!(plane.acknowledged(0), at + 2);
    }
    let listed = control.get(&format!("/admin/v1/accounts/{account}/generations?limit=1")).ok(200);
    let id = listed["data"][0]["id"].as_str().unwrap().to_owned();
    control.post(&format!("/admin/v1/generations/{id}/refund"), json!({"reason": "r"})).ok(200);
    (control, account)
}

/// All that can be asked about the account.
pub(crate) fn answers(control: &Control, account: &str) -> Vec<Value> {
    let of = |path: &str| control.get(&format!("/admin/v1/accounts/{account}{path}")).ok(200);
    let mut all = vec![of(""), of("/keys"), of("/transactions"), of("/generations?limit=1000")];
    all.push(control.get("/admin/v1/catalog").ok(200));
    all.push(control.get("/admin/v1/dataplanes").ok(200)[0]["epochs"].clone());
    all.push(control.get("/admin/v1/status").ok(200)["generation"].clone());
    let audit = control.get("/admin/v1/ledger/audit?full=1").ok(200);
    assert_eq!(audit["ok"], true, "{audit:#}");
    all
}

#[test]
fn a_stop_and_a_start_change_nothing() {
    let (control, account) = history();
    let before = answers(&control, &account);
    let control = Control::start_in(control.stop());
    assert_eq!(answers(&control, &account), before);
    let control = Control::start_in(control.stop());
    assert_eq!(answers(&control, &account), before);
}

#[test]
fn a_crash_without_a_checkpoint_changes_nothing() {
    let (control, account) = history();
    let before = answers(&control, &account);
    let folder = control.kill();
    assert_eq!(fs::read_dir(folder.join("checkpoint")).unwrap().filter(is_checkpoint).count(), 0);
    let control = Control::start_in(folder);
    assert_eq!(answers(&control, &account), before);
}

fn is_checkpoint(entry: &std::io::Result<fs::DirEntry>) -> bool {
    entry.as_ref().is_ok_and(|entry| entry.path().extension().is_some_and(|it| it == "checkpoint"))
}

#[test]
fn a_view_that_is_deleted_is_built_again() {
    let (control, account) = history();
    let before = answers(&control, &account);
    let folder = control.stop();
    remove(&folder.join("view"));
    let control = Control::start_in(folder);
    assert_eq!(answers(&control, &account), before);
}

#[test]
fn a_view_that_is_damaged_is_built_again() {
    let (control, account) = history();
    let before = answers(&control, &account);
    let mut folder = control.stop();
    let damages: [fn(&Path); 3] = [
        |view| overwrite(view, "db", 0x5a),
        |view| overwrite(view, "conf", 0xff),
        |view| {
            let file = fs::OpenOptions::new().write(true).open(view.join("db")).unwrap();
            file.set_len(file.metadata().unwrap().len() / 2).unwrap();
        },
    ];
    for damage in damages {
        damage(&folder.join("view"));
        let control = Control::start_in(folder);
        assert_eq!(answers(&control, &account), before);
        folder = control.stop();
    }
}

/// Fills a file with one byte.
fn overwrite(view: &Path, file: &str, byte: u8) {
    let path = view.join(file);
    let bytes = vec![byte; fs::metadata(&path).unwrap().len() as usize];
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let (control, account) = history();
    let before = answers(&control, &account);
    let folder = control.stop();
    for entry in fs::read_dir(folder.join("checkpoint")).unwrap().filter(is_checkpoint) {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    }
    let control = Control::start_in(folder);
    assert_eq!(answers(&control, &account), before);
}

#[test]
fn the_demo_account_is_made_once() {
    let control = Control::start();
    let commands = control.running().commands();
    let first = controlplane::demo(&commands, None).unwrap();
    let again = controlplane::demo(&commands, Some(&first.key)).unwrap();
    assert_eq!((again.account, again.key.reveal()), (first.account, first.key.reveal()));
    let balance = control.call("GET", "/api/v1/balance", first.key.reveal(), "").ok(200);
    assert_eq!(balance["balance_exact"], "5");
    let control = Control::start_in(control.stop());
    let later = controlplane::demo(&control.running().commands(), Some(&first.key)).unwrap();
    assert_eq!(later.key.reveal(), first.key.reveal());
    let accounts = control.get("/admin/v1/accounts").ok(200);
    assert_eq!(accounts["data"].as_array().unwrap().len(), 1);
}

#[test]
fn two_processes_never_share_a_data_directory() {
    let control = Control::start();
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let second = controlplane::start(controlplane::Settings::new(address, &control.folder));
    let message = second.err().expect("the folder is taken").to_string();
    assert!(message.contains("in use by another process"), "{message}");
    let settings = controlplane::Settings::new(control.address, control.folder.join("other"));
    let message = controlplane::start(settings).err().expect("the port is taken").to_string();
    assert!(message.contains("is in use; set listen.admin"), "{message}");
}

#[test]
fn a_token_is_made_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = std::env::temp_dir().join(format!("tollgate-token-{}", std::process::id()));
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let running = controlplane::start(controlplane::Settings::new(address, &folder)).unwrap();
    let file = folder.join("admin.token");
    let token = fs::read_to_string(&file).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let call = |token: &str| {
        crate::harness::call(running.admin_addr(), "GET", "/admin/v1/accounts", token, "").status
    };
    assert_eq!((call(token.trim()), call("other")), (200, 401));
    running.stop();
    remove(&folder);
}
