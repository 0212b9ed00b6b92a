//! `tollgate receipt`: fetch a signed receipt, tell the key that checks it, check one.
//!
//! Invariant: `verify` needs a file and nothing else: no server, no network. Without `--key` it
//! shows that the receipt is unchanged since it was signed, and says that it does not know by whom.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use controlplane::receipt::{Body, Checked, PublicKey, ReceiptFault, check};
use serde_json::Value;
use units::GenerationId;

use super::shown::{Column, lines};
use super::{Admin, Server};
use crate::config::Mistake;
use crate::say;

/// What a person is shown of a receipt; the rest stands in its payload.
const COLUMNS: [Column; 14] = [
    ("generation", "/generation"),
    ("account", "/account"),
    ("model", "/model"),
    ("served by", "/endpoint/provider"),
    ("as", "/endpoint/model"),
    ("upstream id", "/upstream_id"),
    ("offer", "/offer"),
    ("usage", "/usage"),
    ("charged", "/charged"),
    ("outcome", "/outcome"),
    ("created", "/created_at"),
    ("took ms", "/total_ms"),
    ("request", "/request_sha256"),
    ("response", "/response_sha256"),
];

/// Signed receipts: verify one offline, get one, tell the key that checks them.
#[derive(Args)]
pub struct Receipt {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    server: Server,
}

#[derive(Subcommand)]
enum What {
    /// Check a receipt offline; exit code 1 where it is not good.
    Verify(Box<Verify>),
    /// Print the receipt of a generation.
    Get {
        /// `gen-…`
        generation: GenerationId,
    },
    /// Print the public key that checks this server's receipts.
    Key,
}

#[derive(Args)]
struct Verify {
    /// The receipt.
    file: PathBuf,
    /// The key that must have signed it: 64 hex digits, or a file that holds them.
    #[arg(long, value_parser = read_key)]
    key: Option<PublicKey>,
    /// The body that was sent: it must be the one that the receipt is for.
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// The body that was answered: it must be the one that the receipt is for.
    #[arg(long, value_name = "FILE")]
    response: Option<PathBuf>,
}

fn read_key(given: &str) -> Result<PublicKey, String> {
    if let Ok(key) = given.parse() {
        return Ok(key);
    }
    let text = fs::read_to_string(given).map_err(|fault| format!("{}: {fault}", no_key()))?;
    text.parse().map_err(|fault: ReceiptFault| fault.to_string())
}

fn no_key() -> String {
    format!("{}; there is no such file", ReceiptFault::NoKey)
}

/// `tollgate receipt …`
///
/// # Errors
/// The receipt is not good, or the server refuses.
pub fn run(receipt: &Receipt) -> Result<(), Mistake> {
    match &receipt.what {
        What::Verify(order) => {
            let checked = verify(order)?;
            say(&shown(&checked, order, receipt.server.json));
            Ok(())
        }
        What::Get { generation } => get(&receipt.server.find()?, *generation),
        What::Key => {
            let admin = receipt.server.find()?;
            let answer = admin.get("/api/v1/receipt-key")?;
            admin.tell(&answer, |key| key["public_key"].as_str().unwrap_or_default().to_owned());
            Ok(())
        }
    }
}

/// Prints a receipt as the server wrote it: that is the file that `verify` takes.
fn get(admin: &Admin, generation: GenerationId) -> Result<(), Mistake> {
    let answer = admin.get(&format!("/admin/v1/generations/{generation}/receipt"))?;
    say(&answer.text);
    Ok(())
}

fn verify(order: &Verify) -> Result<Checked, Mistake> {
    let text = String::from_utf8(read(&order.file)?)
        .map_err(|_| Mistake(told(&order.file, &ReceiptFault::NotAReceipt)))?;
    let checked =
        check(&text, order.key.as_ref()).map_err(|fault| Mistake(told(&order.file, &fault)))?;
    let bodies = [(Body::Request, &order.request), (Body::Response, &order.response)];
    for (body, path) in bodies {
        let Some(path) = path else { continue };
        checked.covers(body, &read(path)?).map_err(|fault| Mistake(told(path, &fault)))?;
    }
    Ok(checked)
}

fn read(path: &Path) -> Result<Vec<u8>, Mistake> {
    fs::read(path).map_err(|fault| Mistake(format!("{}: {fault}", path.display())))
}

fn told(path: &Path, fault: &ReceiptFault) -> String {
    format!("{}: {fault}", path.display())
}

fn shown(checked: &Checked, order: &Verify, as_json: bool) -> String {
    if as_json {
        return checked.payload.to_string();
    }
    let trust = match order.key {
        Some(key) => format!("good: signed with {key}"),
        None => format!(
            "unchanged since it was signed with {}; give --key to know that this key is the one \
             you trust",
            checked.key
        ),
    };
    let mut text = lines(&checked.payload, &COLUMNS);
    if checked.payload["request_sha256"] == Value::Null {
        text.push_str("\nit has no hashes of the bodies: none were taken");
    }
    format!("{text}\n{trust}")
}
