//! A data plane in one thread: real cells, a journal of committed runs, and what is not committed.

use std::collections::BTreeMap;

use crate::borrower::{self, PurseRest};
use crate::cell::CreditCell;
use crate::record::{
    Attempts, Excess, FinishCode, Flags, Hold, Outcome, Post, Progress, UpstreamId, UsageSource,
    Void, VoidReason,
};
use crate::run::LEASE_RING;
use crate::{Purse, Record, Run};
use units::{AccountId, DataPlaneId, Epoch, KeyId, OfferId, TokenClass, Tokens, UnixMillis, Usd};

pub(super) struct Plane {
    pub(super) id: DataPlaneId,
    epoch: Epoch,
    cells: BTreeMap<Purse, CreditCell>,
    next_seq: BTreeMap<u16, u64>,
    /// Written, not yet committed: lost in a crash.
    batch: BTreeMap<u16, Vec<Record>>,
    /// Running requests: ring, sequence number, hold.
    open: Vec<(u16, u64, Hold)>,
    journal: Vec<Run>,
    /// Committed and not settled, in order.
    pub(super) waiting: Vec<Run>,
    pub(super) shipped: Vec<Run>,
    reclaimed: BTreeMap<Purse, i64>,
}

fn usd(pico: i64) -> Usd {
    Usd::from_pico(pico.into())
}

fn pico(amount: Usd) -> i64 {
    amount.pico_i64().unwrap()
}

/// Tokens that tell one record from another.
fn tokens(seq: u64) -> Tokens {
    let mut tokens = Tokens::ZERO;
    tokens[TokenClass::Input] = seq + 1;
    tokens[TokenClass::Output] = seq % 3;
    tokens
}

fn purses(hold: &Hold) -> impl Iterator<Item = Purse> {
    let key = hold.key_limited.then_some(Purse::Key(hold.key));
    [Some(Purse::Account(hold.account)), key].into_iter().flatten()
}

impl Plane {
    pub(super) fn new(id: DataPlaneId) -> Self {
        Self {
            id,
            epoch: Epoch(0),
            cells: BTreeMap::new(),
            next_seq: BTreeMap::new(),
            batch: BTreeMap::new(),
            open: Vec::new(),
            journal: Vec::new(),
            waiting: Vec::new(),
            shipped: Vec::new(),
            reclaimed: BTreeMap::new(),
        }
    }

    pub(super) fn start(&mut self, epoch: Epoch) {
        *self = Self { epoch, ..Self::new(self.id) };
    }

    pub(super) fn name(&self) -> (DataPlaneId, Epoch) {
        (self.id, self.epoch)
    }

    pub(super) fn granted(&mut self, purse: Purse, amount: Usd) {
        self.write(LEASE_RING, Record::Grant { purse, amount });
    }

    pub(super) fn hold(&mut self, ring: u16, key: KeyId, key_limited: bool, amount: i64) {
        let hold = Hold {
            account: AccountId(key.0.div_ceil(2)),
            key,
            key_limited,
            free_request: false,
            amount: usd(amount),
            offer: OfferId((amount % 3) as u32),
            output_cap: 7,
            at: UnixMillis(amount as u64 * 3_600_000),
        };
        let taken: Vec<Purse> =
            purses(&hold).take_while(|purse| self.cell(*purse).try_hold(amount)).collect();
        if taken.len() < purses(&hold).count() {
            taken.iter().for_each(|purse| self.cell(*purse).undo_hold(amount));
            return;
        }
        let seq = self.write(ring, Record::Hold(hold));
        self.open.push((ring, seq, hold));
    }

    pub(super) fn progress(&mut self, hold: usize, part: i64) {
        let Some(place) = hold.checked_rem(self.open.len()) else { return };
        let (ring, hold_seq, hold) = self.open[place];
        let charge = usd(pico(hold.amount) * part / 255);
        let progress = Progress {
            hold_seq,
            tokens: tokens(hold_seq),
            charge,
            list_cost: charge,
            own_key: false,
            offer: hold.offer,
            service_tier: 0,
        };
        self.write(ring, Record::Progress(progress));
    }

    pub(super) fn post(&mut self, hold: usize, part: i64, excess: i64) {
        let Some(place) = hold.checked_rem(self.open.len()) else { return };
        let (ring, hold_seq, hold) = self.open.swap_remove(place);
        let held = pico(hold.amount);
        let charge = (held * part / 255).min(held);
        let excess = if charge == held { self.excess(&hold, excess) } else { Excess::default() };
        let post = Post { charge: usd(charge), excess, ..post_of(hold_seq, &hold) };
        self.write(ring, Record::Post(post));
    }

    /// What is above a hold: from free credit of every purse that has it, else written off.
    fn excess(&mut self, hold: &Hold, amount: i64) -> Excess {
        let taken: Vec<Purse> =
            purses(hold).take_while(|purse| self.cell(*purse).try_charge_excess(amount)).collect();
        if taken.len() == purses(hold).count() {
            return Excess { from_free: usd(amount), written_off: Usd::ZERO };
        }
        taken.iter().for_each(|purse| self.cell(*purse).undo_excess(amount));
        Excess { from_free: Usd::ZERO, written_off: usd(amount) }
    }

    pub(super) fn void(&mut self, hold: usize) {
        let Some(place) = hold.checked_rem(self.open.len()) else { return };
        let (ring, hold_seq, hold) = self.open.swap_remove(place);
        let void = void_of(hold_seq, &hold);
        self.write(ring, Record::Void(void));
    }

    pub(super) fn give_back(&mut self, purse: Purse, up_to: i64) {
        let amount = usd(self.cell(purse).take_back(up_to));
        if !amount.is_zero() {
            self.write(LEASE_RING, Record::Return { purse, amount });
        }
    }

    /// Free credit that the ledger reclaims; the data plane forgets it without a record.
    pub(super) fn reclaimed(&mut self, purse: Purse, up_to: i64) -> i64 {
        if !self.batch.is_empty() || !self.waiting.is_empty() {
            return 0;
        }
        let amount = self.cell(purse).take_back(up_to);
        *self.reclaimed.entry(purse).or_default() += amount;
        amount
    }

    pub(super) fn reclaimed_of(&self, purse: Purse) -> Usd {
        usd(self.reclaimed.get(&purse).copied().unwrap_or(0))
    }

    /// Writes the batch, and only then gives credit to the cells.
    pub(super) fn commit(&mut self) {
        for (ring, records) in std::mem::take(&mut self.batch) {
            let end = self.next_seq[&ring];
            let run = Run::of(ring, end - records.len() as u64, &records);
            self.journal.push(run.clone());
            self.waiting.push(run);
            for record in records {
                self.committed(&record);
            }
        }
    }

    fn committed(&mut self, record: &Record) {
        let (account, key, key_limited, held, charge) = match record {
            Record::Grant { purse, amount } => return self.cell(*purse).grant(pico(*amount)),
            Record::Post(post) => {
                (post.account, post.key, post.key_limited, post.held, post.charge)
            }
            Record::Void(void) => (void.account, void.key, void.key_limited, void.held, Usd::ZERO),
            _ => return,
        };
        self.cell(Purse::Account(account)).end_hold(pico(held), pico(charge));
        if key_limited {
            self.cell(Purse::Key(key)).end_hold(pico(held), pico(charge));
        }
    }

    /// Commits, and says whether something waits to be settled.
    pub(super) fn commits(&mut self) -> bool {
        self.commit();
        !self.waiting.is_empty()
    }

    pub(super) fn settled(&mut self, place: usize) {
        let run = self.waiting.remove(place);
        self.shipped.push(run);
    }

    /// The process dies: what was not committed is gone. Ends the open holds as recovery does, and
    /// answers what is left of each purse.
    pub(super) fn recover(&mut self) -> Vec<(Purse, PurseRest)> {
        let mut recovered = borrower::recover(&self.journal, &[]).unwrap();
        let ends = recovered.ends(UnixMillis(9));
        assert_eq!(ends, borrower::recover(&self.journal, &[]).unwrap().ends(UnixMillis(9)));
        for run in ends {
            recovered.apply(&run).unwrap();
            self.waiting.push(run);
        }
        recovered.check().unwrap();
        assert_eq!(recovered.open().count(), 0);
        assert!(recovered.purses().all(|(_, rest)| rest.held.is_zero()));
        recovered.purses().collect()
    }

    fn write(&mut self, ring: u16, record: Record) -> u64 {
        let next = self.next_seq.entry(ring).or_default();
        let seq = *next;
        *next += 1;
        self.batch.entry(ring).or_default().push(record);
        seq
    }

    fn cell(&mut self, purse: Purse) -> &CreditCell {
        self.cells.entry(purse).or_insert_with(|| CreditCell::new(purse))
    }
}

fn post_of(hold_seq: u64, hold: &Hold) -> Post {
    Post {
        hold_seq,
        account: hold.account,
        key: hold.key,
        key_limited: hold.key_limited,
        free_request: hold.free_request,
        held: hold.amount,
        charge: hold.amount,
        excess: Excess::default(),
        list_cost: usd(pico(hold.amount) / 2),
        own_key: false,
        offer: hold.offer,
        tokens: tokens(hold_seq),
        source: UsageSource::Reported,
        outcome: Outcome::Complete,
        flags: Flags::NONE,
        service_tier: 0,
        stream: true,
        finish: FinishCode::Stop,
        upstream_id: UpstreamId::new(b"up"),
        attempts: Attempts::new(),
        created_at: hold.at,
        first_byte_ms: 1,
        total_ms: 2,
        output_cap: 7,
        status: 200,
        hashes: None,
    }
}

fn void_of(hold_seq: u64, hold: &Hold) -> Void {
    Void {
        hold_seq,
        account: hold.account,
        key: hold.key,
        key_limited: hold.key_limited,
        free_request: hold.free_request,
        held: hold.amount,
        offer: hold.offer,
        reason: VoidReason::Timeout,
        status: 504,
        attempts: Attempts::new(),
        created_at: hold.at,
        total_ms: 3,
        stream: false,
    }
}

/// Records that cannot be true, from sequence number `seq` on.
pub(super) fn lie(seq: u64, purse: Purse, lie: u8) -> Vec<Record> {
    let hold = |amount| Hold {
        account: AccountId(1),
        key: KeyId(1),
        key_limited: false,
        free_request: false,
        amount: usd(amount),
        offer: OfferId(0),
        output_cap: 1,
        at: UnixMillis(1),
    };
    let much = usd(1_000_000);
    let small = hold(0);
    let end = Record::Void(void_of(seq, &small));
    match lie {
        0 => vec![Record::Hold(small), end.clone(), end],
        1 => vec![Record::Grant { purse, amount: much }],
        2 => vec![Record::Return { purse, amount: much }],
        3 => vec![Record::Hold(Hold { offer: OfferId(99), ..small })],
        4 => vec![Record::Hold(hold(-1))],
        5 => {
            let large = hold(1_000_000);
            vec![Record::Hold(large), Record::Post(post_of(seq, &large))]
        }
        _ => {
            let over = Post { charge: usd(1), ..post_of(seq, &small) };
            vec![Record::Hold(small), Record::Post(over)]
        }
    }
}
