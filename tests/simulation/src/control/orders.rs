//! What operators and customers ask of the ledger: credit, refunds, limits.

use ledger::books::{Applied, BooksError};
use ledger::contact;
use ledger::desk::{self, Booking};
use ledger::event::CreditKind;
use ledger::{Event, Purse, TransactionId};
use units::{AccountId, DataPlaneId, KeyId, OfferId, UnixMillis};

use super::{After, Ledger};
use crate::records::usd;
use crate::truth::{FLAGGED_MOST, FLAGGED_WITHIN_MS, Order, OrderState, Truth, What};

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
        if order.state == OrderState::Asked && !self.may_flag(order, now) {
            self.after.push(After::Told(number, OrderState::Void));
            return;
        }
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
                // More was refunded or spent meanwhile, or the time is over.
                let may_fail = !matches!(order.what, What::Credit(..));
                assert!(may_fail, "a good order was refused: {error}");
                self.after.push(After::Told(number, OrderState::Void));
            }
        }
    }

    /// Whether a customer may take a charge back, if that is the order.
    fn may_flag(&self, order: &Order, now: UnixMillis) -> bool {
        let since = UnixMillis(now.0.saturating_sub(FLAGGED_WITHIN_MS));
        let (amount, budget) = (usd(order.amount), usd(FLAGGED_MOST));
        let is_flagged = matches!(order.what, What::Refund(_, true));
        !is_flagged || self.books.may_flag(order.account, amount, budget, since)
    }

    /// Tries orders that wait for credit again; gives them up where `is_over`.
    pub(crate) fn retry(&mut self, truth: &Truth, now: UnixMillis, is_over: bool) {
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

    /// What the clock brings: credits end, and data planes that are lost lose their leases.
    pub(crate) fn tick(&mut self, now: UnixMillis) {
        let mut expiries = std::mem::take(&mut self.expiries);
        let asked = expiries.end_due(self, now).expect("what is unlent can end");
        self.expiries = expiries;
        asked.into_iter().for_each(|(purse, wanted)| self.recall(purse, wanted));
        for (plane, heard) in self.heard.clone() {
            if contact::is_lost(heard, now) {
                self.fence(plane);
                self.heard.remove(&plane);
            }
        }
    }

    /// Ends what has come back of credits whose time has come.
    pub(crate) fn end_returned(&mut self, now: UnixMillis) {
        let mut expiries = std::mem::take(&mut self.expiries);
        expiries.end_returned(self, now).expect("what is unlent can end");
        self.expiries = expiries;
    }

    /// Takes away what a data plane had borrowed, in all its epochs.
    pub(crate) fn fence(&mut self, plane: usize) {
        let dataplane = DataPlaneId(plane as u16 + 1);
        self.links.remove(&plane);
        let open: Vec<_> = self.books.open_epochs(dataplane).collect();
        for epoch in open {
            let purses = desk::fence(self, (dataplane, epoch)).expect("the epoch is open");
            purses.into_iter().for_each(|purse| self.lend_more(purse));
        }
    }

    /// Changes a key's limit, and takes back what is lent beyond it.
    pub(crate) fn limit(&mut self, key: KeyId, limit: i64) {
        let changed = Event::KeyChanged { key, limit: Some(usd(limit)), row: "{}".into() };
        self.book(&changed).expect("a key may be changed");
        let purse = Purse::Key(key);
        self.recall(purse, self.books.overlent(purse));
        self.lend_more(purse);
    }
}

fn event_of(order: &Order, truth: &Truth, transaction: TransactionId, at: UnixMillis) -> Event {
    let Order { account, what, ref reference, .. } = *order;
    let (amount, reference) = (usd(order.amount), reference.clone());
    let reason = String::from("asked for");
    match what {
        What::Credit(kind, expires_at, refund_until) => Event::Credited {
            transaction,
            account,
            kind,
            amount,
            fee: usd(if kind == CreditKind::TopUp { order.amount / 20 } else { 0 }),
            method: String::new(),
            reference,
            expires_at,
            refund_until,
            at,
        },
        What::PayBack(lot) => {
            let amount = usd(-order.amount);
            Event::PaidBack { transaction, lot, amount, reference, reason, at }
        }
        What::Refund(generation, flagged) => Event::Refunded {
            transaction,
            generation,
            account,
            charge: usd(truth.deeds[&generation].charged()),
            amount,
            reference,
            reason,
            flagged,
            expires_at: None,
            at,
        },
    }
}
