//! What is signed checks, what was changed does not, and a key file is made once.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::*;

fn signer() -> Signer {
    Signer::of(&[7; 32]).unwrap()
}

fn signed(payload: &str) -> String {
    let signature = check::hex(signer().0.sign(payload.as_bytes()).as_ref());
    let public_key = signer().shown().public_key;
    json!({
        "payload": payload,
        "algorithm": "Ed25519",
        "signature": signature,
        "public_key": public_key,
    })
    .to_string()
}

fn payload() -> String {
    let request = check::hex(&Sha256::digest(b"in"));
    json!({ "type": KIND, "charged": "1", "request_sha256": request, "response_sha256": null })
        .to_string()
}

/// RFC 8032, 7.1, test 1.
#[test]
fn a_seed_has_the_public_key_of_the_standard() {
    let seed = check::bytes(concat!(
        "9d61b19deffd5a60ba844af492ec2cc4",
        "4449c5697b326919703bac031cae7f60"
    ));
    let shown = Signer::of(&seed.unwrap()).unwrap().shown();
    let expected = concat!("d75a980182b10ab7d54bfed3c964073a", "0ee172f3daa62325af021a68f707511a");
    assert_eq!(shown.public_key, expected);
}

#[test]
fn a_signed_receipt_checks_with_its_key_and_no_other() {
    let text = signed(&payload());
    let key: PublicKey = signer().shown().public_key.parse().unwrap();
    let checked = check(&text, Some(&key)).unwrap();
    assert_eq!(checked.payload["charged"], "1");
    assert_eq!(checked.covers(Body::Request, b"in"), Ok(()));
    let other = Err(ReceiptFault::OtherBody(Body::Request));
    assert_eq!(checked.covers(Body::Request, b"In"), other);
    let none = Err(ReceiptFault::NoHash(Body::Response));
    assert_eq!(checked.covers(Body::Response, b""), none);
    let stranger: PublicKey = "0".repeat(64).parse().unwrap();
    assert_eq!(check(&text, Some(&stranger)), Err(ReceiptFault::OtherKey));
}

#[test]
fn a_changed_receipt_does_not_check() {
    let text = signed(&payload());
    assert!(check(&text, None).is_ok());
    let cheaper = text.replace(r#"\"charged\":\"1\""#, r#"\"charged\":\"0\""#);
    assert_ne!(cheaper, text);
    assert_eq!(check(&cheaper, None), Err(ReceiptFault::BadSignature));
    assert_eq!(check("{}", None), Err(ReceiptFault::NotAReceipt));
    let foreign = signed(&json!({ "type": "something else" }).to_string());
    assert_eq!(check(&foreign, None), Err(ReceiptFault::UnknownForm));
}

#[test]
fn a_key_reads_from_its_hex_and_from_the_servers_answer() {
    let shown = signer().shown();
    let key: PublicKey = shown.public_key.parse().unwrap();
    assert_eq!(serde_json::to_string(&shown).unwrap().parse(), Ok(key));
    assert_eq!(format!("{key}\n").parse(), Ok(key));
    assert_eq!("key".parse::<PublicKey>(), Err(ReceiptFault::NoKey));
}

#[test]
fn the_key_is_made_once_for_its_owner_alone() {
    let data = std::env::temp_dir().join(format!("tollgate-receipt-{}", std::process::id()));
    fs::create_dir_all(&data).unwrap();
    let first = Signer::open(&data).unwrap().shown();
    assert_eq!(Signer::open(&data).unwrap().shown(), first);
    let mode = fs::metadata(data.join(KEY_FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    fs::write(data.join(KEY_FILE), "").unwrap();
    assert!(Signer::open(&data).is_err(), "an empty file is not silently replaced");
    fs::remove_dir_all(&data).unwrap();
}
