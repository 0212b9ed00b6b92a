//! Credit, counted naively: each lot's life told again from the first transaction on.

use units::AccountId;

use super::{Reference, Transacted, Verdict, new_if};
use crate::books::Books;
use crate::event::CreditKind;
use crate::{Event, Purse, TransactionId};

/// What became of a credit so far.
#[derive(Clone, Debug, Default, PartialEq)]
struct Lot {
    id: u64,
    given: bool,
    ends: u64,
    amount: i128,
    left: i128,
    spent: i128,
    taken: i128,
    paid_back: i128,
    expired: i128,
}

/// Takes money from whichever lot is next, until all of it is taken.
fn take(lots: &mut [Lot], mut amount: i128, of: fn(&mut Lot) -> &mut i128) {
    while amount > 0 {
        let open = lots.iter_mut().filter(|lot| lot.left > 0);
        let next = open.min_by_key(|lot| (!lot.given, lot.ends, lot.id)).expect("credit is left");
        let part = amount.min(next.left);
        next.left -= part;
        *of(next) += part;
        amount -= part;
    }
}

impl Reference {
    fn lots(&self, account: AccountId) -> Vec<Lot> {
        let (mut lots, mut spent): (Vec<Lot>, _) = (Vec::new(), 0);
        let mine = self.transactions.iter().zip(1..).filter(|(row, _)| row.account == account);
        for (Transacted { event, spent: then, .. }, id) in mine {
            take(&mut lots, then - spent, |lot| &mut lot.spent);
            spent = *then;
            let never = u64::MAX;
            match event {
                Event::Credited { kind, amount, expires_at, .. } if amount.pico() >= 0 => {
                    let given = matches!(kind, CreditKind::Grant | CreditKind::Signup);
                    let ends = expires_at.map_or(never, |at| at.0);
                    let (amount, left) = (amount.pico(), amount.pico());
                    lots.push(Lot { id, given, ends, amount, left, ..Lot::default() });
                }
                Event::Credited { amount, .. } => {
                    take(&mut lots, -amount.pico(), |lot| &mut lot.taken);
                }
                Event::Refunded { amount, expires_at, .. } => {
                    let ends = expires_at.map_or(never, |at| at.0);
                    let (amount, left) = (amount.pico(), amount.pico());
                    lots.push(Lot { id, ends, amount, left, ..Lot::default() });
                }
                Event::Expired { lot, amount, .. } => {
                    let lot = lots.iter_mut().find(|of| of.id == lot.0).unwrap();
                    lot.left -= amount.pico();
                    lot.expired += amount.pico();
                }
                Event::PaidBack { lot, amount, .. } => {
                    let lot = lots.iter_mut().find(|of| of.id == lot.0).unwrap();
                    lot.left -= amount.pico();
                    lot.paid_back += amount.pico();
                }
                _ => {}
            }
        }
        let now = self.settled(None, Purse::Account(account));
        take(&mut lots, now - spent, |lot| &mut lot.spent);
        lots
    }

    /// Holds lots and statement of an account against the lists.
    pub(super) fn check_lots(&self, account: AccountId, books: &Books) {
        let mut mine = self.lots(account);
        mine.sort_by_key(|lot| (!lot.given, lot.ends, lot.id));
        let shown = books.lots(account);
        let told: Vec<Lot> = shown
            .iter()
            .map(|lot| Lot {
                id: lot.id.0,
                given: mine.iter().any(|own| own.id == lot.id.0 && own.given),
                ends: lot.expires_at.map_or(u64::MAX, |at| at.0),
                amount: lot.amount.pico(),
                left: lot.left.pico(),
                spent: lot.spent.pico(),
                taken: lot.taken.pico(),
                paid_back: lot.paid_back.pico(),
                expired: lot.expired.pico(),
            })
            .collect();
        assert_eq!(told, mine);
        let left: i128 = mine.iter().map(|lot| lot.left).sum();
        assert_eq!(left, self.balance(account));
        let mut balance = self.balance(account);
        for row in books.statement(account).unwrap() {
            assert_eq!(row.balance_after.pico(), balance);
            balance -= row.amount.pico();
        }
        assert_eq!(balance, 0, "a statement begins with nothing");
    }

    /// The account of a transaction; `None` if it takes from a credit that never was.
    pub(super) fn account_of(&self, event: &Event) -> Option<AccountId> {
        match event {
            Event::Credited { account, .. } | Event::Refunded { account, .. } => Some(*account),
            Event::Expired { lot, .. } | Event::PaidBack { lot, .. } => {
                let row = self.transactions.get(usize::try_from(lot.0).unwrap().wrapping_sub(1))?;
                let began = match &row.event {
                    Event::Credited { amount, .. } => amount.pico() >= 0,
                    event => matches!(event, Event::Refunded { .. }),
                };
                began.then_some(row.account)
            }
            _ => None,
        }
    }

    /// Whether credit of a lot may leave its account.
    pub(super) fn judge_loss(&self, event: &Event) -> Verdict {
        let Some(account) = self.account_of(event) else { return Verdict::Refused };
        let (lot, amount, in_time) = match event {
            Event::Expired { lot, amount, at, .. } => {
                let end = self.ends(*lot).0;
                (lot, amount, end.is_some_and(|end| end <= at.0))
            }
            Event::PaidBack { lot, amount, reference, at, .. } => {
                if let Some(earlier) = self.named(account, reference) {
                    let same = matches!(
                        earlier,
                        Event::PaidBack { lot: of, amount: back, .. } if (of, back) == (lot, amount)
                    );
                    return if same { Verdict::Nothing } else { Verdict::Refused };
                }
                let end = self.ends(*lot).1;
                (lot, amount, end.is_some_and(|end| end >= at.0))
            }
            _ => return Verdict::Refused,
        };
        let left = self.lots(account).iter().find(|of| of.id == lot.0).unwrap().left;
        let unlent = self.unlent(Purse::Account(account)).unwrap();
        let amount = amount.pico();
        new_if(in_time && amount > 0 && amount <= left && amount <= unlent)
    }

    /// When a lot ends, and until when it can be paid back.
    fn ends(&self, lot: TransactionId) -> (Option<u64>, Option<u64>) {
        match &self.transactions[lot.0 as usize - 1].event {
            Event::Credited { expires_at, refund_until, .. } => {
                (expires_at.map(|at| at.0), refund_until.map(|at| at.0))
            }
            Event::Refunded { expires_at, .. } => (expires_at.map(|at| at.0), None),
            _ => (None, None),
        }
    }

    /// The transaction of an account that has a reference.
    pub(super) fn named(&self, account: AccountId, name: &str) -> Option<&Event> {
        let mine = self.transactions.iter().filter(|row| row.account == account);
        let mut events = mine.map(|row| &row.event);
        events.find(|event| match event {
            Event::Credited { reference, .. } | Event::PaidBack { reference, .. } => {
                reference == name
            }
            _ => false,
        })
    }
}
