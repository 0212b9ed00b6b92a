//! The books as plain lists: everything is counted anew, by loops over all that ever happened.

mod count;
mod lots;

use units::{AccountId, DataPlaneId, Epoch, KeyId, OfferId, Usd};

use crate::event::CreditKind;
use crate::record::Hold;
use crate::{Event, Purse, Record, Run};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    New,
    Nothing,
    Refused,
}

type Name = (DataPlaneId, Epoch);

/// A transaction, and what its account had spent when it came.
#[derive(Clone)]
struct Transacted {
    event: Event,
    account: AccountId,
    spent: i128,
}

#[derive(Clone)]
pub(super) struct Reference {
    offers: u32,
    accounts: Vec<AccountId>,
    keys: Vec<(KeyId, AccountId, Option<Usd>)>,
    transactions: Vec<Transacted>,
    opened: Vec<Name>,
    closed: Vec<Name>,
    lent: Vec<(Name, Purse, i128)>,
    records: Vec<(Name, u16, u64, Record)>,
}

impl Reference {
    pub(super) fn new(offers: u32) -> Self {
        let (accounts, keys, transactions) = (vec![], vec![], vec![]);
        let (opened, closed, lent, records) = (vec![], vec![], vec![], vec![]);
        Self { offers, accounts, keys, transactions, opened, closed, lent, records }
    }

    pub(super) fn apply(&mut self, event: &Event) -> Verdict {
        match event {
            Event::AccountOpened { account, .. } => self.accounts.push(*account),
            Event::KeyMade { key, account, limit, .. } => self.keys.push((*key, *account, *limit)),
            Event::KeyChanged { key, limit, .. } => {
                let row = self.keys.iter_mut().find(|(id, ..)| id == key).unwrap();
                row.2 = *limit;
            }
            Event::Credited { .. }
            | Event::Expired { .. }
            | Event::PaidBack { .. }
            | Event::Refunded { .. } => {
                let verdict = self.judge_transaction(event);
                if verdict == Verdict::New {
                    let account = self.account_of(event).unwrap();
                    let spent = self.settled(None, Purse::Account(account));
                    self.transactions.push(Transacted { event: event.clone(), account, spent });
                }
                return verdict;
            }
            Event::EpochOpened { dataplane, epoch } => self.opened.push((*dataplane, *epoch)),
            Event::EpochClosed { dataplane, epoch } => return self.close((*dataplane, *epoch)),
            Event::Lent { dataplane, epoch, purse, amount } => {
                let name = (*dataplane, *epoch);
                let enough = self.unlent(*purse).is_some_and(|unlent| unlent >= amount.pico());
                if amount.pico() <= 0 || !enough {
                    return Verdict::Refused;
                }
                self.lent.push((name, *purse, amount.pico()));
            }
            Event::Returned { dataplane, epoch, purse, amount } => {
                let name = (*dataplane, *epoch);
                let free = self.outstanding(name, *purse) - self.held(name, *purse);
                if amount.pico() <= 0 || amount.pico() > free {
                    return Verdict::Refused;
                }
                self.lent.push((name, *purse, -amount.pico()));
            }
            Event::Settled { dataplane, epoch, run } => {
                return self.settle((*dataplane, *epoch), run);
            }
            _ => {}
        }
        Verdict::New
    }

    fn judge_transaction(&self, event: &Event) -> Verdict {
        match event {
            Event::Credited { account, reference, .. } => {
                if !self.accounts.contains(account) {
                    return Verdict::Refused;
                }
                match self.named(*account, reference) {
                    Some(earlier) => same_credit(earlier, event),
                    None => self.judge_credit(event),
                }
            }
            Event::Expired { .. } | Event::PaidBack { .. } => self.judge_loss(event),
            Event::Refunded { generation, account, charge, amount, reference, .. } => {
                let mut refunded = 0;
                for Transacted { event: earlier, .. } in &self.transactions {
                    if let Event::Refunded { generation: of, amount: back, reference: name, .. } =
                        earlier
                        && of == generation
                    {
                        if name == reference {
                            let same = back == amount;
                            return if same { Verdict::Nothing } else { Verdict::Refused };
                        }
                        refunded += back.pico();
                    }
                }
                let settled = self.posts().contains(&(*generation, *account, *charge));
                let within = refunded + amount.pico() <= charge.pico();
                new_if(settled && within && amount.pico() > 0)
            }
            _ => Verdict::New,
        }
    }

    fn judge_credit(&self, event: &Event) -> Verdict {
        let Event::Credited { account, kind, amount, fee, expires_at, refund_until, .. } = event
        else {
            return Verdict::Refused;
        };
        let negative = amount.pico() < 0;
        let sign = amount.pico() > 0 || (*kind == CreditKind::Adjustment && negative);
        let paid = *kind == CreditKind::TopUp || (fee.is_zero() && refund_until.is_none());
        let left = self.unlent(Purse::Account(*account)).unwrap() + amount.pico();
        let there = !negative || (left >= 0 && expires_at.is_none());
        new_if(sign && paid && fee.pico() >= 0 && there)
    }

    fn close(&mut self, name: Name) -> Verdict {
        if self.closed.contains(&name) {
            return Verdict::Nothing;
        }
        assert!(self.opened.contains(&name));
        if !self.open_holds(name).is_empty() {
            return Verdict::Refused;
        }
        self.closed.push(name);
        Verdict::New
    }

    fn settle(&mut self, name: Name, run: &Run) -> Verdict {
        let mark = self.watermark(name, run.ring);
        if self.closed.contains(&name) || run.end_seq() <= mark {
            return Verdict::Nothing;
        }
        let before = self.records.len();
        let taken = run.first_seq == mark
            && run.records().all(|entry| {
                let record = entry.ok().and_then(|entry| entry.decode().ok());
                record.is_some_and(|record| self.take(name, run.ring, record))
            });
        if !taken {
            self.records.truncate(before);
        }
        new_if(taken)
    }

    /// Takes one record, if it is possible after all the others.
    fn take(&mut self, name: Name, ring: u16, record: Record) -> bool {
        let lent = |purse: &Purse| self.lent.iter().any(|(of, to, _)| (*of, to) == (name, purse));
        if !self.possible(name, ring, &record) || !leased(&record).iter().all(lent) {
            return false;
        }
        let seq = self.watermark(name, ring);
        self.records.push((name, ring, seq, record));
        let kept = self.lent.iter().all(|(_, purse, _)| {
            let known = self.confirmed(name, *purse) <= self.granted(name, *purse);
            known && self.outstanding(name, *purse) >= 0
        });
        if !kept {
            self.records.pop();
        }
        kept
    }

    fn possible(&self, name: Name, ring: u16, record: &Record) -> bool {
        let small = |amount: Usd| amount.pico() >= 0 && amount.pico() <= i128::from(i64::MAX);
        let known = |offer: OfferId| offer.0 < self.offers;
        let holds = self.open_holds(name);
        let open = |seq: u64| holds.iter().find(|(of, at, _)| (*of, *at) == (ring, seq));
        let same = |seq, payer| {
            let of = |hold: &Hold| (hold.account, hold.key, hold.key_limited, hold.amount);
            open(seq).is_some_and(|(.., hold)| of(hold) == payer)
        };
        match record {
            Record::Hold(hold) => {
                let owner = (hold.key, hold.account);
                let owned = self.keys.iter().any(|(id, of, _)| (*id, *of) == owner);
                known(hold.offer) && small(hold.amount) && owned
            }
            Record::Progress(progress) => {
                open(progress.hold_seq).is_some() && small(progress.charge)
            }
            Record::Post(post) => {
                let (charge, excess) = (post.charge, post.excess);
                let amounts = [charge, excess.from_free, excess.written_off, post.list_cost];
                let beyond = excess.from_free.pico() + excess.written_off.pico() > 0;
                let payer = (post.account, post.key, post.key_limited, post.held);
                known(post.offer)
                    && amounts.into_iter().all(small)
                    && (charge < post.held && !beyond || charge == post.held)
                    && same(post.hold_seq, payer)
            }
            Record::Void(void) => {
                let payer = (void.account, void.key, void.key_limited, void.held);
                known(void.offer) && same(void.hold_seq, payer)
            }
            Record::Grant { amount, .. } | Record::Return { amount, .. } => small(*amount),
        }
    }
}

/// The same reference again: the same credit, or a mistake.
fn same_credit(earlier: &Event, event: &Event) -> Verdict {
    let named = |event: &Event| match event {
        Event::Credited { kind, amount, .. } => Some((*kind, *amount)),
        _ => None,
    };
    if named(earlier) == named(event) { Verdict::Nothing } else { Verdict::Refused }
}

/// The purses that must be lent to an epoch that writes this.
fn leased(record: &Record) -> Vec<Purse> {
    let of = |account, key, limited: bool, needed: bool| {
        let key = limited.then_some(Purse::Key(key));
        let both = [Some(Purse::Account(account)), key].into_iter().flatten();
        both.filter(|_| needed).collect()
    };
    match record {
        Record::Hold(hold) => of(hold.account, hold.key, hold.key_limited, !hold.amount.is_zero()),
        Record::Post(post) => {
            of(post.account, post.key, post.key_limited, !post.excess.from_free.is_zero())
        }
        Record::Grant { purse, .. } | Record::Return { purse, .. } => vec![*purse],
        Record::Progress(_) | Record::Void(_) => vec![],
    }
}

fn new_if(possible: bool) -> Verdict {
    if possible { Verdict::New } else { Verdict::Refused }
}
