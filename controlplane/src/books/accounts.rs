//! Accounts: opened, changed, shown; and what can be said of an order without the books.

use ledger::books::AccountView;
use ledger::event::Event;
use units::{AccountId, Usd};

use super::order::{AccountChange, AccountOrder, CreditOrder, CreditReason, Page, Place};
use super::shown::Listed;
use super::thread::{Ledger, refused};
use crate::plans::AccountRow;
use crate::refuse::Refusal;

/// The longest name or reference.
const TEXT_BYTES: usize = 256;

impl Ledger {
    pub(crate) fn open_account(&mut self, order: AccountOrder) -> Result<AccountView, Refusal> {
        let name = checked_text("name", order.name)?;
        let account = AccountId(self.last_account.0 + 1);
        self.book(&Event::AccountOpened { account, name, at: self.now }).map_err(refused)?;
        self.last_account = account;
        if order.signup {
            self.sign_up(account)?;
        }
        self.account(account)
    }

    pub(crate) fn change_account(
        &mut self,
        account: AccountId,
        mut change: AccountChange,
    ) -> Result<AccountView, Refusal> {
        let old = self.account(account)?;
        let row = self.register.account_row(account);
        let privacy = change.privacy().over(&row.privacy);
        let row = AccountRow { privacy, plan: change.plan.over(row.plan.clone()) };
        self.check_regions(&row.privacy)?;
        self.check_plan_name(row.plan.as_deref())?;
        let name = change.name.map_or(Ok(old.name), |name| checked_text("name", name))?;
        let disabled = change.disabled.unwrap_or(old.disabled);
        let row =
            serde_json::to_string(&row).map_err(|error| Refusal::Unavailable(error.to_string()))?;
        self.book(&Event::AccountChanged { account, name, disabled, row }).map_err(refused)?;
        self.account(account)
    }

    fn check_plan_name(&self, plan: Option<&str>) -> Result<(), Refusal> {
        let named = &self.profile.plans.named;
        let Some(unknown) = plan.filter(|name| !named.contains_key(*name)) else { return Ok(()) };
        let known: Vec<&str> = named.keys().map(String::as_str).collect();
        let message = format!("the profile has no plan {unknown:?}; it has [{}]", known.join(", "));
        Err(Refusal::invalid("plan", message))
    }

    pub(crate) fn account(&self, account: AccountId) -> Result<AccountView, Refusal> {
        let found = self.books.account(account);
        found.ok_or_else(|| Refusal::not_found("account", account))
    }

    pub(crate) fn accounts(&self, page: &Page) -> Result<Listed<AccountView>, Refusal> {
        let (count, after) = (page.count()?, page.place()?);
        let ids = self.books.account_ids();
        let from = after.map_or(0, |place| ids.partition_point(|id| id.0 <= place.order));
        let shown: Vec<_> = ids[from..].iter().take(count).copied().collect();
        let last = shown.last().filter(|_| from + count < ids.len());
        let next = last.map(|id| Place { order: id.0, position: 0 }.cursor());
        let views = shown.into_iter().filter_map(|id| self.books.account(id));
        Ok(Listed { data: views.collect(), next })
    }

    /// Tries the commands again that wait for credit to come back.
    pub(crate) fn retry_recalls(&mut self) {
        self.expire_returned();
        for (since, command) in self.waiting.recalls() {
            self.obey_write(command, since);
        }
        for purse in self.waiting.lowered() {
            let beyond = self.books.overlent(purse);
            if beyond > Usd::ZERO {
                self.recall(purse, beyond);
                self.waiting.until_returned(purse);
            }
        }
    }
}

/// A name, reference or reason: not empty, not endless, without control characters.
pub(crate) fn checked_text(param: &str, text: String) -> Result<String, Refusal> {
    let fits = !text.trim().is_empty() && text.len() <= TEXT_BYTES;
    if fits && !text.chars().any(char::is_control) {
        return Ok(text);
    }
    let message =
        format!("{param} is a text of 1 to {TEXT_BYTES} bytes without control characters");
    Err(Refusal::invalid(param, message))
}

impl CreditOrder {
    /// What can be said about an order without looking into the books.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        checked_text("reference", self.reference.clone())?;
        let amount = self.amount.0;
        let possible = match self.kind {
            CreditReason::TopUp | CreditReason::Grant => amount > Usd::ZERO,
            CreditReason::Adjustment => !amount.is_zero(),
        };
        if !possible {
            let message = "amount is above zero; only an adjustment may be negative";
            return Err(Refusal::invalid("amount", message));
        }
        if amount > MOST || amount < -MOST {
            return Err(Refusal::invalid("amount", format!("amount is at most {MOST} USD")));
        }
        if let Some(method) = &self.method {
            checked_text("method", method.clone())?;
            if self.kind != CreditReason::TopUp {
                return Err(Refusal::invalid("method", "method belongs to a top_up"));
            }
        }
        if self.expires_at.is_some() && amount.is_negative() {
            let message = "expires_at belongs to credit, not to a negative adjustment";
            return Err(Refusal::invalid("expires_at", message));
        }
        Ok(())
    }
}

/// The most of one credit, so that a purse stays within what a cell can count.
const MOST: Usd = Usd::from_dollars(1_000_000);
