//! What really happened, kept apart from all books: the oracle.
//!
//! It knows each request by its id, which of its records stood in which batch, and what an operator
//! was told. From that it foretells, in the simplest way, what every request must be charged after
//! whatever crash: its exact cost if its end was in a batch that survived, else what its last
//! surviving progress shows, else nothing.
//! Invariant: nothing here is read from books, borrowers or cells.

use std::collections::{BTreeMap, BTreeSet};

use ledger::TransactionId;
use ledger::event::CreditKind;
use units::{AccountId, DataPlaneId, Epoch, GenerationId, KeyId, UnixMillis};

/// What customers may refund to themselves within [`FLAGGED_WITHIN_MS`].
pub(crate) const FLAGGED_MOST: i64 = 60;
/// How long such a refund counts.
pub(crate) const FLAGGED_WITHIN_MS: u64 = 4_000;

/// An epoch's full name.
pub(crate) type Name = (DataPlaneId, Epoch);

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    /// Who pays.
    pub(crate) account: AccountId,
    /// With which key.
    pub(crate) key: KeyId,
    /// What was held.
    pub(crate) held: i64,
    /// Each progress record: its place in the ring, and what it shows.
    pub(crate) progress: Vec<(u64, i64)>,
    /// Its end: the place in the ring, what it charges, and what was written off.
    pub(crate) end: Option<(u64, i64, i64)>,
    /// What it must come to, once that is certain; `None` = no trace of it.
    pub(crate) fate: Fate,
    /// Its epoch was fenced before it was settled: it costs its customer nothing.
    pub(crate) is_written_off: bool,
}

/// What must become of a request in the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Its process lives: it will end as it ends.
    Open,
    /// Its process died before the hold was in a batch, or the batch is lost: nobody will ever hear
    /// how it ended.
    Forgotten,
    /// It is charged this, and so much is written off.
    Charged(i64, i64),
}

/// An order of an operator or customer that moves credit.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// Whose.
    pub(crate) account: AccountId,
    /// What is asked for.
    pub(crate) what: What,
    /// What it adds to the credit.
    pub(crate) amount: i64,
    /// Its reference.
    pub(crate) reference: String,
    /// When it was given.
    pub(crate) at: UnixMillis,
    /// What became of it.
    pub(crate) state: OrderState,
}

/// What an order asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Credit comes in, or is taken away; what is left of it may end, or be paid back until then.
    Credit(CreditKind, Option<UnixMillis>, Option<UnixMillis>),
    /// A part of a generation's charge goes back; whether its customer says so.
    Refund(GenerationId, bool),
    /// What is left of a top-up is paid back.
    PayBack(TransactionId),
}

/// What is known of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrderState {
    /// It was given; no answer came.
    Asked,
    /// It was answered: done, as this transaction. It must never be lost.
    Told(TransactionId),
    /// It was refused, or it is certain that it was lost on the way.
    Void,
}

/// How an epoch's journal came about: where each ring ended with each batch.
#[derive(Clone, Debug, Default)]
struct Chain {
    /// Ends of the rings by batch; batch `n` stands at `n - 1`.
    ends: Vec<Vec<u64>>,
    durable: u64,
    is_over: bool,
}

/// Everything that happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Truth {
    /// All requests.
    pub(crate) deeds: BTreeMap<GenerationId, Deed>,
    /// All orders.
    pub(crate) orders: Vec<Order>,
    /// Epochs that the ledger has welcomed. What others wrote (it cannot have cost anything, for
    /// nothing was lent to them) is in no books.
    pub(crate) welcomed: BTreeSet<Name>,
    /// Epochs whose leases the ledger took away.
    pub(crate) fenced: BTreeSet<Name>,
    /// Epochs whose journals are lost, until the ledger has closed them.
    pub(crate) lost: BTreeSet<Name>,
    chains: BTreeMap<Name, Chain>,
}

impl Truth {
    /// A batch of an epoch is about to be written: where its rings then end.
    pub(crate) fn attempt(&mut self, name: Name, batch: u64, ends: Vec<u64>) {
        let chain = self.chains.entry(name).or_default();
        chain.ends.truncate(batch as usize - 1);
        assert_eq!(chain.ends.len() as u64 + 1, batch, "a journal skipped a batch");
        chain.ends.push(ends);
    }

    /// The data plane says that a batch is on disk.
    pub(crate) fn durable(&mut self, name: Name, batch: u64) {
        let chain = self.chains.entry(name).or_default();
        assert!(batch > chain.durable && batch as usize <= chain.ends.len());
        chain.durable = batch;
    }

    /// A process died, and its journal was read back up to `last`: decides what must become of its
    /// requests. A second reading changes nothing.
    pub(crate) fn recovered(&mut self, name: Name, last: u64) {
        let chain = self.chains.entry(name).or_default();
        assert!(last >= chain.durable, "batch {} was durable, {last} is the last", chain.durable);
        if std::mem::replace(&mut chain.is_over, true) {
            return;
        }
        let known = chain.ends.len();
        assert!(last as usize <= known, "batch {last} of {known} was never written");
        chain.durable = last;
        let ends = last.checked_sub(1).map(|place| chain.ends[place as usize].clone());
        for (id, deed) in &mut self.deeds {
            if (id.dataplane, id.epoch) == name {
                let ends = ends.as_ref().map_or(0, |ends| ends[usize::from(id.ring)]);
                deed.fate = deed.foretell(id.seq, ends);
            }
        }
    }

    /// The ledger took an epoch's leases away: what was not settled by then is written off.
    pub(crate) fn fence(&mut self, name: Name, is_settled: impl Fn(&GenerationId) -> bool) {
        if self.fenced.insert(name) {
            for (id, deed) in &mut self.deeds {
                let is_its = (id.dataplane, id.epoch) == name;
                deed.is_written_off |= is_its && !is_settled(id);
            }
        }
    }

    /// The ledger closed an epoch whose journal is lost: what is not settled then never will be.
    pub(crate) fn forget(&mut self, name: Name, is_settled: impl Fn(&GenerationId) -> bool) {
        if self.lost.remove(&name) {
            for (id, deed) in &mut self.deeds {
                if (id.dataplane, id.epoch) == name && !is_settled(id) {
                    deed.fate = Fate::Forgotten;
                }
            }
        }
    }

    /// What an account has used at worst: holds of what runs, charges of what ended.
    pub(crate) fn used(&self, account: AccountId) -> i64 {
        self.sum(|deed| if deed.account == account { deed.exposure() } else { 0 })
    }

    /// What a limited key has used at worst.
    pub(crate) fn used_by_key(&self, key: KeyId) -> i64 {
        self.sum(|deed| if deed.key == key { deed.exposure() } else { 0 })
    }

    /// What an account's settled requests come to.
    pub(crate) fn charged(&self, account: AccountId) -> i64 {
        self.sum(|deed| if deed.account == account { deed.charged() } else { 0 })
    }

    /// What a key's settled requests come to.
    pub(crate) fn charged_to_key(&self, key: KeyId) -> i64 {
        self.sum(|deed| if deed.key == key { deed.charged() } else { 0 })
    }

    /// The credit of an account: what it certainly has, and what it may have at most.
    pub(crate) fn credit(&self, account: AccountId) -> (i64, i64) {
        let (mut least, mut most) = (0, 0);
        for order in self.orders.iter().filter(|order| order.account == account) {
            match order.state {
                OrderState::Told(_) => {
                    least += order.amount;
                    most += order.amount;
                }
                OrderState::Asked => {
                    least += order.amount.min(0);
                    most += order.amount.max(0);
                }
                OrderState::Void => {}
            }
        }
        (least, most)
    }

    /// What customers of an account have refunded to themselves in the time up to an instant in
    /// which that counts: for certain, and at most.
    pub(crate) fn flagged(&self, account: AccountId, now: UnixMillis) -> (i64, i64) {
        let since = UnixMillis(now.0.saturating_sub(FLAGGED_WITHIN_MS));
        let counts = |order: &&Order| {
            let is_flagged = matches!(order.what, What::Refund(_, true));
            is_flagged && order.account == account && order.at > since && order.at <= now
        };
        let (mut least, mut most) = (0, 0);
        for order in self.orders.iter().filter(counts) {
            match order.state {
                OrderState::Told(_) => (least, most) = (least + order.amount, most + order.amount),
                OrderState::Asked => most += order.amount,
                OrderState::Void => {}
            }
        }
        (least, most)
    }

    /// What orders of one kind have come to, as far as they were told.
    pub(crate) fn told(&self, account: AccountId, is_its: impl Fn(What) -> bool) -> i64 {
        let told = self.orders.iter().filter(|order| matches!(order.state, OrderState::Told(_)));
        let of_it = told.filter(|order| order.account == account && is_its(order.what));
        of_it.map(|order| order.amount).sum()
    }

    fn sum(&self, part: impl Fn(&Deed) -> i64) -> i64 {
        self.deeds.values().map(part).sum()
    }
}

impl Deed {
    /// What it must be charged when its ring survives up to `ends`.
    fn foretell(&self, seq: u64, ends: u64) -> Fate {
        if seq >= ends {
            return Fate::Forgotten;
        }
        match self.end {
            Some((end, charged, off)) if end < ends => Fate::Charged(charged, off),
            _ => {
                let shown = self.progress.iter().rfind(|(at, _)| *at < ends);
                Fate::Charged(shown.map_or(0, |(_, charge)| (*charge).min(self.held)), 0)
            }
        }
    }

    /// What it is charged, and what of its cost nobody pays, as things stand.
    fn outcome(&self) -> (i64, i64) {
        let (charged, off) = match (self.fate, self.end) {
            (Fate::Charged(charged, off), _) | (Fate::Open, Some((_, charged, off))) => {
                (charged, off)
            }
            (Fate::Open, None) | (Fate::Forgotten, _) => (0, 0),
        };
        if self.is_written_off { (0, charged + off) } else { (charged, off) }
    }

    /// What it must be charged if its process lives on.
    pub(crate) fn charged(&self) -> i64 {
        self.outcome().0
    }

    /// What of its cost nobody pays.
    pub(crate) fn written_off(&self) -> i64 {
        self.outcome().1
    }

    fn exposure(&self) -> i64 {
        match (self.fate, self.end) {
            (Fate::Open, None) if !self.is_written_off => self.held,
            _ => self.charged(),
        }
    }
}
