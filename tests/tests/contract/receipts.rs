//! Signed receipts: what they say, that they check offline, and that nothing else does.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tollgate_tests::client::Answer;
use tollgate_tests::config::Config;
use tollgate_tests::gateway::{TOKEN, binary};
use tollgate_tests::refusal::{Form, check_refusal};
use tollgate_tests::stand::{CHAT, ROUTED_CHAT, Stand, hello, hello_stream};

/// A file of the stand's folder.
fn file(stand: &Stand, name: &str, bytes: &[u8]) -> PathBuf {
    let path = stand.gateway.config.folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// `tollgate receipt verify` with these arguments: its exit code, and what it said.
fn verify(receipt: &PathBuf, more: &[(&str, &str)]) -> (i32, String) {
    let mut command = Command::new(binary());
    command.args(["receipt", "verify"]).arg(receipt);
    for (name, value) in more {
        command.args([name, value]);
    }
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

fn generation_of(answer: &Answer) -> String {
    answer.head.header("x-generation-id").unwrap().to_owned()
}

/// The receipt of an answer, once its charge is settled.
fn receipt_of(stand: &Stand, answer: &Answer) -> Answer {
    assert_eq!(answer.status(), 200, "{}", answer.text());
    stand.gateway.settled(&stand.customer.account, |account| !account.spent.is_zero());
    let path = format!("/api/v1/generation/{}/receipt", generation_of(answer));
    let receipt = stand.get(&path);
    assert_eq!(receipt.status(), 200, "{}", receipt.text());
    receipt
}

fn payload(receipt: &Answer) -> Value {
    serde_json::from_str(receipt.json()["payload"].as_str().unwrap()).unwrap()
}

/// A stand whose receipts hold hashes.
fn hashing() -> Stand {
    Stand::with(|config| Config {
        dataplane: "drain_seconds = 5\nreceipts = true\n".to_owned(),
        ..config
    })
}

#[test]
fn a_receipt_proves_the_bodies_and_the_charge() {
    for (path, body) in [(CHAT, hello()), (CHAT, hello_stream()), (ROUTED_CHAT, hello_stream())] {
        let stand = hashing();
        let body = body.to_string();
        let answer = stand.post(path, body.as_bytes());
        let receipt = receipt_of(&stand, &answer);
        let told = payload(&receipt);
        let spent = stand.gateway.admin.account(&stand.customer.account).spent;
        assert_eq!(told["charged"], spent.to_string());
        assert_eq!(told["generation"], generation_of(&answer));
        assert_eq!(told["account"], stand.customer.account);
        assert_eq!(told["model"], "up/chat");
        assert!(told["upstream_id"].is_string() && told["offer"].is_u64(), "{told}");
        assert!(told["price"]["input"].is_string() && told["usage"]["output"].is_u64(), "{told}");

        let saved = file(&stand, "receipt.json", &receipt.body);
        let sent = file(&stand, "request", body.as_bytes()).display().to_string();
        let got = file(&stand, "response", &answer.body).display().to_string();
        let key = stand.get("/api/v1/receipt-key");
        let in_file = file(&stand, "key.json", &key.body).display().to_string();
        let hex = key.json()["public_key"].as_str().unwrap().to_owned();
        for key in [&hex, &in_file] {
            let all = [("--key", &**key), ("--request", &sent), ("--response", &got)];
            let (code, said) = verify(&saved, &all);
            assert_eq!(code, 0, "{said}");
            assert!(said.contains(&*spent.to_string()) && said.contains(&hex), "{said}");
        }
        assert_eq!(verify(&saved, &[("--request", &got)]).0, 1);
        assert_eq!(verify(&saved, &[("--response", &sent)]).0, 1);
    }
}

#[test]
fn the_operator_gets_receipts_and_their_key_by_command() {
    let stand = Stand::start();
    let answer = stand.chat(&hello());
    let receipt = receipt_of(&stand, &answer);
    let admin = stand.gateway.config.admin_addr.to_string();
    let said = |arguments: &[&str]| {
        let mut command = Command::new(binary());
        command.arg("receipt").args(arguments).args(["--admin", &admin]);
        let output = command.env("TOLLGATE_ADMIN_TOKEN", TOKEN).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    };
    let got = said(&["get", &generation_of(&answer)]);
    assert_eq!(got, (0, format!("{}\n", receipt.text())));
    let key = stand.get("/api/v1/receipt-key").json();
    assert_eq!(said(&["key"]), (0, format!("{}\n", key["public_key"].as_str().unwrap())));
    assert_eq!(said(&["get", &format!("gen-{}", "0".repeat(32))]).0, 1);
    assert_eq!(said(&["get", "mine"]).0, 2);
}

#[test]
fn what_was_changed_or_signed_by_others_does_not_check() {
    let stand = Stand::start();
    let receipt = receipt_of(&stand, &stand.chat(&hello()));
    let text = receipt.text();
    let dearer = text.replacen(r#"\"charged\":\""#, r#"\"charged\":\"9"#, 1);
    assert_ne!(dearer, text);
    let (code, said) = verify(&file(&stand, "changed", dearer.as_bytes()), &[]);
    assert!(code == 1 && said.contains("signature"), "{code} {said}");
    let saved = file(&stand, "receipt.json", text.as_bytes());
    let (code, said) = verify(&saved, &[]);
    assert!(code == 0 && said.contains("--key"), "who signed is not known: {said}");
    assert_eq!(verify(&saved, &[("--key", &"0".repeat(64))]).0, 1);
    assert_eq!(verify(&saved, &[("--key", "no such file")]).0, 2);
    assert_eq!(verify(&stand.gateway.config.folder.join("none"), &[]).0, 1);
}

#[test]
fn a_receipt_is_the_same_bytes_for_whoever_may_ask_for_ever() {
    let mut stand = hashing();
    let answer = stand.chat(&hello());
    let receipt = receipt_of(&stand, &answer);
    let path = format!("/admin/v1/generations/{}/receipt", generation_of(&answer));
    let told = |stand: &Stand| stand.gateway.admin.call("GET", &path, &Value::Null);
    assert_eq!(told(&stand).body, receipt.body);
    let refund = format!("/admin/v1/generations/{}/refund", generation_of(&answer));
    stand.gateway.admin.post(&refund, &serde_json::json!({ "reason": "a test" }));
    assert_eq!(told(&stand).body, receipt.body, "a refund is another story");
    stand.gateway.stop();
    stand.gateway.restart();
    assert_eq!(told(&stand).body, receipt.body);

    let other = stand.gateway.admin.customer("other", "1");
    let headers = [("x-api-key", other.key.as_str())];
    let path = format!("/api/v1/generation/{}/receipt", generation_of(&answer));
    let refused = stand.send(&tollgate_tests::client::request("GET", &path, &headers, b""));
    check_refusal(&refused, Form::OpenRouter, 404, "not_found");
}

#[test]
fn without_hashes_a_receipt_says_so() {
    let stand = Stand::start();
    let body = hello().to_string();
    let receipt = receipt_of(&stand, &stand.post(CHAT, body.as_bytes()));
    assert_eq!(payload(&receipt)["request_sha256"], Value::Null);
    let saved = file(&stand, "receipt.json", &receipt.body);
    let (code, said) = verify(&saved, &[]);
    assert!(code == 0 && said.contains("no hashes"), "{said}");
    let sent = file(&stand, "request", body.as_bytes()).display().to_string();
    assert_eq!(verify(&saved, &[("--request", &sent)]).0, 1);
}

#[test]
fn what_was_not_delivered_has_a_receipt_of_nothing() {
    let stand = Stand::start();
    stand.upstream.fault("status:500");
    let answer = stand.chat(&hello());
    assert_eq!(answer.status(), 502, "{}", answer.text());
    let path = format!("/api/v1/generation/{}/receipt", generation_of(&answer));
    let told = tollgate_tests::wait_for("it settles", std::time::Duration::from_secs(5), || {
        Some(stand.get(&path)).filter(|told| told.status() == 200)
    });
    assert_eq!(payload(&told)["charged"], "0");
    assert_eq!(payload(&told)["outcome"], "upstream_failed");
}
