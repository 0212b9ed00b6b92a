//! Free credit of one purse, lent to this process.
//!
//! Purpose: admission takes the worst case of a request out of `free` with one compare-and-swap;
//! the journal thread puts back what was not used, after the batch with the record is written. So
//! credit that a core can take was never given back by a record that could still be lost.
//! Invariants: `free` never falls below zero; all that was taken, charged and taken back is never
//! more than was granted. What is held is not counted apart: it is what the process owns (granted,
//! less charged and taken back) and is not free. So a hold is one atomic step, and so is a void.
//!
//! Asking for more:
//! ```text
//!   free too low -> ask_once() == true on one core -> Need over the link
//!                -> the others wait until answers() changes
//!   grant() or answered() ends the question; an answer that leaves nothing makes it exhausted
//! ```

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};

use crate::purse::Purse;

/// What the last answer said of credit that is not here. Its own word, so that reading it is one
/// load: -1 before any answer and after a grant.
const UNKNOWN: i64 = -1;

/// Free and held credit of a purse in this process, in picodollars.
#[derive(Debug)]
#[repr(align(64))]
pub struct CreditCell {
    purse: Purse,
    free: AtomicI64,
    owned: AtomicI64,
    unlent: AtomicI64,
    elsewhere: AtomicI64,
    answers: AtomicU32,
    asked: AtomicBool,
}

impl CreditCell {
    /// An empty cell.
    pub const fn new(purse: Purse) -> Self {
        Self {
            purse,
            free: AtomicI64::new(0),
            owned: AtomicI64::new(0),
            unlent: AtomicI64::new(UNKNOWN),
            elsewhere: AtomicI64::new(UNKNOWN),
            answers: AtomicU32::new(0),
            asked: AtomicBool::new(false),
        }
    }

    /// Whose credit it is.
    pub const fn purse(&self) -> Purse {
        self.purse
    }

    /// Takes `amount` picodollars out of free credit for a request; false if there is less, or the
    /// amount is negative. Any thread.
    #[must_use = "a hold that was taken must be ended"]
    pub fn try_hold(&self, amount: i64) -> bool {
        self.take(amount)
    }

    /// Undoes [`Self::try_hold`] where no record of the hold was written (the key's purse had too
    /// little, the ring was full). Any thread: nothing that a journal could lose is given back.
    pub fn undo_hold(&self, amount: i64) {
        self.add(amount);
    }

    /// Takes `amount` picodollars that a request cost above its hold; false if there is less.
    /// Any thread, before the post is written.
    #[must_use = "what was taken must be in the post"]
    pub fn try_charge_excess(&self, amount: i64) -> bool {
        let taken = self.take(amount);
        if taken {
            self.owned.fetch_sub(amount, Ordering::Relaxed);
        }
        taken
    }

    /// Undoes [`Self::try_charge_excess`] where another purse had too little, or no post was
    /// written. Any thread.
    pub fn undo_excess(&self, amount: i64) {
        self.owned.fetch_add(amount, Ordering::Relaxed);
        self.add(amount);
    }

    /// Gives what was not charged of a hold back to free credit. Journal thread only, after the
    /// batch with the post or void is written. `charged` is what was paid from the hold.
    pub fn end_hold(&self, held: i64, charged: i64) {
        if charged != 0 {
            self.owned.fetch_sub(charged, Ordering::Relaxed);
        }
        self.add(held.saturating_sub(charged));
    }

    /// Adds credit that the ledger lent. Journal thread only, after the grant is written. Answers
    /// the question, if one was asked.
    pub fn grant(&self, amount: i64) {
        self.owned.fetch_add(amount.max(0), Ordering::Relaxed);
        self.add(amount.max(0));
        // Last: whoever reads these words before `free` counts a grant twice for a moment rather
        // than not at all, and refuses nobody for it.
        self.unlent.store(UNKNOWN, Ordering::Release);
        self.elsewhere.store(UNKNOWN, Ordering::Release);
        self.answer();
    }

    /// Takes up to `up_to` picodollars out of free credit, to be returned to the ledger, and
    /// answers how much that was. It may be told to the ledger once the return is written.
    pub fn take_back(&self, up_to: i64) -> i64 {
        let mut free = self.free.load(Ordering::Relaxed);
        loop {
            let taken = free.min(up_to).max(0);
            match self.swap(free, free - taken) {
                Ok(_) => {
                    self.owned.fetch_sub(taken, Ordering::Relaxed);
                    return taken;
                }
                Err(now) => free = now,
            }
        }
    }

    /// Credit that a request could take now.
    pub fn free(&self) -> i64 {
        self.free.load(Ordering::Acquire)
    }

    /// All that this process has of the purse, free or held.
    pub fn owned(&self) -> i64 {
        self.owned.load(Ordering::Relaxed)
    }

    /// Credit held by running requests. Exact while no other thread is in the middle of a step.
    pub fn held(&self) -> i64 {
        let free = self.free.load(Ordering::Acquire);
        self.owned.load(Ordering::Relaxed).saturating_sub(free).max(0)
    }

    /// True for the one caller that should ask the ledger for more; the rest wait for an answer.
    #[must_use = "the winner must ask"]
    pub fn ask_once(&self) -> bool {
        !self.asked.swap(true, Ordering::AcqRel)
    }

    /// Forgets a question that could not be sent, or whose answer was lost with the link.
    pub fn unask(&self) {
        self.asked.store(false, Ordering::Release);
    }

    /// How many answers came so far; it changes with each grant and each denial. Wraps.
    pub fn answers(&self) -> u32 {
        self.answers.load(Ordering::Acquire)
    }

    /// Takes the ledger's answer that no more is lent now: what the purse has that is not lent at
    /// all, and what is lent to others. Also news of either, unasked.
    pub fn answered(&self, unlent: i64, elsewhere: i64) {
        self.unlent.store(unlent.max(0), Ordering::Relaxed);
        self.elsewhere.store(elsewhere.max(0), Ordering::Relaxed);
        self.answer();
    }

    /// Whether the last answer said that there is nothing more, here or elsewhere: asking again is
    /// of no use until the ledger speaks.
    pub fn exhausted(&self) -> bool {
        self.unlent.load(Ordering::Relaxed) == 0 && self.elsewhere.load(Ordering::Relaxed) == 0
    }

    /// Whether the ledger has said since its last grant what of the purse is not here.
    pub fn is_told(&self) -> bool {
        self.unlent.load(Ordering::Acquire) != UNKNOWN
    }

    /// What the last answer said is not lent to anyone; zero if unknown. To be read before `free`.
    pub fn unlent(&self) -> i64 {
        self.unlent.load(Ordering::Acquire).max(0)
    }

    /// What the last answer said is lent to others; zero if unknown. To be read before `free`.
    pub fn elsewhere(&self) -> i64 {
        self.elsewhere.load(Ordering::Acquire).max(0)
    }

    fn answer(&self) {
        self.asked.store(false, Ordering::Release);
        self.answers.fetch_add(1, Ordering::Release);
    }

    fn take(&self, amount: i64) -> bool {
        let mut free = self.free.load(Ordering::Relaxed);
        while (0..=free).contains(&amount) {
            match self.swap(free, free - amount) {
                Ok(_) => return true,
                Err(now) => free = now,
            }
        }
        false
    }

    /// Adds. The lender keeps leases far below what a word counts.
    fn add(&self, amount: i64) {
        self.free.fetch_add(amount, Ordering::AcqRel);
    }

    fn swap(&self, from: i64, to: i64) -> Result<i64, i64> {
        self.free.compare_exchange_weak(from, to, Ordering::AcqRel, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::AtomicI64;
    use std::thread;

    use units::AccountId;

    use super::*;

    fn cell(granted: i64) -> CreditCell {
        let cell = CreditCell::new(Purse::Account(AccountId(1)));
        cell.grant(granted);
        cell
    }

    #[test]
    fn a_hold_comes_back_less_its_charge() {
        let cell = cell(100);
        assert!(cell.try_hold(60) && !cell.try_hold(41) && !cell.try_hold(-1));
        assert_eq!((cell.free(), cell.held()), (40, 60));
        assert!(cell.try_charge_excess(5));
        cell.end_hold(60, 60);
        assert_eq!((cell.free(), cell.held(), cell.take_back(50), cell.free()), (35, 0, 35, 0));
    }

    #[test]
    fn one_asks_and_an_answer_lets_the_next_ask() {
        let cell = cell(0);
        let before = cell.answers();
        assert!(cell.ask_once() && !cell.ask_once() && !cell.exhausted());
        cell.answered(0, 7);
        assert!(cell.answers() != before && !cell.exhausted() && cell.elsewhere() == 7);
        assert!(cell.is_told());
        cell.answered(0, 0);
        assert!(cell.exhausted() && cell.ask_once());
        cell.grant(1);
        assert!(!cell.exhausted() && !cell.is_told() && cell.ask_once());
    }

    #[test]
    fn one_credit_is_never_out_twice() {
        let (cell, out, start) = (cell(1), AtomicI64::new(0), Barrier::new(3));
        let take_and_undo = || {
            start.wait();
            for _ in 0..500_000 {
                if cell.try_hold(1) {
                    assert_eq!(out.fetch_add(1, Ordering::SeqCst), 0);
                    out.fetch_sub(1, Ordering::SeqCst);
                    cell.undo_hold(1);
                }
            }
        };
        thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(take_and_undo))));
        assert_eq!((cell.free(), cell.held()), (1, 0));
    }

    /// Cores take, the journal thread ends and grants, returns are taken back: at the end every
    /// picodollar is accounted for, and at no time was more out than was granted.
    #[test]
    fn what_is_taken_never_exceeds_what_was_granted() {
        const ROUNDS: i64 = 20_000;
        let cell = cell(50);
        // What is out is held, charged or returned; what was granted only grows, so that looking
        // at it a moment later shows nothing that was not so.
        let (granted, out) = (AtomicI64::new(50), AtomicI64::new(0));
        let (mut charged, mut returned) = (0, 0);
        let (ends, ended) = std::sync::mpsc::channel::<(i64, i64)>();
        thread::scope(|scope| {
            for core in 0..4 {
                let (cell, granted, out, ends) = (&cell, &granted, &out, ends.clone());
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let amount = (round * 7 + core) % 40;
                        if cell.try_hold(amount) {
                            let now = out.fetch_add(amount, Ordering::SeqCst) + amount;
                            assert!(now <= granted.load(Ordering::SeqCst));
                            ends.send((amount, amount / 3)).unwrap();
                        }
                    }
                });
            }
            drop(ends);
            for (count, (held, charge)) in ended.iter().enumerate() {
                charged += charge;
                out.fetch_sub(held - charge, Ordering::SeqCst);
                cell.end_hold(held, charge);
                if count % 3 == 0 {
                    granted.fetch_add(25, Ordering::SeqCst);
                    cell.grant(25);
                }
                let back = cell.take_back((count % 5) as i64);
                returned += back;
                out.fetch_add(back, Ordering::SeqCst);
            }
        });
        assert!(charged > 0 && returned > 0 && cell.held() == 0);
        assert_eq!(cell.free(), granted.into_inner() - charged - returned);
    }
}
