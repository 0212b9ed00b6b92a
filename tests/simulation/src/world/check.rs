//! What must hold after each step, whatever happened.

use std::collections::BTreeMap;

use ledger::books::{Books, TransactionKind, audit};
use ledger::{Purse, TransactionId};
use units::{AccountId, GenerationId, KeyId, UnixMillis};

use super::World;
use crate::records::usd;
use crate::truth::{FLAGGED_MOST, FLAGGED_WITHIN_MS, OrderState, What};

/// Identities that hold once all records that were written are settled: a hold may be seen before
/// the end that freed its credit, if that stands in another ring.
const WHEN_ALL_IS_SETTLED: [&str; 2] = [
    "no lease holds more than is outstanding",
    "no account is overspent: not lent, or available, below 0",
];

impl World {
    /// After each step.
    pub(super) fn check(&self) {
        for account in [1, 2].map(AccountId) {
            let used = self.truth.used(account);
            let (_, most) = self.truth.credit(account);
            let ended = if self.closes_a_lost_epoch() { 0 } else { self.expired(account) };
            assert!(used + ended <= most, "{account} has {most}, {ended} ended, {used} is used");
        }
        for (key, limit) in self.limits {
            let used = self.truth.used_by_key(key);
            assert!(used <= limit, "key {} may use {limit} and uses {used}", key.0);
        }
        let Some(ledger) = &self.control.process else { return };
        self.check_flagged(&ledger.books);
        for identity in audit::audit(&ledger.books).identities {
            let excused = WHEN_ALL_IS_SETTLED.contains(&identity.name);
            assert!(identity.ok || excused, "{identity:?}");
        }
    }

    /// What customers refund to themselves is counted, and stays within what they may.
    fn check_flagged(&self, books: &Books) {
        let since = UnixMillis(self.now.0.saturating_sub(FLAGGED_WITHIN_MS));
        for account in [1, 2].map(AccountId) {
            let (least, most) = self.truth.flagged(account, self.now);
            let counted = books.flagged_since(account, since).pico() as i64;
            let is_so = (least..=most).contains(&counted);
            assert!(is_so, "{account}: {counted} is flagged, not {least} to {most}");
            assert!(least <= FLAGGED_MOST, "{account} took {least} back by itself");
        }
    }

    /// Whether an epoch whose journal is lost is closed in books that are not on disk yet. What
    /// then ends of its credit rests on its requests being free, which is noted with the disk.
    fn closes_a_lost_epoch(&self) -> bool {
        let Some(ledger) = &self.control.process else { return false };
        let is_open = |(plane, epoch)| ledger.books.open_epochs(plane).any(|open| open == epoch);
        self.truth.lost.iter().any(|name| !is_open(*name))
    }

    /// What has ended of an account's credit, as far as the ledger runs to tell.
    pub(super) fn expired(&self, account: AccountId) -> i64 {
        let ledger = self.control.process.as_ref();
        let rows = ledger.map_or(&[][..], |ledger| ledger.books.transactions()).iter();
        let of_it = rows.filter(|row| row.account == account);
        let ends = of_it.filter(|row| row.kind == TransactionKind::Expiry);
        -ends.map(|row| row.amount.pico() as i64).sum::<i64>()
    }

    /// After a start of the ledger: what was told is there, and what is not there never will be.
    pub(super) fn resolve_orders(&mut self) {
        let ledger = self.control.process.as_ref().expect("it was just started");
        let books = &ledger.books;
        for order in &mut self.truth.orders {
            let rows = books.transactions().iter();
            let found = rows.clone().find(|row| *row.reference == *order.reference);
            match (order.state, found) {
                (OrderState::Void, Some(row)) => panic!("{order:?} was refused, and is {row:?}"),
                (OrderState::Told(_), None) => panic!("{order:?} was told and is lost"),
                (OrderState::Asked, None) => order.state = OrderState::Void,
                (_, Some(row)) => {
                    assert_eq!(row.amount, usd(order.amount), "{order:?}");
                    order.state = OrderState::Told(row.id);
                }
                (OrderState::Void, None) => {}
            }
        }
    }

    /// When nothing is on its way: the books say what happened, to the last picodollar.
    pub(super) fn check_at_rest(&mut self) {
        self.chronicle.check(&self.truth, true);
        let ledger = self.control.process.as_ref().expect("it runs");
        let report = audit::audit(&ledger.books);
        assert!(report.ok, "{report:?}");
        for account in [1, 2].map(AccountId) {
            let view = ledger.books.account(account).expect("it was opened");
            let (least, most) = self.truth.credit(account);
            assert_eq!(least, most, "an order was never answered");
            let charged = self.truth.charged(account);
            assert_eq!(view.spent, usd(charged), "spent of {account}");
            let ended = self.expired(account);
            assert_eq!(view.balance, usd(least - charged - ended), "balance of {account}");
            assert_eq!(view.held, usd(0), "held of {account}");
            assert!(!view.balance.is_negative(), "{account} is overspent: {}", view.balance);
            let ends = self.truth.deeds.values().filter(|deed| deed.account == account);
            let written_off = ends.map(|deed| deed.written_off()).sum::<i64>();
            assert_eq!(view.written_off, usd(written_off), "written off of {account}");
            let refunded = self.truth.told(account, |what| matches!(what, What::Refund(..)));
            assert_eq!(view.refunded, usd(refunded), "refunded of {account}");
            let paid_back = self.truth.told(account, |what| matches!(what, What::PayBack(_)));
            assert_eq!(view.paid_back, usd(-paid_back), "paid back of {account}");
        }
        self.check_refunds();
        self.check_pay_backs();
        self.check_expiries();
        for key in (1..=4).map(KeyId) {
            let view = ledger.books.key(key).expect("it was made");
            assert_eq!(view.used, usd(self.truth.charged_to_key(key)), "used of key {}", key.0);
        }
        self.check_cells();
    }

    /// Nothing went back twice, or beyond what it had cost.
    fn check_refunds(&self) {
        let mut refunds: BTreeMap<GenerationId, i64> = BTreeMap::new();
        for order in &self.truth.orders {
            if let (What::Refund(id, _), true) = (order.what, order.state != OrderState::Void) {
                *refunds.entry(id).or_default() += order.amount;
            }
        }
        for (id, refunded) in refunds {
            let charged = self.truth.deeds[&id].charged();
            assert!(refunded <= charged, "{refunded} of {id} went back, it was charged {charged}");
        }
    }

    /// Only top-ups went back to who paid them, in their time, and none beyond its amount.
    fn check_pay_backs(&self) {
        let ledger = self.control.process.as_ref().expect("it runs");
        let mut left: BTreeMap<TransactionId, (i64, Option<UnixMillis>)> = BTreeMap::new();
        for order in &self.truth.orders {
            match (order.what, order.state) {
                (What::Credit(_, _, until), OrderState::Told(lot)) => {
                    left.insert(lot, (order.amount, until));
                }
                (What::PayBack(lot), OrderState::Told(row)) => {
                    let (rest, until) = left.get_mut(&lot).expect("it was told before");
                    *rest += order.amount;
                    let at = ledger.books.transaction(row).expect("it was told").at;
                    let in_time = until.is_some_and(|until| at <= until);
                    assert!(*rest >= 0 && in_time, "{order:?} at {at:?}: {rest}, until {until:?}");
                }
                _ => {}
            }
        }
    }

    /// Only credits whose time has come have ended, and all that was left of them has.
    fn check_expiries(&self) {
        let ledger = self.control.process.as_ref().expect("it runs");
        for order in &self.truth.orders {
            let (What::Credit(_, expires_at, _), OrderState::Told(lot)) = (order.what, order.state)
            else {
                continue;
            };
            let ends = ledger
                .books
                .transactions()
                .iter()
                .filter(|row| row.kind == TransactionKind::Expiry && row.lot == Some(lot));
            for row in ends {
                let in_time = expires_at.is_some_and(|end| end <= row.at);
                assert!(in_time, "{order:?} ended too early: {row:?}");
            }
            let is_due = expires_at.is_some_and(|end| end.plus_ms(10_000) <= self.now);
            let left = ledger.books.left_of(lot);
            assert!(!is_due || left.is_zero(), "{left} is left of {order:?}");
        }
    }

    /// What each cell has is what its lease has.
    fn check_cells(&self) {
        let ledger = self.control.process.as_ref().expect("it runs");
        for machine in &self.planes {
            let process = machine.process.as_ref().expect("it runs");
            let (dataplane, epoch) = process.name;
            for purse in purses() {
                let lease = ledger.books.lease(dataplane, epoch, purse).copied();
                let lease = lease.unwrap_or_default();
                let here = lease.confirmed.pico() - lease.settled.pico() - lease.returned.pico();
                assert_eq!(i128::from(process.free(purse)), here, "{purse} of {dataplane:?}");
                assert_eq!(process.held(purse), 0, "{purse} of {dataplane:?} holds nothing");
            }
        }
    }

    /// When every lease has gone back: all credit is there to be lent.
    pub(super) fn check_returned(&self) {
        let ledger = self.control.process.as_ref().expect("it runs");
        for machine in &self.planes {
            let (dataplane, epoch) = machine.process.as_ref().expect("it runs").name;
            let open: Vec<_> = ledger.books.open_epochs(dataplane).collect();
            assert_eq!(open, [epoch], "epochs of {dataplane:?} stay open");
        }
        for purse in purses() {
            let lent: i128 = ledger.books.lent(purse).map(|(.., l)| l.outstanding().pico()).sum();
            assert_eq!(lent, 0, "something of {purse} is still lent");
        }
        for account in [1, 2].map(AccountId) {
            let view = ledger.books.account(account).expect("it was opened");
            assert_eq!(view.unlent, view.balance, "{account}");
        }
    }
}

fn purses() -> impl Iterator<Item = Purse> {
    let accounts = [1, 2].map(|id| Purse::Account(AccountId(id)));
    let keys = [2, 4].map(|id| Purse::Key(KeyId(id)));
    accounts.into_iter().chain(keys)
}
