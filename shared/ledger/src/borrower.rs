//! What a data plane's own records say: the borrower's side of leases.
//!
//! Purpose: after a crash, finds the holds that never ended, what they had delivered, and what is
//! left of each lease; and makes the records that end those holds. The same fold checks a data
//! plane's journal in tests.
//! Invariants: deterministic (the same records give the same answer, byte for byte); the prefix
//! rule holds at every batch end: nothing is held, charged or returned that was not granted before.
//! A hold without progress is voided (nothing was delivered for certain); one with progress is
//! posted as recovered, for what the progress shows, never above the hold.

use std::collections::BTreeMap;
use std::fmt;

use units::{GenerationId, UnixMillis, Usd};

use crate::bytes::RecordFault;
use crate::purse::{FREE_REQUEST, Purse};
use crate::record::{
    Attempts, Excess, FinishCode, Flags, Hold, Outcome, Post, Progress, Record, UpstreamId,
    UsageSource, Void, VoidReason,
};
use crate::run::Run;

/// Why records cannot be those of one epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecoverFault {
    /// A ring's records do not follow each other.
    Gap {
        /// The ring.
        ring: u16,
        /// The next sequence number.
        expected: u64,
        /// The one found.
        found: u64,
    },
    /// A record does not read.
    Record {
        /// Its ring.
        ring: u16,
        /// Its sequence number, or that of its run.
        seq: u64,
        /// What is wrong.
        fault: RecordFault,
    },
    /// A record names a hold that is not open, or not as it was.
    NotOpen {
        /// The ring.
        ring: u16,
        /// The hold's sequence number.
        seq: u64,
    },
    /// More of a purse was used than was granted.
    Overdrawn(Purse),
    /// A sum is beyond what can be counted.
    Overflow,
}

impl fmt::Display for RecoverFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { ring, expected, found } => {
                write!(f, "ring {ring} goes on at {found} where {expected} is next")
            }
            Self::Record { ring, seq, fault } => write!(f, "record {seq} of ring {ring}: {fault}"),
            Self::NotOpen { ring, seq } => write!(f, "no such open hold: {seq} of ring {ring}"),
            Self::Overdrawn(purse) => write!(f, "more of {purse} was used than was granted"),
            Self::Overflow => f.write_str("a sum is beyond what can be counted"),
        }
    }
}

impl std::error::Error for RecoverFault {}

/// What is left of one purse in an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PurseRest {
    /// What was granted, less what was returned and charged: free, or held.
    pub left: Usd,
    /// What open holds need of it.
    pub held: Usd,
    /// All that was granted.
    pub granted: Usd,
}

/// A hold that never ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenHold {
    /// Its ring.
    pub ring: u16,
    /// Its sequence number.
    pub seq: u64,
    /// The hold.
    pub hold: Hold,
    /// What it had delivered, as far as that was written down.
    pub progress: Option<Progress>,
}

/// The fold of one epoch's records, in the order of its journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Borrower {
    /// Where each ring's records begin: later than at 0 where older segments are gone.
    first_seq: BTreeMap<u16, u64>,
    next_seq: BTreeMap<u16, u64>,
    open: BTreeMap<(u16, u64), OpenHold>,
    purses: BTreeMap<Purse, PurseRest>,
}

/// Folds all records of an epoch. `grants` is what the epoch had left of each purse before the
/// first run: nothing, unless older segments of its journal are gone.
///
/// # Errors
/// As of [`Borrower::apply`].
pub fn recover<'r>(
    runs: impl IntoIterator<Item = &'r Run>,
    grants: &[(Purse, Usd)],
) -> Result<Borrower, RecoverFault> {
    let mut borrower = Borrower::new(grants);
    for run in runs {
        borrower.apply(run)?;
    }
    borrower.check()?;
    Ok(borrower)
}

impl Borrower {
    /// An epoch that has this much left of each purse.
    pub fn new(grants: &[(Purse, Usd)]) -> Self {
        let rest = |left| PurseRest { left, held: Usd::ZERO, granted: left };
        let purses = grants.iter().map(|(purse, left)| (*purse, rest(*left))).collect();
        Self { purses, ..Self::default() }
    }

    /// Takes the next run of the journal.
    ///
    /// # Errors
    /// Why it cannot be the next run of this epoch; the fold is then of no more use.
    pub fn apply(&mut self, run: &Run) -> Result<(), RecoverFault> {
        let ring = run.ring;
        self.first_seq.entry(ring).or_insert(run.first_seq);
        let expected = *self.next_seq.entry(ring).or_insert(run.first_seq);
        if run.first_seq != expected {
            return Err(RecoverFault::Gap { ring, expected, found: run.first_seq });
        }
        for entry in run.records() {
            let seq = run.first_seq;
            let broken = |fault| RecoverFault::Record { ring, seq, fault };
            let entry = entry.map_err(broken)?;
            let record = entry.decode().map_err(broken)?;
            self.record(ring, entry.seq, record)?;
        }
        self.next_seq.insert(ring, run.end_seq());
        Ok(())
    }

    /// Takes what was written down of every purse at this place in the journal, as what it was
    /// granted and what was left of that: older segments may be gone. Open holds stay as they are.
    pub fn rebase(&mut self, leases: &[(Purse, Usd, Usd)]) {
        for rest in self.purses.values_mut() {
            (rest.granted, rest.left) = (Usd::ZERO, Usd::ZERO);
        }
        for (purse, granted, left) in leases {
            let rest = self.purses.entry(*purse).or_default();
            (rest.granted, rest.left) = (*granted, *left);
        }
    }

    /// Checks the prefix rule: true at the end of every batch.
    ///
    /// # Errors
    /// `Overdrawn` names the purse of which more was used than was granted.
    pub fn check(&self) -> Result<(), RecoverFault> {
        let overdrawn = |(_, rest): &(&Purse, &PurseRest)| rest.held > rest.left;
        let found = self.purses.iter().find(overdrawn);
        found.map_or(Ok(()), |(purse, _)| Err(RecoverFault::Overdrawn(*purse)))
    }

    /// The holds that never ended, by ring and sequence number.
    pub fn open(&self) -> impl Iterator<Item = &OpenHold> {
        self.open.values()
    }

    /// What is left of each purse, in order.
    pub fn purses(&self) -> impl Iterator<Item = (Purse, PurseRest)> + '_ {
        self.purses.iter().map(|(purse, rest)| (*purse, *rest))
    }

    /// The sequence number after the last record of a ring.
    pub fn next_seq(&self, ring: u16) -> u64 {
        self.next_seq.get(&ring).copied().unwrap_or(0)
    }

    /// The runs that end every open hold of a process that died, to be written after its last
    /// records: one run for each ring that has open holds. Apply them to go on with this fold.
    pub fn ends(&self, now: UnixMillis) -> Vec<Run> {
        let mut by_ring: BTreeMap<u16, Vec<Record>> = BTreeMap::new();
        for open in self.open.values() {
            by_ring.entry(open.ring).or_default().push(end_of(open, now));
        }
        let run =
            |(ring, records): (u16, Vec<Record>)| Run::of(ring, self.next_seq(ring), &records);
        by_ring.into_iter().map(run).collect()
    }

    fn record(&mut self, ring: u16, seq: u64, record: Record) -> Result<(), RecoverFault> {
        match record {
            Record::Hold(hold) => {
                for (purse, amount) in hold.drawn().of_each(hold.amount, FREE_REQUEST) {
                    self.change(purse, Usd::ZERO, amount)?;
                }
                self.open.insert((ring, seq), OpenHold { ring, seq, hold, progress: None });
            }
            Record::Progress(progress) => {
                let seq = progress.hold_seq;
                if self.is_gone(ring, seq) {
                    return Ok(());
                }
                let open = self.open.get_mut(&(ring, seq));
                open.ok_or(RecoverFault::NotOpen { ring, seq })?.progress = Some(progress);
            }
            Record::Post(post) => {
                let charged = post.charged().ok_or(RecoverFault::Overflow)?;
                self.end(ring, post.hold_seq, post.held, (charged, post.free_used()))?;
            }
            Record::Void(void) => {
                self.end(ring, void.hold_seq, void.held, (Usd::ZERO, Usd::ZERO))?;
            }
            Record::Grant { purse, amount } => {
                self.change(purse, amount, Usd::ZERO)?;
                let rest = self.purses.entry(purse).or_default();
                rest.granted = rest.granted.checked_add(amount).ok_or(RecoverFault::Overflow)?;
            }
            Record::Return { purse, amount } => {
                self.change(purse, negative(amount)?, Usd::ZERO)?;
            }
        }
        Ok(())
    }

    fn end(
        &mut self,
        ring: u16,
        seq: u64,
        held: Usd,
        (charged, free_used): (Usd, Usd),
    ) -> Result<(), RecoverFault> {
        if self.is_gone(ring, seq) {
            return Ok(());
        }
        let open = self.open.remove(&(ring, seq)).filter(|open| open.hold.amount == held);
        let open = open.ok_or(RecoverFault::NotOpen { ring, seq })?;
        let drawn = open.hold.drawn();
        for (purse, amount) in drawn.of_each(held, FREE_REQUEST) {
            self.change(purse, Usd::ZERO, negative(amount)?)?;
        }
        for (purse, used) in drawn.of_each(charged, free_used) {
            self.change(purse, negative(used)?, Usd::ZERO)?;
        }
        Ok(())
    }

    /// Whether a hold stood in a segment that is gone: only ended holds do.
    fn is_gone(&self, ring: u16, seq: u64) -> bool {
        self.first_seq.get(&ring).is_some_and(|first| seq < *first)
    }

    fn change(&mut self, purse: Purse, left: Usd, held: Usd) -> Result<(), RecoverFault> {
        let rest = self.purses.entry(purse).or_default();
        rest.left = rest.left.checked_add(left).ok_or(RecoverFault::Overflow)?;
        rest.held = rest.held.checked_add(held).ok_or(RecoverFault::Overflow)?;
        Ok(())
    }
}

fn negative(amount: Usd) -> Result<Usd, RecoverFault> {
    Usd::ZERO.checked_sub(amount).ok_or(RecoverFault::Overflow)
}

/// How a hold ends whose process died.
fn end_of(open: &OpenHold, now: UnixMillis) -> Record {
    let hold = &open.hold;
    let total_ms = u32::try_from(now.since(hold.at)).unwrap_or(u32::MAX);
    let Some(progress) = open.progress else {
        return Record::Void(Void {
            hold_seq: open.seq,
            account: hold.account,
            key: hold.key,
            key_limited: hold.key_limited,
            free_request: hold.free_request,
            held: hold.amount,
            offer: hold.offer,
            reason: VoidReason::Crash,
            status: 0,
            attempts: Attempts::new(),
            created_at: hold.at,
            total_ms,
            stream: false,
        });
    };
    Record::Post(Post {
        hold_seq: open.seq,
        account: hold.account,
        key: hold.key,
        key_limited: hold.key_limited,
        free_request: hold.free_request,
        held: hold.amount,
        charge: progress.charge.min(hold.amount),
        excess: Excess::default(),
        list_cost: progress.list_cost,
        own_key: progress.own_key,
        offer: progress.offer,
        tokens: progress.tokens,
        source: UsageSource::Estimated,
        outcome: Outcome::Recovered,
        flags: Flags::USAGE_MISSING,
        service_tier: progress.service_tier,
        // Answers that are not streamed make no progress.
        stream: true,
        finish: FinishCode::Unknown,
        upstream_id: UpstreamId::NONE,
        attempts: Attempts::new(),
        created_at: hold.at,
        first_byte_ms: 0,
        total_ms,
        output_cap: hold.output_cap,
        status: 0,
        hashes: None,
    })
}

impl OpenHold {
    /// The generation that this hold began, of the given epoch.
    pub const fn generation(
        &self,
        dataplane: units::DataPlaneId,
        epoch: units::Epoch,
    ) -> GenerationId {
        GenerationId { dataplane, epoch, ring: self.ring, seq: self.seq }
    }
}

#[cfg(test)]
mod tests;
