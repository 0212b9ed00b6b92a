//! What a run would change, while it is being read.
//!
//! Invariants: every amount of a record is between zero and what an `i64` counts (no more can be
//! lent to a cell), so no sum within a run can overflow; a hold that ends in the run it began in
//! never reaches the books.

use rustc_hash::FxHashMap;
use units::{AccountId, GenerationId, KeyId, OfferId, Usd};

use super::{AccountSums, BooksError, EpochName, Lease, Promise, RingBook, add};
use crate::books::rows::{DaySum, EndKind, Generation, OpenHold};
use crate::postings::Charge;
use crate::purse::Purse;
use crate::record::{Hold, Outcome, Post, Progress, Record, Void};
use crate::run::{Run, RunEntry};

/// What a run would change. Reused from run to run for its memory.
#[derive(Clone, Debug, Default)]
pub(in crate::books) struct Draft {
    /// By purse, in the order in which the run names them.
    pub(super) deltas: Vec<Delta>,
    places: FxHashMap<Purse, u32>,
    /// By account, day and offer.
    pub(super) days: Vec<(AccountId, u32, OfferId, DaySum)>,
    day_places: FxHashMap<(AccountId, u32, OfferId), u32>,
    pub(super) generations: Vec<Generation>,
    /// Holds from before the run, as they were before it changed or ended them.
    pub(super) earlier: Vec<(u64, OpenHold)>,
    /// Whether the ring's holds may have changed.
    pub(super) begun: bool,
}

/// What a run would change of one purse.
#[derive(Clone, Debug)]
pub(super) struct Delta {
    pub(super) purse: Purse,
    /// Of a key: the account that the run says it belongs to.
    pub(super) owner: Option<AccountId>,
    pub(super) opened: Usd,
    pub(super) ended: Usd,
    pub(super) confirmed: Usd,
    pub(super) returned: Usd,
    /// Charged to the lease.
    pub(super) settled: Usd,
    /// Charged in all; of a key without a limit nothing of it is settled on a lease.
    pub(super) charge: Charge,
    // Worked out before anything is written.
    pub(super) lease: Option<Lease>,
    pub(super) sums: AccountSums,
    pub(super) used: Usd,
    pub(super) lent: Usd,
}

impl Delta {
    fn of(purse: Purse) -> Self {
        Self {
            purse,
            owner: None,
            opened: Usd::ZERO,
            ended: Usd::ZERO,
            confirmed: Usd::ZERO,
            returned: Usd::ZERO,
            settled: Usd::ZERO,
            charge: Charge::default(),
            lease: None,
            sums: AccountSums::default(),
            used: Usd::ZERO,
            lent: Usd::ZERO,
        }
    }

    /// Whether the purse must be lent to the epoch. Free requests need no lease.
    pub(super) fn touches_lease(&self) -> bool {
        let sums = [self.opened, self.ended, self.confirmed, self.returned, self.settled];
        sums.iter().any(|sum| !sum.is_zero())
    }
}

/// The two purses of a request.
struct Payer {
    account: AccountId,
    key: KeyId,
    key_limited: bool,
}

impl Draft {
    pub(super) fn clear(&mut self) {
        self.deltas.clear();
        self.places.clear();
        self.days.clear();
        self.day_places.clear();
        self.generations.clear();
        self.earlier.clear();
        self.begun = false;
    }

    /// The accounts that the run moves, each once.
    pub(super) fn accounts(&self) -> Vec<AccountId> {
        let account = |delta: &Delta| match delta.purse {
            Purse::Account(account) => Some(account),
            Purse::Key(_) => None,
        };
        self.deltas.iter().filter_map(account).collect()
    }

    /// Reads a run whole, changing nothing but the ring's open holds.
    pub(super) fn read(
        &mut self,
        name: EpochName,
        run: &Run,
        ring: &mut RingBook,
        offers: usize,
    ) -> Result<(), BooksError> {
        self.begun = true;
        for entry in run.records() {
            let seq = run.first_seq;
            let entry = entry.map_err(|fault| BooksError::Record { seq, fault })?;
            let seq = entry.seq;
            let record = entry.decode().map_err(|fault| BooksError::Record { seq, fault })?;
            let of = Place { name, run, entry: &entry, offers };
            match &record {
                Record::Hold(hold) => self.hold(&of, ring, hold)?,
                Record::Progress(progress) => self.progress(&of, ring, progress)?,
                Record::Post(post) => self.post(&of, ring, post)?,
                Record::Void(void) => self.void(&of, ring, void)?,
                Record::Grant { purse, amount } => {
                    let delta = self.delta(*purse);
                    delta.confirmed = add(delta.confirmed, possible(*amount)?)?;
                }
                Record::Return { purse, amount } => {
                    let delta = self.delta(*purse);
                    delta.returned = add(delta.returned, possible(*amount)?)?;
                }
            }
        }
        Ok(())
    }

    fn hold(&mut self, of: &Place<'_>, ring: &mut RingBook, hold: &Hold) -> Result<(), BooksError> {
        of.known(hold.offer)?;
        let amount = possible(hold.amount)?;
        let payer = Payer { account: hold.account, key: hold.key, key_limited: hold.key_limited };
        self.each_purse(&payer, |delta, on_lease| {
            delta.opened = if on_lease { add(delta.opened, amount)? } else { delta.opened };
            Ok(())
        })?;
        let open = OpenHold {
            account: hold.account,
            key: hold.key,
            key_limited: hold.key_limited,
            amount,
            offer: hold.offer,
            at: hold.at,
            progress: None,
        };
        ring.open.insert(of.entry.seq, open);
        Ok(())
    }

    fn progress(
        &mut self,
        of: &Place<'_>,
        ring: &mut RingBook,
        progress: &Progress,
    ) -> Result<(), BooksError> {
        let charge = possible(progress.charge)?;
        let id = of.generation(progress.hold_seq);
        let open = ring.open.get_mut(&progress.hold_seq).ok_or_else(|| not_open(id))?;
        if progress.hold_seq < of.run.first_seq {
            self.earlier.push((progress.hold_seq, open.clone()));
        }
        open.progress = Some(Box::new((progress.tokens, charge)));
        Ok(())
    }

    fn post(&mut self, of: &Place<'_>, ring: &mut RingBook, post: &Post) -> Result<(), BooksError> {
        of.known(post.offer)?;
        let id = of.generation(post.hold_seq);
        let payer = Payer { account: post.account, key: post.key, key_limited: post.key_limited };
        self.end(of, ring, post.hold_seq, &payer, post.held)?;
        let charge = charge_within(id, post)?;
        self.each_purse(&payer, |delta, on_lease| {
            delta.charge.charged = add(delta.charge.charged, charge.charged)?;
            if on_lease {
                delta.ended = add(delta.ended, post.held)?;
                delta.settled = add(delta.settled, charge.charged)?;
            }
            Ok(())
        })?;
        let delta = self.delta(Purse::Account(post.account));
        delta.charge.written_off = add(delta.charge.written_off, charge.written_off)?;
        delta.charge.list_cost = add(delta.charge.list_cost, charge.list_cost)?;
        self.day(post, &charge);
        let recovered = post.outcome == Outcome::Recovered;
        self.generations.push(Generation {
            id,
            account: post.account,
            key: post.key,
            kind: if recovered { EndKind::Recovered } else { EndKind::Posted },
            charged: charge.charged,
            offer: post.offer,
            created_at: post.created_at,
            record: of.entry.place.clone(),
        });
        Ok(())
    }

    fn void(&mut self, of: &Place<'_>, ring: &mut RingBook, void: &Void) -> Result<(), BooksError> {
        of.known(void.offer)?;
        let payer = Payer { account: void.account, key: void.key, key_limited: void.key_limited };
        self.end(of, ring, void.hold_seq, &payer, void.held)?;
        self.each_purse(&payer, |delta, on_lease| {
            delta.ended = if on_lease { add(delta.ended, void.held)? } else { delta.ended };
            Ok(())
        })?;
        self.generations.push(Generation {
            id: of.generation(void.hold_seq),
            account: void.account,
            key: void.key,
            kind: EndKind::Voided,
            charged: Usd::ZERO,
            offer: void.offer,
            created_at: void.created_at,
            record: of.entry.place.clone(),
        });
        Ok(())
    }

    /// Takes a hold out of the ring: it ends once, and only as itself.
    fn end(
        &mut self,
        of: &Place<'_>,
        ring: &mut RingBook,
        hold_seq: u64,
        payer: &Payer,
        held: Usd,
    ) -> Result<(), BooksError> {
        let id = of.generation(hold_seq);
        let open = ring.open.remove(&hold_seq).ok_or_else(|| not_open(id))?;
        let itself = open.account == payer.account
            && open.key == payer.key
            && open.key_limited == payer.key_limited
            && open.amount == held;
        let amount = open.amount;
        if hold_seq < of.run.first_seq {
            self.earlier.push((hold_seq, open));
        }
        if itself { Ok(()) } else { broken(Promise::EndMatchesHold, id, held, amount) }
    }

    /// Changes the account's delta, then the key's; says whether a lease of the purse is touched.
    fn each_purse(
        &mut self,
        payer: &Payer,
        mut change: impl FnMut(&mut Delta, bool) -> Result<(), BooksError>,
    ) -> Result<(), BooksError> {
        change(self.delta(Purse::Account(payer.account)), true)?;
        let delta = self.delta(Purse::Key(payer.key));
        if *delta.owner.get_or_insert(payer.account) != payer.account {
            return Err(BooksError::UnknownKey(payer.key));
        }
        change(delta, payer.key_limited)
    }

    fn delta(&mut self, purse: Purse) -> &mut Delta {
        let place = *self.places.entry(purse).or_insert(self.deltas.len() as u32) as usize;
        if place == self.deltas.len() {
            self.deltas.push(Delta::of(purse));
        }
        &mut self.deltas[place]
    }

    fn day(&mut self, post: &Post, charge: &Charge) {
        let sum = DaySum {
            requests: 1,
            tokens: post.tokens,
            charged: charge.charged,
            written_off: charge.written_off,
            list_cost: charge.list_cost,
        };
        let key = (post.account, post.created_at.day(), post.offer);
        let place = *self.day_places.entry(key).or_insert(self.days.len() as u32) as usize;
        match self.days.get_mut(place) {
            Some((.., days)) => days.add(&sum),
            None => self.days.push((key.0, key.1, key.2, sum)),
        }
    }
}

/// Where a record stands.
struct Place<'r> {
    name: EpochName,
    run: &'r Run,
    entry: &'r RunEntry<'r>,
    offers: usize,
}

impl Place<'_> {
    fn generation(&self, hold_seq: u64) -> GenerationId {
        let (dataplane, epoch) = self.name;
        GenerationId { dataplane, epoch, ring: self.run.ring, seq: hold_seq }
    }

    fn known(&self, offer: OfferId) -> Result<(), BooksError> {
        let known = (offer.0 as usize) < self.offers;
        if known { Ok(()) } else { Err(BooksError::UnknownOffer(offer)) }
    }
}

/// An amount as records may have it.
fn possible(amount: Usd) -> Result<Usd, BooksError> {
    let counts = !amount.is_negative() && amount.pico_i64().is_some();
    if counts { Ok(amount) } else { Err(BooksError::BadAmount(amount)) }
}

/// The money of a post, once it keeps its promises.
fn charge_within(id: GenerationId, post: &Post) -> Result<Charge, BooksError> {
    let (from_hold, from_free) = (possible(post.charge)?, possible(post.excess.from_free)?);
    let charge = Charge {
        charged: add(from_hold, from_free)?,
        written_off: possible(post.excess.written_off)?,
        list_cost: possible(post.list_cost)?,
    };
    let excess = add(from_free, charge.written_off)?;
    if from_hold > post.held || (from_hold < post.held && !excess.is_zero()) {
        return broken(Promise::ChargeWithinHold, id, add(from_hold, excess)?, post.held);
    }
    Ok(charge)
}

fn not_open(id: GenerationId) -> BooksError {
    BooksError::Broken {
        promise: Promise::HoldEndsOnce,
        place: id.to_string(),
        left: Usd::ZERO,
        right: Usd::ZERO,
    }
}

fn broken<T>(promise: Promise, id: GenerationId, left: Usd, right: Usd) -> Result<T, BooksError> {
    Err(BooksError::Broken { promise, place: id.to_string(), left, right })
}
