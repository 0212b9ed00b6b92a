//! `tollgate account` and `tollgate credit`: customers and their money.
//!
//! Thin: arguments become the admin API's body, and its answer is printed. Left out on purpose:
//! naming an account by its name, which need not be unique, where money is moved.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use units::{AccountId, Usd};

use super::shown::{Column, lines, table};
use super::{Admin, Server};
use crate::config::Mistake;
use crate::say;

/// Accounts of customers: open, list, show, disable, enable.
#[derive(Args)]
pub struct Account {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    server: Server,
}

#[derive(Subcommand)]
enum What {
    /// Open an account.
    Open {
        /// What you call it.
        name: String,
        /// Give it the profile's signup credit.
        #[arg(long)]
        signup: bool,
    },
    /// All accounts with their money.
    List,
    /// One account.
    Show {
        /// `acct_…`
        account: AccountId,
    },
    /// Refuse its keys.
    Disable {
        /// `acct_…`
        account: AccountId,
    },
    /// Take its keys again.
    Enable {
        /// `acct_…`
        account: AccountId,
    },
}

/// Money into or out of an account.
#[derive(Args)]
pub struct Credit {
    /// `acct_…`
    account: AccountId,
    /// USD, such as 12.50; negative for an adjustment only.
    #[arg(allow_negative_numbers = true)]
    amount: Usd,
    /// Why.
    #[arg(long)]
    kind: Kind,
    /// Your own name of this credit; the same again changes nothing.
    #[arg(long)]
    reference: String,
    /// When what is left of it lapses, such as 2030-01-31T00:00:00Z.
    #[arg(long, value_name = "INSTANT")]
    expires_at: Option<String>,
    /// The way a top-up was paid: its fee, and the minimum of a first one, apply.
    #[arg(long)]
    method: Option<String>,
    /// Give the account the profile's signup credit too, if it has not.
    #[arg(long)]
    signup: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Kind {
    /// The customer paid.
    TopUp,
    /// A present.
    Grant,
    /// A correction.
    Adjustment,
}

const ACCOUNT: [Column; 15] = [
    ("id", "/id"),
    ("name", "/name"),
    ("disabled", "/disabled"),
    ("created", "/created_at"),
    ("balance", "/balance"),
    ("held", "/held"),
    ("available", "/available"),
    ("spent", "/spent"),
    ("topped up", "/topped_up"),
    ("granted", "/granted"),
    ("adjusted", "/adjusted"),
    ("refunded", "/refunded"),
    ("expired", "/expired"),
    ("paid back", "/paid_back"),
    ("fees", "/fees"),
];
const ACCOUNTS: [Column; 7] = [
    ("ACCOUNT", "/id"),
    ("NAME", "/name"),
    ("DISABLED", "/disabled"),
    ("BALANCE", "/balance"),
    ("HELD", "/held"),
    ("AVAILABLE", "/available"),
    ("SPENT", "/spent"),
];
const CREDIT: [Column; 9] = [
    ("id", "/id"),
    ("account", "/account"),
    ("kind", "/kind"),
    ("amount", "/amount"),
    ("fee", "/fee"),
    ("reference", "/reference"),
    ("expires", "/expires_at"),
    ("refund until", "/refund_until"),
    ("booked", "/created_at"),
];

/// `tollgate account …`
///
/// # Errors
/// There is no server, or it refuses.
pub fn run(account: &Account) -> Result<(), Mistake> {
    let admin = account.server.find()?;
    let answer = match &account.what {
        What::List => return list(&admin),
        What::Open { name, signup } => {
            let order = json!({"name": name, "signup": signup});
            admin.send("POST", "/admin/v1/accounts", &order)?
        }
        What::Show { account } => admin.get(&format!("/admin/v1/accounts/{account}"))?,
        What::Disable { account } => change(&admin, *account, true)?,
        What::Enable { account } => change(&admin, *account, false)?,
    };
    admin.tell(&answer, |account| lines(account, &ACCOUNT));
    Ok(())
}

fn change(admin: &Admin, account: AccountId, disabled: bool) -> Result<super::Answer, Mistake> {
    let path = format!("/admin/v1/accounts/{account}");
    Ok(admin.send("PATCH", &path, &json!({"disabled": disabled}))?)
}

fn list(admin: &Admin) -> Result<(), Mistake> {
    let mut accounts: Vec<Value> = Vec::new();
    admin.pages("/admin/v1/accounts", |page| {
        if admin.json {
            say(&page.text);
        } else {
            accounts.extend(page.value["data"].as_array().into_iter().flatten().cloned());
        }
        Ok(())
    })?;
    if !admin.json {
        say(&table(&accounts, &ACCOUNTS));
    }
    Ok(())
}

/// `tollgate credit …`
///
/// # Errors
/// There is no server, or it refuses.
pub fn credit(credit: &Credit) -> Result<(), Mistake> {
    let admin = credit.server.find()?;
    let kind = match credit.kind {
        Kind::TopUp => "top_up",
        Kind::Grant => "grant",
        Kind::Adjustment => "adjustment",
    };
    let mut order = json!({
        "amount": credit.amount,
        "kind": kind,
        "reference": credit.reference,
    });
    for (name, given) in [("expires_at", &credit.expires_at), ("method", &credit.method)] {
        if let Some(given) = given {
            order[name] = json!(given);
        }
    }
    if credit.signup {
        order["signup"] = json!(true);
    }
    let path = format!("/admin/v1/accounts/{}/credits", credit.account);
    let answer = admin.send("POST", &path, &order)?;
    admin.tell(&answer, |booked| lines(booked, &CREDIT));
    Ok(())
}
