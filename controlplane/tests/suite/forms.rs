//! Checkpoints of another form, as another version of the program may have left them.

use std::fs;
use std::path::{Path, PathBuf};

use journal::checkpoint::{self, Checkpoint};
use journal::{BatchNumber, PlainDisk};
use serde_json::{Value, json};

use crate::harness::{Control, remove};
use crate::restart::{answers, history, history_of};

/// What a checkpoint's books begin with, but for the number of their form.
const MARK: &[u8] = b"tgbooks";

/// Gives the newest checkpoint of a folder, or each, another form.
fn reform(folder: &Path, only_newest: bool) {
    let disk = PlainDisk::open(&folder.join("checkpoint")).unwrap();
    let mut found: Vec<(BatchNumber, Vec<u8>)> = Vec::new();
    let every = |it: Checkpoint| -> Result<(), String> {
        found.push((it.number, it.payload));
        Err("the next one".to_owned())
    };
    checkpoint::load(&disk, every).unwrap();
    assert!(!found.is_empty());
    found.truncate(if only_newest { 1 } else { found.len() });
    for (number, mut payload) in found {
        let at = payload.windows(MARK.len()).position(|bytes| bytes == MARK).unwrap();
        payload[at + MARK.len()] = 1;
        checkpoint::write(&disk, number, &payload).unwrap();
    }
}

fn recomputed(control: &Control) -> Vec<String> {
    let audit = control.get("/admin/v1/ledger/audit?full=1").ok(200);
    assert_eq!(audit["ok"], true, "{audit:#}");
    let parts = audit["recomputed"].as_array().unwrap();
    let from = |part: &Value| {
        let is_new = part["events"] == 0;
        format!("{}{}", part["from"].as_str().unwrap(), if is_new { ": nothing" } else { "" })
    };
    parts.iter().map(from).collect()
}

/// Stops with a checkpoint, moves some money, and stops with another.
fn two_checkpoints() -> (PathBuf, String, Vec<Value>) {
    let (control, account) = history_of(Control::in_segments(Control::folder()));
    let control = Control::in_segments(control.stop());
    let credit = json!({"amount": "2", "kind": "grant", "reference": "more"});
    control.post(&format!("/admin/v1/accounts/{account}/credits"), credit).ok(200);
    let before = answers(&control, &account);
    (control.stop(), account, before)
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("journal").join("ledger")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| fs::metadata(file).unwrap().len() > 0);
    files.sort();
    files
}

#[test]
fn without_a_checkpoint_of_this_form_the_whole_journal_is_folded() {
    let (control, account) = history();
    let before = answers(&control, &account);
    let folder = control.stop();
    reform(&folder, false);
    let control = Control::start_in(folder);
    assert_eq!(recomputed(&control), ["the beginning of the journal"]);
    assert_eq!(answers(&control, &account), before);
}

#[test]
fn an_older_checkpoint_of_this_form_does_as_well() {
    let (folder, account, before) = two_checkpoints();
    reform(&folder, true);
    fs::remove_file(&segments(&folder)[0]).unwrap();
    let control = Control::in_segments(folder);
    let from = recomputed(&control);
    assert!(matches!(&from[..], [one] if one.starts_with("checkpoint ")), "{from:?}");
    assert_eq!(answers(&control, &account)[..3], before[..3]);
}

#[test]
fn a_journal_without_beginning_needs_a_checkpoint_of_this_form() {
    let (folder, ..) = two_checkpoints();
    reform(&folder, false);
    fs::remove_file(&segments(&folder)[0]).unwrap();
    let kept = folder.clone();
    let refused = Control::try_in_segments(folder).err().expect("nothing to start from");
    let message = refused.to_string();
    assert!(message.contains("restore a backup"), "{message}");
    assert!(message.contains("batch 1 is needed"), "{message}");
    remove(&kept);
}

#[test]
fn an_audit_says_what_it_folded() {
    let (folder, ..) = two_checkpoints();
    let control = Control::in_segments(folder);
    let from = recomputed(&control);
    assert_eq!(from.len(), 3, "{from:?}");
    assert_eq!(from[0], "the beginning of the journal");
    assert!(from[1].ends_with(": nothing"), "{from:?}");
    assert!(from[2].starts_with("checkpoint ") && !from[2].ends_with(": nothing"), "{from:?}");
    let quick = control.get("/admin/v1/ledger/audit").ok(200);
    assert!(quick["recomputed"].is_null(), "{quick:#}");
}

#[test]
fn an_audit_with_nothing_to_fold_is_not_ok() {
    let (folder, ..) = two_checkpoints();
    fs::remove_file(&segments(&folder)[0]).unwrap();
    let control = Control::in_segments(folder);
    let checkpoints = control.folder.join("checkpoint");
    for entry in fs::read_dir(checkpoints).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let audit = control.get("/admin/v1/ledger/audit?full=1").ok(200);
    assert_eq!(audit["ok"], false, "{audit:#}");
}
