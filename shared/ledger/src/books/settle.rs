//! Settlement: a run of a data plane's records is taken into the books.
//!
//! Records are applied one by one, each checked whole before it changes a row. If one is refused,
//! those before it are taken back in reverse: each move is made again with the other sign, and each
//! hold is put back as it was. Sums are exact, so the books are then what they were.

mod moves;

use std::collections::hash_map::OccupiedEntry;

use units::{AccountId, GenerationId, OfferId, Usd};

use super::epoch::RingBook;
use super::generation::Generation;
use super::lease::EpochName;
use super::rows::{AccountBook, DaySum, OpenHold, add};
use super::{Applied, Books, BooksError, Promise};
use crate::postings::{self, Charge};
use crate::purse::Purse;
use crate::record::{Hold, Post, Progress, Record, Void};
use crate::run::{Run, RunEntry};
pub(super) use moves::within;
use moves::{Move, Payer, possible};

/// Room for so many ended generations is kept from run to run.
const ENDED_KEPT: usize = 1 << 14;

/// What is kept of a run while it is taken in. Reused from run to run for its memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    /// How many of its records were applied.
    done: usize,
    /// Holds from before the run, as they were before it changed or ended them.
    earlier: Vec<(u64, OpenHold)>,
    pub(super) ended: Vec<Generation>,
    /// The accounts that were moved, each once.
    accounts: Vec<AccountId>,
    /// Marks accounts that are in the list already.
    settlement: u64,
    charge: Charge,
    returned: Usd,
}

impl Draft {
    /// Notes that an account was moved.
    fn touch(&mut self, account: AccountId, book: &mut AccountBook) {
        if book.settlement != self.settlement {
            book.settlement = self.settlement;
            self.accounts.push(account);
        }
    }

    /// Takes an ended hold out of its ring.
    fn close(&mut self, run: &Run, open: OccupiedEntry<'_, u64, OpenHold>) {
        let (seq, hold) = open.remove_entry();
        if seq < run.first_seq {
            self.earlier.push((seq, hold));
        }
    }
}

impl Books {
    pub(super) fn settle(&mut self, name: EpochName, run: &Run) -> Result<Applied, BooksError> {
        if run.count == 0 || self.is_closed(name) {
            return Ok(Applied::Nothing);
        }
        let ring = self.epoch_book(name)?.rings.get(&run.ring);
        let expected = ring.map_or(0, |ring| ring.next_seq);
        if run.end_seq() <= expected {
            return Ok(Applied::Nothing);
        }
        if run.first_seq != expected {
            let found = run.first_seq;
            return Err(BooksError::Gap { ring: run.ring, expected, found });
        }
        let ring = self.epoch_book_mut(name)?.rings.entry(run.ring).or_default();
        let mut ring = std::mem::take(ring);
        let mut draft = self.begin_draft();
        let taken_in = self.take_in(name, run, &mut ring, &mut draft);
        if taken_in.is_err() {
            self.take_back(name, run, &mut ring, &mut draft);
            draft.ended.clear();
        }
        let applied = taken_in.map(|()| {
            ring.next_seq = run.end_seq();
            Applied::Settled { accounts: std::mem::take(&mut draft.accounts) }
        });
        self.draft = draft;
        let rings = &mut self.epoch_book_mut(name)?.rings;
        if ring.next_seq > 0 {
            rings.insert(run.ring, ring);
        } else {
            rings.remove(&run.ring);
        }
        applied
    }

    fn begin_draft(&mut self) -> Draft {
        let mut draft = std::mem::take(&mut self.draft);
        draft.done = 0;
        draft.earlier.clear();
        if draft.ended.capacity() > ENDED_KEPT {
            draft.ended = Vec::new();
        }
        draft.ended.clear();
        draft.accounts.clear();
        draft.settlement += 1;
        draft.charge = Charge::default();
        draft.returned = Usd::ZERO;
        draft
    }

    fn take_in(
        &mut self,
        name: EpochName,
        run: &Run,
        ring: &mut RingBook,
        draft: &mut Draft,
    ) -> Result<(), BooksError> {
        let first = run.first_seq;
        for entry in run.records() {
            let entry = entry.map_err(|fault| BooksError::Record { seq: first, fault })?;
            let seq = entry.seq;
            match &entry.decode() {
                Ok(record) => self.take_record(&Place { name, run, entry }, ring, draft, record)?,
                Err(fault) => return Err(BooksError::Record { seq, fault: *fault }),
            }
            draft.done += 1;
        }
        let any = AccountId(0);
        let charged = postings::charge(any, &draft.charge).ok_or(BooksError::Overflow)?;
        let back = postings::loan(Purse::Account(any), -draft.returned);
        let trial = self.trial.after(&charged).and_then(|trial| trial.after(&back));
        self.trial = trial.ok_or(BooksError::Overflow)?;
        Ok(())
    }

    fn take_record(
        &mut self,
        of: &Place<'_>,
        ring: &mut RingBook,
        draft: &mut Draft,
        record: &Record,
    ) -> Result<(), BooksError> {
        match record {
            Record::Hold(hold) => self.take_hold(of, ring, draft, hold),
            Record::Progress(progress) => take_progress(of, ring, draft, progress),
            Record::Post(post) => self.take_post(of, ring, draft, post),
            Record::Void(void) => self.take_void(of, ring, draft, void),
            Record::Grant { purse, amount } => self.confirm(of.name, *purse, possible(*amount)?),
            Record::Return { purse, amount } => {
                self.give_back(of.name, *purse, possible(*amount)?)?;
                if let Purse::Account(account) = purse {
                    draft.returned = add(draft.returned, *amount)?;
                    if let Some(book) = self.accounts.get_mut(account) {
                        draft.touch(*account, book);
                    }
                }
                Ok(())
            }
        }
    }

    fn take_hold(
        &mut self,
        of: &Place<'_>,
        ring: &mut RingBook,
        draft: &mut Draft,
        hold: &Hold,
    ) -> Result<(), BooksError> {
        self.known_offer(hold.offer)?;
        let payer = Payer::of_hold(hold);
        let book = self.shift(of.name, &payer, &Move::hold(possible(hold.amount)?))?;
        draft.touch(hold.account, book);
        let open = OpenHold {
            account: hold.account,
            key: hold.key,
            key_limited: hold.key_limited,
            free_request: hold.free_request,
            amount: hold.amount,
            offer: hold.offer,
            at: hold.at,
            progress: None,
        };
        ring.open.insert(of.entry.seq, open);
        Ok(())
    }

    fn take_post(
        &mut self,
        of: &Place<'_>,
        ring: &mut RingBook,
        draft: &mut Draft,
        post: &Post,
    ) -> Result<(), BooksError> {
        self.known_offer(post.offer)?;
        let (payer, id) = (Payer::of_post(post), of.generation(post.hold_seq));
        let open = payer.hold_of(id, ring, post.held)?;
        let charge = charge_within(id, post)?;
        let total = draft.charge.with(&charge).ok_or(BooksError::Overflow)?;
        let generation = Generation::posted(id, of.entry.seq, post).ok_or(BooksError::Overflow)?;
        let made = Move::end(post.held, charge, post.free_used());
        let book = self.shift(of.name, &payer, &made)?;
        if let Err(error) = book.add_day(post.created_at.day(), post.offer, &generation.used) {
            self.shift(of.name, &payer, &made.reversed())?;
            return Err(error);
        }
        draft.charge = total;
        draft.touch(post.account, book);
        draft.close(of.run, open);
        draft.ended.push(generation);
        Ok(())
    }

    fn take_void(
        &mut self,
        of: &Place<'_>,
        ring: &mut RingBook,
        draft: &mut Draft,
        void: &Void,
    ) -> Result<(), BooksError> {
        self.known_offer(void.offer)?;
        let (payer, id) = (Payer::of_void(void), of.generation(void.hold_seq));
        let open = payer.hold_of(id, ring, void.held)?;
        let made = Move::end(void.held, Charge::default(), Usd::ZERO);
        let book = self.shift(of.name, &payer, &made)?;
        draft.touch(void.account, book);
        draft.close(of.run, open);
        draft.ended.push(Generation::voided(id, of.entry.seq, void));
        Ok(())
    }

    fn known_offer(&self, offer: OfferId) -> Result<(), BooksError> {
        let known = (offer.0 as usize) < self.offers.texts.len();
        if known { Ok(()) } else { Err(BooksError::UnknownOffer(offer)) }
    }

    /// Makes the books what they were before the run.
    fn take_back(&mut self, name: EpochName, run: &Run, ring: &mut RingBook, draft: &mut Draft) {
        let applied: Vec<RunEntry<'_>> = run.records().take(draft.done).flatten().collect();
        for entry in applied.iter().rev() {
            if let Ok(record) = entry.decode() {
                // A move that was made can be made backwards: its rows and sums are there.
                let back = self.unmake(name, &record);
                debug_assert_eq!(back, Ok(()));
            }
        }
        ring.open.retain(|seq, _| *seq < run.first_seq);
        ring.open.extend(draft.earlier.drain(..).rev());
    }

    fn unmake(&mut self, name: EpochName, record: &Record) -> Result<(), BooksError> {
        match record {
            Record::Hold(hold) => {
                let made = Move::hold(hold.amount);
                self.shift(name, &Payer::of_hold(hold), &made.reversed()).map(drop)
            }
            Record::Post(post) => {
                let charge = charge_within(GenerationId::default(), post)?;
                let book = self.accounts.get_mut(&post.account);
                if let Some((book, used)) = book.zip(DaySum::of(post)) {
                    book.take_day(post.created_at.day(), post.offer, &used);
                }
                let made = Move::end(post.held, charge, post.free_used());
                self.shift(name, &Payer::of_post(post), &made.reversed()).map(drop)
            }
            Record::Void(void) => {
                let made = Move::end(void.held, Charge::default(), Usd::ZERO);
                self.shift(name, &Payer::of_void(void), &made.reversed()).map(drop)
            }
            Record::Grant { purse, amount } => self.confirm(name, *purse, -*amount),
            Record::Return { purse, amount } => self.give_back(name, *purse, -*amount),
            Record::Progress(_) => Ok(()),
        }
    }
}

fn take_progress(
    of: &Place<'_>,
    ring: &mut RingBook,
    draft: &mut Draft,
    progress: &Progress,
) -> Result<(), BooksError> {
    let charge = possible(progress.charge)?;
    let id = of.generation(progress.hold_seq);
    let open = ring.open.get_mut(&progress.hold_seq).ok_or_else(|| moves::not_open(id))?;
    if progress.hold_seq < of.run.first_seq {
        draft.earlier.push((progress.hold_seq, open.clone()));
    }
    open.progress = Some(Box::new((progress.tokens, charge)));
    Ok(())
}

/// The money of a post, once it keeps its promises.
fn charge_within(id: GenerationId, post: &Post) -> Result<Charge, BooksError> {
    let (from_hold, from_free) = (possible(post.charge)?, possible(post.excess.from_free)?);
    let charge = Charge {
        charged: add(from_hold, from_free)?,
        written_off: possible(post.excess.written_off)?,
        list_cost: possible(post.provider_cost())?,
        own_cost: possible(post.own_cost())?,
    };
    let excess = add(from_free, charge.written_off)?;
    if from_hold > post.held || (from_hold < post.held && !excess.is_zero()) {
        let (left, right) = (add(from_hold, excess)?, post.held);
        let place = id.to_string();
        return Err(BooksError::Broken { promise: Promise::ChargeWithinHold, place, left, right });
    }
    Ok(charge)
}

/// Where a record stands.
struct Place<'r> {
    name: EpochName,
    run: &'r Run,
    entry: RunEntry<'r>,
}

impl Place<'_> {
    fn generation(&self, hold_seq: u64) -> GenerationId {
        let (dataplane, epoch) = self.name;
        GenerationId { dataplane, epoch, ring: self.run.ring, seq: hold_seq }
    }
}
