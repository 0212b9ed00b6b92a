//! Accounts and what moves their money by hand: credits, expiry, refunds.
//!
//! Rules: a reference makes a credit happen once; what takes credit away (a negative adjustment,
//! an expiry) first asks data planes for what they do not need; a refund gives back the whole
//! charge, once.

use std::time::Instant;

use ledger::Purse;
use ledger::books::{Applied, BooksError, Transaction};
use ledger::event::{CreditKind, Event};
use units::{AccountId, GenerationId, Usd};

use super::command::{Command, Reply};
use super::order::{AccountChange, CreditOrder, CreditReason, Page, Place};
use super::shown::{AccountView, Listed, TransactionView};
use super::thread::{Ledger, refused};
use super::waiting::recall_is_over;
use crate::refuse::Refusal;

/// The longest name or reference.
const TEXT_BYTES: usize = 256;

impl Ledger {
    pub(crate) fn open_account(&mut self, name: String) -> Result<AccountView, Refusal> {
        let name = checked_text("name", name)?;
        let account = AccountId(self.last_account.0 + 1);
        self.book(&Event::AccountOpened { account, name, at: self.now }).map_err(refused)?;
        self.last_account = account;
        self.account(account)
    }

    pub(crate) fn change_account(
        &mut self,
        account: AccountId,
        change: AccountChange,
    ) -> Result<AccountView, Refusal> {
        let old = self.account(account)?;
        let name = change.name.map_or(Ok(old.name), |name| checked_text("name", name))?;
        let disabled = change.disabled.unwrap_or(old.disabled);
        self.book(&Event::AccountChanged { account, name, disabled }).map_err(refused)?;
        self.account(account)
    }

    pub(crate) fn account(&self, account: AccountId) -> Result<AccountView, Refusal> {
        let found = self.books.account(account);
        found.map(AccountView::from).ok_or_else(|| Refusal::not_found("account", account))
    }

    pub(crate) fn accounts(&self, page: &Page) -> Result<Listed<AccountView>, Refusal> {
        let (count, after) = (page.count()?, page.place()?);
        let ids = self.books.account_ids();
        let from = after.map_or(0, |place| ids.partition_point(|id| id.0 <= place.order));
        let shown: Vec<_> = ids[from..].iter().take(count).copied().collect();
        let last = shown.last().filter(|_| from + count < ids.len());
        let next = last.map(|id| Place { order: id.0, position: 0 }.cursor());
        let views = shown.into_iter().filter_map(|id| self.books.account(id));
        Ok(Listed { data: views.map(AccountView::from).collect(), next })
    }

    /// Books a credit; one that must wait for credit to come back is kept aside meanwhile.
    pub(crate) fn credit(
        &mut self,
        account: AccountId,
        order: CreditOrder,
        reply: Reply<TransactionView>,
        since: Instant,
    ) {
        let before = self.register.generation;
        let purse = Purse::Account(account);
        if let Err(refusal) = self.check_credit(account, &order) {
            self.answer(reply, Err(refusal));
            return;
        }
        match self.try_credit(account, &order) {
            Err(BooksError::NotEnough { wanted, .. })
                if !recall_is_over(since, Instant::now()) && self.recall(purse, wanted) =>
            {
                self.waiting.until_recalled(since, Command::Credit { account, order, reply });
            }
            booked => {
                let result = booked.map_err(refused).map(|row| TransactionView::of(&row));
                self.answer_write(before, reply, result);
            }
        }
    }

    fn check_credit(&self, account: AccountId, order: &CreditOrder) -> Result<(), Refusal> {
        order.check()?;
        let is_new = self.books.transaction_by_reference(account, &order.reference).is_none();
        if is_new && order.expires_at.is_some_and(|end| end.0 <= self.now) {
            return Err(Refusal::invalid("expires_at", "expires_at has passed"));
        }
        Ok(())
    }

    fn try_credit(
        &mut self,
        account: AccountId,
        order: &CreditOrder,
    ) -> Result<Transaction, BooksError> {
        let event = Event::Credited {
            transaction: self.books.next_transaction(),
            account,
            kind: match order.kind {
                CreditReason::TopUp => CreditKind::TopUp,
                CreditReason::Grant => CreditKind::Grant,
                CreditReason::Adjustment => CreditKind::Adjustment,
            },
            amount: order.amount.0,
            reference: order.reference.clone(),
            expires_at: order.expires_at.map(|at| at.0),
            at: self.now,
        };
        match self.book(&event)? {
            Applied::Transacted(row) => {
                self.lend_more(Purse::Account(account));
                Ok(row)
            }
            Applied::Repeated(row) => Ok(row),
            // The books answer a credit with nothing else.
            _ => Err(BooksError::BadAmount(order.amount.0)),
        }
    }

    /// Tries the commands again that wait for credit to come back.
    pub(crate) fn retry_recalls(&mut self) {
        for (since, command) in self.waiting.recalls() {
            self.obey_write(command, since);
        }
        for purse in self.waiting.lowered() {
            if self.books.unlent(purse).is_some_and(Usd::is_negative) {
                self.recall(purse, Usd::ZERO);
                self.waiting.until_returned(purse);
            }
        }
    }

    /// Ends the credits whose time has come. One whose rest is still lent waits for its return.
    pub(crate) fn expire_credits(&mut self) {
        let due: Vec<Transaction> = self.expiries.due(&self.books, self.now);
        for lot in due {
            let amount = super::expiry::left_of(&self.books, &lot);
            let event = Event::Expired {
                transaction: self.books.next_transaction(),
                lot: lot.id,
                amount,
                at: self.now,
            };
            if let Err(BooksError::NotEnough { wanted, .. }) = self.book(&event) {
                self.recall(Purse::Account(lot.account), wanted);
                self.expiries.again(&lot);
            }
        }
    }

    /// Gives back what a generation cost.
    pub(crate) fn refund(
        &mut self,
        id: GenerationId,
        reason: String,
    ) -> Result<TransactionView, Refusal> {
        let reason = checked_text("reason", reason)?;
        let generation = self.generation(id, super::command::Owner::Anyone)?;
        if let Some(earlier) = self.books.refunds(id) {
            let by = earlier.transactions.first().map(ToString::to_string).unwrap_or_default();
            return Err(Refusal::Conflict(format!("{id} was refunded before, by {by}")));
        }
        if generation.charged.is_zero() {
            return Err(Refusal::Conflict(format!("{id} cost nothing")));
        }
        let event = Event::Refunded {
            transaction: self.books.next_transaction(),
            generation: id,
            account: generation.account,
            charge: generation.charged,
            amount: generation.charged,
            reference: "refund".into(),
            reason,
            at: self.now,
        };
        let applied = self.book(&event).map_err(refused)?;
        self.lend_more(Purse::Account(generation.account));
        match applied {
            Applied::Transacted(row) | Applied::Repeated(row) => Ok(TransactionView::of(&row)),
            _ => Err(Refusal::Conflict(format!("{id} was refunded before"))),
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

impl From<ledger::books::AccountView> for AccountView {
    fn from(view: ledger::books::AccountView) -> Self {
        Self {
            id: view.id,
            name: view.name,
            disabled: view.disabled,
            created_at: view.opened_at,
            balance: view.balance,
            held: view.held,
            available: view.available,
            spent: view.spent,
            topped_up: view.topped_up,
            granted: view.granted,
            adjusted: view.adjusted,
            refunded: view.refunded,
            expired: view.expired,
            written_off: view.written_off,
        }
    }
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
        if self.expires_at.is_some() && amount.is_negative() {
            let message = "expires_at belongs to credit, not to a negative adjustment";
            return Err(Refusal::invalid("expires_at", message));
        }
        Ok(())
    }
}

/// The most of one credit, so that a purse stays within what a cell can count.
const MOST: Usd = Usd::from_dollars(1_000_000);
