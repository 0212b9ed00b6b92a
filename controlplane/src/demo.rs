//! The sandbox's first customer: the account `demo` with five dollars and a key.
//!
//! For a process that is started to be tried. Idempotent: the account is found by its name, the
//! credit by its reference, the key by its text, which the caller keeps in a file.

use units::{AccountId, Usd};

use crate::books::{AccountOrder, Commands, CreditOrder, CreditReason, KeyOrder, Owner, Page};
use crate::mint;
use crate::refuse::Refusal;
use crate::settings::Secret;

const NAME: &str = "demo";
const CREDIT: Usd = Usd::from_dollars(5);

/// The demo account and its key.
#[derive(Clone, Debug)]
pub struct Demo {
    /// The account.
    pub account: AccountId,
    /// Its key: the one given, if it is still the account's, else a new one.
    pub key: Secret,
}

/// Finds or makes the demo account. `kept` is the key's text from an earlier start. Waits for the
/// ledger; not to be called from inside a runtime.
///
/// # Errors
/// The ledger's refusal, which on a fresh data directory means that it has stopped.
pub fn demo(commands: &Commands, kept: Option<&Secret>) -> Result<Demo, Refusal> {
    let ledger = commands.blocking();
    let account = match find(commands)? {
        Some(account) => account,
        None => ledger.open_account(AccountOrder { name: NAME.into(), signup: false })?.id,
    };
    ledger.credit(account, CreditOrder::new(CREDIT, CreditReason::Grant, "demo"))?;
    if let Some(key) = kept {
        let found = ledger.key(mint::digest(key.reveal()), Owner::Account(account));
        if found.is_ok() {
            return Ok(Demo { account, key: key.clone() });
        }
    }
    let made = ledger.make_key(account, Owner::Anyone, KeyOrder::named(NAME))?;
    Ok(Demo { account, key: made.text })
}

fn find(commands: &Commands) -> Result<Option<AccountId>, Refusal> {
    let mut page = Page::default();
    loop {
        let listed = commands.blocking().accounts(page)?;
        if let Some(account) = listed.data.iter().find(|account| account.name == NAME) {
            return Ok(Some(account.id));
        }
        let Some(next) = listed.next else { return Ok(None) };
        page = Page { cursor: Some(next), limit: Some(1000) };
    }
}
