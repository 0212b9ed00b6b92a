//! What moves an account's money by hand: credits, refunds, top-ups paid back.
//!
//! Rules: a reference makes a credit happen once; what takes credit away (a negative adjustment, a
//! top-up paid back) first asks data planes for what they do not need; a generation is refunded
//! whole, and once, by what the journal says it cost. Fees, minimum, life and budgets are those of
//! the profile's terms.

use std::time::Instant;

use ledger::Purse;
use ledger::books::{Applied, BooksError, Transaction, TransactionKind};
use ledger::event::{CreditKind, Event, TransactionId};
use units::{AccountId, GenerationId, Usd};

use super::accounts::checked_text;
use super::command::{Command, Owner, Reply};
use super::order::{CreditOrder, CreditReason, PayBackOrder};
use super::shown_money::TransactionView;
use super::thread::{Ledger, refused};
use super::waiting::recall_is_over;
use crate::refuse::Refusal;
use crate::terms::Sale;

/// The reference of a signup grant: an account has one.
const SIGNUP: &str = "signup";

/// Who refunds a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refunder {
    /// The operator, within the charge.
    Operator,
    /// A customer of this account, within the profile's budget.
    Customer(AccountId),
}

impl Ledger {
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
        let event = match self.credit_event(account, &order) {
            Ok(event) => event,
            Err(refusal) => return self.answer(reply, Err(refusal)),
        };
        match self.book_transaction(&event) {
            Err(BooksError::NotEnough { wanted, .. })
                if !recall_is_over(since, Instant::now()) && self.recall(purse, wanted) =>
            {
                self.waiting.until_recalled(since, Command::Credit { account, order, reply });
            }
            booked => {
                let result = booked.map_err(refused).and_then(|row| {
                    order.signup.then(|| self.sign_up(account)).transpose()?;
                    Ok(self.told_transaction(&row))
                });
                self.answer_write(before, reply, result);
            }
        }
    }

    fn credit_event(&self, account: AccountId, order: &CreditOrder) -> Result<Event, Refusal> {
        order.check()?;
        if order.reference == SIGNUP {
            let message = "the reference \"signup\" is the signup credit's own: use another";
            return Err(Refusal::invalid("reference", message));
        }
        let money = self.account(account)?;
        let terms = &self.profile.terms;
        let is_new = self.books.transaction_by_reference(account, &order.reference).is_none();
        if is_new && order.expires_at.is_some_and(|end| end.0 <= self.now) {
            return Err(Refusal::invalid("expires_at", "expires_at has passed"));
        }
        // An order that was booked before is not judged again: terms may have changed since.
        let sale = if is_new && order.kind == CreditReason::TopUp {
            let is_first = money.topped_up.is_zero();
            terms.sale(order.amount.0, order.method.as_deref(), is_first, self.now)?
        } else {
            Sale::default()
        };
        let lasts = order.amount.0 > Usd::ZERO;
        let ordered = order.expires_at.map(|at| at.0);
        Ok(Event::Credited {
            transaction: self.books.next_transaction(),
            account,
            kind: match order.kind {
                CreditReason::TopUp => CreditKind::TopUp,
                CreditReason::Grant => CreditKind::Grant,
                CreditReason::Adjustment => CreditKind::Adjustment,
            },
            amount: order.amount.0,
            fee: sale.fee,
            method: order.method.clone().unwrap_or_default(),
            reference: order.reference.clone(),
            expires_at: ordered.or_else(|| terms.end(self.now)).filter(|_| lasts),
            refund_until: sale.refund_until,
            at: self.now,
        })
    }

    /// Gives an account the profile's signup credit, once.
    pub(crate) fn sign_up(&mut self, account: AccountId) -> Result<(), Refusal> {
        let terms = &self.profile.terms;
        let has = self.books.transaction_by_reference(account, SIGNUP).is_some();
        if has || terms.signup_credit.is_zero() {
            return Ok(());
        }
        let event = Event::Credited {
            transaction: self.books.next_transaction(),
            account,
            kind: CreditKind::Signup,
            amount: terms.signup_credit,
            fee: Usd::ZERO,
            method: String::new(),
            reference: SIGNUP.to_owned(),
            expires_at: terms.end(self.now),
            refund_until: None,
            at: self.now,
        };
        self.book_transaction(&event).map(drop).map_err(refused)
    }

    /// Books an event that is a transaction, and lends on what came in by it.
    pub(super) fn book_transaction(&mut self, event: &Event) -> Result<Transaction, BooksError> {
        match self.book(event)? {
            Applied::Transacted(row) => {
                self.lend_more(Purse::Account(row.account));
                Ok(row)
            }
            Applied::Repeated(row) => Ok(row),
            // The books answer a transaction with nothing else.
            _ => Err(BooksError::Overflow),
        }
    }

    /// Gives back what a generation cost.
    pub(crate) fn refund(
        &mut self,
        id: GenerationId,
        by: Refunder,
        reason: String,
    ) -> Result<TransactionView, Refusal> {
        let reason = checked_text("reason", reason)?;
        let owner = match by {
            Refunder::Operator => Owner::Anyone,
            Refunder::Customer(account) => Owner::Account(account),
        };
        let (account, charge) = self.cost_of(id, owner)?;
        if let Some(earlier) = self.books.refunds(id) {
            let by = earlier.transactions.first().map(ToString::to_string).unwrap_or_default();
            return Err(Refusal::Conflict(format!("{id} was refunded before, by {by}")));
        }
        if charge.is_zero() {
            return Err(Refusal::Conflict(format!("{id} cost nothing")));
        }
        let flagged = by != Refunder::Operator;
        if flagged {
            self.check_budget(account, charge)?;
        }
        let event = Event::Refunded {
            transaction: self.books.next_transaction(),
            generation: id,
            account,
            charge,
            amount: charge,
            reference: "refund".into(),
            reason,
            flagged,
            expires_at: self.profile.terms.end(self.now),
            at: self.now,
        };
        let row = self.book_transaction(&event).map_err(refused)?;
        Ok(self.told_transaction(&row))
    }

    /// Whether a customer may still give an amount back to himself.
    fn check_budget(&self, account: AccountId, amount: Usd) -> Result<(), Refusal> {
        let Some(budget) = self.profile.terms.flagged_refunds else {
            return Err(Refusal::Forbidden("refunds are asked of the operator here"));
        };
        if self.books.may_flag(account, amount, budget.amount, budget.since(self.now)) {
            return Ok(());
        }
        let why = "the account's budget for refunds of its own is used up: ask the operator";
        Err(Refusal::Forbidden(why))
    }

    /// Pays back what is left of a top-up, once data planes have returned what they can.
    pub(crate) fn pay_back(
        &mut self,
        lot: TransactionId,
        owner: Owner,
        order: PayBackOrder,
        reply: Reply<TransactionView>,
        since: Instant,
    ) {
        let before = self.register.generation;
        let tried = self.try_pay_back(lot, owner, &order, recall_is_over(since, Instant::now()));
        match tried {
            Ok(None) => {
                let command = Command::PayBack { lot, owner, order, reply };
                self.waiting.until_recalled(since, command);
            }
            Ok(Some(row)) => self.answer_write(before, reply, Ok(self.told_transaction(&row))),
            Err(refusal) => self.answer(reply, Err(refusal)),
        }
    }

    /// `None` while credit is on its way back.
    fn try_pay_back(
        &mut self,
        lot: TransactionId,
        owner: Owner,
        order: &PayBackOrder,
        is_last: bool,
    ) -> Result<Option<Transaction>, Refusal> {
        let reason = checked_text("reason", order.reason.clone())?;
        let top_up = self.books.transaction(lot).filter(|row| row.kind == TransactionKind::TopUp);
        let account = top_up.map(|row| row.account).filter(|account| owner.sees(*account));
        let account = account.ok_or_else(|| Refusal::not_found("top-up", lot))?;
        let named = order.reference.clone();
        let reference = named.unwrap_or_else(|| self.next_pay_back(account, lot));
        let reference = checked_text("reference", reference)?;
        if let Some(earlier) = self.books.transaction_by_reference(account, &reference) {
            let same = earlier.kind == TransactionKind::PayBack && earlier.lot == Some(lot);
            let taken = || Refusal::Conflict(format!("the reference is taken by {}", earlier.id));
            return if same { Ok(Some(earlier.clone())) } else { Err(taken()) };
        }
        let left = self.payable(lot)?;
        let purse = Purse::Account(account);
        let free = self.books.unlent(purse).unwrap_or_default();
        if free < left && !is_last && self.recall(purse, left) {
            return Ok(None);
        }
        if free.is_zero() {
            let message = format!("running requests hold what is left of {lot}: try again");
            return Err(Refusal::Conflict(message));
        }
        let (transaction, amount) = (self.books.next_transaction(), left.min(free));
        let event = Event::PaidBack { transaction, lot, amount, reference, reason, at: self.now };
        self.book_transaction(&event).map(Some).map_err(refused)
    }

    /// The reference of a pay-back that names none: a new one as long as something is left, since
    /// running requests may have kept a part of it back the last time.
    fn next_pay_back(&self, account: AccountId, lot: TransactionId) -> String {
        let is_used = |name: &String| self.books.transaction_by_reference(account, name).is_some();
        let names = (2..).map(|number: u32| format!("pay back {lot} {number}"));
        let mut names = std::iter::once(format!("pay back {lot}")).chain(names).peekable();
        let is_over = self.books.left_of(lot).is_zero();
        let mut last = None;
        while let Some(name) = names.next_if(is_used) {
            last = Some(name);
        }
        last.filter(|_| is_over).or_else(|| names.next()).unwrap_or_default()
    }

    /// What is left of a top-up that may be paid back now.
    fn payable(&self, lot: TransactionId) -> Result<Usd, Refusal> {
        let until = self.books.transaction(lot).and_then(|row| row.refund_until);
        let left = self.books.left_of(lot);
        let refused = match until {
            None => format!("{lot} cannot be paid back"),
            Some(end) if end < self.now => format!("{lot} could be paid back until {end}"),
            Some(_) if left.is_zero() => format!("nothing is left of {lot}"),
            Some(_) => return Ok(left),
        };
        Err(Refusal::Conflict(refused))
    }
}
