//! What operators and customers ask of the ledger: credit, refunds, limits.

use ledger::books::{Applied, BooksError};
use ledger::desk::Booking;
use ledger::event::CreditKind;
use ledger::{Event, Purse};
use units::{AccountId, KeyId, OfferId, UnixMillis};

use super::{After, Ledger};
use crate::records::usd;
use crate::truth::{Order, OrderState, Truth};

impl Ledger {
    /// The first events of all: a catalog, two accounts, two keys of each.
    pub(crate) fn furnish(&mut self, limit: i64) {
        let new_offers = (0..2).map(|id| (OfferId(id), format!("offer {id}"))).collect();
        let catalog = Event::CatalogApplied { rows_json: "{}".into(), offers: vec![], new_offers };
        self.book(&catalog).expect("a first catalog");
        for account in [1, 2].map(AccountId) {
            let (name, at) = (account.to_string(), UnixMillis(1));
            self.book(&Event::AccountOpened { account, name, at }).expect("a new account");
        }
        for key in 1..=4_u64 {
            let (limit, row) = (key.is_multiple_of(2).then_some(usd(limit)), String::from("{}"));
            let account = AccountId(key.div_ceil(2));
            let made = Event::KeyMade { key: KeyId(key), account, limit, row };
            self.book(&made).expect("a new key");
        }
    }

    /// Takes an order. Given twice, it is done once.
    pub(crate) fn order(&mut self, number: usize, truth: &Truth, now: UnixMillis) {
        let order = &truth.orders[number];
        match self.book(&event_of(order, truth, self.books.next_transaction(), now)) {
            Ok(Applied::Transacted(row) | Applied::Repeated(row)) => {
                self.after.push(After::Told(number, OrderState::Told(row.id)));
                if order.amount > 0 {
                    self.lend_more(Purse::Account(order.account));
                }
            }
            Ok(other) => panic!("an order came to {other:?}"),
            Err(BooksError::NotEnough { purse, wanted, .. }) => {
                self.recall(purse, wanted);
                self.waiting.push(number);
            }
            Err(error) => {
                let beyond = order.kind.is_none();
                assert!(beyond, "a good order was refused: {error}");
                self.after.push(After::Told(number, OrderState::Void));
            }
        }
    }

    /// Ends the credits whose time has come, and asks for what is lent of them. How many entries
    /// that made.
    pub(crate) fn end_credits(&mut self, now: UnixMillis) -> u64 {
        let before = self.books.next_transaction();
        let mut expiries = std::mem::take(&mut self.expiries);
        let asked = expiries.end_due(self, now).expect("what is due may end");
        self.expiries = expiries;
        asked.into_iter().for_each(|(purse, wanted)| self.recall(purse, wanted));
        self.books.next_transaction().0 - before.0
    }

    /// Tries orders that wait for credit again; gives them up where `is_over`. What has come back
    /// of a credit that is due ends first.
    pub(crate) fn retry(&mut self, truth: &Truth, now: UnixMillis, is_over: bool) {
        let mut expiries = std::mem::take(&mut self.expiries);
        expiries.end_returned(self, now).expect("what is due may end");
        self.expiries = expiries;
        for number in std::mem::take(&mut self.waiting) {
            if truth.orders[number].state != OrderState::Asked {
                continue;
            }
            self.order(number, truth, now);
            if is_over && self.waiting.last() == Some(&number) {
                self.waiting.pop();
                self.after.push(After::Told(number, OrderState::Void));
            }
        }
    }

    /// Changes a key's limit, and takes back what is lent beyond it.
    pub(crate) fn limit(&mut self, key: KeyId, limit: i64) {
        let changed = Event::KeyChanged { key, limit: Some(usd(limit)), row: "{}".into() };
        self.book(&changed).expect("a key may be changed");
        let purse = Purse::Key(key);
        self.recall(purse, usd(0));
        self.lend_more(purse);
    }
}

fn event_of(
    order: &Order,
    truth: &Truth,
    transaction: ledger::TransactionId,
    at: UnixMillis,
) -> Event {
    let Order { account, kind, generation, amount, ends, ref reference, .. } = *order;
    let fee = if kind == Some(CreditKind::TopUp) { usd(amount / 20) } else { usd(0) };
    let (amount, reference) = (usd(amount), reference.clone());
    match kind {
        Some(kind) => Event::Credited {
            transaction,
            account,
            kind,
            amount,
            fee,
            method: String::new(),
            reference,
            expires_at: ends,
            refund_until: None,
            at,
        },
        None => {
            let charge = usd(truth.deeds[&generation].charged());
            let reason = String::from("asked for");
            Event::Refunded {
                transaction,
                generation,
                account,
                charge,
                amount,
                reference,
                reason,
                flagged: false,
                expires_at: ends,
                at,
            }
        }
    }
}
