//! `tollgate key`: what customers call with.
//!
//! Invariants: a key's text is printed when it is made and never again; other commands name a key
//! by its hash, so that none stands in a shell's history.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use units::{AccountId, KeyDigest, Usd};

use super::shown::{Column, lines, table};
use super::{Admin, Answer, Fault, Server};
use crate::config::Mistake;

/// API keys: make, list, show, disable, enable, delete.
#[derive(Args)]
pub struct Key {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    server: Server,
}

#[derive(Subcommand)]
enum What {
    /// Make a key; its text is printed this once.
    Make(Box<Make>),
    /// The keys of an account.
    List {
        /// `acct_…`
        account: AccountId,
    },
    /// One key.
    Show {
        /// The key's hash.
        hash: KeyDigest,
    },
    /// Refuse it.
    Disable {
        /// The key's hash.
        hash: KeyDigest,
    },
    /// Take it again.
    Enable {
        /// The key's hash.
        hash: KeyDigest,
    },
    /// Delete it for ever.
    Delete {
        /// The key's hash.
        hash: KeyDigest,
    },
}

#[derive(Args)]
struct Make {
    /// `acct_…`
    account: AccountId,
    /// What its owner calls it.
    #[arg(long)]
    name: String,
    /// What it may do: live spends, management manages keys.
    #[arg(long, default_value = "live")]
    class: Class,
    /// The most it may spend, USD.
    #[arg(long, value_name = "USD")]
    limit: Option<Usd>,
    /// When the limit starts anew, UTC; never unless said.
    #[arg(long, value_name = "PERIOD", requires = "limit")]
    limit_reset: Option<Period>,
    /// Requests a minute.
    #[arg(long)]
    rpm: Option<u32>,
    /// Tokens a minute.
    #[arg(long)]
    tpm: Option<u64>,
    /// Requests a UTC day.
    #[arg(long)]
    rpd: Option<u32>,
    /// Requests at once.
    #[arg(long)]
    concurrency: Option<u32>,
    /// When it stops working, such as 2030-01-31T00:00:00Z.
    #[arg(long, value_name = "INSTANT")]
    expires_at: Option<String>,
    /// A model it may use; repeat for more, all unless said.
    #[arg(long = "model", value_name = "ID")]
    models: Vec<String>,
    /// A provider it may use; repeat for more, all unless said.
    #[arg(long = "provider", value_name = "ID")]
    providers: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Class {
    Live,
    Management,
}

#[derive(Clone, Copy, ValueEnum)]
enum Period {
    Daily,
    Weekly,
    Monthly,
}

const KEY: [Column; 18] = [
    ("key", "/key"),
    ("hash", "/hash"),
    ("account", "/account"),
    ("name", "/name"),
    ("label", "/label"),
    ("class", "/class"),
    ("disabled", "/disabled"),
    ("limit", "/limit"),
    ("limit left", "/limit_remaining"),
    ("limit reset", "/limit_reset"),
    ("usage", "/usage"),
    ("rpm", "/rpm"),
    ("tpm", "/tpm"),
    ("rpd", "/rpd"),
    ("concurrency", "/concurrency"),
    ("expires", "/expires_at"),
    ("models", "/allowed_models"),
    ("providers", "/allowed_providers"),
];
const KEYS: [Column; 7] = [
    ("HASH", "/hash"),
    ("LABEL", "/label"),
    ("NAME", "/name"),
    ("CLASS", "/class"),
    ("DISABLED", "/disabled"),
    ("USAGE", "/usage"),
    ("LIMIT", "/limit"),
];

/// `tollgate key …`
///
/// # Errors
/// There is no server, or it refuses.
pub fn run(key: &Key) -> Result<(), Mistake> {
    let admin = key.server.find()?;
    let one = |hash: &KeyDigest| format!("/admin/v1/keys/{hash}");
    let answer = match &key.what {
        What::Make(order) => make(&admin, order)?,
        What::Show { hash } => admin.get(&one(hash))?,
        What::Disable { hash } => admin.send("PATCH", &one(hash), &json!({"disabled": true}))?,
        What::Enable { hash } => admin.send("PATCH", &one(hash), &json!({"disabled": false}))?,
        What::Delete { hash } => {
            let answer = admin.delete(&one(hash))?;
            admin.tell(&answer, |_| format!("deleted {hash}"));
            return Ok(());
        }
        What::List { account } => {
            let answer = admin.get(&format!("/admin/v1/accounts/{account}/keys"))?;
            let rows = |keys: &Value| keys["data"].as_array().cloned().unwrap_or_default();
            admin.tell(&answer, |keys| table(&rows(keys), &KEYS));
            return Ok(());
        }
    };
    admin.tell(&answer, |key| lines(key, &KEY));
    Ok(())
}

fn make(admin: &Admin, make: &Make) -> Result<Answer, Fault> {
    let class = match make.class {
        Class::Live => "live",
        Class::Management => "management",
    };
    let mut order = json!({"name": make.name, "class": class});
    let period = make.limit_reset.map(|period| match period {
        Period::Daily => "daily",
        Period::Weekly => "weekly",
        Period::Monthly => "monthly",
    });
    let given = [
        ("limit", make.limit.map(|limit| json!(limit))),
        ("limit_reset", period.map(|period| json!(period))),
        ("rpm", make.rpm.map(|rpm| json!(rpm))),
        ("tpm", make.tpm.map(|tpm| json!(tpm))),
        ("rpd", make.rpd.map(|rpd| json!(rpd))),
        ("concurrency", make.concurrency.map(|most| json!(most))),
        ("expires_at", make.expires_at.as_ref().map(|instant| json!(instant))),
        ("allowed_models", Some(&make.models).filter(|ids| !ids.is_empty()).map(|ids| json!(ids))),
        (
            "allowed_providers",
            Some(&make.providers).filter(|ids| !ids.is_empty()).map(|ids| json!(ids)),
        ),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            order[name] = value;
        }
    }
    admin.send("POST", &format!("/admin/v1/accounts/{}/keys", make.account), &order)
}
